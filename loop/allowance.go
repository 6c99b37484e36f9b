package loop

// How many requests a session may have in flight follows the size of its replies, so that what
// it can be owed is bounded although nobody knows beforehand how large a reply will be: many
// while replies are small, one at a time when each is as much as all may be together.
const (
	firstAllowed  = 128     // requests in flight of a session that has not been answered yet
	allowedBytes  = 1 << 20 // what the replies in flight may come to, each taken for the largest lately
	worthWeighing = 1 << 10 // smaller replies allow for the longest pipelines anyway
)

// weigh learns from a reply, or from as much of it as has come.
func (s *session) weigh(size int) {
	s.pace.largest = max(s.pace.largest, size)
	s.pace.allowed = max(1, min(s.pace.allowed, allowedBytes/size))
	if s.window.Len() > s.pace.allowed {
		s.stop(stopWindow)
	}
}

// widen lets the session go on that had as many requests in flight as it was allowed. When they
// are answered it is allowed twice as many, as far as the replies since the last time permit.
func (s *session) widen() {
	if s.stops&stopWindow == 0 || s.window.Len() > s.inFlight()/2 {
		return
	}
	s.widenForTime()
	switch {
	case s.mode.has(modeApart):
		s.settleDown()
	default:
		s.pace.allowed = min(2*s.pace.allowed, s.pw.opt.Limits.Pipeline)
		if s.pace.largest > 0 {
			s.pace.allowed = max(1, min(s.pace.allowed, allowedBytes/s.pace.largest))
		}
	}
	s.pace.largest = 0
	s.release(stopWindow)
}
