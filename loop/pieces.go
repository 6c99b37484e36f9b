package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// A large request of which much is to be copied, or of which many words are to be looked at, is
// admitted a piece at a time, each as much work as one event may do for a client (spend). It stays
// where it is in the session's input meanwhile, and what is behind it waits.

// A piecework is what is done with one. Owner: the session.
type piecework interface {
	// step goes on with r until that was work enough for one event, and reports whether all is
	// done. r may lie elsewhere than the last time.
	step(s *session, r *codec.Request) (done bool)
	// holds returns how many bytes of memory it takes.
	holds() int64
	// drop gives that back. It may be called again.
	drop()
}

// mayWait reports whether a request is large, and is there in later events as well: it lies in what
// the session keeps.
func (s *session) mayWait(r *codec.Request) bool {
	if s.input.tail == nil || len(r.Frame) <= netio.ReadBuffer {
		return false
	}
	return s.input.tail.buf.Has(r.Frame)
}

// workOn does the first piece of what is to be done with a request that mayWait.
func (s *session) workOn(p piecework, r *codec.Request) {
	s.input.unfinished = p
	s.workOnIt(r)
}

// workOnIt does the next piece, and reports whether that was the last one. The session may have been
// closed.
func (s *session) workOnIt(r *codec.Request) (done bool) {
	if !s.input.unfinished.step(s, r) {
		return false
	}
	s.dropWork()
	return true
}

// dropWork forgets what is to be done with a request.
func (s *session) dropWork() {
	if s.input.unfinished != nil {
		s.input.unfinished.drop()
		s.input.unfinished = nil
	}
}

// isTired reports whether that was work enough for one event.
func (s *session) isTired() bool { return s.stops&stopTurn != 0 }

// copyPiece is how much is copied at once.
const copyPiece = 16 << 10

// copyOn goes on copying b, of which done bytes have been, to the end of t. It returns how many have
// been then: all, unless that was work enough for one event or the session has been closed.
func (s *session) copyOn(t *memory.Intake, b []byte, done int) int {
	for done < len(b) && !s.isTired() {
		n, slab, held := min(copyPiece, len(b)-done), !t.IsLarge(), t.Holds()
		if !s.extend(t, b[done:done+n], 0) {
			break
		}
		done += n
		if slab && t.Holds() != held {
			n = t.Len() // what was there has been copied as well
		}
		s.spend(n / bytesPerWork)
	}
	return done
}

// extend adds p to an intake of the session's, where least bytes are expected in all, or 0. What that
// takes is charged, and before it is taken where it is much: it is not when the session has been
// closed for it.
func (s *session) extend(t *memory.Intake, p []byte, least int) (done bool) {
	before, was := t.Holds(), s.state
	if s.w.foresee(s, t.Growth(s.w.arena, len(p), least)); s.conn == nil || s.state != was {
		return false
	}
	t.Add(s.w.arena, p, least)
	if after := t.Holds(); after > worthCharging {
		s.w.burden(s, after-before)
	}
	return true
}

// A queueing puts a large request into a transaction.
type queueing struct{ copied int }

func (q *queueing) step(s *session, r *codec.Request) (done bool) {
	frame := r.Frame
	q.copied = s.copyOn(&s.tx.frames, frame, q.copied)
	if q.copied < len(frame) {
		return false
	}
	s.tellQueued()
	return true
}

func (q *queueing) holds() int64 { return 0 } // it is the transaction's
func (q *queueing) drop()        {}
