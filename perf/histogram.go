package perf

import (
	"math"
	"math/bits"
	"time"
)

// Buckets is the number of buckets of a Histogram.
const Buckets = 64

// lowest is where the first octave begins, in nanoseconds. Shorter durations share its
// first bucket: they are below what a reading of the clock costs.
const lowest = 128

// A Histogram counts durations in 64 fixed buckets (bounds: see Bound). Constant size, no
// pointer, one owner: the worker. The zero value is empty.
type Histogram struct {
	Count   uint64          // durations observed
	Sum     uint64          // of all of them, nanoseconds
	Max     uint64          // the longest, nanoseconds
	Buckets [Buckets]uint64 // how many fell into each; not cumulative
}

// Observe counts one duration given in nanoseconds; a negative one counts as 0. 4 ns
// (BenchmarkObserve). A new maximum is rare, so a branch beats a conditional move, which
// waits for the load: 5 ns.
func (h *Histogram) Observe(ns int64) {
	v := uint64(max(ns, 0))
	h.Count++
	h.Sum += v
	if v > h.Max {
		h.Max = v
	}
	h.Buckets[bucket(v)]++
}

// bucket returns the index of the bucket that holds v nanoseconds: the smallest i with
// v <= Bound(i).
func bucket(v uint64) uint {
	// Bounds are inclusive, hence one less. The leading bit says which octave, the bit
	// after it which half of the octave.
	u := max(v, lowest+1) - 1
	octave := uint(bits.Len64(u)) - 8
	half := uint(u>>((octave+6)&63)) & 1
	return min(2*octave+half, Buckets-1)
}

// Bound returns the upper bound, inclusive, of bucket i in nanoseconds: 192, 256, 384,
// 512, 768 … 412 s. The last bucket has none: Bound(63) is math.MaxInt64.
func Bound(i int) int64 {
	if i >= Buckets-1 {
		return math.MaxInt64
	}
	if i%2 == 1 {
		return 256 << (i / 2)
	}
	return 192 << (i / 2)
}

// Add adds what o counted.
func (h *Histogram) Add(o *Histogram) {
	h.Count += o.Count
	h.Sum += o.Sum
	h.Max = max(h.Max, o.Max)
	for i, n := range &o.Buckets {
		h.Buckets[i] += n
	}
}

// Mean returns the average duration, 0 when there is none.
func (h *Histogram) Mean() time.Duration {
	if h.Count == 0 {
		return 0
	}
	return time.Duration(h.Sum / h.Count)
}

// Quantile estimates the duration that a share q (0 to 1) of the observations did not
// exceed: the geometric middle of the bucket in which that observation stands, and never
// more than Max. It is off by 23 % at worst (15 % in every second bucket); 0 when there is
// no observation. q outside 0 to 1 counts as the nearer end.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.Count == 0 {
		return 0
	}
	q = min(max(q, 0), 1)
	rank := max(uint64(math.Ceil(q*float64(h.Count))), 1)
	if rank >= h.Count {
		return time.Duration(h.Max)
	}
	var seen uint64
	for i, n := range &h.Buckets {
		if seen += n; seen >= rank {
			return time.Duration(min(middle(i), h.Max))
		}
	}
	return time.Duration(h.Max)
}

// middle returns the geometric middle of bucket i in nanoseconds. For the open last
// bucket that is more than any Max, by which the caller caps it.
func middle(i int) uint64 {
	if i == 0 {
		return uint64(Bound(0)) / 2
	}
	return uint64(math.Sqrt(float64(Bound(i-1)) * float64(Bound(i))))
}
