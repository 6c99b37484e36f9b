package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"huntaway/ha"
	"huntaway/ha/failover"
	"huntaway/perf"
)

// snapshot is what the data path counted, with what the monitor knows of the servers. It is
// the export.Source of every page.
func (p *proxy) snapshot(ctx context.Context) (perf.Snapshot, error) {
	s, err := p.engine.Snapshot(ctx)
	if err != nil {
		return s, err
	}
	s.Config = *p.inForce.Load()
	states, groups := p.states(), p.groupStates()
	for i := range s.Pools {
		p.pools[i].complete(&s.Pools[i], states, groups)
		for _, st := range p.monitor.Sentinels(s.Pools[i].Name) {
			if st.Answers {
				s.Pools[i].Sentinels++
			} else if st.Asked {
				s.Pools[i].SentinelsLost++
			}
		}
	}
	return s, nil
}

// A member names one server of one group of one pool.
type member struct{ pool, group, addr string }

// states is what the monitor thinks of every server.
func (p *proxy) states() map[member]ha.ServerStatus {
	states := map[member]ha.ServerStatus{}
	for _, st := range p.monitor.Status() {
		states[member{st.Pool, st.Group, st.Addr}] = st
	}
	return states
}

// complete adds to a pool's figures what the data path does not know.
func (s *served) complete(to *perf.PoolSnapshot, states map[member]ha.ServerStatus, groups map[post]ha.GroupStatus) {
	for i := range to.Groups {
		g := &to.Groups[i]
		ejects, last := s.ledger.ejections(g.Name)
		to.Ejects = ejects
		g.Care = careOf(groups[post{s.name, g.Name}], s.ledger.tenure(g.Name))
		for j := range g.Servers {
			server := &g.Servers[j]
			server.EjectedAt = last
			if st, known := states[member{s.name, g.Name, server.Addr}]; known {
				describe(server, &st)
				server.Reader, server.Measured, server.Lag, server.LagBytes = st.Reader, st.Measured, st.Lag, st.LagBytes
			}
		}
	}
}

// careOf translates what is known of a group's master.
func careOf(g ha.GroupStatus, t tenure) perf.Care {
	c := perf.Care{
		Held: g.Held, Promoted: t.promoted, Kept: t.kept, LastHold: t.lastHold,
		Forbidden: g.Forbidden != "", Latched: g.Latched != "", Alarms: int64(len(g.Alarms)),
	}
	if g.Group != "" { // else nothing is known of it yet
		c.State = g.State.String()
	}
	return c
}

// describe translates what the monitor thinks of a server. One that lags, or whose link to its
// master is broken, answers all the same.
func describe(to *perf.ServerSnapshot, st *ha.ServerStatus) {
	to.State = map[ha.State]perf.ServerState{ha.Unknown: perf.StateUnknown, ha.In: perf.StateIn, ha.Suspect: perf.StateSuspect,
		ha.Out: perf.StateOut, ha.Warming: perf.StateWarming}[st.State]
	to.Up, to.Reason = st.State == ha.In || st.State == ha.Suspect || st.State == ha.Warming, ""
	if st.State != ha.In && st.Reason != ha.ReasonNone {
		to.Reason = st.Reason.String()
	}
	switch st.Reason {
	case ha.ReasonLagging, ha.ReasonUnmeasured, ha.ReasonLink:
		to.Up = st.State != ha.Unknown
	}
	if st.Ejected {
		to.State = perf.StateEjected
	}
}

// verdicts says whether clients should be sent here. A pool is fit while one of its groups is: were
// all groups demanded, one dead group would take every proxy out of a load balancer, and with it
// the groups that are well.
func (p *proxy) verdicts() []verdict {
	all := []verdict{{name: "accepting"}, {name: "event loops"}}
	if p.draining.Load() {
		all[0].bad = "draining"
	}
	if !p.engine.Alive() {
		all[1].bad = "one has not ticked for 5 s"
	}
	page := statusPage{Pools: p.poolStatus()}
	for i := range page.Pools {
		all = append(all, page.Pools[i].verdict())
	}
	return all
}

// verdict says whether a pool can serve anything.
func (p *statusPool) verdict() verdict {
	v := verdict{name: "pool " + p.Name}
	var unfit, notes []string
	for i := range p.Groups {
		if why := p.Groups[i].unfit(p); why != "" {
			unfit = append(unfit, p.Groups[i].Name+" "+why)
		}
	}
	switch {
	case p.Down != "" && p.DownFor >= clusterFailsFor:
		v.bad = "the Redis Cluster is down: " + p.Down
	case len(unfit) == len(p.Groups):
		v.bad = fmt.Sprintf("none of %s can be served: %s", plural(len(p.Groups), "group"), strings.Join(unfit, "; "))
	case len(unfit) > 0:
		notes = append(notes, fmt.Sprintf("ok, but for %d of %s: %s", len(unfit), plural(len(p.Groups), "group"), strings.Join(unfit, "; ")))
	}
	for _, note := range []string{p.refusalNote(), p.sentinelNote(), p.clusterNote()} {
		if note != "" && v.bad == "" {
			notes = append(notes, "ok, but "+note)
		}
	}
	v.note = strings.Join(notes, "; ")
	return v
}

// underWay are the states that end in a master by themselves, within hold_timeout as a rule.
var underWay = map[string]bool{
	failover.Freezing.String(): true, failover.Revoking.String(): true, failover.Selecting.String(): true,
	failover.Proving.String(): true, failover.Promoting.String(): true, failover.Verifying.String(): true,
	failover.Settling.String(): true, failover.Draining.String(): true, failover.Handing.String(): true,
}

// masterlessFor is how long, in seconds, a group may have no master that is well after held writes have been given up before
// clients should not be sent here: a failover that clients hardly notice must not take a proxy out of a load balancer, and one
// from a master that hangs is over only a while after they were.
const masterlessFor = 5

// unfit says why a group can take no writes now or soon; "" when it can. While one of its servers answers and somebody is about
// to make a master, that is given the time that writes are held, and masterlessFor. That a master refuses writes for want
// of memory, disk or replicas does not make it unfit: that is the server's own word, which it tells every proxy, and reads are
// served.
func (g *statusGroup) unfit(p *statusPool) string {
	decided := (p.Mode == "local" || p.Mode == "sentinel") && !g.single(p)
	switch {
	case g.State == failover.Stuck.String(), g.State == failover.Ambiguous.String():
		return "is " + g.State
	case g.HeldFor > g.hold+masterlessFor:
		return "has had nobody who takes writes for " + briefly(g.HeldFor)
	case decided && g.dead():
		return "has no server that answers"
	case underWay[g.State], decided && g.State == failover.Suspect.String() && g.Forbidden+g.Latched == "":
		return ""
	case g.Master == "":
		return "has no master"
	}
	for i := range g.Servers {
		if s := &g.Servers[i]; s.Addr == g.Master && s.State == ha.Out.String() {
			return "has a master that is out: " + s.Reason
		}
	}
	return ""
}

// serviceable are the reasons to be out that leave a server able to give its data to somebody.
var serviceable = map[string]bool{
	ha.ReasonSyncing.String(): true, ha.ReasonUnsynced.String(): true, ha.ReasonLink.String(): true,
	ha.ReasonLagging.String(): true, ha.ReasonUnmeasured.String(): true, ha.ReasonRole.String(): true,
	ha.ReasonWrongMaster.String(): true, ha.ReasonWritable.String(): true,
}

// dead tells whether no server of the group can serve anything, nor become its master.
func (g *statusGroup) dead() bool {
	return !slices.ContainsFunc(g.Servers, func(s statusServer) bool { return s.State != ha.Out.String() || serviceable[s.Reason] })
}

// refusalNote is what readiness says of masters that answer and refuse writes.
func (p *statusPool) refusalNote() string {
	var all []string
	for i := range p.Groups {
		for _, s := range p.Groups[i].Servers {
			if s.Refuses != "" && (p.Mode == "cluster" || s.Addr == p.Groups[i].Master) {
				all = append(all, fmt.Sprintf("%s of %s refuses writes: %s", s.Addr, p.Groups[i].Name, s.Refuses))
			}
		}
	}
	return strings.Join(all, "; ")
}

// writeStatus writes the status page to the log, what is wrong first.
func (p *proxy) writeStatus() {
	page := p.status()
	for _, x := range page.Problems {
		p.log.Info("problem", "severity", x.Severity, "pool", x.Pool, "group", x.Group, "server", x.Server,
			"what", x.What, "advice", x.Advice)
	}
	for i := range page.Pools {
		for j := range page.Pools[i].Groups {
			p.writeGroup(&page.Pools[i], &page.Pools[i].Groups[j])
		}
	}
	for _, v := range p.verdicts() {
		p.log.Info("readiness", "of", v.name, "bad", v.bad, "note", v.note)
	}
}

// writeGroup writes a group and its servers to the log.
func (p *proxy) writeGroup(pool *statusPool, g *statusGroup) {
	p.log.Info("group", "pool", pool.Name, "mode", pool.Mode, "group", g.Name, "state", g.State, "for", briefly(g.Since),
		"master", g.Master, "held", g.Held, "forbidden", g.Forbidden, "latched", g.Latched, "failovers", g.Failovers)
	for i := range g.Servers {
		s := &g.Servers[i]
		p.log.Info("server", "pool", pool.Name, "group", g.Name, "server", s.Addr, "role", s.Role, "reads", s.Reads,
			"state", s.State, "reason", s.Reason, "for", briefly(s.Since), "lag", s.lag(), "cause", s.Error)
	}
}
