package ha

import (
	"context"
	"huntaway/perf/bench/rig"
	"net"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// three starts three parrots.
func three(t *testing.T) (all []*parrot, addrs []string) {
	for range 3 {
		p := newParrot(t)
		all, addrs = append(all, p), append(addrs, p.addr())
	}
	return all, addrs
}

// pair is a group of two servers that need not run.
func pair(name string) (shard.Group, string, string) {
	a, b := "10.1.0.1:6379", "10.1.0.2:6379"
	return shard.Group{Name: name, Weight: 1, Servers: []shard.Server{
		{Addr: a, Role: shard.Master, Weight: 1}, {Addr: b, Role: shard.Replica, Weight: 1}}}, a, b
}

// asked waits until a parrot was asked n times more.
func (p *parrot) askedMore(n int) {
	p.t.Helper()
	count := func() int { p.mu.Lock(); defer p.mu.Unlock(); return p.asked }
	before := count()
	within(p.t, 20*time.Second, "questions", func() bool { return count() >= before+n })
}

// TestSentinelLies: an old epoch, an address that is no member, objections in TILT and forged
// messages change nothing; the truth does.
func TestSentinelLies(t *testing.T) {
	all, addrs := three(t)
	group, a, b := pair("g")
	for _, p := range all {
		p.says("g", a, 7)
	}
	f := following(t, addrs, Access{}, group)
	f.hears("g 10.1.0.1:6379@7 3/3")

	all[0].says("g", b, 6)
	all[0].askedMore(2)
	all[1].says("g", "192.0.2.66:6379", 99)
	f.notesThat("192.0.2.66:6379, which is no member of the group")
	all[2].publish("+switch-master", "g 10.1.0.1 6379 192.0.2.77 6379")
	all[2].set(func() { all[2].tilt = true })
	all[2].says("g", a, 7, "flags", "s_down,o_down,master")
	all[2].askedMore(2)
	if got := f.heard(); strings.Contains(strings.Join(got, "\n"), "10.1.0.2") || strings.Contains(strings.Join(got, "\n"), "192.0.2") ||
		strings.Contains(strings.Join(got, "\n"), "down") {
		t.Fatalf("got %q; want the true master alone, and no objection", got)
	}

	all[2].set(func() { all[2].tilt = false })
	f.hears("g 10.1.0.1:6379@7 down 1/3")
	all[2].says("g", b, 8)
	f.hears("g 10.1.0.2:6379@8 1/3")
	all[0].says("g", b, 8)
	all[1].says("g", b, 8)
	f.hears("g 10.1.0.2:6379@8 3/3")
	f.notesThat("nothing is strange any more")
	f.rising()
}

// TestSentinelOutcome: between the promotion and the switch a Sentinel lists the old address
// under the new epoch; it is the new one that is told, and the old one never again.
func TestSentinelOutcome(t *testing.T) {
	all, addrs := three(t)
	group, a, b := pair("g")
	for _, p := range all {
		p.says("g", a, 3)
	}
	f := following(t, addrs, Access{}, group)
	f.hears("g 10.1.0.1:6379@3 3/3")
	all[1].set(func() { all[1].current = b })
	all[1].says("g", a, 4, "flags", "s_down,o_down,master,failover_in_progress", "failover-state", "reconf_slaves")
	f.hears("g 10.1.0.2:6379@4 1/3")
	f.rising()
}

// TestSentinelReplaces: a master that a Sentinel is about to replace counts as down before there is an
// outcome, and not for ever.
func TestSentinelReplaces(t *testing.T) {
	all, addrs := three(t)
	group, a, _ := pair("g")
	for _, p := range all {
		p.says("g", a, 3)
	}
	f := following(t, addrs, Access{}, group)
	f.hears("g 10.1.0.1:6379@3 3/3")
	all[1].says("g", a, 3, "flags", "master,failover_in_progress", "failover-state", "wait_start")
	f.hears("g 10.1.0.1:6379@3 down 1/3")
	asker := &asker{begun: map[string]time.Time{"g": time.Now().Add(-replacedFor)}}
	lots := []lot{{name: "g", running: true}, {name: "h", running: true}, {name: "i"}}
	asker.notice(lots)
	if lots[0].down || !lots[1].down || lots[2].down || len(asker.begun) != 2 {
		t.Errorf("got %+v, %v; want the one down that has only just begun, and two remembered", lots, asker.begun)
	}
}

// TestSentinelPublishes: what a Sentinel publishes has all of them asked at once.
func TestSentinelPublishes(t *testing.T) {
	all, addrs := three(t)
	group, a, b := pair("g")
	for _, p := range all {
		p.says("g", a, 0)
	}
	f := following(t, addrs, Access{}, group)
	f.hears("g 10.1.0.1:6379@0 3/3")
	within(t, 20*time.Second, "subscriptions", func() bool {
		all[0].mu.Lock()
		defer all[0].mu.Unlock()
		return len(all[0].subs) > 0
	})
	all[2].askedMore(1) // the next would come a second later
	all[2].says("g", b, 1)
	watch := rig.StartWatch()
	all[0].publish("+switch-master", "g 10.1.0.1 6379 10.1.0.2 6379")
	f.hears("g 10.1.0.2:6379@1 1/3")
	if d := watch.Took(); d > 700*time.Millisecond {
		t.Errorf("got the change %v after it was published; want it at once", d)
	}
	all[1].askedMore(1)
	all[1].says("g", a, 2)
	watch = rig.StartWatch()
	f.s.poke()
	f.hears("g 10.1.0.1:6379@2 1/3")
	if d := watch.Took(); d > 700*time.Millisecond {
		t.Errorf("got the change %v after the poke; want it at once", d)
	}
}

// TestSentinelSilence: Sentinels that do not answer, or answer nonsense, are told of, and the master
// stays who it was.
func TestSentinelSilence(t *testing.T) {
	all, addrs := three(t)
	group, a, _ := pair("g")
	for _, p := range all {
		p.says("g", a, 5)
	}
	f := following(t, append(addrs, "127.0.0.1:"+freePort(t)), Access{}, group)
	f.hears("g 10.1.0.1:6379@5 3/4")
	f.notesThat("sentinel lost [] 127.0.0.1")
	for i, p := range all {
		p.set(func() { p.torn = true })
		f.notesThat([]string{"2 of 4 answer: SENTINEL MASTERS answered with a", "1 of 4 answer: SENTINEL", "no sentinel answers: the masters stay who they are"}[i])
	}
	before := len(f.heard())
	for _, p := range all {
		p.askedMore(1)
		p.set(func() { p.torn = false })
		f.notesThat("sentinel answers [] " + p.addr())
	}
	f.notesThat("3 of 4 answer\n")
	if got := f.heard(); len(got) != before {
		t.Errorf("got %q; want nothing new", got)
	}
}

// TestSentinelFindsGroups: by the group's name, by a host name of a member, by an address of a
// replica; and says so when it does not.
func TestSentinelFindsGroups(t *testing.T) {
	p := newParrot(t)
	p.set(func() {
		p.replicas = []string{"10.1.0.1:6379"}
		p.masters = []map[string]string{
			{"name": "one", "ip": "10.1.0.5", "port": "6379", "flags": "master", "config-epoch": "1"},
			{"name": "x", "ip": "127.0.0.1", "port": "7001", "flags": "master", "config-epoch": "2"},
			{"name": "y", "ip": "10.9.0.1", "port": "6379", "flags": "master", "config-epoch": "3"}}
	})
	if ips, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip4", "localhost"); err != nil || len(ips) == 0 {
		t.Fatalf("localhost does not resolve: %v", err)
	}
	single := func(name, addr string) shard.Group {
		return shard.Group{Name: name, Label: name, Weight: 1, Servers: []shard.Server{{Addr: addr, Role: shard.Master, Weight: 1}}}
	}
	group, _, _ := pair("third")
	group.Label = "third"
	f := following(t, []string{p.addr()}, Access{}, single("one", "10.1.0.5:6379"), single("second", "localhost:7001"), group, single("lost", "10.1.0.7:1"))
	f.hears("one 10.1.0.5:6379@1 1/1")
	f.hears("second localhost:7001@2 1/1")
	f.notesThat("sentinels are not in order [third] sentinel " + p.addr() + `: its master "y" is at 10.9.0.1:6379`)
	f.notesThat("sentinels are not in order [lost] sentinel " + p.addr() + ": it watches no master of the group's name or addresses")
}
