package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"huntaway/perf/bench/history"
)

// outOfReaders waits until proxies read no more from a server, which shows that its fault was seen.
func (a *attack) outOfReaders(g *group, s *server) {
	for _, p := range a.proxies {
		a.until(fmt.Sprintf("%s still reads from %s", p.name, s.name), 3*time.Second, func() bool {
			return a.seenOut(p, g, s)
		})
	}
}

// seenOut tells whether a proxy says that it does not read from a server.
func (a *attack) seenOut(p *proxy, g *group, s *server) bool {
	c, _ := p.group(g.name)
	for _, each := range c.Servers {
		if each.Addr == s.at && !each.Reads {
			a.bit("%s reads no more from %s: %s", p.name, s.name, each.Reason)
			return true
		}
	}
	return false
}

// hurtReplicas is F13.
func hurtReplicas(a *attack) error {
	g := a.groups[0]
	at := a.crash(g.servers[1])
	a.wait(2 * time.Second)
	a.wantReads(g, at)
	a.outOfReaders(g, g.servers[1])
	if err := g.servers[1].asBorn(a.ctx); err != nil {
		return err
	}
	a.until("the restarted replica follows", 15*time.Second, func() bool { return g.servers[1].follows(g.servers[0]) })
	at = a.stop(g.servers[2])
	a.wait(2500 * time.Millisecond)
	a.outOfReaders(g, g.servers[2])
	g.servers[2].Resume()
	a.wantReads(g, at)
	a.wantNoFailover(g, g.servers[0])
	return nil
}

// loadingReplica is F14.
func loadingReplica(a *attack) error {
	g := a.groups[0]
	m, n := g.servers[0], g.servers[1]
	if _, err := m.call("DEBUG", "POPULATE", "40000", "ballast", "64"); err != nil {
		return err
	}
	at := a.crash(n)
	started := make(chan error, 1)
	go func() { started <- n.asBorn(a.ctx) }() // returns when the copy is loaded
	loading := false
	a.until("the replica follows", 40*time.Second, func() bool {
		r := n.fields("persistence")
		loading = loading || r["loading"] == "1" || n.fields("replication")["master_sync_in_progress"] == "1"
		return n.follows(m)
	})
	if err := <-started; err != nil {
		return err
	}
	if loading {
		a.bit("%s was seen loading", n.name)
	}
	a.wantReads(g, at)
	a.wantNoFailover(g, m)
	return nil
}

// wrongMaster is F16: a replica that comes back with another master, and one that may be
// written to. The first is told to follow the right one when it is seen before it has taken
// the stranger's data, and stays out when not.
func wrongMaster(a *attack) error {
	g := a.groups[0]
	m, n, s := g.servers[0], g.servers[1], g.servers[2]
	stranger, err := a.stranger(g)
	if err != nil {
		return err
	}
	at := a.crash(n)
	text := strings.Replace(n.born, "replicaof "+strings.Replace(m.at, ":", " ", 1),
		"replicaof "+strings.Replace(stranger.at, ":", " ", 1), 1)
	if err := os.WriteFile(n.conf, []byte(text), 0o600); err != nil {
		return err
	}
	if err := n.Restart(a.ctx); err != nil {
		return err
	}
	a.wait(4 * time.Second)
	a.until(n.name+" is read from, and does not follow "+m.name, 3*time.Second, func() bool {
		return a.seenOut(a.proxies[0], g, n) || n.follows(m)
	})
	if _, err := s.call("CONFIG", "SET", "replica-read-only", "no"); err != nil {
		return err
	}
	a.outOfReaders(g, s)
	a.wantReads(g, at)
	if _, err := s.call("CONFIG", "SET", "replica-read-only", "yes"); err != nil {
		return err
	}
	host, port, _ := strings.Cut(m.at, ":")
	if _, err := n.call("REPLICAOF", host, port); err != nil {
		return err
	}
	a.wantNoFailover(g, m)
	return nil
}

// stranger starts a server of no group, with other values under the same keys.
func (a *attack) stranger(g *group) (*server, error) {
	s, err := a.startServer(a.ctx, site{name: g.name + "-stranger", place: a.place(0)})
	if err != nil {
		return nil, err
	}
	return s, s.foul(g)
}

// foul writes what no client has written.
func (s *server) foul(g *group) error {
	if _, err := s.call("SET", known(g.post), "a stranger's value"); err != nil {
		return err
	}
	for c := range 20 {
		if _, err := s.call("SET", fmt.Sprintf("r:{%s}:%d", g.post.tag, c), "a stranger's value"); err != nil {
			return err
		}
	}
	return nil
}

// oldMasterReturns is F17.
func oldMasterReturns(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.crash(m)
	a.forgive(g, at)
	a.wantFailover(g, m, at, 12*time.Second)
	a.wait(time.Duration(500+a.random.IntN(2000)) * time.Millisecond)
	back := a.log.Now()
	if err := m.asBorn(a.ctx); err != nil {
		return err
	}
	a.wantDemoted(g, m, back)
	return nil
}

// emptyRestart is F18. A server without persistence comes back with nothing; its replicas would
// copy that within a second. The wire keeps them away for as long as the monitor is given to
// see it.
func emptyRestart(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.crash(m)
	m.wire.set(refused, replicas)
	a.forgive(g, at)
	a.wait(time.Duration(100+a.random.IntN(500)) * time.Millisecond)
	if err := m.asBorn(a.ctx); err != nil {
		return err
	}
	back := a.log.Now()
	a.wantFailover(g, m, at, 10*time.Second)
	m.wire.set(clear, replicas)
	a.wantDemoted(g, m, back)
	return nil
}

// foreigner is F19: another group's server answers on the master's address.
func foreigner(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.crash(m)
	m.wire.set(refused, replicas)
	a.forgive(g, at)
	stranger, err := a.stranger(g)
	if err != nil {
		return err
	}
	m.wire.aim(stranger.Addr)
	a.wantFailover(g, m, at, 10*time.Second)
	a.wait(2 * time.Second)
	if got, err := stranger.call("GET", known(g.post)); got != "a stranger's value" {
		a.fail("the stranger's data are %q, %v; want them untouched", got, err)
	}
	if !stranger.isMaster() {
		a.fail("the stranger was made a replica")
	}
	stranger.Stop()
	m.wire.aim(m.Addr)
	m.wire.set(clear, replicas)
	back := a.log.Now()
	if err := m.asBorn(a.ctx); err != nil {
		return err
	}
	a.wantDemoted(g, m, back)
	return nil
}

// changedByHand is F20: somebody makes the secondary master with three commands.
func changedByHand(a *attack) error {
	g := a.groups[0]
	m, n, s := g.servers[0], g.servers[1], g.servers[2]
	host, port, _ := strings.Cut(n.at, ":")
	at := a.log.Now()
	a.forgive(g, at)
	if _, err := m.call("REPLICAOF", host, port); err != nil {
		return err
	}
	for _, step := range []struct {
		who  *server
		what []string
	}{{n, []string{"REPLICAOF", "NO", "ONE"}}, {s, []string{"REPLICAOF", host, port}}} {
		if _, err := step.who.call(step.what...); err != nil {
			return err
		}
	}
	a.wantFailover(g, m, at, 6*time.Second)
	a.figure("writes not executed", float64(a.tally(g, at).writes[history.Fail]))
	a.wantLookups(g, at)
	return nil
}

// twoMasters is F21: nothing tells which of two masters is the right one, neither a state file
// nor lineage nor a replica, so none is written to until somebody decides.
func twoMasters(a *attack) error {
	g := a.groups[0]
	m, n := g.servers[0], g.servers[1]
	p := a.proxies[0]
	p.Stop()
	if err := os.RemoveAll(a.stateOf(p)); err != nil {
		return err
	}
	g.servers[2].Stop()
	if _, err := n.call("REPLICAOF", "NO", "ONE"); err != nil {
		return err
	}
	if _, err := n.call("DEBUG", "CHANGE-REPL-ID"); err != nil {
		return err
	}
	for _, s := range []*server{m, n} {
		if _, err := s.call("SET", "diverged", s.name); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(a.stateOf(p), 0o700); err != nil {
		return err
	}
	at := a.log.Now()
	if err := p.Restart(a.ctx); err != nil {
		return err
	}
	a.wait(4 * time.Second)
	if first := a.firstWrite(g, at); first > 0 {
		a.fail("a write was acknowledged %.3f s after the start although there are two masters", seconds(first-at))
	}
	if c, ok := p.group(g.name); ok && len(c.Alarms) > 0 {
		a.bit("%s: %s", c.State, strings.Join(c.Alarms, "; "))
	}
	if err := p.order("/resolve", map[string]any{"group": g.name, "master": m.at, "by": "chaos"}); err != nil {
		a.fail("resolve: %v", err)
	}
	a.until("no write after resolve", 6*time.Second, func() bool { return a.firstWrite(g, at) > 0 })
	a.wantDemoted(g, n, a.log.Now())
	return g.servers[2].asBorn(a.ctx)
}

// number reads a figure of INFO.
func number(info, field string) int {
	_, rest, _ := strings.Cut(info, field+":")
	text, _, _ := strings.Cut(rest, "\r\n")
	return atoi(text)
}
