package failover

import (
	"fmt"

	"huntaway/ha/vital"
)

// The epoch numbers promotions. Whoever makes one gives it a number above every mark that it has seen, and leaves that on the new
// master; whoever follows takes the number that stands there. So processes that know of the same promotion have the same
// epoch, however often each of them was started or has published it. Between two masters the mark decides that each has
// taken: it is a write like any other, and who has too few replicas to acknowledge one does not take it.

// number gives the publication of a server its epoch.
func (m *Machine) number(id int32) {
	mark, unproven := m.heir.mark, m.isUnproven(id)
	switch {
	case m.state == Verifying && m.marks.tally.at == id && m.marks.tally.left > m.epoch:
		m.reach(m.marks.tally.left)
	case m.state == Verifying:
		m.reach(max(m.epoch+1, m.round.number))
	case m.numbers(mark, id):
		m.adopt(mark)
	case id == m.master && m.marks.spent == 0: // the state file knows of the promotion, and the table does not
	default: // it was made master by hand, has yet to be given its mark, or others were given later numbers in vain
		m.reach(m.next())
		if mark != 0 {
			m.marks.bare = min(m.marks.bare, m.epoch-mark)
		}
	}
	m.marks.needy, m.marks.unproven = m.state == Verifying && m.round.needy, unproven
	switch {
	case m.state == Verifying:
		m.marks.had, m.marks.tooFew = 0, m.round.few
	case id != m.master:
		m.marks.had, m.marks.tooFew = 0, 0
	}
}

// numbers tells whether the mark of who is published is the number of its promotion: nobody else is known to have had it, or
// the table's master gives way to it, whose own number is void then.
func (m *Machine) numbers(mark uint64, id int32) bool {
	if m.stoodDown() && m.attended(m.member(id)) { // whoever is active there keeps it right
		return mark != 0
	}
	void := m.heir.outranks && id != m.master && mark >= m.seenMark() && (m.isVoid() && m.marks.bare == 1 && m.wentOn(&m.heir.repl) || mark == m.epoch)
	return (mark > m.seenMark() || m.marks.borrowed) && mark >= m.epoch || void
}

// adopt takes the mark of the master for the epoch.
func (m *Machine) adopt(mark uint64) {
	m.epoch, m.marks.spent, m.marks.bare, m.marks.borrowed = mark, 0, 0, false
}

// A keptMark is a mark that was read on the master beside another monitor, which keeps it right.
type keptMark struct {
	mark  uint64
	times int // in a row
}

// keptTimes is how often a mark is read before it is believed to be the other monitor's: what a client has written there that one
// puts right when it looks next.
const keptTimes = 3

// hearKept takes the mark that another monitor keeps on the master for the epoch, be it an earlier one: the promotion is the same,
// and numbers that only this process has known of are void.
func (m *Machine) hearKept(ev Event) {
	up := m.member(m.master)
	settled := (m.state == Healthy || m.state == Settling) && m.table.tabled == m.master && m.isMaster(up) && m.o.Mode == Local
	if !settled || ev.Server != m.master || ev.Found == 0 || ev.Found != m.marks.beside.mark {
		m.marks.beside = keptMark{mark: ev.Found}
	}
	if m.marks.beside.times++; m.marks.beside.times < keptTimes || !settled || ev.Found == m.epoch || m.disbelieves(ev.Found) {
		return
	}
	m.adopt(ev.Found)
	m.note(fmt.Sprintf("the epoch is %d", m.epoch), up.Addr+" has that mark, which another monitor keeps there")
	m.record()
}

// next returns the number of the next promotion.
func (m *Machine) next() uint64 {
	top := m.epoch
	for _, b := range m.members {
		if mark := max(b.mark.Epoch, b.stoodWith); mark > top && m.isLater(mark) && !m.derives(b) {
			top = mark
		}
	}
	return top + 1
}

// derives tells whether a server has its mark from the table's master, on which nobody but this process has left one: a later
// one there a client has written.
func (m *Machine) derives(b *member) bool {
	has := &b.repl
	if b.frozen {
		has = &b.stand
	}
	return m.marks.tally.sure && has.ID == m.known.Lineage
}

// isUnproven tells whether a server that is about to be published has refused its mark for want of replicas, and no operator
// wants it.
func (m *Machine) isUnproven(id int32) bool {
	switch {
	case m.hand.at != 0:
		return false
	case m.state == Verifying:
		return m.round.needy
	}
	return id == m.master && m.marks.unproven
}

// disprove takes that the master refuses its mark for want of replicas, with as many as it was ever seen with: it has taken
// nothing else under this number.
func (m *Machine) disprove(ev Event) {
	if m.marks.bare == 0 || ev.Err == nil || !noReplicas(ev.Err) || ev.Found > m.seenMark() {
		return
	}
	if few := inStep(&ev.Repl, promptLag); few >= m.marks.had {
		m.marks.unproven, m.marks.tooFew = true, max(m.marks.tooFew, few)
		m.record()
	}
}

// countReplicas takes with how many replicas the master, which may be unknown, answers. With more of them than it has refused
// its mark with it may take writes, until it is asked again: how many it needs is known to nobody but itself.
func (m *Machine) countReplicas(b *member) {
	n := 0
	if b != nil {
		n = len(b.repl.Followers)
	}
	m.marks.needy, m.marks.unproven = m.marks.needy && n <= m.marks.tooFew, m.marks.unproven && n <= m.marks.tooFew
	if n > m.marks.had && m.o.Mode == Local {
		if m.marks.had = n; m.marks.bare > 0 {
			m.record()
		}
	}
}

// promptLag is how long ago a replica may have been heard and be counted by its master for sure: it acknowledges what it has
// each second.
const promptLag = second

// isVoid tells whether the table's master was made one in vain so far, and its number is void: it takes no writes, and nobody has seen it take its mark.
func (m *Machine) isVoid() bool { return m.marks.unproven && m.marks.bare > 0 }

// markTaken returns the epoch whose mark the table's master has taken, as far as that says whether it may have taken writes.
func (m *Machine) markTaken() uint64 {
	if m.isVoid() {
		return m.seenMark()
	}
	return m.epoch
}

// preferred returns another master that the table's gives way to, and why: who has all that it has, while it has taken no write; or
// more replicas, where both have taken the same mark and it has what it had: replicas do not stay with one that has lost its data.
func (m *Machine) preferred() (*member, string) {
	up := m.member(m.master)
	if m.o.Mode != Local || m.stoodDown() || !m.isMaster(up) || m.known.Lineage == "" {
		return nil, ""
	}
	for _, b := range m.members {
		switch mark := b.mark.Epoch; {
		case b == up || !m.isMaster(b) || !b.looked || b.unsaving || b.excluded || m.disbelieves(mark):
		case m.isVoid() && m.inherited(&b.repl) && (mark > m.seenMark() || mark == m.seenMark() && (m.wentOn(&b.repl) || m.followed(b) > 0)):
			return b, fmt.Sprintf("it has all that %s has, which was made master and has taken no write yet", up.Addr)
		case m.isTied(b) && m.followed(b) > m.followed(up) && !m.lacks(up):
			return b, fmt.Sprintf("it has the mark of epoch %d, as %s has, and %d replicas instead of %d", mark, up.Addr, m.followed(b), m.followed(up))
		}
	}
	return nil, ""
}

// inherited tells whether data have all that the table's master had when it was made one: what it has itself since, while it
// took no writes, are keys that have expired.
func (m *Machine) inherited(r *vital.Replication) bool {
	return m.known.second != "" && m.share(r, m.known.second) >= m.known.upTo-1
}

// wentOn tells whether data are of the master before the table's, which has not ended: whoever is made master, or starts as one,
// begins another lineage.
func (m *Machine) wentOn(r *vital.Replication) bool {
	return m.known.second != "" && r.ID == m.known.second
}

// isPreferred tells whether the table's master gives way to b.
func (m *Machine) isPreferred(b *member) bool {
	to, _ := m.preferred()
	return to == b && to != nil
}

// isTied tells whether b was made master by another process under the number that the table's master has: replicas have its data
// from it, and they do not carry on that one's. Nobody was given the number 1.
func (m *Machine) isTied(b *member) bool {
	return m.o.Mode == Local && !b.repl.Replica && b.looked && b.mark.Epoch == m.epoch && m.epoch > 1 && m.marks.spent == 0 && m.known.Lineage != "" &&
		m.share(&b.repl, m.known.Lineage) < 0 && m.followed(b) > 0
}
