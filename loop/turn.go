package loop

import "slices"

// mostWork bounds what one event does with what one server publishes, in units of about 3 ns (the
// time to copy a few bytes): a fraction of a millisecond. What is beyond waits until every other
// connection of the event loop has had its turn. What one event does for one client, who shares
// the loop with very many, is bounded by a clientShare-th of it: 0.2 ms, as much as a window full
// of requests to servers takes. A pipeline of a thousand PING fits.
const (
	mostWork    = 256 << 10
	clientShare = 4
)

// turns are what a worker has put off until every other connection has had its turn.
type turns struct {
	ask       func()   // has takeTurn run behind an event of every connection that is ready
	due       bool     // one has been asked for and has not begun
	tired     []waiter // sessions that go on in another turn, see spend
	chores    line
	orders    effort  // of confirming orders
	passing   line    // chores of feeds: they are not to stand behind those of clients
	gathering []*feed // have names to tell their servers at the end of this event
	batches   uint64  // how many there have been, see feed
}

// What is charged besides the bytes of a reply that is made here.
const (
	workAnswer = 32       // for every answer
	workFrame  = 16       // for what is no request, or gets no answer: a blank line, "*0"
	workWord   = 8        // for every word of a request that has more than freeWords
	workDraw   = 2        // for a byte that must not be guessed
	workLine   = 1 << 10  // for the session's own line of CLIENT LIST
	workPart   = 128      // for every part of a request that goes to several servers
	workTable  = 64 << 10 // for going through the table of commands
	workMatch  = 1 << 10  // for trying a pattern on every setting
	workHand   = 8        // for handing a message to one member
	workName   = 2 << 10  // for a name in an order (6 us), and again for its confirmation
	workTold   = 512      // for what a server answers to a name
	workWrite  = 2 << 10  // for a system call that writes to a client
)

// freeWords are those that are paid for with the answer, or with the place in the window.
const freeWords = 16

// bytesPerWork is how many bytes are copied for one unit where they are only copied, to a client
// that does not take them, and so into memory that is new (1.4 ns per byte; a tenth of that where
// it takes them).
const bytesPerWork = 4

// tiredPerTurn is how many clients that have done their work may go on in one turn, and
// piecesPerTurn how many pieces are done in one of each of the worker's two lines of chores.
const (
	tiredPerTurn  = 4
	piecesPerTurn = 4
)

// An effort is the work that one event of a worker has done for somebody.
type effort struct {
	in   uint64 // the event
	done int    // how much
}

// spend adds work to that of this event, and reports whether it is more than one may do.
func (e *effort) spend(w *worker, work int) (over bool) {
	if e.in != w.events {
		e.in, e.done = w.events, 0
	}
	e.done += work
	return e.done > w.mostWork
}

// spend charges work to the client whose request it was for. Requests that only go to a server
// are charged for their words alone: how many there are is bounded by what one read brings, and
// by the window.
func (s *session) spend(work int) {
	s.account.effort.spend(s.w, work)
	if s.account.effort.done > s.w.mostWork/clientShare && s.stops&stopTurn == 0 && s.state == sessionOpen {
		s.stop(stopTurn)
		s.w.turns.tired = append(s.w.turns.tired, waiter{s.index, s.gen})
		s.w.awaitTurn()
	}
}

// A chore is work that takes long: it is done a piece at a time. It reports whether that was
// the last one. Every piece must be bounded by a constant.
type chore func() (done bool)

// A line is chores in the order of their next pieces.
type line []chore

// work does a piece of each of the first chores.
func (l *line) work() {
	for n := min(len(*l), piecesPerTurn); n > 0; n-- {
		c := (*l)[0]
		*l = slices.Delete(*l, 0, 1)
		if !c() {
			*l = append(*l, c)
		}
	}
}

// addChore has a chore done in later turns, behind those that are there already.
func (w *worker) addChore(c chore) {
	w.turns.chores = append(w.turns.chores, c)
	w.awaitTurn()
}

// awaitTurn asks once for a turn: an event behind one of every connection that is ready. A
// posted task would not do, because tasks that are posted by tasks leave no time to others.
func (w *worker) awaitTurn() {
	if !w.turns.due {
		w.turns.due = true
		w.turns.ask()
	}
}

// takeTurn goes on with what was put off: with as much as one turn has time for.
func (w *worker) takeTurn() {
	w.begin()
	w.turns.due = false
	n := min(len(w.turns.tired), tiredPerTurn)
	for _, one := range w.turns.tired[:n] {
		if s := w.registry.sessions[one.session]; s != nil && s.gen == one.gen {
			s.release(stopTurn)
		}
	}
	w.turns.tired = slices.Delete(w.turns.tired, 0, n)
	w.turns.chores.work()
	w.turns.passing.work()
	if w.unloads.next {
		w.unloads.next = false
		w.unload()
	}
	if len(w.turns.tired)+len(w.turns.chores)+len(w.turns.passing) > 0 {
		w.awaitTurn()
	}
	w.end()
}
