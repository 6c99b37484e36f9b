package loop

import (
	"errors"
	"math/rand/v2"
	"time"

	"huntaway/loop/memory"
)

// What a link rests after it failed: it doubles from the first to the last, and a random
// half of it is left out so that workers and proxies do not dial in step.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// strayTime is how long a server must keep in step before its link is dialed as soon as others
// after a failure: one that greets well and then says what nobody has asked for would make as
// much work of it as it likes.
const strayTime = 10 * time.Second

// errSilent is the cause when a server answered nothing for too long.
var errSilent = errors.New("the server has been silent for too long")

// errDrips is the cause when a server's reply comes at less than dripRate.
var errDrips = errors.New("a reply of the server comes too slowly")

// errDesync is the cause when a server's bytes match no request, or are no RESP.
var errDesync = errors.New("the server's replies do not match the requests")

// errBehind is the cause when a server has said more than can be kept until it is heard, and
// reading cannot be suspended.
var errBehind = errors.New("the server has said more than can be kept")

// errFenced is the cause when we have fenced the server off.
var errFenced = errors.New("fenced off")

// errRefused is the cause when the handshake was answered with an error.
var errRefused = errors.New("the server refused the handshake")

// dialFailed comes from the dialer.
func (l *link) dialFailed(cause error) {
	if l.state != linkDialing {
		return
	}
	l.count.ConnectFails++
	l.failed(cause, faultConnect)
}

// lost is called when the connection has gone, possibly from inside one of its writes.
func (l *link) lost(cause error) {
	if l.conn == nil {
		return
	}
	l.conn = nil
	l.count.Links--
	if cause == nil {
		l.count.EOF++
	} else {
		l.count.Errs++
	}
	if cause == nil {
		cause = errors.New("closed by the server")
	}
	l.w.ready.buried = append(l.w.ready.buried, func() { l.failed(cause, faultLost) })
}

// breakUp closes the connection because of what the server did.
func (l *link) breakUp(f *fault) {
	var cause error
	switch f {
	case faultReply:
		cause, l.health.strayed = errDesync, l.w.now
		l.count.Desyncs++
	case faultTimeout:
		cause = errSilent
		l.count.Stalls++
	case faultDrips:
		cause = errDrips
		l.count.Drips++
	}
	l.giveUp(cause, f)
}

// giveUp ends the connection, with the cause that is told of it. What the server has not been sent
// yet is thrown away, also what the kernel has: it would be executed when the network is back, after
// what clients have said since they were told that nobody knows.
func (l *link) giveUp(cause error, f *fault) {
	old := l.conn
	if old != nil {
		l.queue.sent = max(l.queue.base, l.queue.sent-old.Backlog()) // the kernel has never had the rest
	}
	l.conn = nil
	l.count.Links--
	l.failed(cause, f)
	if old != nil {
		old.Abort()
	}
}

// failed settles everything on the link by class and lets it rest.
func (l *link) failed(cause error, f *fault) {
	wasLeaving := l.state == linkLeaving || l.state == linkClosed || l.lease.dropped
	again, wasReady := l.mayComeBack(cause, f), l.state == linkReady
	l.on(evFailed)
	l.health.avoided, l.shake.words, l.shake.why = 0, nil, nil
	if f == faultAuth || f == faultFull || f == faultNoSelect || f == faultRefused || f == faultStranger {
		l.shake.why = f
	}
	l.redial.pause = min(max(2*l.redial.pause, int64(firstPause)), int64(lastPause))
	l.redial.at = l.w.now + l.redial.pause/2 + rand.Int64N(l.redial.pause/2+1)
	switch {
	case again && l.state == linkCooling:
		l.comeBack(cause == errMoved || l.redial.backAt == 0 || l.w.now-l.redial.backAt > int64(lastPause))
	case l.health.downAt == 0:
		l.health.downAt = l.w.now
	}
	l.rate()
	if !wasLeaving && cause != errMoved && !l.isRelief() && !l.w.engine.stopping() {
		l.report(cause)
		l.logLost(cause)
	}
	if l.kind.private && !wasReady && !wasLeaving {
		l.pw.turnedAway(l, unsentFault(f))
	}
	l.settleAll(f)
	if !l.kind.private {
		return
	}
	l.pw.dropPrivate(l)
	if gone := l.lease.tapLost; gone != nil {
		l.lease.tapLost = nil
		gone()
	}
}

// report tells that the link is down, unless who hears it has had it fenced off.
func (l *link) report(cause error) {
	switch cause {
	case errFenced:
	case errStranger:
		l.w.engine.report.Exchanged(l.pw.opt.Name, l.server.ID)
	default:
		l.w.engine.report.LinkFailed(l.pw.opt.Name, l.server.ID, cause)
	}
}

// mayComeBack reports whether a link that has failed counts as one that is about to be there: it
// was good until now, and was lost or given up for what one reply was like. Servers close
// connections that are idle (timeout in redis.conf), or hold too much (client-output-buffer-limit,
// maxmemory-clients), or for one request: those that come next shall not pay for it. When the server
// is really gone the dial says so.
func (l *link) mayComeBack(cause error, f *fault) bool {
	switch {
	case cause == errMoved:
		return true
	case l.state != linkReady, f != faultLost && f != faultDrips, cause == errFenced, cause == errBehind:
		return false
	}
	return !l.kind.private || !l.busy()
}

// comeBack dials such a link, at once or after its pause, as where it has come back just now: what
// is for it waits there.
func (l *link) comeBack(atOnce bool) {
	l.health.downAt = 0
	if !atOnce && !l.kind.private {
		return
	}
	l.redial.pause, l.redial.at, l.redial.backAt = 0, l.w.now, l.w.now
	if !l.kind.private {
		l.on(evRested)
		l.warm()
	}
}

// settleAll empties the link: what was sent is settled as f says, what was not is routed
// again. The entries are taken out first, because routing may come back to this link.
func (l *link) settleAll(f *fault) {
	fifo, log, at, sent := l.queue.fifo.Empty(), l.queue.log, l.queue.base, l.queue.sent // gates compare positions
	l.queue.log, l.queue.base, l.queue.sent, l.queue.expired, l.shake.greets, l.led.n, l.led.all = memory.FrameLog{}, 0, 0, 0, 0, 0, 0
	l.loaded, l.role.asReplica = nil, false
	l.canary.forgetCanaries()
	l.coming.pushing, l.coming.unasked = false, unasked{}
	l.coming.scan.Reset()
	l.coming.partial.Release(l.w.arena)
	flowed := l.coming.flows
	l.coming.flows, l.queue.written = false, memory.Ring[stamp]{}
	for fifo.Len() > 0 {
		e := *fifo.Front()
		fifo.Pop()
		frame := log.Frame(at, int(e.size))
		at += int(e.size)
		l.pw.landed(&e)
		switch {
		case e.marks.has(confirms):
			l.pw.unanswered(&e)
		case flowed: // half of its reply has been passed on: the rest can never come
			l.w.truncated(&e)
			flowed = false
		case l.kind.private && !l.lease.apart && (at > sent || f.class == notExecuted):
			l.pw.unsentPrivately(&e, frame, unsentFault(f), l) // another link would not have the state of this one
		case l.kind.private && !l.lease.apart:
			l.pw.lostPrivately(&e, f, l)
		case at > sent || f.class == notExecuted:
			l.pw.again(&e, frame)
		default:
			l.pw.lostInFlight(&e, frame, l, f)
		}
	}
	l.relieveAll()
	log.Release()
}

// unsentFault is the fault of a request that was waiting when its link failed with f.
func unsentFault(f *fault) *fault {
	if f.class == notExecuted {
		return f
	}
	return faultConnect
}

// relieveAll lets every waiting session go on: their queue is gone.
func (l *link) relieveAll() {
	for _, r := range l.queue.waiters {
		if s := l.w.registry.sessions[r.session]; s != nil && s.gen == r.gen {
			s.release(stopLink)
		}
	}
	l.queue.waiters = l.queue.waiters[:0]
}

// truncated closes the session that has had the first part of a reply whose rest is lost.
func (w *worker) truncated(e *entry) {
	if s := w.sessionOf(e); s != nil {
		w.pools[s.pw.pool.index].counters.Unknown++
		s.cutOff(endError)
	}
}
