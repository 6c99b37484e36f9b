package loop

import (
	"strconv"

	"huntaway/codec"
)

// textNoNumber is for a server whose rights for the proxy's user leave CLIENT ID out.
const textNoNumber = "ERR huntaway: the server does not tell the number of the connection that waits there; " +
	"allow CLIENT ID and CLIENT UNBLOCK to the user that the proxy authenticates as"

// An unblock is one CLIENT UNBLOCK. The server that the client waits at is asked to end the
// wait, instead of closing the link: only so a value that was popped at the same moment
// reaches the client.
type unblock struct {
	reason string      // "TIMEOUT" or "ERROR"
	at     *link       // where the wait is to end; nil: wherever the client waits
	tries  int         // how often the server has said that nobody waits there
	heard  func(woken) // called once
}

// A woken is how CLIENT UNBLOCK ended on one worker.
type woken struct {
	clients int64  // 0 or 1
	text    string // why it failed; "": it did not
}

// Ends of a CLIENT UNBLOCK.
var (
	wasBlocked = woken{clients: 1}
	notBlocked = woken{}
)

// mostAsks bounds how often a server is asked for a client that it says does not wait
// there: its answer to the client may be on the way, or the request has not got there.
const mostAsks = 5

// answerUnblock answers CLIENT UNBLOCK id [TIMEOUT|ERROR].
func answerUnblock(s *session, dst []byte, r *codec.Request) []byte {
	reason := "TIMEOUT"
	switch {
	case r.Len() > 4:
		return codec.AppendArity(dst, "client|unblock")
	case r.Len() == 3 || is(r.Arg(3), "timeout"):
	case is(r.Arg(3), "error"):
		reason = "ERROR"
	default:
		return codec.AppendError(dst, textUnblock)
	}
	id, ok := decimalOf(r.Arg(2))
	if !ok {
		return codec.AppendError(dst, textNotInt)
	}
	s.unblockOther(uint64(id), reason)
	return nil
}

// unblockOther has every worker look for a client of the pool, and answers when the last has
// been heard. The slot is taken at once.
func (s *session) unblockOther(id uint64, reason string) {
	home, p := s.w, s.pw.pool
	answer := s.answerLater(s.expect(slot{join: noJoin}))
	missing, sum := len(home.engine.workers), woken{}
	hear := func(part woken) {
		sum.clients += part.clients
		if part.text != "" {
			sum.text = part.text
		}
		if missing--; missing == 0 {
			answer(func(_ *session, dst []byte) []byte { return sum.append(dst) })
		}
	}
	for _, w := range home.engine.workers {
		w.postEvent(func() {
			w.unblock(p, id, unblock{reason: reason, heard: func(part woken) {
				home.postEvent(func() { hear(part) })
			}})
		})
	}
}

// append appends the reply.
func (u woken) append(dst []byte) []byte {
	if u.text != "" {
		return codec.AppendError(dst, u.text)
	}
	return codec.AppendInt(dst, u.clients)
}

// unblock ends the wait of a client, if it is this worker's and waits.
func (w *worker) unblock(p *Pool, id uint64, u unblock) {
	var b *blocked
	for _, waits := range w.pools[p.index].blocked { // of whom there are few; of clients there are many
		if waits.s.client.id == id {
			b = waits
		}
	}
	if b == nil || !b.waits() {
		u.heard(notBlocked)
		return
	}
	b.called, b.leaving = u.reason, false
	b.wake(u)
}

// wake ends the wait.
func (b *blocked) wake(u unblock) {
	switch {
	case b.link == nil || b.link.state != linkReady:
		b.release(u.reason) // no server knows of it yet
		u.heard(wasBlocked)
	case b.link.lease.number == 0:
		b.asks = append(b.asks, u) // it is on its way
	default:
		b.ask(u)
	}
}

// stopWaiting ends the session's wait, if there is one, because the process goes down. It is
// called again as long as the session is there: a server may have given the request back.
func (s *session) stopWaiting() {
	b := s.blocked()
	switch {
	case b == nil || !b.waits():
	case b.leaving && b.link == nil:
		b.leave()
	case b.called == "":
		b.called, b.leaving = "ERROR", true
		b.wake(unblock{reason: "ERROR", heard: func(woken) {}})
	}
}

// leave ends the session of a request that no server has executed, because the process goes
// down. As at a Redis that goes down the end of the connection is the answer: clients connect
// anew and wait on, where an error reply would be an error of the command to most of them.
func (b *blocked) leave() {
	s := b.s
	s.mode |= modeMuted
	s.window.At(b.e.seq).mute = true
	s.lastWord(endDrain)
	b.tell(codec.AppendError(s.w.pad.scratch[:0], textUnblocked))
}

// release answers a request that no server has got, as if it had waited.
func (b *blocked) release(reason string) {
	l := b.link
	b.link = nil
	if l != nil {
		l.forsake()
		l.discard()
	}
	dst := b.s.w.pad.scratch[:0]
	switch {
	case b.leaving:
		b.leave()
	case reason == "ERROR":
		b.tell(codec.AppendError(dst, textUnblocked))
	case b.quorum != nil:
		b.quorum.until = b.s.w.now
		b.quorum.tick(b)
	case b.s.proto.resp == 3:
		b.tell(codec.AppendNil(dst, 3))
	default:
		b.tell(append(dst, "*-1\r\n"...))
	}
}

// ask asks the server to end the wait.
func (b *blocked) ask(u unblock) {
	if b.link.lease.number == noNumber {
		u.heard(woken{text: textNoNumber})
		return
	}
	l := b.link
	l.lease.hunted++
	b.s.pw.ask(&l.server, func(reply []byte) {
		l.lease.hunted--
		b.asked(u, reply)
	}, "CLIENT", "UNBLOCK", strconv.FormatInt(l.lease.number, 10), u.reason)
}

// asked takes the server's answer; nil when there is none.
func (b *blocked) asked(u unblock, reply []byte) {
	switch {
	case reply == nil:
		u.heard(notBlocked)
	case reply[0] == '-':
		u.heard(woken{text: string(reply[1 : len(reply)-len(codec.CRLF)])})
	case string(reply) == ":1\r\n":
		u.heard(wasBlocked)
	case b.waits() && b.link != nil && u.tries < mostAsks && u.concerns(b.link):
		u.tries++
		b.asks = append(b.asks, u)
	default:
		u.heard(notBlocked)
	}
}

// askAgain asks the server what it could not be asked before.
func (b *blocked) askAgain() {
	if len(b.asks) == 0 || b.link.lease.number == 0 {
		return
	}
	asks := b.asks
	b.asks = nil
	for _, u := range asks {
		if u.concerns(b.link) {
			b.ask(u)
		} else {
			u.heard(notBlocked)
		}
	}
}

// concerns reports whether a wait on the link is one that is to end.
func (u *unblock) concerns(l *link) bool { return u.at == nil || u.at == l }
