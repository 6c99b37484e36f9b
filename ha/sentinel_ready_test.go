package ha

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/ha/failover"
)

// sentinelMaster and sentinelReplica are what a Sentinel says of servers that are well, changed by
// names and values in turn.
func sentinelMaster(addr string, changes ...string) map[string]string {
	return spoken(addr, map[string]string{"name": "g", "flags": "master", "down-after-milliseconds": "1000", "config-epoch": "1",
		"role-reported": "master"}, changes)
}

func sentinelReplica(addr string, changes ...string) map[string]string {
	return spoken(addr, map[string]string{"flags": "slave", "last-ok-ping-reply": "300", "info-refresh": "9000", "role-reported": "slave",
		"master-link-down-time": "0", "master-link-status": "ok", "slave-priority": "100"}, changes)
}

func spoken(addr string, m map[string]string, changes []string) map[string]string {
	m["ip"], m["port"], _ = strings.Cut(addr, ":")
	for i := 0; i < len(changes); i += 2 {
		m[changes[i]] = changes[i+1]
	}
	return m
}

// asRow makes an answer's row of a map.
func asRow(m map[string]string) any {
	var all []any
	for k, v := range m {
		all = append(all, k, v)
	}
	return all
}

// TestReady: what a Sentinel must think of a group, so that it would carry out a switchover at once.
func TestReady(t *testing.T) {
	const from, to, other = "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"
	type all = []map[string]string
	well := sentinelMaster(from)
	for _, tc := range []struct {
		name     string
		master   map[string]string
		replicas all
		want     string // a part of why not; "": it would
	}{
		{"well", well, all{sentinelReplica(to), sentinelReplica(other)}, ""},
		{"the target is the only one", well, all{sentinelReplica(to)}, ""},
		{"its last failover is not over", sentinelMaster(from, "flags", "master,failover_in_progress", "failover-state", "reconf_slaves"),
			all{sentinelReplica(to)}, "not ended its last failover (reconf_slaves)"},
		{"it has not heard of the last one", sentinelMaster(other), all{sentinelReplica(to)}, "it holds 10.0.0.1:3 for the master"},
		{"the master is down for it", sentinelMaster(from, "flags", "s_down,master"), all{sentinelReplica(to)}, "s_down"},
		{"the master is a stranger", sentinelMaster("10.9.9.9:1"), all{sentinelReplica(to)}, "10.9.9.9:1"},
		{"it knows nobody", well, nil, "does not know the replica " + to},
		{"it has not been asked", well, all{sentinelReplica(to, "info-refresh", "1700000000000")}, "asked for INFO"},
		{"it is silent", well, all{sentinelReplica(to, "last-ok-ping-reply", "5001")}, "not answered"},
		{"it is not connected", well, all{sentinelReplica(to, "flags", "slave,disconnected")}, "disconnected"},
		{"it is down", well, all{sentinelReplica(to, "flags", "s_down,slave")}, "s_down"},
		{"it is a master", well, all{sentinelReplica(to, "role-reported", "master")}, "says that it is a master"},
		{"its link is down", well, all{sentinelReplica(to, "master-link-down-time", "10001")}, "link"},
		{"it must not be master", well, all{sentinelReplica(to, "slave-priority", "0")}, "replica-priority is 0"},
		{"another is preferred", well, all{sentinelReplica(to), sentinelReplica(other, "slave-priority", "1")},
			"would promote 10.0.0.1:3: replica-priority is 1 there, and 100 at " + to},
		{"another would be preferred and is down", well,
			all{sentinelReplica(to), sentinelReplica(other, "slave-priority", "1", "flags", "s_down,slave")}, ""},
		{"another must not be master", well, all{sentinelReplica(to), sentinelReplica(other, "slave-priority", "0")}, ""},
	} {
		h := groupAddresses{name: "g"}
		for _, a := range []string{from, to, other} {
			h.members = append(h.members, resident{addr: a, known: []string{a}})
		}
		var rows []any
		for _, r := range tc.replicas {
			rows = append(rows, asRow(r))
		}
		o := readiness{c: change{group: "g", from: from, to: to}, of: h}
		err := o.judge(asRow(tc.master), rows)
		if got := fmt.Sprint(err); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %v; want %q", tc.name, err, tc.want)
		}
	}
}

// bySentinel is castOf in mode sentinel.
func bySentinel(t *testing.T, all []*instance, sentinels []string) *troupe {
	t.Helper()
	return castOf(t, all, func(o *PoolOptions) {
		o.Failover = failover.Options{Mode: failover.Sentinel}
		o.Sentinels = sentinels
	})
}

// pressure writes without a rest until it is told to stop, and measures the longest write.
func (tr *troupe) pressure() (stop func() (writer, time.Duration)) {
	ctx, cancel := context.WithCancel(context.Background())
	wrote := make(chan writer)
	go func() { wrote <- tr.write(ctx) }()
	watched := make(chan time.Duration)
	go func() { watched <- tr.longestHold(ctx) }()
	return func() (writer, time.Duration) {
		cancel()
		return <-wrote, <-watched
	}
}

// longestHold returns how long the group was held at a stretch, until ctx ends.
func (tr *troupe) longestHold(ctx context.Context) (longest time.Duration) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return longest
		case now := <-tick.C:
			switch held := tr.Table().Groups[0].Held; {
			case !held:
				since = time.Time{}
			case since.IsZero():
				since = now
			default:
				longest = max(longest, now.Sub(since))
			}
		}
	}
}

// holdLimit is after how long a write that is held fails (hold_timeout).
const holdLimit = 2500 * time.Millisecond

// TestSentinelSwitchovers: one right after the other, while Sentinel is at the last one still: it is
// waited for, and no write for longer than it may be.
func TestSentinelSwitchovers(t *testing.T) {
	flock := launchFlock(t, "g")
	tr := bySentinel(t, flock.all, flock.addrs())
	tr.settled(0, "[1 2]")
	stop := tr.pressure()
	for range 3 {
		from := tr.Table().Groups[0].Master
		to := (from + 1) % int32(len(flock.all))
		tr.await("a switchover", func() bool {
			_, err := tr.m.Switchover(t.Context(), SwitchoverOrder{Group: "g", To: flock.all[to].addr(), Expect: flock.all[from].addr(), By: "test"})
			if err != nil && !strings.Contains(err.Error(), "became master instead") && !strings.Contains(err.Error(), "is not linked") &&
				!strings.Contains(err.Error(), "ask again in a second") && !strings.Contains(err.Error(), "receiving a full copy") {
				t.Fatal(err, tr.describe())
			}
			return tr.Table().Groups[0].Master != from
		})
	}
	w, held := stop()
	if len(w.failed) > 0 || len(w.acked) == 0 || held >= holdLimit {
		t.Errorf("got %d failed writes of %d, held for %v at most; want none, and less than %v%s", len(w.failed), len(w.acked), held, holdLimit, tr.describe())
	}
	if got := len(flock.all[tr.Table().Groups[0].Master].list()); got != len(w.acked) {
		t.Errorf("got a list of %d; want the %d writes that were acknowledged", got, len(w.acked))
	}
}

// agreeable is a Sentinel that is content with a group and answers SENTINEL FAILOVER with OK.
func agreeable(t *testing.T, all []*instance) *parrot {
	t.Helper()
	p := newParrot(t)
	p.says("g", all[0].addr(), 1, "down-after-milliseconds", "1000")
	p.set(func() {
		p.failover = "+OK\r\n"
		for _, r := range all[1:] {
			p.known = append(p.known, sentinelReplica(r.addr()))
		}
	})
	return p
}

// TestSentinelIdle: a Sentinel that begins a failover and does nothing: the switchover is given up in
// time and no write fails, though it calls the master down. When it promotes the target later that is
// followed.
func TestSentinelIdle(t *testing.T) {
	all := []*instance{launch(t)}
	all = append(all, launch(t).follows(all[0]))
	all[0].replicated(1)
	p := agreeable(t, all)
	tr := bySentinel(t, all, []string{p.addr()})
	tr.settled(0, "[1]")
	order := SwitchoverOrder{Group: "g", To: all[1].addr(), Expect: all[0].addr(), By: "test"}
	stop := tr.pressure()
	begun := time.Now()
	p.set(func() {
		p.onFailover = func() { p.masters[0]["flags"] = "master,o_down,failover_in_progress" }
	})
	tr.await("it is asked", func() bool {
		_, err := tr.m.Switchover(t.Context(), order)
		if err == nil {
			t.Fatal("got a switchover that is done; want it given up", tr.describe())
		}
		return strings.Contains(err.Error(), "named nobody within")
	})
	t.Logf("given up after %v", time.Since(begun))
	end := time.Now().Add(time.Second)
	tr.await("a second more", func() bool { return time.Now().After(end) })
	w, held := stop()
	if len(w.failed) > 0 || len(w.acked) == 0 || held >= holdLimit || tr.Table().Groups[0].Held || tr.Table().Groups[0].Master != 0 {
		t.Errorf("got %d failed writes of %d, held for %v at most, held now %v; want none, less than %v, and not%s",
			len(w.failed), len(w.acked), held, tr.Table().Groups[0].Held, holdLimit, tr.describe())
	}
	all[1].must("REPLICAOF", "NO", "ONE")
	tr.await("who was promoted late is master", func() bool { return tr.Table().Groups[0].Master == 1 && !tr.Table().Groups[0].Held })
}

// TestSentinelNotReady: a Sentinel that is not ready is waited for, and nothing is held for that; the
// order ends in its time, and nothing was done. A dry run says why at once.
func TestSentinelNotReady(t *testing.T) {
	all := []*instance{launch(t)}
	all = append(all, launch(t).follows(all[0]))
	all[0].replicated(1)
	p := agreeable(t, all)
	var asked atomic.Int32
	p.set(func() {
		p.known[0]["info-refresh"] = "1700000000000"
		p.onFailover = func() { asked.Add(1) }
	})
	tr := bySentinel(t, all, []string{p.addr()})
	tr.settled(0, "[1]")
	order := SwitchoverOrder{Group: "g", To: all[1].addr(), Expect: all[0].addr(), By: "test", DryRun: true}
	tr.await("a dry run", func() bool {
		_, err := tr.m.Switchover(t.Context(), order)
		return err != nil && strings.Contains(err.Error(), "asked for INFO")
	})
	order.DryRun = false
	ctx, cancel := context.WithTimeout(t.Context(), readyLeast+time.Second)
	defer cancel()
	stop := tr.pressure()
	_, err := tr.m.Switchover(ctx, order)
	_, held := stop()
	if err == nil || !strings.Contains(err.Error(), "nothing was done") || ctx.Err() != nil {
		t.Errorf("got %v, %v; want that nothing was done, in the order's time", err, ctx.Err())
	}
	if held > 200*time.Millisecond || asked.Load() != 0 {
		t.Errorf("got the group held for %v and %d failovers ordered; want neither%s", held, asked.Load(), tr.describe())
	}
}
