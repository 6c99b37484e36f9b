package loop

import (
	"context"
	"time"

	"huntaway/perf"
	"huntaway/perf/invariant"
)

// drain makes the worker's sessions end as soon as nothing is owed to them: no request is
// taken any more, replies that are owed are written, then the connection is closed. Who waits
// at a server is told so, in the words for a server that ceases to be the master. What
// CLIENT PAUSE keeps waiting is owed too: it goes on when the pause is over, but is refused
// when it is not over by then (perf.Now; 0: never).
func (w *worker) drain(by int64) {
	w.draining, w.drainBy = true, by
	for _, s := range w.sessions {
		if s != nil && s.stops&stopPause == 0 {
			s.depart()
		}
	}
}

// depart ends a session because the process goes down.
func (s *session) depart() {
	s.lastWord(endDrain)
	s.stopWaiting()
}

// tickDrain ends the wait for pauses to be over.
func (w *worker) tickDrain() {
	if !w.draining || w.overdue || w.drainBy == 0 || w.now < w.drainBy {
		return
	}
	w.overdue = true
	for _, s := range w.sessions {
		if s != nil {
			s.release(stopPause)
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
