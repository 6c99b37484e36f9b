package failover

import "huntaway/ha/vital"

// streamed notes that a server follows the master's stream, and, of one that does no more, until when it did: not what it
// says now but what it said first, for the order to follow nobody makes that younger on some servers. was is its answer
// before this one.
func (m *Machine) streamed(b *member, was *vital.Replication) {
	r := &b.repl
	fresh := b.streamAs != r.RunID
	switch {
	case !r.Replica || !m.carriesOn(r):
	case !fresh && r.Offset == was.Offset && m.share(r, m.known.Lineage) < m.known.Offset: // nothing has come, and something should have
	case r.LinkUp:
		b.streamAs, b.streamAt = r.RunID, b.sent
	case r.LinkDown >= 0 && (fresh || was.LinkUp): // below: not since it has started
		if fresh {
			b.streamAt = 0
		}
		b.streamAs, b.streamAt = r.RunID, max(b.streamAt, b.sent-int64(r.LinkDown))
	}
}

// live tells whether a server followed the master's stream when that was last heard, and still has it, so that what it
// lacks was written in the master's last moments; a second is the unit in which servers say since when they do not. A
// process that has not seen the master goes by what was the case when it started, and shortly before.
func (m *Machine) live(b *member) bool {
	since := m.known.at - second
	if m.known.at == 0 {
		since = m.clock.started - m.o.DownSilence
	}
	return b.streamAs == b.repl.RunID && b.streamAt >= since && m.carriesOn(&b.repl)
}

// away tells whether a server was away when the master died: nobody can say then how much it lacks, and what it lacks
// may be anywhere. One that is master already was promoted by somebody else or by an earlier process, and counts as away
// when it can be shown to lack something, or made itself one for all that is known.
func (m *Machine) away(b *member) bool {
	followed := b.repl.Replica || b.beforeOK && b.before.Replica || m.disk.intent.Away && m.disk.intent.Candidate == b.Addr
	return m.outdated(b) || !m.live(b) && followed || m.selfMade(b)
}

// selfMade tells whether a server may be master only because it was started as one, with whatever it had: this process has
// not seen that it followed the last master, and nobody is known to have promoted it, be it an earlier
// process, whoever has the old master follow it, or whoever stands for it otherwise.
func (m *Machine) selfMade(b *member) bool {
	old := m.member(m.master)
	promoted := b.beforeOK && b.before.Replica || m.disk.intent.Candidate == b.Addr && !m.disk.intent.Away ||
		old != nil && m.isReplica(old) && m.memberAt(old.repl.Master) == b ||
		m.later(b) || m.state == Following && m.heir.id == b.ID && m.heir.vouched
	return b.ID != m.master && (!b.repl.Replica || b.beforeOK && !b.before.Replica) && m.unseen(b) && !promoted
}

// unseen tells whether this process has not seen b linked to any master, and the last one may have taken any number of writes
// since it was last known what that had: by the state file, or when it answered last.
func (m *Machine) unseen(b *member) bool {
	return !m.known.still && m.known.Lineage != "" && b.linkedAs != b.repl.RunID
}
