package loop

import "slices"

// mostWork bounds what one event does for one client, in units of about 3 ns (the time to
// copy a few bytes): a fraction of a millisecond. What a client has sent beyond waits until
// every other connection of the event loop has had its turn. A packet full of PING fits.
const mostWork = 256 << 10

// What is charged besides the bytes of a reply that is made here.
const (
	workAnswer = 32       // for every answer
	workPart   = 128      // for every part of a request that goes to several servers
	workTable  = 64 << 10 // for going through the table of commands
	workMatch  = 1 << 10  // for trying a pattern on every setting
)

// tiredPerTurn is how many clients that have done their work may go on in one turn, and
// piecesPerTurn how many pieces of chores are done in one.
const (
	tiredPerTurn  = 4
	piecesPerTurn = 4
)

// spend charges work to the client whose request it was for. Requests that only go to a server
// are not charged: how many there are is bounded by what one read brings, and by the window.
func (s *session) spend(work int) {
	if s.spentIn != s.w.events {
		s.spentIn, s.spent = s.w.events, 0
	}
	if s.spent += work; s.spent > mostWork && s.stops&stopTurn == 0 && s.state == sessionOpen {
		s.stop(stopTurn)
		s.w.tired = append(s.w.tired, waiter{s.index, s.gen})
		s.w.awaitTurn()
	}
}

// A chore is work that takes long: it is done a piece at a time. It reports whether that was
// the last one. Every piece must be bounded by a constant.
type chore func() (done bool)

// addChore has a chore done in later turns, behind those that are there already.
func (w *worker) addChore(c chore) {
	w.chores = append(w.chores, c)
	w.awaitTurn()
}

// awaitTurn asks once for a turn: an event behind one of every connection that is ready. A
// posted task would not do, because tasks that are posted by tasks leave no time to others.
func (w *worker) awaitTurn() {
	if !w.turnDue {
		w.turnDue = true
		w.askTurn()
	}
}

// takeTurn goes on with what was put off: with as much as one turn has time for.
func (w *worker) takeTurn() {
	w.begin()
	w.turnDue = false
	n := min(len(w.tired), tiredPerTurn)
	for _, one := range w.tired[:n] {
		if s := w.sessions[one.session]; s != nil && s.gen == one.gen {
			s.release(stopTurn)
		}
	}
	w.tired = slices.Delete(w.tired, 0, n)
	for n := min(len(w.chores), piecesPerTurn); n > 0; n-- {
		c := w.chores[0]
		w.chores = slices.Delete(w.chores, 0, 1)
		if !c() {
			w.chores = append(w.chores, c)
		}
	}
	if len(w.tired)+len(w.chores) > 0 {
		w.awaitTurn()
	}
	w.end()
}
