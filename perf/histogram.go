package perf

// A Histogram counts durations in 64 fixed buckets (bounds: see Bound). Constant size, no
// pointer, one owner: the worker.
type Histogram struct {
	Count   uint64
	Sum     uint64 // nanoseconds
	Max     uint64 // nanoseconds
	Buckets [64]uint64
}

// Observe counts one duration given in nanoseconds; a negative one counts as 0.
func (h *Histogram) Observe(ns int64) {
	v := uint64(max(ns, 0))
	h.Count++
	h.Sum += v
	h.Max = max(h.Max, v)
}
