package failover

import "huntaway/perf/invariant"

// State is where one group stands.
//
//	           found     answered doubted  dead      ready     failed    named     torn      ordered   reset
//	init       healthy   -        suspect  -         -         -         following ambiguous -         init
//	healthy    -         -        suspect  -         -         -         following ambiguous draining  init
//	suspect    -         healthy  -        freezing  -         -         following ambiguous -         init
//	freezing   -         suspect  -        -         revoking  suspect   -         -         -         init
//	revoking   -         suspect  -        -         selecting stuck     -         -         -         init
//	selecting  -         -        -        -         promoting stuck     -         -         -         init
//	promoting  -         -        -        -         proving   selecting -         -         -         init
//	proving    -         -        -        -         verifying selecting -         -         -         init
//	verifying  -         -        suspect  -         settling  selecting -         -         -         init
//	settling   -         -        suspect  -         healthy   healthy   following ambiguous -         init
//	stuck      -         healthy  -        freezing  -         -         following ambiguous -         init
//	ambiguous  healthy   -        -        freezing  -         -         following -         -         init
//	following  -         -        -        -         settling  suspect   following -         -         init
//	draining   -         -        suspect  -         handing   healthy   following -         -         init
//	handing    -         -        suspect  -         verifying healthy   following -         -         init
//
// found: who is master is known and it answers; answered: the master has proved itself; doubted: it
// may be dead; dead: it is, for all that can be known, and we may act; ready, failed: what the
// state is there for; named: lineage, the arbiter or an operator names another one; torn: two
// say they are master and nothing proves which; ordered: an operator wants a switchover; reset:
// somebody else has published another master.
//
// A "-" cannot happen; on panics for it under -tags invariants and ignores it otherwise.
type State uint8

// The states; the package's comment explains them.
const (
	Init State = iota
	Healthy
	Suspect
	Freezing
	Revoking
	Selecting
	Promoting
	Proving
	Verifying
	Settling
	Stuck
	Ambiguous
	Following
	Draining
	Handing

	never = State(255) // in nextState: cannot happen
)

var stateNames = [...]string{"init", "healthy", "suspect", "freezing", "revoking", "selecting", "promoting",
	"proving", "verifying", "settling", "stuck", "ambiguous", "following", "draining", "handing"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }

// signal is what makes a machine change its state.
type signal uint8

const (
	found signal = iota
	answered
	doubted
	dead
	ready
	failed
	named
	torn
	ordered
	reset
)

// nextState is the table in the comment of State.
var nextState = [15][10]State{
	Init:      {Healthy, never, Suspect, never, never, never, Following, Ambiguous, never, Init},
	Healthy:   {never, never, Suspect, never, never, never, Following, Ambiguous, Draining, Init},
	Suspect:   {never, Healthy, never, Freezing, never, never, Following, Ambiguous, never, Init},
	Freezing:  {never, Suspect, never, never, Revoking, Suspect, never, never, never, Init},
	Revoking:  {never, Suspect, never, never, Selecting, Stuck, never, never, never, Init},
	Selecting: {never, never, never, never, Promoting, Stuck, never, never, never, Init},
	Promoting: {never, never, never, never, Proving, Selecting, never, never, never, Init},
	Proving:   {never, never, never, never, Verifying, Selecting, never, never, never, Init},
	Verifying: {never, never, Suspect, never, Settling, Selecting, never, never, never, Init},
	Settling:  {never, never, Suspect, never, Healthy, Healthy, Following, Ambiguous, never, Init},
	Stuck:     {never, Healthy, never, Freezing, never, never, Following, Ambiguous, never, Init},
	Ambiguous: {Healthy, never, never, Freezing, never, never, Following, never, never, Init},
	Following: {never, never, never, never, Settling, Suspect, Following, never, never, Init},
	Draining:  {never, never, Suspect, never, Handing, Healthy, Following, never, never, Init},
	Handing:   {never, never, Suspect, never, Verifying, Healthy, Following, never, never, Init},
}

// on is the only place where a machine changes its state. What the state before still awaited
// is nobody's any more; note is reported.
func (m *Machine) on(s signal, note Transition) {
	next := nextState[m.state][s]
	if next == never {
		invariant.That(false, "group %s: %v cannot be %d", m.group, m.state, s)
		return
	}
	note.At, note.From, note.To = m.now, m.state, next
	m.state, m.clock.since, m.holds.unverified, m.dispute = next, m.now, false, dispute{}
	m.forgetOutcomes()
	m.do(Action{Kind: Report, Server: m.master, Transition: note})
}
