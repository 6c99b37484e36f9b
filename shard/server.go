package shard

// Role says what a server is for in its group.
type Role byte

// The roles, as the configuration line's letter spells them.
const (
	Master    Role = 'm' // takes writes; serves reads when the policy says so or nobody else can
	Secondary Role = 'n' // first in line for promotion; serves reads
	Replica   Role = 's' // serves reads
)

// A Server is one redis-server as the table sees it. Immutable.
type Server struct {
	// ID is dense and small. An address keeps its ID in every later table of the same
	// pool, so the workers index their links and counters by it.
	ID      int32
	Addr    string // as configured: "host:port", or "/path" of a unix socket
	Network string // "tcp" or "unix"
	Name    string // the configured name, or Addr
	Role    Role   // as configured
	Weight  int    // as configured, 1 or more; for reads, twice the weight draws twice the share
}

// A Group is the servers that hold the same data. Immutable.
type Group struct {
	Name    string   // what logs, metrics and error texts call it
	Label   string   // its identity on the ring; never depends on the members, see Label
	Weight  int      // its share of the keys, relative to the other groups; 1 or more
	Servers []Server // in the order of the configuration
	Master  int32    // ID of the server that takes writes, -1 while there is none
	Readers []int32  // IDs of the members, the master excluded, that may serve reads now

	// Held says that what only the master may take has to wait: it is in doubt, or another one
	// is being put in its place. Reads go on from Readers.
	Held bool

	// Moving says that some slots of a Redis Cluster's group are being moved away: its replicas
	// deny keys that are gone, where its master names who has them. It serves all reads.
	Moving bool

	// Fixed by appoint; what Reader draws from.
	replicas []candidate // Readers with their weights
	all      []candidate // the same, and the master
}

// A candidate is a server that may be drawn for a read.
type candidate struct {
	id     int32
	weight uint32 // at most weightMax, so that the sum over a group stays within 32 bits
}
