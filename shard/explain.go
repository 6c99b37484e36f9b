package shard

import (
	"fmt"
	"strings"
)

// An Explanation is how a key came to its group, step by step.
type Explanation struct {
	Key          string // as asked
	Tag          string // the part of it that was hashed; Key when the hash tag leaves all of it
	Hash         string // name of the hash
	Value        uint64 // the hash of Tag
	Distribution string // name of the distribution
	Place        string // where Value falls on the ring: which point, slot or bucket
	Group        int    // index into Table.Groups; -1 when no group, or any group, takes the key
	Label        string // the group's identity on the ring; "" when Group is -1
	Why          string // the rule that gave that place to that group
}

// Explain returns how Locate comes to its answer for the key. It allocates; it is for people.
func (t *Table) Explain(key []byte) Explanation {
	tag := t.tag.of(key)
	x := Explanation{
		Key: string(key), Tag: string(tag),
		Hash: t.hash.Name, Value: t.hash.Sum(tag),
		Distribution: t.dist.name,
		Group:        -1,
	}
	x.Place, x.Why = t.ring.explain(x.Value)
	if _, drawn := t.ring.(random); !drawn {
		x.Group = t.ring.place(x.Value)
	}
	if x.Group >= 0 {
		x.Label = t.Groups[x.Group].Label
	}
	return x
}

// String returns the explanation as a few lines of text.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "key           %q\n", x.Key)
	if x.Tag != x.Key {
		fmt.Fprintf(&b, "hash tag      %q\n", x.Tag)
	}
	fmt.Fprintf(&b, "%-13s 0x%x\n", x.Hash, x.Value)
	fmt.Fprintf(&b, "%-13s %s: %s\n", x.Distribution, x.Place, x.Why)
	if x.Group >= 0 {
		fmt.Fprintf(&b, "group         %s\n", x.Label)
	}
	return b.String()
}
