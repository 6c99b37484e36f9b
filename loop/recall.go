package loop

import "huntaway/codec"

// unrecallable are the marks of entries that must be answered where they are: they may change
// something, they are more or less than one request of a client, or have not gone the usual way.
const unrecallable = isWrite | isPart | isSink | isCanary | isMany | isPrivate | toReplica | urgent | isScript |
	hopLow | hopHigh | guarded

// A recallable is a request in flight that may be taken back. link is nil where that cannot be.
type recallable struct {
	link *link
	pos  uint32 // of its FIFO
	at   int    // where its frame begins in the log
	size int    // of that
}

// recall takes back requests of a session that does not read its replies as fast as they come:
// reads that are in flight beyond what it is allowed, behind the last request that must not be
// executed twice. What the server says to them is swallowed, and they are the first that is
// admitted when the session takes requests again. So a pipeline of large replies, which came
// when nobody knew that they are large, costs traffic but no memory. What is taken back is copied,
// in front of what is kept of the input: so it is few bytes, and nothing where much is kept.
//
// It must not be called while requests of the session are being taken.
func (s *session) recall() {
	if s.mode&^modeApart != 0 || s.input.unfinished != nil || s.state != sessionOpen || s.window.Len() <= s.pace.allowed {
		return // a mode may have noted the place of a slot
	}
	all := make([]recallable, s.window.Len())
	for _, l := range s.proto.linkSet.links {
		if l != nil {
			l.listRecallable(s, all)
		}
	}
	first := len(all)
	for first > s.pace.allowed && all[first-1].link != nil {
		first--
	}
	if those := s.cheap(all[first:]); len(those) > 0 {
		s.takeBackAll(those)
	}
}

// mostRecalled is how many bytes are copied to take requests back.
const mostRecalled = 512 << 10

// cheap returns those of the newest requests that can be taken back for no more than that.
func (s *session) cheap(those []recallable) []recallable {
	from, copied := len(those), 0
	if s.input.tail != nil {
		copied = s.input.tail.buf.Len() - s.input.tail.used
	}
	for ; from > 0; from-- {
		if copied += those[from-1].size; copied > mostRecalled {
			break
		}
	}
	return those[from:]
}

// takeBackAll takes back the newest requests of a session: those are all of them from some on.
func (s *session) takeBackAll(those []recallable) {
	t := s.w.newTail()
	t.scan, t.used, t.born = codec.Scanner{}, 0, s.w.now
	for _, one := range those {
		s.takeBack(one, t)
	}
	s.window.TakeBack(len(those))
	if s.input.tail != nil {
		t.buf.Add(s.w.arena, s.input.tail.buf.Bytes()[s.input.tail.used:], 0)
		s.dropTail()
	}
	s.input.tail = t
}

// takeBack makes a request one that has not been admitted yet.
func (s *session) takeBack(one recallable, t *tail) {
	e := one.link.queue.fifo.At(one.pos)
	s.pw.landed(e)
	e.marks |= isSink
	t.buf.Add(s.w.arena, one.link.queue.log.Frame(one.at, int(e.size)), 0)
	s.account.requests--
	s.pw.counters.Recalled++ // and not taken from Requests: counters that fall are taken for new ones
}

// listRecallable notes which requests of a session may be taken back from the link, by their
// place in its window. One whose reply has begun may not.
func (l *link) listRecallable(s *session, all []recallable) {
	commands := s.pw.opt.Commands.All()
	at := l.queue.base
	for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
		e := l.queue.fifo.At(p)
		if e.session == s.index && e.gen == s.gen && !e.marks.has(unrecallable) && !l.hasBegun(p) && asItCame(commands[e.cmd]) {
			all[e.seq-s.window.First()] = recallable{l, p, at, int(e.size)}
		}
		at += int(e.size)
	}
}

// asItCame reports whether the frame of a command's whole request is what the client sent.
func asItCame(cmd *codec.Command) bool {
	return cmd.Policy == codec.Forward || cmd.Policy == codec.Split
}
