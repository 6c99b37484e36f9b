package loop

import "time"

// What one session has in flight on a shared link stands in front of everybody else's requests
// there, and the server needs time for it that nobody knows beforehand: a request may run a script.
// Other connections wait for it as well: Redis 7 reads from one as much as its query buffer has room
// for, which grows with what is waiting, and executes all of that before it looks at the next.
//
// So a session learns from its trips, from a request's admission to its reply, less what the
// network takes of that. While they are long it is narrowed: to half of what it may have in flight,
// once a trip, down to one at a time. While they are short it is widened again, see widen. One that
// has nothing in flight begins with no more than others were narrowed to on its link lately,
// whatever it had been allowed: a new connection, or one that has waited, is no way round. So the
// server always has a request of everybody who has one, and nobody who sends one at a time ever
// waits for this.
//
// The server also needs time to read requests, and that is known: see bulk.
const (
	longTrip     = 50 * time.Millisecond  // from which on sessions are narrowed
	shortTrip    = 25 * time.Millisecond  // up to which they are widened
	easyTime     = 50 * time.Millisecond  // without a trip that was not short, until sessions may begin with twice as many
	silentEntry  = 16                     // with how many they begin while the server is silent over a long trip
	mostDistance = 300 * time.Millisecond // of what the network may seem to take
	askedBytes   = 128 << 10              // what a session's requests in flight may come to, each taken for the largest lately; or one
	anyEntry     = 1 << 20                // no session may have more in flight
)

// delayed learns that the request of an entry has been under way for longer than shortTrip.
func (l *link) delayed(e *entry) {
	took := l.w.now - e.sent - l.trips.distance
	if took <= int64(shortTrip) || l.kind.private || e.marks.has(retried) {
		return
	}
	l.trips.delayedAt = l.w.now
	s := l.w.sessionOf(e)
	if s == nil {
		return
	}
	s.pace.delayed = true
	if took > int64(longTrip) && e.sent >= s.pace.narrowedAt && s.window.Len() > 1 {
		s.narrow()
		l.trips.entry = min(l.trips.entry, s.pace.width)
	}
}

// lookSlow notes, at every tick, that the oldest request is having a long trip, or that trips have
// been short for a while.
func (l *link) lookSlow() {
	if l.owes() && !l.kind.private && !l.w.rests.late {
		e := l.queue.fifo.Front()
		if l.w.now-e.sent-l.trips.distance > int64(longTrip) && !e.marks.has(retried) {
			l.trips.delayedAt = l.w.now
			l.trips.entry = min(l.trips.entry, silentEntry)
		}
	}
	if l.trips.entry < anyEntry && l.w.now-l.trips.delayedAt > int64(easyTime) {
		l.trips.delayedAt = l.w.now
		l.trips.entry = min(2*l.trips.entry, anyEntry)
	}
}

// narrow halves what the session may have in flight. What was admitted before says nothing about
// whether that was enough.
func (s *session) narrow() {
	s.pace.narrowedAt = s.w.now
	if s.pace.width > 1 {
		s.pace.width /= 2
		s.pw.counters.Narrowed++
		s.mayGoOn()
	}
}

// enterSlowly is called when the session, which may have more in flight than one that enters the
// link, is about to send something there.
func (s *session) enterSlowly(l *link) {
	if s.window.Len() == 1 {
		s.pace.width = l.trips.entry
	}
}

// bulk learns the size of the largest request since the session was widened.
func (s *session) bulk(size int) {
	s.pace.bulkiest = int32(min(size, askedBytes))
	s.pace.width = min(s.pace.width, max(1, askedBytes/s.pace.bulkiest))
}

// widenForTime lets a session whose trips were short have twice as many in flight, as far as the
// size of its requests permits.
func (s *session) widenForTime() {
	if !s.pace.delayed {
		s.pace.width = int32(min(2*int(s.pace.width), s.pw.opt.Limits.Pipeline))
		if s.pace.bulkiest > 0 {
			s.pace.width = min(s.pace.width, max(1, askedBytes/s.pace.bulkiest))
		}
	}
	s.pace.delayed, s.pace.bulkiest = false, 0
}

// inFlight returns how many requests the session may have in flight.
func (s *session) inFlight() int { return min(s.pace.allowed, int(s.pace.width)) }
