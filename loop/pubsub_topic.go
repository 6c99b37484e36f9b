package loop

import (
	"bytes"

	"huntaway/codec"
	"huntaway/loop/memory"
)

// A topic is a channel or a pattern that some session of a worker's pool is subscribed to,
// or about to be, or about to leave. Owner: the worker. The servers know of one subscription
// per feed, however many members it has.
type topic struct {
	x       *topicRegistry
	kind    topicKind
	name    string // as the servers know it
	shown   string // as clients do
	members []member
	wants   int       // sessions whose orders so far ask for it
	strands []*strand // one for each feed that carries it: one, or one per group
	table   uint32    // that it has followed last, see resubscribe
	orphan  bool      // some group that it needs has no master
	pending underway
	namedBy *pendingOrder // the order that is being read and has named it
}

// A member is a session that hears a topic.
type member struct {
	s  *session
	at *stake
}

// An underway is the changes of a topic that wait for servers, in the order in which they
// began, and some that do not any more.
type underway struct {
	all []*change
	n   int // that wait
}

// add adds a change that is about to begin.
func (u *underway) add(c *change) {
	if len(u.all) > 8+2*u.n {
		u.all = u.waiting()
	}
	u.all = append(u.all, c)
	u.n++
}

// done takes out a change that has just ceased to wait.
func (u *underway) done() {
	if u.n--; u.n == 0 {
		u.all = nil
	}
}

// waiting returns a new list of those that wait.
func (u *underway) waiting() []*change {
	some := make([]*change, 0, u.n)
	for _, c := range u.all {
		if c.left > 0 {
			some = append(some, c)
		}
	}
	return some
}

// want counts a session that asks for the topic. With the first the servers are asked.
func (t *topic) want() {
	if t.wants++; t.wants > 1 {
		return
	}
	for _, st := range t.strands {
		st.ask()
	}
}

// unwant counts a session that does not ask for the topic any more. With the last the
// servers are told; that is the mark for those who are leaving.
func (t *topic) unwant() {
	if t.wants--; t.wants > 0 {
		return
	}
	for _, st := range t.strands {
		st.end()
	}
}

// tell enters how many members there are now.
func (t *topic) tell() {
	for _, st := range t.strands {
		st.tell()
	}
}

// letGo forgets the topic when it is nobody's.
func (t *topic) letGo() {
	if t.wants == 0 && len(t.members) == 0 && t.pending.n == 0 {
		t.x.drop(t)
	}
}

// stakeIn returns what the session has to do with t, which is nothing yet when it is new.
func (s *session) stakeIn(t *topic) *stake {
	at := s.sub.topics[t]
	if at == nil {
		at = &stake{t: t}
		s.sub.topics[t] = at
		s.sub.bytes += len(t.name)
	}
	return at
}

// want makes a topic one of those that the session's orders ask for.
func (s *session) want(at *stake) {
	if !at.wants {
		at.wants = true
		s.sub.wants++
		at.t.want()
	}
}

// unwant takes a topic from those that the session's orders ask for.
func (s *session) unwant(at *stake) {
	if at.wants {
		at.wants = false
		s.sub.wants--
		at.t.unwant()
	}
}

// settle forgets what the session has to do with a topic, when that is nothing.
func (s *session) settle(at *stake) {
	if at.place == 0 && at.changes == 0 && !at.wants {
		delete(s.sub.topics, at.t)
		s.sub.bytes -= len(at.t.name)
		at.t.letGo()
	}
}

// enrol makes the session a member of a topic, which the slot seq confirms.
func (s *session) enrol(at *stake, seq uint32) {
	if at.place > 0 {
		return
	}
	t := at.t
	t.members = append(t.members, member{s, at})
	at.place, at.joined = len(t.members), seq
	s.sub.counts[t.kind]++
	s.pw.counters.Subscriptions++
	t.tell()
}

// leaveTopic ends the session's membership of a topic, if it is a member.
func (s *session) leaveTopic(at *stake) {
	if at.place == 0 {
		return
	}
	t := at.t
	t.vacate(at.place - 1)
	at.place, at.deaf = 0, nil
	s.sub.counts[t.kind]--
	s.pw.counters.Subscriptions--
	t.tell()
}

// receive puts a message into the member's output, and reports whether there is something to
// write: or in a slot of its own behind what is in flight. Messages that follow each other share
// one. kept is where the message is kept for all who share it.
func (who member) receive(m []byte, kept **shared) (said bool) {
	s := who.s
	if s.conn == nil || s.state != sessionOpen {
		return false
	}
	if s.interjects(who.at) {
		if !s.shares(m) {
			s.next(m)
			return true
		}
		if *kept == nil {
			*kept = &shared{b: bytes.Clone(m)}
		}
		s.addShared(*kept, 0)
		return true
	}
	s.parkMessage(m)
	s.overLimit()
	return false
}

// refer is receive for what is not copied: lead, and then a body but for the first so many bytes.
func (who member) refer(lead []byte, body *shared, from int) (said bool) {
	s := who.s
	if s.conn == nil || s.state != sessionOpen {
		return false
	}
	if s.interjects(who.at) {
		if len(lead) > 0 {
			s.nextOwn(lead)
		}
		s.addShared(body, from)
		return true
	}
	if len(lead) > 0 {
		s.parkMessage(lead)
	}
	s.parkWhere(body, from)
	s.overLimit()
	return false
}

// parkMessage puts a message, or a part of one, behind what is in flight.
func (s *session) parkMessage(m []byte) {
	win := &s.window
	at := uint32(s.output.parked.Len())
	if last := win.At(win.Behind() - 1); s.sub.behind == win.Behind() && last.at+last.size == at && !last.apart {
		last.size += uint32(len(m))
	} else {
		win.Push(slot{join: noJoin, state: parked, at: at, size: uint32(len(m))})
		s.sub.behind = win.Behind()
	}
	s.output.parked.Add(m)
	s.output.parkedLive += len(m)
}

// parkWhere is parkMessage for what lies in a region.
func (s *session) parkWhere(body *shared, from int) {
	b, win := body.b[from:], &s.window
	s.output.early = append(s.output.early, early{win.Behind(), body.where.Part(from)})
	s.output.earlyLive += len(b)
	s.w.burden(s, int64(len(b)))
	win.Push(slot{join: noJoin, state: parked, size: uint32(len(b)), apart: true})
	s.sub.behind = win.Behind()
}

// interjects reports whether a message may be said now. It must not overtake the reply to
// what was executed before it was published, so it waits for what is in flight: not for
// orders, because it is older than what confirms them, and not for requests that have not
// been sent or may take any time.
func (s *session) interjects(at *stake) bool {
	win := &s.window
	switch {
	case win.Len() == 0:
		return true
	case s.mode.has(modeMedley): // its orders are confirmed with its end
		return at.joined-win.First() >= uint32(win.Len())
	case s.sub.pendingOrders.Len() > 0:
		return true
	case win.Front().state == passing, s.sub.behind-1-win.First() < uint32(win.Len()):
		return false
	}
	return s.writes.held > 0 || s.blocked() != nil
}

// asPush returns a copy of a message for those who speak RESP3; it lives as long as the
// message. Copies of one event lie behind each other, so that they leave in one piece.
func (x *topicRegistry) asPush(b []byte) []byte {
	made := x.copies()
	at := made.Len()
	made.Add(b) // when it grows, what was handed out stays where it was
	push := made.Bytes()[at:]
	push[0] = '>'
	return push
}

// copied returns a copy of a message of two parts; it lives as long as the message.
func (x *topicRegistry) copied(head, rest []byte) []byte {
	made := x.copies()
	at := made.Len()
	made.Add(head)
	made.Add(rest)
	return made.Bytes()[at:]
}

// copies returns the buffer for what is made of messages in this event, or of those that a
// feed has put off.
func (x *topicRegistry) copies() *memory.Buffer {
	w := x.pw.w
	if x.lasting != nil {
		return x.lasting
	}
	if x.pushesOf != w.events {
		x.pushesOf = w.events
		x.pushes = w.arena.Lend()
	}
	return &x.pushes
}

// faultReply makes the error for an order that a server cannot fulfil.
func (pw *poolWorker) faultReply(f *fault, id int32) []byte {
	at := place{pool: pw.opt.Name}
	if server := pw.table.Server(id); server != nil {
		at.addr = server.Addr
		if g := pw.table.GroupOf(id); g >= 0 {
			at.group = pw.table.Groups[g].Name
		}
	}
	return appendFault(nil, f, at)
}

// word returns the bulk string that stands at b[at:], and where the next element begins; 0
// when there is none.
func word(b []byte, at int) (text []byte, next int) {
	if at >= len(b) || b[at] != '$' {
		return nil, 0
	}
	size := codec.Size(b[at:])
	if size == 0 {
		return nil, 0
	}
	from := at + 1
	for b[from] != '\n' {
		from++
	}
	if from+1 > at+size-2 {
		return nil, at + size // null
	}
	return b[from+1 : at+size-2], at + size
}
