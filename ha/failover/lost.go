package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	// LostMost is how many bytes the list of losses has at most: two kinds of formerMost lines.
	LostMost = 2 * formerMost * (len("left ") + lineageMost + len(" 9223372036854775807;"))

	// NothingLost is what the list says once an operator has resolved all that stood there. A key that is gone says nothing.
	NothingLost = "none"

	lineageMost = 40 // a replication id

	// listReads is how often running a list that another monitor keeps is read before it is taken: what a client writes there does
	// not stay for so long.
	listReads = 3
)

// A lossList is what a machine knows of the list of losses, a key on the master. Who acts keeps there what his state file
// says was lost, so that whoever acts after him knows it, who need not have seen the same. Replicas copy it, so that whoever
// is promoted has it. Clients can write it: that can raise an alarm, and have servers be left alone until an operator resolves
// the group, and no more.
type lossList struct {
	known bool   // it was read since somebody else has made the master one: before that nobody is told to copy that one
	text  string // as it was last taken; what is no list says nothing
	next  string // what has been read since instead,
	times int    // so often running
	over  bool   // something was taken off it, which others may know of
}

// forget takes it that somebody else has made the master one, and may know of more.
func (l *lossList) forget() { l.known, l.times = false, 0 }

// A Losses is what a machine has to do with the list of losses. A copy.
type Losses struct {
	Want  string // what the list is to say, if this monitor is the one that acts; "": nothing, or NothingLost where it says anything
	Known bool   // what another monitor has left there was read
	Read  string // what was read there last, while another one acted or it was not known
}

// Losses returns that.
func (m *Machine) Losses() Losses {
	return Losses{m.spellLost(), m.records.list.known, m.records.list.text}
}

// AwaitsLosses tells whether servers are told to copy the master only when it is known what the list of losses says.
func (m *Machine) AwaitsLosses() bool {
	return !m.records.list.known && (m.state == Healthy || m.state == Settling)
}

// News tells whether the machine is to hear what the list says.
func (l *Losses) News(says string) bool { return !l.Known || l.Read != says }

// Instead returns what the list is to say instead of that; "": it is right.
func (l *Losses) Instead(says string) string {
	want := l.Want
	if says != "" {
		want = cmp.Or(want, NothingLost)
	}
	if want == says {
		return ""
	}
	return want
}

// Deeds are what a list of losses says.
type deeds struct {
	left []past // what somebody who is away may have, and is told to overwrite by an operator only
	lost []past // what is an alarm
}

// hearLost takes what the list says.
func (m *Machine) hearLost(ev Event) {
	settled := m.state == Healthy || m.state == Settling || m.state == Suspect
	if m.o.Mode != Local || !settled || ev.Server != m.master || m.master != m.table.tabled || ev.Repl.RunID != m.known.RunID {
		return
	}
	if m.records.list.known && !m.stoodDown() { // who acts has it written as he knows it, see Losses
		return
	}
	l := &m.records.list
	if l.times++; l.next != ev.Text {
		l.next, l.times = ev.Text, 1
	}
	if !l.known || l.times >= listReads {
		m.takeList()
	}
}

// takeList takes what was last read for what another monitor has left there.
func (m *Machine) takeList() {
	l := &m.records.list
	was, _ := readDeeds(l.text)
	now, is := readDeeds(l.next)
	news := !l.known || l.text != l.next
	l.known, l.text, l.times = true, l.next, 0
	if !news || !is {
		return
	}
	if m.stoodDown() {
		m.strike(was, now)
	}
	m.enterLost(now)
}

// strike forgets what another monitor has taken off the list: an operator has resolved it there, or the data are back. It goes
// by lineage, as that one may have seen another offset.
func (m *Machine) strike(was, now deeds) {
	gone := func(before, after []past, f past) bool { return ofLineage(before, f) >= 0 && ofLineage(after, f) < 0 }
	before := len(m.records.abandoned) + len(m.records.losses)
	m.records.abandoned = slices.DeleteFunc(m.records.abandoned, func(f past) bool { return gone(was.left, now.left, f) })
	m.records.losses = slices.DeleteFunc(m.records.losses, func(l loss) bool { return gone(was.lost, now.lost, l.of) })
	if len(m.records.abandoned)+len(m.records.losses) != before {
		m.note("losses that another monitor has taken off its list are forgotten", LostKey(m.group)+" on "+m.name(m.master))
		m.record()
	}
}

// enterLost keeps in mind what the list says that this machine does not know and that the master lacks. What it knows itself is
// not crowded out.
func (m *Machine) enterLost(now deeds) {
	b := m.member(m.master)
	if b == nil {
		return
	}
	news := func(known []past, f past) bool {
		most, _ := m.lacking(&b.repl, f)
		return most != 0 && len(known) < formerMost && ofLineage(known, f) < 0
	}
	var said []string
	for _, f := range now.left {
		if news(m.records.abandoned, f) {
			m.records.abandoned = append(m.records.abandoned, f)
		}
	}
	for _, f := range now.lost {
		if news(m.mourned(), f) {
			text := fmt.Sprintf("a master was taken without what the one before had, as another monitor has noted (%s on %s): %s up to offset %d",
				LostKey(m.group), b.Addr, f.Lineage, f.Offset)
			m.mourn(f, text)
			said = append(said, text)
		}
	}
	if len(said) > 0 {
		m.warn("data are lost, of which this monitor did not know", strings.Join(said, "; "))
	}
	m.record()
}

// mourned returns what the alarms about losses are about.
func (m *Machine) mourned() []past {
	all := make([]past, len(m.records.losses))
	for i, l := range m.records.losses {
		all[i] = l.of
	}
	return all
}

// ofLineage returns where one of that lineage stands, -1 when none does.
func ofLineage(all []past, of past) int {
	return slices.IndexFunc(all, func(f past) bool { return f.Lineage == of.Lineage })
}

// LostKey returns the key of a group's list of losses, in database 0 of its master.
func LostKey(group string) string { return "huntaway:lost:" + group }

// spellLost returns the list of losses as it should be, "" when nothing was lost.
func (m *Machine) spellLost() string {
	var words []string
	for kind, all := range map[string][]past{"left": m.records.abandoned, "lost": m.mourned()} {
		for _, f := range all {
			words = append(words, kind+" "+f.spell())
		}
	}
	if len(words) == 0 && m.records.list.over {
		return NothingLost
	}
	slices.Sort(words)
	return strings.Join(words, ";")
}

// readDeeds reads such a list, and whether it is one.
func readDeeds(text string) (d deeds, is bool) {
	if text == NothingLost {
		return d, true
	}
	for each := range strings.SplitSeq(text, ";") {
		kind, of, _ := strings.Cut(each, " ")
		f, rest, is := readPast(of)
		switch {
		case !is || rest != "" || f.Lineage == "" || len(f.Lineage) > lineageMost || f.Offset < 0 || strings.ContainsFunc(f.Lineage, notAlphanumeric):
			return deeds{}, false
		case kind == "left":
			d.left = append(d.left, f)
		case kind == "lost":
			d.lost = append(d.lost, f)
		default:
			return deeds{}, false
		}
	}
	return d, true
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
