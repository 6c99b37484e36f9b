package ha

import (
	"fmt"
	"time"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
)

// Times in the core are nanoseconds of perf.Now, as they arrive in events.

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Tick          EventKind = iota // time has passed; the driver sends one when Next is due
	Probed                         // a probe ended: Fault, or Repl when there is none
	LinkLost                       // the data path lost or could not open a link
	LinkOpened                     // the data path opened a link
	ReadOnly                       // the data path had a write refused with READONLY
	LinkStalled                    // the server owes the data path replies and is silent
	LinkExchanged                  // another process answered the data path than the one that the table names
	Inspected                      // an order was carried out, and brought what the server is: Repl
)

// An Event is what the Detector learns, and when. Immutable.
type Event struct {
	Kind   EventKind
	Server int32             // whom it is about; nothing for Tick
	At     int64             // when it was known here; never earlier than that of the event before
	Sent   int64             // Probed, Inspected: when it was asked
	Fault  vital.Fault       // Probed: what kept it from being answered
	Cause  string            // Probed with a Fault: the error's text, for people
	Repl   vital.Replication // Probed: the answer, when Fault is FaultNone; Inspected
}

// ActionKind says what is to be done.
type ActionKind uint8

// The actions.
const (
	SendProbe  ActionKind = iota // probe Server now; a Probed event must follow
	SetReaders                   // publish IDs as the readers of Group
	SetEjected                   // publish IDs as the groups that are off the ring
	SetCovered                   // store At in the vitals of Server
	Report                       // log Transition
)

// An Action is what the driver is told to do. The slices are its own to keep.
type Action struct {
	Kind       ActionKind
	Server     int32      // SendProbe, SetCovered, Report of a server's change
	Group      int        // SetReaders: index in the table
	IDs        []int32    // SetReaders
	Groups     []int      // SetEjected: indexes in the table, all that are ejected, ascending
	At         int64      // SetCovered: what Vitals.CoveredAt is to be
	Transition Transition // Report
}

// A Transition is one change worth a line in the log. Immutable.
type Transition struct {
	At     int64  // when, on the clock of perf.Now
	What   string // the fixed event text, lower case
	Pool   string // filled in by the driver
	Group  string // the group's name
	Addr   string // the server's; "" when the group as a whole is meant
	From   State  // with Addr: the state that was left
	To     State  // with Addr: the state that was entered
	Reason Reason // with Addr: why
	Cause  string // with Addr: the last error's text; "" when there was an answer

	noted    uint64               // the how manieth it is
	Time     time.Time            // At on the calendar; filled in by the driver
	Failover *failover.Transition // what the group's failover machine reports; nil: it is not from there
	Loud     bool                 // without Addr and Failover: somebody should look at it
}

// String returns the transition as one line of a script's answer.
func (t Transition) String() string {
	if f := t.Failover; f != nil {
		return fmt.Sprintf("%s %s: %s -> %s %s (%s)", t.What, t.Group, f.From, f.To, f.What, f.Why)
	}
	if t.Addr == "" {
		return fmt.Sprintf("%s %s", t.What, t.Group)
	}
	return fmt.Sprintf("%s %s: %s -> %s %s", t.What, t.Addr, t.From, t.To, t.Reason)
}
