package memory

import "testing"

// TestPoolGetsNoLargeSlabs: what was for one large request belongs to the garbage collector.
func TestPoolGetsNoLargeSlabs(t *testing.T) {
	for _, size := range []int{1, mostPooled, mostPooled + 1, 4 * mostPooled} {
		var b Buffer
		b.Add(make([]byte, size))
		b.Release()
	}
	for range 1000 {
		if b := slabs.Get(); cap(b.B) > mostPooled {
			t.Fatalf("got a slab of %d bytes from the pool; want none over %d", cap(b.B), mostPooled)
		}
	}
}
