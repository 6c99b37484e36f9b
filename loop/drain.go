package loop

import (
	"context"
	"time"

	"huntaway/perf"
	"huntaway/perf/invariant"
)

// drains is how a worker ends.
type drains struct {
	on      bool  // the process is going down: sessions close when nothing is owed
	by      int64 // when that waits for no pause any more; 0: never
	overdue bool  // that has come
}

// drain makes the worker's sessions end as soon as they are at rest: what clients have sent is
// still served and every reply that is owed is written; then the connection is closed, between
// two replies. Who is silent for halfTime within a request or a transaction goes too. A request
// that comes behind that is never given to a server. A wait at a server ends there; once it says
// that the client has got nothing, the end of the connection is the answer, see [blocked.leave].
// What CLIENT PAUSE keeps waiting is owed too: it goes on when the pause is over. At the time by
// (perf.Now; 0: never) what a pause still keeps is refused, and who has not come to rest ends.
func (w *worker) drain(by int64) {
	w.drains.on, w.drains.by = true, by
	for _, s := range w.registry.sessions {
		if s != nil {
			s.stopWaiting()
			s.depart()
		}
	}
}

// freshTime is how long a client that has connected may take to send its first request to a
// process that goes down.
const freshTime = 100 * time.Millisecond

// partTime is how long a client may take to close its half once we have closed ours.
const partTime = 200 * time.Millisecond

// depart ends a session because the process goes down, if it is at rest or has been given
// long enough.
func (s *session) depart() {
	if s.state == sessionOpen && s.conn != nil && (s.w.drains.overdue && s.stops&stopPause == 0 || s.atRest()) {
		s.lastWord(endDrain)
	}
}

// halfTime is for how long a client may be silent in the middle of a request, or of a transaction,
// before it goes: nothing is owed for what is not whole, and nothing of it was executed.
const halfTime = 100 * time.Millisecond

// atRest reports whether nothing is owed to the client and nothing of it is on its way here,
// as far as can be seen.
func (s *session) atRest() bool {
	fresh := s.account.requests == 0 && s.w.now-s.client.since < int64(freshTime)
	half := (s.input.tail != nil || s.mode.has(modeMulti)) && s.w.now-s.account.active < int64(halfTime)
	return !fresh && !half && !s.input.hungry && !s.owed() && s.conn.Waiting() == 0
}

// part closes our half of the connection, and waits for the client to close the other: were
// all of it closed while bytes come in, the client would be told that it was reset, perhaps
// before it has read its last replies.
func (s *session) part() {
	switch {
	case s.stops&stopParted != 0:
	case s.conn.Shut():
		s.stops |= stopParted
		s.account.active = s.w.now
		s.conn.Resume() // to hear of the client's end; what comes before that is thrown away
	default:
		s.hangUp()
	}
}

// tickDrain ends sessions that have come to rest without a reply, those that have parted and
// are not heard of, and, when the time is over, the others and the wait for pauses.
func (w *worker) tickDrain() {
	if !w.drains.on {
		return
	}
	ends := !w.drains.overdue && w.drains.by != 0 && w.now >= w.drains.by
	w.drains.overdue = w.drains.overdue || ends
	for _, s := range w.registry.sessions {
		switch {
		case s == nil || s.conn == nil:
		case s.stops&stopParted != 0:
			if s.w.now-s.account.active > int64(partTime) {
				s.hangUp()
			}
		case ends && s.stops&stopPause != 0:
			s.release(stopPause)
		default:
			s.stopWaiting()
			s.depart()
		}
	}
}

// mostForAnswers is how long before the end of a drain nothing waits any more, so that
// clients can still read what they are told.
const mostForAnswers = time.Second

// drainBy is when a drain that ends with ctx must refuse what waits; 0: never.
func drainBy(ctx context.Context) int64 {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(end)
	return perf.Now() + int64(left-min(left/4, mostForAnswers))
}

// bug reports a broken invariant of ours: it panics in the invariant build, and is
// counted and logged otherwise.
func (w *worker) bug(what string, args ...any) {
	invariant.That(false, what+" %v", args)
	if len(w.pools) > 0 {
		w.pools[0].counters.Bugs++
	}
	w.log.Error("bug: "+what, args...)
}
