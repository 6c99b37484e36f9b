package main

import (
	"context"
	"fmt"

	"huntaway/ha"
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
	states := p.states()
	for i := range s.Pools {
		p.pools[i].complete(&s.Pools[i], states)
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
func (s *served) complete(to *perf.PoolSnapshot, states map[member]ha.ServerStatus) {
	for i := range to.Groups {
		g := &to.Groups[i]
		ejects, last := s.ledger.ejections(g.Name)
		to.Ejects = ejects
		for j := range g.Servers {
			server := &g.Servers[j]
			server.EjectedAt = last
			if st, known := states[member{s.name, g.Name, server.Addr}]; known {
				server.State = stateOf(&st)
			}
		}
	}
}

// stateOf translates what the monitor thinks of a server.
func stateOf(st *ha.ServerStatus) perf.ServerState {
	if st.Ejected {
		return perf.StateEjected
	}
	switch st.State {
	case ha.Unknown:
		return perf.StateUnknown
	case ha.In, ha.Suspect, ha.Warming:
		return perf.StateUp
	}
	switch st.Reason {
	case ha.ReasonLagging, ha.ReasonUnmeasured, ha.ReasonLink:
		return perf.StateLagging
	case ha.ReasonLoading, ha.ReasonSyncing:
		return perf.StateLoading
	default:
		return perf.StateDown
	}
}

// verdicts says whether clients should be sent here. A pool is fit while one of its groups
// has a master that is not known to be out: were all groups demanded, one dead group would
// take every proxy out of a load balancer, and with it the groups that are well.
func (p *proxy) verdicts() []verdict {
	all := []verdict{{name: "accepting"}, {name: "event loops"}}
	if p.draining.Load() {
		all[0].bad = "draining"
	}
	if !p.engine.Alive() {
		all[1].bad = "one has not ticked for 5 s"
	}
	states := p.states()
	for _, s := range p.pools {
		all = append(all, s.verdict(states))
	}
	return all
}

// verdict says whether a pool can serve anything.
func (s *served) verdict(states map[member]ha.ServerStatus) verdict {
	v := verdict{name: "pool " + s.name}
	table := s.pool.Table()
	fit := 0
	for i := range table.Groups {
		g := &table.Groups[i]
		master := table.Server(g.Master)
		if master == nil {
			continue
		}
		if st, known := states[member{s.name, g.Name, master.Addr}]; !known || st.State != ha.Out {
			fit++
		}
	}
	if fit == 0 {
		v.bad = fmt.Sprintf("none of %s has a master that is well", plural(len(table.Groups), "group"))
	}
	return v
}

// writeStatus writes what is known of every server to the log, what is wrong first.
func (p *proxy) writeStatus() {
	all := p.monitor.Status()
	for _, well := range []bool{false, true} {
		for i := range all {
			if st := &all[i]; (st.State == ha.In) == well {
				p.log.Info("server", "pool", st.Pool, "group", st.Group, "server", st.Addr,
					"master", st.Master, "reads", st.Reader, "state", st.State.String(), "reason", st.Reason.String(),
					"for", st.For, "lag", st.Lag, "lag_bytes", st.LagBytes, "cause", st.Cause)
			}
		}
	}
	for _, v := range p.verdicts() {
		p.log.Info("readiness", "of", v.name, "bad", v.bad)
	}
}
