package main

import (
	"time"

	"huntaway/perf/bench/history"
)

// cutMaster is F5: nobody hears the master and it hears nobody.
func cutMaster(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.set(silent, proxies, replicas)
	a.forgive(g, at)
	a.wantFailover(g, m, at, 15*time.Second)
	a.wantLookups(g, at)
	a.wait(time.Second)
	back := a.log.Now()
	m.wire.set(clear, proxies, replicas)
	a.wantDemoted(g, m, back)
	return nil
}

// blindProxy is F6: who alone cannot see the master does not replace it.
func blindProxy(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.set(silent, proxies)
	a.wait(9 * time.Second)
	a.bitByFailures(g, at)
	a.wantNoFailover(g, m)
	a.wantLookups(g, at)
	m.wire.set(clear, proxies)
	a.wait(time.Second)
	a.wantNoFailover(g, m)
	return nil
}

// bitByFailures takes failed writes for the proof that a fault was felt.
func (a *attack) bitByFailures(g *group, since int64) {
	t := a.tally(g, since)
	if n := t.writes[history.Fail] + t.writes[history.Unknown]; n > 0 {
		a.bit("%d writes not executed, %d unknown", t.writes[history.Fail], t.writes[history.Unknown])
	}
}

// cutReplicas is F7: stale replicas leave the readers, and nobody is promoted.
func cutReplicas(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.set(silent, replicas)
	a.wait(8 * time.Second)
	a.outOfReaders(g, g.servers[1])
	a.outOfReaders(g, g.servers[2])
	a.wantReads(g, at)
	m.wire.set(clear, replicas)
	a.wait(time.Second)
	a.wantNoFailover(g, m)
	return nil
}

// muteMaster is F8: requests arrive and replies do not.
func muteMaster(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.set(mute, proxies)
	a.wait(8 * time.Second)
	a.bitByFailures(g, at)
	a.wantNoFailover(g, m)
	a.wantLookups(g, at)
	m.wire.set(clear, proxies)
	a.wait(time.Second)
	// A request waits for its time-out at most, or, held, for the hold's; and behind others
	// of its pipeline.
	if took := seconds(a.longest(g, at)); took > 1+2.5+2 {
		a.fail("an operation took %.3f s; want a time-out after 1 s or 2.5 s", took)
	}
	return nil
}

// halfOpen is F10: connections that nobody will ever answer on, and new ones that are well.
func halfOpen(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.strand(proxies)
	a.until("no write succeeds over a new connection", 8*time.Second, func() bool { return a.firstWrite(g, at) > 0 })
	a.figure("fault to first write, s", seconds(a.firstWrite(g, at)-at))
	if n := m.wire.bites.Load(); n > 0 {
		a.bit("%d pieces were swallowed", n)
	}
	a.wait(time.Second)
	a.wantNoFailover(g, m)
	a.wantLookups(g, at)
	return nil
}

// lateReplicas is F15: clients that wrote must not read what is older.
func lateReplicas(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.set(slow, replicas)
	a.wait(5 * time.Second)
	if n := m.wire.bites.Load(); n > 0 {
		a.bit("%d pieces of the replication stream came late", n)
	}
	m.wire.set(clear, replicas)
	a.wantReads(g, at)
	a.wantNoFailover(g, m)
	return nil
}

// garbledReplies is F41: what makes no sense is no reply, and reaches nobody.
func garbledReplies(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	m.wire.set(garbled, proxies)
	a.wait(1500 * time.Millisecond)
	m.wire.set(clear, proxies)
	if n := m.wire.bites.Load(); n > 0 {
		a.bit("%d replies were spoilt", n)
	}
	a.wait(time.Second)
	a.bitByFailures(g, at)
	a.wantNoFailover(g, m)
	a.wantLookups(g, at)
	return nil
}

// candidateDies is F25: the secondary is killed by the very order that the seed draws.
func candidateDies(a *attack) error {
	g := a.groups[0]
	m, n := g.servers[0], g.servers[1]
	orders := []string{"192.0.2.1", "\r\nNO\r\n", "huntaway:epoch", "\r\nREPLICAOF\r\n"}
	order := orders[a.seed%uint64(len(orders))]
	died := make(chan int64, 1)
	n.wire.setTrip(order, func() { died <- a.crash(n) })
	at := a.crash(m)
	a.forgive(g, at)
	a.wantFailover(g, m, at, 12*time.Second)
	select {
	case <-died:
		a.bit("%s was killed when it was sent %q", n.name, order)
	default:
		a.bites = nil // the failover alone is not what this case is about
	}
	if now := g.master(); now != g.servers[2] {
		a.fail("the master is %s; want %s, the only one left", nameOf(now), g.servers[2].name)
	}
	n.wire.trap.Store(nil)
	return nil
}
