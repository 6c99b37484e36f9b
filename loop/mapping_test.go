package loop

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// TestUnmappedIsChargedBefore: where the system maps nothing, or nothing more, what a request takes
// of the heap is charged before it is taken: who would hold too much is closed instead, and the
// reason is logged once.
func TestUnmappedIsChargedBefore(t *testing.T) {
	const most, large = 24 << 20, 40 << 20
	for name, refusals := range map[string]func(n *int) bool{
		"mmap":   func(*int) bool { return true },
		"mremap": func(n *int) bool { *n++; return *n > 1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testUnmapped(t, most, large, refusals) }) // no time passes
		})
	}
}

func testUnmapped(t *testing.T, most int64, large int, refusals func(n *int) bool) {
	st := newTestWorker(t, PoolOptions{Limits: slowLimits(most)})
	log := journalOf(t, st.e)
	asked := 0
	st.e.opt = Unmapped(st.e.opt, func() bool { return refusals(&asked) })
	c := st.client(0, 0)
	c.unfinished(1)
	read := strings.Repeat("x", netio.ReadBuffer)
	worst := uint64(0)
	for n := 0; n < large && !c.closed; n += netio.ReadBuffer {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.arrive(read)
		runtime.ReadMemStats(&after)
		worst = max(worst, after.TotalAlloc-before.TotalAlloc)
	}
	if worst > uint64(most) {
		t.Errorf("got %d bytes taken within an event; want none that are over %d together", worst, most)
	}
	if got := c.take(); !c.closed || !strings.Contains(got, "max_memory") {
		t.Errorf("got closed %v, heard %q; want it closed, and told the key", c.closed, got)
	}
	if got := log.take(); len(got) != 1 || !strings.Contains(got[0], "on the heap") {
		t.Errorf("got %d lines %q; want one that says where the request is", len(got), got)
	}
}

// TestRegionsAreGivenForBytes: who announces much and sends little leaves regions to who sends much.
func TestRegionsAreGivenForBytes(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Limits: slowLimits(0)})
	w := st.e.workers[0]
	st.e.opt.mapping = memory.Mapping{ // nothing of it is used
		Get:  func(int) ([]byte, error) { return make([]byte, 0, 1), nil },
		Grow: func(mem []byte, _ int) ([]byte, error) { return mem, nil },
	}
	for range memory.MostRegions / 2 {
		new(memory.Intake).Growth(w.arena, memory.LeastRegion+1, 0)
	}
	if got := regionsOf(w); got != memory.MostRegions/2 {
		t.Fatalf("got %d regions; want half of what there may be", got)
	}
	st.e.opt.mapping = memory.SystemMapping
	c := st.client(0, 0)
	c.unfinished(1)
	c.arrive(strings.Repeat("x", memory.KeepSlab+1))
	c.arrive("x")
	if c.s.input.tail.buf.IsLarge() && memory.LeastRegion > memory.KeepSlab {
		t.Error("got a region for an announcement; want it when there are bytes for it")
	}
	c.unfinished(memory.LeastRegion)
	if !c.s.input.tail.buf.IsLarge() {
		t.Error("got no region for a large request; want one")
	}
}
