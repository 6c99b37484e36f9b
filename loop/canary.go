package loop

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"time"

	"huntaway/codec"
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
// The more a link carries, the more go wrong in a second: hence the count.
// Owner: the link.
type canary struct {
	nonce uint64
	at    uint32 // position in the FIFO
	from  uint32 // position from which requests are counted
	watch marks  // isCanary while the answer may be on its way, so that one test finds both
	next  int64  // before that no other is sent; 0: none has been thought of yet
}

// canaryWord begins what a server is asked to repeat: whoever sees it in MONITOR knows whose
// it is.
const canaryWord = "huntaway:"

// song appends the argument of the canary's ECHO. Its length is fixed.
func (c *canary) song(dst []byte) []byte {
	const digits = 16
	dst = append(dst, canaryWord...)
	var hex [digits]byte
	text := strconv.AppendUint(hex[:0], c.nonce, digits)
	for range digits - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

// answer appends the reply that is expected; it is the same in both protocols.
func (c *canary) answer(dst []byte) []byte {
	var song [32]byte
	return codec.AppendBulk(dst, c.song(song[:0]))
}

// sing sends a canary behind what is in flight, when it is time for one and the last was
// answered. It is part of the tick, which writes what is waiting afterwards.
func (l *link) sing() {
	c := &l.canary
	switch {
	case l.private || l.state != linkReady || l.wire == nil || !l.busy() || l.w.now < c.next:
	case c.next == 0: // the link is new
		c.next = l.w.now + int64(canaryPeriod)
	case c.watch != 0 && int32(c.at-l.fifo.head) >= 0: // it is still on its way
	default:
		c.next = l.w.now + int64(canaryPeriod)
		c.nonce, c.watch = rand.Uint64(), isCanary
		var song [32]byte
		frame := codec.AppendCommand(l.w.scratch[:0], "ECHO", string(c.song(song[:0])))
		l.w.scratch = frame[:0]
		l.log.add(frame)
		c.at = l.fifo.push(entry{sent: l.w.now, marks: isCanary, size: uint32(len(frame))})
		c.from = l.fifo.tail
	}
}

// singSooner makes a canary due that has seen canaryEvery requests go by. It is part of the
// flush, so it costs no write; a link that must rest rests on.
func (l *link) singSooner() {
	c := &l.canary
	c.from = l.fifo.tail
	if c.next-l.w.now <= int64(canaryPeriod) {
		c.next = min(l.w.now, max(c.next, 1))
		l.sing()
	}
}

// swallows takes a reply that goes to no client, and returns false for one that does. b is
// the last piece of the reply.
func (l *link) swallows(b []byte) bool {
	e := l.fifo.front()
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

// strays reports whether the canary's answer is about to be given to somebody else.
func (l *link) strays(b []byte) bool {
	if int32(l.canary.at-l.fifo.head) < 0 { // went down with an earlier connection
		l.canary.watch = 0
		return false
	}
	var room [48]byte
	want := l.canary.answer(room[:0])
	early := l.partial.bytes()
	return !l.flows && len(early)+len(b) == len(want) &&
		bytes.HasPrefix(want, early) && bytes.HasSuffix(want, b)
}

// hear takes the next bytes of the reply to the canary. The first wrong one is enough, so
// nothing of somebody else's reply is collected. An error says nothing of the order of
// replies: servers may refuse any command while they load, run a script, or by ACL.
func (l *link) hear(b []byte) {
	l.partial.add(b)
	var room [48]byte
	got, want := l.partial.bytes(), l.canary.answer(room[:0])
	switch {
	case got[0] == '-':
		if bytes.HasSuffix(got, []byte(codec.CRLF)) {
			l.hush(got)
		}
	case string(got) == string(want):
		l.heardOut()
	case !bytes.HasPrefix(want, got):
		l.outOfStep("got", string(got[:min(len(got), len(want))]))
	}
}

// hush ends a canary that the server refused. Where the next would be refused as well, it
// is not sent for a long time.
func (l *link) hush(reply []byte) {
	if bytes.HasPrefix(reply, []byte("-NOPERM")) || bytes.HasPrefix(reply, []byte("-ERR unknown command")) {
		l.canary.next = l.w.now + int64(canaryRest)
		l.w.log.Warn("server refuses ECHO: cannot check that its replies are in step", "server", l.server.Addr,
			"pool", l.pw.opt.Name, "reply", string(reply[1:len(reply)-len(codec.CRLF)]))
	}
	l.heardOut()
}

// heardOut forgets the canary that has been answered.
func (l *link) heardOut() {
	l.partial.clear()
	l.canary.watch = 0
	l.pop()
}

// outOfStep closes a link whose replies belong to other requests than they seem to.
func (l *link) outOfStep(key, what string) {
	l.canary.watch = 0
	l.w.log.Error("replies are out of step, clients may have got wrong ones", "server", l.server.Addr,
		"pool", l.pw.opt.Name, "unanswered", l.fifo.len(), key, what)
	l.breakUp(faultReply)
}
