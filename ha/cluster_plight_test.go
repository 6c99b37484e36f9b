package ha

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"huntaway/perf"
)

// TestClusterPlight: nodes that the cluster has given up, slots that nobody serves and entry points that are no nodes are named,
// and that the cluster refuses everything is.
func TestClusterPlight(t *testing.T) {
	gone := func(s said) said { s.flags += ",fail"; return s }
	down := func(all ...view) []view {
		for i := range all {
			all[i].down = true
		}
		return all
	}
	for _, c := range []struct {
		name             string
		views            []view
		down, part, says string
	}{
		{"all well", []view{viewOf(t, "1", masterOne, masterTwo, replica3), viewOf(t, "2", masterOne, masterTwo, replica3)}, "", "", ""},
		{"a replica is gone", []view{viewOf(t, "1", masterOne, masterTwo, gone(replica3)), viewOf(t, "2", masterOne, masterTwo, gone(replica3))},
			"", "", "10.0.0.3:6379, a replica of 10.0.0.1:6379, is given up by the cluster"},
		{"a master is gone, the others serve", []view{viewOf(t, "1", masterOne, gone(masterTwo))}, "", "8192 of 16384 slots are served by nobody, and requests for", "10.0.0.2:6379, a master, is given up"},
		{"a master is gone, nobody serves", down(viewOf(t, "1", masterOne, gone(masterTwo))), "cluster_state is fail, and all requests are refused: 8192 of", "", "10.0.0.2:6379, a master, is given up"},
		{"slots of nobody", down(viewOf(t, "1", masterOne)), "cluster_state is fail, and all requests are refused: 8192 of", "", ""},
		{"no majority", down(viewOf(t, "1", masterOne, masterTwo)), "by 1 of 1 nodes", "", ""},
		{"sent away", down(viewOf(t, "9", said{"9", "master", "-", "0", ""})), "10.0.0.9:6379 has no slots and knows no node that has any", "", ""},
		{"two sent away", down(viewOf(t, "9", said{"9", "master", "-", "0", ""}), viewOf(t, "8", said{"8", "master", "-", "5", ""})),
			"10.0.0.8:6379, 10.0.0.9:6379 have no slots", "", ""},
		{"sent away, which keeps its epoch", append(down(viewOf(t, "9", said{"9", "master", "-", "99", ""})), viewOf(t, "1", masterOne, masterTwo)), "", "", ""},
		{"one of two is cut off", append(down(viewOf(t, "1", masterOne, masterTwo)), viewOf(t, "2", masterOne, masterTwo)), "", "", ""},
	} {
		s := newSurvey(PoolOptions{}, nil)
		p := merged(t, &s.topology, c.views...).plight
		if (p.Down == "") != (c.down == "") || !strings.Contains(p.Down, c.down) || (p.Part == "") != (c.part == "") || !strings.Contains(p.Part, c.part) {
			t.Errorf("%s: got down %q, in part %q; want %q and %q", c.name, p.Down, p.Part, c.down, c.part)
		}
		if got := strings.Join(p.Alarms, "\n"); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: got the alarms %q; want %q", c.name, got, c.says)
		}
	}
}

// TestSlotsThatMove: while slots are moved some nodes have heard of it and others have not; that is no loss until it lasts.
func TestSlotsThatMove(t *testing.T) {
	s := newSurvey(PoolOptions{}, nil)
	for _, c := range []struct {
		part  string
		lasts int64
		want  string
	}{{"4", 0, ""}, {"1", partSettles / 2, ""}, {"", 0, ""}, {"4", partSettles / 2, ""}, {"4", partSettles, "4"}, {"3", 2 * partSettles, "3"}} {
		if s.partAt != 0 {
			s.partAt = perf.Now() - c.lasts
		}
		p := ClusterStatus{Part: c.part}
		if s.settle(&p); p.Part != c.want || (s.partAt != 0) != (c.part != "") {
			t.Errorf("%+v: got %q, since %d; want it told when it has lasted", c, p.Part, s.partAt)
		}
	}
}

// TestClusterPlightIsNoted: that a cluster begins to refuse requests is an event and a warning, once, and that it has ceased to is one that says
// for how long it did.
func TestClusterPlightIsNoted(t *testing.T) {
	var got []string
	s := newSurvey(PoolOptions{Name: "p"}, func(t Transition) { got = append(got, fmt.Sprint(t.level(), " ", t.What, ": ", t.Cause)) })
	for _, p := range []ClusterStatus{{}, {Down: "a"}, {Down: "b"}, {Part: "c"}, {}, {}} {
		s.tell(p)
	}
	want := []string{"WARN the Redis Cluster is down: a", "WARN the Redis Cluster serves only some keys: c", "INFO the Redis Cluster serves all keys again: the Redis Cluster serves only some keys for "}
	if len(got) != len(want) || !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got %q; want %q", got, want)
	}
}

// TestStrayEntries: an entry point that was sent away, or that nobody is at, is named as long as it is so.
func TestStrayEntries(t *testing.T) {
	s := newSurvey(PoolOptions{Entries: []string{"10.0.0.1:6379", "10.0.0.9:6379", "10.0.0.8:6379", "one.example:6379"}}, nil)
	named := viewOf(t, "1", masterOne, masterTwo)
	named.from = "one.example:6379"
	views := []view{viewOf(t, "1", masterOne, masterTwo), viewOf(t, "2", masterOne, masterTwo), named,
		viewOf(t, "9", said{"9", "master", "-", "0", ""}), {from: "10.0.0.8:6379", err: errors.New("connection refused")}}
	c := merged(t, &s.topology, views...)
	got := s.strays(views, &c)
	if len(got) != 2 || !strings.Contains(got[0], "10.0.0.9:6379 is no node of this cluster") || !strings.Contains(got[1], "10.0.0.8:6379 does not answer") {
		t.Errorf("got %q; want the one that was sent away and the one that is gone", got)
	}
	if got := s.strays(views[:3], &c); len(got) != 2 {
		t.Errorf("got %q of those that were late this time; want what was the case before", got)
	}
}
