package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
)

// A reading goes through the reply to an EXEC, of which each element answers a request, as far as one
// event's work allows. Then it keeps both, and goes on in later turns.
type reading struct {
	frame, reply []byte // as long as the event lasts
	kept         [2]memory.Keepsake
	later        bool // both are in kept
	scan         codec.ReplyScanner
	from, to     int // of the frame: the request whose element is being read; to is 0 before the first
	start, at    int // of the reply: where that element begins, and how far it has been read
}

// workRequest is the work for finding out what a request is.
const workRequest = 128

// read goes on, calls f with the pieces of each element, done with the last of one, and reports whether
// that was all.
func (x *reading) read(w *worker, f func(piece []byte, done bool)) (all bool) {
	if x.later {
		x.frame, x.reply = x.kept[0].Bytes(), x.kept[1].Bytes()
	}
	if x.to == 0 {
		x.begin()
	}
	for left := w.mostWork / clientShare; x.from < x.to && x.at < len(x.reply); {
		if left <= 0 {
			if !x.later {
				x.kept, x.later = [2]memory.Keepsake{w.arena.Keep(x.frame), w.arena.Keep(x.reply)}, true
			}
			x.frame, x.reply = nil, nil
			return false
		}
		n, done, err := x.scan.Next(x.reply[x.at:min(x.at+copyPiece, len(x.reply))])
		if err != nil {
			break
		}
		x.at += n
		f(x.reply[x.at-n:x.at], done)
		left -= workElement + n/bytesPerWork
		if done {
			left -= workRequest
			x.start = x.at
			x.next()
		}
	}
	return true
}

// begin finds the first request and its element. Before MULTI scripts are loaded for it.
func (x *reading) begin() {
	x.scan.RESP3 = true // which has all that RESP2 has
	x.at = codec.ArrayHeader(x.reply)
	x.start = x.at
	for x.next(); x.from < x.to && string(x.request()) != string(frameMulti); x.next() {
	}
	x.next()
}

// next goes to the next request.
func (x *reading) next() {
	x.from = x.to
	if x.from < len(x.frame) {
		x.to += codec.Size(x.frame[x.from:])
	}
}

// request returns the request whose element is being read.
func (x *reading) request() []byte { return x.frame[x.from:x.to] }

// element returns what has been read of it.
func (x *reading) element() []byte { return x.reply[x.start:x.at] }

// drop forgets what was kept.
func (x *reading) drop() {
	x.kept[0].Drop()
	x.kept[1].Drop()
}

// A counting is a reading that puts the true counts of each PUBLISH into the reply.
type counting struct {
	reading
	l   *link
	e   entry
	out memory.Intake
}

// count reads on, and answers the EXEC when that was all. The session may have gone.
func (c *counting) count() (done bool) {
	w := c.l.w
	s := w.sessionOf(&c.e)
	if s == nil || s.conn == nil {
		c.drop()
		c.out.Release(w.arena)
		return true
	}
	if c.to == 0 {
		c.begin()
		s.extend(&c.out, c.reply[:c.start], 0) // all of it where nothing was executed
	}
	all := c.read(w, func(piece []byte, _ bool) {
		if piece[0] == ':' && len(c.element()) == len(piece) { // a count, which is never cut in two
			piece = c.l.counted(w.pad.scratch[:0], c.request(), piece)
		}
		s.extend(&c.out, piece, 0)
	})
	if !all {
		return s.conn == nil && c.count() // to be dropped
	}
	if s.conn != nil {
		s.extend(&c.out, c.reply[c.at:], 0)
		s.done(&c.e)
		s.merged(&c.e, c.out.Bytes())
	}
	c.drop()
	c.out.Release(w.arena)
	return true
}
