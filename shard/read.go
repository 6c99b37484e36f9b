package shard

import (
	"fmt"
	"math"
	"math/bits"
)

// A ReadPolicy says which members of a group may serve a read.
type ReadPolicy uint8

// The policies.
const (
	ReadMaster    ReadPolicy = iota // the master alone
	PreferReplica                   // a readable replica; the master when there is none
	ReplicaOnly                     // a readable replica or an error
	Nearest                         // any member, the cheaper of two drawn
)

var policyNames = [...]string{"master", "prefer-replica", "replica-only", "nearest"}

// String returns the policy as the configuration spells it.
func (p ReadPolicy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("ReadPolicy(%d)", uint8(p))
}

// ParseReadPolicy returns the policy that String spells so. The error lists what there is.
func ParseReadPolicy(text string) (ReadPolicy, error) {
	for i, name := range policyNames {
		if name == text {
			return ReadPolicy(i), nil
		}
	}
	return ReadMaster, fmt.Errorf("unknown read policy %q%s", text, choices(text, policyNames[:]))
}

// Unusable is the cost of a server that must not be chosen.
const Unusable = math.MaxUint64

// Reader returns the ID of the server that should serve a read, or -1 when the policy allows
// none that is usable. The master of a group that is held is not.
//
// cost, indexed by server ID, is what one more read would cost there, in any unit; Unusable
// rules a server out, and a server beyond its end costs nothing yet. Of two different
// members, drawn by weight from 64 random bits in roll, the cheaper one is chosen, the first
// drawn if they are equal: the power of two choices (Mitzenmacher, 2001), which spreads load
// nearly as well as asking all of them and does not stampede to whoever looked idle last.
// With all costs equal the shares are exactly as the weights. It allocates nothing.
//
// g is a group of a Table.
func (g *Group) Reader(p ReadPolicy, cost []uint64, roll uint64) int32 {
	if g.Moving {
		p = ReadMaster
	}
	switch p {
	case PreferReplica:
		if id := draw(g.replicas, cost, roll); id >= 0 {
			return id
		}
	case ReplicaOnly:
		return draw(g.replicas, cost, roll)
	case Nearest:
		return draw(g.all, cost, roll)
	}
	if g.Master < 0 || g.Held || costOf(cost, g.Master) == Unusable {
		return -1
	}
	return g.Master
}

// draw returns the cheaper of two usable candidates drawn by weight, the only usable one, or
// -1. The halves of roll are the two lots.
func draw(from []candidate, cost []uint64, roll uint64) int32 {
	var total uint32
	for _, c := range from {
		if costOf(cost, c.id) != Unusable {
			total += c.weight
		}
	}
	if total == 0 {
		return -1
	}
	first := pick(from, cost, lot(uint32(roll>>32), total), -1)
	total -= first.weight
	if total == 0 {
		return first.id
	}
	second := pick(from, cost, lot(uint32(roll), total), first.id)
	if costOf(cost, second.id) < costOf(cost, first.id) {
		return second.id
	}
	return first.id
}

// pick returns the usable candidate, other than the one to skip, on whose stretch of the
// weights laid end to end at lies.
func pick(from []candidate, cost []uint64, at uint32, skip int32) (c candidate) {
	for _, c = range from {
		if c.id == skip || costOf(cost, c.id) == Unusable {
			continue
		}
		if at < c.weight {
			break
		}
		at -= c.weight
	}
	return c
}

// lot scales 32 random bits down to [0, total).
func lot(random, total uint32) uint32 {
	high, _ := bits.Mul32(random, total)
	return high
}

func costOf(cost []uint64, id int32) uint64 {
	if int(id) < len(cost) {
		return cost[id]
	}
	return 0
}
