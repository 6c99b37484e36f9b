package perf

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Bounds of GOGC while Headroom sets it.
const (
	leastPercent = 100     // Go's own default
	leastHeap    = 4 << 20 // the heap that Go begins to collect at, with 100 percent
)

// Headroom lets the heap grow by about so many bytes between two collections, and returns
// what ends that. Go's own measure, a percentage of what is live, fits a proxy badly: its
// live heap is a few megabytes, so a percentage that makes collections rare would let the
// heap of a burst grow tenfold. So the percentage is set anew after each collection: high
// while little is live, Go's default when as much as the headroom is.
//
// A collection stops the loops, for microseconds where they have CPUs of their own and for
// close to a millisecond where they share two with servers and clients: with 16 MiB there was
// one in 21 million requests of 16 a pipeline, with 64 MiB none in a minute (bench -mode pauses).
func Headroom(bytes int64) (end func()) {
	h := &headroom{bytes: bytes}
	before := debug.SetGCPercent(h.percent())
	h.set.Store(int64(h.percent()))
	var over atomic.Bool
	runtime.SetFinalizer(&mark{h, &over}, (*mark).collected)
	return func() {
		over.Store(true)
		debug.SetGCPercent(before)
	}
}

// A headroom is how far the heap may grow. Its methods run on the finalizers' goroutine.
type headroom struct {
	bytes int64
	set   atomic.Int64 // the percentage in force
}

// A mark is garbage whose finalizer tells that a collection has ended.
type mark struct {
	h    *headroom
	over *atomic.Bool
}

// collected adjusts the percentage and waits for the next collection. A change stops the
// world like a collection, so small ones are left alone.
func (m *mark) collected() {
	if m.over.Load() {
		return
	}
	now, next := m.h.set.Load(), int64(m.h.percent())
	if next*3 < now*2 || now*3 < next*2 || next == leastPercent && now != next {
		m.h.set.Store(next)
		debug.SetGCPercent(int(next))
	}
	runtime.SetFinalizer(m, (*mark).collected)
}

// percent returns the percentage that stands for the headroom at what is live now.
func (h *headroom) percent() int {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return percentFor(h.bytes, int64(sample[0].Value.Uint64()))
}

// percentFor returns which percentage of live is bytes, within bounds.
func percentFor(bytes, live int64) int {
	return int(max(leastPercent, bytes*100/max(live, leastHeap)))
}
