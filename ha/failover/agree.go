package failover

import (
	"fmt"
)

// unanimous tells whether every other server that answers follows b, with its data, the
// table's master among them.
func (m *Machine) unanimous(b *member) bool {
	return m.isReplica(m.member(m.master)) && len(m.dissenters(b)) == 0
}

// dissenters returns who answers and neither is b nor follows it with its data. Who is of
// an earlier time by his mark has no say.
func (m *Machine) dissenters(b *member) (all []*member) {
	for _, r := range m.members {
		if r != b && m.fresh(r) && !m.older(r, b) && (!r.repl.Replica || !r.repl.LinkUp || r.repl.ID != b.repl.ID) {
			all = append(all, r)
		}
	}
	return all
}

// absentees returns who does not answer.
func (m *Machine) absentees() (all []*member) {
	for _, r := range m.members {
		if !m.fresh(r) {
			all = append(all, r)
		}
	}
	return all
}

// vouched tells whether a server that says it is master is it although nothing is known of its
// lineage, and by what. Where somebody else decides he may have moved the group twice between two
// probes, so that all who answer decide. In mode local it was made master by another process if
// it has the mark of a later epoch than ours; otherwise nothing newer may exist: all servers answer
// and follow it, and it is no stranger's, or all that have answered within DownSilence do and it has the mark of ours.
func (m *Machine) vouched(b *member) (string, bool) {
	switch {
	case m.o.Mode != Local:
		return "", m.o.Mode == Observe && m.unanimous(b)
	case m.outranks(b):
		return m.spellOutranked(b), true
	case m.carriesOn(&b.repl) || !b.looked:
		return "", false
	case m.later(b) && !m.isContradicted(b):
		return fmt.Sprintf("it has the mark of epoch %d, and ours is %d: another process has made it master", b.mark.Epoch, m.epoch), true
	case len(m.dissenters(b)) > 0:
		return "", false
	case len(m.absentees()) == 0 && (b.mark.Epoch > 0 || b.mark.Keys == 0):
		return "every other server follows it and has its data", true
	}
	return "every other server that answers follows it, and it has the mark of our last master", m.bearsMark(b)
}

// unrivalled tells whether nobody is to be waited for beside a master that has started again with less than it had, or
// with a lineage that nobody knows: it has the mark that our last master was given, and has not come back empty, and
// every other server answers, follows it and has its data. Who had more has thrown that away by himself.
func (m *Machine) unrivalled(b *member) bool {
	return b.looked && b.mark.Epoch >= m.crowned() && Credible(b.mark.Epoch, m.epoch) && b.mark.Keys > 0 &&
		len(m.dissenters(b)) == 0 && len(m.absentees()) == 0
}

// later tells whether a server has a mark of a later epoch than this process knows of, and it is not one that was forged.
func (m *Machine) later(b *member) bool { return b.looked && m.isLater(b.mark.Epoch) }

// isLater tells whether a mark is such a one.
func (m *Machine) isLater(mark uint64) bool { return mark > m.epoch && !m.disbelieves(mark) }

// agreed returns the one server that says it is master and is vouched for.
func (m *Machine) agreed() (*member, string) {
	var best *member
	var by string
	for _, b := range m.members {
		if b.ID == m.master || !m.isMaster(b) {
			continue
		}
		switch why, yes := m.vouched(b); {
		case !yes:
		case best == nil || m.later(b) && b.mark.Epoch > best.mark.Epoch:
			best, by = b, why
		}
	}
	return best, by
}

// inquire has everybody asked what he holds of whose data nothing is known, while the group has
// no master: it may be one of them.
func (m *Machine) inquire() {
	if m.o.Mode != Local {
		return
	}
	for _, b := range m.members {
		obscure := !m.carriesOn(&b.repl) || b.ID == m.master && m.lacks(b)
		if obscure && m.current(b) {
			m.lookInto(b)
		}
	}
}
