package failover

import (
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// aliasFor is for how long a server must answer with an identity that no other member has before it is one
// of its own. Restarted under two names it has another one under the first of them that is asked; behind a
// balancer it has as many as there are servers.
const aliasFor = 10 * second

// settleAliases leaves out who answers as a process that another member is: one server under two names. As a
// member it would be counted twice, and the master told to follow itself. It is a member again when it has been somebody
// else for long enough.
func (m *Machine) settleAliases() {
	for _, b := range slices.Clone(m.table.aliases) {
		same := m.sharing(b)
		switch {
		case same != nil:
			b.same, b.ownSince = same.ID, 0
		case b.fault != vital.FaultNone || b.repl.RunID == "" || b.ownSince == 0:
			b.ownSince = m.now
		case m.now-b.ownSince >= aliasFor:
			m.admit(b)
		}
	}
	for _, b := range slices.Clone(m.members) {
		if same := m.sharing(b); same != nil && m.precedence(same) < m.precedence(b) {
			m.expel(b, same)
		}
	}
}

// sharing returns the member that is the same process as b by what both said last, nil when there is none.
func (m *Machine) sharing(b *member) *member {
	for _, other := range m.members {
		if other != b && b.repl.RunID != "" && other.repl.RunID == b.repl.RunID {
			return other
		}
	}
	return nil
}

// precedence orders the names of one process: that of the master goes first, then one that something was begun
// for, then the first in the table.
func (m *Machine) precedence(b *member) int {
	switch b.ID {
	case m.master:
		return -3
	case m.table.tabled:
		return -2
	case m.round.candidate, m.heir.id:
		return -1
	}
	return slices.Index(m.members, b)
}

// expel makes b an alias of another member.
func (m *Machine) expel(b, same *member) {
	m.members = slices.DeleteFunc(m.members, func(each *member) bool { return each == b })
	m.table.aliases = append(m.table.aliases, b)
	b.same, b.ownSince, b.busy = same.ID, 0, false
	if m.settling.copying == b.ID {
		m.settling.copying = -1
	}
	m.warn(b.Addr+" is "+same.Addr+" under another name and is left out", "both answer as the process "+b.repl.RunID+"; "+m.adviceOnAlias())
}

// admit makes an alias a member again.
func (m *Machine) admit(b *member) {
	m.table.aliases = slices.DeleteFunc(m.table.aliases, func(each *member) bool { return each == b })
	m.members = append(m.members, b)
	m.note(b.Addr+" is a server of its own", "it has answered as the process "+b.repl.RunID+" for "+span(m.now-b.ownSince))
}

// adviceOnAlias says what to do about an alias.
func (m *Machine) adviceOnAlias() string {
	return fmt.Sprintf("take one of the two out of group %s in the file and reload", m.group)
}

// listedIn tells whether one of them has that ID.
func listedIn(all []Member, id int32) bool {
	return slices.ContainsFunc(all, func(each Member) bool { return each.ID == id })
}

// entry returns the member or alias with that ID, nil when there is none.
func (m *Machine) entry(id int32) *member {
	if b := m.member(id); b != nil {
		return b
	}
	for _, b := range m.table.aliases {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// person returns the ID of the member that is meant by an ID which may be that of an alias.
func (m *Machine) person(id int32) int32 {
	for _, b := range m.table.aliases {
		if b.ID == id {
			return b.same
		}
	}
	return id
}

// Alias tells whether a server of the group is another one of it under a second name.
func (m *Machine) Alias(id int32) bool { return m.person(id) != id }
