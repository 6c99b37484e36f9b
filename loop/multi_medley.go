package loop

import (
	"huntaway/codec"
	"huntaway/perf/invariant"
)

// A medley is what a transaction has besides the requests that its server executes: those
// that the proxy answers itself, SELECT and CLIENT ID for example. They are answered when the
// server has executed the others, each in a slot behind that of EXEC, and the reply to EXEC
// is put together of both, in the order in which they were queued.
//
// Owner: the transaction until EXEC, then the session, which is alone until it is answered.
type medley struct {
	frames intake   // what is answered here
	asked  int      // bytes of it that have been asked
	order  []turn   // whose answer is next
	hidden int      // how many of order are unheard
	slots  []uint32 // of what is answered here, as far as it has been asked
	speaks dialect  // of what is queued next: SELECT and HELLO may have changed it
	links  dialect  // of the link that the server's part is sent over
	home   dialect  // the session's, until it has been answered
	mixed  bool     // a HELLO in it changes the protocol

	seq     uint32 // EXEC's slot
	playing bool   // what is answered here is being asked
	missing bool   // the newest of slots has no answer yet
	req     codec.Request
}

// A turn says where an element of EXEC's reply comes from.
type turn uint8

const (
	theirs  turn = iota // the server
	unheard             // the server, but it is not for the client: it is about the link
	ours                // the proxy
)

// mostPlayed is how many requests of a medley are answered in one event at most.
const mostPlayed = 64

var (
	selectID     = idOf("select")
	helloID      = idOf("hello")
	pingID       = idOf("ping")
	ssubscribeID = idOf("ssubscribe")
)

// dialects are what is said to a server within a transaction to have it execute the rest in
// another database or protocol.
var dialects = commandSet("select", "hello")

// answersHere reports whether a command of a transaction is no server's business.
func (s *session) answersHere(cmd *codec.Command) bool {
	if cmd.ID == pingID && s.tx.medley != nil {
		return true // its form depends on whether the session is subscribed by then
	}
	if cmd.Policy != codec.Local && cmd.Policy != codec.PubSub || inSet(alongside, cmd) {
		return false
	}
	return !(s.pw.opt.AdminCommands && s.pw.table.Alone() && forOperators(cmd))
}

// medleyOf returns the transaction's medley, made on first use.
func (s *session) medleyOf() *medley {
	t := s.tx
	if t.medley == nil {
		d := s.family.dialect
		t.medley = &medley{order: make([]turn, t.queued), speaks: d, links: d, home: d}
	}
	return t.medley
}

// enqueueOwn takes a request that is answered here into the transaction, or returns the
// error for one that cannot be in it.
func (s *session) enqueueOwn(cmd *codec.Command, r *codec.Request) (text string) {
	t := s.tx
	switch opt := s.pw.opt; {
	case t.spoilt:
		return ""
	case t.bytes()+int64(len(r.Frame)) > opt.queued:
		return opt.queues
	}
	m := s.medleyOf()
	to := s.turnsTo(cmd, r, m.speaks)
	if to.resp != m.speaks.resp && s.pin != nil {
		return textWatching
	}
	m.mixed = m.mixed || to.resp != m.speaks.resp
	t.say(m.speaks, to, s.pw.opt.DB)
	m.speaks = to
	m.frames.add(s.w, r.Frame, 0)
	m.order = append(m.order, ours)
	return ""
}

// turnsTo returns the dialect in which a session that speaks now will go on after a request.
func (s *session) turnsTo(cmd *codec.Command, r *codec.Request, now dialect) dialect {
	switch cmd.ID {
	case selectID:
		if n, text := s.databaseOf(r.Arg(1)); text == "" {
			now.db = n
		}
	case helloID:
		resp, text := s.protocolOf(r, now.resp)
		if g, wrong := greetingOf(r); text == "" && wrong == "" && (g.user == nil || s.isRight(g.user, g.password)) {
			now.resp = resp
		}
	}
	return now
}

// say queues what makes the server go from one dialect to another. base is the pool's first
// database.
func (t *transaction) say(from, to dialect, base int) {
	if from.resp != to.resp {
		t.add(codec.AppendCommand(nil, "HELLO", decimal(int(to.resp))))
		t.unhear()
	}
	if from.db != to.db {
		t.add(codec.AppendCommand(nil, "SELECT", decimal(base+int(to.db))))
		t.unhear()
	}
}

// unhear books a request that was queued for the link's sake.
func (t *transaction) unhear() {
	t.queued++
	t.medley.hidden++
	t.medley.order = append(t.medley.order, unheard)
}

// len returns how many requests the client has queued.
func (t *transaction) len() int {
	if m := t.medley; m != nil {
		return len(m.order) - m.hidden
	}
	return t.queued
}

// bytes returns how many bytes are queued.
func (t *transaction) bytes() int64 {
	n := t.frames.len()
	if t.medley != nil {
		n += t.medley.frames.len()
	}
	return int64(n)
}

// holds returns how many bytes of memory that is.
func (t *transaction) holds() int64 {
	n := t.frames.holds()
	if t.medley != nil {
		n += t.medley.frames.holds()
	}
	return n
}

// closeMedley has the server leave the link as it was, whatever was said to it. Where the
// protocol changes on the way the link must be one that understands both, which those of
// RESP3 do; the session has nothing in flight then.
func (s *session) closeMedley() {
	t := s.tx
	m := t.medley
	if m == nil {
		return
	}
	if m.mixed {
		m.links.resp = 3
		if m.home.resp != 3 {
			t.begin(codec.AppendCommand(nil, "HELLO", decimal(int(m.home.resp))))
		}
		s.speak(m.links)
	}
	t.say(m.speaks, m.links, s.pw.opt.DB)
}

// changesLinks reports whether the transaction's link is not the one that the session uses
// otherwise.
func (t *transaction) changesLinks() bool { return t.medley != nil && t.medley.mixed }

// begin puts a request in front of those that are queued.
func (t *transaction) begin(frame []byte) {
	queued := t.frames
	t.frames = intake{}
	t.add(frameMulti)
	t.add(frame)
	t.add(queued.bytes()[len(frameMulti):])
	queued.release(t.w)
	t.queued++
	t.medley.hidden++
	t.medley.order = append([]turn{unheard}, t.medley.order...)
}

// attend makes the session wait for the reply to its EXEC, which has its slot, and for what
// is answered here besides.
func (s *session) attend(seq uint32) {
	s.medley = s.tx.medley
	if s.medley == nil {
		return
	}
	s.medley.seq = seq
	s.window.at(seq).open = true
	s.mode |= modeMedley
	s.standAlone()
}

// execHere ends a transaction of which nothing is a server's business.
func (s *session) execHere(cmd *codec.Command) {
	s.pw.commands[cmd.ID].Calls++
	s.pw.counters.Local++
	seq := s.expect(slot{join: noJoin})
	s.attend(seq)
	s.dropTransaction()
	s.answer(seq, codec.AppendArray(s.w.scratch[:0], 0))
}

// has reports whether a slot is the EXEC's.
func (m *medley) has(seq uint32) bool { return m != nil && m.seq == seq }

// parkedFor hears that a reply was parked while a medley waits. What is answered here is
// asked in a turn of its own: nobody may count on being in the middle of this event.
func (s *session) parkedFor(seq uint32, b []byte) {
	m := s.medley
	switch {
	case m.missing && seq == m.slots[len(m.slots)-1]:
		m.missing = false
		s.pw.counters.Replies-- // a part of one
		if !m.playing {
			s.playSoon()
		}
	case seq != m.seq || m.playing || m.missing:
	case b[0] == '*' && b[1] != '-':
		s.speakAgain(m)
		s.playSoon()
	default:
		s.speakAgain(m)
		s.endMedley()
	}
}

// speakAgain brings the session back to its own dialect.
func (s *session) speakAgain(m *medley) {
	if m.mixed {
		s.speak(m.home)
	}
}

// playSoon has the next part of the medley played in a later turn.
func (s *session) playSoon() {
	w, who := s.w, entry{session: s.index, gen: s.gen}
	w.addChore(func() bool {
		if s := w.sessionOf(&who); s != nil && s.medley != nil {
			s.play()
		}
		return true
	})
}

// play asks what is answered here, in order: each when the one before has been answered.
func (s *session) play() {
	m := s.medley
	m.playing = true
	for n := 0; m.asked < m.frames.len() && n < mostPlayed && !m.missing && s.wire != nil; n++ {
		if s.stops&stopTurn != 0 {
			break // that was work enough for one event
		}
		s.playOne()
	}
	m.playing = false
	switch {
	case m.missing || s.wire == nil:
	case m.asked < m.frames.len():
		s.playSoon()
	default:
		s.finale()
	}
}

// playOne asks the next request.
func (s *session) playOne() {
	m := s.medley
	var scan codec.Scanner
	n, err := scan.Next(m.frames.bytes()[m.asked:], &m.req, &s.pw.opt.limits)
	invariant.That(err == nil, "a request that was queued is none: %v", err)
	m.asked += n
	m.slots = append(m.slots, s.window.tail)
	m.missing = true
	cmd := s.pw.opt.Commands.Find(&m.req)
	s.lastCmd = cmd.ID
	switch {
	case cmd.ID == ssubscribeID:
		s.tellError(cmd, textNoShardInside)
	case cmd.ID == pingID && s.mode.has(modeSubscribed) && s.resp == 2 && s.pong(cmd, &m.req):
	case cmd.Policy == codec.PubSub:
		s.pubSub(cmd, &m.req)
	default:
		s.local(cmd, &m.req)
	}
}

// finale gives EXEC its reply.
func (s *session) finale() {
	m := s.medley
	reply := s.medleyReply()
	for _, seq := range append(m.slots, m.seq) {
		s.unparked(seq)
		s.window.at(seq).size = 0
	}
	sl := s.window.at(m.seq)
	sl.at, sl.size = uint32(s.parked.len()), uint32(len(reply))
	s.parked.add(reply)
	s.parkedLive += len(reply)
	s.w.keepScratch(reply)
	s.endMedley()
	s.overLimit()
}

// medleyReply puts the elements together. It lies in the worker's scratch memory.
func (s *session) medleyReply() []byte {
	m, dst := s.medley, s.w.scratch[:0]
	if s.window.at(m.seq).mute {
		return dst
	}
	rest := s.parkedAt(m.seq)
	rest = rest[codec.ArrayHeader(rest):]
	own := 0
	dst = codec.AppendArray(dst, len(m.order)-m.hidden)
	for _, t := range m.order {
		if t == ours {
			dst = append(dst, s.parkedAt(m.slots[own])...)
			own++
			continue
		}
		n := codec.Size(rest)
		if n == 0 {
			return appendFault(dst[:0], faultSplitReply, s.pw.place(groupRef{}, nil))
		}
		if t == theirs {
			dst = append(dst, rest[:n]...)
		}
		rest = rest[n:]
	}
	return dst
}

// endMedley lets the reply to EXEC be said.
func (s *session) endMedley() {
	seq := s.medley.seq
	s.window.at(seq).open = false
	s.dropMedley()
	if seq == s.window.head {
		s.unpark()
	}
}

// dropMedley forgets what was to be answered here.
func (s *session) dropMedley() {
	if s.medley != nil {
		s.medley.frames.release(s.w)
		s.medley = nil
	}
	s.mode &^= modeMedley
}
