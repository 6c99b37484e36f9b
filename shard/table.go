package shard

// A Table is where every key of a pool belongs, and who takes its writes and reads.
// Immutable, and safe for any number of goroutines: a change is a new Table, made by the
// With methods, that shares with the old one all that is the same. The slices reached
// through it must not be written to.
type Table struct {
	Groups []Group // in the order of the configuration; Locate returns an index into it

	// Epoch rises by one with each change of a group's master. Of two tables of a pool the
	// one with the higher epoch is right about masters.
	Epoch uint64

	// Fixed when built; shared by all tables derived from this one.
	hash    Hash
	tag     hashTag
	dist    distribution
	slots   []int32   // of a Redis Cluster: by slot, an index into Groups; otherwise nil
	members []member  // of all groups, ejected or not, in the order of byLabel
	servers []*Server // by ID; nil for an ID whose address is in no group of this table
	groupOf []int32   // by ID; -1 likewise
	vitals  []*Vitals // by ID; never nil

	processes []string // by ID, as far as it goes; see Process

	// Fixed by the last WithEjected.
	ejected []int // indexes into Groups, ascending
	ring    ring
	sum     func([]byte) uint64 // hash.Sum, or noHash where the ring does not ask
	laid    *layout             // the same pointer in every table with this very ring
}

// A layout is one act of laying a ring. It must not be of size zero: pointers to different
// such values may be equal.
type layout struct{ _ byte }

// SamePlaces tells whether t and old were derived from each other without a change of the
// ring: then Locate answers the same, and group indexes mean the same, in both.
func (t *Table) SamePlaces(old *Table) bool { return old != nil && t.laid == old.laid }

// Locate returns the group a key belongs to, as an index into Groups, or -1 when every group
// is ejected. It hashes what the hash tag leaves of the key and asks the ring; under the
// distribution random it draws. It allocates nothing.
func (t *Table) Locate(key []byte) int {
	return t.ring.place(t.sum(t.tag.of(key)))
}

// noHash is the hash of a table whose ring does not depend on the key.
func noHash([]byte) uint64 { return 0 }

// Servers returns how many IDs were given in this pool when the table was built: the length
// of an array indexed by ID. Some of them may belong to servers of earlier tables.
func (t *Table) Servers() int { return len(t.servers) }

// Server returns the server with that ID, or nil when it is in no group of this table.
func (t *Table) Server(id int32) *Server {
	if uint32(id) >= uint32(len(t.servers)) {
		return nil
	}
	return t.servers[id]
}

// GroupOf returns the index of the group the server is in, or -1 when it is in none.
func (t *Table) GroupOf(id int32) int {
	if uint32(id) >= uint32(len(t.groupOf)) {
		return -1
	}
	return int(t.groupOf[id])
}

// Vitals returns what is known of the server's health, the same pointer from every table of
// the pool. id is in [0, Servers()).
func (t *Table) Vitals(id int32) *Vitals { return t.vitals[id] }

// Process returns which process a server was when it was last looked at and nothing spoke against
// sending it requests: its run_id. Another one that answers at its address may be anybody.
// "": any may.
func (t *Table) Process(id int32) string {
	if uint32(id) >= uint32(len(t.processes)) {
		return ""
	}
	return t.processes[id]
}

// Ejected returns the indexes of the groups that WithEjected took off the ring, ascending.
func (t *Table) Ejected() []int { return t.ejected }

// Has tells whether the server is a member of the group.
func (g *Group) Has(id int32) bool { return g.server(id) != nil }

func (g *Group) server(id int32) *Server {
	for i := range g.Servers {
		if g.Servers[i].ID == id {
			return &g.Servers[i]
		}
	}
	return nil
}
