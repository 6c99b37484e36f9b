package loop

import "time"

// An idle process shall cost next to nothing: a worker that has nothing to do and nothing to
// watch rests. The ticker leaves it alone but for one tick a second, by which it shows that it
// lives; the first event ends the rest, and the tick after it comes as if it had never been.

const (
	lullsToRest = 20  // quiet ticks in a row without an event between them, before a worker rests
	fewSessions = 256 // more are looked at bit by bit, which needs ticks
)

// rest lets the worker rest, if it may. Called at the end of a tick, which has said whether it is
// quiet.
func (w *worker) rest() {
	if w.quiet.Load() && w.events == w.lullAt+1 { // this tick is the one event since the last
		w.lull++
	} else {
		w.lull = 0
	}
	w.lullAt = w.events
	w.resting = w.lull >= lullsToRest && w.dormant()
	w.asleep.Store(w.resting)
}

// stir ends the rest: something has happened.
func (w *worker) stir() {
	w.resting, w.lull = false, 0
	w.asleep.Store(false)
	w.beat.Store(w.now)
	select {
	case w.engine.stirred <- struct{}{}:
	default: // the ticker is about to look
	}
}

// dormant reports whether nothing becomes due by itself that needs a tick to notice, but for
// what may be noticed a second late.
func (w *worker) dormant() bool {
	if len(w.sessions)-len(w.free) > fewSessions {
		return false
	}
	dormant := true
	for _, pw := range w.pools {
		dormant = dormant && len(pw.blocked)+len(pw.errands)+len(pw.private.links)+len(pw.private.kept)+len(pw.turns) == 0 &&
			pw.board == nil && pw.easing <= w.now
		pw.everyLink(func(l *link) { dormant = dormant && l.shunned == 0 })
	}
	return dormant
}

// overslept is how old the last tick may be without being late.
func (w *worker) overslept() int64 {
	if w.asleep.Load() {
		return int64(tickRest) + int64(stallTime)/2
	}
	return int64(stallTime) / 2
}

// woke reports whether the worker has not run for so long that nobody can be blamed for what did not
// happen meanwhile. One that is late time after time is slow, and not asleep.
func (w *worker) woke() bool {
	return w.excused || !w.late && w.now-w.beat.Load() > w.overslept()
}

// every returns how often the worker wants a tick.
func (w *worker) every() time.Duration {
	switch {
	case w.asleep.Load():
		return tickRest
	case w.quiet.Load():
		return tickQuiet
	default:
		return tickBusy
	}
}

// A clock is when a worker has its ticks. Owner: the ticker's goroutine.
type clock struct {
	w      *worker
	post   func() // posts a tick
	last   int64  // when it last did
	rested bool   // the worker was at rest then
}

// strike posts a tick if one is due, and returns how long there is until the next. A worker that
// has just been stirred has its next tick as if the last had been now.
func (c *clock) strike(now int64) (wait int64) {
	every := int64(c.w.every())
	if c.rested && every < int64(tickRest) {
		c.last, c.rested = now, false
	}
	if now-c.last >= every {
		c.last, c.rested = now, every == int64(tickRest)
		c.post()
	}
	return c.last + every - now
}
