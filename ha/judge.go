package ha

import "huntaway/ha/vital"

// A verdict is what one piece of evidence says about a server. For a good one the
// reason is ReasonNone.
type verdict struct {
	weight weight // good, doubted or condemned
	reason Reason
}

// judgeFault is the verdict on a server that gave no answer to judge.
func judgeFault(f vital.Fault) verdict {
	switch f {
	case vital.FaultRefused:
		return verdict{condemned, ReasonDown}
	case vital.FaultLoading:
		return verdict{condemned, ReasonLoading}
	case vital.FaultAuth:
		return verdict{condemned, ReasonAuth}
	case vital.FaultTimeout:
		return verdict{doubted, ReasonSilent}
	case vital.FaultName:
		return verdict{doubted, ReasonName}
	case vital.FaultBusy:
		return verdict{doubted, ReasonBusy}
	default:
		return verdict{doubted, ReasonOther}
	}
}

// judgeMaster is the verdict on the group's master. A busy one is alive.
func judgeMaster(ev Event) verdict {
	switch {
	case ev.Fault == vital.FaultBusy:
		return verdict{good, ReasonNone}
	case ev.Fault != vital.FaultNone:
		return judgeFault(ev.Fault)
	case ev.Repl.Replica:
		return verdict{condemned, ReasonRole}
	}
	return verdict{good, ReasonNone}
}

// judgeReplica is the verdict on what s, which is not the group's master, last answered:
// first what it says of itself, then what its master says about that, last how far it is behind.
func (d *Detector) judgeReplica(s *server) verdict {
	s.measured = false
	switch r := &s.repl; {
	case !r.Replica && s.heir:
		return verdict{good, ReasonNone}
	case !r.Replica:
		return verdict{condemned, ReasonRole}
	case r.Writable:
		return verdict{condemned, ReasonWritable}
	case r.Syncing:
		return verdict{condemned, ReasonSyncing}
	case r.Unsynced():
		return verdict{condemned, ReasonUnsynced}
	case r.Stale:
		return verdict{condemned, ReasonLink}
	case s.group.foreign(r):
		return verdict{condemned, ReasonWrongMaster}
	}
	if v := s.group.judgeLink(s); v.weight != good {
		return v
	}
	if v := s.group.judgeLineage(s); v.weight != good {
		return v
	}
	return d.judgeLag(s)
}

// judgeLink excuses a broken link while nobody has seen the master alive since it broke.
func (g *group) judgeLink(s *server) verdict {
	switch {
	case s.linkDownAt == 0, g.master == nil:
		return verdict{good, ReasonNone}
	case g.aliveAt >= s.linkDownAt:
		return verdict{condemned, ReasonLink}
	case g.deadAt >= s.linkDownAt:
		return verdict{good, ReasonNone}
	}
	return verdict{doubted, ReasonLink}
}

// judgeLineage condemns another lineage than the master's once the master has been asked
// again: the two answers may stand on either side of a change of the master's.
func (g *group) judgeLineage(s *server) verdict {
	switch {
	case s.strangerAt == 0:
		return verdict{good, ReasonNone}
	case max(g.aliveAt, g.deadAt) >= s.strangerAt:
		return verdict{condemned, ReasonWrongMaster}
	}
	return verdict{doubted, ReasonWrongMaster}
}

// judgeLag holds what measure found against the limits. A lag that cannot be bounded, because s
// is below every sample or there is none, is tolerated in a server that serves already (it
// will cross the limit as time passes) and keeps out one that does not.
func (d *Detector) judgeLag(s *server) verdict {
	measured := s.measure()
	s.measured = measured || s.lag > 0 || s.behind > 0
	l := d.limits
	switch {
	case l.MaxLagBytes > 0 && s.behind > l.MaxLagBytes, l.MaxLag > 0 && s.lag > l.MaxLag:
		return verdict{condemned, ReasonLagging}
	case !measured && l.MaxLag > 0 && s.state != In && s.state != Suspect:
		return verdict{doubted, ReasonUnmeasured}
	}
	return verdict{good, ReasonNone}
}

// measure works out how far s is behind, from its newest answer. It reports false when the
// lag is at least s.lag and nobody knows how much more.
//
// Only samples that were in hand before s was asked count. Behind one of them, the lag is
// counted to the present (an upper bound, by at most a probe interval too much), or, while
// the master does not answer, to its last answer: what it has not acknowledged nobody lacks.
// Without any sample of a master that does not answer, the furthest replica stands in for it.
func (s *server) measure() bool {
	g := s.group
	ref, ok := g.samples.reachedBy(s.askedAt)
	if !ok {
		s.behind, s.lag = g.furthest(s.repl.ID)-s.repl.Offset, 0
		return g.master == nil || g.silent()
	}
	s.behind, s.lag = max(0, ref.offset-s.repl.Offset), 0
	if s.behind == 0 {
		return true
	}
	until := s.askedAt
	if g.silent() {
		until = ref.sentAt
	}
	covered := g.samples.covered(s.repl.ID, s.repl.Offset)
	measured := covered > 0
	if !measured {
		covered = g.samples.at(0).sentAt
	}
	s.lag = max(0, until-covered)
	return measured
}

// furthest returns the greatest offset that any replica of the lineage has reported.
func (g *group) furthest(lineage string) int64 {
	var most int64
	for _, s := range g.members {
		if s.answered && s.repl.Replica && s.repl.ID == lineage {
			most = max(most, s.repl.Offset)
		}
	}
	return most
}
