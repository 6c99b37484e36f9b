package ha

import (
	"testing"

	"huntaway/ha/vital"
	"huntaway/perf"
	"huntaway/shard"
)

// TestReach: a refusal shows that the way is open, silence does not, and what has been silent
// for long is no sign that this process is cut off.
func TestReach(t *testing.T) {
	spec := shard.Spec{Hash: "crc16", Distribution: "modula", IDs: &shard.IDs{}}
	g := shard.Group{Name: "g", Label: "g", Weight: 1}
	for i, role := range []shard.Role{shard.Master, shard.Replica, shard.Replica, shard.Replica} {
		g.Servers = append(g.Servers, shard.Server{Addr: "10.0.0.1:" + string(rune('1'+i)), Role: role, Weight: 1})
	}
	spec.Groups = []shard.Group{g}
	table, err := shard.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{seen: table, contacts: map[int32]contact{}}
	want := func(reached, others int) {
		t.Helper()
		if r, o := w.reach(0); r != reached || o != others {
			t.Errorf("got %d of %d reached; want %d of %d", r, o, reached, others)
		}
	}
	want(0, 3) // nobody has been probed yet
	probe := func(id int32, f vital.Fault, at int64) { w.meet(Event{Kind: Probed, Server: id, Fault: f, At: at}) }
	now := perf.Now()
	probe(0, vital.FaultNone, now) // the master does not count
	probe(1, vital.FaultNone, now)
	probe(2, vital.FaultRefused, now)
	probe(3, vital.FaultTimeout, now)
	want(2, 3)
	probe(1, vital.FaultTimeout, now-lostLong/2)
	probe(1, vital.FaultTimeout, now) // silent since the first
	want(1, 3)
	probe(2, vital.FaultTimeout, now-2*lostLong)
	want(0, 2)
	probe(2, vital.FaultLoading, now)
	want(1, 3)
}
