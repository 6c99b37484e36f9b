package failover

import (
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// Times of following somebody else's decision.
const (
	heirPatience = 3 * second // how long a named server may take to be master
	heirPause    = 5 * second // how long one that was refused is not looked at again
	heirEvery    = second / 5 // between two looks at it
	objectedFor  = 2 * second // how long an objection of the arbiter's stands
	yieldTime    = second / 2 // how long what is in flight at a living master may take once its heir is known
)

// An heir is who is looked at in Following.
type heir struct {
	id        int32
	at        int64             // when it was named
	why       string            // by what
	byAll     bool              // it is vouched for by all who answered when it was named, and by nothing else
	vouched   bool              // a majority, an operator, the whole group or a later mark stands for it, whatever its lineage
	fencing   bool              // it is what it should be; the old master is being fenced off:
	resuming  bool              // first the writes end that our own switchover has paused there,
	fenced    bool              // then what is in flight there was answered, or was given up
	repl      vital.Replication // what it said when it was named, and, once it is fencing, when it was looked at
	outranks  bool              // it outranks the old master, which answers, or that one gives way to it
	void      bool              // that one does as it has taken no write
	mark      uint64            // what it had when it said that it is master; 0: none that a monitor can have left, or it is not known
	refused   int32             // who was refused last, -1: nobody
	refusedAt int64
	refusedAs string // the process that had been named, "" when that is not known
	unready   bool   // because it was no master yet
}

// An announce is what the arbiter said last.
type announce struct {
	addr      string
	epoch     uint64
	vouched   bool   // by a majority of its reports
	accepted  uint64 // the epoch of the last announcement that was followed; the next must be higher
	bound     bool   // there was one, perhaps in an earlier life
	ignored   announced
	spurned   uint64 // the epoch of one that was refused for the lineage of whom it named
	objected  int64  // when it last said that the master is down
	stand     int64  // what the master had when a switchover was last ordered there
	ahead     int64  // when a promotion was followed before the arbiter had told of it
	pardoned  int64  // until when that counts for nothing while the master answers
	fencedFor int64  // which doubt the old master was fenced off for
}

// An announced is one announcement, for saying only once that it is ignored.
type announced struct {
	addr  string
	epoch uint64
}

// succeeded goes on to Following when another server is master by what the arbiter or
// the servers say, and to Ambiguous when two are and nothing proves which.
func (m *Machine) succeeded() bool {
	if b := m.memberAt(m.peers.announced.addr); b != nil && b.ID != m.master && m.newer(m.peers.announced.epoch) && !m.refusedLately(b) && !m.spurned(b) {
		m.follow(b, fmt.Sprintf("the arbiter says so in epoch %d", m.peers.announced.epoch))
		m.heir.vouched = m.peers.announced.vouched
		return true
	}
	b, why := m.successor()
	switch {
	case b == nil && why != "" && m.o.Mode != Sentinel:
		m.tear(why)
		return true
	case b == nil || m.refusedLately(b):
		return false
	}
	outranks := m.outranks(b) || m.isPreferred(b)
	if m.trust(b, why); m.state == Following {
		_, vouched := m.vouched(b)
		m.heir.vouched, m.heir.outranks, m.heir.void = vouched || outranks, outranks, outranks && m.isVoid()
		m.heir.byAll = vouched && m.o.Mode == Local && !outranks && !m.later(b)
	}
	return m.state == Following || m.state == Ambiguous
}

// spurned tells whether the announcement of b was refused for its lineage, and neither
// that nor the number of reports has changed.
func (m *Machine) spurned(b *member) bool {
	return m.peers.announced.spurned == m.peers.announced.epoch && m.peers.announced.spurned != 0 && !m.peers.announced.vouched && !m.carriesOn(&b.repl)
}

// overruled tells whether a majority of the arbiter's reports stands for another master, in a
// later epoch than ours. That one may be no master yet or be out of sight: what ours would
// acknowledge meanwhile is lost when the arbiter demotes it, so that it gets nothing until that
// one is followed or the arbiter names ours again.
func (m *Machine) overruled() bool {
	b := m.memberAt(m.peers.announced.addr)
	return b != nil && b.ID != m.master && m.peers.announced.vouched && m.peers.announced.bound && m.newer(m.peers.announced.epoch)
}

// newer tells whether an epoch of the arbiter's is one that may be followed.
func (m *Machine) newer(epoch uint64) bool {
	return m.o.Mode == Sentinel && (epoch > m.peers.announced.accepted || !m.peers.announced.bound)
}

// refusedLately tells whether a server was named and refused a moment ago, and nothing has
// changed since.
func (m *Machine) refusedLately(b *member) bool {
	changed := m.heir.unready && m.isMaster(b) && b.sent > m.heir.refusedAt || m.heir.refusedAs != "" && b.repl.RunID != m.heir.refusedAs
	return m.heir.refused == b.ID && m.now-m.heir.refusedAt < heirPause && !changed
}

// successor returns who is master instead of the table's by what the servers say of
// themselves, and how one knows; nobody but a reason when there are two and no proof.
func (m *Machine) successor() (*member, string) {
	old := m.member(m.master)
	if old != nil && m.isReplica(old) {
		if b := m.memberAt(old.repl.Master); b != nil && m.isMaster(b) && m.acceptable(b) {
			return b, old.Addr + " says that it is its replica"
		}
	}
	if b, why := m.overriding(); b != nil {
		return b, why
	}
	if b, why := m.preferred(); b != nil {
		return b, why
	}
	if m.o.Mode == Sentinel || m.o.Mode == Local && m.isMaster(old) && !m.replaced(old) && !m.awaited(old) {
		return nil, ""
	}
	var heirs []*member
	for _, b := range m.members {
		if b.ID != m.master && m.isMaster(b) && m.known.Lineage != "" && m.carriesOn(&b.repl) && !m.premature(b) && !m.lesser(b) {
			heirs = append(heirs, b)
		}
	}
	if len(heirs) == 0 {
		return m.agreed()
	}
	return m.furthest(heirs)
}

// acceptable tells whether b, whom the old master follows, can be followed: in mode local it has
// not come back with less than somebody else has, and its data are the group's or it is vouched for.
func (m *Machine) acceptable(b *member) bool {
	if m.o.Mode != Local {
		return true
	}
	_, vouched := m.vouched(b)
	return vouched || m.carriesOn(&b.repl) && !(m.outdated(b) && m.holder(b) != nil)
}

// premature tells whether b, who says that it is master and carries on the group's data, is to
// wait all the same: it lacks something that the old one had, or may lack it, since its redis.conf made it master when it
// started, or a switchover that came to nothing, and the old one may be back in a moment with everything. It is given
// DownSilence for that. What a master had when it was last asked, or when the state file was written, does not measure a
// claimant that was not seen to follow it, nor what one had that goes on and only complains.
func (m *Machine) premature(b *member) bool {
	old := m.member(m.master)
	unknown := m.unseen(b) || old != nil && m.complains(old)
	has := m.share(&b.repl, m.known.Lineage)
	if m.o.Mode != Local || !unknown && !m.outdated(b) && !(has >= 0 && has < m.known.Offset) {
		return false
	}
	return m.state != Suspect && m.state != Stuck || m.now-m.doubt.at < m.o.DownSilence
}

// lesser tells whether b, who says that it is master, was made one while the old one went on: it
// lacks what was written since, and a replica has it that can be promoted. In this mode nobody
// else decides that it is to be lost; an operator who means it says so (Resolve).
func (m *Machine) lesser(b *member) bool {
	return m.o.Mode == Local && m.share(&b.repl, m.known.Lineage) < m.known.Offset && m.holder(b) != nil
}

// furthest returns the one heir that took over latest, or that carries the others on; nobody but a
// reason when two did, unless this machine made both master in this outage: neither was published, so that
// neither has taken a write.
func (m *Machine) furthest(heirs []*member) (best *member, why string) {
	var most int64
	for _, b := range heirs {
		switch has := m.share(&b.repl, m.known.Lineage); {
		case best == nil || has > most || has == most && m.share(&b.repl, best.repl.ID) >= 0:
			best, most, why = b, has, ""
		case has == most && b.excluded && best.excluded:
			if m.better(b, best, b.repl, best.repl) {
				best = b
			}
		case has == most && m.share(&best.repl, b.repl.ID) < 0:
			why = fmt.Sprintf("%s and %s both took over at offset %d", best.Addr, b.Addr, has+1)
		}
	}
	if best == nil || why != "" {
		return nil, why
	}
	return best, fmt.Sprintf("it is master and carries on lineage %s from offset %d", m.known.Lineage, most+1)
}

// follow looks at a server that was named as master.
func (m *Machine) follow(b *member, why string) {
	m.heir = heir{id: b.ID, at: m.now, why: why, repl: b.repl,
		refused: m.heir.refused, refusedAt: m.heir.refusedAt, refusedAs: m.heir.refusedAs, unready: m.heir.unready}
	m.settling.remarks, m.marks.untried = nil, ""
	m.hold()
	m.on(named, Transition{What: b.Addr + " is named as master", Why: why, Loss: -1})
	m.order(Identify, b.ID, lookTime)
	if m.o.Mode == Local {
		m.clock.asked = 0
		m.ask()
	}
}

// reviewFollowing waits until the heir has proved itself, then until the old master is
// fenced off.
func (m *Machine) reviewFollowing() {
	if m.heir.fencing {
		m.inherit()
		return
	}
	b := m.memberAt(m.peers.announced.addr)
	if b != nil && b.ID != m.heir.id && b.ID != m.master && m.newer(m.peers.announced.epoch) {
		m.succeeded()
		return
	}
	ev, over := m.outcome(Identify, m.heir.id)
	switch {
	case !over || m.now < m.pending.retryAt:
	case m.pending.retryAt != 0:
		m.pending.outcomes, m.pending.retryAt = nil, 0
		m.order(Identify, m.heir.id, lookTime)
	case saysMaster(ev) && m.unwitnessed():
		m.ask()
	case saysMaster(ev):
		m.acknowledge(ev)
	case m.now-m.heir.at >= heirPatience:
		m.refuse("it does not say that it is master")
		m.heir.unready = true
	default:
		m.pending.retryAt = m.now + heirEvery
	}
}

// saysMaster tells whether a server that was asked what it is and what it holds says that it is master. That its mark may not
// be read makes it no less one: what it is followed for is its lineage.
func saysMaster(ev Event) bool {
	told := ev.Err == nil || ev.Repl.RunID != "" && isBarred(ev.Err)
	return told && !ev.Repl.Replica
}

// acknowledge looks at the heir's lineage and has the old master fenced off.
func (m *Machine) acknowledge(ev Event) {
	m.heir.vouched = m.heir.vouched || m.supersedes(m.member(m.heir.id), ev.Mark.Epoch)
	if !m.carriesOn(&ev.Repl) && !(m.heir.outranks && m.isVoid() && m.inherited(&ev.Repl)) {
		why := fmt.Sprintf("its lineage is %s, before that %s; want %s", ev.Repl.ID, ev.Repl.SecondID, m.known.Lineage)
		if !m.heir.vouched {
			m.peers.announced.spurned = m.peers.announced.epoch
			m.refuse(why)
			return
		}
		m.warn(m.name(m.heir.id)+" is followed although its data are not the group's", why+"; "+m.heir.why)
		m.settling.remarks = append(m.settling.remarks, m.name(m.heir.id)+" became master with data of another lineage")
	}
	if why := m.contested(); why != "" {
		m.refuse(why)
		return
	}
	m.heir.fencing, m.heir.repl = true, ev.Repl
	if m.o.Mode == Local && !m.disbelieves(ev.Mark.Epoch) {
		m.heir.mark = ev.Mark.Epoch
	}
	m.begin("following", m.heir.id)
	if m.heir.resuming = m.pausedByUs(); m.heir.resuming {
		m.orderTo(Follow, m.master, m.heir.id, m.o.Promote)
	}
	m.inherit()
}

// unwitnessed tells whether somebody has yet to say what he has since the heir was named: nobody stands for it, and one who
// has more contests it.
func (m *Machine) unwitnessed() bool {
	return m.o.Mode == Local && !m.heir.vouched && m.hand.at == 0 && m.now-m.heir.at < heirPatience && m.unheard(m.member(m.heir.id), m.heir.at)
}

// pausedByUs tells whether a switchover of ours that the arbiter carries out has paused writes
// at the old master. Those that wait there, other proxies' too, would be executed when the
// pause is over, and be lost: it is made a replica of the heir, as the arbiter would do later,
// so that it refuses them and they can be sent to the heir.
func (m *Machine) pausedByUs() bool {
	old := m.member(m.master)
	return m.o.Mode == Sentinel && m.hand.at != 0 && m.hand.stage >= pausing && m.heir.id != m.master && m.fresh(old) && old.repl.RunID == m.known.RunID &&
		m.share(&m.heir.repl, m.known.Lineage) >= m.peers.announced.stand
}

// resume ends the pause once the old master is a replica. When it could not be made one the
// pause stays until it runs out.
func (m *Machine) resume() {
	ev, over := m.outcome(Follow, m.master)
	m.heir.resuming = !over
	if over && ev.Err == nil {
		m.loose(Unpause, m.master, -1)
	}
}

// yielded waits until a master that answers has answered what is in flight there, at most for
// so long: while it lives that is sooner than the arbiter names another one, unless its
// writes are paused, which are refused then. What is in flight at one that may be dead is
// given up at once.
func (m *Machine) yielded(within int64) bool {
	if m.o.Mode != Sentinel || !m.fresh(m.member(m.master)) {
		return true
	}
	if !m.tried(Drain) {
		m.launch(ofState, Action{Kind: Drain, Server: m.master, Within: within})
		return false
	}
	_, over := m.fate(Drain)
	return over
}

// inherit publishes the heir once the old master is fenced off. A state file that
// cannot be written keeps nobody from following what has happened already.
func (m *Machine) inherit() {
	if m.heir.resuming {
		m.resume()
	}
	switch {
	case m.heir.resuming || !m.heir.fenced && !m.yielded(yieldTime):
		return
	case !m.heir.fenced:
		m.heir.fenced = true
		m.fence(m.heir.id)
	}
	switch err, over := m.fate(Fence); {
	case !over || !m.isSaved() && m.unsavable() == nil && m.o.Mode != Observe:
	case err != nil:
		m.refuse("the old master could not be fenced off: " + err.Error())
	case m.contested() != "": // somebody has answered meanwhile
		m.refuse(m.contested())
	case m.heir.void && !m.tookNothing():
	case !m.reheard() || !m.heir.vouched && m.hand.at == 0 && m.isContradicted(m.member(m.heir.id)):
	default:
		m.publish(m.heir.id, m.heir.repl, m.heir.why)
	}
}

// tookNothing tells whether the old master, which gives way as it was made one in vain, has taken no write until it was fenced off,
// either: it says then how many replicas it has, and with more than it has refused its mark with it may have taken some.
func (m *Machine) tookNothing() bool {
	ev, over := m.outcome(Inspect, m.master)
	if !over {
		if !m.waiting() {
			m.order(Inspect, m.master, lookTime)
		}
		return false
	}
	m.heir.void = false
	if ev.Err == nil {
		m.countReplicas(m.member(m.master))
	}
	if !m.isVoid() {
		m.refuse(m.name(m.master) + " has had replicas meanwhile, and may have taken writes")
		return false
	}
	return true
}

// reheard tells whether the heir has just said what it is, and has it asked otherwise: while the old master was fenced off
// another process may have taken its place, which the data path would have no link to that breaks. Whom an arbiter names is
// its affair.
func (m *Machine) reheard() bool {
	b := m.member(m.heir.id)
	if m.o.Mode != Local || b == nil || m.now-b.heardAt <= pollEvery {
		return true
	}
	switch ev, over := m.outcome(Inspect, b.ID); {
	case over && ev.Err != nil:
		m.refuse("it does not say any more that it is master: " + ev.Err.Error())
	case over || !m.waiting():
		m.pending.outcomes = slices.DeleteFunc(m.pending.outcomes, func(o outcome) bool { return o.op == Inspect && o.kind == Order })
		m.order(Inspect, b.ID, lookTime)
	}
	return false
}

// contested returns why the heir is not to be published although it has said that it is master: it has ended since it was
// named and would be copied as whatever comes back, which may have less, or somebody who answers has more, and nobody stands
// for the heir, or only the state file, which means the process before it. "" when nothing speaks against it.
func (m *Machine) contested() string {
	b := m.member(m.heir.id)
	switch {
	case b == nil:
	case m.o.Mode == Local && b.ended:
		return "it refuses connections"
	case m.o.Mode == Local && m.heir.repl.RunID != "" && b.repl.RunID != m.heir.repl.RunID: // it has to be named itself
		return "another process answers"
	case b.ID == m.master && (m.replaced(b) || m.awaited(b)):
		return "another process answers, which lacks the data"
	case (!m.heir.vouched || m.heir.byAll) && m.hand.at == 0 && m.lesser(b):
		return m.holder(b).Addr + " answers, and has more"
	case !m.heir.vouched && m.hand.at == 0:
		return m.contradiction(b)
	}
	return ""
}

// refuse gives the heir up; the group stays held.
func (m *Machine) refuse(why string) {
	m.heir.refused, m.heir.refusedAt, m.heir.refusedAs, m.heir.unready = m.heir.id, m.now, m.heir.repl.RunID, false
	m.doubt.at = m.now
	m.giveUpWish(m.name(m.heir.id) + ": " + why)
	m.takeBack()
	m.on(failed, Transition{What: m.name(m.heir.id) + " is not followed", Why: why, Loss: -1})
}

// tear stops at two masters.
func (m *Machine) tear(why string) {
	m.hold()
	m.on(torn, Transition{What: "two servers are master and nothing proves which", Why: why, Loss: -1})
}

// reviewAmbiguous waits for the arbiter, or until one server is left that says it is
// master while all others answer that they are not.
func (m *Machine) reviewAmbiguous() {
	m.ask()
	m.shelterFromClaimants()
	if m.dispute.over != nil {
		m.reviewDispute()
		return
	}
	var only *member
	for _, b := range m.members {
		switch {
		case !m.fresh(b):
			only = nil
			return
		case b.repl.Replica:
		case only != nil:
			return
		default:
			only = b
		}
	}
	if only == nil || m.refusedLately(only) || m.isDisputed(only) {
		return
	}
	if only.ID != m.master {
		m.follow(only, "all others say that they are replicas")
		m.heir.vouched = true
		return
	}
	m.settleOn(only, "all others say that they are replicas")
}

// settleOn goes on with the table's master.
func (m *Machine) settleOn(b *member, why string) {
	if m.table.tabled != m.master {
		m.follow(b, "the state file says so; "+why)
		m.heir.vouched = true
		return
	}
	m.on(found, Transition{What: b.Addr + " is master", Why: why, Loss: -1})
	m.takeBack()
	m.accept()
	m.readmit()
}

// hearAnnounced takes whom the arbiter names.
func (m *Machine) hearAnnounced(ev Event) {
	b := m.memberAt(ev.Addr)
	switch {
	case m.o.Mode != Sentinel:
		return
	case b == nil:
		m.ignore(ev, "no server of this group has that address")
		return
	case ev.Epoch < m.peers.announced.accepted:
		m.ignore(ev, fmt.Sprintf("epoch %d is older than %d", ev.Epoch, m.peers.announced.accepted))
		return
	case m.peers.announced.bound && ev.Epoch == m.peers.announced.accepted && b.ID != m.master:
		m.ignore(ev, fmt.Sprintf("%s was followed in the same epoch %d", m.name(m.master), ev.Epoch))
		return
	case ev.Epoch < m.peers.announced.epoch:
		return
	}
	m.peers.announced.addr, m.peers.announced.epoch, m.peers.announced.vouched = ev.Addr, ev.Epoch, ev.Source*2 > ev.Of
	if b.ID == m.master {
		m.peers.announced.accepted, m.peers.announced.bound = ev.Epoch, true
	}
}

// ignore says once that an announcement is not followed.
func (m *Machine) ignore(ev Event, why string) {
	late := m.peers.announced.ahead != 0 && m.now-m.peers.announced.ahead < pardonFor
	if this := (announced{ev.Addr, ev.Epoch}); m.peers.announced.ignored != this && !late {
		m.peers.announced.ignored = this
		m.warn("the arbiter's word for "+ev.Addr+" is ignored", why)
	}
}
