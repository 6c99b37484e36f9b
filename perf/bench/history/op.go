package history

// A Class is what a client may conclude from an operation's end.
type Class uint8

// The classes.
const (
	OK Class = iota
	Fail
	Unknown
	Wrong
)

var classNames = [...]string{"ok", "fail", "unknown", "WRONG"}

// String returns the class as reports have it.
func (c Class) String() string { return classNames[c] }

// MarshalText spells the class in a dump.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// A Kind is what an operation does; it names the rules that look at it.
type Kind uint8

// The kinds.
const (
	Echo     Kind = iota // a token goes out and must come back
	Append               // Value is pushed at the end of list Key
	Incr                 // counter Key rises by one; Version is the reply
	Set                  // register Key becomes Version
	Get                  // register Key is Version; 0: it does not exist
	Transfer             // an amount moves between two accounts of bank Key
	Audit                // Sums are what the banks' accounts add up to at one moment
	Spread               // registers Keys, of several groups, become Version: MSET
	Clear                // registers Keys are deleted; Version is how many the reply counts
	Push                 // Value is put into queue Key
	Pop                  // Got is taken from queue Key; "": nothing came in time
	Read                 // any other read; only its class and token count
)

var kindNames = [...]string{"echo", "append", "incr", "set", "get", "transfer", "audit", "spread",
	"clear", "push", "pop", "read"}

// String returns the kind as reports have it.
func (k Kind) String() string { return kindNames[k] }

// MarshalText spells the kind in a dump.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Writes tells whether the kind changes data.
func (k Kind) Writes() bool {
	return k != Echo && k != Get && k != Audit && k != Read
}

// An Op is one operation of one client. Times are nanoseconds since the run's beginning, on
// a monotonic clock.
type Op struct {
	Client    int      `json:"client"`
	Conn      int      `json:"conn"` // number of the client's connection
	Seq       int      `json:"seq"`  // rises by one with every operation of the client
	Kind      Kind     `json:"kind"`
	Group     string   `json:"group,omitempty"` // whose data it is about; "" for none or several
	Key       string   `json:"key,omitempty"`
	Keys      []string `json:"keys,omitempty"`    // Spread and Clear
	Value     string   `json:"value,omitempty"`   // what was written, or the token that must come back
	Got       string   `json:"got,omitempty"`     // the token or value that came back
	Version   int64    `json:"version,omitempty"` // see Kind
	Server    string   `json:"server,omitempty"`  // who executed it, by its own word; "" when it did not say
	Invoked   int64    `json:"invoked"`           // before the first byte was written
	Completed int64    `json:"completed"`         // after the last byte of the reply was read, or the error
	Class     Class    `json:"class"`
	Error     string   `json:"error,omitempty"` // the error reply, or what went wrong
}

// A Conn is what became of one connection.
type Conn struct {
	Client   int    `json:"client"`
	Number   int    `json:"number"`
	Sent     int    `json:"sent"`             // requests
	Received int    `json:"received"`         // replies
	Behind   string `json:"behind,omitempty"` // bytes that came behind the last reply
	Broken   string `json:"broken,omitempty"` // why it ended, unless the client closed it
}

// A Window is a time in which what was acknowledged may be lost: declared by the fault,
// before the run is judged.
type Window struct {
	Group    string `json:"group"` // "": every group
	From, To int64  // both included
}

// A Split is a time in which a group is in two halves and both may take writes: declared by
// the fault, as a Window is. What the clients of the half that gives way were acknowledged in
// it may be lost, and nothing of the other half's.
type Split struct {
	Group    string // never ""
	From, To int64  // both included
	Clients  []int  // of the half that gives way
}

// A Reign is a time in which one server took a group's writes, by its publication. Reigns of
// a group stand in their order.
type Reign struct {
	Group  string `json:"group"`
	Server string `json:"server"` // as Op.Server has it
	Loss   int64  `json:"loss"`   // bytes of its predecessor's stream that were discarded; -1 unknown
}

// A Final is what the masters hold once all is quiet.
type Final struct {
	Lists     map[string][]string // appended values, and what is left of queues
	Counters  map[string]int64
	Registers map[string]int64 // versions; a key that is missing does not exist
	Banks     map[string]int64 // what the accounts add up to
}

// A Promise is what the configuration under test lets a client rely on.
type Promise struct {
	OwnWrites bool // reads are no older than the client's own last write
	Monotonic bool // reads of one connection do not go backwards
	Closes    bool // connections may be closed: the proxy itself is stopped or killed
}

// A Run is everything that is judged. The rules only read it.
type Run struct {
	Ops     []Op // in no order
	Conns   []Conn
	Windows []Window
	Splits  []Split
	Reigns  []Reign
	Final   Final
	Promise Promise
	Banked  int64 // what the accounts of each bank add up to from the beginning
}
