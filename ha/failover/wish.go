package failover

import (
	"errors"
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// command takes an operator's wish.
func (m *Machine) command(w Wish) {
	w.To, w.Expect = m.person(w.To), m.person(w.Expect)
	switch w.Kind {
	case WishSwitchover:
		m.switchover(w)
	case WishResolve:
		m.resolve(w)
	case WishLatch, WishRelease:
		if m.o.Mode != Local {
			m.answer(w, fmt.Errorf("failover is %v: this proxy promotes nobody, so there is nothing to latch or release; whoever decides has to be told", m.o.Mode))
			return
		}
		if w.Kind == WishRelease {
			m.unlatch(w)
			return
		}
		m.latch("by " + w.By)
		m.pledge(w, "automatic failover is off, but a restart of this process forgets that")
	}
}

// latched returns why automatic failover is off; "": it is on, or not up to this machine. What
// the state file says of it from another mode holds again when that is back.
func (m *Machine) latched() string {
	if m.o.Mode != Local {
		return ""
	}
	return m.disk.intent.Latched
}

// answer tells the operator how a wish has ended.
func (m *Machine) answer(w Wish, err error) {
	m.do(Action{Kind: Answer, ID: w.ID, Server: w.To, Err: err})
}

// unlatch allows automatic failover again; those that were made forbid no more.
func (m *Machine) unlatch(w Wish) {
	m.permit.released, m.permit.recent = append(m.lastHour(m.permit.released), m.permit.recent...), nil
	latched := m.disk.intent.Latched != ""
	if latched || m.disk.intent.Recent != "" {
		m.disk.intent.Latched, m.disk.intent.Recent, m.disk.intent.Released = "", "", spellNumbers(m.permit.released)
		m.save()
	}
	if latched {
		m.note("automatic failover is on", "released by "+w.By)
	}
	m.pledge(w, "automatic failover is on, but a restart of this process forgets that")
}

// resolve makes a server master because an operator says so.
func (m *Machine) resolve(w Wish) {
	b := m.member(w.To)
	stuck := m.state == Suspect || m.state == Stuck || m.state == Ambiguous
	switch {
	case b == nil:
		m.answer(w, errors.New("it is no server of this group"))
	case !m.fresh(b):
		m.answer(w, fmt.Errorf("%s does not answer", b.Addr))
	case !stuck && m.state != Healthy && m.state != Settling:
		m.answer(w, fmt.Errorf("the group is %v; wait until that is over", m.state))
	case m.o.DryRun:
		m.answer(w, errors.New("failover_dry_run is set: nothing is done"))
	case b.repl.Replica:
		m.resolveReplica(w, b)
	case b.ID != m.master:
		m.hand = hand{at: m.now, wish: w}
		m.follow(b, "resolved by "+w.By)
		m.heir.vouched = true
	default:
		m.resolveMaster(w, b)
	}
}

// resolveReplica promotes a replica because an operator says so, while there is no master.
func (m *Machine) resolveReplica(w Wish, b *member) {
	switch {
	case m.state == Healthy || m.state == Settling:
		m.answer(w, fmt.Errorf("%s is a replica and %s is well; order a switchover", b.Addr, m.name(m.master)))
	case m.o.Mode != Local:
		m.answer(w, fmt.Errorf("%s says that it is a replica, and promoting is not up to us in mode %v", b.Addr, m.o.Mode))
	default:
		m.hand = hand{at: m.now, wish: w}
		if m.known.Lineage == "" { // else nobody could be told from a stranger, who is not to be detached
			m.known = past{Lineage: b.repl.ID, Offset: b.repl.Offset}
		}
		m.round.force = b.ID
		m.freeze(causeForced, "resolved by "+w.By)
	}
}

// resolveMaster stays with the table's master because an operator says so.
func (m *Machine) resolveMaster(w Wish, b *member) {
	if slices.ContainsFunc(m.members, func(r *member) bool { return r != b && (m.later(r) || m.isTied(r)) }) { // whoever made it master is overruled
		m.reach(m.next())
		m.unmarked()
	}
	m.records.list.known, m.records.list.over = true, len(m.records.abandoned)+len(m.records.losses) > 0 // what stands there counts no more
	m.known, m.records.abandoned, m.records.losses, m.settling.remarks, m.marks.untried, m.doubt.unread = past{}, nil, nil, nil, "", false
	switch m.state {
	case Ambiguous:
		m.settleOn(b, "resolved by "+w.By)
	case Suspect, Stuck:
		m.doubt.at = 0
	}
	m.answer(w, nil)
}

// grantWish answers a wish that a publication has ended.
func (m *Machine) grantWish(id int32) {
	if m.hand.at == 0 {
		return
	}
	w := m.hand.wish
	m.hand = hand{}
	if id == w.To {
		m.answer(w, nil)
		return
	}
	m.answer(w, fmt.Errorf("%s became master instead", m.name(id)))
}

// giveUpWish answers a wish that will not come true.
func (m *Machine) giveUpWish(why string) {
	if m.hand.at == 0 {
		return
	}
	w := m.hand.wish
	m.hand = hand{}
	m.answer(w, errors.New(why))
}

// thin tells whether fewer than half of the other servers are replicas in step with the
// master, by its own list.
func (m *Machine) thin() bool {
	master := m.member(m.master)
	if !m.isMaster(master) || len(m.members) < 2 {
		return false
	}
	return inStep(&master.repl, thinLag)*2 < len(m.members)-1
}

// inStep counts the replicas that a master lists as online and has heard of within so long.
func inStep(r *vital.Replication, within int64) (n int) {
	for _, f := range r.Followers {
		if int64(f.Lag) <= within {
			n++
		}
	}
	return n
}

// thinLag is how far behind a replica may be to be in step, and how long too few may be.
const thinLag = 2 * second

// watchThin holds a master that has too few replicas for a while: others may have
// promoted one of those that it cannot see.
func (m *Machine) watchThin() {
	switch {
	case !m.o.SelfFence || !m.isMaster(m.member(m.master)): // what it has said before is no news
	case !m.thin():
		m.holds.thinSince = 0
		if m.holds.selfFenced {
			m.holds.selfFenced = false
			m.note("the master has enough replicas again", m.name(m.master))
			m.release()
		}
	case m.holds.thinSince == 0:
		m.holds.thinSince = m.now
	case m.now-m.holds.thinSince > thinLag && !m.holds.selfFenced:
		m.holds.selfFenced = true
		m.warn("the master has too few replicas and is held", "self_fence; fewer than half of the others are in step")
		m.hold()
	}
}
