package failover

import (
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// publish makes a server the group's master, in every state whose exit is Settling.
func (m *Machine) publish(id int32, r vital.Replication, why string) {
	was, loss := m.known, m.lossAgainst(&r, id)
	before := m.tabled
	m.marked = m.marked || m.state == Verifying
	m.bury(was)
	m.master, m.tabled, m.held, m.hushed, m.thinSince = id, id, false, false, 0
	if id != before {
		m.announced.objected = 0 // it was about that one
	}
	m.epoch++
	m.known = pastOf(&r, m.now)
	if b := m.memberAt(m.announced.addr); b != nil && b.ID == id {
		m.announced.accepted, m.announced.bound = max(m.announced.accepted, m.announced.epoch), true
	}
	m.do(Action{Kind: Publish, Server: id, Epoch: m.epoch})
	m.intent.Begun, m.intent.Candidate, m.heirs = "", "", nil
	m.record()
	m.on(ready, Transition{What: fmt.Sprintf("%s is master, epoch %d, after %s", m.name(id), m.epoch, m.name(before)),
		Why: why, Loss: loss})
	m.published(id)
	m.handed(id)
	m.depose(id)
}

// bury makes what was known of the master one of the group's former masters.
func (m *Machine) bury(was past) {
	if was.Lineage != "" {
		m.former = append(m.former, was)
		m.former = m.former[max(0, len(m.former)-formerMost):]
	}
}

// published tidies up after a publication.
func (m *Machine) published(id int32) {
	m.forbidden, m.lostAt, m.heir.refused, m.round.force, m.forsook = "", 0, -1, -1, past{}
	for _, b := range m.members {
		b.again = 0
		if b.ID == id {
			b.clearEvidence()
			b.detachedAt, b.strange = 0, false
		}
	}
	m.grantWish(id)
	m.asked = 0
	m.ask()
}

// lossAgainst returns how many bytes of the stream that the old master was last seen at
// the new one lacks; -1 when that is not known. The exact figure comes with the old
// master's return.
func (m *Machine) lossAgainst(r *vital.Replication, id int32) int64 {
	switch {
	case m.state == Verifying && (m.round.handed || m.round.deposes):
		return 0 // it has all of what was there when nothing was in flight; the old one adds PINGs
	case id == m.master || m.known.at == 0 && m.known.Offset == 0 || m.known.Lineage == "":
		return -1
	case r.ID == m.known.Lineage:
		return max(0, m.known.Offset-r.Offset)
	case r.SecondID == m.known.Lineage || m.known.second != "" && r.SecondID == m.known.second:
		return max(0, m.known.Offset-(r.SecondOffset-1))
	}
	return -1
}

// reviewSettling brings everybody in line, for as long as that takes and no longer than
// Settle.
func (m *Machine) reviewSettling() {
	if m.succeeded() {
		return
	}
	if why := m.questionable(); why != "" && m.now > m.since {
		m.suspect(why)
		return
	}
	m.calm()
	m.accept()
	m.realign()
	straggling := m.stragglers()
	switch {
	case m.wary:
	case len(straggling) == 0:
		m.on(ready, Transition{What: "the group is in line", Why: "every server that answers follows " + m.name(m.master), Loss: -1})
	case m.now-m.since >= m.o.Settle:
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
		if b.sent < m.since || !b.repl.Replica || !m.inLine(b) || !b.repl.LinkUp {
			addrs = append(addrs, b.Addr)
		}
	}
	slices.Sort(addrs)
	return addrs
}
