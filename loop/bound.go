package loop

import "errors"

// A server, too, may say more than anybody can keep: a reply without an end, in a handshake
// or to a question of our own as well. What is collected of a reply is bounded by who asked
// for it, who is cut off alone; what is passed on as it comes is bounded by who reads it.
const (
	mostGreeting  = 64 << 10 // of a reply in a handshake
	mostTapped    = 64 << 20 // of a message, or of the answer to a question of our own
	mostForNobody = 1 << 30  // of a reply whose client is gone: more than a server's largest value
	mostUnasked   = 1 << 20  // of push frames in a row that are for nobody
)

// collect keeps bytes of a reply that cannot be passed on yet. e is its entry.
func (l *link) collect(e *entry, s *session, b []byte) {
	switch {
	case e.marks.has(isMany) && l.led.n < l.leadsTo(e): // only its beginning is of interest
		l.coming.partial.Add(l.w.arena, b[:min(len(b), max(0, passOn-l.coming.partial.Len()))], 0)
	case s != nil && int64(l.coming.partial.Len()+len(b)) > s.pw.opt.Limits.OutputBytes:
		s.cutOff(endOutput)
		e.marks |= isSink
		l.flowOn(len(b))
	default:
		l.gather(e, s, b)
	}
}

// gather adds bytes to the reply that is collected for a session, which may be nil.
func (l *link) gather(e *entry, s *session, b []byte) {
	if s == nil {
		l.coming.partial.Add(l.w.arena, b, 0)
		return
	}
	before := l.coming.partial.Holds()
	switch l.w.foresee(s, l.coming.partial.Growth(l.w.arena, len(b), 0)); {
	case l.conn == nil:
		return
	case s.conn == nil:
		e.marks |= isSink
		l.flowOn(len(b))
		return
	}
	l.coming.partial.Add(l.w.arena, b, 0)
	if after := l.coming.partial.Holds(); after > worthCharging {
		l.w.burden(s, after-before)
	}
	if !l.w.due() {
		return
	}
	if l.w.balance(); l.conn != nil && s.conn == nil {
		e.marks |= isSink
		l.flowOn(0)
	}
}

// flowOn has a reply of which n more bytes have come flow into nothing: nobody waits for it.
func (l *link) flowOn(n int) {
	if !l.coming.flows {
		l.coming.flows, l.coming.flowed = true, l.coming.partial.Len()
		l.coming.partial.Release(l.w.arena)
	}
	if l.coming.flowed += n; l.coming.flowed > mostForNobody {
		l.breakUp(faultReply)
	}
}

// collectOwn keeps bytes of a reply that is for the link itself or for whoever taps it. One
// that is too long ends the link in a handshake, and is forgotten elsewhere.
func (l *link) collectOwn(b []byte) {
	switch {
	case l.shake.greets > 0 && l.coming.partial.Len()+len(b) > mostGreeting:
		l.stray(b)
	case l.coming.flows:
	case l.shake.greets == 0 && l.coming.partial.Len()+len(b) > mostTapped:
		l.coming.flows = true
		l.coming.partial.Release(l.w.arena)
	default:
		before := l.coming.partial.Holds()
		l.coming.partial.Add(l.w.arena, b, 0)
		l.w.budget.uncounted += l.coming.partial.Holds() - before
	}
}

// pushed takes what belongs to a push frame, and returns the rest; false: in belongs to none.
// A push is never a reply, whatever is in flight. Nobody has asked for one on a shared link:
// it goes to the client whose guarded request it comes before, and otherwise to nobody, and
// then nothing of it is kept, for a server can say a great many.
func (l *link) pushed(in []byte) (rest []byte, is bool, err error) {
	if !l.coming.pushing {
		if in[0] != '>' || l.kind.dialect.resp != 3 || l.lease.tap != nil || !l.coming.scan.Fresh() {
			return in, false, nil
		}
		l.coming.pushing, l.coming.hearsPush = true, l.shake.greets == 0 && l.owes() && l.queue.fifo.Front().marks.has(guarded)
	}
	n, done, err := l.coming.scan.Next(in)
	if err == nil && !l.coming.hearsPush {
		err = l.coming.unasked.add(l, n)
	}
	if err != nil {
		return nil, true, err
	}
	whole := done && l.coming.partial.Len() == 0
	if l.coming.hearsPush && !whole {
		l.coming.partial.Add(l.w.arena, in[:min(n, passOn+1-l.coming.partial.Len())], 0)
	}
	if !done {
		return nil, true, nil
	}
	l.coming.pushing = false
	switch {
	case !l.coming.hearsPush:
	case whole:
		l.passPush(in[:n])
	default:
		l.passPush(l.coming.partial.Bytes())
		l.coming.partial.Release(l.w.arena)
	}
	return in[n:], true, nil
}

// passPush gives a push frame to the client whose reply is awaited, if that is next in order.
func (l *link) passPush(b []byte) {
	if len(b) > passOn {
		return
	}
	e := l.queue.fifo.Front()
	if s := l.w.sessionOf(e); s != nil && e.seq == s.window.First() && !e.marks.has(isPart) {
		s.say(s.heard(e.seq, b))
	}
}

// unasked counts what nobody has asked for. It is no sign that the server does what it has been
// asked: requests wait no longer for it. Owner: the link.
type unasked struct {
	event int    // bytes in this event
	row   int    // bytes since the last reply
	since uint32 // position in the FIFO then
}

// errUnasked ends a link whose server says too much that nobody has asked for.
var errUnasked = errors.New("push frames without an end")

// add counts n more bytes.
func (u *unasked) add(l *link, n int) error {
	if u.since != l.queue.fifo.First() {
		u.since, u.row = l.queue.fifo.First(), 0
	}
	u.event += n
	l.health.progress.came -= int64(n)
	if u.row += n; u.row > mostUnasked {
		return errUnasked
	}
	return nil
}
