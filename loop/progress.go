package loop

import "time"

// A time-out is about a server that says nothing. A reply that is arriving is not late, nor is
// what stands behind it, nor a request that the server is still taking. So a request is late
// when its time is over and either the link has been quiet for as long, or all that the link
// has moved meanwhile has come at less than leastRate: every byte that was moved since the
// request was written gives it the time that this takes.

// leastRate is how many bytes per second of replies and requests count as progress, and
// timePerByte what that is per byte, in nanoseconds.
const (
	leastRate   = 1 << 20
	timePerByte = int64(time.Second) / leastRate
)

// progress is what a link has carried. Owner: the link.
type progress struct {
	came    int64 // bytes of replies
	given   int64 // bytes given to the wire
	kept    int   // of them, what the wire had at the last tick
	taken   int64 // of them, what it had not
	takenAt int64 // when a request was last seen to be on its way; 0: never
}

// carried returns how many bytes have come, or have left for the server.
func (l *link) carried() int64 {
	n := l.progress.came + l.progress.given
	if l.wire != nil {
		n -= int64(l.wire.backlog())
	}
	return n
}

// noteTaken notes, at every tick, whether the server takes on what the wire keeps for it. Where
// it keeps nothing, requests that leave at once say nothing about the server.
func (l *link) noteTaken() {
	if l.wire == nil {
		return
	}
	p, kept := &l.progress, l.wire.backlog()
	taken := p.given - int64(kept)
	if p.kept > 0 && taken > p.taken {
		p.takenAt = l.w.now
	}
	p.kept, p.taken = kept, taken
}

// quiet returns for how long the server has neither said nor taken anything, in ns.
func (l *link) quiet() int64 {
	q := l.w.now - l.heard
	if at := l.progress.takenAt; at != 0 {
		q = min(q, l.w.now-at)
	}
	return q
}

// overdue reports whether the entry at a FIFO position has waited for too long.
func (l *link) overdue(at uint32) bool {
	e := l.fifo.at(at)
	allowed := l.allowed(e)
	over := l.w.now - e.sent - allowed
	return over >= 0 && (l.quiet() >= allowed || over >= l.movedSince(at)*timePerByte)
}

// movedSince returns how many bytes the link has moved since the entry at a FIFO position was
// written; of one that was not written yet, since the last that was.
func (l *link) movedSince(at uint32) int64 {
	var was *stamp
	for p := l.written.head; p != l.written.tail; p++ {
		if was = l.written.at(p); int32(at-was.upTo) < 0 {
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
	if !l.flows || l.expired > 0 {
		return 0
	}
	for p := l.fifo.head + 1; p != l.fifo.tail; p++ {
		e := l.fifo.at(p)
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
	return at == l.fifo.head && (l.flows || l.partial.len() > 0)
}

// arriving reports whether a reply has begun to come, and goes on.
func (l *link) arriving() bool {
	return l.hasBegun(l.fifo.head) && l.quiet() < max(int64(l.pw.opt.Timeout), int64(leastSilence))
}
