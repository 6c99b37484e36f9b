package loop

import "time"

// A time-out is about a server that says nothing. A reply that is arriving is not late, nor is
// what stands behind it, nor a request that the server is still taking. So a request is late
// when its time is over and either the link has been quiet for as long, or all that the link
// has moved meanwhile has come at less than leastRate: every byte that was moved since the
// request was written gives it the time that this takes.
//
// A reply that arrives keeps the link from everybody else for as long as that lasts, so it is
// bounded as well, by a rate that any network has that is of use (dripRate): below it, once others
// have run out of time behind it, the link is given up.

// leastRate is how many bytes per second of replies and requests count as progress, and dripRate
// how many of one reply. timePerByte and dripPerByte are what that is per byte, in nanoseconds.
const (
	leastRate   = 1 << 20
	timePerByte = int64(time.Second) / leastRate
	dripRate    = 64 << 10
	dripPerByte = int64(time.Second) / dripRate
)

// progress is what a link has carried. Owner: the link.
type progress struct {
	came    int64 // bytes of replies
	given   int64 // bytes given to the connection
	kept    int   // of them, what the connection had at the last tick
	taken   int64 // of them, what it had not
	takenAt int64 // when a request was last seen to be on its way; 0: never

	// Of the reply, or the push frame, that is arriving.
	begun int64  // when it was seen to have begun; 0: none is arriving
	at    uint32 // the position in the FIFO of whom it is for, or is in front of
	from  int64  // what came was then
}

// carried returns how many bytes have come, or have left for the server.
func (l *link) carried() int64 {
	n := l.health.progress.came + l.health.progress.given
	if l.conn != nil {
		n -= int64(l.conn.Backlog())
	}
	return n
}

// noteTaken notes, at every tick, whether the server takes on what the connection keeps for it. Where
// it keeps nothing, requests that leave at once say nothing about the server.
func (l *link) noteTaken() {
	if l.conn == nil {
		return
	}
	p, kept := &l.health.progress, l.conn.Backlog()
	taken := p.given - int64(kept)
	if p.kept > 0 && taken > p.taken {
		p.takenAt = l.w.now
	}
	p.kept, p.taken = kept, taken
}

// noteArriving notes, behind every event with bytes, whether it ended within a reply.
func (l *link) noteArriving() {
	p := &l.health.progress
	switch {
	case l.coming.scan.Fresh() && l.canary.surplus == 0 && l.canary.matched == 0 && !l.canary.doubting:
		p.begun = 0
	case p.begun == 0 || p.at != l.queue.fifo.First():
		p.begun, p.at, p.from = l.w.now, l.queue.fifo.First(), p.came
	}
}

// drips reports whether the reply that is arriving comes too slowly for a link that is shared.
func (l *link) drips() bool {
	p := &l.health.progress
	if p.begun == 0 || l.kind.private {
		return false
	}
	allowed := max(int64(l.pw.opt.Timeout), int64(leastSilence)) + (p.came-p.from)*dripPerByte
	return l.w.now-p.begun > allowed
}

// quiet returns for how long the server has neither said nor taken anything, in ns.
func (l *link) quiet() int64 {
	q := l.w.now - l.health.heard
	if at := l.health.progress.takenAt; at != 0 {
		q = min(q, l.w.now-at)
	}
	return q
}

// overdue reports whether the entry at a FIFO position has waited for too long.
func (l *link) overdue(at uint32) bool {
	e := l.queue.fifo.At(at)
	allowed := l.allowed(e)
	over := l.w.now - e.sent - allowed
	return over >= 0 && (l.quiet() >= allowed || over >= l.movedSince(at)*timePerByte)
}

// movedSince returns how many bytes the link has moved since the entry at a FIFO position was
// written; of one that was not written yet, since the last that was.
func (l *link) movedSince(at uint32) int64 {
	var was *stamp
	for p := l.queue.written.First(); p != l.queue.written.Behind(); p++ {
		if was = l.queue.written.At(p); int32(at-was.upTo) < 0 {
			break
		}
	}
	if was == nil {
		return 0
	}
	return l.carried() - was.moved
}

// expireBehind answers what is overdue behind a reply that is being passed on, which itself has
// to go on, and returns how many of them wait there for their late replies.
func (l *link) expireBehind() (sinks int) {
	if !l.coming.flows || l.queue.expired > 0 {
		return 0
	}
	for p := l.queue.fifo.First() + 1; p != l.queue.fifo.Behind(); p++ {
		e := l.queue.fifo.At(p)
		switch {
		case e.marks.has(isSink):
			sinks++
		case e.marks.has(isCanary):
		case !l.overdue(p):
			return sinks
		default:
			l.sink(e)
			sinks++
		}
	}
	return sinks
}

// hasBegun reports whether bytes have come of the reply to the entry at a FIFO position.
func (l *link) hasBegun(at uint32) bool {
	return at == l.queue.fifo.First() && (l.coming.flows || l.coming.partial.Len() > 0)
}

// arriving reports whether a reply has begun to come, and goes on.
func (l *link) arriving() bool {
	return l.hasBegun(l.queue.fifo.First()) && l.quiet() < max(int64(l.pw.opt.Timeout), int64(leastSilence))
}
