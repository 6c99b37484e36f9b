package failover

import "huntaway/ha/vital"

// ActionKind says what is to be done.
type ActionKind uint8

// The actions. Those with an ID are answered by a Done event that carries it, also when
// they fail or run out of time; the others cannot fail.
const (
	Hold    ActionKind = iota // publish the group as held: what only its master may take waits
	Release                   // publish it as not held: the master is who it was
	Publish                   // publish Server as the group's master, epoch one higher, not held
	Fence                     // ID: close every connection of the data path to Server
	Drain                     // ID: wait until Server owes the data path nothing, at most Within
	Persist                   // ID: write Intent to the state file and sync it
	Order                     // ID: have Server do Op, at most Within
	Ask                       // have Server probed as soon as may be
	Report                    // log Transition, keep it among the last events
	Answer                    // tell the operator how Wish ID ended: Err
)

// An Action is what the driver is told to do. Actions are carried out in the order in which
// they stand; those with an ID are begun in that order and run at the same time.
type Action struct {
	Kind       ActionKind
	ID         uint64     // unique in the machine's life
	Server     int32      // whom it is about
	Op         Op         // Order
	Target     int32      // Order: whom Server shall follow or hand over to; -1: nobody that exists
	Within     int64      // nanoseconds
	Epoch      uint64     // Publish: the group's epoch from now on; Order Verify: what goes into the marker key
	Certain    bool       // Order Verify: no mark can be of a later epoch, so that one is put right; else the later counts
	Anew       bool       // Order Verify: it is a promotion's number, which has to be above the mark that is there, unless Certain
	RunID      string     // Order Verify, and what changes a server: the process that is meant, any other refuses; "": whoever answers
	Intent     Intent     // Persist
	Transition Transition // Report
	Err        error      // Answer: nil when it was done
	Plan       []string   // Answer of a switchover that was only asked about: its steps
}

// Op is what a server is ordered to do.
type Op uint8

// The orders. All go over connections of the control plane.
const (
	Inspect  Op = iota // PING, INFO replication and server: Repl in Done
	Identify           // Inspect, DBSIZE and GET of the marker key, and a comparison with Target's keys: Repl and Mark in Done
	Detach             // Inspect, REPLICAOF 192.0.2.1 1 (RFC 5737: an address that nobody has) if RunID is who answers, Inspect and GET of the marker key; with a Target not of one that is no replica any more
	Follow             // likewise, REPLICAOF Target
	Promote            // likewise, MULTI, REPLICAOF NO ONE, CONFIG REWRITE, CLIENT KILL TYPE normal SKIPME yes, EXEC; replies are checked, a failed REWRITE is a warning
	Verify             // INFO replication and server, then, if RunID is who answers, SET of the marker key to Epoch, unless it is higher and counts (with Anew what is above it is set then), or without memory a write that needs none: Repl and the mark in Done, with an Err the one that was tried
	Demote             // likewise, CLIENT PAUSE 5000 WRITE, REPLICAOF Target, CLIENT KILL TYPE normal SKIPME yes
	Handover           // FAILOVER TO Target TIMEOUT Within, then poll until it is over; Repl in Done
	Pause              // CLIENT PAUSE Within WRITE
	Unpause            // CLIENT UNPAUSE
	Abort              // FAILOVER ABORT
	Delegate           // sentinel mode: SENTINEL FAILOVER of the group, at a Sentinel that is able to replace Server at once, and by Target
	Rewrite            // CONFIG REWRITE, of a master when Target is -1, else of a replica of Target; that there is no file is a warning
)

var opNames = [...]string{"inspect", "identify", "detach", "follow", "promote", "verify", "demote",
	"handover", "pause", "unpause", "abort", "delegate", "rewrite"}

// String returns the order's name as logs and scripts have it.
func (o Op) String() string { return opNames[o] }

// An Intent is what must survive a crash of this process: who is master by its last
// publication, and what was begun since. Immutable.
type Intent struct {
	Group     string `json:"group"`
	Epoch     uint64 `json:"epoch"`               // the number of the promotion that made Master one
	Spent     uint64 `json:"spent,omitempty"`     // how many epochs up to that one were given to nobody
	Bare      uint64 `json:"bare,omitempty"`      // how many epochs up to that one nobody was seen to have the mark of
	Unproven  bool   `json:"unproven,omitempty"`  // Master was published without its mark, and has had no more than TooFew replicas since
	TooFew    int    `json:"too_few,omitempty"`   // with how many Master has refused its mark for want of more
	Had       int    `json:"had,omitempty"`       // with how many it was seen at most before it took its mark
	Master    string `json:"master"`              // its address
	RunID     string `json:"run_id"`              // its process, as last seen
	Lineage   string `json:"lineage"`             // its replication id, as last seen
	Offset    int64  `json:"offset"`              // its offset, as last seen
	Former    string `json:"former,omitempty"`    // replication ids before Lineage, newest last, separated by spaces
	Begun     string `json:"begun,omitempty"`     // "": nothing; else the state that was entered: freezing, promoting
	Candidate string `json:"candidate,omitempty"` // whom Begun is about to make master
	Number    uint64 `json:"number,omitempty"`    // the epoch that this promotion is to have
	Away      bool   `json:"away,omitempty"`      // that one did not follow the master's stream any more when the master died
	Descents  string `json:"descents,omitempty"`  // which lineages carry on which, Lineage's and those of who was made master since: each, the one before it, the last offset of that, and "least" when it may be more; these after a semicolon
	Abandoned string `json:"abandoned,omitempty"` // what masters had that came back without it and were taken all the same: each its lineage and offset; these after a semicolon
	Losses    string `json:"losses,omitempty"`    // what was lost with a master that was taken without all that the one before had: each that one's lineage and offset, and the words for it; these after a line feed
	Forged    string `json:"forged,omitempty"`    // later marks that no process has left, newest last, separated by spaces
	Arbiter   uint64 `json:"arbiter,omitempty"`   // the arbiter's epoch of the last publication
	Latched   string `json:"latched,omitempty"`   // why automatic failover is off; "": it is on
	Recent    string `json:"recent,omitempty"`    // when servers were promoted, newest last, separated by spaces
	Released  string `json:"released,omitempty"`  // likewise, but before an operator has released the group
}

// A Transition is one change worth a line in the log. Immutable.
type Transition struct {
	At   int64  // when, on the clock of perf.Now
	From State  // that was left
	To   State  // that was entered; equal to From for a note about what happens in a state
	What string // one sentence fragment, lower case, for people
	Why  string // the evidence: who said what, in numbers
	Loss int64  // bytes of a master's stream that are lost by it, at most; -1: nobody can say, or it loses none

	Lossy bool  // with Loss -1: some are lost, or may be, and Why says what is known of it
	Least int64 // likewise, so many at least; 0: nothing is known of that
	Found bool  // who is published took nobody's place, as far as is known: nothing is known to be lost by it
	Alarm bool  // with To equal to From: somebody should look at it; without it such a note is information
}

// Publishes tells whether the transition is that to a newly published master.
func (t *Transition) Publishes() bool { return t.To == Settling && t.From != t.To }

// Costs tells whether a master's data are lost by the transition, or may be.
func (t *Transition) Costs() bool {
	return t.Loss > 0 || t.Lossy || t.Loss < 0 && t.Publishes() && !t.Found
}

// A Member is one server of the group. Immutable.
type Member struct {
	ID   int32  // in the pool's table
	Addr string // host:port, as configured
	Role byte   // 'm', 'n' or 's', as configured: 'n' is first in line
}

// A Layout is what a machine knows of its group's table. Immutable.
type Layout struct {
	Group   string
	Members []Member
	Master  int32 // -1 while there is none
	Held    bool  // as the table has it
}

// A ServerStatus is what a machine thinks of one server. A copy.
type ServerStatus struct {
	ID    int32
	Addr  string
	Role  byte
	Repl  vital.Replication // the newest answer
	Fault vital.Fault       // of the newest probe
	Heard int64             // when the last answer was asked for; 0: never
	Note  string            // why it could not be promoted, "" when it could
}

// A Status is what a machine thinks of its group. A copy.
type Status struct {
	Group     string
	State     State
	Since     int64  // when it was entered
	Master    int32  // -1: none
	Epoch     uint64 // the number of the promotion that made the master one
	Held      bool
	Process   string   // the master's run id, as it was accepted; "": not known
	EpochSure bool     // no mark that a server has can be of a later epoch
	EpochLeft bool     // the master has been given the mark of this one
	Awoken    bool     // the master is in question, and nothing is begun yet since this process stood still
	Forbidden string   // why it does not act although it would; "": nothing forbids it
	Plight    string   // what is the case while it has no master that is known to be well; "": it has
	Way       string   // with Plight: what happens by itself, and what an operator can do
	Latched   string   // why automatic failover is off; "": it is on
	Recent    []int64  // when failovers were begun, within the last hour
	Wish      uint64   // the operator's wish that is being carried out; 0: none
	Alarms    []string // what an operator should look at, the worst first
	Servers   []ServerStatus
}
