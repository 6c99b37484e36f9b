package ha

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"huntaway/ha/failover"
)

// castAs is cast with a user of its own at every server, who may do all but what the rules take away.
func castAs(t *testing.T, rules ...any) *troupe {
	t.Helper()
	tr := cast(t, 2, func(o *PoolOptions) { o.Access.User, o.Access.Password = "hw", "pw" })
	for _, each := range tr.all {
		each.must("ACL", "SETUSER", "hw", "on", ">pw", "~*", "&*", "+@all")
	}
	tr.settled(0, "[1 2]")
	for _, each := range tr.all {
		each.must(append([]any{"ACL", "SETUSER", "hw"}, rules...)...)
	}
	return tr
}

// TestSwitchoverWithoutRights: a right that a switchover cannot do without is missed before anything is done, and so is one
// that is taken away while all is well; what is said names the right, the servers and what gives it back.
func TestSwitchoverWithoutRights(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []any
		fast  bool
		told  string // by status; "": nothing can be
		says  string // the refusal
	}{
		{"no keys of its own", []any{"resetkeys", "~app:*"}, false, "may not SET the keys huntaway:* at", "ACL SETUSER hw ~huntaway:*"},
		{"no SET", []any{"-set"}, false, "may not SET HUNTAWAY: 1 at", "ACL SETUSER hw +set"},
		{"no FAILOVER", []any{"-failover"}, false, "", "may not FAILOVER"},
		{"no CLIENT PAUSE", []any{"-client|pause"}, true, "", "may not CLIENT PAUSE"},
		{"no keys, and no ACL to ask", []any{"-acl", "resetkeys", "~app:*"}, false, "", "would have to take the mark huntaway:epoch:g"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := castAs(t, c.rules...)
			if c.told != "" {
				tr.await("the alarm", func() bool {
					all := tr.m.Groups()[0].Alarms
					return len(all) > 0 && strings.Contains(all[0], c.told+" "+tr.all[0].addr()+", "+tr.all[1].addr()+", "+tr.all[2].addr())
				})
				tr.said("a right is missing")
			}
			for _, dry := range []bool{true, false} {
				o := SwitchoverOrder{Pool: "p", Group: "g", To: tr.all[1].addr(), Expect: tr.all[0].addr(), Fast: c.fast, DryRun: dry, By: "a test"}
				if plan, err := tr.m.Switchover(context.Background(), o); err == nil || plan != nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("dry run %t: got the plan %q and %v; want it refused: %s", dry, plan, err, c.says)
				}
			}
			if s := tr.state(); s.State != failover.Healthy || s.Master != 0 {
				t.Errorf("got %v with master %d; want nothing touched", s.State, s.Master)
			}
			tr.all[0].must("ACL", "SETUSER", "hw", "~*", "+@all")
			tr.all[1].must("ACL", "SETUSER", "hw", "~*", "+@all")
			tr.all[2].must("ACL", "SETUSER", "hw", "~*", "+@all")
			tr.await("no alarm", func() bool { return len(tr.m.Groups()[0].Alarms) == 0 })
			o := SwitchoverOrder{Pool: "p", Group: "g", To: tr.all[1].addr(), Expect: tr.all[0].addr(), Fast: c.fast, By: "a test"}
			if _, err := tr.m.Switchover(context.Background(), o); err != nil {
				t.Errorf("with all rights: %v", err)
			}
		})
	}
}

// TestPromoteWithoutExtras: a server that refuses what a promotion can do without is promoted, and what is said names that.
func TestPromoteWithoutExtras(t *testing.T) {
	for what, rule := range map[string]string{"CLIENT KILL": "-client|kill", "CONFIG REWRITE": "-config|rewrite"} {
		tr := castAs(t, rule)
		tr.all[0].kill()
		tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 && !tr.Table().Groups[0].Held })
		tr.said(what)
		tr.said("was refused and left out: NOPERM")
	}
}

// TestJoinsWithoutKeys: a monitor that may not touch its keys at the servers when it is started has one that
// holds nothing follow the master.
func TestJoinsWithoutKeys(t *testing.T) {
	tr := castAs(t, "resetkeys", "~app:*")
	tr.stop()
	tr.begin()
	tr.settled(0, "[1 2]")
	tr.all[2].must("REPLICAOF", "NO", "ONE")
	tr.all[2].must("FLUSHALL")
	tr.await("that it follows", func() bool { return strings.Contains(fmt.Sprint(tr.all[2].must("ROLE")), tr.all[0].port) })
}

// TestFailoverWithoutKeys: a master dies, and nobody lets the monitor touch its keys: one is made master, the other one follows, so
// that writes that need a replica are taken, and so does the old one when it is back with what it had.
func TestFailoverWithoutKeys(t *testing.T) {
	tr := castAs(t, "resetkeys", "~app:*")
	for _, each := range tr.all {
		each.must("CONFIG", "SET", "min-replicas-to-write", "1")
	}
	tr.all[0].must("SET", "app:k", "v")
	tr.all[0].replicated(2)
	tr.all[0].must("SAVE")
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 && !tr.Table().Groups[0].Held })
	tr.await("health", func() bool { return tr.state().State == failover.Healthy })
	tr.said("a right is missing")
	master := tr.Table().Groups[0].Master
	tr.settled(master, fmt.Sprintf("[%d]", 3-master))
	tr.await("writes", func() bool { return tr.all[master].Client.Set(t.Context(), "app:k", "w", 0).Err() == nil })
	if g := tr.m.Groups()[0]; len(g.Recent) != 1 || len(g.Alarms) == 0 || !strings.Contains(g.Alarms[0], "may not SET the keys huntaway:*") {
		t.Errorf("got %d failovers, the alarms %q; want one, and what is missing first", len(g.Recent), g.Alarms)
	}
	tr.all[0].start()
	tr.all[0].must("ACL", "SETUSER", "hw", "on", ">pw", "~app:*", "&*", "+@all")
	tr.settled(master, map[int32]string{1: "[0 2]", 2: "[0 1]"}[master])
	for i := range 3 {
		tr.all[i].must("ACL", "SETUSER", "hw", "~*")
	}
	tr.await("no alarm", func() bool { return len(tr.m.Groups()[0].Alarms) == 0 })
}
