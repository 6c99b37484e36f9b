package rig

import (
	"runtime"
	"testing"
	"time"
)

// TestStopwatchOnABusyMachine: what a sleep takes beyond its time, while others have all CPUs, is
// not counted.
func TestStopwatchOnABusyMachine(t *testing.T) {
	over := make(chan struct{})
	for range 4 * runtime.GOMAXPROCS(0) {
		go func() {
			for {
				select {
				case <-over:
					return
				default:
				}
			}
		}()
	}
	w := StartWatch()
	begun := time.Now()
	for range 10 {
		time.Sleep(time.Millisecond) // late by as long as the others run
	}
	wall, took := time.Since(begun), w.Took()
	close(over)
	if took > wall/2+10*moment {
		t.Errorf("got %v of %v; want less than half of it, and the %v of sleep", took, wall, 10*moment)
	}
}

// TestStopwatchCounts what is nobody else's.
func TestStopwatchCounts(t *testing.T) {
	w := StartWatch()
	<-time.After(100 * time.Millisecond)
	if took := w.Took(); took+w.Worst()*50 < 90*time.Millisecond {
		t.Errorf("got %v for a wait of 100 ms, and others took %v at most at once; want all of it", took, w.Worst())
	}
}
