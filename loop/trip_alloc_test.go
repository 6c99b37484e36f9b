//go:build !race

package loop

import "testing"

// TestTripAllocs: from bytes in to bytes out, a warm worker allocates nothing.
func TestTripAllocs(t *testing.T) {
	for name, p := range trips(t) {
		for range 100 { // buffers grow to what this traffic needs
			p.run()
		}
		if n := testing.AllocsPerRun(500, p.run); n != 0 {
			t.Errorf("%s: got %v allocations per round; want 0", name, n)
		}
		for _, s := range p.servers {
			if c := p.st.e.workers[0].pools[0].counters; s.closed || c.ErrorReplies+c.Held > 0 {
				t.Errorf("%s: got link closed %v, %d errors, %d held; want what is measured to be the usual",
					name, s.closed, c.ErrorReplies, c.Held)
			}
		}
	}
}
