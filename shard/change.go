package shard

import (
	"slices"

	"huntaway/perf/invariant"
)

// appoint sets who takes writes and who may serve reads, and what Reader draws from.
func (g *Group) appoint(master int32, readers []int32) {
	g.Master, g.Readers = master, readers
	all := make([]candidate, 0, len(readers)+1)
	for _, id := range readers {
		all = append(all, candidate{id, uint32(g.server(id).Weight)})
	}
	g.replicas = all[:len(readers):len(readers)]
	if s := g.server(master); s != nil && !g.Held {
		all = append(all, candidate{master, uint32(s.Weight)})
	}
	g.all = all
}

// changed returns a copy of t in which the groups' structs may be written to.
func (t *Table) changed() *Table {
	next := *t
	next.Groups = slices.Clone(t.Groups)
	return &next
}

// WithMaster returns a table in which the server takes the group's writes, with the next
// epoch, and the group is not held any more. It no longer stands in Readers; the master before
// it is not put there, since nobody knows yet what its data are. id is a member of the group,
// or -1 for no master.
func (t *Table) WithMaster(group int, id int32) *Table {
	invariant.That(id == -1 || t.GroupOf(id) == group, "server %d is not in group %d", id, group)
	next := t.changed()
	next.Epoch++
	g := &next.Groups[group]
	g.Held = false
	g.appoint(id, without(g.Readers, id))
	return next
}

// WithHold returns a table, of the same epoch, in which the group is held.
func (t *Table) WithHold(group int) *Table { return t.withHeld(group, true) }

// WithoutHold returns a table, of the same epoch, in which the group is not held.
func (t *Table) WithoutHold(group int) *Table { return t.withHeld(group, false) }

func (t *Table) withHeld(group int, held bool) *Table {
	next := t.changed()
	g := &next.Groups[group]
	g.Held = held
	g.appoint(g.Master, g.Readers)
	return next
}

// WithReaders returns a table, of the same epoch, in which exactly these servers may serve
// reads besides the master. IDs that are not members, that are the master's or that stand
// twice are left out: what a monitor learnt may be older than t.
func (t *Table) WithReaders(group int, ids []int32) *Table {
	next := t.changed()
	g := &next.Groups[group]
	var readers []int32
	for _, id := range ids {
		if g.Has(id) && id != g.Master && !slices.Contains(readers, id) {
			readers = append(readers, id)
		}
	}
	g.appoint(g.Master, readers)
	return next
}

// WithProcess returns a table, of the same epoch, in which that process is the server's, see
// Process. id is in [0, Servers()).
func (t *Table) WithProcess(id int32, runID string) *Table {
	next := *t
	next.processes = make([]string, len(t.servers))
	copy(next.processes, t.processes)
	next.processes[id] = runID
	return &next
}

// WithEjected returns a table, of the same epoch, on whose ring exactly these groups are
// missing, so that their keys belong to others: twemproxy's auto_eject_hosts. On a ketama
// ring the remaining groups' points are counted anew, as there. With all groups ejected
// Locate returns -1. nil brings all of them back.
func (t *Table) WithEjected(groups []int) *Table {
	next := *t
	out := slices.Clone(groups)
	slices.Sort(out)
	next.layRing(slices.Compact(out))
	return &next
}

// Inherit returns t, a table just built from a changed configuration, with what had become
// of the one before. A group whose current master came from old keeps it, for the configured
// role says only who was master at the very first start; and it keeps those of the old
// readers that are still members, and it is held if it was. A server that is new to such a group is no reader before a
// monitor says so. An address that stays keeps its process. A group that shares no server with old is as configured, and so is the
// master of a group whose old one has left it. The table of a Redis Cluster says who is
// master now, and keeps of old only its readers. The epoch goes on from old's, one higher if
// any master differs. Ejections are not inherited: they name groups by index.
//
// t and old are built with the same IDs.
func (t *Table) Inherit(old *Table) *Table {
	if t.Slotted() {
		return t.follow(old)
	}
	next := t.changed()
	next.Epoch, next.processes = old.Epoch, old.processes
	for i := range next.Groups {
		next.Groups[i].inherit(old)
	}
	if !slices.Equal(next.masters(), old.masters()) {
		next.Epoch++
	}
	return next
}

// inherit takes over master and readers from the old group that g continues.
func (g *Group) inherit(old *Table) {
	was := g.before(old)
	if was == nil {
		return
	}
	master := g.Master
	if was.Master < 0 || g.Has(was.Master) {
		master = was.Master
		g.Held = was.Held
	}
	g.appoint(master, slices.DeleteFunc(slices.Clone(was.Readers), func(id int32) bool {
		return id == master || !g.Has(id)
	}))
}

// before returns the group of the old table that g continues: the one whose master is in g,
// otherwise the first that shares a server with g, otherwise nil.
func (g *Group) before(old *Table) (found *Group) {
	for _, s := range g.Servers {
		i := old.GroupOf(s.ID)
		if i < 0 {
			continue
		}
		if old.Groups[i].Master == s.ID {
			return &old.Groups[i]
		}
		if found == nil {
			found = &old.Groups[i]
		}
	}
	return found
}

// masters returns the IDs of all groups' masters, sorted.
func (t *Table) masters() []int32 {
	ids := make([]int32, len(t.Groups))
	for i := range t.Groups {
		ids[i] = t.Groups[i].Master
	}
	slices.Sort(ids)
	return ids
}

func without(ids []int32, id int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(each int32) bool { return each == id })
}
