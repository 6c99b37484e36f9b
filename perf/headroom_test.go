package perf

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for _, tc := range []struct {
		bytes, live int64
		want        int
	}{
		{64 << 20, 0, 1600}, {64 << 20, 4 << 20, 1600}, {64 << 20, 8 << 20, 800},
		{64 << 20, 64 << 20, 100}, {64 << 20, 1 << 30, 100}, {0, 1 << 20, 100},
	} {
		if got := percentFor(tc.bytes, tc.live); got != tc.want {
			t.Errorf("headroom %d, live %d: got %d percent; want %d", tc.bytes, tc.live, got, tc.want)
		}
	}
}

// gogc returns the percentage that the collector works with.
func gogc() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// settles collects until the collector works with the percentages between least and most.
func settles(t *testing.T, what string, least, most uint64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		runtime.GC()
		got := gogc()
		if got >= least && got <= most {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: got %d percent; want %d to %d", what, got, least, most)
		}
		runtime.Gosched()
	}
}

// TestHeadroom lets the live heap grow and shrink, and watches the percentage follow.
func TestHeadroom(t *testing.T) {
	before := gogc()
	end := Headroom(64 << 20)
	settles(t, "little is live", 800, 1600)
	burst := make([]byte, 128<<20)
	settles(t, "a burst is live", 100, 100)
	runtime.KeepAlive(burst)
	burst = nil
	settles(t, "the burst is gone", 800, 1600)
	end()
	if got := gogc(); got != before {
		t.Errorf("afterwards: got %d percent; want %d as before", got, before)
	}
	runtime.GC()
	if got := gogc(); got != before {
		t.Errorf("a collection later: got %d percent; want %d", got, before)
	}
}
