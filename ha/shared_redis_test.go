package ha

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
)

// TestServerInTwoGroups: a process that two groups have under two names is named by both, unless one of them decides nothing.
func TestServerInTwoGroups(t *testing.T) {
	const local, sentinel, observe = failover.Local, failover.Sentinel, failover.Observe
	for _, c := range []struct {
		name  string
		pools [2]string
		modes [2]failover.Mode
		n     [2]int
		want  bool
	}{
		{"two pools that decide", [2]string{"p", "q"}, [2]failover.Mode{local, local}, [2]int{3, 3}, true},
		{"two that ask others for it", [2]string{"p", "q"}, [2]failover.Mode{local, sentinel}, [2]int{3, 3}, true},
		{"two that ask the same", [2]string{"p", "q"}, [2]failover.Mode{sentinel, sentinel}, [2]int{3, 3}, false},
		{"one that watches the other", [2]string{"p", "q"}, [2]failover.Mode{local, observe}, [2]int{3, 3}, false},
		{"one that has nobody else", [2]string{"p", "q"}, [2]failover.Mode{local, local}, [2]int{3, 1}, false},
		{"two groups of a pool", [2]string{"p", "p"}, [2]failover.Mode{observe, observe}, [2]int{3, 2}, true},
		{"two groups of one server", [2]string{"p", "p"}, [2]failover.Mode{local, local}, [2]int{1, 1}, false},
	} {
		var all []GroupStatus
		for i, n := range c.n {
			g := GroupStatus{Pool: c.pools[i], Mode: c.modes[i], Status: failover.Status{Group: fmt.Sprint("g", i)}}
			for k := range n {
				g.Servers = append(g.Servers, failover.ServerStatus{Addr: fmt.Sprintf("a%d%d", i, k), Repl: vital.Replication{RunID: fmt.Sprint(i, k)}})
			}
			all = append(all, g)
		}
		all[1].Servers[0].Repl.RunID = all[0].Servers[0].Repl.RunID
		sayShared(all)
		for i, g := range all {
			said := len(g.Alarms) == 1 && strings.HasPrefix(g.Alarms[0], fmt.Sprintf("a%d0 is a%d0 of group g%d in pool %s under", i, 1-i, 1-i, c.pools[1-i]))
			if said != c.want || len(g.Alarms) > 1 {
				t.Errorf("%s: got the alarms %q; want one: %t", c.name, g.Alarms, c.want)
			}
		}
		all[1].Servers[0].Fault, all[0].Alarms, all[1].Alarms = vital.FaultRefused, nil, nil
		if sayShared(all); all[0].Alarms != nil || all[1].Alarms != nil {
			t.Errorf("%s: got the alarms %q and %q of what has ended; want none", c.name, all[0].Alarms, all[1].Alarms)
		}
	}
}

// TestServerInTwoPools: the same over servers.
func TestServerInTwoPools(t *testing.T) {
	tr := cast(t, 1, func(o *PoolOptions) { o.Failover.DownSilence = int64(time.Hour) })
	tr.settled(0, "[1]")
	o := tr.o
	own := launch(t)
	relay := newRelay()
	t.Cleanup(relay.close)
	relay.Publish(tableOf(t, nil, groupOf("h", own, tr.all[1].under("localhost"))).WithReaders(0, nil))
	o.Name, o.Publisher, o.StateDir = "q", relay, t.TempDir()
	if err := tr.m.Watch(o); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "both say it", func() bool {
		said := 0
		for _, g := range tr.m.Groups() {
			if strings.Contains(strings.Join(g.Alarms, "\n"), "under another name, and both groups decide about it") {
				said++
			}
		}
		return said == 2
	})
}
