package ha

import (
	"strings"
	"syscall"
	"testing"

	"huntaway/shard"
)

// under returns a server as it is known by another name.
func (i *instance) under(host string) *instance { return &instance{t: i.t, host: host, port: i.port} }

// TestServerUnderTwoNames: a server that the table lists twice is one. It is told to follow nobody, counted once, and
// named with what to do; whom the group loses is replaced as ever.
func TestServerUnderTwoNames(t *testing.T) {
	for _, c := range []struct {
		name          string
		twice         int  // who of the three is listed under a second name
		late          bool // only by a later table
		alias, master int32
	}{
		{"the master", 0, false, 3, 0},
		{"the master, by a reload", 0, true, 3, 0},
		{"a replica", 1, false, 3, 0},
		{"a replica, by a reload", 1, true, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []*instance{launch(t, "--appendonly", "yes")}
			for range 2 {
				all = append(all, launch(t, "--appendonly", "yes").follows(all[0]))
			}
			all[0].replicated(2)
			second := all[c.twice].under("localhost")
			tr := castOf(t, append(all[:3:3], second), nil)
			if c.late {
				tr.stop()
				var ids shard.IDs
				build := func(all ...*instance) *shard.Table {
					return tableOf(t, &ids, groupOf("g", all...))
				}
				tr.relay.Publish(build(all...).WithReaders(0, nil))
				tr.begin()
				tr.settled(0, "[1 2]")
				tr.m.Change("p", func(was *shard.Table) *shard.Table { return build(append(all[:3:3], second)...).Inherit(was) })
			}
			is := second.addr() + " is " + all[c.twice].addr() + " under another name"
			tr.await("an alarm", func() bool { return tr.alarmed(is) && tr.alarmed("take one of the two out") })
			tr.said(is)
			tr.await("health", func() bool { s := tr.state(); return s.State.String() == "healthy" && s.Master == 0 && !s.Held })
			all[0].restart(syscall.SIGTERM)
			tr.await("health after a restart", func() bool {
				s := tr.state()
				return s.State.String() == "healthy" && !s.Held && tr.alarmed(is)
			})
			all[tr.Table().Groups[0].Master].kill()
			was := tr.Table().Groups[0].Master
			tr.await("another master", func() bool {
				s := tr.state()
				return s.State.String() == "healthy" && s.Master != was && s.Master != c.alias && !s.Held
			})
			for _, e := range tr.m.Events() {
				if f := e.Failover; f != nil && strings.HasPrefix(f.What, second.addr()+" was told") {
					t.Errorf("got %+v; want no order for a second name", f)
				}
			}
		})
	}
}
