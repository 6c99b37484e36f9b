package failover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"huntaway/ha/vital"
)

// abandon keeps in mind what the master had when it came back without that and was taken all the same: somebody who is
// away may have it, and is not made to copy the master by anybody but an operator. All of it counts then, not only what it
// has said itself, as in the state file.
func (m *Machine) abandon(was past) {
	was.said = was.Offset
	m.records.abandoned = append(m.records.abandoned, was)
	m.records.abandoned = m.records.abandoned[max(0, len(m.records.abandoned)-formerMost):]
}

// regain forgets of that what a server that is made master has, and all of it when an operator has chosen that one.
func (m *Machine) regain(r *vital.Replication) {
	resolved := m.hand.at != 0 && m.hand.wish.Kind == WishResolve
	whole := func(f past) bool {
		most, _ := m.lacking(r, f)
		return most == 0 || resolved
	}
	before := len(m.records.abandoned) + len(m.records.losses)
	m.records.abandoned = slices.DeleteFunc(m.records.abandoned, whole)
	m.records.losses = slices.DeleteFunc(m.records.losses, func(l loss) bool { return whole(l.of) })
	m.records.list.over = len(m.records.abandoned)+len(m.records.losses) < before
	m.records.list.known = m.records.list.known || resolved // else what stands there counts
}

// richer tells whether a server has what a master came back without, or may have it by its mark: it may be the last one to
// have it, so that only an operator has it copied over.
func (m *Machine) richer(b *member) bool {
	master := m.member(m.master)
	if master == nil {
		return false
	}
	unknown := !b.weighed && !m.carriesOn(&b.repl) && b.looked && b.mark.Keys > 0 && b.mark.Epoch > 0
	return slices.ContainsFunc(m.records.abandoned, func(f past) bool {
		has := m.worthFor(&b.repl, f)
		return has == worthless && unknown || has.compare(m.worthFor(&master.repl, f)) > 0
	})
}

// unmeasured tells whether nothing shows yet whether a server has what a master came back without: it has to be looked into
// before it is told to copy anything, also when its lineage is one that the group had.
func (m *Machine) unmeasured(b *member) bool {
	return !b.looked && !b.weighed && !m.carriesOn(&b.repl) && slices.ContainsFunc(m.records.abandoned, func(f past) bool {
		return m.worthFor(&b.repl, f) == worthless
	})
}

// spellAbandoned and readAbandoned are how that stands in an Intent.
func spellAbandoned(all []past) string {
	words := make([]string, len(all))
	for i, f := range all {
		words[i] = f.spell()
	}
	return strings.Join(words, ";")
}

// readAbandoned leaves out what is none.
func readAbandoned(text string) (all []past) {
	for each := range strings.SplitSeq(text, ";") {
		if of, rest, is := readPast(each); is && of.Lineage != "" && rest == "" {
			all = append(all, of)
		}
	}
	return all
}

// spell returns a lineage and an offset as readPast takes them.
func (f past) spell() string { return fmt.Sprintf("%s %d", f.Lineage, f.Offset) }

// readPast reads a lineage and an offset, and returns what stands behind them.
func readPast(text string) (of past, rest string, is bool) {
	lineage, behind, _ := strings.Cut(text, " ")
	number, rest, _ := strings.Cut(behind, " ")
	offset, err := strconv.ParseInt(number, 10, 64)
	return past{Lineage: lineage, Offset: offset, said: offset}, rest, err == nil
}

// A loss is that a master was taken without what the one before had. It is an alarm until an operator has resolved the
// group, or the data are back.
type loss struct {
	of   past
	text string // for people, one line
}

// mourn keeps a loss in mind.
func (m *Machine) mourn(of past, text string) {
	m.records.losses = append(m.records.losses, loss{of, text})
	m.records.losses = m.records.losses[max(0, len(m.records.losses)-formerMost):]
}

// bereave keeps in mind what is lost with a new master that had been away: it is older than what any other row of the
// promises allows to be lost. Who returns with the rest is not made to copy it by anybody but an operator.
func (m *Machine) bereave(b *member, was past) {
	ordered := m.round.force >= 0 || m.hand.at != 0 && m.hand.wish.Kind == WishResolve
	switch {
	case m.o.Mode != Local || ordered || was.Lineage == "" || m.state == Following && m.heir.outranks: // whoever made it has said so
	case b.ID == m.master:
		if b.repl.RunID != was.RunID && m.share(&b.repl, was.Lineage) < was.Offset {
			m.bewail(b)
		}
	case m.away(b) && m.lossAgainst(b.ID) != 0:
		most, least := m.lacking(&b.repl, was)
		what, why := "with older data", fmt.Sprintf("up to offset %d; %s had %d of %s", was.Offset-most, m.name(m.master), was.Offset, was.Lineage)
		switch {
		case most < 0:
			what = "under a replication id that nobody knows, so that it cannot be told whether it lacks anything"
			why = fmt.Sprintf("%s; %s had %s up to offset %d", b.repl.ID, m.name(m.master), was.Lineage, was.Offset)
		case most == 0:
			what = fmt.Sprintf("with all that %s is known to have had, but perhaps without what that one took after it", m.name(m.master))
			why = fmt.Sprintf("%s up to offset %d", was.Lineage, was.Offset)
		case least == 0:
			what = "with data that may be older"
		}
		if most == 0 { // what it had beyond that, if anything, is more
			was.Offset++
		}
		m.mourn(was, b.Addr+" was made master "+what+", and no server that answered had more: "+why+m.spellPassed(b, &b.repl)+spellLeast(least))
		m.weigh(b, func(r *member) bool { return r.frozen || r.lent || r.excluded })
		m.abandon(was)
	}
}

// spellOthers names who has more of the master's stream than b, and must not be promoted, and who had and was seen to copy other
// data since; "" for nobody.
func (m *Machine) spellOthers(b *member) (text string) {
	var have, had []*member
	more := func(r *vital.Replication) bool { return m.worthOf(r).compare(m.worthOf(&b.repl)) > 0 }
	for _, o := range m.members {
		copied := vital.Replication{ID: o.copied.Lineage, Offset: o.copied.Offset}
		switch {
		case m.isReplica(o) && o.repl.Priority == 0 && more(&o.repl):
			have = append(have, o)
		case copied.ID != "" && more(&copied):
			had = append(had, o)
		}
	}
	if len(have) > 0 {
		text = ", and who has more must not be promoted (replica-priority 0: " + namesOf(have) + ")"
	}
	if len(had) > 0 {
		text += ", and who had more has copied other data meanwhile (" + namesOf(had) + ")"
	}
	return text
}

// weigh keeps in mind who was there when b was taken as master without all that was known, and of whom nothing shows that
// he has more: as long as he has no other data he may be told to copy it. Nobody else would follow it, where all have
// started from append-only files. Who is left alone for an earlier loss stays so.
func (m *Machine) weigh(b *member, there func(*member) bool) {
	for _, r := range m.members {
		if r != b && there(r) && !m.mayExceed(r, b) && !m.richer(r) {
			r.weighed = true
		}
	}
}

// mayExceed tells whether a server of whose lineage nothing is known may have what a new master lacks: that one can be
// shown to lack something, or followed the last master for clearly less long, or has come back in its place with the
// mark of an earlier time.
func (m *Machine) mayExceed(r, b *member) bool {
	switch {
	case m.worthOf(&b.repl) != worthless:
		return true
	case b.ID == m.master:
		return m.older(b, r)
	}
	return m.byStream(r, b, r.repl, b.repl) < 0
}

// spellLosses and readLosses are how that stands in an Intent.
func spellLosses(all []loss) string {
	lines := make([]string, len(all))
	for i, l := range all {
		lines[i] = l.of.spell() + " " + l.text
	}
	return strings.Join(lines, "\n")
}

// readLosses leaves out what is none.
func readLosses(text string) (all []loss) {
	for line := range strings.SplitSeq(text, "\n") {
		if of, text, is := readPast(line); is && text != "" {
			all = append(all, loss{of, text})
		}
	}
	return all
}
