//go:build !race

package codec

import (
	"strings"
	"testing"
)

// Everything that routing a request needs must not allocate.
func TestRoutingDoesNotAllocate(t *testing.T) {
	set := fuzzed()
	lines := []string{
		"GET k", "MSET a 1 b 2", "GEORADIUSBYMEMBER k m 1 km STORE d", "EVAL s 2 a b c", "EVAL s 9 a",
		"XREAD BLOCK 0 STREAMS a b 0 0", "SORT k BY x STORE d", "ZUNIONSTORE d 2 a b", "OBJECT ENCODING k",
		"MSET a b c", "learnt.counted x 2 a b", "learnt.behind x KEYS a b", "OBJECT nope k", "nope",
	}
	dst := make([]int32, 0, 16)
	for _, line := range lines {
		r := requestOf(strings.Fields(line)...)
		allocs := testing.AllocsPerRun(100, func() {
			c := set.Find(r)
			if c == nil || !c.CheckArity(r.Len()) {
				return
			}
			c.Keys(r, dst[:0])
			c.FirstKey(r)
			c.IsRead()
			c.Blocks(r)
		})
		if allocs != 0 {
			t.Errorf("%s: got %v allocations; want 0", line, allocs)
		}
	}
}

func TestUnknownSubDoesNotAllocate(t *testing.T) {
	r := requestOf("object", "nope", "k")
	dst := make([]byte, 0, 512)
	if allocs := testing.AllocsPerRun(100, func() { AppendUnknownSub(dst, r) }); allocs != 0 {
		t.Errorf("got %v allocations; want 0", allocs)
	}
}
