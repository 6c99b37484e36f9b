package perf

import "time"

// A Snapshot is everything counted so far, added up over the workers. It belongs to
// whoever asked for it and is never changed by its maker afterwards.
type Snapshot struct {
	Config ConfigSnapshot
	Pools  []PoolSnapshot // in the order of the configuration
}

// A ConfigSnapshot says which configuration is in force. The data path leaves it to cmd.
type ConfigSnapshot struct {
	LoadedAt time.Time // when the one in force was read
	Refused  bool      // whether a later one was refused
}

// A PoolSnapshot is what was counted for one pool.
type PoolSnapshot struct {
	Name     string          // as configured
	Counters PoolCounters    // summed over the workers
	Epoch    uint64          // of the routing table in force; rises with every new master
	Ejects   uint64          // times auto_eject_hosts took a server off the ring
	Commands []CommandCount  // commands that were called at least once
	Groups   []GroupSnapshot // in the order of the configuration

	Sentinels     int // of the pool, that answer; cmd fills it in
	SentinelsLost int // that do not
}

// A CommandCount is how often one command of the command table was called.
type CommandCount struct {
	Name   string // from the table; what is in no table counts as "other"
	Calls  uint64 // as in CommandCounters
	Errors uint64 // likewise
}

// A GroupSnapshot is what was counted for one group.
type GroupSnapshot struct {
	Name    string           // as configured
	Master  string           // address of the server that takes writes; "" while there is none
	Servers []ServerSnapshot // in the order of the configuration
	Care    Care
}

// Care is what is known of a group's master and of failovers. The data path leaves it to cmd.
type Care struct {
	State     string        // one of CareStates; "" is none of them
	Held      bool          // what only the master may take waits
	Forbidden bool          // a failover would be due and must not begin
	Latched   bool          // automatic failover is off
	Alarms    int64         // what an operator should look at
	Promoted  uint64        // times another server became master
	Kept      uint64        // times writes were held, and the master was kept
	LastHold  time.Duration // how long writes were held the last time
}

// CareStates are the states of a group, as the failover machine names them.
var CareStates = []string{"init", "healthy", "suspect", "freezing", "revoking", "selecting", "promoting",
	"proving", "verifying", "settling", "stuck", "ambiguous", "following", "draining", "handing"}

// A ServerSnapshot is what was counted for one server.
type ServerSnapshot struct {
	Addr      string         // as configured: "host:port" or "/path"
	Name      string         // the configured name, or Addr
	Role      byte           // 'm', 'n' or 's' as it is now
	State     ServerState    // what probes and links say of it
	Reason    string         // why it is not in, one of Reasons; "" when it is
	Up        bool           // it answers requests, whether or not it is in
	EjectedAt time.Time      // when auto_eject_hosts last took it off the ring; zero: never
	Reader    bool           // serves reads besides the master
	Measured  bool           // it is known how far it is behind its master; else the two below mean nothing
	Lag       time.Duration  // behind its master, as last measured; 0 for one that had caught up
	LagBytes  int64          // likewise, in bytes of the replication stream
	Counters  ServerCounters // summed over the workers
}

// Merge adds what another worker counted for the same pool. Groups, servers and commands
// are matched by their names, since a new table may have come between two workers' copies. A
// group or server that p lacks has left the table and is not added; a command is.
func (p *PoolSnapshot) Merge(o *PoolSnapshot) {
	p.Counters.Add(&o.Counters)
	p.Epoch = max(p.Epoch, o.Epoch)
	p.Ejects += o.Ejects
	for i := range o.Commands {
		p.command(i, o.Commands[i].Name).add(&o.Commands[i])
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		at := find(p.Groups, i, func(mine *GroupSnapshot) bool { return mine.Name == g.Name })
		if at != nil {
			at.merge(g)
		}
	}
}

// merge adds what another worker counted for the same group.
func (g *GroupSnapshot) merge(o *GroupSnapshot) {
	for i := range o.Servers {
		s := &o.Servers[i]
		at := find(g.Servers, i, func(mine *ServerSnapshot) bool { return mine.Addr == s.Addr })
		if at != nil {
			at.Counters.Add(&s.Counters)
		}
	}
}

// command returns the count of the named command, a new one if there is none. at is where
// it probably stands.
func (p *PoolSnapshot) command(at int, name string) *CommandCount {
	c := find(p.Commands, at, func(c *CommandCount) bool { return c.Name == name })
	if c == nil {
		p.Commands = append(p.Commands, CommandCount{Name: name})
		c = &p.Commands[len(p.Commands)-1]
	}
	return c
}

// add adds what another worker counted for the same command.
func (c *CommandCount) add(o *CommandCount) {
	c.Calls += o.Calls
	c.Errors += o.Errors
}

// find returns the element that is meant, nil if there is none. at is where it probably
// stands: two copies that were made under one table have the same order.
func find[T any](from []T, at int, meant func(*T) bool) *T {
	if at < len(from) && meant(&from[at]) {
		return &from[at]
	}
	for i := range from {
		if meant(&from[i]) {
			return &from[i]
		}
	}
	return nil
}

// Total returns the counters of all the group's servers added up.
func (g *GroupSnapshot) Total() ServerCounters {
	var total ServerCounters
	for i := range g.Servers {
		total.Add(&g.Servers[i].Counters)
	}
	return total
}

// A ServerState says whether a server can be used.
type ServerState uint8

// The states of a server. The words are those of huntaway status.
const (
	StateUnknown ServerState = iota // not asked yet
	StateIn                         // well: serves what its role allows
	StateSuspect                    // in doubt, and serves on
	StateOut                        // not well; Reason says why
	StateWarming                    // well again, and watched for a while before it serves reads
	StateEjected                    // off the ring by auto_eject_hosts
)

// stateNames are what String answers, by state.
var stateNames = [...]string{"unknown", "in", "suspect", "out", "warming", "ejected"}

// Reasons are why a server is not in, in the words of huntaway status.
var Reasons = []string{"down", "silent", "unresolved", "loading", "syncing", "unsynced", "stale-link", "lagging", "unmeasured",
	"wrong-role", "wrong-master", "writable", "auth-failed", "busy", "error"}

// String returns the state in lower case, "invalid" for a value that is none.
func (s ServerState) String() string {
	if int(s) >= len(stateNames) {
		return "invalid"
	}
	return stateNames[s]
}

// roleNames spell the role letters out, for labels.
var roleNames = map[byte]string{'m': "master", 'n': "secondary", 's': "replica"}

// RoleName returns "master", "secondary" or "replica" for the letter of a configuration
// line, and "unknown" for any other.
func RoleName(letter byte) string {
	if name, ok := roleNames[letter]; ok {
		return name
	}
	return "unknown"
}
