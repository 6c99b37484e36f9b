package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
)

// A tail is what a session keeps of its input: the beginning of a request, or requests
// that have to wait.
type tail struct {
	buf  memory.Intake
	used int // bytes of buf that were taken
	scan codec.Scanner
	req  codec.Request
	born int64 // when the unfinished request began
}

// keepRead is the size from which input that was kept is worth compacting.
const keepRead = 64 << 10

// keep copies what could not be used. The scanner and the request that it fills move into
// the tail, so that what was looked at is not looked at again.
func (s *session) keep(rest []byte, scan codec.Scanner) {
	t := s.w.newTail()
	t.scan, t.born, t.used = scan, s.w.now, 0
	if !scan.Idle() {
		t.req, s.w.pad.req = s.w.pad.req, t.req
	}
	t.buf.Add(s.w.arena, rest, 0)
	s.input.tail = t
}

// keepMore keeps what has come behind what is kept, and makes room for the rest of the request. It
// reports whether the session is still there, which may have been closed for what that takes.
func (s *session) keepMore(in []byte) (kept bool) {
	t := s.input.tail
	return s.extend(&t.buf, in, t.used+t.scan.Least(t.buf.Bytes()[t.used:]))
}

// takeTail goes on with the kept bytes.
func (s *session) takeTail() {
	t := s.input.tail
	before := t.used
	kept := t.req.Holds()
	t.used += s.take(t.buf.Bytes()[t.used:], &t.scan, &t.req)
	switch {
	case s.input.tail != t: // closed meanwhile
		return
	case t.used == t.buf.Len():
		s.dropTail()
	case t.used > before:
		t.born = s.w.now
		if t.used >= keepRead && t.buf.Cut(s.w.arena, t.used) {
			t.used = 0
		}
	}
	if s.input.tail == t && t.req.Holds() > max(kept, worthCharging) {
		s.w.burden(s, t.req.Holds()-kept)
	}
}

// dropTail gives the kept bytes back.
func (s *session) dropTail() {
	s.dropWork()
	if s.input.tail != nil {
		s.w.freeTail(s.input.tail)
		s.input.tail = nil
	}
}

// newTail returns a tail, a used one if there is one.
func (w *worker) newTail() *tail {
	n := len(w.pad.tails)
	if n == 0 {
		return new(tail)
	}
	t := w.pad.tails[n-1]
	w.pad.tails = w.pad.tails[:n-1]
	return t
}

// freeTail keeps a tail, without its bytes, for the next use.
func (w *worker) freeTail(t *tail) {
	t.buf.Rest()
	t.req.Trim()
	if len(w.pad.tails) < mostTails {
		w.pad.tails = append(w.pad.tails, t)
	}
}

// mostTails bounds how many unused tails a worker keeps: about 200 bytes each.
const mostTails = 256
