package ha

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"huntaway/shard"
)

// launchAt starts a redis-server that is known as host and listens on these addresses.
func launchAt(t *testing.T, host, bind string, args ...string) *instance {
	t.Helper()
	i := launch(t, args...)
	i.kill()
	i.Client.Close()
	i.host, i.args = host, append(i.args, "--bind", bind)
	i.Client = redis.NewClient(&redis.Options{Addr: i.addr(), Protocol: 2, DisableIdentity: true, PoolSize: 4})
	i.start()
	return i
}

// TestSwitchoverToMultiHomed: a replica that the master lists under another address than the table has takes over as
// one that it lists under the same.
func TestSwitchoverToMultiHomed(t *testing.T) {
	for _, c := range []struct {
		name, announce string
		late           bool // it is told to announce that once it is connected
		listed         string
	}{
		{"by its connection", "", false, "127.0.0.1"},
		{"by what it announces", "127.78.0.1", false, "127.78.0.1"},
		{"by its connection, before it has announced", "127.78.0.1", true, "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []*instance{launch(t), launchAt(t, "127.77.0.1", "127.0.0.1 127.77.0.1 127.78.0.1"), launch(t)}
			if c.late {
				all[1].follows(all[0])
			}
			all[1].must("CONFIG", "SET", "replica-announce-ip", c.announce)
			all[1].follows(all[0])
			all[2].follows(all[0])
			all[0].replicated(2)
			tr := castOf(t, all, nil)
			tr.settled(0, "[1 2]")
			o := SwitchoverOrder{Group: "g", To: all[1].addr(), Expect: all[0].addr(), DryRun: true, By: "test"}
			var plan []string
			tr.await("a plan", func() (is bool) {
				var err error
				plan, err = tr.m.Switchover(t.Context(), o)
				return err == nil
			})
			if want := "FAILOVER TO " + c.listed + ":" + all[1].port + ", as which the master lists " + all[1].addr() + ","; !strings.Contains(strings.Join(plan, "\n"), want) {
				t.Errorf("got the plan %q; want %q in it", plan, want)
			}
			o.DryRun = false
			if _, err := tr.m.Switchover(context.Background(), o); err != nil {
				t.Fatal(err, tr.describe())
			}
			tr.settled(1, "[0 2]")
		})
	}
}

// TestSwitchoverToUnknown: one whose listed address leads nowhere, or to another server, is refused before anything is held,
// with both addresses and the cure; check says so as well, and --fast works.
func TestSwitchoverToUnknown(t *testing.T) {
	for _, c := range []struct {
		name  string
		other bool // somebody else listens at the address under which it is listed
		want  string
	}{
		{"nobody is there", false, "where nobody accepts connections"},
		{"somebody else is there", true, "where another server answers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []*instance{launch(t), launchAt(t, "127.77.0.1", "127.77.0.1")}
			if c.other {
				stranger := &instance{t: t, port: all[1].port, args: append(all[1].args, "--bind", "127.0.0.1", "--dir", t.TempDir())}
				t.Cleanup(stranger.kill)
				stranger.start()
			}
			all[1].follows(all[0])
			all[0].replicated(1)
			tr := castOf(t, all, nil)
			tr.settled(0, "[1]")
			listed := "127.0.0.1:" + all[1].port
			for _, dry := range []bool{true, false} {
				o := SwitchoverOrder{Group: "g", To: all[1].addr(), Expect: all[0].addr(), DryRun: dry, By: "test"}
				var plan []string
				var err error
				tr.await("a refusal for good", func() bool {
					plan, err = tr.m.Switchover(context.Background(), o)
					return err != nil && !strings.Contains(err.Error(), "ask again")
				})
				if plan != nil {
					t.Errorf("dry run %v: got the plan %q; want none", dry, plan)
				}
				for _, want := range []string{listed, all[1].addr(), c.want, "replica-announce-ip 127.77.0.1", "--fast"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("dry run %v: got %q; want %q in it", dry, err, want)
					}
				}
			}
			for _, e := range tr.m.Events() {
				if f := e.Failover; f != nil && strings.HasPrefix(f.What, "switchover to") {
					t.Errorf("got %+v; want nothing begun", f)
				}
			}
			found := Profile(t.Context(), ProfilePool{Name: "p", Mode: "local", Groups: []shard.Group{groupOf("g", all...)}})
			if !strings.Contains(worded(found), "a switchover to it fails: the master "+all[0].addr()+" does not list "+all[1].addr()) {
				t.Errorf("got the findings\n%s\nwant one about the switchover", worded(found))
			}
			if _, err := tr.m.Switchover(context.Background(), SwitchoverOrder{Group: "g", To: all[1].addr(), Fast: true, By: "test"}); err != nil {
				t.Fatal(err, tr.describe())
			}
			tr.settled(1, "[0]")
		})
	}
}

// worded writes findings one a line.
func worded(found []Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Server+": "+f.Is+": "+f.Should)
	}
	return strings.Join(all, "\n")
}
