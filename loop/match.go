package loop

import (
	"bytes"
	"log/slog"
	"math"

	"huntaway/codec"
)

// mostLeadText is how much of the reason is told for which a transaction was aborted.
const mostLeadText = 1 << 10

// passOn is the size from which an unfinished reply is passed on as it arrives instead of
// being collected. A smaller one costs less to copy than a second system call.
const passOn = 64 << 10

// keepAnswered is how many bytes of answered requests a link's log may keep in any case.
const keepAnswered = 64 << 10

// readable takes what has arrived from the server. in is dead when it returns.
func (l *link) readable(in []byte) {
	heard, came := l.health.heard, len(in)
	l.health.heard, l.coming.unasked.event = l.w.now, 0
	l.health.progress.came += int64(came)
	l.count.ReplyBytes += uint64(came)
	for len(in) > 0 && l.conn != nil {
		if l.lease.tap != nil && l.lease.dammed {
			l.putMore(in)
			break
		}
		if l.canary.doubting {
			in = l.settleDoubt(in)
			continue
		}
		if (in[0] == '>' || l.coming.pushing) && !l.inRun() {
			rest, is, err := l.pushed(in)
			if err != nil {
				l.stray(in)
				return
			}
			if in = rest; is {
				continue
			}
		}
		if l.shake.greets == 0 && l.lease.tap == nil && !l.owes() {
			l.stray(in)
			return
		}
		if l.canary.watch != 0 && l.inGuard() {
			in = l.guardedBytes(in)
			continue
		}
		n, ok := l.one(in)
		if !ok {
			l.noteArriving()
			return
		}
		in = in[n:]
	}
	if l.coming.unasked.event == came {
		l.health.heard = heard
	}
	l.noteArriving()
	l.after()
}

// one takes the reply that in begins with, and returns how long it was. It is not ok where the reply goes on behind
// in, or where the link has been closed for it.
func (l *link) one(in []byte) (n int, ok bool) {
	n, done, err := l.coming.scan.Next(in)
	switch {
	case err != nil, l.shake.greets == 1 && done && n < len(in): // nothing has been sent yet that the rest could answer
		l.stray(in)
		return 0, false
	case !done:
		l.piece(in)
		return 0, false
	}
	l.whole(in[:n])
	return n, true
}

// owes reports whether the server has been sent a request that it has not answered.
func (l *link) owes() bool {
	return l.queue.fifo.Len() > 0 && l.queue.base+int(l.queue.fifo.Front().size) <= l.queue.sent
}

// stray closes a link on which bytes came that belong to no request or are no reply.
func (l *link) stray(in []byte) {
	l.complain(slog.LevelError, "server out of step", "state", l.state, "unanswered", l.queue.fifo.Len(), "bytes", len(in))
	l.breakUp(faultReply)
}

// after ends a round of replies.
func (l *link) after() {
	if l.conn == nil {
		return
	}
	if l.lease.dammed {
		l.conn.Pause() // gnet has resumed it because a backlog has drained
	}
	l.forget()
	l.unlade()
	l.rate()
	if l.queue.sent < l.queue.log.Len() && l.state != linkGreeting {
		l.press()
	}
	l.relieve()
	if l.shake.moved {
		l.renew()
		return
	}
	if l.state == linkLeaving && !l.busy() {
		l.on(evRested)
		l.conn.Close()
	}
}

// forget drops the frames that were answered: at once when there are no others, and
// otherwise when they are most of the log, so that one which is never empty stays small.
func (l *link) forget() {
	l.queue.log.Forget(l.queue.base)
	switch {
	case l.queue.base == l.queue.log.Len():
		l.queue.log.Clear()
		l.queue.base, l.queue.sent = 0, 0
	case l.queue.base > keepAnswered && l.queue.base > l.queue.log.Len()/2:
		l.queue.log.Cut(l.queue.base)
		l.queue.sent -= l.queue.base
		l.canary.bar -= l.queue.base
		l.queue.base = 0
	}
}

// whole takes a reply, or the last piece of one.
func (l *link) whole(b []byte) {
	if l.shake.greets > 0 {
		l.coming.partial.Add(l.w.arena, b, 0)
		l.greeted(l.coming.partial.Bytes())
		l.coming.partial.Rest()
		return
	}
	if l.lease.tap != nil {
		l.tapped(b)
		return
	}
	if l.queue.fifo.Front().marks&(isMany|isCanary)|l.canary.watch != 0 && l.swallows(b) {
		return
	}
	e := l.take()
	switch {
	case l.coming.flows:
		l.coming.flows = false
		l.lastPiece(&e, b)
	case l.coming.partial.Len() > 0:
		l.coming.partial.Add(l.w.arena, b, 0)
		l.match(&e, l.coming.partial.Bytes())
		l.coming.partial.Release(l.w.arena)
	default:
		l.match(&e, b)
	}
}

// leads swallows a reply that comes before the one the client gets: the QUEUED of a
// transaction that was sent in one piece. It returns false for the last one.
func (l *link) leads(b []byte) bool {
	if l.led.n == l.leadsTo(l.queue.fifo.Front()) {
		l.led.n, l.led.all = 0, 0
		if l.lease.patient {
			l.answering()
		}
		return false
	}
	if l.led.n == 0 {
		l.led.code, l.led.text = 0, ""
	}
	if l.led.n++; l.coming.partial.Len() > 0 {
		l.coming.partial.Add(l.w.arena, b, 0)
		b = l.coming.partial.Bytes()
	}
	if l.lease.patient {
		l.numbered(b)
	}
	if b[0] == '-' {
		l.leadError(b)
	}
	l.coming.partial.Rest()
	return true
}

// leadsTo returns how many replies come before the one that counts to the oldest entry, which is
// e. Of very many its frame is asked, once.
func (l *link) leadsTo(e *entry) int {
	if e.part < mostLeads {
		return int(e.part)
	}
	if l.led.all == 0 {
		l.led.all = requestsIn(l.queue.log.Frame(l.queue.base, int(e.size))) - 1
	}
	return l.led.all
}

// requestsIn counts the requests in a frame of several.
func requestsIn(frame []byte) (n int) {
	var scan codec.Scanner
	var r codec.Request
	any := codec.Limits{Args: math.MaxInt32, Bulk: math.MaxInt32, Request: math.MaxInt}
	for len(frame) > 0 {
		size, err := scan.Next(frame, &r, &any)
		if err != nil {
			return n // not reached: they were taken from clients, or made here
		}
		frame = frame[size:]
		n++
	}
	return n
}

// leadError notes the first error, and what one says about the server that gave it.
func (l *link) leadError(b []byte) {
	if l.led.text == "" {
		l.led.text = string(bytes.TrimSuffix(b[1:min(len(b), mostLeadText)], []byte(codec.CRLF)))
	}
	switch string(codec.ErrorCode(b)) {
	case "READONLY":
		l.led.code = demoted
	case "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN":
		l.led.code = notNow
	}
}

// take pops the oldest entry, which a client sent.
func (l *link) take() entry {
	l.count.Replies++
	return l.pop()
}

// pop takes the oldest entry out and forgets its frame.
func (l *link) pop() entry {
	e := *l.queue.fifo.Front()
	l.queue.fifo.Pop()
	l.queue.base += int(e.size)
	if l.queue.expired > 0 {
		l.queue.expired--
	}
	return e
}

// match gives a whole reply to the request it answers. The frame is still in the log,
// before base.
func (l *link) match(e *entry, b []byte) {
	l.observe(e)
	if e.marks.has(confirms) {
		l.answered(e, b)
		return
	}
	if e.marks.has(isScript) {
		l.pw.scriptAnswered(e, l.frameOf(e), b)
	}
	if b[0] == '-' {
		l.count.Errors++
		l.pw.commands[e.cmd].Errors++
		l.noteRefusal(e, b)
		if e.isMode() {
			l.modeRefused(e, b)
			return
		}
		frame := l.frameOf(e)
		if l.refuses(e, frame, b) {
			return
		}
		if e.marks.has(isMany) {
			b = l.abortedFor(e, b)
		}
		if !e.marks.has(isPart) && l.w.sessionOf(e) != nil {
			l.pw.pace.errors.count(b)
		}
	} else if e.marks.has(isWrite) {
		l.noteRelented(e)
	}
	if l.kind.inCluster && e.marks.has(asReplica) && l.pw.doubted(e, l.frameOf(e), b) {
		return
	}
	if s := l.w.sessionOf(e); s == nil {
		l.count.Sinks++
		if e.marks.has(isPrivate) && e.cmd == unwatchID {
			l.unwatched(b)
		}
	} else if s.writes.held > 0 && l.pw.overtook(s, e) {
		l.pw.holdBack(s, e, l.frameOf(e))
		return
	}
	if !e.marks.has(isPublish) || !l.attended(e, b) {
		l.w.settle(e, b)
	}
	if len(b) >= worthWeighing {
		l.lade(l.w.sessionOf(e), int64(len(b)))
	}
	l.pw.taken(e)
}

// refuses looks at an error reply, and reports whether it goes to no client yet: the request
// was not executed and is sent again, or it is being found out whether that is so.
func (l *link) refuses(e *entry, frame, b []byte) bool {
	switch {
	case !e.marks.has(guarded):
	case !e.marks.has(isPrivate):
		return l.checks(e, frame, b)
	case l.pw.blockedOn(e, l) != nil:
		return false
	}
	return l.pw.table.Slotted() && l.pw.redirected(e, frame, b, l) || l.pw.refused(e, frame, b, l)
}

// frameOf returns the frame of the entry that was just taken.
func (l *link) frameOf(e *entry) []byte {
	return l.queue.log.Frame(l.queue.base-int(e.size), int(e.size))
}

// observe books how long the server took for the entry that was just taken, and what the
// proxy itself added: the wait for the write, and a turn of the loop for the reply.
func (l *link) observe(e *entry) {
	for l.queue.written.Len() > 0 && int32(l.queue.written.Front().upTo-l.queue.fifo.First()) < 0 {
		l.queue.written.Pop()
	}
	written := e.sent
	if l.queue.written.Len() > 0 {
		written = l.queue.written.Front().at
	}
	if l.w.now-e.sent > int64(shortTrip) {
		l.delayed(e)
	}
	took := l.w.now - written
	l.count.Latency.Observe(took)
	l.trips.latency += (took - l.trips.latency) / 8
	l.pw.counters.Overhead.Observe(written - e.sent + l.w.turn)
}

// piece takes bytes of a reply that is not complete.
func (l *link) piece(b []byte) {
	if l.shake.greets > 0 || l.lease.tap != nil {
		l.collectOwn(b)
		return
	}
	e := l.queue.fifo.Front()
	if e.marks.has(isCanary) {
		l.hear(b)
		return
	}
	s := l.w.sessionOf(e)
	l.pieceFor(e, s, b)
	if l.conn != nil {
		l.lade(s, int64(max(l.coming.flowed, l.coming.partial.Len()))+l.coming.scan.Rest())
	}
}

// pieceFor passes on or keeps bytes of a reply that is for s, or nil for nobody.
func (l *link) pieceFor(e *entry, s *session, b []byte) {
	if l.coming.flows {
		if s != nil {
			s.say(s.heard(e.seq, b))
			l.coming.flowed += len(b)
			s.weigh(l.coming.flowed)
			return
		}
		l.flowOn(len(b))
		return
	}
	if s == nil && (!e.marks.has(isMany) || l.led.n == l.leadsTo(e)) {
		l.flowOn(len(b))
		return
	}
	if s != nil && l.mayFlow(e, s, b) {
		l.coming.flows, l.coming.flowed = true, l.coming.partial.Len()+len(b)
		s.weigh(l.coming.flowed)
		s.window.Front().state = passing // no message may come in between
		if l.coming.partial.Len() > 0 {
			s.sayOwn(s.heard(e.seq, l.coming.partial.Bytes()))
			l.coming.partial.Release(l.w.arena)
		}
		s.say(s.heard(e.seq, b))
		return
	}
	l.collect(e, s, b)
}

// mayFlow reports whether a reply may be passed on before it is complete: it is large, it
// is next in order, and not a part to be joined. An error that is large is a script's: no
// server says so much to tell that it refuses a request.
func (l *link) mayFlow(e *entry, s *session, b []byte) bool {
	return l.coming.partial.Len()+len(b) >= passOn && !e.marks.has(isPart|isPublish) && e.seq == s.window.First() &&
		!s.medley.has(e.seq) && (!e.marks.has(isMany) || l.led.n == l.leadsTo(e))
}

// lastPiece ends a reply that was passed on as it came.
func (l *link) lastPiece(e *entry, b []byte) {
	l.observe(e)
	if l.coming.scan.Kind() == '-' {
		l.count.Errors++
		l.pw.commands[e.cmd].Errors++
	}
	if e.marks.has(isScript) {
		l.pw.scriptFlowed(e, l.frameOf(e), l.coming.scan.Kind())
	}
	if s := l.w.sessionOf(e); s != nil {
		l.w.settle(e, b)
	} else {
		l.count.Sinks++
	}
	l.pw.taken(e)
}
