package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"huntaway/ha/vital"
)

// bestGuess returns who would be promoted by what probes have brought, -1 when nobody
// could be.
func (m *Machine) bestGuess() int32 {
	var best *member
	for _, b := range m.members {
		if why := m.unfit(b); why == "" && (best == nil || m.better(b, best, b.repl, best.repl)) {
			best = b
		}
	}
	if best == nil {
		return -1
	}
	return best.ID
}

// unfit returns why a server could not take over by what probes have brought, "" when
// it could.
func (m *Machine) unfit(b *member) string {
	switch {
	case m.round.force >= 0 && m.round.force == b.ID:
		return ""
	case b.ID == m.master && !m.isReplica(b):
		return "it is the master"
	case b.fault != vital.FaultNone:
		return "its last probe brought " + b.fault.String()
	case b.sent == 0:
		return "it has not answered yet"
	}
	if why := m.unworthy(b, &b.repl); why != "" || !b.unsaving || !m.spared(b) {
		return why
	}
	return "it " + cannotSave
}

// cannotSave is why a server is not promoted that answers MISCONF, unless nobody else could be: it takes no writes.
const cannotSave = "cannot save its data (MISCONF)"

// spared tells whether a server that cannot save its data is not needed: the master cannot either and that is all, or
// somebody else can who could take over, and has not been away: what he lacks is worth more than a master that takes writes.
func (m *Machine) spared(b *member) bool {
	if old := m.member(m.master); old != nil && old.fault == vital.FaultMisconf {
		return true
	}
	return slices.ContainsFunc(m.members, func(o *member) bool {
		return o != b && !o.unsaving && o.ID != m.master && m.isReplica(o) && !m.away(o) && m.unworthy(o, &o.repl) == ""
	})
}

// isReplica tells whether the server says that it is a replica, and said so just now.
func (m *Machine) isReplica(b *member) bool { return m.fresh(b) && b.repl.Replica }

// unworthy returns why a server that answers r could not take over, "" when it could.
func (m *Machine) unworthy(b *member, r *vital.Replication) string {
	switch {
	case !m.carriesOn(r) && !m.precedes(r) && !m.bearsMark(b):
		return "its data are not kin to the master's"
	case r.Priority == 0 && r.Replica:
		return "its replica-priority is 0"
	case r.Writable:
		return "it takes writes"
	}
	if why := m.aged(b, r); why != "" && !m.exceeds(b, r) {
		return why
	}
	return ""
}

// aged returns why the data of a server are old, "" when they are not.
func (m *Machine) aged(b *member, r *vital.Replication) string {
	limit := m.now - m.doubt.at + 10*m.o.DownSilence
	switch {
	case !m.carriesOn(r) && !m.bearsMark(b) && (b.linkedAt == 0 || m.now-b.linkedAt > limit):
		return "it has not followed the master before this one for too long"
	case r.Replica && !r.LinkUp && int64(r.LinkDown) > limit:
		return "its link has been down for " + span(int64(r.LinkDown))
	}
	return ""
}

// exceeds tells whether b, whose data are old, has more than each server whose data are not: then
// age is no reason to lose them.
func (m *Machine) exceeds(b *member, r *vital.Replication) (more bool) {
	for _, o := range m.members {
		at := &o.repl
		if o.stands() {
			at = m.judged(o)
		}
		if o == b || !m.isReplica(o) || at.Priority == 0 || m.aged(o, at) != "" || m.worthOf(at) == worthless {
			continue
		}
		if c := m.worthOf(r).compare(m.worthOf(at)); c < 0 || c == 0 && !m.further(r, at) {
			return false
		}
		more = true
	}
	return more
}

// further tells whether r, which has no less of the last master's stream than at, has more of what that one has come back
// without: of a lineage that it carries on, behind where it has left that.
func (m *Machine) further(r, at *vital.Replication) bool {
	return r.ID == at.ID && r.Offset > at.Offset || slices.ContainsFunc(m.line(m.known.Lineage), func(p part) bool {
		least, _ := m.shares(r, p.of)
		_, most := m.shares(at, p.of)
		return least > most
	})
}

// byRest prefers, of two with as much of the last master's stream, who has more of what that one has come back without: 1
// for y and -1 for x.
func (m *Machine) byRest(x, y *vital.Replication) int {
	switch mine, others := m.further(x, y), m.further(y, x); {
	case mine && !others:
		return -1
	case others && !mine:
		return 1
	}
	return 0
}

// objections says of every server but the master why it could not take over.
func (m *Machine) objections() string {
	var all strings.Builder
	for _, b := range m.members {
		if b.ID == m.master && len(m.members) > 1 {
			continue
		}
		if why := m.unfit(b); why != "" {
			fmt.Fprintf(&all, "; %s: %s", b.Addr, why)
		}
	}
	return all.String()
}

// better tells whether b, standing at x, is to be promoted rather than c, standing at y: who has
// more of the group's data, not who is nearer to the last master by name. An old copy of its lineage
// has less than who carries that on.
func (m *Machine) better(b, c *member, x, y vital.Replication) bool {
	order := cmp.Or(
		m.byStream(b, c, x, y),
		-m.byGap(b, c, x, y),
		-m.worthOf(&x).compare(m.worthOf(&y)),
		m.byRest(&x, &y),
		-cmp.Compare(x.Offset, y.Offset),
		cmp.Compare(rankOf(b.Role), rankOf(c.Role)),
		cmp.Compare(x.Priority, y.Priority),
		cmp.Compare(x.RunID, y.RunID),
		cmp.Compare(b.ID, c.ID),
	)
	return order < 0
}

// byStream prefers, of two of whose lineages nothing is known, who followed the master for clearly longer before he
// started again, 1 for c and -1 for b.
func (m *Machine) byStream(b, c *member, x, y vital.Replication) int {
	switch {
	case m.worthOf(&x) != worthless || m.worthOf(&y) != worthless:
	case b.streamAt > c.streamAt+2*second:
		return -1
	case c.streamAt > b.streamAt+2*second:
		return 1
	}
	return 0
}

// bearsMark tells whether a server of whose lineage nothing is known has the mark that the group's
// last master was given, and nobody with more has come for DownSilence. What starts from an
// append-only file is like that: it may lack little, and is better than nobody.
func (m *Machine) bearsMark(b *member) bool {
	return b.looked && b.mark.Epoch >= m.crowned() && Credible(b.mark.Epoch, m.epoch) && m.now-m.doubt.at >= m.o.DownSilence
}

// byGap prefers the secondary, 1 for b and -1 for c, while what it lacks of the other
// is at most MaxGap.
func (m *Machine) byGap(b, c *member, x, y vital.Replication) int {
	gap := func(x, y vital.Replication) int64 {
		w, o := m.worthOf(&x), m.worthOf(&y)
		return max(y.Offset-x.Offset, o.least-w.least, o.most-w.most)
	}
	switch {
	case b.Role == 'n' && c.Role != 'n' && gap(x, y) <= m.o.MaxGap:
		return 1
	case c.Role == 'n' && b.Role != 'n' && gap(y, x) <= m.o.MaxGap:
		return -1
	}
	return 0
}

// rankOf orders roles: the secondary is first in line, then replicas and former masters.
func rankOf(role byte) int {
	if role == 'n' {
		return 0
	}
	return 1
}

// choose returns the best of those that stand still, nil when nobody can be promoted yet;
// the others have it said why.
func (m *Machine) choose() *member {
	best := m.foremost()
	if best != nil && m.round.force < 0 && m.away(best) {
		if best.why = m.early(best); best.why != "" {
			return nil
		}
	}
	return best
}

// foremost returns the best of those that stand still and can be promoted, nil when nobody can;
// the others have it said why.
func (m *Machine) foremost() *member {
	var best *member
	for _, b := range m.members {
		switch {
		case m.round.force >= 0 && b.ID != m.round.force:
			b.why = "another one was ordered"
		case b.excluded:
			b.why = "it failed when it was to be promoted"
		case b.declined != "":
			b.why = "it refused to stand still: " + b.declined
		case !b.frozen:
			b.why = "it did not acknowledge in time"
		case m.round.force >= 0:
			b.why = ""
		default:
			b.why = m.unworthy(b, m.judged(b))
		}
		if b.why == "" && b.unsaving && m.round.force < 0 && (m.round.cause == causeMisconf || m.able(b)) {
			b.why = "it " + cannotSave
		}
		if b.why == "" && (best == nil || m.better(b, best, b.stand, best.stand)) {
			best = b
		}
	}
	return best
}

// early returns why a server that has been away is not taken yet, "" when it is.
func (m *Machine) early(b *member) string {
	h := m.holder(b)
	switch {
	case h != nil && h.excluded:
		return h.Addr + ", which was made master, has more"
	case m.round.cause == causeRefused && m.now-m.doubt.at < m.o.DownSilence: // it was begun for somebody who had not
		return "it has been away, and who has more is waited for"
	}
	return ""
}

// able tells whether somebody besides b stands still who can save his data, has not been away and can be promoted.
func (m *Machine) able(b *member) bool {
	return slices.ContainsFunc(m.members, func(o *member) bool {
		return o != b && o.stands() && !o.excluded && !o.unsaving && !m.away(o) && m.unworthy(o, m.judged(o)) == ""
	})
}

// judged returns what a server is judged by: how it stands now, with its link and its
// copying as they were before it was detached.
func (m *Machine) judged(b *member) *vital.Replication {
	r := b.stand
	if b.beforeOK {
		r.LinkUp, r.LinkDown, r.Syncing = b.before.LinkUp, b.before.LinkDown, b.before.Syncing
	}
	return &r
}
