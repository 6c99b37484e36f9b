package failover

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"huntaway/ha/vital"
)

// reviewSelecting chooses among the servers that stand still, and waits until the state file says who was
// chosen. After a candidate failed the others were detached anew, and that is awaited first.
func (m *Machine) reviewSelecting() {
	if m.waiting() {
		return
	}
	if err, _ := m.fate(Fence); err != nil {
		m.stick("the old master could not be fenced off: " + err.Error())
		return
	}
	if m.round.candidate < 0 {
		if m.restand() || m.press() {
			return
		}
		best := m.choose()
		if best == nil {
			m.stick(strings.TrimPrefix(m.refusals(), "; "))
			return
		}
		m.round.candidate = best.ID
		m.begin("promoting", best.ID)
	}
	switch err := m.unsavable(); {
	case err != nil:
		m.stick("the state file cannot be written: " + err.Error())
	case m.isSaved() && m.press(): // somebody who has more has answered meanwhile
		m.round.candidate = -1
	case m.isSaved():
		m.elevate(m.member(m.round.candidate))
	}
}

// elevate has the chosen one be made master.
func (m *Machine) elevate(best *member) {
	m.on(ready, Transition{What: best.Addr + " is chosen", Why: m.comparison(best), Loss: -1})
	if !m.round.counted {
		m.round.counted = true
		m.permit.recent = append(m.permit.recent, m.now)
	}
	m.round.chosenAt = m.now
	m.order(Promote, best.ID, m.o.Promote)
}

// refusals says of every server why it was not chosen.
func (m *Machine) refusals() string {
	var all strings.Builder
	for _, b := range m.members {
		if b.why != "" && b.ID != m.master {
			fmt.Fprintf(&all, "; %s: %s", b.Addr, b.why)
		}
	}
	return all.String()
}

// comparison says how the chosen one stands, and the others.
func (m *Machine) comparison(best *member) string {
	var all strings.Builder
	fmt.Fprintf(&all, "offset %d of lineage %s", best.stand.Offset, best.stand.ID)
	for _, b := range m.members {
		if b != best && b.frozen {
			fmt.Fprintf(&all, "; %s: %d of %s", b.Addr, b.stand.Offset, b.stand.ID)
		}
	}
	return all.String() + m.refusals() + m.spellPassed(best, &best.stand)
}

// reviewPromoting waits for the candidate to be master.
func (m *Machine) reviewPromoting() {
	ev, over := m.outcome(Promote, m.round.candidate)
	switch {
	case !over, m.persevere(ev, func() { m.order(Promote, m.round.candidate, m.o.DownSilence/2) }):
	case ev.Err != nil:
		m.nextCandidate("could not be promoted", ev.Err.Error(), false)
	default:
		m.on(ready, Transition{What: m.name(m.round.candidate) + " is promoted", Why: "it says so", Loss: -1})
		m.verify()
	}
}

// reviewProving waits until the new master has said what it is, and the state file says which lineage it
// has begun: a sibling that has gone over to that lineage does not tell itself how much of the one before it has.
func (m *Machine) reviewProving() {
	ev, over := m.outcome(Inspect, m.round.candidate)
	if !over {
		return
	}
	if !m.round.proven {
		if m.persevere(ev, func() { m.order(Inspect, m.round.candidate, m.o.DownSilence/2) }) {
			return
		}
		if wrong := m.disproved(ev); wrong != nil {
			m.verifyFailed(ev, wrong)
			return
		}
		m.round.proven = true
		m.recordHeir(&ev.Repl)
	}
	if !m.isSaved() && m.unsavable() == nil {
		return
	}
	m.on(ready, Transition{What: m.name(m.round.candidate) + " has proved itself", Why: "it says that it is master, with all that it had", Loss: -1})
	m.reverify(m.o.Promote)
}

// chain points one of those that stand still at the new master, which takes no write without a replica; the next
// when that has not helped in Chain. It is the one with least to lose: what the new master has at its next look
// is what it was proved to have, but it may fall in between and come back without, and its replicas ask it by
// themselves. All others are told to follow it when it is published.
func (m *Machine) chain() {
	if m.round.chainedAt != 0 && m.now-m.round.chainedAt < m.o.Chain || !m.isSaved() {
		return
	}
	var least *member
	for _, b := range m.members {
		if m.idle(b) && (least == nil || m.better(least, b, least.has(), b.has())) {
			least = b
		}
	}
	if least != nil {
		m.round.chainedAt, least.frozen, least.spare, least.lent = m.now, false, false, true
		m.orderTo(Follow, least.ID, m.round.candidate, m.o.Chain)
	}
}

// recall detaches the siblings that were pointed at a new master of a switchover, which has not proved itself and may
// come back with less. They follow the old one again when that answers.
func (m *Machine) recall() {
	for _, b := range m.members {
		if b.lent && b.stoodAsIs() { // another process was told nothing, and may be anybody's
			b.detachedAt = m.now
			m.loose(Detach, b.ID, -1)
		}
		b.lent = false
	}
}

// idle tells whether a server may be pointed at the new master before that is published: it stands still
// with nothing that the new master lacks, or the old one, which is deposed after that, has all that it has.
func (m *Machine) idle(b *member) bool {
	best := m.member(m.round.candidate)
	if b == best || best == nil || !b.stoodAsIs() {
		return false
	}
	return b.spare || b.frozen && m.worthFor(&best.repl, past{Lineage: b.stand.ID, said: b.stand.Offset}).whole
}

// has returns what a server that is idle has.
func (b *member) has() vital.Replication {
	if b.frozen {
		return b.stand
	}
	return b.repl
}

// unaided tells whether nobody can make the new master take writes before it is published: nobody may be
// pointed at it, and it has no old one that follows it by itself, as after FAILOVER.
func (m *Machine) unaided() bool {
	return !m.round.handed && m.round.chainedAt == 0 && !slices.ContainsFunc(m.members, m.idle)
}

// recordHeir has the state file say which lineage the new master's carries on, and how much of it.
func (m *Machine) recordHeir(r *vital.Replication) {
	stand := m.stoodAt(m.member(m.round.candidate))
	if r.ID == stand.Lineage || stand.Lineage == "" {
		return
	}
	m.descends(r.ID, descent{stand.Lineage, m.share(r, stand.Lineage), false})
	m.records.heirs = append(m.records.heirs, r.ID)
	m.records.heirs = m.records.heirs[max(0, len(m.records.heirs)-heirsMost):]
	m.disk.intent = m.standing()
	m.save()
}

// nextCandidate goes back to choosing, without the one that failed unless it is to be tried again. The others are
// detached anew, for one may follow that one by now.
func (m *Machine) nextCandidate(what, why string, again bool) {
	b := m.member(m.round.candidate)
	if b != nil && !again {
		b.excluded, b.failure, b.frozen = true, what+": "+why, false
	}
	m.on(failed, Transition{What: m.name(m.round.candidate) + " " + what, Why: why, Loss: -1})
	m.round.candidate, m.round.proven, m.round.chainedAt, m.round.waitsFor = -1, false, 0, 0
	m.detachAll()
}

// verify has the new master say what it is, before it is given the group's mark: another one may
// answer at its address by now.
func (m *Machine) verify() { m.order(Inspect, m.round.candidate, m.o.Promote) }

// reverify has the new master take a write. What it is asked again for is the same number: it may have taken it without its
// answer having come, and with a later one it would pass for another process's master where it is given up.
func (m *Machine) reverify(within int64) {
	b := m.member(m.round.candidate)
	next := m.next()
	anew := next > m.round.number
	m.round.number = max(next, m.round.number)
	m.launch(ofState, Action{Kind: Order, Op: Verify, Server: m.round.candidate, Target: -1, Epoch: m.round.number, Certain: m.derives(b), Anew: anew,
		RunID: b.repl.RunID, Within: within})
}

// reviewVerifying waits until the new master has proved itself: in a switchover it says first what it is.
func (m *Machine) reviewVerifying() {
	ev, over := m.outcome(Verify, m.round.candidate)
	if !over && !m.waiting() {
		m.introduced()
		return
	}
	if !over || m.now < m.pending.retryAt {
		return
	}
	switch wrong := m.disproved(ev); {
	case (wrong == nil || noReplicas(wrong) || isBarred(wrong)) && m.member(m.round.candidate).sent < m.clock.wokeAt: // it may be another process by now
		m.pending.outcomes = nil
		m.reverify(m.o.Promote)
	case wrong == nil:
		m.publish(m.round.candidate, ev.Repl, m.round.why)
	case isBarred(wrong) && ev.Repl.ID != "": // as everybody may, and each who is made master in vain is one more beside the group's
		m.publish(m.round.candidate, ev.Repl, m.round.why+"; it could not be tried: "+refusalIn(wrong))
	case m.persevere(ev, func() { m.reverify(m.o.DownSilence / 2) }):
	case !noReplicas(wrong):
		m.verifyFailed(ev, wrong)
	case m.round.waitsFor != 0 && m.now-m.round.waitsFor >= m.o.Writable, m.unaided():
		m.round.needy, m.round.few = true, inStep(&ev.Repl, promptLag)
		m.publish(m.round.candidate, ev.Repl, wrong.Error())
	case m.pending.retryAt == 0:
		m.round.waitsFor = first(m.round.waitsFor, m.now)
		m.chain()
		m.pending.retryAt = m.now + askEvery
	default:
		m.pending.outcomes, m.pending.retryAt = nil, 0
		m.reverify(m.o.Promote)
	}
}

// introduced takes what the new master says of itself.
func (m *Machine) introduced() {
	ev, _ := m.outcome(Inspect, m.round.candidate)
	if wrong := m.disproved(ev); wrong != nil {
		m.verifyFailed(ev, wrong)
		return
	}
	m.reverify(m.o.Promote)
}

// verifyFailed goes on without the new master, which may have been given the mark of the next epoch
// and is not published in that: to the next candidate, or, after a switchover, to the old
// master, which lacks nothing. It has not been told to follow anybody; after FAILOVER it is a
// replica by itself, and is kept from copying what has come back in the new one's place. Should the old one be gone by then the new
// one is chosen again, if it has only been slow: nobody else need have everything.
func (m *Machine) verifyFailed(ev Event, wrong error) {
	m.skip(m.round.number)
	old := m.member(m.master)
	switch why := m.name(m.round.candidate) + " took over and did not prove itself: " + wrong.Error(); {
	case m.round.deposes, m.round.handed && (old == nil || !old.repl.Replica && m.hand.aborting):
		m.recall()
		m.loose(Unpause, m.master, -1)
		m.suspect(why)
	case m.round.handed:
		m.round.cause, m.round.why, m.round.handed = causeHeadless, why, false
		for _, b := range m.members {
			b.snapshot()
		}
		m.nextCandidate(m.failing(ev), wrong.Error(), isSilence(ev.Err))
		m.fence(-1)
	default:
		m.nextCandidate(m.failing(ev), wrong.Error(), false)
	}
}

// failing says in which way the new master has failed.
func (m *Machine) failing(ev Event) string {
	switch {
	case !m.round.proven:
		return "did not prove itself"
	case refusalIn(ev.Err) != "":
		return "refused the write that it was tried with"
	}
	return "took over and does not go on with it"
}

// noReplicas tells whether a write was refused because min-replicas-to-write is not met, which
// is so until siblings have linked.
func noReplicas(err error) bool { return strings.Contains(err.Error(), "NOREPLICAS") }

// disproved returns why the new master is not to be believed, nil when it is.
func (m *Machine) disproved(ev Event) error {
	r := &ev.Repl
	stand := m.stoodAt(m.member(m.round.candidate))
	switch {
	case ev.Err != nil && !noReplicas(ev.Err) && !isBarred(ev.Err):
		return ev.Err
	case r.ID == "" && ev.Err == nil:
		return errors.New("it did not say what its data are")
	case r.ID == "":
	case r.Replica:
		return errors.New("it says that it is a replica of " + r.Master)
	case m.round.force < 0 && !m.continues(r, stand):
		return fmt.Errorf("its lineage is %s up to %d, before that %s up to %d; want all of %s up to %d",
			r.ID, r.Offset, r.SecondID, r.SecondOffset, stand.Lineage, stand.Offset)
	}
	return ev.Err
}

// continues tells whether the data r have all of what stood there. A process that was seen standing
// there has it whatever it calls its lineage: one without a backlog begins a new one for its first
// replica, and forgets the one before.
func (m *Machine) continues(r *vital.Replication, stood past) bool {
	itself := stood.RunID != "" && r.RunID == stood.RunID && r.Offset >= stood.Offset
	if itself && m.share(r, stood.Lineage) < 0 {
		m.descends(r.ID, descent{stood.Lineage, stood.Offset, true})
	}
	return stood.Lineage == "" || itself || m.share(r, stood.Lineage) >= stood.Offset
}

// stoodAt returns what a candidate must have: what it had when it was chosen, or, in a switchover,
// where nobody was detached, what the old master had.
func (m *Machine) stoodAt(candidate *member) past {
	switch {
	case candidate != nil && candidate.frozen:
		return past{RunID: candidate.stand.RunID, Lineage: candidate.stand.ID, Offset: candidate.stand.Offset}
	case m.round.stand.Lineage != "":
		return m.round.stand
	}
	return past{Lineage: m.known.Lineage}
}
