package shard

import (
	"fmt"
	"slices"
)

// Slots is how many hash slots a Redis Cluster has: a key belongs to slot CRC-16 modulo Slots
// of what stands between its first "{" and the next "}", or of all of it
// (redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
const Slots = 16384

// Unowned is the owner of a slot that nobody is known to have.
const Unowned = -1

// slotHash is the CRC-16/XMODEM of Redis Cluster.
var slotHash = Hash{"crc16 of Redis Cluster", 16, func(key []byte) uint64 { return crc16(key) & 0xffff }}

// slotTag is its hash tag.
var slotTag = hashTag{'{', '}'}

// NoSlots returns the owners of the slots of a cluster of which nothing is known yet.
func NoSlots() []int32 { return slices.Repeat([]int32{Unowned}, Slots) }

// owners is the ring of a Redis Cluster: by slot, an index into Table.Groups. Immutable.
type owners []int32

func (o owners) place(hash uint64) int { return int(o[hash%Slots]) }

func (o owners) explain(hash uint64) (place, why string) {
	place = fmt.Sprintf("slot %d of %d", hash%Slots, Slots)
	if o.place(hash) < 0 {
		return place, "who owns the slot only the cluster can say"
	}
	return place, "the cluster says that the group owns the slot"
}

// parseSlots takes a Spec's slots for the table's ring.
func (t *Table) parseSlots(spec Spec) error {
	if spec.Hash != "" || spec.HashTag != "" || spec.Distribution != "" {
		return fmt.Errorf("hash %q, hash tag %q and distribution %q with slots, want none: a Redis Cluster has its own",
			spec.Hash, spec.HashTag, spec.Distribution)
	}
	if len(spec.Slots) != Slots {
		return fmt.Errorf("%d slots, want %d", len(spec.Slots), Slots)
	}
	for slot, g := range spec.Slots {
		if g < Unowned || int(g) >= len(spec.Groups) {
			return fmt.Errorf("slot %d is of group %d, want %d to %d", slot, g, Unowned, len(spec.Groups)-1)
		}
	}
	t.hash, t.tag = slotHash, slotTag
	t.dist = distribution{name: "slots", keyed: true, refuse: refuseNone}
	t.slots = slices.Clone(spec.Slots)
	return nil
}

// Slotted tells whether the table is that of a Redis Cluster, whose servers refuse commands
// with keys of two slots even where both are theirs.
func (t *Table) Slotted() bool { return t.slots != nil }

// Alone tells whether all keys are in one group, so that it can judge any command. The only
// group of a cluster is not: another one may join it.
func (t *Table) Alone() bool { return len(t.Groups) == 1 && t.slots == nil }

// Slot returns the hash slot of a key, in [0, Slots). It allocates nothing.
func (t *Table) Slot(key []byte) int { return int(slotHash.Sum(slotTag.of(key)) % Slots) }

// Owner returns the group that owns a slot of a cluster, as an index into Groups, or -1.
func (t *Table) Owner(slot int) int { return int(t.slots[slot]) }

// Find returns the ID of the server of that address or name, or -1.
func (t *Table) Find(addr string) int32 {
	for _, s := range t.servers {
		if s != nil && (s.Addr == addr || s.Name == addr) {
			return s.ID
		}
	}
	return -1
}

// follow is Inherit of a cluster's table: masters are as the cluster says, and readers those
// that were readers before. What has not changed stays the same place.
func (t *Table) follow(old *Table) *Table {
	next := t.changed()
	next.Epoch = old.Epoch
	for i := range next.Groups {
		g := &next.Groups[i]
		g.appoint(g.Master, slices.DeleteFunc(slices.Clone(g.Readers), func(id int32) bool { return !old.reads(id) }))
	}
	if !slices.Equal(next.masters(), old.masters()) {
		next.Epoch++
	}
	if slices.Equal(next.slots, old.slots) && slices.EqualFunc(next.Groups, old.Groups, sameGroup) {
		next.laid = old.laid
	}
	return next
}

// reads tells whether the server may serve reads besides a master.
func (t *Table) reads(id int32) bool {
	g := t.GroupOf(id)
	return g >= 0 && slices.Contains(t.Groups[g].Readers, id)
}

// sameGroup tells whether two tables' groups are the same with the same master.
func sameGroup(a, b Group) bool { return a.Name == b.Name && a.Master == b.Master }
