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
	case e.marks.has(isMany) && l.lead < l.leadsTo(e): // only its beginning is of interest
		l.partial.Add(l.w.arena, b[:min(len(b), max(0, passOn-l.partial.Len()))], 0)
	case s != nil && int64(l.partial.Len()+len(b)) > s.pw.opt.Limits.OutputBytes:
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
		l.partial.Add(l.w.arena, b, 0)
		return
	}
	before := l.partial.Holds()
	switch l.w.foresee(s, l.partial.Growth(l.w.arena, len(b), 0)); {
	case l.wire == nil:
		return
	case s.wire == nil:
		e.marks |= isSink
		l.flowOn(len(b))
		return
	}
	l.partial.Add(l.w.arena, b, 0)
	if after := l.partial.Holds(); after > worthCharging {
		l.w.burden(s, after-before)
	}
	if !l.w.due() {
		return
	}
	if l.w.balance(); l.wire != nil && s.wire == nil {
		e.marks |= isSink
		l.flowOn(0)
	}
}

// flowOn has a reply of which n more bytes have come flow into nothing: nobody waits for it.
func (l *link) flowOn(n int) {
	if !l.flows {
		l.flows, l.flowed = true, l.partial.Len()
		l.partial.Release(l.w.arena)
	}
	if l.flowed += n; l.flowed > mostForNobody {
		l.breakUp(faultReply)
	}
}

// collectOwn keeps bytes of a reply that is for the link itself or for whoever taps it. One
// that is too long ends the link in a handshake, and is forgotten elsewhere.
func (l *link) collectOwn(b []byte) {
	switch {
	case l.greets > 0 && l.partial.Len()+len(b) > mostGreeting:
		l.stray(b)
	case l.flows:
	case l.greets == 0 && l.partial.Len()+len(b) > mostTapped:
		l.flows = true
		l.partial.Release(l.w.arena)
	default:
		before := l.partial.Holds()
		l.partial.Add(l.w.arena, b, 0)
		l.w.uncounted += l.partial.Holds() - before
	}
}

// pushed takes what belongs to a push frame, and returns the rest; false: in belongs to none.
// A push is never a reply, whatever is in flight. Nobody has asked for one on a shared link:
// it goes to the client whose guarded request it comes before, and otherwise to nobody, and
// then nothing of it is kept, for a server can say a great many.
func (l *link) pushed(in []byte) (rest []byte, is bool, err error) {
	if !l.pushing {
		if in[0] != '>' || l.dialect.resp != 3 || l.tap != nil || !l.scan.Fresh() {
			return in, false, nil
		}
		l.pushing, l.hearsPush = true, l.greets == 0 && l.owes() && l.fifo.Front().marks.has(guarded)
	}
	n, done, err := l.scan.Next(in)
	if err == nil && !l.hearsPush {
		err = l.unasked.add(l, n)
	}
	if err != nil {
		return nil, true, err
	}
	whole := done && l.partial.Len() == 0
	if l.hearsPush && !whole {
		l.partial.Add(l.w.arena, in[:min(n, passOn+1-l.partial.Len())], 0)
	}
	if !done {
		return nil, true, nil
	}
	l.pushing = false
	switch {
	case !l.hearsPush:
	case whole:
		l.passPush(in[:n])
	default:
		l.passPush(l.partial.Bytes())
		l.partial.Release(l.w.arena)
	}
	return in[n:], true, nil
}

// passPush gives a push frame to the client whose reply is awaited, if that is next in order.
func (l *link) passPush(b []byte) {
	if len(b) > passOn {
		return
	}
	e := l.fifo.Front()
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
	if u.since != l.fifo.First() {
		u.since, u.row = l.fifo.First(), 0
	}
	u.event += n
	l.progress.came -= int64(n)
	if u.row += n; u.row > mostUnasked {
		return errUnasked
	}
	return nil
}
