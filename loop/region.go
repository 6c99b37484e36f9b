package loop

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a large request takes lies in memory of its own, outside of Go's heap. It grows without
// being copied, is there as far as bytes have come, and goes back to the system at once: slabs that
// double make an event that copies half of a request and leaves as much to the garbage collector,
// and everybody else waits (100 MB in 1.7 s, 1.2 s of it one event, where it is 40 and 1 ms now, and
// 2 MB in 2 ms where it is 0.06; BenchmarkLargeRequest). The link that sends the request, and its
// wire, refer to the bytes where they lie.

// leastStretch is from which size on a frame is referred to where it lies, and not copied.
const leastStretch = leastRegion / 8

// leastHuge is from which size on a region is of huge pages, where the system has them: to get
// 25 000 small ones for 100 MB takes ten times as long as to copy it (350 ms in all, and 40 with
// huge ones; BenchmarkLargeRequest).
const (
	leastHuge = 8 << 20
	hugePage  = 2 << 20
)

// A region is memory for large requests. It counts who refers to it; what any of them had of its
// bytes in an event is valid until that ends, unless more is added. Owner: the worker.
type region struct {
	w      *worker
	mem    []byte
	used   int  // bytes of mem
	filled int  // how many of mem have been, and so are memory
	users  int  // how many refer to it
	nth    int  // where it is in worker.regions
	onHeap bool // mem is of Go's heap all the same
}

// A stretch is a part of a region. Who has one is a user of the region.
type stretch struct {
	of       *region
	from, to int
}

// mostRegions is how many a worker has: the system's mappings are limited, and Go needs some.
const mostRegions = 4096

// firstRegion is how large a region is at first. Nothing of it is there before bytes come.
const firstRegion = 4 << 20

// newRegion returns an empty region, for its one user, who expects n bytes; nil when there can be no
// more.
func (w *worker) newRegion(n int) *region {
	r := w.takeSpare()
	if r == nil {
		if len(w.regions) >= mostRegions {
			w.sayRefused("enough is mapped", nil)
			return nil
		}
		mem, err := w.engine.opt.mapping.get(firstRegion)
		if err != nil {
			w.sayRefused("memory is not mapped", err)
			return nil
		}
		r = &region{w: w, mem: mem}
	}
	r.shrink(n)
	r.users, r.nth = 1, len(w.regions)
	w.regions = append(w.regions, r)
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
	mem, err := r.w.engine.opt.mapping.grow(r.mem, n)
	if err != nil {
		r.w.sayRefused("memory is not mapped", err)
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
	w := r.w
	last := len(w.regions) - 1
	w.regions[r.nth] = w.regions[last]
	w.regions[r.nth].nth = r.nth
	w.regions[last] = nil
	w.regions = w.regions[:last]
	w.ended = append(w.ended, r)
}

// countRegions publishes how much they are outside of the heap.
func (w *worker) countRegions() {
	n := int64(0)
	for _, r := range w.regions {
		if !r.onHeap {
			n += r.holds()
		}
	}
	for _, r := range w.spares {
		n += r.holds()
	}
	w.outside.Store(n)
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

// unmapEnded gives back the regions that nobody refers to any more, but for a few.
func (w *worker) unmapEnded() {
	for i, r := range w.ended {
		if !r.onHeap && w.spared+len(r.mem) <= mostSpare {
			r.used = 0
			w.spares = append(w.spares, r)
			w.spared += len(r.mem)
		} else {
			r.unmap()
		}
		w.ended[i] = nil
	}
	w.ended = w.ended[:0]
}

// mostSpare is how many bytes of regions a worker keeps for what comes next, for it costs more to
// get them from the system than to fill them: 2 MB in 6 ms without, 10 MB in 18, and in 0.06 and 0.4
// with them (BenchmarkLargeRequest). They go when none has been taken for quietTime.
const mostSpare = 32 << 20

// takeSpare returns one of those, or nil.
func (w *worker) takeSpare() *region {
	n := len(w.spares)
	if n == 0 {
		return nil
	}
	r := w.spares[n-1]
	w.spares[n-1] = nil
	w.spares = w.spares[:n-1]
	w.spared -= len(r.mem)
	w.sparedAt = w.now
	return r
}

// tickSpares gives one back that is not needed.
func (w *worker) tickSpares() {
	if len(w.spares) > 0 && w.now-w.sparedAt > int64(quietTime) {
		w.takeSpare().unmap()
		w.sparedAt = w.now - int64(quietTime) // the next one with the next tick
	}
}

// stretchOf returns where a frame lies, as one more user of the region; false when it is not in
// one, or too small.
func (w *worker) stretchOf(frame []byte) (stretch, bool) {
	if len(frame) < leastStretch {
		return stretch{}, false
	}
	for _, r := range w.regions {
		if from, is := placeIn(r.bytes(), frame); is {
			r.retain()
			return stretch{r, from, from + len(frame)}, true
		}
	}
	return stretch{}, false
}

// placeIn returns where in all b lies, which is not empty; false where it does not.
func placeIn(all, b []byte) (from int, is bool) {
	at, first := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(all)))
	if at < first || at+uintptr(len(b)) > first+uintptr(len(all)) {
		return 0, false
	}
	return int(at - first), true
}

// bytes returns the content. It is dead when the event ends.
func (s stretch) bytes() []byte { return s.of.mem[s.from:s.to] }

// len returns how many bytes it is.
func (s stretch) len() int { return s.to - s.from }
