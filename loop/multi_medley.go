package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/perf/invariant"
)

// A medley is what a transaction has besides the requests that its server executes: those
// that the proxy answers itself, SELECT and CLIENT ID for example. They are answered when the
// server has executed the others, each in a slot behind that of EXEC, and the reply to EXEC
// is put together of both, in the order in which they were queued.
//
// Owner: the transaction until EXEC, then the session, which is alone until it is answered.
type medley struct {
	frames memory.Intake // what is answered here
	queued int           // how many requests that is
	asked  int           // bytes of it that have been asked
	order  []turn        // whose answer is next
	hidden int           // how many of order are unheard
	slots  []uint32      // of what is answered here, as far as it has been asked
	speaks dialect       // of what is queued next: SELECT and HELLO may have changed it
	links  dialect       // of the link that the server's part is sent over
	home   dialect       // the session's, until it has been answered
	mixed  bool          // a HELLO in it changes the protocol

	seq     uint32 // EXEC's slot
	playing bool   // what is answered here is being asked
	missing bool   // the newest of slots has no answer yet
	req     codec.Request
	composition
}

// A composition is the reply to EXEC as far as it has been put together.
type composition struct {
	out    memory.Intake
	next   int  // of order, the element that is being copied
	own    int  // of slots, the next
	at     int  // where the rest of that answer begins
	theirs int  // where the rest of the server's reply begins
	torn   bool // the server's reply ends too soon
	scan   codec.ReplyScanner
}

// A turn says where an element of EXEC's reply comes from.
type turn uint8

const (
	theirs  turn = iota // the server
	unheard             // the server, but it is not for the client: it is about the link
	ours                // the proxy
)

// mostPlayed is how many requests of a medley are answered in one event at most, and mostOwn how many it
// may have: each has a slot.
const (
	mostPlayed = 64
	mostOwn    = 16 << 10
	textOwn    = "ERR huntaway: too many commands in a transaction that the proxy answers itself; it may have 16384"
)

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
		d := s.proto.linkSet.dialect
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
	if m.queued >= mostOwn {
		return textOwn
	}
	m.queued++
	to := s.turnsTo(cmd, r, m.speaks)
	if to.resp != m.speaks.resp && s.pin != nil {
		return textWatching
	}
	m.mixed = m.mixed || to.resp != m.speaks.resp
	t.say(m.speaks, to, s.pw.opt.DB)
	m.speaks = to
	m.frames.Add(s.w.arena, r.Frame, 0)
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
	n := t.frames.Len()
	if t.medley != nil {
		n += t.medley.frames.Len()
	}
	return int64(n)
}

// holds returns how many bytes of memory that is.
func (t *transaction) holds() int64 {
	n := t.frames.Holds()
	if t.medley != nil {
		n += t.medley.frames.Holds()
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
	t.frames = memory.Intake{}
	t.add(frameMulti)
	t.add(frame)
	t.add(queued.Bytes()[len(frameMulti):])
	queued.Release(t.w.arena)
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
	s.window.At(seq).open = true
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
	s.answer(seq, codec.AppendArray(s.w.pad.scratch[:0], 0))
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
	for n := 0; m.asked < m.frames.Len() && n < mostPlayed && !m.missing && s.conn != nil; n++ {
		if s.stops&stopTurn != 0 {
			break // that was work enough for one event
		}
		s.playOne()
	}
	m.playing = false
	switch {
	case m.missing || s.conn == nil:
	case m.asked < m.frames.Len():
		s.playSoon()
	default:
		s.finale()
	}
}

// playOne asks the next request.
func (s *session) playOne() {
	m := s.medley
	var scan codec.Scanner
	n, err := scan.Next(m.frames.Bytes()[m.asked:], &m.req, &s.pw.opt.limits)
	invariant.That(err == nil, "a request that was queued is none: %v", err)
	m.asked += n
	m.slots = append(m.slots, s.window.Behind())
	m.missing = true
	cmd := s.pw.opt.Commands.Find(&m.req)
	s.account.lastCmd = cmd.ID
	switch {
	case cmd.ID == ssubscribeID:
		s.tellError(cmd, textNoShardInside)
	case cmd.ID == pingID && s.mode.has(modeSubscribed) && s.proto.resp == 2 && s.pong(cmd, &m.req):
	case cmd.Policy == codec.PubSub:
		s.pubSub(cmd, &m.req)
	default:
		s.local(cmd, &m.req)
	}
}

// finale gives EXEC its reply, when that is put together.
func (s *session) finale() {
	if s.compose() {
		s.answerMedley()
		return
	}
	w, m, who := s.w, s.medley, entry{session: s.index, gen: s.gen}
	w.addChore(func() (done bool) {
		s := w.sessionOf(&who)
		switch {
		case s == nil || s.medley != m || s.conn == nil:
			return true
		case !s.compose():
			return s.conn == nil
		}
		s.answerMedley()
		return true
	})
}

// compose puts the elements together, as far as one event's work allows, and reports whether that was all.
func (s *session) compose() (all bool) {
	m := s.medley
	if s.window.At(m.seq).mute {
		return true
	}
	if m.out.Len() == 0 {
		s.extend(&m.out, codec.AppendArray(s.w.pad.scratch[:0], len(m.order)-m.hidden), 0)
		m.theirs, m.scan.RESP3 = codec.ArrayHeader(s.parkedAt(m.seq)), true // RESP3 has all that RESP2 has
	}
	for left := s.w.mostWork / clientShare; m.next < len(m.order) && !m.torn; {
		if left <= 0 || s.conn == nil {
			return false
		}
		from := m.order[m.next]
		piece := s.composeSome()
		left -= workElement + len(piece)/bytesPerWork
		if from != unheard {
			s.extend(&m.out, piece, 0)
		}
	}
	return true
}

// composeSome returns the next piece of the next element.
func (s *session) composeSome() (piece []byte) {
	m := s.medley
	done := true
	if m.order[m.next] == ours {
		piece = s.parkedAt(m.slots[m.own])[m.at:]
		if len(piece) > copyPiece {
			piece, done = piece[:copyPiece], false
		}
		if m.at += len(piece); done {
			m.own, m.at = m.own+1, 0
		}
	} else {
		b := s.parkedAt(m.seq)[m.theirs:]
		n, ended, err := m.scan.Next(b[:min(copyPiece, len(b))])
		if n == 0 || err != nil {
			m.torn = true
			return nil
		}
		m.theirs += n
		piece, done = b[:n], ended
	}
	if done {
		m.next++
	}
	return piece
}

// answerMedley answers EXEC with what was put together.
func (s *session) answerMedley() {
	m := s.medley
	reply := m.out.Bytes()
	if m.torn {
		reply = appendFault(s.w.pad.scratch[:0], faultSplitReply, s.pw.place(groupRef{}, nil))
	}
	for _, seq := range append(m.slots, m.seq) {
		s.unparked(seq)
		s.window.At(seq).size = 0
	}
	s.keepEarly(m.seq, reply)
	s.endMedley()
	s.overLimit()
}

// endMedley lets the reply to EXEC be said.
func (s *session) endMedley() {
	seq := s.medley.seq
	s.window.At(seq).open = false
	s.dropMedley()
	if seq == s.window.First() {
		s.unpark()
	}
}

// dropMedley forgets what was to be answered here.
func (s *session) dropMedley() {
	if s.medley != nil {
		s.medley.frames.Release(s.w.arena)
		s.medley.out.Release(s.w.arena)
		s.medley = nil
	}
	s.mode &^= modeMedley
}
