package failover

import "testing"

// Heartbeats are what another monitor leaves at the servers of a world.
type heartbeats struct {
	by   *box           // where that one is active; nil: nowhere
	at   int64          // when it renews it next
	ends map[*box]int64 // when what a server has of it expires
}

// pass renews what is due, and has replicas copy it.
func (h *heartbeats) pass(w *world) {
	if h.ends == nil {
		h.ends = map[*box]int64{}
	}
	if h.by != nil && w.now >= h.at && h.by.ok() && !h.by.replica {
		h.at, h.ends[h.by] = w.now+second, w.now+4*second
	}
	for _, b := range w.boxes {
		if up := w.box(b.master); b.ok() && b.replica && b.linkUp && up != nil {
			h.ends[b] = h.ends[up]
		}
	}
}

// left returns how long it lasts yet.
func (h *heartbeats) left(b *box, now int64) int64 { return max(0, h.ends[b]-now) }

// TestAwoken: a process that has stood still says so while the master is in question and it begins nothing, and no longer.
func TestAwoken(t *testing.T) {
	w := newWorld(Options{Mode: Local}, 3)
	w.run(second)
	w.now += 4 * second
	w.run(100 * ms)
	if w.m.Status().Awoken {
		t.Error("got one that leaves a failover to others beside a master that answers; want none")
	}
	w.boxes[0].kill()
	w.run(500 * ms)
	w.now += 4 * second
	w.run(100 * ms)
	if s := w.m.Status(); !s.Awoken {
		t.Errorf("got %v, forbidden %q; want that it leaves a failover to others", s.State, s.Forbidden)
	}
	w.run(15 * second)
	if s := w.m.Status(); s.Awoken || s.Master == 0 {
		t.Errorf("got %v, master %d, awoken %v; want a failover by itself", s.State, s.Master, s.Awoken)
	}
}
