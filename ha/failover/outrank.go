package failover

import "fmt"

// Times of looking at who was made master beside the table's master.
const (
	attendedFor = 3 * second // how long a monitor is taken to be at a server after it was seen to renew its heartbeat there
	beatApart   = second / 2 // by so much later it ends then at least: it is renewed each second, and servers' clocks move in steps
	contendFast = 5 * second // for so long a contender is looked into every heirEvery
	contendSlow = 2 * second // and later so often
)

// contends tells whether a server beside a master that answers may have been made master by another process, or be led by one
// that was: it is the process that has followed the group's stream, or its data carry that on.
func (m *Machine) contends(b *member) bool {
	if b.ID == m.master || !m.fresh(b) || !m.carriesOn(&b.repl) && b.streamAs != b.repl.RunID {
		return false
	}
	return !b.repl.Replica || b.repl.LinkUp && m.memberAt(b.repl.Master) != nil && m.led(b)
}

// watchContenders notes who contends. While this process is stood down nobody else has them looked into: they are, again and
// again, and the master with them, for the mark may be given to them later, and a heartbeat tells by being renewed. Otherwise
// the master is looked into once when one has a later mark, which a client can have written there.
func (m *Machine) watchContenders() {
	up := m.member(m.master)
	m.watchHeir(up)
	minds := m.state == Healthy || m.state == Settling || m.state == Suspect && m.peers.contended
	if m.peers.contended = false; m.o.Mode != Local || !minds || !m.isMaster(up) || m.known.Lineage == "" {
		return
	}
	for _, b := range m.members {
		switch {
		case !m.contends(b):
			b.contendsAt = 0
			continue
		case b.contendsAt == 0:
			b.contendsAt = m.now
		}
		m.peers.contended = m.peers.contended || m.stoodDown() || m.later(b)
		switch {
		case m.stoodDown():
			pace := m.pace(b.contendsAt)
			m.lookAgain(b, pace)
			m.lookAgain(up, pace)
		case m.later(b) && up.lookedAt < b.contendsAt:
			m.lookAgain(up, heirEvery)
		}
	}
}

// watchHeir has whom the table's master follows, with data that this process does not know, looked into again and again: whoever has
// made that one master gives it the mark afterwards.
func (m *Machine) watchHeir(up *member) {
	if m.o.Mode != Local || m.state != Suspect || !m.isReplica(up) {
		return
	}
	b := m.memberAt(up.repl.Master)
	if b == nil || b == up || !m.isMaster(b) || m.carriesOn(&b.repl) {
		return
	}
	m.lookAgain(b, m.pace(m.clock.since))
}

// pace returns the time between two looks into somebody who may be master since then.
func (m *Machine) pace(since int64) int64 {
	if m.now-since > contendFast {
		return contendSlow
	}
	return heirEvery
}

// lookAgain has a server asked what it holds, unless it was asked within so long.
func (m *Machine) lookAgain(b *member, within int64) {
	if !b.busy && m.now >= b.again && m.now-b.lookedAt >= within {
		m.rejoin(Identify, b, -1)
	}
}

// hearHeartbeat takes how long a monitor's heartbeat lasts at a server that says it is master. It is renewed there when it ends
// later than it was to end by the answer before; one that was copied is not. At the table's master clients can write it.
func (m *Machine) hearHeartbeat(b *member, ev Event) {
	if ev.Repl.Replica || ev.Repl.RunID != b.repl.RunID || ev.Repl.ID != b.repl.ID {
		return
	}
	if b.beatEnds != 0 && ev.Beat > 0 && ev.Sent+ev.Beat > b.beatEnds+beatApart && (ev.Worn || b.ID != m.master) {
		b.attendedAt = ev.At
	}
	b.beatEnds = ev.At + ev.Beat
}

// attended tells whether another monitor is at work at a server, as the group's master.
func (m *Machine) attended(b *member) bool {
	return b != nil && b.attendedAt != 0 && m.now-b.attendedAt < attendedFor
}

// outranks tells whether b was made master in a later epoch than the table's, or follows who was: what that one acknowledges
// is lost. While another monitor is active this process may not know the group's epoch, and a switchover of that one may
// come to nothing: then b does not count once that monitor is seen to be at the table's master, and counts, whatever the
// marks, when it is seen to be at b.
func (m *Machine) outranks(b *member) bool {
	up := m.member(m.master)
	if b.contendsAt == 0 || !m.isMaster(up) || !m.contends(b) {
		return false
	}
	than := up.mark.Epoch
	if m.lacks(up) { // it is back with what it had before it was master
		than = max(than, m.crowned())
	}
	above := up.looked && up.lookedAt >= b.contendsAt && b.looked && b.mark.Epoch > than
	if m.stoodDown() {
		return !m.attended(up) && (m.attended(b) || above || m.later(b))
	}
	return above && m.later(b)
}

// supersedes tells whether another process has made b master, which has that mark, in a later epoch, and has the table's master
// follow it: what that one has and b lacks is given up.
func (m *Machine) supersedes(b *member, mark uint64) bool {
	old := m.member(m.master)
	return m.o.Mode == Local && m.isLater(mark) && m.isReplica(old) && m.memberAt(old.repl.Master) == b && !m.isContradicted(b)
}

// outranked returns who outranks the table's master, by the latest mark, and rather one that is master; nil when nobody does.
func (m *Machine) outranked() (by *member) {
	if !m.peers.contended {
		return nil
	}
	for _, b := range m.members {
		if m.outranks(b) && (by == nil || b.mark.Epoch > by.mark.Epoch || b.mark.Epoch == by.mark.Epoch && by.repl.Replica) {
			by = b
		}
	}
	return by
}

// overriding returns who outranks the table's master and is to be followed: it says that it is master, and whoever is active is
// there, so that it was published, or nobody else is.
func (m *Machine) overriding() (*member, string) {
	b := m.outranked()
	if b == nil || b.repl.Replica || m.stoodDown() && !m.attended(b) {
		return nil, ""
	}
	return b, m.spellOutranked(b)
}

// spellOutranked says why the table's master is not used.
func (m *Machine) spellOutranked(b *member) string {
	text := m.leaderOf(b) + " was made master by another process"
	switch up := m.member(m.master); {
	case m.later(b):
		return fmt.Sprintf("%s: %s has the mark of epoch %d, and ours is %d", text, b.Addr, b.mark.Epoch, m.epoch)
	case m.attended(b):
		return text + ", which is active there"
	default:
		return fmt.Sprintf("%s: %s has the mark of epoch %d, and %s that of %d", text, b.Addr, b.mark.Epoch, up.Addr, up.mark.Epoch)
	}
}

// spellAwaited says what it waits for that who outranks the table's master is followed.
func (m *Machine) spellAwaited(b *member) string {
	text := m.spellOutranked(b) + "; writes wait until "
	switch {
	case b.repl.Replica:
		return text + "this one reaches it too, and then go there"
	case m.stoodDown():
		return text + "that one is seen to be active there, or not any more"
	}
	return text + "it is followed"
}
