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
	engine    *Engine
	id        int
	post      func(func()) // runs a function on this worker's goroutine, later
	askTurn   func()       // has takeTurn run behind an event of every connection that is ready
	flush     func()       // w.flushQueued, made once
	postFlush func()       // posts flush
	log       *slog.Logger
	mostWork  int // that of one event for one party: the constant, or less in tests
	owner     invariant.Owner

	// Owned by the worker.
	now        int64  // perf.Now, read when the event began
	turn       int64  // how long the last event took that wrote to a client
	events     uint64 // how many events there have been
	fed        uint64 // the last event that gave requests to links
	feeders    int    // how many events have, since the last posted flush
	armedAt    int    // feeders when it was posted
	crowd      bool   // there were several between the last posted flush and its posting
	depth      int    // callbacks under way: a write inside an event may call back
	armed      bool   // a flush has been posted and has not run yet
	resting    bool   // ticks are as rare as can be, until something happens
	lull       int    // ticks in a row between which nothing happened
	lullAt     uint64 // events at the last tick
	late       bool   // ticks have been lacking: this process has been stopped, or an event took long
	excused    bool   // they have, for the first time: what seems to be late may be waiting to be read
	draining   bool   // the process is going down: sessions close when nothing is owed
	drainBy    int64  // when draining waits for no pause any more; 0: never
	overdue    bool   // that has come
	pools      []*poolWorker
	sessions   []*session // by index; nil where free
	gens       []uint32   // generation of each index
	free       []uint32   // indexes to use again
	joins      []join     // by index
	freeJoin   []int32
	touched    []*session // have something to write
	hungry     []*session // stopped taking requests and may go on
	tired      []waiter   // sessions that go on in another turn, see spend
	chores     line
	orders     effort        // of confirming orders
	passing    line          // chores of feeds: they are not to stand behind those of clients
	gathering  []*feed       // have names to tell their servers at the end of this event
	batches    uint64        // how many there have been, see feed
	turnDue    bool          // a turn has been asked for and has not begun
	pressed    []*link       // got requests while idle: written at the end of this event
	queued     []*link       // got requests while busy: written by the posted flush
	saving     []*session    // have output and are owed more: written by the posted flush
	savedAt    int64         // since when the first of them is
	burdens    []*session    // may hold much, see budget
	uncounted  int64         // bytes that may have been added to that since it was counted
	balanced   int64         // when it was
	slow       []*session    // have output that their client does not take
	slowSpare  []*session    // the other array of slow, while it is walked
	buried     []func()      // what is left to do about connections that were lost in this event
	sweepAt    uint32        // where the next look for idle sessions begins
	scratch    []byte        // one reply that is being made
	again      codec.Request // one that is looked at a second time
	req        codec.Request
	keys       []int32 // argument indexes of the keys of req
	split      splitter
	targets    []target      // of the command that is being spread
	frame      memory.Buffer // a request that is being made
	tails      []*tail       // to be used again
	cursors    []int         // of weave: where each part's next element begins
	arena      *memory.Arena
	unloading  []*link // have a large request to give to their wire, see unloadMore
	unloaded   []*link // the other array of unloading, while it is walked
	unloadDue  bool    // unload is going to run
	unloadNext bool    // in the next turn

	// Counted. Written by the worker, read by the ticker and the acceptors.
	beat   atomic.Int64 // perf.Now of the last tick
	load   atomic.Int64 // sessions it has or will soon have
	quiet  atomic.Bool  // nothing is pending: ticks may be rare
	asleep atomic.Bool  // as resting
	busy   atomic.Bool  // requests are in flight, or clients are behind with their replies
}

// newWorker makes a worker whose tasks are posted through post.
func newWorker(e *Engine, id int, post func(func())) *worker {
	w := &worker{engine: e, id: id, post: post, log: e.opt.Logger.With("worker", id), mostWork: mostWork}
	w.flush = w.flushQueued
	w.postFlush = func() { post(w.flush) }
	w.beat.Store(perf.Now())
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
		if w.resting {
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
	wrote := len(w.touched) > 0
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
	for i := 0; i < len(w.touched); i++ {
		if s := w.touched[i]; s.maySave() {
			s.save()
		} else {
			s.flush()
		}
	}
	some = len(w.touched) > 0
	w.touched = w.touched[:0]
	return some
}

// flushPressed writes links that were idle when they got their first request of this event:
// nothing else would come to carry it, and waiting for the posted flush would cost two
// system calls (7.2 instead of 11.2 per request of a lone client).
func (w *worker) flushPressed() (some bool) {
	for i := 0; i < len(w.pressed); i++ {
		w.pressed[i].flush()
	}
	some = len(w.pressed) > 0
	w.pressed = w.pressed[:0]
	return some
}

// tellFeeds has feeds tell their servers what they have gathered.
func (w *worker) tellFeeds() (some bool) {
	for i := 0; i < len(w.gathering); i++ {
		w.gathering[i].tellGathered()
	}
	some = len(w.gathering) > 0
	w.gathering = w.gathering[:0]
	return some
}

// bury does what connections lost in this event left to do.
func (w *worker) bury() (some bool) {
	for i := 0; i < len(w.buried); i++ {
		w.buried[i]()
		w.buried[i] = nil
	}
	some = len(w.buried) > 0
	w.buried = w.buried[:0]
	return some
}

// feed lets sessions that had stopped taking requests go on.
func (w *worker) feed() (some bool) {
	for i := 0; i < len(w.hungry); i++ {
		w.hungry[i].goOn()
	}
	some = len(w.hungry) > 0
	w.hungry = w.hungry[:0]
	return some
}

// arm posts one flush for all busy links. It runs after the events that are already
// waiting, so that requests of many clients share one write.
func (w *worker) arm() {
	if w.armed || len(w.queued) == 0 {
		return
	}
	w.armed, w.armedAt = true, w.feeders
	w.postFlush()
}

// feeding counts this event among those that gave requests to links.
func (w *worker) feeding() {
	if w.fed != w.events {
		w.fed = w.events
		w.feeders++
	}
}

// alone reports whether this event's requests are better written at its end, because no
// other event gave requests between the last posted flush and its posting. One event in 64
// is written by the posted flush all the same, to see whether that still holds. The rule is
// the worker's and not a link's: behind 64 groups no link has company but the turn does
// (GET of 50 clients: 31 us of CPU per request by the link, 27 by the turn; bench -mode groups).
func (w *worker) alone() bool { return !w.crowd && w.feeders&63 != 0 }

// judge learns from the turn that the posted flush ends whether the next has company.
func (w *worker) judge() {
	w.armed = false
	w.crowd, w.feeders = w.feeders > w.armedAt, 0
}

// flushQueued is the posted flush. Servers first: they have something to do meanwhile.
func (w *worker) flushQueued() {
	w.begin()
	w.judge()
	for i := 0; i < len(w.queued); i++ {
		w.queued[i].flush()
	}
	w.queued = w.queued[:0]
	w.flushSaving()
	w.end()
}

// enter gives s its index and generation.
func (w *worker) enter(s *session) {
	if n := len(w.free); n > 0 {
		s.index = w.free[n-1]
		w.free = w.free[:n-1]
	} else {
		s.index = uint32(len(w.sessions))
		w.sessions = append(w.sessions, nil)
		w.gens = append(w.gens, 0)
	}
	w.gens[s.index]++
	s.gen = w.gens[s.index]
	w.sessions[s.index] = s
}

// leave takes s out. Entries that name it find nobody from now on.
func (w *worker) leave(s *session) {
	w.sessions[s.index] = nil
	w.free = append(w.free, s.index)
}

// sessionOf returns the session that waits for e, or nil if nobody does.
func (w *worker) sessionOf(e *entry) *session {
	if e.marks.has(isSink|isCanary) || int(e.session) >= len(w.sessions) {
		return nil
	}
	s := w.sessions[e.session]
	if s == nil || s.gen != e.gen {
		return nil
	}
	return s
}
