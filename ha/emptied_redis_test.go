package ha

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// alarmed tells whether an alarm of the group has these words.
func (tr *troupe) alarmed(words string) bool {
	return slices.ContainsFunc(tr.state().Alarms, func(a string) bool { return strings.Contains(a, words) })
}

// emptied kills a group that has writes, of which the first replica has kept everything on disk, and starts its
// master again, which has kept nothing.
func emptied(t *testing.T, patience time.Duration) *troupe {
	tr := cast(t, 2, func(o *PoolOptions) { o.Failover.DownSilence = int64(patience) })
	tr.settled(0, "[1 2]")
	tr.all[0].must("RPUSH", "list", "a", "b", "c")
	tr.all[0].replicated(2)
	tr.all[1].must("SAVE")
	for _, i := range []int{2, 1, 0} { // no link of a replica's is lost before the replica is
		tr.all[i].kill()
	}
	tr.all[0].start()
	return tr
}

// TestEmptiedMasterWaits: a master that comes back alone and without its data takes no write while who has them may
// come back; when a replica does, that one becomes master.
func TestEmptiedMasterWaits(t *testing.T) {
	tr := emptied(t, time.Hour)
	tr.await("an alarm", func() bool { return tr.alarmed("has come back as master without all that it had") })
	if g := tr.Table().Groups[0]; !g.Held {
		t.Errorf("got %+v; want writes held", g)
	}
	tr.all[1].start()
	tr.await("the replica as master", func() bool { g := tr.Table().Groups[0]; return g.Master == 1 && !g.Held })
	if got := tr.all[1].list(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got the list %v; want what was acknowledged", got)
	}
	tr.await("the old master's following", func() bool { return slices.Equal(tr.all[0].list(), []string{"a", "b", "c"}) })
}

// TestEmptiedMasterTaken: when nobody comes the empty master is taken, with a loud word that stays an alarm until an
// operator resolves it.
func TestEmptiedMasterTaken(t *testing.T) {
	tr := emptied(t, time.Second)
	const lost = "the master has come back without its data, and no server that answer"
	tr.said(lost)
	tr.await("writes", func() bool { return !tr.Table().Groups[0].Held })
	for _, e := range tr.m.Events() {
		if f := e.Failover; f != nil && strings.HasPrefix(f.What, lost) && (f.Least <= 0 || weigh(f).String() != "WARN") {
			t.Errorf("got %v, at least %d bytes; want a warning that says how much at least", e, f.Least)
		}
	}
	if !tr.alarmed(lost) {
		t.Errorf("got the alarms %q; want the loss", tr.state().Alarms)
	}
	if err := tr.m.Resolve(context.Background(), "p", "g", tr.all[0].addr(), "test"); err != nil {
		t.Fatal(err)
	}
	tr.await("no alarm about it", func() bool { return !tr.alarmed(lost) })
}

// TestEmptiedBesideAHeartbeat: a process that starts while the master is dead and the heartbeat of the one before it has not
// expired keeps the replicas from the master's address before it may act, so that one that comes up empty is not copied.
func TestEmptiedBesideAHeartbeat(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.await("the mark", func() bool { return tr.state().EpochLeft })
	tr.all[0].must("RPUSH", "list", "a", "b", "c")
	tr.stop()
	tr.all[0].must("SET", beatKey("g"), nameC+beatClient+"999", "PX", beatLasts.Milliseconds())
	tr.all[0].replicated(2)
	tr.all[0].kill()
	tr.o.StateDir = t.TempDir()
	tr.begin()
	tr.said(tr.all[1].addr() + " was told to follow nobody")
	tr.said(tr.all[2].addr() + " was told to follow nobody")
	tr.all[0].start()
	tr.await("a replica as master", func() bool { g := tr.Table().Groups[0]; return g.Master > 0 && !g.Held })
	if got := tr.all[tr.Table().Groups[0].Master].list(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got the list %v; want what was acknowledged", got)
	}
	all := tr.describe()
	if kept, acts := strings.Index(all, "was told to follow nobody"), strings.Index(all, "this monitor decides from now on"); kept > acts {
		t.Errorf("got the replicas kept after it was known that nobody else is active; want it before%s", all)
	}
}

// A witness publishes what a relay does, and looks at each table first.
type witness struct {
	*relay
	look func(*shard.Table)
}

func (w *witness) Publish(t *shard.Table) { w.look(t); w.relay.Publish(t) }

// TestEmptiedMasterIsNotRead: a replica that has copied a master which came back without its data serves no reads before it
// has the new master's.
func TestEmptiedMasterIsNotRead(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].must("SET", "k", "v")
	tr.all[0].replicated(2)
	tr.stop()
	tr.all[1].must("REPLICAOF", "192.0.2.1", 1)
	tr.all[0].kill()
	tr.all[0].start()
	tr.await("a copy", func() bool { return tr.all[2].must("EXISTS", "k") == int64(0) })
	tr.relay.Publish(tr.Table().WithReaders(0, nil)) // a new process's
	tr.o.Publisher = &witness{tr.relay, func(table *shard.Table) {
		if g := &table.Groups[0]; slices.Contains(g.Readers, 2) && tr.all[2].Client.Get(context.Background(), "k").Val() != "v" {
			t.Errorf("got the readers %v with master %d; want none without the data", g.Readers, g.Master)
		}
	}}
	tr.begin()
	tr.settled(1, "[0 2]")
}
