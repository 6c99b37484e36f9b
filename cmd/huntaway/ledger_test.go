package main

import (
	"testing"

	"huntaway/config"
	"huntaway/ha"
	"huntaway/shard"
)

// shelf is a pool that only keeps its table.
type shelf struct {
	ha.Publisher
	t *shard.Table
}

func (s *shelf) Publish(t *shard.Table) { s.t = t }
func (s *shelf) Table() *shard.Table    { return s.t }

// threeGroups is a pool of three servers that stand alone.
func threeGroups() *config.Pool {
	p := &config.Pool{Name: "alpha", Hash: "fnv1a_64", Distribution: "ketama", ReadPolicy: "master"}
	for _, name := range []string{"a", "b", "c"} {
		p.Groups = append(p.Groups, config.Group{Name: name, Label: name, Weight: 1,
			Servers: []config.Server{{Addr: "127.0.0.1:1", Name: name, Weight: 1, Role: config.RoleMaster}}})
	}
	return p
}

// TestLedgerCountsEjections follows groups off the ring and back.
func TestLedgerCountsEjections(t *testing.T) {
	table, err := tableOf(threeGroups(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{t: table}
	l := newLedger(s, "observe")
	for _, off := range [][]int{{1}, {1, 2}, nil, {1}} {
		l.Publish(l.Table().WithEjected(off))
	}
	if n, _ := l.ejections("a"); n != 3 {
		t.Errorf("ejections = %d; want 3: b, c, and b again", n)
	}
	for group, want := range map[string]bool{"a": false, "b": true, "c": true} {
		if _, last := l.ejections(group); last.IsZero() == want {
			t.Errorf("group %s: last ejected %v; want a time: %t", group, last, want)
		}
	}
	if got := s.t.Ejected(); len(got) != 1 || got[0] != 1 {
		t.Errorf("table in force has %v ejected; want [1]", got)
	}
}

// twoServers is a pool of one group of a master and a secondary.
func twoServers() *config.Pool {
	return &config.Pool{Name: "alpha", Hash: "fnv1a_64", Distribution: "ketama", ReadPolicy: "master",
		Groups: []config.Group{{Name: "a", Label: "a", Weight: 1, Servers: []config.Server{
			{Addr: "127.0.0.1:1", Weight: 1, Role: config.RoleMaster},
			{Addr: "127.0.0.1:2", Weight: 1, Role: config.RoleSecondary}}}}}
}

// TestLedgerCountsHoldsAndMasters holds a group, lets it go, and holds it for another master.
func TestLedgerCountsHoldsAndMasters(t *testing.T) {
	table, err := tableOf(twoServers(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(&shelf{t: table}, "observe")
	other := table.Groups[0].Servers[1].ID
	l.Publish(l.Table().WithHold(0))
	if got := l.tenure("a"); got.heldAt.IsZero() || got.kept != 0 {
		t.Errorf("held: got %+v; want the time it began, and no end", got)
	}
	l.Publish(l.Table().WithoutHold(0))
	if got := l.tenure("a"); got.kept != 1 || got.promoted != 0 || !got.heldAt.IsZero() || got.lastHold <= 0 {
		t.Errorf("released: got %+v; want one hold under the same master, and how long it was", got)
	}
	l.Publish(l.Table().WithHold(0))
	l.Publish(l.Table().WithMaster(0, other))
	if got := l.tenure("a"); got.kept != 1 || got.promoted != 1 || !got.heldAt.IsZero() {
		t.Errorf("replaced: got %+v; want another master, counted once", got)
	}
	if got := l.tenure("nobody"); got != (tenure{}) {
		t.Errorf("a group that does not exist has %+v; want nothing", got)
	}
}

// TestLedgerLeavesTheStartOut: the first hold of a group whose master is decided here is the look
// around at the start.
func TestLedgerLeavesTheStartOut(t *testing.T) {
	table, err := tableOf(twoServers(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(&shelf{t: table}, "local")
	other := table.Groups[0].Servers[1].ID
	l.Publish(l.Table().WithHold(0))
	l.Publish(l.Table().WithMaster(0, other))
	if got := l.tenure("a"); got.promoted != 0 || got.kept != 0 || !got.heldAt.IsZero() || got.lastHold != 0 {
		t.Errorf("after the start: got %+v; want nothing counted", got)
	}
	l.Publish(l.Table().WithHold(0))
	l.Publish(l.Table().WithoutHold(0))
	if got := l.tenure("a"); got.promoted != 0 || got.kept != 1 || got.lastHold <= 0 {
		t.Errorf("after the next hold: got %+v; want that counted", got)
	}
}
