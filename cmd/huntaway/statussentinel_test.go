package main

import (
	"slices"
	"strings"
	"testing"
)

// TestStatusOfSentinels: which do not answer, since when and why; and where the rest are no majority it stands first.
func TestStatusOfSentinels(t *testing.T) {
	up := func(addr string) statusSentinel { return statusSentinel{Addr: addr, Answers: true, Since: 100} }
	down := func(addr string, since float64) statusSentinel {
		return statusSentinel{Addr: addr, Since: since, Error: "connection refused"}
	}
	for _, c := range []struct {
		name  string
		all   []statusSentinel
		first bool
		want  []string // in the problem; none: there is none
	}{
		{"there are none", nil, false, nil},
		{"none was asked yet", []statusSentinel{{Addr: "a:1"}, {Addr: "b:1"}, {Addr: "c:1"}}, false, nil},
		{"one was asked yet", []statusSentinel{{Addr: "a:1"}, down("b:1", 7), {Addr: "c:1"}}, false, []string{"1 of its 3 sentinels do not answer"}},
		{"all answer", []statusSentinel{up("a:1"), up("b:1"), up("c:1")}, false, nil},
		{"most answer", []statusSentinel{up("a:1"), down("b:1", 7), up("c:1")}, false, []string{"1 of its 3 sentinels do not answer, for 7s (b:1: connection refused)"}},
		{"one answers", []statusSentinel{down("a:1", 50), down("b:1", 70), up("c:1")}, true,
			[]string{"only 1 of its 3 sentinels answer", "no majority", "for 50s", "(b:1: connection refused; a:1: connection refused)"}},
		{"half of them answer", []statusSentinel{down("a:1", 50), up("c:1")}, true, []string{"only 1 of its 2", "for 50s"}},
		{"none answers", []statusSentinel{down("a:1", 50), down("b:1", 70), down("c:1", 60)}, true,
			[]string{"no sentinel answers", "for 50s", "b:1: connection refused; c:1: connection refused; a:1: connection refused"}},
		{"the only one does not", []statusSentinel{down("a:1", 50)}, true, []string{"no sentinel answers", "for 50s"}},
	} {
		dead := statusGroup{Name: "g", State: "suspect", Master: "m:1", Servers: []statusServer{{Addr: "m:1", Role: "master", State: "out", Reason: "down"}, {Addr: "r:1", Role: "replica", State: "in"}}}
		page := &statusPage{Pools: []statusPool{{Name: "p", Mode: "sentinel", Sentinels: c.all, Groups: []statusGroup{dead}}}}
		page.judge()
		page.sort()
		var told []int
		for i, x := range page.Problems {
			if strings.Contains(x.What, "sentinel") {
				told = append(told, i)
				mentions(t, c.name, x.What, c.want...)
				if x.Severity != doubtful || x.Advice == "" {
					t.Errorf("%s: got %+v; want a warning with an advice", c.name, x)
				}
			}
		}
		if len(told) != min(len(c.want), 1) || c.first != (len(told) == 1 && told[0] == 0) {
			t.Errorf("%s: got problems about sentinels at %v of %+v; want it first: %v", c.name, told, page.Problems, c.first)
		}
		note := page.Pools[0].sentinelNote()
		if c.first != (note != "") {
			t.Errorf("%s: got the note %q", c.name, note)
		}
	}
}

// TestStatusOfACluster: a cluster that refuses everything is an error, and clients are sent elsewhere when that lasts longer than it
// takes to choose another master; slots that nobody serves, and nodes that are gone, are named.
func TestStatusOfACluster(t *testing.T) {
	g := statusGroup{Name: "g", State: "healthy", Master: "a:1", Servers: []statusServer{{Addr: "a:1", Role: "master", State: "in"}}}
	for _, c := range []struct {
		name      string
		pool      statusPool
		bad, note string
		problems  []string
	}{
		{"well", statusPool{}, "", "", nil},
		{"down, another master may be on its way", statusPool{Down: "all refuse", DownFor: 1}, "", "all refuse", []string{"the Redis Cluster is down, for 1s: all refuse"}},
		{"down", statusPool{Down: "all refuse", DownFor: 6}, "all refuse", "", []string{"the Redis Cluster is down, for 6s: all refuse"}},
		{"in part", statusPool{Part: "some slots", Alarms: []string{"b:1 is given up"}}, "", "some slots", []string{"some slots", "b:1 is given up"}},
	} {
		c.pool.Name, c.pool.Mode, c.pool.Groups = "p", "cluster", []statusGroup{g}
		page := &statusPage{Pools: []statusPool{c.pool}}
		page.judge()
		var got []string
		for _, p := range page.Problems {
			got = append(got, p.What)
		}
		if !slices.Equal(got, c.problems) {
			t.Errorf("%s: got %q; want %q", c.name, got, c.problems)
		}
		if v := page.Pools[0].verdict(); (v.bad == "") != (c.bad == "") || !strings.Contains(v.bad, c.bad) || !strings.Contains(v.note, c.note) {
			t.Errorf("%s: got %+v; want %q, %q", c.name, v, c.bad, c.note)
		}
	}
}
