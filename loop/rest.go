package loop

import "time"

// An idle process shall cost next to nothing: a worker that has nothing to do and nothing to
// watch rests. The ticker leaves it alone but for one tick a second, by which it shows that it
// lives; the first event ends the rest, and the tick after it comes as if it had never been.

const (
	lullsToRest = 20  // quiet ticks in a row without an event between them, before a worker rests
	fewSessions = 256 // more are looked at bit by bit, which needs ticks
)

// rests is what a worker knows of its ticks.
type rests struct {
	resting bool   // ticks are as rare as can be, until something happens
	lull    int    // ticks in a row between which nothing happened
	lullAt  uint64 // events at the last tick
	late    bool   // ticks have been lacking: this process has been stopped, or an event took long
	excused bool   // they have, for the first time: what seems to be late may be waiting to be read
}

// rest lets the worker rest, if it may. Called at the end of a tick, which has said whether it is
// quiet.
func (w *worker) rest() {
	if w.gauges.quiet.Load() && w.events == w.rests.lullAt+1 { // this tick is the one event since the last
		w.rests.lull++
	} else {
		w.rests.lull = 0
	}
	w.rests.lullAt = w.events
	w.rests.resting = w.rests.lull >= lullsToRest && w.dormant()
	w.gauges.asleep.Store(w.rests.resting)
}

// stir ends the rest: something has happened.
func (w *worker) stir() {
	w.rests.resting, w.rests.lull = false, 0
	w.gauges.asleep.Store(false)
	w.gauges.beat.Store(w.now)
	select {
	case w.engine.stirred <- struct{}{}:
	default: // the ticker is about to look
	}
}

// dormant reports whether nothing becomes due by itself that needs a tick to notice, but for
// what may be noticed a second late.
func (w *worker) dormant() bool {
	if len(w.registry.sessions)-len(w.registry.free) > fewSessions {
		return false
	}
	dormant := true
	for _, pw := range w.pools {
		dormant = dormant && len(pw.blocked)+len(pw.errands)+len(pw.private.links)+len(pw.private.kept)+len(pw.turns) == 0 &&
			pw.board == nil && pw.easing <= w.now
		pw.everyLink(func(l *link) { dormant = dormant && l.health.avoided == 0 })
	}
	return dormant
}

// overslept is how old the last tick may be without being late.
func (w *worker) overslept() int64 {
	if w.gauges.asleep.Load() {
		return int64(tickRest) + int64(stallTime)/2
	}
	return int64(stallTime) / 2
}

// woke reports whether the worker has not run for so long that nobody can be blamed for what did not
// happen meanwhile. One that is late time after time is slow, and not asleep.
func (w *worker) woke() bool {
	return w.rests.excused || !w.rests.late && w.now-w.gauges.beat.Load() > w.overslept()
}

// every returns how often the worker wants a tick.
func (w *worker) every() time.Duration {
	switch {
	case w.gauges.asleep.Load():
		return tickRest
	case w.gauges.quiet.Load():
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
