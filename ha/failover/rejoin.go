package failover

import (
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// strangerPause is how long a server that holds somebody else's data is not looked at again. Its
// lineage does not say that it was made empty.
const strangerPause = 2 * second

// realign brings members in line that are not: in local mode only, and never in a dry run.
func (m *Machine) realign() {
	if m.o.Mode != Local || m.o.DryRun || !m.isMaster(m.member(m.master)) {
		return
	}
	if m.stoodDown() {
		m.restore()
		return
	}
	m.refile()
	m.settleCopy()
	for _, b := range m.members {
		if b.ID == m.master || b.busy || m.now < b.again || !m.current(b) {
			continue
		}
		switch {
		case b.uncompared && b.repl.Replica:
			m.compareLate(b)
		case b.repl.Replica && m.inLine(b):
			b.detachedAt, b.strange, b.ledAt, b.leftTo, b.copied = 0, false, 0, "", past{}
		case b.strange || !b.examined() && !m.isKnownUnread(b) && (!b.repl.Replica || !m.ours(b) || m.unmeasured(b) || m.led(b)):
			m.rejoin(Identify, b, -1)
		case m.kept(b):
			m.leave(b)
		case m.mayJoin(b):
			m.join(b)
		case m.richer(b) && !m.later(b):
			m.secure(b)
		default:
			m.shun(b)
		}
	}
}

// stoodDown tells whether another monitor was heard lately. It may be at work: a server that it
// has detached or is promoting is told nothing by this one.
func (m *Machine) stoodDown() bool { return m.peers.rivalAt != 0 && m.now-m.peers.rivalAt < rivalFor }

// isIdle tells whether this machine tells servers nothing, for another monitor was heard. Where that may have ended already, as
// the one before this process has, data are kept from being overwritten all the same.
func (m *Machine) isIdle() bool { return m.stoodDown() && !m.peers.faint }

// standDown takes that another monitor was heard, and says so when that is news.
func (m *Machine) standDown(rival string) {
	if m.peers.rival == "" && m.o.Mode == Local {
		m.warn("another monitor is active, this one promotes nobody", rival)
	}
	m.peers.rivalAt, m.peers.rival = m.now, rival
}

// standUp says, once, that this monitor decides again.
func (m *Machine) standUp(why string) {
	if m.peers.rival != "" && m.o.Mode == Local {
		m.note("this monitor decides from now on", why)
	}
	m.peers.rivalAt, m.peers.rival = 0, ""
	if m.records.list.times > 0 { // the last that the other one has left
		m.takeList()
	}
}

// restore points what was detached at the table's master again, while that is in question and answers
// with everything that it had, except who may have what it was made master without. At its address alone anybody may answer
// next, and is copied. While another monitor may be at work only what this one has detached is.
func (m *Machine) restore() {
	b := m.member(m.master)
	if m.o.Mode != Local || m.o.DryRun || m.isIdle() || b == nil || !m.present(b) || !m.records.list.known {
		return
	}
	for _, r := range m.members {
		if r.repl.Replica && m.memberAt(r.repl.Master) == b && m.current(r) {
			r.detachedAt = 0
		}
		if r == b || m.stoodDown() && r.detachedAt == 0 || r.busy || m.now < r.again || !m.current(r) || !r.repl.Replica || !m.ours(r) || m.richer(r) || m.unmeasured(r) ||
			r.repl.Master != nowhere && m.led(r) && (!m.lookInto(r) || m.kept(r)) {
			continue
		}
		if r.repl.Master == nowhere || m.memberAt(r.repl.Master) != nil && m.memberAt(r.repl.Master) != b || r.detachedAt != 0 && m.memberAt(r.repl.Master) != b {
			m.rejoin(Follow, r, b.ID)
		}
	}
}

// present tells whether the table's master answers, as a master and with all that it is known to have had,
// or complains.
func (m *Machine) present(b *member) bool {
	return !m.lacks(b) && !m.replaced(b) && (m.isMaster(b) || m.complains(b))
}

// complains tells whether the table's master complains of what only a living one does, and cannot have become another
// process meanwhile, nor anything else than it last said.
func (m *Machine) complains(b *member) bool {
	same := b.sent > b.changedAt && !b.ended && !m.exchanged(b)
	return same && !b.repl.Replica && b.fault != vital.FaultNone && b.fault.Alive()
}

// ours tells whether a server's data are this group's, by lineage, or because the process was our
// master and has followed nobody since.
func (m *Machine) ours(b *member) bool {
	if m.known.Lineage != "" && (m.carriesOn(&b.repl) || m.worthOf(&b.repl) != worthless) {
		return true
	}
	if master := m.member(m.master); m.isMaster(master) && master.repl.SecondID != "" && b.repl.Kin(master.repl.SecondID) {
		return true
	}
	for _, f := range m.records.former {
		if f.Lineage != "" && b.repl.Kin(f.Lineage) || f.RunID != "" && b.repl.RunID == f.RunID && !b.repl.Replica {
			return true
		}
	}
	return false
}

// mayJoin tells whether a server may be made to follow the master, which overwrites what it has: its data are ours,
// by lineage, by process, or by the marker that only this group's masters write; or it has none. Where it answers and which
// keys it has proves nothing: those of another environment have the same names, and a copy of the group's data that others have
// gone on with has mostly the same values.
func (m *Machine) mayJoin(b *member) bool {
	return !m.later(b) && !m.isTied(b) && !m.isPreferred(b) && !m.richer(b) && m.isKin(b)
}

// isKnownUnread tells whether a server whose mark may not be read may be made to follow the master all the same: its replication id is
// one that the group had, or it holds nothing, and no replica shows that another process has made it master.
func (m *Machine) isKnownUnread(b *member) bool {
	return b.sealed && !m.unmeasured(b) && !m.led(b) && m.followed(b) == 0 && m.mayJoin(b)
}

// isKin is mayJoin without regard to what only an operator has overwritten.
func (m *Machine) isKin(b *member) bool {
	return m.ours(b) || b.sealed && b.mark.Keys == 0 || b.looked && (b.mark.Keys == 0 || b.mark.Epoch > 0 && b.mark.Epoch <= m.epoch)
}

// inLine tells whether a replica follows the master: by its address, or by one that we do not
// know it by, when lineage and link say so.
func (m *Machine) inLine(b *member) bool {
	master := m.member(m.master)
	if master == nil || m.memberAt(b.repl.Master) == master {
		return master != nil
	}
	return b.repl.Master != nowhere && m.memberAt(b.repl.Master) == nil && b.repl.LinkUp && b.repl.ID == master.repl.ID
}

// join makes a server a replica of the master, once it is known what that one lacks. One full copy is made at a time.
func (m *Machine) join(b *member) {
	if !m.records.list.known {
		return
	}
	master := m.member(m.master)
	if full := b.repl.ID != master.repl.ID && b.repl.ID != master.repl.SecondID; full {
		if m.settling.copying >= 0 && m.settling.copying != b.ID {
			return
		}
		if !m.ours(b) && m.now-b.lookedAt > askEvery { // it may have waited while others copied, and have been written to
			m.rejoin(Identify, b, -1)
			return
		}
		m.settling.copying = b.ID
	}
	m.remember(b.repl.ID)
	op := Follow
	if !b.repl.Replica {
		op = Demote
	}
	m.rejoin(op, b, m.master)
}

// secure has a replica follow nobody that has what the master lacks and is left alone: whom it follows it would copy whenever that
// one comes up.
func (m *Machine) secure(b *member) {
	if up := m.memberAt(b.repl.Master); up != nil && b.repl.Replica && !b.repl.LinkUp {
		m.keepFrom(up, b)
	}
}

// remember makes a lineage one of the group's former ones: a server that has it was
// found to be ours.
func (m *Machine) remember(lineage string) {
	if lineage == m.known.Lineage || slices.ContainsFunc(m.records.former, func(p past) bool { return p.Lineage == lineage }) {
		return
	}
	m.bury(past{Lineage: lineage})
}

// settleCopy ends the one full copy that is being made when it is over, was not begun,
// or cannot be seen.
func (m *Machine) settleCopy() {
	b := m.member(m.settling.copying)
	if b == nil || b.ID == m.master || b.fault != vital.FaultNone || !b.busy && m.now >= b.again && (!m.inLine(b) || b.repl.LinkUp) {
		m.settling.copying = -1
	}
}

// rejoin gives a member an order.
func (m *Machine) rejoin(op Op, b *member, target int32) {
	b.busy, b.again = true, m.now+retryEvery
	m.launch(ofRejoin, Action{Kind: Order, Op: op, Server: b.ID, Target: target, Within: lookTime})
}

// rejoined takes the end of such an order.
func (m *Machine) rejoined(a await, ev Event) {
	b := m.member(a.server)
	if b == nil {
		return
	}
	b.busy = false
	barred := a.op == Identify && isBarred(ev.Err) && ev.Repl.ID != ""
	if ev.Err != nil && !barred {
		b.again = m.now + retryEvery
		return
	}
	switch a.op {
	case Identify:
		b.again = m.now
		m.identified(b, ev)
	case Detach:
		m.note(b.Addr+" was told to follow nobody, so that it keeps what it has", fmt.Sprintf("it is at offset %d of lineage %s", b.repl.Offset, b.repl.ID))
	case Demote, Follow:
		m.note(b.Addr+" was told to follow "+m.name(a.target), fmt.Sprintf("it was at offset %d of lineage %s", b.repl.Offset, b.repl.ID))
		m.do(Action{Kind: Ask, Server: b.ID})
	}
}

// identified takes what a server is and holds.
func (m *Machine) identified(b *member, ev Event) {
	b.lookedAt, b.sealed = m.now, ev.Err != nil
	if b.sealed {
		b.mark.Keys = ev.Mark.Keys
	} else {
		b.mark, b.looked, b.moved = ev.Mark, true, false
	}
	m.hearHeartbeat(b, ev)
	switch {
	case b.sealed && !m.isKnownUnread(b):
		b.again = m.now + strangerPause
	case m.mayJoin(b):
		b.strange = false // it was made empty meanwhile, perhaps
		m.tellLoss(b)
	case b.strange:
		b.again = m.now + strangerPause
		if up := m.member(m.master); up != nil && up.mark.Keys == 0 && !up.busy { // see adviceOnStranger
			m.rejoin(Identify, up, -1)
		}
	}
}

// lookInto tells whether it is known what a server holds, and has it asked if not.
func (m *Machine) lookInto(b *member) bool {
	if !b.examined() && !b.busy && m.now >= b.again {
		m.rejoin(Identify, b, -1)
	}
	return b.examined()
}

// shun says once why a server that was looked into is left alone beside the master.
func (m *Machine) shun(b *member) {
	if b.strange || !b.looked || m.richer(b) || m.later(b) || m.isTied(b) || m.isPreferred(b) {
		return // the alarms say that of the second to the fourth
	}
	b.strange, b.again = true, m.now+strangerPause
	m.warn(b.Addr+" holds data of which nothing shows that they are this group's, and is left alone",
		fmt.Sprintf("lineage %s, %d keys, no mark of this group", b.repl.ID, b.mark.Keys))
}

// adviceOnStranger says what can be done with a server whose data are somebody else's for all that is known. While the group's
// master has not been seen to hold anything they may be all that there is, and nobody is told to throw them away.
func (m *Machine) adviceOnStranger(b *member) string {
	other := "if they are somebody else's, take it out of the group in the file"
	if up := m.member(m.master); up != nil && up.looked && up.mark.Keys > 0 {
		return other + "; if nobody wants them, as those of an old master whose mark was deleted, make it empty (FLUSHALL there), and it follows " + up.Addr
	}
	return fmt.Sprintf("%s; if they are the group's, of which %s is not known to hold any, huntaway resolve --group %s --master %s makes it master",
		other, m.name(m.master), m.group, b.Addr)
}

// tellLoss says what a master beside ours has that ours lacks, and which is lost when it follows. A process that has
// been master goes by the same lineage until it ends: where ours took over is where the loss begins. Of one that has
// started again since, nobody knows what it had before.
func (m *Machine) tellLoss(b *member) {
	master := m.member(m.master)
	if b.repl.Replica || b == master || !m.isMaster(master) || m.state != Healthy && m.state != Settling {
		return
	}
	if has := m.share(&master.repl, b.repl.ID); has >= 0 {
		m.remark(Transition{What: b.Addr + " is back, the old master", Loss: max(0, b.repl.Offset-has),
			Why: fmt.Sprintf("it stands at offset %d, %s took over at %d", b.repl.Offset, master.Addr, has+1)})
		return
	}
	most, least := m.lacking(&master.repl, past{Lineage: b.repl.ID, Offset: b.repl.Offset})
	if most > 0 {
		m.noteLossy(b.Addr+" is back with data that "+master.Addr+" lacks",
			fmt.Sprintf("it stands at offset %d of %s, and has begun that after the two parted; what it had before is not known",
				b.repl.Offset, b.repl.ID), least)
	}
}
