package codec

import "slices"

// A Command is one row of the command table: what a proxy must know to route a request.
// Immutable once its Commands is built, and shared by all workers.
type Command struct {
	// Name is lower case; a sub-command's has its parent's in front, as Redis writes it
	// in errors and in COMMAND: "object|encoding".
	Name string

	// ID is dense, from 0 to Commands.Len()-1, sub-commands included. It stays the same in
	// every table that Learn makes of this one, so counters may be indexed by it.
	ID uint16

	// Arity counts the name and, for a sub-command, its parent's. Negative: at least that
	// many. 0: not known, the server will say.
	Arity int16

	Flags  Flags  // as COMMAND reports them, and a few of ours
	Policy Policy // how the request is served
	Join   Join   // how the parts' replies become one, where there are parts

	// First, Last and Step are where the keys stand, as COMMAND says: Last may count from
	// the end (-1 is the last argument). First is 0 when there is no key or when only Keys
	// can find it.
	First, Last, Step int16

	// Reason is the error text for a command that was learnt but cannot be routed; "" for
	// every compiled row. Its policy is Refused.
	Reason string

	finder  finder     // how Keys goes about it
	family  *family    // what COMMAND says of its kind; never nil
	since   string     // version that brought it; "" when not known
	subs    []*Command // sorted by name
	count   *count     // for the finders counted and streams
	specs   []keySpec  // for the finder bySpecs
	lacking *KeyError  // wrong number of arguments
	unknown *KeyError  // unknown sub-command; nil when there are none
}

// Flags are properties of a command, a bit set.
type Flags uint32

// The flags. Those up to FlagMovableKeys are Redis' own and are reported by COMMAND.
const (
	FlagWrite          Flags = 1 << iota
	FlagReadOnly             // reads keys, writes none
	FlagDenyOOM              // may need memory
	FlagModule               // came with a module
	FlagAdmin                // for operators
	FlagPubSub               //
	FlagNoScript             // not callable from scripts
	FlagBlocking             // may block its connection
	FlagLoading              // allowed while the server loads its file
	FlagStale                // allowed on a replica that lost its master
	FlagSkipMonitor          //
	FlagSkipSlowlog          //
	FlagAsking               //
	FlagFast                 //
	FlagNoAuth               // allowed before AUTH
	FlagOptionalKeys         // may have no key ("no_mandatory_keys")
	FlagNoAsyncLoading       //
	FlagNoMulti              // not allowed in a transaction
	FlagAllowBusy            // allowed while a script runs for too long
	FlagMovableKeys          // First, Last and Step do not tell all the keys
	FlagMayReplicate         // may write although it is not flagged so: EVAL, PFCOUNT
	FlagCursor               // continues on the server that issued its cursor
	FlagNodeBound            // its effect or answer differs between a master and its replicas
	FlagDangerous            // ACL category dangerous without being FlagAdmin
	FlagHidden               // not listed by COMMAND
)

// notOnReplica are the flags that keep a command which only reads from being read elsewhere
// than on the master.
const notOnReplica = FlagWrite | FlagMayReplicate | FlagCursor | FlagNodeBound | FlagAdmin |
	FlagPubSub

// A Policy says how a request is served.
type Policy uint8

// The policies. Whether this release serves one is what Policy.Served says.
const (
	// Forward: to the group of its keys, which must all be of one group.
	Forward Policy = iota
	// Split: one part per group, and the parts' replies are joined (Command.Join).
	Split
	// Local: the proxy answers.
	Local
	// Keyless: no key, and one server's answer is not the answer of many. It can be
	// forwarded where a pool has a single group.
	Keyless
	// Transaction: MULTI and what belongs to it.
	Transaction
	// Blocking: always may block, so never on a link that others share.
	Blocking
	// PubSub: subscribes, or publishes.
	PubSub
	// ScriptAdmin: loads, lists or kills scripts and functions; concerns all servers.
	ScriptAdmin
	// Scan: walks all groups, one after the other.
	Scan
	// FanOut: asks all groups at once.
	FanOut
	// Refused: would harm the servers, leak them, or cannot be routed.
	Refused

	policies // their number
)

var policyNames = [policies]string{
	"forward", "split", "local", "keyless", "transaction", "blocking", "pubsub",
	"script-admin", "scan", "fan-out", "refused",
}

// String returns the policy's name, for metrics and messages.
func (p Policy) String() string { return policyNames[p] }

// Served tells whether this release serves the policy. COMMAND lists only what is served.
func (p Policy) Served() bool { return p < Refused }

// A Join says how the replies to the parts of a split request become one reply.
type Join uint8

// The joins.
const (
	NoJoin     Join = iota
	ArrayByKey      // an array with one element per key, in the order of the request
	AllOK           // +OK when every part said so
	Sum             // the sum of the parts' integers
)

// IsRead tells whether a replica may serve the command. Only what is known to read keys
// and nothing else qualifies; everything unknown is a write.
func (c *Command) IsRead() bool {
	return c.Flags&(FlagReadOnly|notOnReplica) == FlagReadOnly
}

// Since returns the version of Redis or Valkey that brought the command, "" when that is
// not known.
func (c *Command) Since() string { return c.since }

// IsContainer tells whether the row only holds sub-commands. Commands.Find returns it when
// the request names none of them. COMMAND has sub-commands but means something alone.
func (c *Command) IsContainer() bool { return len(c.subs) > 0 && !c.CheckArity(1) }

// CheckArity tells whether a request may have n arguments, its name included.
func (c *Command) CheckArity(n int) bool {
	if c.Arity >= 0 {
		return n == int(c.Arity) || c.Arity == 0
	}
	return n >= -int(c.Arity)
}

// Sub returns the sub-command of that name, in any case, or nil.
func (c *Command) Sub(name []byte) *Command {
	skip := len(c.Name) + 1
	for _, s := range c.subs {
		if len(s.Name) == skip+len(name) && equalFold(name, s.Name[skip:]) {
			return s
		}
	}
	return nil
}

// Subs returns the sub-commands, sorted by name.
func (c *Command) Subs() []*Command { return slices.Clone(c.subs) }

// Blocks tells whether this request may keep its connection waiting: always for the
// blocking commands, for XREAD and XREADGROUP when BLOCK is given.
func (c *Command) Blocks(r *Request) bool {
	if c.finder != streams {
		return c.Policy == Blocking
	}
	_, block := streamOptions(r)
	return block
}

// equalFold compares with a lower-case ASCII name.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
