package failover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"huntaway/ha/vital"
)

// abandon keeps in mind what the master had when it came back without that and was taken all the same: somebody who is
// away may have it, and is not made to copy the master by anybody but an operator.
func (m *Machine) abandon(was past) {
	m.abandoned = append(m.abandoned, was)
	m.abandoned = m.abandoned[max(0, len(m.abandoned)-formerMost):]
}

// regain forgets of that what a server that is made master has, and all of it when an operator has chosen that one.
func (m *Machine) regain(r *vital.Replication) {
	m.abandoned = slices.DeleteFunc(m.abandoned, func(f past) bool {
		most, _ := m.lacking(r, f)
		return most == 0 || m.hand.at != 0 && m.hand.wish.Kind == WishResolve
	})
}

// closeAbandoned forgets all of it when every other server has the master's data, and nothing else: nobody has it any more.
func (m *Machine) closeAbandoned() {
	master := m.member(m.master)
	if len(m.abandoned) == 0 || slices.ContainsFunc(m.members, func(r *member) bool {
		return r != master && !(m.current(r) && r.repl.Replica && r.repl.LinkUp && r.repl.ID == master.repl.ID)
	}) {
		return
	}
	m.abandoned = nil
	m.record()
}

// richer tells whether a server has what a master came back without, or may have it by its mark: it may be the last one to
// have it, so that only an operator has it copied over.
func (m *Machine) richer(b *member) bool {
	master := m.member(m.master)
	if master == nil {
		return false
	}
	unknown := !m.carriesOn(&b.repl) && b.looked && b.mark.Epoch > 0 && b.mark.Keys > 0
	return slices.ContainsFunc(m.abandoned, func(f past) bool {
		has := m.worthFor(&b.repl, f)
		return has == worthless && unknown || has.compare(m.worthFor(&master.repl, f)) > 0
	})
}

// spellAbandoned and readAbandoned are how that stands in an Intent.
func spellAbandoned(all []past) string {
	words := make([]string, len(all))
	for i, f := range all {
		words[i] = fmt.Sprintf("%s %d", f.Lineage, f.Offset)
	}
	return strings.Join(words, ";")
}

// readAbandoned leaves out what is none.
func readAbandoned(text string) (all []past) {
	for each := range strings.SplitSeq(text, ";") {
		words := strings.Fields(each)
		if len(words) != 2 {
			continue
		}
		if offset, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			all = append(all, past{Lineage: words[0], Offset: offset, said: offset})
		}
	}
	return all
}
