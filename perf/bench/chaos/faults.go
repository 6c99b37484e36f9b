package main

import (
	"time"

	"huntaway/perf/bench/history"
)

// faults are all cases, in the order of the catalogue.
var faults = []*fault{
	{name: "F1", what: "master killed", inject: killMaster},
	{name: "F13", what: "replica killed, another one stopped", inject: hurtReplicas},
}

// killMaster is F1.
func killMaster(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.crash(m)
	a.forgive(g, at)
	if a.until("no write since the crash", 8*time.Second, func() bool { return a.firstWrite(g, at) > 0 }) {
		a.figure("crash to first write, s", seconds(a.firstWrite(g, at)-at))
	}
	a.wait(time.Second)
	a.wantReads(g, at)
	if now := g.master(); now != nil && now != m {
		a.bit("%s is master after %s", now.name, m.name)
	}
	if t := a.tally(g, at); t.writes[history.Unknown] > 0 {
		a.figure("writes unknown", float64(t.writes[history.Unknown]))
	}
	return nil
}

// hurtReplicas is F13.
func hurtReplicas(a *attack) error {
	g := a.groups[0]
	at := a.crash(g.servers[1])
	a.wait(2 * time.Second)
	a.wantReads(g, at)
	a.outOfReaders(g, g.servers[1])
	if err := g.servers[1].Restart(a.ctx); err != nil {
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

// outOfReaders checks that a server serves no reads, which shows that its fault was seen.
func (a *attack) outOfReaders(g *group, s *server) {
	for _, p := range a.proxies {
		c, ok := p.group(g.name)
		if !ok {
			a.fail("%s does not tell its status", p.name)
		}
		for _, each := range c.Servers {
			if each.Addr == s.at && each.Reads {
				a.fail("%s still reads from %s", p.name, s.name)
			} else if each.Addr == s.at {
				a.bit("%s reads no more from %s: %s", p.name, s.name, each.Reason)
			}
		}
	}
}
