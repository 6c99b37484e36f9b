package ha

import (
	"slices"
	"strings"
	"testing"

	"huntaway/ha/failover"
)

// TestRefusedOrders: servers that may not be told whom to follow answer at once, and their own words are
// what an operator reads; when they obey again they are told again, and no more is said of it.
func TestRefusedOrders(t *testing.T) {
	m := launch(t)
	renamed := launch(t, "--rename-command", "REPLICAOF", "", "--rename-command", "SLAVEOF", "", "--replicaof", "127.0.0.1 "+m.port)
	renamed.linked()
	denied := launch(t).follows(m)
	denied.must("ACL", "SETUSER", "default", "-replicaof")
	m.replicated(2)
	tr := castOf(t, []*instance{m, renamed, denied}, nil)
	tr.settled(0, "[1 2]")
	m.kill()
	tr.await("stuck", func() bool { return tr.state().State == failover.Stuck })
	alarmed := func(addr, words string) bool {
		return slices.ContainsFunc(tr.state().Alarms, func(a string) bool {
			return strings.HasPrefix(a, addr+" refuses orders: ") && strings.Contains(a, words)
		})
	}
	const unknown, noRight = "ERR unknown command 'REPLICAOF'", "NOPERM "
	if !alarmed(renamed.addr(), unknown) || !alarmed(denied.addr(), noRight) {
		t.Errorf("got the alarms %q; want what both servers have answered", tr.state().Alarms)
	}
	tr.said("nobody can be promoted (no replica acknowledged that it follows nobody; " + renamed.addr() + ": " + unknown)
	tr.said(renamed.addr() + " refuses an order (detach) (" + unknown)
	tr.said(denied.addr() + " refuses an order (detach) (" + noRight)
	denied.must("ACL", "SETUSER", "default", "+replicaof")
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master == 2 })
	tr.said(renamed.addr() + ": it refused to stand still: " + unknown)
	tr.await("one that still refuses", func() bool {
		return alarmed(renamed.addr(), unknown) && !alarmed(denied.addr(), "")
	})
}

// TestOrdersAboutNoMachine: a group of one has no failover, and a cluster decides itself.
func TestOrdersAboutNoMachine(t *testing.T) {
	tr := castOf(t, []*instance{launch(t)}, nil)
	tr.await("it is watched", func() bool { return tr.state().State == failover.Healthy })
	ctx := t.Context()
	for _, err := range []error{tr.m.Latch(ctx, "p", "g", "test"), tr.m.Release(ctx, "p", "g", "test"),
		tr.m.Resolve(ctx, "p", "g", tr.all[0].addr(), "test")} {
		if err == nil || !strings.Contains(err.Error(), "has one server and so no failover") {
			t.Errorf("got %v; want that there is no failover of it", err)
		}
	}
	if err := (&watch{o: PoolOptions{Cluster: true}}).unattended("g"); !strings.Contains(err.Error(), "CLUSTER FAILOVER") {
		t.Errorf("in a cluster: got %v; want who decides", err)
	}
}
