package vital

// A Fault is why a probe brought no answer, or what the answer complained of.
type Fault uint8

// The faults.
const (
	FaultNone    Fault = iota
	FaultRefused       // nobody listens there, or the peer reset every connection
	FaultTimeout       // no answer in time
	FaultName          // the name in its address leads nowhere: it could not be asked
	FaultLoading       // LOADING: reads its data from disk
	FaultAuth          // NOAUTH, WRONGPASS or NOPERM: alive, and does not talk to us
	FaultBusy          // BUSY: runs a script; alive
	FaultMisconf       // MISCONF: alive, and takes no writes because it cannot save its data
	FaultOther         // anything else; alive
)

var faultNames = [...]string{"none", "refused", "timeout", "unresolved", "loading", "auth", "busy", "misconf", "other"}

// Faults is how many faults there are.
const Faults = len(faultNames)

// String returns the fault's name as logs and scripts have it.
func (f Fault) String() string { return faultNames[f] }

// Silent tells whether nothing was heard of the server, which may be well and out of our reach.
func (f Fault) Silent() bool { return f == FaultTimeout || f == FaultName }

// Alive tells whether the server itself answered, and could be taking writes.
func (f Fault) Alive() bool {
	return f != FaultRefused && !f.Silent() && f != FaultLoading
}
