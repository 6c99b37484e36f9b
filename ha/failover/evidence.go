package failover

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"huntaway/ha/vital"
)

// witnessSilence is how long a replica must have heard nothing from a master for that to count
// as a sign of its death, while the link stands: a hung master keeps its links.
const witnessSilence = 3 * time.Second

// A cause is a way in which a master can be dead.
type cause uint8

const (
	causeNone     cause = iota
	causeRefused        // nobody listens there
	causeSilence        // nothing comes from there
	causeMisconf        // it cannot save its data and takes no writes
	causeBusy           // it runs a script without end
	causeReplaced       // another process answers there, which lacks the data
	causeHeadless       // it is no master any more, and nobody else is
	causeForced         // an operator says so
)

// answers tells whether the master may answer in spite of the cause, so that its answer takes
// nothing back.
func (c cause) answers() bool { return c >= causeMisconf }

// probed takes the end of a probe.
func (m *Machine) probed(ev Event) {
	b := m.entry(ev.Server)
	switch {
	case b == nil:
	case ev.Fault == vital.FaultNone, ev.Fault == vital.FaultMisconf && ev.Repl.ID != "" && b.ID != m.master:
		m.heard(b, ev)
	default:
		b.failed(ev)
	}
	if b != nil {
		m.noteSaving(b)
	}
	m.settleAliases()
}

// noteSaving says once that a server cannot save its data, and that it can again. Of one that says neither what was said
// last stands.
func (m *Machine) noteSaving(b *member) {
	cannot := b.unsaving || b.fault == vital.FaultMisconf
	if cannot == b.saidUnsaving || !cannot && b.fault != vital.FaultNone {
		return
	}
	if b.saidUnsaving = cannot; cannot {
		m.warn(b.Addr+" "+cannotSave, m.withoutSaving(b))
	} else {
		m.note(b.Addr+" can save its data again", "")
	}
}

// accused takes what the data path noticed of the master: it is looked at.
func (m *Machine) accused(ev Event) {
	if ev.Server == m.master && (m.state == Healthy || m.state == Settling) {
		m.doubt.lostAt = m.now
		m.do(Action{Kind: Ask, Server: ev.Server})
		m.beware()
	}
}

// beware holds the group until the master has been looked at: who answers at its address now
// may be another process, without the data or with somebody else's, and the data path dials
// again at once. Nothing is said of it, for mostly a server has closed an idle connection.
func (m *Machine) beware() {
	if (m.state == Healthy || m.state == Settling) && m.o.Mode != Observe {
		m.holds.unverified = true
		m.hold()
	}
}

// readmit lets writes go to the master that was settled on, if that has just said what it is. Otherwise it may be another
// process by now, which the data path has no link to that would break, and is asked once more.
func (m *Machine) readmit() {
	if b := m.member(m.master); b != nil && m.now-b.heardAt > pollEvery && m.o.Mode != Observe {
		m.doubt.lostAt = m.now
		m.do(Action{Kind: Ask, Server: b.ID})
		m.beware()
	}
	m.release()
}

// calm ends that when a probe that was sent since has found the master well enough.
func (m *Machine) calm() {
	b := m.member(m.master)
	m.countReplicas(b)
	looked := m.fresh(b) && b.sent > m.doubt.lostAt ||
		b != nil && b.fault != vital.FaultNone && b.fault.Alive() && !b.ended && b.told > m.doubt.lostAt && !m.exchanged(b)
	if m.holds.unverified && looked {
		m.holds.unverified = false
		m.release()
	}
}

// stalled takes that the master owes replies and is silent.
func (m *Machine) stalled(ev Event) {
	switch {
	case ev.Server != m.master || m.state != Healthy && m.state != Settling:
	case m.now < m.doubt.pardonUntil:
		m.do(Action{Kind: Ask, Server: ev.Server})
	default:
		m.suspect(stalling)
	}
}

// stalling is the doubt of a master that is slow to answer the data path. One that
// answers probes at once all the same (its writes are paused, or it works on something
// long) is not called in question for it again for a while, or the group would be held
// and released all the time.
const (
	stalling   = "it owes replies and is silent"
	promptly   = second / 2
	pardonTime = 10 * second
)

// suspect calls the master in question.
func (m *Machine) suspect(why string) {
	m.doubt.why, m.doubt.at, m.permit.planned = why, m.now, false
	m.round.tries = 0
	m.clock.asked = 0
	m.giveUpWish(why)
	m.hold()
	m.ask()
	what := "the master may be dead"
	if m.outranked() != nil {
		what = "the master was replaced"
	}
	m.on(doubted, Transition{What: what, Why: m.name(m.master) + ": " + why, Loss: -1})
}

// questionable returns what speaks against the master, "" when nothing does.
func (m *Machine) questionable() string {
	b := m.member(m.master)
	switch {
	case b == nil:
		return "there is none"
	case b.refused > 0:
		return "it refuses connections"
	case b.fault == vital.FaultLoading && b.failSince != 0:
		return "it loads its data"
	case b.missed >= 2:
		return "it has missed two probes"
	case b.missed > 0 && m.doubt.lostAt != 0 && m.now-m.doubt.lostAt < freshFor:
		return "it was lost and misses probes"
	case !m.fresh(b):
		return ""
	case b.repl.Replica:
		return "it says that it is a replica of " + b.repl.Master
	case m.replaced(b):
		return "another process answers, which lacks the data"
	case m.unasked(b):
		return "another process answers, and the others are asked what they have"
	case m.awaited(b):
		return "another process answers, and nothing shows that it has the data; who has them is waited for"
	}
	if by := m.outranked(); by != nil {
		return m.spellOutranked(by)
	}
	return ""
}

// alive tells whether the master has proved itself since it was called in question: it
// answered a probe that was sent since then, or complained of something that only a living one does,
// and has not ended in between: then it may be anybody who complains. An answer that is heard late, as this process has stood
// still, says nothing of now, nor is it held against what was known.
func (m *Machine) alive() bool {
	b := m.member(m.master)
	if b == nil || m.questionable() != "" || m.isObjected() || m.overruled() {
		return false
	}
	if b.fault != vital.FaultNone {
		return b.fault.Alive() && !b.ended && !m.exchanged(b) && b.told >= m.doubt.at && m.now-b.told <= freshFor
	}
	return m.fresh(b) && b.sent >= m.doubt.at
}

// exchanged tells whether the master is another process than it was. Who only follows others'
// decisions takes what there is.
func (m *Machine) exchanged(b *member) bool {
	return m.o.Mode != Observe && m.known.Lineage != "" && !m.known.guessed && b.repl.RunID != "" && b.repl.RunID != m.known.RunID
}

// unasked tells whether another process answers in the master's place, and somebody has not been asked since it
// was first seen.
func (m *Machine) unasked(b *member) bool {
	return m.state != Init && m.exchanged(b) && m.unheard(b, b.metAt)
}

// unheard tells whether somebody besides b who answers, complains or refuses connections has not been asked since: what he
// had before may be less than what the master has given him until its end, and who was down may be back. Who is silent is
// not waited for.
func (m *Machine) unheard(b *member, since int64) bool {
	return slices.ContainsFunc(m.members, func(r *member) bool {
		reacts := r.sent != 0 && r.fault == vital.FaultNone || r.fault != vital.FaultNone && !r.fault.Silent()
		return r != b && reacts && max(r.sent, r.told) < since
	})
}

// replaced tells whether the master is another process than it was, and somebody else has more of
// the data that it had.
func (m *Machine) replaced(b *member) bool { return m.exchanged(b) && m.holder(b) != nil }

// lacks tells whether the master is another process than it was, of which nothing shows that it
// has all that it had.
func (m *Machine) lacks(b *member) bool {
	return (m.exchanged(b) || m.known.guessed) && m.share(&b.repl, m.known.Lineage) < m.known.Offset
}

// awaited tells whether such a process is not taken yet, whatever else is known: somebody who has
// the data may be on his way back, and is given DownSilence from when it was first seen, and some
// more while it has not said what it holds, or while somebody who has them by his last answer is only slow, or this process is, to
// hear him. Nobody is on his way when all are there.
func (m *Machine) awaited(b *member) bool {
	return b != nil && m.lacks(b) && b.lacksAs == b.repl.RunID && !m.unrivalled(b) && (m.patience(b) > 0 || m.slowHolder(b) != nil)
}

// unsaidFor is for how many times DownSilence it is waited for that a server says what it holds.
const unsaidFor = 6

// patience returns how much longer such a process is not taken.
func (m *Machine) patience(b *member) int64 {
	most := m.o.DownSilence
	if !b.looked && m.o.Mode == Local {
		most *= unsaidFor
	}
	return b.lacksAt + most - m.now
}

// accept makes what the master says of itself what is known of it.
func (m *Machine) accept() {
	b := m.member(m.master)
	if !m.fresh(b) || b.repl.Replica {
		return
	}
	was := m.known
	switch has := m.share(&b.repl, was.Lineage); {
	case was.Lineage == "":
	case b.repl.RunID == was.RunID && b.repl.SecondID == "" && has < 0: // its first replica begins a lineage
		m.descends(b.repl.ID, descent{was.Lineage, was.Offset, true})
		m.bury(was)
	case b.repl.RunID != was.RunID && has < was.Offset:
		m.bewail(b)
	}
	m.known = pastOf(&b.repl, b.sent)
	m.record()
}

// bewail says, and goes on saying, that the master is taken without the data that it had. It may have had more than
// it was last asked for.
func (m *Machine) bewail(b *member) {
	was := m.known
	most, least := m.lacking(&b.repl, was)
	what, why := "the master has come back with older data", fmt.Sprintf("%s: up to offset %d; had %d", b.Addr, was.Offset-most, was.Offset)
	switch {
	case most >= 0:
	case b.looked && b.mark.Keys > 0:
		what = "the master has come back under a new replication id, and whether it lacks anything cannot be told"
		why = fmt.Sprintf("%s: %s, with %d keys and the mark of epoch %d; was %s up to offset %d",
			b.Addr, b.repl.ID, b.mark.Keys, b.mark.Epoch, was.Lineage, was.Offset)
	default:
		what, least = "the master has come back without its data", was.Offset
		why = fmt.Sprintf("%s: replication id %s; was %s up to offset %d", b.Addr, b.repl.ID, was.Lineage, was.Offset)
	}
	others := m.spellOthers(b)
	m.noteLossy(what+cmp.Or(others, ", and no server that answers has more"), why, least)
	m.mourn(was, what+cmp.Or(others, ", and no server that answered had more")+": "+why)
	m.bury(was)
	if !m.unrivalled(b) { // else nobody is left who may have it
		m.weigh(b, m.fresh)
		m.abandon(was)
	}
}

// record has the state file say who is master and what its data are, when that has changed.
func (m *Machine) record() {
	want := m.standing()
	same := want
	same.Offset = m.disk.intent.Offset
	fresh := same != m.disk.intent || m.disk.saving.version == 0
	m.disk.intent = want
	if fresh {
		m.save()
	}
}

// verdict returns why the master is dead, and how one knows; causeNone when it may be alive.
func (m *Machine) verdict() (cause, string) {
	b := m.member(m.master)
	if b == nil {
		return m.headless()
	}
	lasted := func(since, limit int64) bool { return since != 0 && limit > 0 && m.now-since >= limit }
	switch {
	case b.refused >= 3 && lasted(b.refusedSince, m.refusedLimit()):
		if yes, why := m.witnessed(b, (*member).linkDown); yes {
			return causeRefused, fmt.Sprintf("refused %d probes in %s; %s", b.refused, span(m.now-b.refusedSince), why)
		}
	case lasted(b.misconfSince, m.o.DownMisconf):
		return causeMisconf, "MISCONF for " + span(m.now-b.misconfSince)
	case lasted(b.busySince, m.o.DownBusy):
		return causeBusy, "BUSY for " + span(m.now-b.busySince)
	case m.fresh(b) && b.repl.Replica:
		if why := m.usurped(b); why != "" {
			return causeHeadless, why
		}
		return m.headless()
	case m.fresh(b) && m.replaced(b) && !m.unasked(b):
		return causeReplaced, fmt.Sprintf("process %s with lineage %s instead of %s with %s",
			b.repl.RunID, b.repl.ID, m.known.RunID, m.known.Lineage)
	}
	if lasted(b.failSince, m.o.DownSilence) {
		if yes, why := m.witnessed(b, (*member).hearsNothing); yes {
			return causeSilence, fmt.Sprintf("no answer for %s; %s", span(m.now-b.failSince), why)
		}
	}
	return causeNone, ""
}

// refusedLimit returns how long a master may refuse connections: longer when nobody has more
// than what was on the disk of a server that was away.
func (m *Machine) refusedLimit() int64 {
	if b := m.member(m.bestGuess()); b != nil && m.away(b) {
		return max(m.o.DownRefused, m.o.DownSilence)
	}
	return m.o.DownRefused
}

// outdated tells whether b has older data of the group's because it was away: its process has
// not been linked to a master since it started, and lacks what the master is known to have had, or
// cannot be shown to have it.
func (m *Machine) outdated(b *member) bool {
	has := m.share(&b.repl, m.known.Lineage)
	return b.linkedAs != b.repl.RunID && has < m.known.Offset && (has >= 0 || m.precedes(&b.repl) || m.bearsMark(b))
}

// usurped returns why the master, who says that it is a replica, is to be relieved at once, "" when
// it is not: it has come back as one and lacks data, or it follows one that has come back and
// lacks them, and is about to copy that.
func (m *Machine) usurped(b *member) string {
	if up := m.memberAt(b.repl.Master); m.isMaster(up) {
		if r := m.holder(up); r != nil && m.outdated(up) {
			return fmt.Sprintf("it is a replica of %s, which has come back with less than %s has", up.Addr, r.Addr)
		}
		return ""
	}
	if r := m.holder(b); r != nil && !b.repl.LinkUp && m.exchanged(b) {
		return fmt.Sprintf("it has come back as a replica, with less than %s has", r.Addr)
	}
	return ""
}

// linkDown tells whether the replica says that its link to the master is broken.
func (b *member) linkDown() bool { return !b.repl.LinkUp && !b.repl.Syncing }

// hearsNothing tells whether the replica says that nothing comes from the master.
func (b *member) hearsNothing() bool { return b.linkDown() || b.repl.Silence >= witnessSilence }

// witnessed tells whether a majority of the replicas that can be reached testify against the
// master b. A replica testifies that follows it, in an answer that was asked for after the
// master's silence began. One that was detached from it in that silence has done so, and likewise if the
// state file says that it was being done when this process began. Of others is not known when a master was found
// dead for whose sake they were detached; they are believed when b is silent for DownSilence.
func (m *Machine) witnessed(b *member, testifies func(*member) bool) (bool, string) {
	asked, against, apart := 0, 0, 0
	for _, r := range m.members {
		if r == b || !m.fresh(r) || !r.repl.Replica {
			continue
		}
		asked++
		switch {
		case r.sent < b.failSince:
		case m.follows(r, b) && testifies(r):
			against++
		case r.repl.Master == nowhere && (m.revoked(r, b) || m.now-b.failSince >= m.o.DownSilence):
			apart++
		}
	}
	why := fmt.Sprintf("%d of %d replicas hear nothing of it either", against, asked)
	if apart > 0 {
		why += fmt.Sprintf(", and %d were detached from it", apart)
	}
	return against+apart > 0 && (against+apart)*2 > asked, why
}

// revoked tells whether a server that follows nobody was detached in the silence of the master b.
func (m *Machine) revoked(r, b *member) bool {
	return r.detachedAt != 0 && r.detachedAt >= b.failSince || m.disk.intent.Begun == "freezing" || m.disk.intent.Begun == "promoting"
}

// follows tells whether r says that it follows b, by the address that we know b by or by one
// that belongs to none of our servers.
func (m *Machine) follows(r, b *member) bool {
	if m.memberAt(r.repl.Master) == b {
		return true
	}
	return r.repl.Master != nowhere && m.memberAt(r.repl.Master) == nil
}

// nowhere is whom a detached replica follows (RFC 5737).
const nowhere = "192.0.2.1:1"

// forsaken tells whether a replica follows nobody, or, without a link to it, a master that was
// taken out of the group.
func (m *Machine) forsaken(r *member) bool {
	return r.repl.Master == nowhere || r.repl.Master == m.table.left && r.linkDown()
}

// headless tells whether the group has no master at all: all who answer are replicas, of each
// other or of nobody, and none of them has a link to a server that we cannot see.
func (m *Machine) headless() (cause, string) {
	seen := 0
	for _, r := range m.members {
		if !m.fresh(r) {
			continue
		}
		seen++
		up := m.memberAt(r.repl.Master)
		if !r.repl.Replica || up == nil && !m.forsaken(r) || r.repl.LinkUp && !m.fresh(up) {
			return causeNone, ""
		}
	}
	if seen == 0 || m.state != Suspect && m.state != Stuck || m.now-max(m.doubt.at, m.clock.tiltUntil) < m.o.DownSilence {
		return causeNone, ""
	}
	return causeHeadless, fmt.Sprintf("all %d servers that answer are replicas for %s", seen, span(m.now-m.doubt.at))
}
