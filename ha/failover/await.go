package failover

import (
	"errors"
	"slices"
)

// A job says whose business the end of an action is.
type job uint8

const (
	ofState  job = iota // of the state in which it was begun: forgotten when that is left
	ofSave              // of the state file
	ofRejoin            // of bringing one member in line
	ofFiles             // of having servers' files rewritten
	ofNobody            // it is done for its effect
)

// An await is an action that was begun and has not ended.
type await struct {
	id     uint64
	job    job
	kind   ActionKind
	op     Op
	server int32
	target int32
	until  int64 // then it counts as failed
	epoch  uint64

	certain bool
}

// An outcome is what an action of the current state has brought.
type outcome struct {
	await
	ev Event
}

var errSilent = errors.New("no answer in time")

// launch hands an action with an ID out and remembers that its end is awaited.
func (m *Machine) launch(j job, a Action) {
	m.pending.nextID++
	a.ID, a.RunID = m.pending.nextID, m.meant(j, &a)
	if b := m.member(a.Server); b != nil && a.Kind == Order && a.Op.changes() {
		b.changedAt = m.now
	}
	m.pending.awaits = append(m.pending.awaits, await{a.ID, j, a.Kind, a.Op, a.Server, a.Target, m.now + a.Within + grace, a.Epoch, a.Certain})
	m.do(a)
}

// order has a server do something for the current state.
func (m *Machine) order(op Op, server int32, within int64) {
	m.launch(ofState, Action{Kind: Order, Op: op, Server: server, Target: -1, Within: within})
}

// orderTo is order with somebody to follow or to hand over to.
func (m *Machine) orderTo(op Op, server, target int32, within int64) {
	m.launch(ofState, Action{Kind: Order, Op: op, Server: server, Target: target, Within: within})
}

// meant returns which process an order is for: the one whose data were looked at, and no other that may answer at its
// address by now; in a failover and in a switchover the one that stands still.
func (m *Machine) meant(j job, a *Action) string {
	b := m.member(a.Server)
	switch {
	case b == nil || a.Kind != Order || !a.Op.changes() || a.Op == Handover:
		return a.RunID
	case j == ofState && (b.frozen || b.spare):
		return b.stand.RunID
	}
	return b.repl.RunID
}

// loose has a server do something whose end changes nothing here.
func (m *Machine) loose(op Op, server, target int32) {
	m.launch(ofNobody, Action{Kind: Order, Op: op, Server: server, Target: target, Within: lookTime})
}

// done takes the end of an action.
func (m *Machine) done(ev Event) {
	i := slices.IndexFunc(m.pending.awaits, func(a await) bool { return a.id == ev.ID })
	if i >= 0 {
		a := m.pending.awaits[i]
		m.pending.awaits = slices.Delete(m.pending.awaits, i, i+1)
		m.ended(a, ev)
	}
}

// expire ends what has taken too long; the driver should have said so itself.
func (m *Machine) expire() {
	for i := 0; i < len(m.pending.awaits); {
		a := m.pending.awaits[i]
		if m.now < a.until {
			i++
			continue
		}
		m.pending.awaits = slices.Delete(m.pending.awaits, i, i+1)
		m.ended(a, Event{Kind: Done, At: m.now, ID: a.id, Err: errSilent})
	}
}

// ended gives the end of an action to whom it concerns.
func (m *Machine) ended(a await, ev Event) {
	b := m.member(a.server)
	if a.kind == Order && b != nil && a.op.inspects() && (ev.Err == nil || ev.Repl.ID != "") {
		m.heard(b, ev)
	}
	if a.kind == Order && a.op == Verify {
		m.marked(a, ev)
	}
	m.obeyed(b, a, ev.Err)
	switch a.job {
	case ofState:
		m.pending.outcomes = append(m.pending.outcomes, outcome{a, ev})
		if a.op == Detach && a.kind == Order && b != nil {
			b.froze(ev)
		}
	case ofSave:
		m.saved(ev.Err)
	case ofRejoin:
		m.rejoined(a, ev)
	case ofFiles:
		m.rewritten(a, ev)
	}
}

// inspects tells whether the answer to an order says how the server is.
func (o Op) inspects() bool {
	return o == Inspect || o == Identify || o == Detach || o == Verify || o == Handover
}

// changes tells whether an order changes what the server is, so that older answers are about
// something else.
func (o Op) changes() bool {
	return o == Detach || o == Follow || o == Promote || o == Demote || o == Handover
}

// waiting tells whether the current state still awaits something.
func (m *Machine) waiting() bool {
	return slices.ContainsFunc(m.pending.awaits, func(a await) bool { return a.job == ofState })
}

// outcome returns what an order of the current state to a server has brought; false
// while there is none.
func (m *Machine) outcome(op Op, server int32) (Event, bool) {
	for i := len(m.pending.outcomes) - 1; i >= 0; i-- {
		if o := m.pending.outcomes[i]; o.kind == Order && o.op == op && o.server == server {
			return o.ev, true
		}
	}
	return Event{}, false
}

// fate returns how the fences or the drain of the current state have ended; false while
// they have not.
func (m *Machine) fate(kind ActionKind) (error, bool) {
	for _, o := range m.pending.outcomes {
		if o.kind == kind && o.ev.Err != nil {
			return o.ev.Err, true
		}
	}
	return nil, !slices.ContainsFunc(m.pending.awaits, func(a await) bool { return a.job == ofState && a.kind == kind })
}

// tried tells whether the current state has begun such an action.
func (m *Machine) tried(kind ActionKind) bool {
	return slices.ContainsFunc(m.pending.awaits, func(a await) bool { return a.job == ofState && a.kind == kind }) ||
		slices.ContainsFunc(m.pending.outcomes, func(o outcome) bool { return o.kind == kind })
}

// forgetOutcomes drops what the state before has awaited.
func (m *Machine) forgetOutcomes() {
	m.pending.outcomes, m.pending.retryAt = nil, 0
	m.pending.awaits = slices.DeleteFunc(m.pending.awaits, func(a await) bool { return a.job == ofState })
}
