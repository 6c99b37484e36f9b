package failover

import (
	"cmp"
	"fmt"
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
	return m.unworthy(b, &b.repl)
}

// isReplica tells whether the server says that it is a replica, and said so just now.
func (m *Machine) isReplica(b *member) bool { return m.fresh(b) && b.repl.Replica }

// unworthy returns why a server that answers r could not take over, "" when it could.
func (m *Machine) unworthy(b *member, r *vital.Replication) string {
	limit := m.now - m.doubtAt + 10*m.o.DownSilence
	switch {
	case !r.Kin(m.known.Lineage) && !m.precedes(r):
		return "its data are not kin to the master's"
	case !r.Kin(m.known.Lineage) && (b.linkedAt == 0 || m.now-b.linkedAt > limit):
		return "it has not followed the master before this one for too long"
	case r.Priority == 0 && r.Replica:
		return "its replica-priority is 0"
	case r.Syncing && (r.ID != m.known.Lineage || !m.supplanted()):
		return "it was receiving a full copy"
	case r.Writable:
		return "it takes writes"
	case r.Replica && !r.LinkUp && int64(r.LinkDown) > limit:
		return "its link has been down for " + span(int64(r.LinkDown))
	}
	return ""
}

// supplanted tells whether another process answers at the master's address, without the
// data. A replica that is receiving a full copy of that has its own data still: they go
// when the copy is complete.
func (m *Machine) supplanted() bool {
	b := m.member(m.master)
	return m.round.cause == causeReplaced && m.since >= m.round.at && m.state != Healthy || m.isMaster(b) && m.replaced(b)
}

// precedes tells whether r are data of the lineage that the master carried on when it
// was promoted, and no more than it took over. Whoever has them lacks what was written
// since: it is better than nobody when the master dies before its replicas have linked.
func (m *Machine) precedes(r *vital.Replication) bool {
	return m.known.second != "" && r.ID == m.known.second && r.Offset < m.known.upTo
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

// better tells whether b, standing at x, is to be promoted rather than c, standing at y.
func (m *Machine) better(b, c *member, x, y vital.Replication) bool {
	order := cmp.Or(
		cmp.Compare(m.distance(&x), m.distance(&y)),
		-m.byGap(b, c, x.Offset, y.Offset),
		-cmp.Compare(x.Offset, y.Offset),
		cmp.Compare(rankOf(b.Role), rankOf(c.Role)),
		cmp.Compare(x.Priority, y.Priority),
		cmp.Compare(x.RunID, y.RunID),
		cmp.Compare(b.ID, c.ID),
	)
	return order < 0
}

// distance is 0 for the known lineage, 1 for its descendants and 2 for what it descends from.
func (m *Machine) distance(r *vital.Replication) int {
	switch {
	case m.known.Lineage == "" || r.ID == m.known.Lineage:
		return 0
	case r.SecondID == m.known.Lineage:
		return 1
	}
	return 2
}

// byGap prefers the secondary, 1 for b and -1 for c, while what it lacks of the other
// is at most MaxGap.
func (m *Machine) byGap(b, c *member, x, y int64) int {
	switch {
	case b.Role == 'n' && c.Role != 'n' && y-x <= m.o.MaxGap:
		return 1
	case c.Role == 'n' && b.Role != 'n' && x-y <= m.o.MaxGap:
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

// choose returns the best of those that stand still, nil when nobody can be promoted;
// the others have it said why.
func (m *Machine) choose() *member {
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
		if b.why == "" && (best == nil || m.better(b, best, b.stand, best.stand)) {
			best = b
		}
	}
	return best
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
