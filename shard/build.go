package shard

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// A Spec is what a table is built from: a pool's configuration, in the words of this
// package.
type Spec struct {
	Hash         string // one of HashNames; "" is DefaultHash
	HashTag      string // two bytes, such as "{}", or ""
	Distribution string // one of DistributionNames; "" is DefaultDistribution

	// Groups in the order of the configuration. Build reads Name, Label (default: Name),
	// Weight and Servers, and of a server Addr, Network (default: by the look of Addr),
	// Name (default: Addr), Role and Weight, and with Slots also Moving. It ignores Master, Readers and ID, which it
	// gives.
	Groups []Group

	// Slots makes the table that of a Redis Cluster, which has its own hash and tag: by slot,
	// an index into Groups, or Unowned. nil, or Slots of them; see NoSlots.
	Slots []int32

	// IDs of the pool's servers, the same in every reload. nil: the table is the first one.
	IDs *IDs
}

// Label returns what twemproxy hashes onto its rings for a server line: the name if there is
// one, otherwise "host:port", without the port when it is 11211, or the path of a unix
// socket. The weight is never part of it.
func Label(name, addr string) string {
	if name != "" {
		return name
	}
	if networkOf(addr) == "unix" {
		return addr
	}
	return strings.TrimSuffix(addr, ":11211")
}

// Build returns the table a Spec describes: the servers with role m are masters, all others
// readers. It is for the caller to take readers away until they are known to be fit
// (WithReaders), and to carry over what became of the table before (Inherit).
//
// A Spec that is wrong gets one error with all its faults joined, and no IDs.
func Build(spec Spec) (*Table, error) {
	t := &Table{}
	if err := errors.Join(t.parse(spec), checkGroups(spec.Groups)); err != nil {
		return nil, err
	}
	t.Groups = copied(spec.Groups)
	t.members = membersOf(t.Groups)
	if err := t.dist.refuse(t.members); err != nil {
		return nil, err
	}
	ids := spec.IDs
	if ids == nil {
		ids = new(IDs)
	}
	t.number(ids)
	for i := range t.Groups {
		t.Groups[i].assignRoles()
	}
	t.layRing(nil)
	return t, nil
}

// parse looks up what a Spec names.
func (t *Table) parse(spec Spec) error {
	if spec.Slots != nil {
		return t.parseSlots(spec)
	}
	var hashErr, tagErr, distErr error
	t.hash, hashErr = ParseHash(cmp.Or(spec.Hash, DefaultHash))
	t.tag, tagErr = parseTag(spec.HashTag)
	t.dist, distErr = parseDistribution(cmp.Or(spec.Distribution, DefaultDistribution))
	return errors.Join(hashErr, tagErr, distErr)
}

// copied returns the groups with their defaults filled in, sharing no memory with the Spec.
func copied(groups []Group) []Group {
	groups = slices.Clone(groups)
	for i := range groups {
		g := &groups[i]
		g.Label = cmp.Or(g.Label, g.Name)
		g.Servers = slices.Clone(g.Servers)
		for j := range g.Servers {
			s := &g.Servers[j]
			s.Name = cmp.Or(s.Name, s.Addr)
			if s.Network == "" {
				s.Network = networkOf(s.Addr)
			}
		}
	}
	return groups
}

func networkOf(addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "unix"
	}
	return "tcp"
}

func membersOf(groups []Group) []member {
	members := make([]member, len(groups))
	for i, g := range groups {
		members[i] = member{i, g.Label, g.Weight}
	}
	slices.SortFunc(members, byLabel)
	return members
}

// number gives every server its ID and fills the tables that are indexed by it.
func (t *Table) number(ids *IDs) {
	seen := map[string]int{}
	for i := range t.Groups {
		for j := range t.Groups[i].Servers {
			s := &t.Groups[i].Servers[j]
			s.ID = ids.of(idKey{s.Addr, seen[s.Addr]})
			seen[s.Addr]++
		}
	}
	t.vitals = slices.Clone(ids.vitals)
	t.servers = make([]*Server, len(ids.vitals))
	t.groupOf = slices.Repeat([]int32{-1}, len(ids.vitals))
	for i := range t.Groups {
		for j := range t.Groups[i].Servers {
			s := &t.Groups[i].Servers[j]
			t.servers[s.ID], t.groupOf[s.ID] = s, int32(i)
		}
	}
}

// assignRoles makes the configured master master and all others readers.
func (g *Group) assignRoles() {
	master, readers := int32(-1), []int32(nil)
	for _, s := range g.Servers {
		if s.Role == Master {
			master = s.ID
		} else {
			readers = append(readers, s.ID)
		}
	}
	g.appoint(master, readers)
}

// layRing makes the ring of all groups but the ejected ones, which are ascending.
func (t *Table) layRing(ejected []int) {
	if t.slots != nil {
		t.ring, t.sum, t.laid = owners(t.slots), t.hash.Sum, new(layout)
		return
	}
	live := slices.DeleteFunc(slices.Clone(t.members), func(m member) bool {
		_, out := slices.BinarySearch(ejected, m.group)
		return out
	})
	t.ejected, t.ring, t.sum, t.laid = ejected, t.dist.ring(live), t.hash.Sum, new(layout)
	if _, alone := t.ring.(sole); alone || !t.dist.keyed {
		t.sum = noHash
	}
}
