package memory

import (
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a large request takes lies in memory of its own, outside of Go's heap. It grows without
// being copied, is there as far as bytes have come, and goes back to the system at once: slabs that
// double make an event that copies half of a request and leaves as much to the garbage collector,
// and everybody else waits (100 MB in 1.7 s, 1.2 s of it one event, where it is 40 and 1 ms now, and
// 2 MB in 2 ms where it is 0.06; BenchmarkLargeRequest). The link that sends the request, and its
// connection, refer to the bytes where they lie.

// LeastStretch is from which size on a frame is referred to where it lies, and not copied.
const LeastStretch = LeastRegion / 8

// leastHuge is from which size on a region is of huge pages, where the system has them: to get
// 25 000 small ones for 100 MB takes ten times as long as to copy it (350 ms in all, and 40 with
// huge ones; BenchmarkLargeRequest).
const (
	leastHuge = 8 << 20
	hugePage  = 2 << 20
)

// An Arena is where a worker's regions come from, and what ends with an event. Owner: the worker.
type Arena struct {
	from     *Mapping
	say      func(why string, cause error, regions int)
	regions  []*region
	ended    []*region // nobody refers to them any more: they are given back when the event ends
	orphans  []Buffer  // likewise
	spares   []*region // to be used again
	spared   int       // bytes of them
	sparedAt int64     // when one was last used again
	now      int64     // of the last tick
	outside  atomic.Int64
}

// A region is memory for large requests. It counts who refers to it; what any of them had of its
// bytes in an event is valid until that ends, unless more is added. Owner: the worker.
type region struct {
	a      *Arena
	mem    []byte
	used   int  // bytes of mem
	filled int  // how many of mem have been, and so are memory
	users  int  // how many refer to it
	nth    int  // where it is in arena.regions
	onHeap bool // mem is of Go's heap all the same
}

// A Stretch is a part of a region; the zero value is none. Who has one is a user of the region.
type Stretch struct {
	of       *region
	from, to int
}

// Is reports whether it is one.
func (s Stretch) Is() bool { return s.of != nil }

// Release takes its user away from the region, and makes it none.
func (s *Stretch) Release() {
	if of := s.of; of != nil {
		*s = Stretch{}
		of.release()
	}
}

// Holds returns how many bytes of memory its region is.
func (s Stretch) Holds() int64 { return s.of.holds() }

// Part returns what of it lies behind the first n bytes, as one more user of the region.
func (s Stretch) Part(n int) Stretch {
	s.of.retain()
	return Stretch{s.of, s.from + n, s.to}
}

// Skip drops its first n bytes.
func (s *Stretch) Skip(n int) { s.from += n }

// MostRegions is how many an arena has: the system's mappings are limited, and Go needs some.
const MostRegions = 4096

// firstRegion is how large a region is at first. Nothing of it is there before bytes come.
const firstRegion = 4 << 20

// newRegion returns an empty region, for its one user, who expects n bytes; nil when there can be no
// more.
func (a *Arena) newRegion(n int) *region {
	r := a.takeSpare()
	if r == nil {
		if len(a.regions) >= MostRegions {
			a.say("enough is mapped", nil, len(a.regions))
			return nil
		}
		mem, err := a.from.Get(firstRegion)
		if err != nil {
			a.say("memory is not mapped", err, len(a.regions))
			return nil
		}
		r = &region{a: a, mem: mem}
	}
	r.shrink(n)
	r.users, r.nth = 1, len(a.regions)
	a.regions = append(a.regions, r)
	return r
}

// add copies p to the end.
func (r *region) add(p []byte) {
	if len(r.mem)-r.used < len(p) {
		r.grow(r.sizeFor(len(p)))
	}
	r.used += copy(r.mem[r.used:], p)
	r.filled = max(r.filled, r.used)
}

// shrink gives the memory back of what was filled before, but for n bytes.
func (r *region) shrink(n int) {
	if n = roundUp(n, r.page()); r.filled > n && n < len(r.mem) {
		_ = unix.Madvise(r.mem[n:], unix.MADV_DONTNEED) // or it stays, and counts
		r.filled = n
	}
}

// page returns in which units the memory is there.
func (r *region) page() int {
	if len(r.mem) >= leastHuge {
		return hugePage
	}
	return os.Getpagesize()
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// sizeFor returns how large it is to be to hold n bytes more.
func (r *region) sizeFor(n int) int { return max(2*len(r.mem), r.used+n) }

// growth maps more where n bytes more do not fit, and returns how many bytes of the heap they will
// take where it cannot: 0 where they fit.
func (r *region) growth(n int) int64 {
	if len(r.mem)-r.used >= n || !r.onHeap && r.remap(r.sizeFor(n)) {
		return 0
	}
	return int64(r.sizeFor(n)) - r.holds()
}

// remap makes the mapping one of n bytes, and reports whether it could.
func (r *region) remap(n int) bool {
	mem, err := r.a.from.Grow(r.mem, n)
	if err != nil {
		r.a.say("memory is not mapped", err, len(r.a.regions))
		return false
	}
	if r.mem = mem; n >= leastHuge {
		_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // without, it is slower
	}
	return true
}

// grow makes room for n bytes in all.
func (r *region) grow(n int) {
	if !r.onHeap && r.remap(n) {
		return
	}
	old := *r
	r.mem, r.onHeap = make([]byte, n), true // more cannot be mapped: be slow instead
	copy(r.mem, old.mem[:old.used])
	old.unmap()
}

// bytes returns the content.
func (r *region) bytes() []byte { return r.mem[:r.used] }

// holds returns how many bytes of memory it is.
func (r *region) holds() int64 {
	if r.onHeap {
		return int64(len(r.mem))
	}
	return int64(min(len(r.mem), roundUp(r.filled, r.page())))
}

// retain adds a user.
func (r *region) retain() { r.users++ }

// release takes a user away. The last one's going ends the region with the event.
func (r *region) release() {
	if r.users--; r.users > 0 {
		return
	}
	a := r.a
	last := len(a.regions) - 1
	a.regions[r.nth] = a.regions[last]
	a.regions[r.nth].nth = r.nth
	a.regions[last] = nil
	a.regions = a.regions[:last]
	a.ended = append(a.ended, r)
}

// Count publishes how many bytes it has outside of Go's heap.
func (a *Arena) Count() {
	n := int64(0)
	for _, r := range a.regions {
		if !r.onHeap {
			n += r.holds()
		}
	}
	for _, r := range a.spares {
		n += r.holds()
	}
	a.outside.Store(n)
}

// mostUnmapped is how much is given back to the system within an event: it takes a few
// milliseconds for a hundred megabytes.
const mostUnmapped = 4 << 20

// unmap gives the memory back.
func (r *region) unmap() {
	mem := r.mem
	r.mem = nil
	switch {
	case r.onHeap:
	case r.filled > mostUnmapped:
		go unmap(mem)
	default:
		unmap(mem)
	}
}

// Orphan keeps a buffer alive until the event ends, because something may alias it, and leaves an empty one.
func (a *Arena) Orphan(b *Buffer) {
	a.orphans = append(a.orphans, *b)
	*b = Buffer{}
}

// Lend returns a buffer with a slab that is given back when the event ends.
func (a *Arena) Lend() Buffer {
	b := Buffer{slabs.Get()}
	a.orphans = append(a.orphans, b)
	return b
}

// End gives back at the end of an event what nobody refers to any more, but for a few regions.
func (a *Arena) End() {
	for i := range a.orphans {
		a.orphans[i].Release()
	}
	a.orphans = a.orphans[:0]
	for i, r := range a.ended {
		if !r.onHeap && a.spared+len(r.mem) <= mostSpare {
			r.used = 0
			a.spares = append(a.spares, r)
			a.spared += len(r.mem)
		} else {
			r.unmap()
		}
		a.ended[i] = nil
	}
	a.ended = a.ended[:0]
}

// mostSpare is how many bytes of regions an arena keeps for what comes next, for it costs more to
// get them from the system than to fill them: 2 MB in 6 ms without, 10 MB in 18, and in 0.06 and 0.4
// with them (BenchmarkLargeRequest). They go when none has been taken for spareTime.
const (
	mostSpare = 32 << 20
	SpareTime = time.Second
)

// takeSpare returns one of those, or nil.
func (a *Arena) takeSpare() *region {
	n := len(a.spares)
	if n == 0 {
		return nil
	}
	r := a.spares[n-1]
	a.spares[n-1] = nil
	a.spares = a.spares[:n-1]
	a.spared -= len(r.mem)
	a.sparedAt = a.now
	return r
}

// Tick gives a spare region back that is not needed. now is perf.Now.
func (a *Arena) Tick(now int64) {
	a.now = now
	if len(a.spares) > 0 && now-a.sparedAt > int64(SpareTime) {
		a.takeSpare().unmap()
		a.sparedAt = now - int64(SpareTime) // the next one with the next tick
	}
}

// StretchOf returns where a frame lies, as one more user of the region; false when it is not in
// one, or too small.
func (a *Arena) StretchOf(frame []byte) (Stretch, bool) {
	if len(frame) < LeastStretch {
		return Stretch{}, false
	}
	for _, r := range a.regions {
		if from, is := placeIn(r.bytes(), frame); is {
			r.retain()
			return Stretch{r, from, from + len(frame)}, true
		}
	}
	return Stretch{}, false
}

// InUse returns how many regions there are that somebody refers to, and how many bytes are in them.
func (a *Arena) InUse() (regions, bytes int) {
	for _, r := range a.regions {
		bytes += r.used
	}
	return len(a.regions), bytes
}

// OutsideHeap returns how many bytes it had outside of Go's heap when that was last counted. It may be called
// by anybody.
func (a *Arena) OutsideHeap() int64 { return a.outside.Load() }

// NewArena returns an arena that gets its memory from a mapping, and calls say when that refuses, so that a large request is on the
// heap; cause may be nil.
func NewArena(from *Mapping, say func(why string, cause error, regions int)) *Arena {
	return &Arena{from: from, say: say}
}

// placeIn returns where in all b lies, which is not empty; false where it does not.
func placeIn(all, b []byte) (from int, is bool) {
	at, first := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(all)))
	if at < first || at+uintptr(len(b)) > first+uintptr(len(all)) {
		return 0, false
	}
	return int(at - first), true
}

// Bytes returns the content. It is dead when the event ends.
func (s Stretch) Bytes() []byte { return s.of.mem[s.from:s.to] }

// Len returns how many bytes it is.
func (s Stretch) Len() int { return s.to - s.from }
