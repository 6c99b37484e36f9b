package failover

import "huntaway/ha/vital"

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Tick       EventKind = iota // time has passed; the driver sends one when Next is due
	Probed                      // a probe of Server ended: Fault, or Repl when there is none
	LinkLost                    // the data path lost or could not open a link to Server
	LinkOpened                  // the data path opened a link to Server
	ReadOnly                    // Server refused a write with READONLY
	Stalled                     // Server owes replies to the data path and has been silent for StallGate
	Done                        // an order, a fence, a drain or a persist ended: ID, Err, Repl
	Announced                   // the arbiter names a master: Addr, Epoch
	Objected                    // the arbiter says that the master is objectively down; with Source 0 that it is not any more
	Rival                       // another active monitor was heard: Text says who; Found, if not 0, which mark it keeps on Server
	Alone                       // this monitor has said that it is active where all others look, and nobody else does
	Forged                      // the master's mark was not the one that this machine knows it has, and was put right: Found
	Lost                        // the list of losses on Server, whose process Repl names, was read: Text
	Commanded                   // an operator's wish: Wish
)

// An Event is what a machine learns, and when. Immutable.
type Event struct {
	Kind   EventKind
	At     int64  // when it was known here; never earlier than that of the event before
	Server int32  // whom it is about; nothing for Tick
	ID     uint64 // Done: that of the action
	Err    error  // Done: why it failed; nil: it did not
	Sent   int64  // Probed, Done: when it was asked
	Fault  vital.Fault
	Repl   vital.Replication // Probed without Fault, or with FaultMisconf; Done of an order that inspects
	Mark   Mark              // Done of Identify
	Beat   int64             // Done of Identify: how long a monitor's heartbeat there lasts yet; 0: there is none
	Worn   bool              // with Beat: that one has a connection there and has just used it, or the server does not tell
	Found  uint64            // Done of Verify: the mark that was there before; Forged, Rival: likewise
	Addr   string            // Announced: host:port
	Epoch  uint64            // Announced: the arbiter's own
	Source int               // Announced, Objected: how many of the arbiter's reports say so
	Of     int               // Announced, Objected: how many reports it has
	Text   string            // Rival: who; Probed with a Fault: the error's text; Lost: what it says, at most LostMost bytes of it
	Faint  bool              // Rival: by a heartbeat alone, which may be left over, for nobody is seen where all are who act; or the one there stands still
	Wish   Wish              // Commanded

	// Filled in by the driver with every event: how many servers of other posts in the pool
	// answered their last probe, of how many. A machine whose master is silent looks at
	// whether it is itself that is cut off.
	Reached, Others int
}

// A Mark is what a server holds, for telling kin from strangers. Immutable.
type Mark struct {
	Keys  int64  // how many there are in its database, DBSIZE
	Epoch uint64 // the value of the group's marker key; 0: it has none
}

// WishKind is what an operator wants.
type WishKind uint8

// The wishes.
const (
	WishSwitchover WishKind = iota // make To master, while Expect is
	WishResolve                    // To is the master, whatever the evidence
	WishLatch                      // no automatic failover until further notice
	WishRelease                    // automatic failover again
)

// A Wish is an operator's order. Immutable.
type Wish struct {
	Kind   WishKind
	To     int32  // server ID
	Expect int32  // WishSwitchover: who must be master now
	Fast   bool   // WishSwitchover: by offsets under CLIENT PAUSE instead of FAILOVER
	DryRun bool   // WishSwitchover: only say whether and how it would be done
	By     string // who ordered it, for the log
	ID     uint64 // comes back in the Answer action that ends it
}
