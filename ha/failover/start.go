package failover

import "fmt"

// reviewInit waits until every server has answered or failed, then finds the master: by
// what was begun in an earlier life, by the state file and lineage, by who has
// replicas; the configured role is a hint for an empty state only.
func (m *Machine) reviewInit() {
	if m.o.Mode != Observe {
		m.hold()
	}
	if !m.lookedAround() {
		m.ask()
		return
	}
	if m.announcedAtStart() || m.finished() {
		return
	}
	m.settleStart(m.member(m.master))
}

// announcedAtStart goes with the arbiter's word, if it has given one.
func (m *Machine) announcedAtStart() bool {
	b := m.memberAt(m.peers.announced.addr)
	return m.o.Mode == Sentinel && b != nil && b.ID != m.master && m.succeeded()
}

// lookedAround tells whether every server has answered or failed; after a while, true.
func (m *Machine) lookedAround() bool {
	if m.now-m.clock.started >= initFor {
		return true
	}
	for _, b := range m.members {
		if b.sent == 0 && b.fault == 0 {
			return false
		}
	}
	return m.o.Mode != Sentinel || m.peers.announced.addr != ""
}

// finished goes on with what an earlier life had begun, when that was done but for its
// publication.
func (m *Machine) finished() bool {
	if m.disk.intent.Begun == "" {
		return false
	}
	b := m.memberAt(m.disk.intent.Candidate)
	if !m.isMaster(b) || m.disk.intent.Lineage == "" || m.share(&b.repl, m.disk.intent.Lineage) < m.disk.intent.Offset || m.holder(b) != nil {
		return false // or it fell meanwhile, and lacks what others have
	}
	if m.disk.intent.Begun == "promoting" { // what the crash has kept from being counted
		m.permit.recent = append(m.permit.recent, m.now)
	}
	m.round.candidate, m.round.from, m.round.handed = b.ID, m.master, m.disk.intent.Begun == "handing"
	m.follow(b, fmt.Sprintf("it was being made master when the last process ended (%s)", m.disk.intent.Begun))
	return true
}

// settleStart goes on from b, the master by the state file or by the configuration.
func (m *Machine) settleStart(b *member) {
	rivals := m.claimants(b)
	switch {
	case b == nil || !m.isMaster(b):
		m.startWithout(b, rivals)
	case m.replaced(b), m.awaited(b):
		m.doubtAtStart()
	case len(rivals) > 0 && m.disk.intent.RunID == "":
		m.startTorn(b, rivals)
	default:
		m.trust(b, "it answers")
	}
}

// doubtAtStart calls the presumed master in question.
func (m *Machine) doubtAtStart() {
	why := m.questionable()
	if why == "" {
		why = "it has not answered yet"
	}
	m.suspect(why)
}

// claimants returns the other servers that say they are master and whose data may be
// the group's.
func (m *Machine) claimants(but *member) (all []*member) {
	for _, b := range m.members {
		if b != but && m.isMaster(b) && m.carriesOn(&b.repl) {
			all = append(all, b)
		}
	}
	return all
}

// startWithout begins when the presumed master b does not say that it is one.
func (m *Machine) startWithout(b *member, rivals []*member) {
	switch {
	case len(rivals) == 0, len(rivals) == 1 && m.premature(rivals[0]):
		m.doubtAtStart()
	case len(rivals) > 1:
		m.startTorn(nil, rivals)
	case m.isReplica(b) || m.known.Lineage != "" || m.followers(rivals[0]) > 0:
		m.trust(rivals[0], "it is the only one that says so")
	default:
		m.doubtAtStart()
	}
}

// startTorn begins when b, if it is there, and others say that they are master and nothing that
// is known of before settles it.
func (m *Machine) startTorn(b *member, rivals []*member) {
	all := rivals
	if b != nil {
		all = append([]*member{b}, rivals...)
	}
	if !m.lookedInto(all) {
		return
	}
	switch best, why := m.rightful(all); {
	case best == nil:
		m.tear(why)
	case best != b && m.premature(best):
		m.doubtAtStart()
	default:
		m.trust(best, why)
	}
}

// followers counts the servers of the group that say they are replicas of b.
func (m *Machine) followers(b *member) (n int) {
	for _, r := range m.members {
		if m.isReplica(r) && m.memberAt(r.repl.Master) == b {
			n++
		}
	}
	return n
}
