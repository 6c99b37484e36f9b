package main

import (
	"testing"
	"time"

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
	l := &ledger{Publisher: s, ejectedAt: map[string]time.Time{}}
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
