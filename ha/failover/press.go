package failover

import (
	"cmp"
	"fmt"
	"strings"

	"huntaway/ha/vital"
)

// press has those told again to follow nobody who have not acknowledged it, and have by their last answer more of the group's data
// than everybody who has: whoever was promoted without them would lack that, and be copied by them. It tells whether it is waited
// for that, for pressing at most in a failover.
func (m *Machine) press() bool {
	if m.round.force >= 0 {
		return false
	}
	best := m.foremost()
	all := m.outstanding(best)
	if len(all) == 0 {
		return false
	}
	if m.round.pressedAt == 0 {
		m.round.pressedAt = m.now
		m.note("a server that has more is told again to follow nobody", m.spellPressed(all, best))
	}
	left := m.round.pressedAt + m.pressing() - m.now
	if left <= 0 {
		return false
	}
	if m.isDue() {
		for _, b := range all {
			b.detachedAt = m.now
			m.order(Detach, b.ID, min(left, m.o.DownSilence/2))
		}
	}
	return true
}

// pressing is for how long somebody is told again what he has not answered. A server may be held up for as long as a dead one is
// silent, by its own doing: one that is told whom to follow just as it connects to whom it followed is, for 5 s (redis 7.0).
func (m *Machine) pressing() int64 { return 2 * m.o.DownSilence }

// isDue tells whether an order may be given again. First everybody is asked, for who was told may have ended.
func (m *Machine) isDue() bool {
	if m.pending.retryAt == 0 {
		m.clock.asked, m.pending.retryAt = 0, m.now+askEvery
	}
	m.ask()
	if m.now < m.pending.retryAt {
		return false
	}
	m.pending.retryAt = 0
	return true
}

// outstanding returns who has not acknowledged that he follows nobody, could be promoted by his last answer, and has more by that
// than best, who has; nil is less than anybody. Who refuses connections, or had been silent for as long as a dead master when others
// were first waited for, is not.
func (m *Machine) outstanding(best *member) (all []*member) {
	for _, b := range m.members {
		if !b.frozen && b.declined == "" && b.isNear(cmp.Or(m.round.pressedAt, m.now)-m.o.DownSilence) && m.concerned(b) && m.unworthy(b, &b.repl) == "" &&
			!(b.unsaving && m.able(b)) && (best == nil || m.byGap(best, b, best.stand, b.repl) != 1 && m.fuller(&b.repl, &best.stand)) {
			all = append(all, b)
		}
	}
	return all
}

// isNear tells whether a server answers, or has until some time after since, and may only be slow.
func (b *member) isNear(since int64) bool {
	silent := b.fault.Silent() && (b.failSince == 0 || b.failSince > since)
	return b.sent != 0 && !b.ended && (b.fault == vital.FaultNone || silent)
}

// fuller tells whether x has more of the group's data than y: not who goes first of two that have the same.
func (m *Machine) fuller(x, y *vital.Replication) bool {
	c := m.worthOf(x).compare(m.worthOf(y))
	return c > 0 || c == 0 && m.byRest(x, y) < 0
}

// spellPressed says who has more than best by his last answer.
func (m *Machine) spellPressed(all []*member, best *member) string {
	words := make([]string, 0, len(all)+1)
	for _, b := range all {
		words = append(words, fmt.Sprintf("%s has not acknowledged it, and has %d of %s by its last answer", b.Addr, b.repl.Offset, b.repl.ID))
	}
	if best != nil {
		words = append(words, fmt.Sprintf("%s stands still at %d of %s", best.Addr, best.stand.Offset, best.stand.ID))
	}
	return strings.Join(words, "; ")
}

// spellPassed says who has by his last answer more than r, which b is or was promoted with, and does not stand still.
func (m *Machine) spellPassed(b *member, r *vital.Replication) string {
	var all strings.Builder
	for _, o := range m.members {
		if o != b && o.ID != m.master && !o.frozen && !o.lent && !o.excluded && o.sent != 0 && m.fuller(&o.repl, r) {
			fmt.Fprintf(&all, "; %s had more by its last answer: %d of %s", o.Addr, o.repl.Offset, o.repl.ID)
		}
	}
	return all.String()
}

// persevere gives the candidate an order again that it has not answered in time, as long as everybody else who stands still has
// less, for pressing at most since it was chosen. It tells whether that is waited for.
func (m *Machine) persevere(ev Event, again func()) bool {
	b := m.member(m.round.candidate)
	if !isSilence(ev.Err) || m.round.chosenAt == 0 || m.now-m.round.chosenAt >= m.pressing() ||
		!b.isNear(m.round.chosenAt-m.o.DownSilence) || !b.stands() || m.isMatched(b) {
		return false
	}
	if m.isDue() {
		m.pending.outcomes = nil
		again()
	}
	return true
}

// isSilence tells whether an order has failed because nothing was heard in time, for all that is known.
func isSilence(err error) bool { return err != nil && refusalIn(err) == "" && !noReplicas(err) }

// isMatched tells whether somebody besides b stands still who could be promoted and has no less.
func (m *Machine) isMatched(b *member) bool {
	for _, o := range m.members {
		if o != b && o.stands() && !o.excluded && m.unworthy(o, m.judged(o)) == "" && !m.fuller(&b.stand, &o.stand) {
			return true
		}
	}
	return false
}
