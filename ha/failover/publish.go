package failover

import (
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// publish makes a server the group's master, in every state whose exit is Settling.
func (m *Machine) publish(id int32, r vital.Replication, why string) {
	was, loss, least := m.known, m.lossAgainst(id), m.missing(&r, id)
	before, old, another := m.master, m.deposed(), m.anothers(id)
	found := m.isFound(id, &r)
	if m.state != Verifying {
		m.unmarked()
		m.records.list.forget()
	}
	if b := m.member(id); b != nil {
		m.bereave(b, was)
	}
	m.bury(was)
	m.number(id)
	tabled := m.table.tabled
	m.master, m.table.tabled, m.holds.held, m.holds.selfFenced, m.holds.thinSince = id, id, false, false, 0
	if id != tabled {
		m.peers.announced.objected = 0 // it was about that one
	}
	m.known = pastOf(&r, m.now)
	m.doubt.unread = m.doubt.unread && m.state == Following && m.hand.at == 0 && was.at == 0 // else it is no start's finding
	m.regain(&r)
	if b := m.memberAt(m.peers.announced.addr); b != nil && b.ID == id {
		m.peers.announced.accepted, m.peers.announced.bound = max(m.peers.announced.accepted, m.peers.announced.epoch), true
	}
	m.do(Action{Kind: Publish, Server: id, Epoch: m.epoch})
	switch b := m.member(id); {
	case m.state == Following && b.excluded: // a failover of ours all the same
		m.permit.recent = append(m.permit.recent, m.now)
		m.marks.untried = b.failure
	case another:
		m.permit.recent = append(m.permit.recent, m.now)
	}
	m.disk.intent.Begun, m.disk.intent.Candidate, m.disk.intent.Away, m.records.heirs = "", "", false, nil
	m.settleMark()
	m.record()
	what := fmt.Sprintf("%s is master, epoch %d", m.name(id), m.epoch)
	if !found && id != before {
		what += ", after " + m.name(before)
	}
	m.on(ready, Transition{What: what, Why: why, Loss: loss, Lossy: least > 0, Least: least, Found: found})
	m.published(id)
	m.handed(id)
	if old != nil {
		m.loose(Demote, old.ID, id)
	}
}

// isFound tells whether who is published takes nobody's place, as far as this process knows: it is the master by the state file, the
// same process or with all that it had, or it was not known who was.
func (m *Machine) isFound(id int32, r *vital.Replication) bool {
	if m.known.Lineage == "" {
		return m.state == Following && m.hand.at == 0
	}
	return id == m.master && (r.RunID == m.known.RunID || m.share(r, m.known.Lineage) >= m.known.Offset)
}

// anothers tells whether somebody else has made a failover that is followed: this process has seen the master, which does
// not answer any more. After a switchover it says that it is a replica. The group shall not have the next one too soon,
// whoever makes it.
func (m *Machine) anothers(id int32) bool {
	return m.o.Mode == Local && m.state == Following && id != m.master && m.known.at != 0 && !m.fresh(m.member(m.master))
}

// raise makes the epoch a later one, whose mark nobody is known to have.
func (m *Machine) raise(epoch uint64) {
	more := epoch - m.epoch
	m.epoch, m.marks.spent, m.marks.bare = epoch, min(m.marks.spent+more, epoch-1), min(m.marks.bare+more, epoch-1)
}

// skip makes the epoch a later one than now, and no earlier than a number that somebody may have been given.
func (m *Machine) skip(number uint64) { m.raise(max(m.epoch+1, number)) }

// reach makes the epoch a later one that somebody was given.
func (m *Machine) reach(epoch uint64) {
	m.raise(epoch)
	m.marks.spent, m.marks.borrowed = 0, false
}

// crowned returns the epoch of the last publication, as far as is known: who has the mark of that one has been its master,
// or has its data.
func (m *Machine) crowned() uint64 { return m.epoch - m.marks.spent }

// seenMark returns the epoch whose mark was last seen on the master: who has an earlier one is older. A master without memory
// has not taken the mark of the last publication.
func (m *Machine) seenMark() uint64 { return m.epoch - m.marks.bare }

// bury makes what was known of the master one of the group's former masters.
func (m *Machine) bury(was past) {
	if was.Lineage != "" {
		m.records.former = append(m.records.former, was)
		m.records.former = m.records.former[max(0, len(m.records.former)-formerMost):]
	}
}

// published tidies up after a publication.
func (m *Machine) published(id int32) {
	m.permit.forbidden, m.doubt.lostAt, m.heir.refused, m.round.force = "", 0, -1, -1
	for _, b := range m.members {
		b.again, b.excluded = 0, false
		if b.ID == id {
			b.clearEvidence()
			b.detachedAt, b.strange = 0, false
		}
	}
	m.grantWish(id)
	m.clock.asked = 0
	m.ask()
}

// lossAgainst returns how many bytes of the old master's stream are lost with a new one: none after a switchover,
// for that one has all of what was there when nothing was in flight, nor where the old one has taken no write. Otherwise nobody can say, -1, before the
// old master is back: it may have taken writes since it was last asked.
func (m *Machine) lossAgainst(id int32) int64 {
	ordered := m.state == Verifying && (m.round.handed || m.round.deposes) || m.isDelegated()
	if id != m.master && (ordered || m.state == Following && m.heir.outranks && m.isVoid()) {
		return 0
	}
	return -1
}

// isDelegated tells whether the heir was promoted by an arbiter in a switchover of this process': nothing was in flight at the old
// master, its writes were paused, and the heir has all that it had then.
func (m *Machine) isDelegated() bool {
	return m.o.Mode == Sentinel && m.state == Following && m.hand.asked && m.share(&m.heir.repl, m.known.Lineage) >= m.peers.announced.stand
}

// missing returns how many bytes a new master is known to lack of what the old one had when it was last asked,
// or somebody had of its stream.
func (m *Machine) missing(r *vital.Replication, id int32) int64 {
	if id == m.master || m.lossAgainst(id) == 0 {
		return 0
	}
	_, least := m.lacking(r, m.known)
	return least
}

// lacking returns how many bytes of a master's stream a server lacks, at most and at least; -1, 0 when nothing is
// known of what it has of it.
func (m *Machine) lacking(r *vital.Replication, of past) (most, least int64) {
	w := m.worthFor(r, of)
	if of.Lineage == "" || w == worthless {
		return -1, 0
	}
	return max(0, of.Offset-w.least), max(0, of.Offset-w.most)
}

// spellLeast says what is lost in any case.
func spellLeast(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return fmt.Sprintf("; at least %d bytes of its stream are lost", bytes)
}

// reviewSettling brings everybody in line, for as long as that takes and no longer than
// Settle.
func (m *Machine) reviewSettling() {
	if m.succeeded() {
		return
	}
	if why := m.questionable(); why != "" && m.now > m.clock.since {
		m.suspect(why)
		return
	}
	m.calm()
	m.accept()
	m.realign()
	straggling := m.stragglers()
	switch {
	case m.holds.unverified:
	case len(straggling) == 0:
		m.on(ready, Transition{What: "the group is in line", Why: "every server that answers follows " + m.name(m.master), Loss: -1})
	case m.now-m.clock.since >= m.o.Settle:
		m.on(failed, Transition{What: "the group is not in line yet", Why: fmt.Sprintf("still to come: %v", straggling), Loss: -1})
	}
}

// stragglers returns the addresses of servers that should follow the master and do not
// yet. Who does not answer is not waited for, nor strangers.
func (m *Machine) stragglers() (addrs []string) {
	if m.o.Mode != Local || m.o.DryRun {
		return nil
	}
	for _, b := range m.members {
		if b.ID == m.master || b.strange || b.fault != vital.FaultNone || b.sent == 0 {
			continue
		}
		if b.sent < m.clock.since || !b.repl.Replica || !m.inLine(b) || !b.repl.LinkUp {
			addrs = append(addrs, b.Addr)
		}
	}
	slices.Sort(addrs)
	return addrs
}
