package failover

import (
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// reviewHealthy looks whether the master is still what it should be.
func (m *Machine) reviewHealthy() {
	if m.succeeded() || m.belated() || m.condemned() {
		return
	}
	if why := m.questionable(); why != "" {
		m.suspect(why)
		return
	}
	m.calm()
	m.accept()
	m.leaveMark()
	m.watchThin()
	m.realign()
}

// belated follows whom Sentinel promotes after a switchover that was given up, as soon as that
// can be seen: nothing is held meanwhile, and what the old master takes from then on is lost.
func (m *Machine) belated() bool {
	if m.now >= m.peers.announced.pardoned {
		return false
	}
	m.ask()
	return m.elevated()
}

// condemned calls a master in question that answers and is of no use all the same, or has status say why that is not done.
func (m *Machine) condemned() bool {
	c, why := m.verdict()
	useless := c == causeMisconf || c == causeBusy
	m.permit.forbidden = ""
	if useless && m.o.Mode == Local {
		m.permit.forbidden = m.prohibited()
	}
	switch {
	case !useless:
		m.permit.planned = false
	case m.permit.forbidden != "" || m.o.Mode != Local:
	case m.o.DryRun:
		m.plan(why)
	default:
		m.suspect(why)
		return true
	}
	return false
}

// reviewSuspect waits for the master's answer, for a successor, or for the certainty
// that it is dead.
func (m *Machine) reviewSuspect() {
	m.ask()
	if m.succeeded() {
		return
	}
	by, doubtful := m.mistrusted()
	if m.state != Suspect {
		return
	}
	c, why := m.verdict()
	if c == causeNone && doubtful {
		m.shelter(by)
		return
	}
	if c == causeNone && m.alive() {
		m.recovered()
		return
	}
	m.infer()
	m.inquire()
	m.arbiterFence()
	m.restore()
	m.permit.forbidden = ""
	if c != causeNone {
		m.permit.forbidden = m.prohibited()
	}
	switch {
	case c == causeNone:
		m.shelter(nil)
	case m.permit.forbidden != "":
		m.shelter(by)
		if c.answers() && !doubtful && m.alive() {
			m.recovered()
		}
	default:
		m.decide(c, why)
	}
}

// recovered goes back to the master that was called in question.
func (m *Machine) recovered() {
	b := m.member(m.master)
	m.permit.forbidden, m.doubt.lostAt, m.round.notBefore = "", 0, 0
	if m.doubt.why == stalling && m.now-m.doubt.at < promptly {
		m.doubt.pardonUntil = m.now + pardonTime
	}
	if m.table.tabled != m.master {
		if !m.refusedLately(b) {
			m.follow(b, "the state file says so")
			m.heir.vouched = true
		}
		return
	}
	m.on(answered, Transition{What: "the master is alive", Why: b.Addr + " has answered after " + span(m.now-m.doubt.at), Loss: -1})
	m.takeBack()
	m.accept()
	m.readmit()
}

// decide begins a failover, or says what it would be.
func (m *Machine) decide(c cause, why string) {
	if m.o.DryRun {
		m.plan(why)
		m.permit.forbidden = "dry run"
		return
	}
	m.freeze(c, why)
}

// plan says once for each outage what a dry run would do.
func (m *Machine) plan(why string) {
	if !m.permit.planned {
		m.permit.planned = true
		m.warn("dry run: would promote "+m.name(m.bestGuess()), why)
	}
}

// prohibited returns what forbids this machine to begin a failover now, "" when nothing does.
func (m *Machine) prohibited() string {
	switch {
	case m.o.Mode != Local:
		return "the mode is " + m.o.Mode.String()
	case m.disk.intent.Latched != "":
		return "latched: " + m.disk.intent.Latched
	case m.disk.saving.err != nil:
		return "the state file cannot be written: " + m.disk.saving.err.Error()
	case m.now < m.round.notBefore:
		return "the last attempt has failed; the next is due in " + span(m.round.notBefore-m.now)
	case m.now < m.clock.tiltUntil:
		return "this process stood still; evidence is gathered anew for another " + span(m.clock.tiltUntil-m.now)
	case m.stoodDown():
		return "another monitor is active: " + m.peers.rival
	case m.peers.reached*2 < m.peers.others:
		return fmt.Sprintf("only %d of %d other servers can be reached: it may be us who are cut off", m.peers.reached, m.peers.others)
	}
	return m.unseemly()
}

// lastHour returns what of times is not older than that.
func (m *Machine) lastHour(times []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(times), func(at int64) bool { return m.now-at > hour })
}

// unseemly returns what forbids a failover so soon, or at all.
func (m *Machine) unseemly() string {
	m.permit.recent = m.lastHour(m.permit.recent)
	if n := len(m.permit.recent); n > 0 && m.now-m.permit.recent[n-1] < m.o.MinInterval {
		return "the last failover was " + span(m.now-m.permit.recent[n-1]) + " ago"
	}
	if len(m.permit.recent) >= m.o.HourlyCap {
		m.latch(fmt.Sprintf("%d failovers within an hour", len(m.permit.recent)))
		return "latched: " + m.disk.intent.Latched
	}
	if m.known.Lineage == "" {
		return "it is not known what data the master had"
	}
	if m.isEarly() {
		return "the replicas were started a moment ago, and the master may be starting"
	}
	if m.bestGuess() < 0 {
		return "no server could take over" + m.objections()
	}
	if n, need := m.reachable(), m.quorum(len(m.members)-1); n < need {
		return fmt.Sprintf("%d servers with the group's data answer, %d are needed to have every write that WAIT %d acknowledged",
			n, need, m.o.WaitK)
	}
	return ""
}

// reachable counts the servers besides the master that would be detached and seem able
// to answer.
func (m *Machine) reachable() (n int) {
	for _, b := range m.members {
		if b.ID != m.master && b.fault == vital.FaultNone && b.sent != 0 && (m.related(&b.repl) || m.bearsMark(b)) {
			n++
		}
	}
	return n
}

// latch turns automatic failover off until an operator turns it on.
func (m *Machine) latch(why string) {
	m.disk.intent.Latched = why
	m.save()
	m.warn("automatic failover is off until it is released", why)
}
