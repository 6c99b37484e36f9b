package loop

import (
	"bytes"
	"slices"

	"huntaway/loop/memory"
)

// How much a message costs its members' worker is chosen by who publishes and by who has
// subscribed, and by nobody else: so a feed may do no more work per event than a client. What
// is more is put off. It stays in the feed's link, in order and with all that comes behind it,
// marks and confirmations, and the link is not read from meanwhile, so that the server bounds
// what is kept there. In later turns the feed takes it up, for a piece of work each: first all
// messages are handed to their members, who point to where they lie, and then the members are
// written to, each once for all of them. Who publishes through this process waits while that is
// not enough.

// A passage is what a feed has put off. Owner: the feed.
type passage struct {
	on    bool          // there is something, and the feed stands in the worker's line
	walk  walk          // the message that is being handed out
	batch uint64        // of those that have been, among the worker's
	due   []*session    // who has been handed some and is to be written to; those who wrote anyway have nothing
	wrote int           // of them, how many were
	held  []deferral    // where the messages lie
	made  memory.Buffer // copies of them, see copies
}

// A walk is a message on its way to the members of its topic. While it stands still members
// come and go, see vacate: those who come do not get it.
type walk struct {
	st   *strand    // nil: there is none
	b    []byte     // for those who speak RESP2
	push []byte     // for those who speak RESP3; nil as long as nobody does
	kept [2]*shared // both, for those who do not take it at once; nil likewise
	left int        // members that have yet to get it: the first so many
	bulky
}

// A bulky is a message that was collected in a region. It is not copied: all who get it refer to
// where it lies, behind a beginning of their own.
type bulky struct {
	body *shared // the message, of which the walk is a user; nil: it is none of those
	head []byte  // what it begins with instead, but for the first byte
	from int     // of body, what is said behind that; 0: all of it is said as it is
}

// beginning returns what is said before the body, and how much of that is left out.
func (m *bulky) beginning(resp uint8) (lead []byte, from int) {
	switch {
	case resp == 3:
		return append([]byte{'>'}, m.head...), max(m.from, 1)
	case m.from == 0:
		return nil, 0
	}
	return append([]byte{'*'}, m.head...), m.from
}

// begin has a message set out to the members of a strand's topic. head, where it is not empty, is
// said instead of the first so many bytes; it is copied.
func (f *feed) begin(st *strand, b, head []byte, from int) {
	f.walk = walk{st: st, b: b, left: len(st.t.members)}
	if where, is := f.x.pw.w.arena.StretchOf(b); is {
		f.walk.bulky = bulky{body: &shared{b: where.Bytes(), where: where, refs: 1}, from: from}
		if from > 0 {
			f.walk.head = bytes.Clone(head[1:])
		}
		return
	}
	if from > 0 {
		f.walk.b = f.x.copied(head, b[from:])
	}
}

// stop forgets the message, whoever has it.
func (at *walk) stop() {
	if at.body != nil {
		at.body.drop()
	}
	*at = walk{}
}

// pass gives a message to the members of its topic, if this feed carries it, and reports
// whether all have it.
func (f *feed) pass(kind topicKind, name, b []byte) (done bool) {
	if f.walk.st != nil {
		return f.walkOn() // it is the same message
	}
	if len(name) > mostWordBytes {
		return true // nobody has subscribed to it
	}
	t := f.x.topics[kind][string(name)]
	if t == nil {
		return true
	}
	st := f.strands[t]
	if st == nil || !st.isOpen() {
		return true
	}
	if !f.l.behind() && f.isTooMuch(len(t.members), len(b)) {
		f.standInLine()
		return false
	}
	head, from, visible := f.x.outward(t, b)
	if !visible {
		return true
	}
	if (f.on || f.isLate()) && f.hears < causes {
		f.noteEvent(kind, name, b)
	}
	f.x.pw.counters.Messages += uint64(len(t.members))
	f.begin(st, b, head, from)
	return f.walkOn()
}

// isTooMuch reports whether a message has to be put off: this event has done its work, or the
// message alone may be more than that.
func (f *feed) isTooMuch(members, size int) bool {
	w := f.x.pw.w
	return f.effort.spend(w, 0) || members*(workHand+workWrite+min(size, mostGiven)/bytesPerWork) > w.mostWork
}

// walkOn hands the message out, and reports whether all have it. One that was put off stands
// still when that was work enough.
func (f *feed) walkOn() (done bool) {
	at, later, w := &f.walk, f.l.behind(), f.x.pw.w
	for at.left > 0 {
		if later && f.effort.spend(w, 0) {
			return false
		}
		at.left--
		f.effort.spend(w, f.hand(at.st.t.members[at.left], later))
	}
	at.stop()
	return true
}

// hand gives the message to a member and returns how much work that was. b lives as long as the
// member may have to be written to from there.
func (f *feed) hand(who member, later bool) (work int) {
	at, s := &f.walk, who.s
	if who.at.deaf != nil && slices.Contains(who.at.deaf, at.st) {
		return workHand
	}
	before := s.output.first.Len() + s.output.parked.Len()
	said, written, work := f.say(who)
	switch {
	case !said || later:
		work += (s.output.first.Len() + s.output.parked.Len() - before) / bytesPerWork
	case s.output.touched:
		work += written / bytesPerWork
	default:
		work += written/bytesPerWork + workWrite
	}
	switch {
	case !said:
	case !later:
		s.w.touch(s)
	case s.output.batch != f.batch:
		s.output.batch = f.batch
		f.due = append(f.due, s)
	}
	return work + workHand
}

// say has a member say the message, and reports whether it has something to write, at most how much
// of the message will be written at once, and how much work it was to make it.
func (f *feed) say(who member) (said bool, written, work int) {
	at, resp := &f.walk, who.s.proto.resp
	switch {
	case at.body != nil:
		lead, from := at.beginning(resp)
		return who.refer(lead, at.body, from), min(len(at.b), mostGiven), len(lead) / bytesPerWork
	case resp != 3:
		return who.receive(at.b, &at.kept[0]), len(at.b), 0
	case at.push == nil:
		at.push = f.x.asPush(at.b)
		work = len(at.b) / bytesPerWork
	}
	return who.receive(at.push, &at.kept[1]), len(at.push), work
}

// standInLine has the feed go on in later turns.
func (f *feed) standInLine() {
	if f.on {
		return
	}
	f.on = true
	w := f.x.pw.w
	f.newBatch()
	w.turns.passing = append(w.turns.passing, f.more)
	w.awaitTurn()
}

// newBatch lets every member be due again.
func (f *feed) newBatch() {
	w := f.x.pw.w
	w.turns.batches++
	f.batch = w.turns.batches
}

// goOn is the feed's chore: a piece of what it has put off.
func (f *feed) goOn() (done bool) {
	all := (len(f.held) > 0 || f.handOut()) && f.writeOut()
	f.judge()
	switch {
	case !all || f.l != nil && f.l.behind(): // that has come since
		return false
	case f.l != nil:
		f.l.undam()
	}
	f.on = false
	return true
}

// handOut hands out what was put off, and reports whether that was all.
func (f *feed) handOut() (all bool) {
	if f.l != nil {
		f.x.lasting = &f.made
		f.l.takeUp()
		f.x.lasting = nil
	}
	if f.l != nil && f.l.conn != nil && f.l.behind() {
		return false
	}
	f.holdLater()
	return true
}

// writeOut has those written to who have been handed messages, and reports whether those were
// all. Then the messages are forgotten.
func (f *feed) writeOut() (all bool) {
	w := f.x.pw.w
	for ; f.wrote < len(f.due); f.wrote++ {
		if f.effort.spend(w, 0) {
			return false
		}
		if s := f.due[f.wrote]; !s.output.touched && (len(s.output.run) > 0 || s.output.rest.bytes > 0 && !s.output.isSlow) {
			f.effort.spend(w, workWrite+(s.output.first.Len()+len(s.output.run)+min(s.output.rest.bytes, mostGiven))/bytesPerWork)
			w.touch(s)
		}
	}
	for i := range f.held {
		f.held[i].release(w)
	}
	w.arena.Orphan(&f.made)
	clear(f.due)
	clear(f.held)
	f.due, f.held, f.wrote = f.due[:0], f.held[:0], 0
	if cap(f.due) > mostDue {
		f.due = nil
	}
	f.newBatch()
	return true
}

// mostDue is for how many members a feed keeps the room in its list.
const mostDue = 4096

// holdLater keeps what was put off until all have been written to from there.
func (f *feed) holdLater() {
	if f.l != nil && !f.l.lease.later.isEmpty() {
		f.held = append(f.held, f.l.dropLater())
	}
}

// stopWalk forgets the message that is being handed out, when its strand is cut or its feed
// lost: it is not heard by those who have not heard it yet.
func (st *strand) stopWalk() {
	if st.f.walk.st == st {
		st.f.walk.stop()
	}
}

// vacate takes the member at a place out of the topic's list. Whom a message has yet to reach
// stays among those, and whom it has reached among the others.
func (t *topic) vacate(hole int) {
	for {
		var next *walk // of those that have yet to come here, the one that ends first
		for _, st := range t.strands {
			if at := &st.f.walk; at.st == st && at.left > hole && (next == nil || at.left < next.left) {
				next = at
			}
		}
		if next == nil {
			break
		}
		next.left--
		t.move(next.left, hole)
		hole = next.left
	}
	last := len(t.members) - 1
	t.move(last, hole)
	t.members[last] = member{}
	t.members = t.members[:last]
}

// move puts the member at a place into a hole, which may be that place.
func (t *topic) move(from, hole int) {
	if from != hole {
		t.members[from].at.place = hole + 1
		t.members[hole] = t.members[from]
	}
}
