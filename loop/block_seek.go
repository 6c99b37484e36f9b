package loop

import (
	"bytes"
	"cmp"

	"huntaway/codec"
)

// This file is about blocked sessions that have no server to wait at: a short outage is
// bridged as it is for other requests, within the pool's hold timeout.

// faultLostRead is for a read that waited on a link that was lost. It changes nothing, so
// that it may be sent again; only the client knows from which entry of the stream on.
var faultLostRead = &fault{notExecuted, "connection lost while it waited", true}

// adjourn lets a request that provably was not executed, or that rewait gives another chance,
// wait for a master, or fails it when the outage is old. l is the link that could not carry it;
// nil when there is no master.
func (pw *poolWorker) adjourn(b *blocked, frame []byte, f *fault, l *link) {
	f = cmp.Or(b.doubt, f)
	b.link, b.deadline = nil, 0
	if b.lostAt == 0 || pw.w.now-b.since > int64(probeTime) {
		b.lostAt = pw.w.now // what it was given last has carried it for a while
	}
	shared := l
	if l != nil && pw.table.Server(l.server.ID) != nil {
		shared = pw.linkOf(b.s, l.server.ID) // it knows since when the server is down
	}
	if len(frame) > mostSeek || !pw.holding(&b.e, shared) {
		pw.w.fail(&b.e, f, l)
		return
	}
	if b.held == nil {
		b.held = append([]byte(nil), frame...)
		pw.counters.Held++
	}
	b.why = f
	b.pause = min(max(2*b.pause, int64(firstSeek)), int64(lastSeek))
	b.retryAt = pw.w.now + b.pause
}

// seek looks for a master again.
func (pw *poolWorker) seek(b *blocked) {
	switch {
	case pw.w.now-b.lostAt >= int64(pw.opt.HoldTimeout):
		pw.w.fail(&b.e, b.why, nil)
	case pw.w.now < b.retryAt, b.line != nil:
	default:
		pw.seekAt(b)
	}
}

// seekAt sends the request of b to the master of its keys, if it is known who that is.
func (pw *poolWorker) seekAt(b *blocked) {
	at := b.e
	switch f := pw.relocate(&at, b.held); f {
	case nil:
		b.e = at
		pw.attend(b, b.held)
	case faultUnowned:
		pw.putOffBlocked(b, b.held, b.why)
	default:
		pw.w.fail(&b.e, cmp.Or(b.doubt, f), nil)
	}
}

// wakeDisplaced moves the waits that a new table has left at a server which is not where
// their keys are written any more: nothing would ever come to them there. That server is
// asked to end the wait, as CLIENT UNBLOCK does, so that a value which is popped at the same
// moment still reaches the client; when it says that nothing was, the request is given to
// the new master. Those without a server look for one at once.
func (pw *poolWorker) wakeDisplaced() {
	for _, b := range pw.blocked {
		switch {
		case b.quorum != nil || !b.waits():
		case b.link == nil:
			b.retryAt, b.pause, b.line = pw.w.now, 0, nil
		case pw.inPlace(b):
		case b.link == b.recalled: // it has been asked, and has not answered
		case b.link == b.s.pin || b.link.state == linkReady:
			b.callBack()
		default:
			pw.recall(b)
		}
	}
}

// callBack has the server end a wait that is to go on elsewhere. Until it has answered nothing but
// that may end the wait as if a client had asked: neither another table, nor a wait elsewhere.
func (b *blocked) callBack() {
	l := b.link
	b.recalled = l
	b.wake(unblock{reason: "ERROR", at: l, heard: func(how woken) {
		if how != wasBlocked && b.recalled == l {
			b.recalled = nil
		}
	}})
}

// recall takes a request back from the link it was given to, which did not send it.
func (pw *poolWorker) recall(b *blocked) {
	frame := b.link.waited()
	b.link.forsake()
	pw.reissue(b, frame)
}

// reissue gives a request that was not executed to the master that its keys have now.
func (pw *poolWorker) reissue(b *blocked, frame []byte) {
	b.letLinkGo()
	b.held, b.why = frame, cmp.Or(b.doubt, faultHoldTime)
	pw.seekAt(b)
}

// letLinkGo takes b off the link on which it waits for nothing any more. If the session watches
// over it, it goes on doing so where its master still is; what was watched elsewhere may have
// changed, and EXEC will say that.
func (b *blocked) letLinkGo() {
	l, s := b.link, b.s
	b.link, b.deadline = nil, 0
	switch {
	case l != s.pin:
		l.discard()
	case b.spent:
		s.tx.lost = true
		s.letPinGo().burn()
	default:
		l.lease.patient = false
		s.checkPin()
	}
}

// waited returns a copy of the request that waits on the link.
func (l *link) waited() []byte {
	e := l.queue.fifo.Front()
	return append([]byte(nil), asked(e, l.queue.log.Frame(l.queue.base, int(e.size)))...)
}

// rewait lets a request that waits at a server which is being fenced off wait for the next
// master, as far as its group may still be waited for. What a blocking command may have
// taken just then, its answer being on the way, is lost with the connection; a client whose
// wait ends without a new master is told so.
func (pw *poolWorker) rewait(l *link) {
	b := pw.blocked[l.lease.borrower.session]
	if b == nil || b.link != l || l == b.s.pin || l.queue.fifo.Len() == 0 || !l.lease.patient || l.coming.partial.Len() > 0 || l.coming.flows {
		return
	}
	frame, f := l.waited(), faultLostRead
	if len(frame) > mostSeek || !pw.holding(&b.e, nil) {
		return // as of any other lost link, see lostPrivately
	}
	if b.e.marks.has(isWrite) {
		b.doubt = faultLost
	}
	l.forsake()
	pw.adjourn(b, frame, f, nil)
}

// inPlace reports whether b waits at the master of its keys, whose group may have another
// index by now.
func (pw *poolWorker) inPlace(b *blocked) bool {
	l := b.link
	if l.queue.fifo.Len() == 0 {
		return true // its answer has just come
	}
	e := l.queue.fifo.Front()
	at := b.e
	if pw.relocate(&at, asked(e, l.queue.log.Frame(l.queue.base, int(e.size)))) != nil {
		return false
	}
	b.e.group, e.group = at.group, at.group
	return pw.masterAt(at.group) == l.server.ID
}

// unsentPrivately settles a request that was not sent over the private link it was given to.
func (pw *poolWorker) unsentPrivately(e *entry, frame []byte, f *fault, l *link) {
	if b := pw.blockedOn(e, l); b != nil {
		pw.adjourn(b, asked(e, frame), f, l)
		pw.lineUp(b, l.server.ID)
		return
	}
	pw.w.fail(e, f, l)
}

// lostPrivately settles a request that was sent over a private link and not answered.
func (pw *poolWorker) lostPrivately(e *entry, f *fault, l *link) {
	if b := pw.blockedOn(e, l); b != nil && !e.marks.has(isWrite) {
		f = faultLostRead
	}
	pw.w.fail(e, f, l)
}

// refusedPrivately looks at an error reply on a private link. It returns true when the
// reply says that the command did not run, and its session waits for a master that runs it.
func (pw *poolWorker) refusedPrivately(e *entry, frame, reply []byte, l *link) bool {
	b, code := pw.waiterOn(e, l), string(codec.ErrorCode(reply))
	if b == nil || l == b.s.pin && code != "UNBLOCKED" {
		return false
	}
	switch code {
	case "READONLY":
		pw.w.engine.report.Demoted(pw.opt.Name, l.server.ID)
	case "UNBLOCKED": // by us, or by a demotion: the server closes the connection behind it
		b.spent = bytes.HasPrefix(reply, []byte("-UNBLOCKED force"))
		ours := b.recalled == l && b.called != "ERROR"
		switch {
		case b.leaving:
			b.leave()
			return true
		case b.called != "" && !ours:
			return false
		case ours || pw.masterAt(e.group) != l.server.ID: // there is another one already, or was
			pw.reissue(b, append([]byte(nil), asked(e, frame)...))
			return true
		}
	case "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN":
	default:
		return false
	}
	if len(frame) > mostSeek || !pw.holding(e, nil) {
		return false
	}
	frame = append([]byte(nil), asked(e, frame)...)
	b.letLinkGo()
	pw.adjourn(b, frame, faultHoldTime, nil)
	return true
}

// blockedOn returns who waits for e on a link that it borrowed only for that, or nil. Who
// waits on its pin hears what becomes of that, but for the end of a wait.
func (pw *poolWorker) blockedOn(e *entry, l *link) *blocked {
	if b := pw.waiterOn(e, l); b != nil && b.s.pin != l {
		return b
	}
	return nil
}

// waiterOn returns who waits for e on a link, or nil.
func (pw *poolWorker) waiterOn(e *entry, l *link) *blocked {
	s := pw.w.sessionOf(e)
	if s == nil {
		return nil
	}
	if b := s.blocked(); b != nil && b.link == l {
		return b
	}
	return nil
}

// asked returns the request in the frame of an entry that may have others before it.
func asked(e *entry, frame []byte) []byte {
	for range e.part {
		frame = frame[codec.Size(frame):]
	}
	return frame
}
