package failover

import (
	"fmt"
	"strings"

	"huntaway/ha/vital"
)

// A round is one failover, from Freezing to its publication or its end.
type round struct {
	cause     cause
	why       string // the evidence
	at        int64  // when it was begun
	force     int32  // whom an operator wants to be master, -1: whoever is best
	looked    bool   // the last look at the old master is done
	counted   bool   // it stands in recent
	candidate int32  // who is being promoted, -1: nobody yet
	tries     int    // how often it was begun in this outage
	notBefore int64  // when the next may be begun, after this one has come to nothing
	from      int32  // with handed: who was master before
	handed    bool   // it is a switchover by FAILOVER, which leaves the servers' files as they were
	deposes   bool   // it is one without: the old master says that it is master until it is told otherwise
	proven    bool   // the candidate has said that it is master with what it must have
	chainedAt int64  // when a sibling was last pointed at the candidate; 0: none was
	misfiled  int    // how often their files could not be rewritten
	refileAt  int64  // when that is tried again; 0: it is not
	stand     past   // in a switchover: as in hand
	waitsFor  int64  // since when the new master has refused writes for want of replicas; 0: it has not
	pressedAt int64  // when somebody who has more than all who stand still was first told again to follow nobody; 0: nobody was
	chosenAt  int64  // when the candidate was; 0: in a switchover
	needy     bool   // it does so still, and is published all the same
	few       int    // with so many
	number    uint64 // the epoch that it was given, or was to be
}

// freeze begins a failover: the intent is persisted and the old master fenced off, at
// the same time.
func (m *Machine) freeze(c cause, why string) {
	m.round = round{cause: c, why: why, at: m.now, force: m.round.force, candidate: -1, tries: m.round.tries + 1}
	m.settling.remarks, m.marks.untried = nil, ""
	m.hold()
	m.on(dead, Transition{What: "the master is dead", Why: m.name(m.master) + ": " + why, Loss: -1})
	for _, b := range m.members {
		b.snapshot()
	}
	m.begin("freezing", -1)
	m.fence(-1)
}

// reviewFreezing waits for the fence and for the state file.
func (m *Machine) reviewFreezing() {
	if m.takenBack() {
		return
	}
	err, over := m.fate(Fence)
	if err == nil {
		err = m.unsavable()
	}
	switch {
	case err != nil:
		m.retreat("the failover is not begun", err.Error())
	case over && m.isSaved():
		m.on(ready, Transition{What: "the old master is fenced off", Why: "its connections are closed, the intent is on disk", Loss: -1})
		m.revoke()
	case m.now-m.round.at >= second: // it lasts, and whoever comes up at its address they would copy
		m.shelter(nil)
	}
}

// takenBack goes back to Suspect when the old master has answered after all. Nobody has been promoted so far, and who was
// detached follows it again.
func (m *Machine) takenBack() bool {
	if m.round.cause.answers() || !m.provesItself() {
		return false
	}
	m.on(answered, Transition{What: "the master has answered at the last moment", Why: m.name(m.master), Loss: -1})
	m.takeBack()
	return true
}

// provesItself tells whether the old master has answered since the failover was begun,
// and is the one that it was.
func (m *Machine) provesItself() bool {
	b := m.member(m.master)
	return m.isMaster(b) && b.sent >= m.round.at && !m.replaced(b)
}

// retreat gives up before anything was touched.
func (m *Machine) retreat(what, why string) {
	m.doubt.at, m.round.notBefore = m.now, m.now+m.round.pause()
	m.on(failed, Transition{What: what, Why: why, Loss: -1})
	m.takeBack()
}

// revoke takes the last look at the old master, unless its answer would prove nothing.
func (m *Machine) revoke() {
	m.round.looked = m.round.cause.answers() || m.master < 0
	if !m.round.looked {
		m.order(Inspect, m.master, m.o.LastLook)
		return
	}
	m.detachAll()
}

// detachAll tells every server with the group's data to follow nobody, so that its
// offset stands still. The old master is among them when it is a replica itself.
func (m *Machine) detachAll() {
	m.known.guessed = false // whoever answers as the old master from now on is measured by it
	for _, b := range m.members {
		b.frozen, b.declined = false, ""
		if m.detachable(b) {
			b.detachedAt = m.now
			if b.repl.Failover == inProgress { // it refuses REPLICAOF until then
				m.loose(Abort, b.ID, -1)
			}
			m.order(Detach, b.ID, m.o.Revoke)
		}
	}
}

// restand detaches again who stood still and has started again since, so that another process has to say how it stands; it
// tells whether there was one.
func (m *Machine) restand() (again bool) {
	for _, b := range m.members {
		if !b.frozen || b.stands() {
			continue
		}
		if b.frozen = false; m.detachable(b) {
			again = true
			m.order(Detach, b.ID, m.o.Revoke)
		}
	}
	return again
}

// detachable tells whether a server may be detached, and has answered its newest probe: somebody else may answer there by now.
func (m *Machine) detachable(b *member) bool {
	return b.sent != 0 && b.fault == vital.FaultNone && m.concerned(b)
}

// concerned tells whether a server is detached in a failover: strangers are never touched, nor the old master when it has copied
// one.
func (m *Machine) concerned(b *member) bool {
	switch {
	case b.excluded:
		return false
	case m.round.force == b.ID:
		return true
	case m.led(b) && m.later(b):
		return false
	case b.ID == m.master && m.round.cause != causeHeadless && !(b.repl.Replica && b.sent >= m.round.at): // it is back as one
		return false
	case b.ID == m.master && !b.repl.LinkUp: // it has yet to copy whom it follows
		return true
	}
	return m.related(&b.repl) || m.bearsMark(b)
}

// related tells whether data are the group's: of its lineage, or of that before or after it.
func (m *Machine) related(r *vital.Replication) bool { return m.carriesOn(r) || m.precedes(r) }

// reviewRevoking waits for the last look, then for the replicas.
func (m *Machine) reviewRevoking() {
	if !m.round.looked {
		if m.takenBack() || m.waiting() {
			return
		}
		m.round.looked = true
		m.detachAll()
	}
	if m.round.pressedAt != 0 {
		m.ask()
		if m.takenBack() {
			return
		}
	}
	if m.waiting() || m.restand() || m.press() {
		return
	}
	asked, got := 0, 0
	for _, b := range m.members {
		if b.ID != m.master || b.frozen { // one that is a replica now is one of them
			asked++
		}
		if b.frozen {
			got++
		}
	}
	what := fmt.Sprintf("%d of %d replicas stand still", got, asked)
	switch need := m.quorum(asked); {
	case got == 0:
		m.stick("no replica acknowledged that it follows nobody" + m.decliners())
	case got < need:
		m.stick(fmt.Sprintf("%s, %d are needed to have every write that WAIT %d acknowledged%s", what, need, m.o.WaitK, m.decliners()))
	default:
		m.on(ready, Transition{What: "the replicas stand still", Why: what, Loss: -1})
	}
}

// decliners says who refused to stand still, and in which words.
func (m *Machine) decliners() string {
	var all strings.Builder
	for _, b := range m.members {
		if b.declined != "" {
			fmt.Fprintf(&all, "; %s: %s", b.Addr, b.declined)
		}
	}
	return all.String()
}

// quorum returns how many of so many replicas must stand still, so that one of them has every
// write that WaitK replicas acknowledged.
func (m *Machine) quorum(replicas int) int {
	if m.o.WaitK == 0 || m.round.force >= 0 {
		return 1
	}
	return max(1, replicas-m.o.WaitK+1)
}

// stick gives up after replicas were touched: they are pointed at the old master again if it answers, and
// else when it does.
func (m *Machine) stick(why string) {
	m.on(failed, Transition{What: "nobody can be promoted", Why: why, Loss: -1})
	if m.round.counted { // what has made nobody master is no failover that others must keep away from
		m.round.counted, m.permit.recent = false, m.permit.recent[:max(0, len(m.permit.recent)-1)]
	}
	m.takeBack()
	m.round.force, m.round.candidate = -1, -1
	for _, b := range m.members {
		b.again = 0
	}
	m.restore()
	m.giveUpWish(why)
}

// pause is how long to wait in Stuck before the next attempt.
func (r *round) pause() int64 { return retryEvery << min(max(r.tries-1, 0), 4) }

// reviewStuck waits for the old master's return, for a successor, or for a candidate.
func (m *Machine) reviewStuck() {
	m.ask()
	if m.succeeded() {
		return
	}
	c, why := m.verdict()
	if c == causeNone && m.alive() {
		m.recovered()
		return
	}
	m.inquire()
	m.restore()
	m.shelter(nil)
	m.permit.forbidden = ""
	if c == causeNone || m.now-m.clock.since < m.round.pause() {
		return
	}
	if m.permit.forbidden = m.prohibited(); m.permit.forbidden == "" {
		m.decide(c, why)
	}
}
