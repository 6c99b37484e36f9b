package ha

import (
	"huntaway/perf/invariant"

	"huntaway/ha/vital"
)

// State is where one server stands.
//
//	           good      proven    doubted   condemned
//	unknown    -         in        unknown   out
//	in         -         in        suspect   out
//	suspect    -         in        suspect   out
//	out        warming   in        out       out
//	warming    warming   in        out       out
//
// good: a probe found nothing wrong; proven: and enough of them did, in a row. A server that is
// not coming back is proven by one. doubted: something is wrong that a second look may
// explain. condemned: something is wrong for certain, or twice in a row.
//
// A "-" cannot happen; on panics for it under -tags invariants and ignores it otherwise.
// Every state has an exit, because probes never stop. The first transition of a server that
// is not well is made by its first probe: a server is unknown for as long as nothing
// is known.
type State uint8

// The states.
const (
	Unknown State = iota // no probe has settled anything yet; serves no reads
	In                   // well
	Suspect              // was in; a second look is under way
	Out                  // not well, for Reason
	Warming              // was out; good probes are being counted

	never = State(255) // in nextState: cannot happen
)

var stateNames = [...]string{"unknown", "in", "suspect", "out", "warming"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }

// weight is what a probe's result means for the state.
type weight uint8

const (
	good weight = iota
	proven
	doubted
	condemned
)

// nextState is the table in the comment of State.
var nextState = [5][4]State{
	Unknown: {never, In, Unknown, Out},
	In:      {never, In, Suspect, Out},
	Suspect: {never, In, Suspect, Out},
	Out:     {Warming, In, Out, Out},
	Warming: {Warming, In, Out, Out},
}

// Reason is why a server is not in.
type Reason uint8

// The reasons.
const (
	ReasonNone        Reason = iota
	ReasonDown               // refuses connections
	ReasonSilent             // does not answer in time
	ReasonName               // the name in its address leads nowhere
	ReasonLoading            // reads its data from disk
	ReasonSyncing            // receives a full copy from its master
	ReasonUnsynced           // has not had its master's data since it was started
	ReasonLink               // its link to the master is broken
	ReasonLagging            // too far behind
	ReasonUnmeasured         // it cannot be said yet how far behind
	ReasonRole               // the table says replica and it says master, or the other way round
	ReasonWrongMaster        // its data descend from another master
	ReasonWritable           // a replica that takes writes
	ReasonAuth               // refuses our credentials
	ReasonBusy               // runs a script
	ReasonOther              // answers with an error nobody knows
)

var reasonNames = [...]string{
	"ok", "down", "silent", "unresolved", "loading", "syncing", "unsynced", "stale-link", "lagging", "unmeasured",
	"wrong-role", "wrong-master", "writable", "auth-failed", "busy", "error",
}

// String returns the reason's name.
func (r Reason) String() string { return reasonNames[r] }

// askMaster tells whether a doubt is one that only the master's next answer can settle. The
// server itself answers well, and serves on if it did so far; asking it again proves nothing,
// so such doubts are not counted.
func (r Reason) askMaster() bool {
	return r == ReasonLink || r == ReasonWrongMaster || r == ReasonUnmeasured
}

// A server is what the detector knows of one redis-server.
//
// Owner: the Detector.
type server struct {
	// Fixed when adopted into its post.
	id   int32
	addr string
	post post
	born int64 // when; earlier evidence was about another post

	// Owned by the Detector.
	heir   bool   // is being made master by us: see Detector.Spare
	group  *group // where it stands in the newest layout
	state  State  // written only by on
	reason Reason // why it is not in; ReasonNone when it is, or when nothing is known
	since  int64  // when state or reason last changed
	goods  int    // good probes in a row
	doubts int    // doubtful ones in a row

	dueAt  int64 // when to probe next
	sentAt int64 // when the last probe was ordered
	flying bool  // a probe is out
	again  bool  // and another is wanted as soon as it is back

	repl       vital.Replication // the newest answer
	answered   bool              // the newest probe had one
	lostAt     int64             // when a link of the data path broke since; 0: none did
	cause      string            // why there was no answer
	askedAt    int64             // when that probe was sent
	linkDownAt int64             // first probe that found the link down, 0 while it is up
	strangerAt int64             // first probe that found another lineage, 0 while it is the master's
	exchanged  bool              // another process answers than before, of which nothing good is known yet
	behind     int64             // bytes, at the newest answer
	lag        int64             // nanoseconds, likewise
	measured   bool              // the newest probe had an answer from which that is known
	coveredAt  int64             // as last given to the driver

	hold       int64 // how long it had to stay out the last time; 0 unless it flaps
	holdUntil  int64 // it returns no earlier
	returnedAt int64 // when it last came back; 0 while it never was out
}

// on is the only place a server changes state. It tells whether state or reason changed.
func (s *server) on(w weight, r Reason) (from State, changed bool) {
	from = s.state
	next := nextState[from][w]
	if next == never {
		invariant.That(false, "server %s: %v cannot be %d", s.addr, from, w)
		return from, false
	}
	if next == Warming || next == Unknown && r == ReasonNone {
		r = s.reason // it keeps the reason it was out for
	}
	changed = next != from || next != Unknown && r != s.reason
	s.state, s.reason = next, r
	return from, changed
}
