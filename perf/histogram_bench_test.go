package perf

import "testing"

// durations look like traffic: most of them between 50 and 400 µs.
var durations = func() (d [256]int64) {
	for i := range d {
		d[i] = 50_000 + int64(i*i)*5
	}
	return d
}()

// BenchmarkObserve counts 256 durations per operation, as the calls are inlined where the
// data path makes them.
func BenchmarkObserve(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for b.Loop() {
		for _, ns := range &durations {
			h.Observe(ns)
		}
	}
	perObservation := float64(b.Elapsed().Nanoseconds()) / float64(h.Count)
	b.ReportMetric(perObservation, "ns/observation")
}

func BenchmarkNow(b *testing.B) {
	var last int64
	for b.Loop() {
		last = Now()
	}
	if last == 0 {
		b.Fatal("the clock stands")
	}
}

func BenchmarkAdd(b *testing.B) {
	var sum, one ServerCounters
	b.ReportAllocs()
	for b.Loop() {
		sum.Add(&one)
	}
}
