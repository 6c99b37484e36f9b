package failover

import "slices"

// infer makes the lineage that the replicas of the table's master share what is known of it, when it has never been seen as
// master. Those count that have been linked to a master since they were started; where there are none, those that were started
// with data and the mark. Nothing is known where they differ, or one was given a later mark than those that count have.
func (m *Machine) infer() {
	if m.known.Lineage != "" && (!m.known.guessed || m.known.firm) || m.isMaster(m.member(m.master)) {
		return
	}
	var by, started []*member
	for _, r := range m.members {
		switch {
		case !m.isReplica(r):
		case m.o.Mode != Local || !r.isNew():
			by = append(by, r)
		case m.lookInto(r) && r.bears():
			started = append(started, r)
		}
	}
	from := past{firm: len(by) > 0}
	if !from.firm {
		by = started
	}
	for _, r := range by {
		if from.Lineage != "" && from.Lineage != r.repl.ID || m.outmarkedBy(r, started) {
			m.known = past{}
			return
		}
		from.Lineage, from.Offset, from.guessed = r.repl.ID, max(from.Offset, r.repl.Offset), m.o.Mode == Local
	}
	if from.Lineage != "" {
		m.known = from
	}
}

// bears tells whether a server that was looked into has data that are a group's of ours by their mark; others may be anybody's.
func (b *member) bears() bool { return b.mark.Keys > 0 && b.mark.Epoch > 0 }

// isNew tells whether a replica has not been linked to any master since it was started: what it holds was on its disk.
func (b *member) isNew() bool { return b.newAs != "" && b.newAs == b.repl.RunID }

// isEarly tells whether what the master had is known by replicas alone that have been started a moment ago, as far as this
// process has seen: the master may be starting as they have.
func (m *Machine) isEarly() bool {
	return m.known.guessed && !m.known.firm && !slices.ContainsFunc(m.members, func(r *member) bool {
		return m.isReplica(r) && m.carriesOn(&r.repl) && m.now-r.metAt >= m.o.DownSilence
	})
}

// outmarkedBy tells whether one of these, which were looked into, was given a later mark than r, or it is not known yet.
func (m *Machine) outmarkedBy(r *member, all []*member) bool {
	return slices.ContainsFunc(all, func(o *member) bool {
		return o.repl.ID != r.repl.ID && (!m.lookInto(r) || o.later(r))
	})
}

// isUnknown tells whether nobody has seen yet what the group's master is, and no state file says it.
func (m *Machine) isUnknown() bool { return m.o.Mode == Local && m.doubt.unread && m.known.at == 0 }

// mistrusted weighs the table's master where it answers at a start without a state file (trust), and tells whether it is not
// believed, or not yet: others answer that have what it lacks. These are returned once it is known.
func (m *Machine) mistrusted() (by []*member, yes bool) {
	b := m.member(m.master)
	if !m.isUnknown() || !m.isMaster(b) {
		return nil, false
	}
	by, over := m.contradictors(b)
	if over && len(by) == 0 {
		if m.known.guessed && m.isGuessHere(b) {
			m.known = past{} // who has it is there, and no reason to doubt
		}
		return nil, false
	}
	m.trust(b, "it answers")
	if !over {
		by = nil
	}
	return by, true
}

// isGuessHere tells whether a replica besides b answers that has what was guessed.
func (m *Machine) isGuessHere(b *member) bool {
	return slices.ContainsFunc(m.members, func(r *member) bool {
		return r != b && m.isReplica(r) && m.share(&r.repl, m.known.Lineage) >= m.known.Offset
	})
}

// shelter has replicas with the group's data follow nobody while it is waited for a master that does not answer: by a start
// without a state file, until it is known that the monitor that was heard has ended, or whatever else keeps a failover from being
// begun, once the master has been in question for as long as a dead one (of a latched group nobody is told anything, whichever process was told to latch it). Who comes up at its address, with an old dump or with
// nothing, they would copy by themselves before anybody has looked at him, or may act. They follow the master again once that is
// believed. It is not by those who have what it lacks.
func (m *Machine) shelter(by []*member) {
	b := m.member(m.master)
	if m.o.Mode != Local || b == nil || m.peers.reached*2 < m.peers.others || m.latched() != "" {
		return
	}
	overdue := m.isOverdue(b)
	gone := (b.failSince != 0 || m.isReplica(b)) && (overdue || m.isUnknown() || m.stoodDown() && m.peers.faint)
	replaced := m.isMaster(b) && m.replaced(b)
	for _, r := range m.members {
		waits := gone && r.linkDown() || replaced && !r.repl.LinkUp || overdue && b.failSince != 0 && r.hearsNothing()
		if (waits && r != b && m.isReplica(r) || slices.Contains(by, r) && !r.repl.LinkUp) && m.isOurs(r) {
			m.keepFrom(b, r)
		}
	}
}

// isOverdue tells whether the table's master b has been in question for as long as a dead one. What this process had seen of it
// before it stood still counts here: nobody is promoted for that. Nor does it begin anew with a failover that came to nothing.
func (m *Machine) isOverdue(b *member) bool {
	doubted := m.now - m.doubt.at
	if b.failSince != 0 {
		doubted = max(doubted, m.now-b.failSince)
	}
	return doubted >= m.o.DownSilence || doubted >= m.o.DownRefused && (b.ended || m.isReplica(b))
}

// shelterFromClaimants is shelter where several servers say that they are master, and any of them may have ended.
func (m *Machine) shelterFromClaimants() {
	if m.o.Mode != Local || m.peers.reached*2 < m.peers.others || m.latched() != "" {
		return
	}
	for _, r := range m.members {
		b := m.memberAt(r.repl.Master)
		if b == nil || b == r || !m.isReplica(r) || !r.linkDown() {
			continue
		}
		refuses, silent := b.refusedSince != 0 && m.now-b.refusedSince >= m.o.DownRefused, b.failSince != 0 && m.now-b.failSince >= m.o.DownSilence
		if (refuses || silent) && m.isOurs(r) {
			m.keepFrom(b, r)
		}
	}
}

// isOurs tells whether it is known that a replica has data that are the group's, by the master's lineage, where that was seen or
// is in the state file, or by the mark.
func (m *Machine) isOurs(r *member) bool {
	seen := !m.isUnknown() && m.known.Lineage != "" && !m.known.guessed && m.carriesOn(&r.repl)
	return seen || m.lookInto(r) && r.bears()
}

// keepFrom has a replica follow nobody that follows b, whom it would copy or has begun to, or whose successor it would.
func (m *Machine) keepFrom(b, r *member) {
	if m.memberAt(r.repl.Master) != b || r.busy || m.now < r.again || !m.current(r) || m.o.DryRun || m.isIdle() {
		return
	}
	r.detachedAt = m.now
	m.rejoin(Detach, r, b.ID)
}
