package rig

import (
	"sync/atomic"
	"time"
)

// A Stopwatch measures what something took on a machine that had time for it. Meanwhile it sleeps
// for moments and looks how much longer than that they last: as long as others have the CPUs,
// so that a limit which holds on an idle machine holds on a busy one too.
type Stopwatch struct {
	begun  time.Time
	over   chan struct{}
	ended  chan struct{}
	stolen atomic.Int64 // nanoseconds
	worst  atomic.Int64 // the longest time without a CPU, in nanoseconds
}

// moment is how long the stopwatch sleeps, and late by how much a moment may last longer before it
// counts: timers are not more exact than that.
const (
	moment = 2 * time.Millisecond
	late   = time.Millisecond
)

// StartWatch starts a Stopwatch. Took ends it.
func StartWatch() *Stopwatch {
	s := &Stopwatch{begun: time.Now(), over: make(chan struct{}), ended: make(chan struct{})}
	go s.run()
	return s
}

// run measures how late moments end.
func (s *Stopwatch) run() {
	defer close(s.ended)
	before := time.Now()
	for {
		select {
		case <-s.over:
			return
		case <-time.After(moment):
		}
		now := time.Now()
		if more := now.Sub(before) - moment; more > late {
			s.stolen.Add(int64(more))
			s.worst.Store(max(s.worst.Load(), int64(more)))
		}
		before = now
	}
}

// Took ends the measurement and returns the time since it began without what others took.
func (s *Stopwatch) Took() time.Duration {
	took := time.Since(s.begun)
	close(s.over)
	<-s.ended
	return max(0, took-time.Duration(s.stolen.Load()))
}

// Worst returns the longest time that others took at once. Call it after Took.
func (s *Stopwatch) Worst() time.Duration { return time.Duration(s.worst.Load()) }
