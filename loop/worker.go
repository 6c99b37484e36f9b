package loop

import (
	"log/slog"
	"sync/atomic"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/perf"
	"huntaway/perf/invariant"
	"huntaway/perf/repeat"
)

// A worker is what one event loop owns. Every callback of the loop runs between begin and
// end; end does the writing and the burying.
//
// Owner: its event loop's goroutine, except for the block that is counted.
type worker struct {
	// Fixed when started.
	engine   *Engine
	id       int
	post     func(func()) // runs a function on this worker's goroutine, later
	log      *slog.Logger
	mostWork int // that of one event for one party: the constant, or less in tests
	owner    invariant.Owner

	// Owned by the worker.
	now      int64  // perf.Now, read when the event began
	turn     int64  // how long the last event took that wrote to a client
	events   uint64 // how many events there have been
	depth    int    // callbacks under way: a write inside an event may call back
	pools    []*poolWorker
	registry registry
	joins    joins
	ready    ready
	flushes  flushing
	turns    turns
	unloads  unloads
	budget   budget
	rests    rests
	drains   drains
	arena    *memory.Arena
	pad      pad

	gauges gauges
}

// flushing is how a worker's links and sessions are written: those that were idle at the end of the event, those that are busy all
// together by a flush that is posted behind the events that are ready.
type flushing struct {
	run     func()     // flushQueued, made once
	post    func()     // posts it
	armed   bool       // it has been posted and has not run yet
	fed     uint64     // the last event that gave requests to links
	feeders int        // how many events have, since the last posted flush
	armedAt int        // feeders when it was posted
	crowd   bool       // there were several between the last posted flush and its posting
	pressed []*link    // got requests while idle: written at the end of this event
	queued  []*link    // got requests while busy: written by the posted flush
	saving  []*session // have output and are owed more: written by the posted flush
	savedAt int64      // since when the first of them is
}

// A registry is a worker's sessions by index. A free index is used again with another generation, by which who names a session that
// has gone finds nobody.
type registry struct {
	sessions []*session // nil where free
	gens     []uint32   // generation of each index
	free     []uint32   // indexes to use again
	sweepAt  uint32     // where the next look for idle sessions begins
}

// A ready is who is to be looked at before the event ends. A session is on each list at most once, and knows that it is.
type ready struct {
	touched   []*session // have something to write
	hungry    []*session // stopped taking requests and may go on
	slow      []*session // have output that their client does not take
	slowSpare []*session // the other array of slow, while it is walked
	buried    []func()   // what is left to do about connections that were lost in this event
}

// A pad is room for what is made within an event and used in it, so that nothing of it is allocated anew.
type pad struct {
	scratch []byte        // one reply that is being made
	again   codec.Request // one that is looked at a second time
	req     codec.Request
	keys    []int32 // argument indexes of the keys of req
	split   splitter
	targets []target      // of the command that is being spread
	frame   memory.Buffer // a request that is being made
	tails   []*tail       // to be used again
	cursors []int         // of weave: where each part's next element begins
}

// gauges are written by the worker, and read by the ticker and the acceptors.
type gauges struct {
	beat   atomic.Int64 // perf.Now of the last tick
	load   atomic.Int64 // sessions it has or will soon have
	quiet  atomic.Bool  // nothing is pending: ticks may be rare
	asleep atomic.Bool  // as resting
	busy   atomic.Bool  // requests are in flight, or clients are behind with their replies
}

// newWorker makes a worker whose tasks are posted through post.
func newWorker(e *Engine, id int, post func(func())) *worker {
	w := &worker{engine: e, id: id, post: post, log: e.opt.Logger.With("worker", id), mostWork: mostWork}
	w.flushes.run = w.flushQueued
	w.flushes.post = func() { post(w.flushes.run) }
	w.gauges.beat.Store(perf.Now())
	w.arena = memory.NewArena(&e.opt.mapping, w.sayOnHeap)
	return w
}

// sayOnHeap tells that a large request is on the heap. cause may be nil.
func (w *worker) sayOnHeap(why string, cause error, regions int) {
	w.engine.often.Say(slog.LevelWarn, repeat.Subject{What: "large request on the heap", Whom: why},
		"why", why, "cause", cause, "worker", w.id, "regions", regions,
		"hint", "it is slow, and others wait: raise RLIMIT_AS or vm.max_map_count, or allow mmap and mremap")
}

// begin opens an event.
func (w *worker) begin() {
	w.owner.Check("worker")
	w.depth++
	if w.depth == 1 {
		w.now = perf.Now()
		w.events++
		if w.rests.resting {
			w.stir()
		}
	}
}

// end closes an event: what it made ready is written, with one system call per connection,
// and what it broke is cleaned up. Both can make more of each, hence the loop.
func (w *worker) end() {
	if w.depth > 1 {
		w.depth--
		return
	}
	if w.due() {
		w.balance()
	}
	wrote := len(w.ready.touched) > 0
	for w.flushTouched() || w.tellFeeds() || w.flushPressed() || w.bury() || w.feed() {
	}
	if wrote {
		w.turn = perf.Now() - w.now
	}
	w.arena.End()
	w.arm()
	w.depth--
}

// flushTouched writes what sessions have to say.
func (w *worker) flushTouched() (some bool) {
	for i := 0; i < len(w.ready.touched); i++ {
		if s := w.ready.touched[i]; s.maySave() {
			s.save()
		} else {
			s.flush()
		}
	}
	some = len(w.ready.touched) > 0
	w.ready.touched = w.ready.touched[:0]
	return some
}

// flushPressed writes links that were idle when they got their first request of this event:
// nothing else would come to carry it, and waiting for the posted flush would cost two
// system calls (7.2 instead of 11.2 per request of a lone client).
func (w *worker) flushPressed() (some bool) {
	for i := 0; i < len(w.flushes.pressed); i++ {
		w.flushes.pressed[i].flush()
	}
	some = len(w.flushes.pressed) > 0
	w.flushes.pressed = w.flushes.pressed[:0]
	return some
}

// tellFeeds has feeds tell their servers what they have gathered.
func (w *worker) tellFeeds() (some bool) {
	for i := 0; i < len(w.turns.gathering); i++ {
		w.turns.gathering[i].tellGathered()
	}
	some = len(w.turns.gathering) > 0
	w.turns.gathering = w.turns.gathering[:0]
	return some
}

// bury does what connections lost in this event left to do.
func (w *worker) bury() (some bool) {
	for i := 0; i < len(w.ready.buried); i++ {
		w.ready.buried[i]()
		w.ready.buried[i] = nil
	}
	some = len(w.ready.buried) > 0
	w.ready.buried = w.ready.buried[:0]
	return some
}

// feed lets sessions that had stopped taking requests go on.
func (w *worker) feed() (some bool) {
	for i := 0; i < len(w.ready.hungry); i++ {
		w.ready.hungry[i].goOn()
	}
	some = len(w.ready.hungry) > 0
	w.ready.hungry = w.ready.hungry[:0]
	return some
}

// arm posts one flush for all busy links. It runs after the events that are already
// waiting, so that requests of many clients share one write.
func (w *worker) arm() {
	if w.flushes.armed || len(w.flushes.queued) == 0 {
		return
	}
	w.flushes.armed, w.flushes.armedAt = true, w.flushes.feeders
	w.flushes.post()
}

// feeding counts this event among those that gave requests to links.
func (w *worker) feeding() {
	if w.flushes.fed != w.events {
		w.flushes.fed = w.events
		w.flushes.feeders++
	}
}

// alone reports whether this event's requests are better written at its end, because no
// other event gave requests between the last posted flush and its posting. One event in 64
// is written by the posted flush all the same, to see whether that still holds. The rule is
// the worker's and not a link's: behind 64 groups no link has company but the turn does
// (GET of 50 clients: 31 us of CPU per request by the link, 27 by the turn; bench -mode groups).
func (w *worker) alone() bool { return !w.flushes.crowd && w.flushes.feeders&63 != 0 }

// judge learns from the turn that the posted flush ends whether the next has company.
func (w *worker) judge() {
	w.flushes.armed = false
	w.flushes.crowd, w.flushes.feeders = w.flushes.feeders > w.flushes.armedAt, 0
}

// flushQueued is the posted flush. Servers first: they have something to do meanwhile.
func (w *worker) flushQueued() {
	w.begin()
	w.judge()
	for i := 0; i < len(w.flushes.queued); i++ {
		w.flushes.queued[i].flush()
	}
	w.flushes.queued = w.flushes.queued[:0]
	w.flushSaving()
	w.end()
}

// enter gives s its index and generation.
func (w *worker) enter(s *session) {
	if n := len(w.registry.free); n > 0 {
		s.index = w.registry.free[n-1]
		w.registry.free = w.registry.free[:n-1]
	} else {
		s.index = uint32(len(w.registry.sessions))
		w.registry.sessions = append(w.registry.sessions, nil)
		w.registry.gens = append(w.registry.gens, 0)
	}
	w.registry.gens[s.index]++
	s.gen = w.registry.gens[s.index]
	w.registry.sessions[s.index] = s
}

// leave takes s out. Entries that name it find nobody from now on.
func (w *worker) leave(s *session) {
	w.registry.sessions[s.index] = nil
	w.registry.free = append(w.registry.free, s.index)
}

// sessionOf returns the session that waits for e, or nil if nobody does.
func (w *worker) sessionOf(e *entry) *session {
	if e.marks.has(isSink|isCanary) || int(e.session) >= len(w.registry.sessions) {
		return nil
	}
	s := w.registry.sessions[e.session]
	if s == nil || s.gen != e.gen {
		return nil
	}
	return s
}
