package loop

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"time"

	"huntaway/codec"
	"huntaway/loop/memory"
)

// How often a busy shared link is asked whether it is in step: after so long, or so many
// requests, whichever comes first. And how long it is left alone when the server does not
// let it ask.
const (
	canaryPeriod = time.Second
	canaryEvery  = 4096
	canaryRest   = time.Hour
)

// A canary asks a question on a shared link whose answer nobody can guess, to learn whether
// replies still belong to the requests that they are given to. A link that is out of step
// is so in one of two ways:
//
//   - A reply is missing. Each later one goes to the request before it, so the FIFO never
//     empties: the answer then comes early, at a request that is not the canary's, or
//     another comes in its place.
//   - There is one too many. The answer comes late; or, once the FIFO is empty, bytes come
//     that nobody is owed, which closes the link as well.
//
// So a link needs no canary while nothing is in flight, and one without a client has none.
// The more a link carries, the more go wrong in a second: hence the count. Where a client
// chooses what a server writes there is a canary behind every such request, see isGuarded.
// Owner: the link.
type canary struct {
	due   memory.Ring[uint32] // positions in the FIFO of those that are on their way
	from  uint32              // position from which requests are counted
	watch marks               // isCanary while some is due, so that one test finds both
	next  int64               // before that no other is sent by itself; 0: none has been thought of yet

	// Of guards.
	owed    bool   // the newest entry is guarded, and nothing stands behind it yet
	matched int    // bytes of the answer due next that have come, and may be its beginning
	surplus int    // bytes that have come since the guarded replies ended, or made no sense
	probed  bool   // it has been asked on this connection whether the server answers
	probing bool   // it has not answered yet: what is behind stays here
	bar     int    // bytes of the log that may be written meanwhile
	barAt   uint32 // position in the FIFO behind them

	// Of one that may have been refused, see doubt.
	doubting bool
	doubted  uint64        // its nonce
	word     uint64        // the nonce of what was asked instead
	kept     memory.Buffer // what has come since
}

// entry.part of canaries that are special: one that guards, the first of a connection that is
// to guard something, and one that is a command of its own, see doubt.
const (
	guardPart = 1 + iota
	probePart
	doubtPart
)

// nonce returns what a canary's entry asks for; it is kept where others name their session.
func (e *entry) nonce() uint64 { return uint64(e.session)<<32 | uint64(e.gen) }

// isGuard reports whether an entry is a canary that guards what is before it.
func (e *entry) isGuard() bool { return e.marks.has(isCanary) && e.part == guardPart }

// canaryWord begins what a server is asked to repeat: whoever sees it in MONITOR knows whose
// it is.
const canaryWord = "huntaway:"

// answerSize is the length of every answer: a bulk of canaryWord and 16 digits.
const answerSize = len("$25\r\n") + len(canaryWord) + 16 + len(codec.CRLF)

// appendAnswer appends the reply that is expected; it is the same in both protocols, and the
// argument of the canary's ECHO as well.
func appendAnswer(dst []byte, nonce uint64) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, "$25\r\n"+canaryWord...)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[nonce>>shift&0xf])
	}
	return append(dst, codec.CRLF...)
}

// putCanary asks for a new word behind what is in flight.
func (l *link) putCanary(part uint16) (nonce uint64) {
	nonce = rand.Uint64()
	frame := append(l.w.pad.scratch[:0], "*2\r\n$4\r\nECHO\r\n"...)
	if part == doubtPart {
		frame = append(frame[:0], "*1\r\n"...)
	}
	frame = appendAnswer(frame, nonce)
	l.w.pad.scratch = frame[:0]
	l.queue.log.Add(frame)
	at := l.queue.fifo.Push(entry{sent: l.w.now, session: uint32(nonce >> 32), gen: uint32(nonce), marks: isCanary,
		part: part, size: uint32(len(frame))})
	c := &l.canary
	c.due.Push(at)
	c.from, c.watch = l.queue.fifo.Behind(), isCanary
	return nonce
}

// sing sends a canary behind what is in flight, when it is time for one and the last was
// answered. It is part of the tick, which writes what is waiting afterwards.
func (l *link) sing() {
	c := &l.canary
	switch {
	case l.kind.private || l.state != linkReady || l.conn == nil || !l.busy() || l.w.now < c.next:
	case c.next == 0: // the link is new
		c.next = l.w.now + int64(canaryPeriod)
	case c.watch != 0: // one is still on its way
	default:
		c.next = l.w.now + int64(canaryPeriod)
		if c.owed {
			l.guard()
			return
		}
		l.putCanary(0)
	}
}

// singSooner makes a canary due that has seen canaryEvery requests go by. It is part of the
// flush, so it costs no write; a link that must rest rests on.
func (l *link) singSooner() {
	c := &l.canary
	c.from = l.queue.fifo.Behind()
	if c.next-l.w.now <= int64(canaryPeriod) {
		c.next = min(l.w.now, max(c.next, 1))
		l.sing()
	}
}

// swallows takes a reply that goes to no client, and returns false for one that does. b is
// the last piece of the reply.
func (l *link) swallows(b []byte) bool {
	e := l.queue.fifo.Front()
	if e.marks.has(isCanary) {
		l.hear(b)
		return true
	}
	if l.canary.watch != 0 && l.strays(b) {
		l.outOfStep("canary", "answered another request")
		return true
	}
	return e.marks.has(isMany) && l.leads(b)
}

// strays reports whether the answer of the canary due next is about to be given to somebody
// else.
func (l *link) strays(b []byte) bool {
	early := l.coming.partial.Bytes()
	if l.coming.flows || len(early)+len(b) != answerSize {
		return false
	}
	var room [answerSize]byte
	want := appendAnswer(room[:0], l.queue.fifo.At(*l.canary.due.Front()).nonce())
	return bytes.HasPrefix(want, early) && bytes.HasSuffix(want, b)
}

// hear takes the next bytes of the reply to the canary. The first wrong one is enough, so
// nothing of somebody else's reply is collected. An error says nothing of the order of
// replies: servers may refuse any command while they load, run a script, or by ACL.
func (l *link) hear(b []byte) {
	l.coming.partial.Add(l.w.arena, b, 0)
	var room [answerSize]byte
	got, want := l.coming.partial.Bytes(), appendAnswer(room[:0], l.queue.fifo.Front().nonce())
	switch {
	case got[0] == '-' && len(got) > mostRefusal:
		l.outOfStep("got", "an error without an end")
	case got[0] == '-' && !bytes.HasSuffix(got, []byte(codec.CRLF)):
	case got[0] == '-' && l.queue.fifo.Front().part == doubtPart:
		l.heardOut()
	case got[0] == '-':
		l.hush(got)
	case string(got) == string(want):
		l.canary.probing = false
		l.heardOut()
	case !bytes.HasPrefix(want, got):
		l.outOfStep("got", string(got[:min(len(got), len(want))]))
	}
}

// hush ends a canary that the server refused. Where the next would be refused as well, it
// is not sent for a long time.
func (l *link) hush(reply []byte) {
	forGood := bytes.HasPrefix(reply, []byte("-NOPERM")) || bytes.HasPrefix(reply, []byte("-ERR unknown command"))
	if l.queue.fifo.Front().part == probePart {
		l.probeRefused(forGood)
	}
	if forGood {
		l.canary.next = l.w.now + int64(canaryRest)
		l.complain(slog.LevelWarn, "server refuses ECHO: cannot check that its replies are in step", "reply", wordsOf(reply))
	}
	l.heardOut()
}

// heardOut forgets the canary that has been answered.
func (l *link) heardOut() {
	l.coming.partial.Rest()
	l.canary.due.Pop()
	if l.canary.due.Len() == 0 {
		l.canary.watch = 0
	}
	l.pop()
}

// forgetCanaries is for a connection that is gone.
func (c *canary) forgetCanaries() {
	c.kept.Release()
	*c = canary{from: c.from, next: c.next}
}

// outOfStep closes a link whose replies belong to other requests than they seem to.
func (l *link) outOfStep(key, what string) {
	l.complain(slog.LevelError, "replies are out of step, clients may have got wrong ones", "unanswered", l.queue.fifo.Len(), key, what)
	l.breakUp(faultReply)
}
