//go:build !race

package perf

import "testing"

// TestCountingAllocatesNothing holds for what the data path calls per request.
func TestCountingAllocatesNothing(t *testing.T) {
	var h Histogram
	got := testing.AllocsPerRun(1000, func() {
		h.Observe(Now())
	})
	if got != 0 {
		t.Errorf("Observe(Now()) allocates %v times; want 0", got)
	}
}
