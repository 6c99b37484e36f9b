package loop

import "huntaway/loop/memory"

// A message that several subscribers do not take at once is held once for all of them: each has
// in its remainder where its own rest of it begins, and hands it to its connection piece by piece. So
// subscribers that read slowly cost a message each little more than what their connections keep. A large
// reply that was collected waits likewise, where it lies.

// shareFrom is the size from which a message is shared out instead of copied. A smaller one costs
// less than half a page more to copy than what is remembered of it.
const shareFrom = 4 << 10

// How much a connection may keep of a remainder: at first, and at most, when it had nothing left
// whenever that was looked at. A tick looks, so this is also how fast a client may read.
const (
	firstStride = handOver
	lastStride  = 4 << 20
)

// A shared is bytes that wait for sessions of one worker. Owner: their remainders.
type shared struct {
	b     []byte         // not changed any more
	where memory.Stretch // in which b lies; none: it is on the heap
	refs  int64          // lots, and a walk, that point here
	own   bool           // one session's, which may add to it
}

// drop takes one of the lots away.
func (b *shared) drop() {
	if b.refs--; b.refs == 0 && b.where.Is() {
		b.where.Release()
		b.b = nil
	}
}

// A lot is the rest of shared bytes that waits for one session.
type lot struct {
	of   *shared
	from int
}

// A remainder is what a session says behind its output. Owner: the session.
type remainder struct {
	lots   []lot
	bytes  int // in them
	stride int // how much the connection may keep, see firstStride
}

// holds returns the session's part of what is shared: an equal one of each.
func (q *remainder) holds() (n int64) {
	for _, l := range q.lots {
		n += int64(len(l.of.b)) / l.of.refs
	}
	return n
}

// shares reports whether a message is to be shared: it would make the session keep more than its
// connection may, or is behind what does.
func (s *session) shares(m []byte) bool {
	switch {
	case len(m) < shareFrom:
		return false
	case len(s.output.rest.lots) > 0:
		return true
	case !s.output.isSlow && len(m)+len(s.output.run)+s.output.first.Len() <= handOver:
		return false // the ordinary case
	}
	return len(m)+len(s.output.run)+s.output.first.Len()+s.conn.Backlog() > handOver
}

// addShared puts shared bytes, without the first so many, behind everything that the session has
// to say.
func (s *session) addShared(b *shared, from int) {
	b.refs++
	q := &s.output.rest
	q.lots = append(q.lots, lot{b, from})
	q.bytes += len(b.b) - from
	q.stride = max(q.stride, firstStride)
}

// addCopy puts a copy of b behind that. Small pieces share their room.
func (s *session) addCopy(b []byte) {
	q := &s.output.rest
	if last := q.lots[len(q.lots)-1].of; last.own && cap(last.b)-len(last.b) >= len(b) {
		last.b = append(last.b, b...)
		q.bytes += len(b)
		return
	}
	s.addShared(&shared{own: true, b: append(make([]byte, 0, max(len(b), shareFrom)), b...)}, 0)
}

// drainRemainder hands the connection what it may keep of the remainder, when everything before it is handed
// over.
func (s *session) drainRemainder() {
	q := &s.output.rest
	if len(q.lots) == 0 || s.conn == nil || s.output.first.Len()+len(s.output.run) > 0 {
		return
	}
	switch kept := s.conn.Backlog(); {
	case kept == 0:
		q.stride = min(2*q.stride, lastStride)
	case kept > q.stride/2:
		q.stride = firstStride
	}
	done, given := 0, 0
	for done < len(q.lots) && s.conn != nil && s.conn.Backlog() < q.stride && given < mostGiven {
		l := &q.lots[done]
		piece := l.of.b[l.from:min(l.from+handOver, len(l.of.b))]
		s.handed(len(piece))
		given += len(piece)
		l.from += len(piece)
		q.bytes -= len(piece)
		s.conn.Write(piece)
		if l.from == len(l.of.b) {
			l.of.drop()
			l.of = nil
			done++
		}
	}
	left := copy(q.lots, q.lots[done:])
	clear(q.lots[left:])
	q.lots = q.lots[:left]
	if len(q.lots) == 0 {
		*q = remainder{}
	}
	switch {
	case s.conn == nil:
	case len(q.lots) > 0:
		s.lag()
		s.drainSoon()
	case s.conn.Backlog() > 0:
		s.lag() // for what is suspended until the connection has taken all: see regulate
	}
}

// mostGiven is how much of a remainder a connection is given in an event.
const mostGiven = 2 << 20

// drainSoon has the remainder go on in later turns, as long as the connection takes more of it. When it
// does not a tick looks again.
func (s *session) drainSoon() {
	if s.output.drains || s.conn.Backlog() >= s.output.rest.stride {
		return
	}
	s.output.drains = true
	s.w.addChore(func() (done bool) {
		if s.lookAgain(); s.conn != nil && len(s.output.rest.lots) > 0 && s.conn.Backlog() < s.output.rest.stride {
			return false
		}
		s.output.drains = false
		return true
	})
}

// dropRemainder forgets the remainder: the session has gone.
func (s *session) dropRemainder() {
	for _, l := range s.output.rest.lots {
		l.of.drop()
	}
	s.output.rest = remainder{}
}
