package loop

import "huntaway/shard"

// A groupRef names a group of the table by which a request was routed. Under another table it
// is worth nothing: a reload or an ejection gives groups other indexes and keys other groups.
// So it carries the number of the laying that it is of, and is turned into a group only by the
// methods in this file, which know one that is stale. Whoever finds it stale looks for the
// request's group anew, see [poolWorker.relocate].
//
// The zero value is no group: that of what concerns none, or whose group nobody knows yet.
type groupRef struct {
	laying  uint32 // poolWorker.laying when it was made; 0: never
	ordinal uint16 // index in Table.Groups
}

// refTo names a group by its index in the present table; -1 is none.
func (pw *poolWorker) refTo(index int) groupRef {
	if index < 0 {
		return groupRef{}
	}
	return groupRef{pw.laying, uint16(index)}
}

// indexOf returns the index in the present table; -1 for a stale reference and for none.
func (pw *poolWorker) indexOf(ref groupRef) int {
	if ref.laying != pw.laying {
		return -1
	}
	return int(ref.ordinal)
}

// groupAt returns the group; nil for a stale reference and for none.
func (pw *poolWorker) groupAt(ref groupRef) *shard.Group {
	if ref.laying != pw.laying {
		return nil
	}
	return &pw.table.Groups[ref.ordinal]
}

// holdAt returns the hold of the group, nil while there is none. With a stale reference the
// hold is not of its group, so there is none either.
func (pw *poolWorker) holdAt(ref groupRef) *hold {
	if ref.laying != pw.laying {
		return nil
	}
	return pw.holds[ref.ordinal]
}

// masterAt returns the ID of the server that takes the group's writes; -1 while there is none,
// for a stale reference and for none.
func (pw *poolWorker) masterAt(ref groupRef) int32 {
	if g := pw.groupAt(ref); g != nil {
		return g.Master
	}
	return -1
}

// renewed returns the reference to the same group under the present table, for what concerns a
// whole group and not its keys; none when the groups are others than they were.
func (pw *poolWorker) renewed(ref groupRef) groupRef {
	if ref.laying < pw.regrouped {
		return groupRef{}
	}
	return groupRef{pw.laying, ref.ordinal}
}

// lay begins another laying: every reference that was made before is stale from now on. was
// is the table before it, nil when there was none.
func (pw *poolWorker) lay(was *shard.Table) {
	pw.laying++
	if was == nil || !sameGroups(pw.table, was) {
		pw.regrouped = pw.laying
	}
}

// sameGroups reports whether two tables have groups of the same names in the same order.
func sameGroups(a, b *shard.Table) bool {
	if len(a.Groups) != len(b.Groups) {
		return false
	}
	for g := range a.Groups {
		if a.Groups[g].Name != b.Groups[g].Name {
			return false
		}
	}
	return true
}
