package main

import "time"

// statusVersion is the version of the status page's form. Within it fields are only ever
// added; a program may rely on those it knows.
const statusVersion = 1

// A statusPage is what GET /status answers: what is wrong first, then everything.
type statusPage struct {
	Version  int             `json:"version"`  // of this form
	Huntaway string          `json:"huntaway"` // of the program
	OK       bool            `json:"ok"`       // whether there are no problems
	Problems []statusProblem `json:"problems"` // those first without which nobody fails over, then the worst
	Pools    []statusPool    `json:"pools"`    // in the order of the configuration
}

// A statusProblem is one thing that is wrong now.
type statusProblem struct {
	Severity string `json:"severity"`         // "error": requests fail or wait; "warning": they may soon
	Pool     string `json:"pool,omitempty"`   // absent: it concerns the process
	Group    string `json:"group,omitempty"`  // absent: it concerns the pool
	Server   string `json:"server,omitempty"` // absent: it concerns the group
	What     string `json:"what"`
	Advice   string `json:"advice,omitempty"` // what to do

	helpless bool // until somebody does it no failover comes of it by itself
}

// A statusPool is one pool.
type statusPool struct {
	Name   string        `json:"name"`
	Mode   string        `json:"mode"`  // observe, local, sentinel, cluster
	Epoch  uint64        `json:"epoch"` // of the routing table: rises when any group is published
	Groups []statusGroup `json:"groups"`

	Sentinels []statusSentinel `json:"sentinels,omitempty"` // in the order of the configuration

	Down    string   `json:"cluster_down,omitempty"`         // why all requests fail
	DownFor float64  `json:"cluster_down_seconds,omitempty"` // for how long
	Part    string   `json:"cluster_part,omitempty"`         // why requests for some keys fail
	Alarms  []string `json:"cluster_alarms,omitempty"`       // what is wrong with nodes that are in no group
	advice  string   // with Down or Part: what to do

	Room       int     `json:"clients_at_most"`
	TurnedAway uint64  `json:"clients_turned_away,omitempty"`        // since the start, for want of room
	TurnedAgo  float64 `json:"client_turned_away_seconds,omitempty"` // how long ago the last one was
}

// A statusSentinel is one Sentinel of a pool.
type statusSentinel struct {
	Addr    string  `json:"addr"`
	Answers bool    `json:"answers"`
	Since   float64 `json:"since"`           // how long, in seconds
	Error   string  `json:"error,omitempty"` // why it does not; absent as long as it has not been asked
}

// A statusGroup is one group of servers.
type statusGroup struct {
	Name      string         `json:"name"`
	State     string         `json:"state"`                  // of the failover machine; "" while there is none
	Since     float64        `json:"since"`                  // how long, in seconds
	Master    string         `json:"master"`                 // address; "" for none
	Epoch     uint64         `json:"epoch,omitempty"`        // the number of the promotion that made its master one, as in events; absent: nobody would publish
	Held      bool           `json:"held"`                   // what only the master may take waits, or fails when it has for hold_timeout
	HeldFor   float64        `json:"held_seconds,omitempty"` // with Held: for how long there has been nobody who takes it
	Forbidden string         `json:"forbidden,omitempty"`
	Latched   string         `json:"latched,omitempty"`
	Alarms    []string       `json:"alarms,omitempty"`
	Failovers int            `json:"failovers"`        // begun within the last hour
	Plight    string         `json:"plight,omitempty"` // what is the case while its master is in question
	Way       string         `json:"way,omitempty"`    // and what can be done about it
	Servers   []statusServer `json:"servers"`

	hold float64 // hold_timeout, in seconds
}

// A statusServer is one member of a group.
type statusServer struct {
	Addr     string   `json:"addr"`
	Role     string   `json:"role"`             // as it is now: master, secondary, replica
	State    string   `json:"state"`            // in, suspect, out, warming, unknown
	Reason   string   `json:"reason,omitempty"` // why it is not in
	Since    float64  `json:"since"`            // how long, in seconds
	Reads    bool     `json:"reads"`            // whether it serves reads besides the master
	Ejected  bool     `json:"ejected,omitempty"`
	Lag      *float64 `json:"lag,omitempty"`       // seconds behind the master; absent: it is not known
	LagBytes *int64   `json:"lag_bytes,omitempty"` // likewise
	Error    string   `json:"error,omitempty"`     // of the last probe
	Unfit    string   `json:"unfit_why,omitempty"` // why it could not become master
	Refuses  string   `json:"refuses,omitempty"`   // OOM, MISCONF or NOREPLICAS: what it has just said to a client's write

	RefusedAgo float64 `json:"refused_seconds,omitempty"` // with Refuses: how long ago it last did, in seconds
}

// An eventLine is one of the last transitions, as GET /events has them.
type eventLine struct {
	Time   time.Time `json:"time"`
	Pool   string    `json:"pool"`
	Group  string    `json:"group"`            // "" with pool: it concerns the proxy
	Server string    `json:"server,omitempty"` // absent: it concerns the group
	From   string    `json:"from,omitempty"`   // the state that was left
	To     string    `json:"to,omitempty"`     // the state that was entered
	What   string    `json:"what"`
	Why    string    `json:"why,omitempty"`              // the evidence
	Lost   int64     `json:"lost_bytes,omitempty"`       // of the old master's stream, at most; -1: unknown
	Least  int64     `json:"least_lost_bytes,omitempty"` // with -1: so many in any case; absent: nothing is known of that
}

// An eventPage is what GET /events answers.
type eventPage struct {
	Version int         `json:"version"` // as of statusPage
	Events  []eventLine `json:"events"`  // oldest first
}

// An order is what POST /switchover, /resolve, /latch and /release take. What an order has no
// use for is left out.
type order struct {
	Pool    string  `json:"pool,omitempty"`            // may be left out when one pool alone has such a group
	Group   string  `json:"group,omitempty"`           // its name
	To      string  `json:"to,omitempty"`              // switchover: who shall be master
	Expect  string  `json:"expect_master,omitempty"`   // switchover: who must be master now
	Master  string  `json:"master,omitempty"`          // resolve: who is master
	Fast    bool    `json:"fast,omitempty"`            // switchover: by offsets under CLIENT PAUSE instead of FAILOVER
	DryRun  bool    `json:"dry_run,omitempty"`         // switchover: only say what would be done
	By      string  `json:"by,omitempty"`              // who says he is ordering, for the log
	Timeout float64 `json:"timeout_seconds,omitempty"` // how long the answer may take; default 30
}

// An orderAnswer is how an order ended.
type orderAnswer struct {
	OK    bool     `json:"ok"`
	Plan  []string `json:"plan,omitempty"`  // switchover with dry_run: what would be done
	Error string   `json:"error,omitempty"` // why not
}
