package shard

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// DefaultDistribution is what a Spec without a distribution uses.
const DefaultDistribution = "rendezvous"

// A ring assigns every hash value to a group. Immutable.
type ring interface {
	// place returns an index into Table.Groups, or -1 when no group is left.
	place(hash uint64) int
	// explain says in words which place of the ring a hash falls on and why that is the
	// group's.
	explain(hash uint64) (place, why string)
}

// A member is a group as the rings see it.
type member struct {
	group  int    // index into Table.Groups
	label  string // unique among the members
	weight int    // 1 or more
}

// A distribution makes rings.
type distribution struct {
	name   string
	keyed  bool                // whether the group depends on the key
	build  func([]member) ring // of two or more members, in the order of byLabel
	refuse func([]member) error
}

// distributions is the one table of what a pool may name. The first three are twemproxy's.
var distributions = [...]distribution{
	{"ketama", true, newKetama, refuseNone},
	{"modula", true, newModula, refuseModula},
	{"random", false, newRandom, refuseNone},
	{"rendezvous", true, newRendezvous, refuseNone},
}

// DistributionNames returns the names a Spec may use, twemproxy's first.
func DistributionNames() []string {
	names := make([]string, len(distributions))
	for i, d := range distributions {
		names[i] = d.name
	}
	return names
}

func parseDistribution(name string) (distribution, error) {
	for _, d := range distributions {
		if d.name == name {
			return d, nil
		}
	}
	return distribution{}, fmt.Errorf("unknown distribution %q%s", name, choices(name, DistributionNames()))
}

func refuseNone([]member) error { return nil }

// ring returns a ring over the members that are live. With one of them there is nothing to
// choose, whatever the distribution.
func (d distribution) ring(live []member) ring {
	switch len(live) {
	case 0:
		return sole(-1)
	case 1:
		return sole(live[0].group)
	}
	return d.build(live)
}

// byLabel is the order in which twemproxy lays servers on its rings: the shorter name first,
// names of one length as their bytes compare. The order of the configuration does not matter.
func byLabel(a, b member) int {
	return cmp.Or(cmp.Compare(len(a.label), len(b.label)), cmp.Compare(a.label, b.label))
}

// sole is the ring of one group, or of none when it is -1.
type sole int

func (s sole) place(uint64) int { return int(s) }

func (s sole) explain(uint64) (place, why string) {
	if s < 0 {
		return "nowhere", "every group is ejected"
	}
	return "everywhere", "it is the only group left, so the hash is not asked"
}

// modula is twemproxy's: as many slots as the weights add up to, hash modulo their number.
// Any change of the groups moves nearly all keys.
type modula []int32

// modulaMax bounds the slots, and so the memory of a modula ring to 16 MiB.
const modulaMax = 1 << 22

func refuseModula(members []member) error {
	total := 0
	for _, m := range members {
		total += min(m.weight, modulaMax+1) // so that no sum overflows
	}
	if total > modulaMax {
		return fmt.Errorf("distribution modula: the groups' weights add up to more than %d; divide them all by a common factor", modulaMax)
	}
	return nil
}

func newModula(members []member) ring {
	var slots modula
	for _, m := range members {
		slots = append(slots, slices.Repeat([]int32{int32(m.group)}, m.weight)...)
	}
	return slots
}

func (s modula) place(hash uint64) int { return int(s[hash%uint64(len(s))]) }

func (s modula) explain(hash uint64) (place, why string) {
	return fmt.Sprintf("slot %d of %d", hash%uint64(len(s)), len(s)),
		"the slot is the hash modulo the sum of the weights"
}

// random is twemproxy's: any group, drawn anew for each request. Neither the key nor the
// weights count.
type random []int32

func newRandom(members []member) ring {
	groups := make(random, len(members))
	for i, m := range members {
		groups[i] = int32(m.group)
	}
	return groups
}

func (r random) place(uint64) int { return int(r[rand.Uint32N(uint32(len(r)))]) }

func (r random) explain(uint64) (place, why string) {
	return fmt.Sprintf("any of %d groups", len(r)), "each request draws a group, whatever its key"
}
