package perf

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestBucketHoldsItsBounds pins every bucket at both of its edges: bounds are inclusive.
func TestBucketHoldsItsBounds(t *testing.T) {
	for i := range Buckets - 1 {
		at := uint64(Bound(i))
		if got := bucket(at); got != uint(i) {
			t.Errorf("bucket(%d) = %d; want %d, whose bound it is", at, got, i)
		}
		if got := bucket(at + 1); got != uint(i+1) {
			t.Errorf("bucket(%d) = %d; want %d", at+1, got, i+1)
		}
	}
	if got := bucket(math.MaxInt64); got != Buckets-1 {
		t.Errorf("bucket(MaxInt64) = %d; want the last, %d", got, Buckets-1)
	}
}

// TestBoundsGrowByHalvesOfAnOctave checks the promise on which Quantile's error rests.
func TestBoundsGrowByHalvesOfAnOctave(t *testing.T) {
	for i := 1; i < Buckets-1; i++ {
		ratio := float64(Bound(i)) / float64(Bound(i-1))
		if ratio < 1.33 || ratio > 1.5 {
			t.Errorf("Bound(%d)/Bound(%d) = %.3f; want 1.33 to 1.5", i, i-1, ratio)
		}
	}
	if got := Bound(Buckets - 2); got < int64(time.Minute) {
		t.Errorf("last finite bound = %v; want more than a minute", time.Duration(got))
	}
	if got := Bound(Buckets - 1); got != math.MaxInt64 {
		t.Errorf("Bound(63) = %d; want MaxInt64", got)
	}
}

// TestQuantileIsNearTheSortedSample compares with the slow, exact answer.
func TestQuantileIsNearTheSortedSample(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, median := range []float64{3e3, 150e3, 4e6, 9e9} {
		var h Histogram
		sample := make([]int64, 20000)
		for i := range sample {
			sample[i] = int64(median * math.Exp(rnd.NormFloat64()))
			h.Observe(sample[i])
		}
		slices.Sort(sample)
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
			want := float64(sample[int(math.Ceil(q*float64(len(sample))))-1])
			got := float64(h.Quantile(q))
			if off := math.Abs(got-want) / want; off > 0.23 {
				t.Errorf("median %.0f ns: Quantile(%v) = %.0f; want %.0f (off by %.0f %%)",
					median, q, got, want, off*100)
			}
		}
	}
}

// TestQuantileAtTheEnds covers what a formula gets wrong: nothing, one, and beyond.
func TestQuantileAtTheEnds(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.99); got != 0 {
		t.Errorf("empty: Quantile = %v; want 0", got)
	}
	h.Observe(int64(20 * time.Minute))
	for _, q := range []float64{-1, 0, 0.5, 1, 2} {
		if got := h.Quantile(q); got != 20*time.Minute {
			t.Errorf("one observation: Quantile(%v) = %v; want 20m", q, got)
		}
	}
	h.Observe(-5)
	if got := h.Quantile(0); got > 192 {
		t.Errorf("Quantile(0) = %v; want at most 192ns", got)
	}
	if h.Count != 2 || h.Sum != uint64(20*time.Minute) {
		t.Errorf("Count, Sum = %d, %d; want 2 and the 20 minutes alone", h.Count, h.Sum)
	}
}

// TestAddIsAsIfOneHadObservedAll splits a sample over two histograms at random.
func TestAddIsAsIfOneHadObservedAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var one, left, right Histogram
		for _, ns := range rapid.SliceOf(rapid.Int64()).Draw(t, "sample") {
			ns >>= 16 // so that the sum cannot overflow
			one.Observe(ns)
			if rapid.Bool().Draw(t, "left") {
				left.Observe(ns)
			} else {
				right.Observe(ns)
			}
		}
		left.Add(&right)
		if left != one {
			t.Fatalf("got %+v; want %+v", left, one)
		}
	})
}
