package loop

import (
	"slices"

	"huntaway/codec"
)

// A topic is a channel or a pattern that some session of a worker's pool is subscribed to.
// Owner: the worker. The servers know of one subscription, however many members it has.
type topic struct {
	kind    topicKind
	name    string
	members []*session // in no order
	feeds   []*feed    // those that carry it: one, or one per group
	missing int        // feeds whose server has not confirmed yet
	orphan  bool       // some group that it needs has no master
	waiting []*pledge  // what waits for the servers' confirmation
}

// live reports whether every server that has to carry it does.
func (t *topic) live() bool { return t.missing == 0 && !t.orphan }

// A pledge is a command that waits for servers: its reply is ready, and is said when they
// have confirmed what it asks for.
type pledge struct {
	s     *session
	seq   uint32 // its slot
	since int64
	left  int      // topics that are not live, or are still to be left by a server
	fresh []*topic // those that the command made the session a member of
	reply []byte   // all its confirmations
	over  bool     // it has been answered, or nobody waits any more
}

// await makes the pledge wait for t, unless it is live or is waited for already.
func (p *pledge) await(t *topic) {
	n := len(t.waiting)
	if t.live() || n > 0 && t.waiting[n-1] == p {
		return
	}
	t.waiting = append(t.waiting, p)
	p.left++
}

// kept counts a topic of which all has been confirmed, and answers with the last.
func (p *pledge) kept() {
	p.left--
	p.answerIfKept()
}

func (p *pledge) answerIfKept() {
	if p.left > 0 || p.over {
		return
	}
	p.over = true
	if s := p.s; s.state != sessionGone {
		s.pw.counters.Local++
		s.answer(p.seq, append(s.w.scratch[:0], p.reply...))
	}
	p.reply = nil
}

// broken answers with an error and takes back what the command did. Later commands that
// counted on the same topics are broken with it.
func (p *pledge) broken(reply []byte) {
	if p.over {
		return
	}
	p.over = true
	s := p.s
	for _, t := range p.fresh {
		for _, q := range slices.Clone(t.waiting) {
			if q.s == s {
				q.broken(reply)
			}
		}
		s.leaveTopic(t, nil)
	}
	s.endSubscribed()
	if s.state != sessionGone {
		s.pw.counters.ErrorReplies++
		s.answer(p.seq, append(s.w.scratch[:0], reply...))
	}
}

// enrol makes the session a member of t; false when it is one.
func (s *session) enrol(t *topic) (fresh bool) {
	if s.subscribed(t) {
		return false
	}
	s.sub.places[t] = len(t.members)
	s.sub.counts[t.kind]++
	s.pw.counters.Subscriptions++
	t.members = append(t.members, s)
	return true
}

// leaveTopic ends the session's membership of t, if it is a member; t may be nil. What it
// still waits for here counts as kept: it would have been, before it left. by is the command
// that leaves, which waits for the servers' word when it was the last member; or nil.
func (s *session) leaveTopic(t *topic, by *pledge) {
	if !s.subscribed(t) {
		return
	}
	at, last := s.sub.places[t], len(t.members)-1
	t.members[at] = t.members[last]
	t.members[at].sub.places[t] = at
	t.members[last] = nil
	t.members = t.members[:last]
	delete(s.sub.places, t)
	s.sub.counts[t.kind]--
	s.pw.counters.Subscriptions--
	var kept []*pledge
	t.waiting = slices.DeleteFunc(t.waiting, func(p *pledge) bool {
		if p.s == s {
			kept = append(kept, p)
		}
		return p.s == s
	})
	for _, p := range kept {
		p.kept()
	}
	if len(t.members) == 0 {
		s.pw.switchboard().drop(t, by)
	}
}

// confirmed hears that a server which carries the topic has said so.
func (t *topic) confirmed() {
	t.missing--
	t.settle()
}

// settle answers what waits when the topic is live.
func (t *topic) settle() {
	if !t.live() {
		return
	}
	waiting := t.waiting
	t.waiting = nil
	for _, p := range waiting {
		p.kept()
	}
}

// deliver gives a message to every member. b lives until the end of this event, so those
// who speak its protocol are written to from where it lies.
func (t *topic) deliver(x *switchboard, b []byte) {
	x.pw.counters.Messages += uint64(len(t.members))
	var push []byte
	for _, s := range t.members {
		m := b
		if s.resp == 3 {
			if push == nil {
				push = x.asPush(b)
			}
			m = push
		}
		s.receive(m)
	}
}

// receive puts a message into the session's output: at once, unless a reply is passing
// through or the confirmation of a subscription has not been said. Then it takes a slot of
// its own behind what has one; messages that follow each other share it.
func (s *session) receive(m []byte) {
	if s.wire == nil || s.state != sessionOpen {
		return
	}
	win := &s.window
	if win.len() == 0 || win.front().state != passing && s.sub.barrier-win.head >= uint32(win.len()) {
		s.say(m)
		return
	}
	at := uint32(s.parked.len())
	if last := win.at(win.tail - 1); s.sub.behind == win.tail && last.at+last.size == at {
		last.size += uint32(len(m))
	} else {
		s.sub.barrier = win.push(slot{join: noJoin, state: parked, at: at, size: uint32(len(m))})
		s.sub.behind = win.tail
	}
	s.parked.add(m)
	s.parkedLive += len(m)
	s.overLimit()
}

// asPush returns a copy of a message for those who speak RESP3; it lives until the end of
// this event. Copies of one event lie behind each other, so that they leave in one piece.
func (x *switchboard) asPush(b []byte) []byte {
	w := x.pw.w
	if x.pushesOf != w.events {
		x.pushesOf = w.events
		x.pushes = buffer{slabs.Get()}
		w.orphans = append(w.orphans, x.pushes)
	}
	at := x.pushes.len()
	x.pushes.add(b) // when it grows, what was handed out stays where it was
	push := x.pushes.bytes()[at:]
	push[0] = '>'
	return push
}

// faultReply makes the error for a pledge that a server cannot fulfil.
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
