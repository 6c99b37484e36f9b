package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
)

// What many servers have said to a command is put together in pieces where it is much: the parts
// stay where they were collected, and each turn copies a little of them to the reply.

// A partReply is the reply to a part of a command: a copy, or where it was collected if it is large.
type partReply struct {
	memory.Buffer
	where memory.Stretch
}

// keep takes the reply.
func (p *partReply) keep(w *worker, b []byte) {
	if where, is := w.arena.StretchOf(b); is {
		p.where = where
		return
	}
	p.Add(b)
}

// bytes returns the reply.
func (p *partReply) bytes() []byte {
	if p.where.Is() {
		return p.where.Bytes()
	}
	return p.Buffer.Bytes()
}

// len returns its length.
func (p *partReply) len() int { return p.where.Len() + p.Buffer.Len() }

// holds returns how many bytes of memory it takes.
func (p *partReply) holds() int64 {
	if p.where.Is() {
		return p.where.Holds() + p.Buffer.Holds()
	}
	return p.Buffer.Holds()
}

// rest forgets it.
func (p *partReply) rest() {
	p.where.Release()
	p.Buffer.Rest()
}

// holds returns how many bytes of memory the join takes.
func (j *join) holds() (n int64) {
	for i := range j.parts {
		n += j.parts[i].holds()
	}
	return n + j.out.Holds()
}

// A merging is how far a reply has been put together.
type merging struct {
	out  memory.Intake // what there is of it
	at   []int         // by part: where that begins which has not been copied; empty before
	next int           // elements by key, or parts, that have been copied
	done int           // bytes of the next one that have been
}

// drop forgets it.
func (m *merging) drop(w *worker) {
	m.out.Release(w.arena)
	*m = merging{at: m.at[:0]}
	if cap(m.at) > 1024 {
		m.at = nil
	}
}

// What is put together in the event that brings the last part: so many bytes and elements at most.
const (
	mergeAtOnce    = 256 << 10
	elementsAtOnce = 4 << 10
)

// workElement is the work for finding the end of an element.
const workElement = 16

// isLarge reports whether the parts are to be put together in pieces.
func (j *join) isLarge() bool {
	if j.how != codec.ArrayByKey && j.how != codec.Concat {
		return false
	}
	return j.said() > mergeAtOnce || len(j.owners) > elementsAtOnce
}

// mergeLater answers a command whose parts have all been answered without an error, in later turns.
func (s *session) mergeLater(e *entry) {
	w, who := s.w, *e
	w.addChore(func() (done bool) {
		s := w.sessionOf(&who)
		if s == nil || s.conn == nil {
			return true // its joins go with it
		}
		at := s.window.At(who.seq).join
		j := &w.joins.all[at]
		fits := len(j.at) > 0 || j.beginMerge(s)
		if fits {
			fits, done = s.mergeSome(j)
		}
		if fits && !done {
			return s.conn == nil
		}
		reply := j.out.Bytes()
		if !fits {
			reply = w.misfit(s, &who)
		}
		s.window.At(who.seq).join = noJoin
		s.merged(&who, reply)
		w.dropJoin(at)
		return true
	})
}

// merged answers a command with what has been put together.
func (s *session) merged(e *entry, reply []byte) {
	s.pw.settled(e)
	if len(reply) >= worthWeighing {
		s.weigh(len(reply))
	}
	s.pw.counters.Replies++
	s.reply(e.seq, reply)
}

// beginMerge writes the beginning of the reply, and reports whether the parts fit together.
func (j *join) beginMerge(s *session) (fits bool) {
	kind, total := byte('*'), len(j.owners)
	parts := j.parts
	if j.how == codec.Concat {
		parts = parts[:len(j.targets)]
	}
	for i := range parts {
		k, n, next, ok := codec.Header(parts[i].bytes())
		if j.how == codec.Concat {
			if !ok || i > 0 && k != kind {
				return false
			}
			kind = k
			total += n
		}
		j.at = append(j.at, next)
	}
	head := codec.AppendArray(s.w.pad.scratch[:0], total)
	head[0] = kind
	j.out.Add(s.w.arena, head, 0)
	return true
}

// mergeSome copies a piece. done: that was the last one. It does not fit where an element is missing.
func (s *session) mergeSome(j *join) (fits, done bool) {
	byKey, all := j.how == codec.ArrayByKey, len(j.at)
	if byKey {
		all = len(j.owners)
	}
	for left := s.w.mostWork / clientShare; j.next < all; j.next++ {
		part := j.next
		if byKey {
			part = int(j.owners[part])
		}
		b := j.parts[part].bytes()[j.at[part]:]
		if byKey {
			b = b[:codec.Size(b)]
		}
		if len(b) == 0 && byKey {
			return false, false
		}
		for j.done < len(b) {
			n := min(copyPiece, len(b)-j.done)
			if left <= 0 || !s.extend(&j.out, b[j.done:j.done+n], 0) {
				return true, false
			}
			j.done += n
			left -= workElement + n/bytesPerWork
		}
		j.done = 0
		j.at[part] += len(b)
	}
	return true, true
}
