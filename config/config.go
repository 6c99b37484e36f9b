package config

import (
	"io/fs"
	"time"
)

// A Config is one validated file. Immutable once ApplyEnv has run: a reload makes a new one.
type Config struct {
	Path     string   // the file it was read from, as it was named
	Format   Format   // how that file is written
	Warnings Problems // what is legal in it and still doubtful; never an error
	Log      Log
	Admin    Admin
	Runtime  Runtime
	Pools    []Pool // in the order of the file; at least one
}

// A Format is one of the two languages a configuration is written in.
type Format string

// The formats.
const (
	TOML       Format = "toml"
	Nutcracker Format = "nutcracker" // twemproxy's nutcracker.yml
)

// Log says what is written and how.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // auto (text on a terminal, else json), text, json
	Output string // a file to append to, reopened on SIGHUP; "" is stderr
}

// Admin says where the process can be watched. An empty address switches a listener off.
type Admin struct {
	HTTP  string // "host:port" of /metrics, /livez, /readyz, /debug/pprof
	Stats string // "host:port" of twemproxy's JSON
	Token Secret // asked of whoever wants to change something through HTTP; "": only loopback may
}

// Runtime is what the process as a whole uses.
type Runtime struct {
	EventLoops   int           // 0: one fewer than GOMAXPROCS, at least one
	MaxClients   int           // over all pools; 0: as many as the descriptor limit allows
	MaxMemory    int64         // bytes that all clients together may make the process hold; 0: half of what it may use
	MemoryLimit  int64         // bytes, for GOMEMLIMIT; 0: leave it to the environment
	DrainTimeout time.Duration // how long a stop waits for replies that are owed
	PIDFile      string        // "" for none
	StateDir     string        // where the state of failovers is kept; "": $STATE_DIRECTORY, else ~/.local/state/huntaway
}

// A Pool is one key space behind one or more listening addresses.
type Pool struct {
	Name   string
	Listen []Listen // at least one

	// Placement.
	Hash         string // one of Hashes
	HashTag      string // "" or two bytes
	Distribution string // one of Distributions
	RingLabels   string // "group" or "seed": what the seed of 2013 hashed onto its ring

	// twemproxy's options, with its meaning.
	Timeout            time.Duration // for a server's reply, and for connecting; 0: for ever
	Backlog            int           // listen(2)
	ClientConnections  int           // 0: no limit but the process's
	ServerConnections  int           // links per server and worker
	Preconnect         bool          // dial every server at start
	TCPKeepalive       bool          // on the links
	ReusePort          bool          // SO_REUSEPORT on the listeners
	Password           Secret        // asked of clients; "" is none
	ServerPassword     Secret        // sent to servers; "" is none
	ServerUser         string        // with ServerPassword: AUTH user password
	DB                 int           // SELECTed on every link
	Databases          int           // that clients may SELECT; 0: 16 with one group, else 1
	AdminCommands      bool          // operators' commands are passed on
	AutoEjectHosts     bool          // a failing server leaves the ring, and its keys move
	ServerRetryTimeout time.Duration // until an ejected server is tried again
	ServerFailureLimit int           // failures in a row until it is ejected

	// Reads.
	ReadPolicy     string        // master, prefer-replica, replica-only, nearest
	ReadYourWrites bool          // a client's reads see its own last write
	MaxLag         time.Duration // a replica further behind serves no reads; 0: no bound
	MaxLagBytes    int64         // likewise, in bytes of the replication stream

	// Faults.
	HoldTimeout   time.Duration // how long a request that was not executed waits for a server
	HoldBytes     int64         // per group and worker
	HoldRequests  int           // likewise
	ProbeInterval time.Duration // between two health probes of a server

	// Failover.
	Failover         string        // observe, local, sentinel, cluster: who decides who is master
	FailoverDryRun   bool          // log what would be done, do nothing
	DownAfter        time.Duration // a master silent for so long is dead
	DownRefused      time.Duration // one that refuses connections for so long is dead
	DownMisconf      time.Duration // one that cannot save its data for so long is given up
	DownBusy         time.Duration // one that runs a script for so long is given up; 0: never
	FailoverInterval time.Duration // between two automatic failovers of a group
	FailoversPerHour int           // of a group; after that an operator decides
	CandidateGap     int64         // bytes by which a secondary may be behind and still go first
	WaitReplicas     int           // the K of WAIT K that clients rely on; 0: none
	ConfigRewrite    bool          // a promotion is written into the server's redis.conf
	SelfFence        bool          // a master that lost most of its replicas gets no writes
	Sentinels        []string      // "host:port" of every Sentinel of the pool's groups; nil without failover sentinel
	SentinelUser     string        // with SentinelPassword: AUTH user password
	SentinelPassword Secret        // sent to Sentinels; "" is none

	Limits Limits
	Groups []Group // in the order of the file; at least one
}

// Limits bound what one client, and all of them, can make the proxy hold.
type Limits struct {
	RequestBytes    int64         // a whole request
	BulkBytes       int64         // one argument
	Args            int           // arguments of one request
	InlineBytes     int           // one inline line
	Pipeline        int           // requests in flight per client; more waits in the client's socket
	OutputBytes     int64         // unread replies per client: closed at once
	OutputSoftBytes int64         // unread replies per client: closed when over it for OutputSoftTime
	OutputSoftTime  time.Duration // see OutputSoftBytes
	LinkQueueBytes  int64         // bytes waiting for one server: its clients wait
	RequestTime     time.Duration // a request must be complete within it; 0: for ever
	IdleTime        time.Duration // a client that sends nothing is closed; 0: never
	AuthTime        time.Duration // a client must authenticate within it; 0: for ever

	MaxMemory       int64 // bytes that the pool's clients together may make the process hold; 0: Runtime.MaxMemory alone
	PrivateLinks    int   // links per worker that are lent to one client each
	LinksPerAddress int   // of those, to clients of one address; 0: half
	ScriptBytes     int64 // bodies of scripts that are remembered, over the pool
	QueuedBytes     int64 // the requests between MULTI and EXEC
	Subscriptions   int   // channels and patterns of one client
}

// A Listen is one address that a pool serves.
type Listen struct {
	Network string      // "tcp" or "unix"
	Address string      // "host:port" as net.Listen takes it, or "/path"
	Mode    fs.FileMode // of a unix socket; 0: as the umask says
}

// A Group is servers that hold the same data.
type Group struct {
	Name    string // unique in the pool
	GID     int    // the seed's number; 0 stands alone
	Label   string // identity on the ring, unique in the pool, at least one byte
	Weight  int    // share of the keys, at least 1
	Servers []Server
}

// A Server is one member of a group.
type Server struct {
	Addr   string // "host:port" as net.Dial takes it, or "/path"
	Name   string // "" if none was given
	Weight int    // share of the reads among its group's replicas, at least 1
	Role   byte   // 'm', 'n' or 's'; exactly one 'm' in a group
}

// Roles of a server in its group.
const (
	RoleMaster    byte = 'm' // takes writes
	RoleSecondary byte = 'n' // first in line for promotion, serves reads
	RoleReplica   byte = 's' // serves reads
)
