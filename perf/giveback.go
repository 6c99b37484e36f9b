package perf

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How memory is given back after a burst.
const (
	giveBackLook  = time.Second
	giveBackQuiet = 5       // looks in a row that must find nothing in use
	giveBackOver  = 8 << 20 // bytes the heap may hold beyond what the last look found live
)

// GiveBack returns memory that a burst has left behind to the system, until ctx is over.
//
// The data path allocates nothing when it is warm, so nothing makes the garbage collector
// run after a burst: pooled buffers would stay for minutes. This looks once a second
// whether the heap has grown since it last gave back and is in use (busy says so). When it
// has been out of use for 5 s, two collections empty the pools, and the pages go back. A
// collection stops the loops for some tens of microseconds: a few times after a burst,
// never without one, and never under load, where a single look may well fall between two
// requests.
func GiveBack(ctx context.Context, busy func() bool) {
	floor := heapBytes()
	t := time.NewTicker(giveBackLook)
	defer t.Stop()
	for quiet := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if quiet++; busy() {
			quiet = 0
		}
		if quiet < giveBackQuiet || heapBytes() < floor+giveBackOver {
			continue
		}
		quiet = 0
		runtime.GC() // moves what lies in pools to the victims
		runtime.GC() // and drops it
		debug.FreeOSMemory()
		floor = heapBytes()
	}
}

// heapBytes returns what the process has got from the system for its heap and not given back.
func heapBytes() uint64 {
	sample := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(sample)
	var sum uint64
	for _, s := range sample {
		sum += s.Value.Uint64()
	}
	return sum
}
