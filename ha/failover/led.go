package failover

import (
	"fmt"
	"slices"
)

// led tells whether a replica follows somebody by another monitor's order, for all that is known: another server of the group
// that says it is master, or that this process does not reach, or nobody and this process has not told it so. Where the
// network is cut each side may have a master, and a replica that both reach must not be told to follow them in turn: each
// of them would acknowledge writes with it that are lost.
func (m *Machine) led(b *member) bool {
	up, master := m.memberAt(b.repl.Master), m.member(m.master)
	switch {
	case !b.repl.Replica || up != nil && up == master:
		return false
	case up == nil:
		return b.repl.Master == nowhere && b.detachedAt == 0 && !m.peers.detaching
	case b.repl.LinkUp && master != nil && b.repl.ID == master.repl.ID: // by way of another replica
		return false
	case m.fresh(up):
		return !up.repl.Replica
	}
	return !up.ended
}

// kept tells whether such a replica is left to the other monitor: unless the table's master has taken a later mark than that which it has
// from whom it follows, or it has had none of a later one for so long, and follows nobody who gives it anything, or only what
// has a mark that no monitor has left: who acts would have put that right.
func (m *Machine) kept(b *member) bool {
	if !m.led(b) {
		b.ledAt = 0
		return false
	}
	if b.ledAt == 0 {
		b.ledAt = m.now
	}
	given := b.repl.LinkUp && !m.disbelieves(b.mark.Epoch)
	kept := !b.predates(m.markTaken()) && (m.later(b) || given || m.now-b.ledAt < m.o.DownSilence)
	if !kept {
		b.leftTo = ""
	}
	return kept
}

// disbelieves tells whether no monitor can have left a mark, or one was found not to have left it.
func (m *Machine) disbelieves(mark uint64) bool {
	return !Credible(mark, m.epoch) || slices.Contains(m.marks.forged, mark)
}

// leave says once that such a replica is left alone.
func (m *Machine) leave(b *member) {
	if by := b.repl.Master; by != b.leftTo && m.memberAt(by) != nil {
		b.leftTo = by
		m.warn(fmt.Sprintf("%s follows %s, and is left to it", b.Addr, by), m.spellLed(b))
	}
}

// spellLed says why a replica is left to whom it follows.
func (m *Machine) spellLed(b *member) string {
	if m.later(b) {
		return fmt.Sprintf("it has the mark of epoch %d, and ours is %d: another process has made a master", b.mark.Epoch, m.epoch)
	}
	if m.disbelieves(b.mark.Epoch) {
		return fmt.Sprintf("it has the mark %d, which no monitor has left, and another one may have told it so", b.mark.Epoch)
	}
	if b.mark.Epoch < m.epoch {
		return fmt.Sprintf("it has the mark of epoch %d, and %s has yet to take that of epoch %d", b.mark.Epoch, m.name(m.master), m.epoch)
	}
	return fmt.Sprintf("it has the mark of epoch %d, as ours is, and another monitor may have told it so", b.mark.Epoch)
}

// leaderOf returns who was made master by the mark that a server has: itself, or whom it follows.
func (m *Machine) leaderOf(b *member) string {
	if b.repl.Replica && m.memberAt(b.repl.Master) != nil {
		return b.repl.Master
	}
	return b.Addr
}
