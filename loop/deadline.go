package loop

import (
	"time"

	"huntaway/perf"
)

// How long things may take that have no option of their own.
const (
	tickBusy     = 10 * time.Millisecond  // between ticks while something is pending
	tickQuiet    = 100 * time.Millisecond // while nothing is
	tickRest     = time.Second            // while nothing is, nothing can become due, and nothing happens
	leastSilence = 2 * time.Second        // a server that owes replies may be silent for this long, or
	silences     = 4                      // this many of its pool's timeouts, if that is longer
	mostSinks    = 4096                   // late replies a link may owe before it is given up
	sweepAll     = 64                     // ticks in which every session is looked at once
	quietTime    = time.Second            // without a reply, after which a link gives memory back
	slowBody     = 5 * time.Second        // from then on a large request must make progress
	slowRate     = 1 << 10                // bytes per second that count as progress
	slowSize     = 16 << 10               // what counts as a large request
)

// tick is posted by the ticker: it looks at everything that can run out of time.
func (w *worker) tick() {
	w.rests.resting = false // a tick is no event that ends the rest
	w.begin()
	late := w.now-w.gauges.beat.Load() > w.overslept()
	w.rests.excused, w.rests.late = late && !w.rests.late, late
	w.gauges.beat.Store(w.now)
	for _, pw := range w.pools {
		pw.tickLinks()
		pw.tickLinkSets()
		pw.tickEase()
		pw.tickHolds()
		pw.tickDrains()
		pw.tickRedirects()
		pw.tickBlocked()
		pw.tickPause()
		pw.tickTurns()
		pw.tickPace()
		pw.tickInquiries()
		pw.tickSubscriptions()
	}
	w.tickDrain()
	w.drainSlow()
	w.arena.Tick(w.now)
	w.tickBalance()
	if !w.rests.excused { // what clients sent while we slept has not been read yet
		w.sweep()
	}
	w.end()
	w.gauges.busy.Store(w.carrying())
	w.gauges.quiet.Store(w.still())
	w.rest()
}

// tickLinks looks at every link. A private one may be dropped meanwhile.
func (pw *poolWorker) tickLinks() {
	pw.sharedLinks((*link).tick)
	for i := len(pw.private.links) - 1; i >= 0; i-- {
		if i < len(pw.private.links) {
			pw.private.links[i].tick()
		}
	}
}

// carrying reports whether requests are in flight or replies wait for their client.
func (w *worker) carrying() bool {
	if len(w.ready.slow)+len(w.budget.burdens) > 0 {
		return true
	}
	some := false
	for _, pw := range w.pools {
		pw.everyLink(func(l *link) { some = some || l.busy() && !l.lease.patient })
	}
	return some
}

// still reports whether nothing is pending that a tick would have to look at soon.
func (w *worker) still() bool {
	if w.drains.on || w.carrying() {
		return false
	}
	settled := true
	for _, pw := range w.pools {
		settled = settled && !pw.paused() && len(pw.turns) == 0 && len(pw.drains) == 0 && len(pw.backoffs) == 0 && len(pw.redirects) == 0 && len(pw.inquiries) == 0 && !pw.counting()
		pw.everyLink(func(l *link) {
			settled = settled && (l.state == linkReady || l.state == linkIdle || l.state == linkClosed)
		})
		for _, h := range pw.holds {
			if h != nil {
				return false
			}
		}
	}
	return settled
}

// tick looks at what the link waits for.
func (l *link) tick() {
	if l.lease.dammed {
		l.health.heard = l.w.now // it is not the server that is silent
	}
	switch l.state {
	case linkCooling:
		if l.w.now >= l.redial.at {
			l.on(evRested)
			l.warm()
		}
	case linkGreeting:
		l.tickGreeting()
	case linkReady, linkLeaving:
		l.noteTaken()
		l.stall()
		l.lookOccupied()
		l.lookSlow()
		l.expire()
		l.sing()
		if l.conn != nil && l.queue.sent < l.queue.log.Len() {
			l.flush()
		}
		l.relieve() // what gnet had kept may have gone, of which nobody tells
		if l.conn != nil {
			l.trim()
		}
	}
	if l.health.avoided > 0 && l.w.now >= l.health.avoided {
		l.health.avoided = 0
		l.rate()
	}
}

// expire answers requests whose time is over, but for reads that another member can still
// be asked for. Their entries become sinks: the connection is shared, and the late replies
// belong to nobody. Only a link is given up that owes too many, has been silent for too long, or
// brings a reply too slowly of which others have to see the end.
func (l *link) expire() {
	timeout := int64(l.pw.opt.Timeout)
	if timeout == 0 || l.queue.fifo.Len() == 0 || l.lease.patient || l.w.rests.excused {
		return
	}
	if l.ripe() {
		l.count.TimedOut += uint64(l.divert(true))
	}
	for l.ripe() {
		e := l.queue.fifo.At(l.queue.fifo.First() + uint32(l.queue.expired))
		l.queue.expired++
		if e.marks.has(isSink | isCanary) {
			continue
		}
		l.sink(e)
	}
	sinks := l.queue.expired + l.expireBehind()
	l.expireDiverted()
	silence := max(int64(leastSilence), silences*timeout)
	switch {
	case sinks > mostSinks || l.quiet() > silence && l.busy():
		l.breakUp(faultTimeout)
	case l.drips() && l.outOfTime():
		l.breakUp(faultDrips)
	}
}

// outOfTime reports whether somebody has run out of time behind the reply that is arriving.
func (l *link) outOfTime() bool {
	for p := l.queue.fifo.First() + 1; p != l.queue.fifo.Behind(); p++ {
		if l.queue.fifo.At(p).marks.has(isSink) {
			return true
		}
	}
	return false
}

// ripe reports whether the time of the oldest entry that has not expired is over.
func (l *link) ripe() bool {
	if l.queue.expired == l.queue.fifo.Len() || l.queue.expired == 0 && l.coming.flows {
		return false
	}
	return l.overdue(l.queue.fifo.First() + uint32(l.queue.expired))
}

// sink answers the request of e with a time-out and leaves e to swallow the late reply.
func (l *link) sink(e *entry) {
	l.pw.landed(e)
	l.delayed(e)
	late := *e
	e.marks |= isSink
	if e.marks.has(confirms) {
		l.pw.unanswered(e)
		return
	}
	l.count.TimedOut++
	l.pw.counters.TimedOut++
	l.w.fail(&late, faultTimeout, l)
}

// trim gives memory back that a quiet link does not need. It must have been quiet for a
// while: a tick that falls between two batches of a busy one would make it grow anew a
// hundred times a second (2 MB of garbage per second with pipelines of 16).
func (l *link) trim() {
	if l.queue.fifo.Len() == 0 && l.queue.log.Len() == 0 && l.w.now-l.health.heard > int64(quietTime) {
		l.queue.fifo.Release()
		l.queue.log.Release()
		l.coming.partial.Release(l.w.arena)
		if len(l.queue.waiters) == 0 { // a request that was answered before it was read may be on its way
			l.queue.waiters = nil
		}
	}
}

// sweep looks at one part of the sessions: who has been idle, who dawdles with a request,
// who has nothing left to say while the process is going down.
func (w *worker) sweep() {
	n := len(w.registry.sessions)/sweepAll + 1
	if w.gauges.asleep.Load() {
		n = len(w.registry.sessions)
	}
	for range n {
		if len(w.registry.sessions) == 0 {
			return
		}
		w.registry.sweepAt = (w.registry.sweepAt + 1) % uint32(len(w.registry.sessions))
		if s := w.registry.sessions[w.registry.sweepAt]; s != nil && s.conn != nil {
			s.inspect()
		}
	}
}

// inspect looks at one session.
func (s *session) inspect() {
	l := &s.pw.opt.Limits
	idle := s.w.now - s.account.active
	switch {
	case s.state == sessionClosing:
		if idle > int64(lastWordTime) {
			s.hangUp()
		}
	case !s.auth.passed && l.AuthTime > 0 && s.w.now-s.auth.since > int64(l.AuthTime):
		s.cutOff(endAuth)
	case s.dawdles(l):
		s.cutOff(endIdle)
	case l.IdleTime > 0 && idle > int64(l.IdleTime) && s.sub == nil && !s.owed() && s.unread() == 0:
		s.cutOff(endIdle)
	case s.window.Len() == 0 && idle > int64(time.Second):
		s.relax()
	}
}

// relax gives the memory of an idle session back: what it holds then is its struct.
func (s *session) relax() {
	s.window.Release()
	if s.output.first.Len() == 0 && len(s.output.run) == 0 {
		s.output.first.Release()
	}
	if s.output.parkedLive == 0 {
		s.output.parked.Release()
	}
}

// lastWordTime is how long a client may take to read its last replies.
const lastWordTime = 30 * time.Second

// dawdles reports whether the session has been sending one request for too long: past the
// limit, or a large one at less than slowRate.
func (s *session) dawdles(l *Limits) bool {
	t := s.input.tail
	if t == nil || s.stops != 0 || l.RequestTime < 0 {
		return false
	}
	took := s.w.now - t.born
	if took > int64(l.RequestTime) {
		return true
	}
	got := int64(t.buf.Len() - t.used)
	return got > slowSize && took > int64(slowBody) && got*int64(time.Second)/took < slowRate
}

// age turns nanoseconds into something a log can show.
func age(ns int64) time.Duration { return time.Duration(ns).Round(time.Millisecond) }

// heartbeatLimit is how old the last tick of a worker may be before it counts as stuck.
const heartbeatLimit = 5 * time.Second

// alive reports whether the worker has ticked lately.
func (w *worker) alive() bool { return perf.Now()-w.gauges.beat.Load() < int64(heartbeatLimit) }
