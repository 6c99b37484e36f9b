package loop

import (
	"math"
	"slices"

	"huntaway/loop/memory"
)

// A slot is one request's place in its session's reply order.
type slot struct {
	at    uint32 // parked: where its reply begins in the parked buffer
	size  uint32 // parked: how long it is
	join  int32  // joining: index of the join; otherwise -1
	state slotState
	write bool // counts in session.writes until it is settled
	open  bool // its reply is put together of those in later slots, see medley
	mute  bool // its reply is dropped: CLIENT REPLY OFF or SKIP
	apart bool // parked: its reply is one of session.early
}

// slotState is how far a slot's reply has come.
//
//	          settled   its turn
//	waiting   parked    -          no reply yet
//	passing   (gone)    -          next in order, and its reply is passed on piece by piece
//	parked    -         (gone)     complete, copied, not next in order
type slotState uint8

const (
	waiting slotState = iota
	parked
	passing
)

// reply gives slot seq its whole reply. b aliases memory that lives until the end of this
// event: what is next in order is written from there, what is early is copied.
func (s *session) reply(seq uint32, b []byte) {
	if seq != s.window.First() {
		s.park(seq, b)
		return
	}
	if s.mode.has(modeMuted | modeMedley) {
		if s.medley.has(seq) {
			s.park(seq, b)
			return
		}
		b = s.heard(seq, b)
	}
	s.say(b)
	s.window.Pop()
	s.unpark()
}

// park keeps an early reply.
func (s *session) park(seq uint32, b []byte) {
	sl := s.window.At(seq)
	kept := b
	if sl.mute {
		kept = nil
	}
	if s.output.parked.Len()+len(b) > math.MaxUint32 {
		s.cutOff(endOutput)
		return
	}
	s.keepEarly(seq, kept)
	if s.output.parked.Holds()+int64(s.output.earlyLive) > worthCharging {
		s.w.burden(s, int64(len(kept)))
	}
	s.overLimit()
	if s.mode.has(modeMedley) {
		s.parkedFor(seq, b)
	}
}

// keepEarly keeps the reply of a slot: where it lies, or a copy.
func (s *session) keepEarly(seq uint32, b []byte) {
	sl := s.window.At(seq)
	sl.state, sl.at, sl.size = parked, uint32(s.output.parked.Len()), uint32(len(b))
	if where, is := s.w.arena.StretchOf(b); is {
		sl.apart = true
		s.output.early = append(s.output.early, early{seq, where})
		s.output.earlyLive += len(b)
		return
	}
	s.output.parked.Add(b)
	s.output.parkedLive += len(b)
}

// unpark says the replies that have become next in order.
func (s *session) unpark() {
	for s.window.Len() > 0 {
		sl := s.window.Front()
		if sl.state != parked || sl.open {
			break
		}
		s.say(s.parkedAt(s.window.First()))
		s.unparked(s.window.First())
		s.window.Pop()
	}
	s.w.touch(s)
}

// An early is a large reply that is parked: it stays where it was collected.
type early struct {
	seq   uint32 // its slot
	where memory.Stretch
}

// parkedAt returns the reply of a parked slot. An empty one, of a muted request, lies nowhere:
// the buffer may have been let go of since, because nothing in it was still to be said.
func (s *session) parkedAt(seq uint32) []byte {
	sl := s.window.At(seq)
	switch {
	case sl.size == 0:
		return nil
	case sl.apart:
		return s.output.early[s.earlyOf(seq)].where.Bytes()
	}
	return s.output.parked.Bytes()[sl.at : sl.at+sl.size]
}

// earlyOf returns where the large reply of a slot is in session.early.
func (s *session) earlyOf(seq uint32) int {
	return slices.IndexFunc(s.output.early, func(e early) bool { return e.seq == seq })
}

// unparked forgets the reply of a parked slot, which has been said.
func (s *session) unparked(seq uint32) {
	sl := s.window.At(seq)
	if !sl.apart {
		s.output.parkedLive -= int(sl.size)
		return
	}
	at := s.earlyOf(seq)
	s.output.early[at].where.Release()
	s.output.early = slices.Delete(s.output.early, at, at+1)
	s.output.earlyLive -= int(sl.size)
	sl.apart = false
}

// dropEarly forgets the large replies that are parked: the session has gone.
func (s *session) dropEarly() {
	for i := range s.output.early {
		s.output.early[i].where.Release()
	}
	s.output.early, s.output.earlyLive = nil, 0
}

// compact drops parked replies that were said, when they are most of the buffer. Without
// it a session that always has one early reply would grow for ever.
func (s *session) compact() {
	const enough = 64 << 10
	switch {
	case s.output.parkedLive == 0:
		s.output.parked.Rest()
	case s.output.parked.Len() > enough && s.output.parkedLive < s.output.parked.Len()/2:
		var fresh memory.Buffer
		for p := s.window.First(); p != s.window.Behind(); p++ {
			if sl := s.window.At(p); sl.state == parked && !sl.apart {
				at := uint32(fresh.Len())
				fresh.Add(s.parkedAt(p))
				sl.at = at
			}
		}
		s.output.parked.Release()
		s.output.parked = fresh
	}
}

// say puts b next in the output, which is written at the end of this event.
func (s *session) say(b []byte) {
	s.next(b)
	s.w.touch(s)
}

// next puts b next in the output. What is large and lies in a region, to which nothing is added any
// more, is referred to there. A run that continues the last one is only made longer, so that replies
// which lie together in a link's read buffer leave without a copy.
func (s *session) next(b []byte) {
	if where, is := s.w.arena.StretchOf(b); is {
		s.addShared(&shared{b: where.Bytes(), where: where}, 0)
		return
	}
	switch {
	case len(s.output.rest.lots) > 0:
		s.addCopy(b)
	case len(s.output.run) == 0:
		s.output.run = b
	case follows(s.output.run, b):
		s.output.run = s.output.run[:len(s.output.run)+len(b)]
	default:
		s.output.first.Add(s.output.run)
		s.output.run = b
	}
}

// sayOwn puts b next in the output and copies it, because it lies in scratch memory.
func (s *session) sayOwn(b []byte) {
	s.nextOwn(b)
	s.w.touch(s)
}

// nextOwn is sayOwn for who is not to be written to at the end of this event.
func (s *session) nextOwn(b []byte) {
	if len(s.output.rest.lots) > 0 {
		s.addCopy(b)
		return
	}
	if len(s.output.run) > 0 {
		s.output.first.Add(s.output.run)
		s.output.run = nil
	}
	s.output.first.Add(b)
}

// follows reports whether b lies directly behind run in the same array.
func follows(run, b []byte) bool {
	if len(b) == 0 || cap(run)-len(run) < len(b) {
		return false
	}
	return &run[:len(run)+1][len(run)] == &b[0]
}
