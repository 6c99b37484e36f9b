package loop

// A strand is a topic on one of the feeds that carry it. Owner: the feed, and the asks that
// are about it.
type strand struct {
	t       *topic
	f       *feed
	open    uint32  // the connection on which the server has confirmed, and has not confirmed the end; 0: none
	asked   uint32  // the one on which the last that it has been told is to carry it, and it has not answered
	refused bool    // the last answer was an error
	single  bool    // it is asked for by itself: the server has refused a command about it and others
	told    int     // of its surplus, see crowd
	waiting []claim // of those who join, until the server has been asked and has confirmed
}

// A topicName is what servers know a topic by. Topics and strands come and go under one name.
type topicName struct {
	kind topicKind
	name string
}

// named returns the name of the strand's topic.
func (st *strand) named() topicName { return topicName{st.t.kind, st.t.name} }

// cut makes the feed carry its topic no longer: what still comes of it is not heard. The
// topic's changes are to begin anew.
func (st *strand) cut() {
	delete(st.f.strands, st.t)
	st.stopWalk()
	st.tell()
	if st.t.wants > 0 {
		st.end()
	}
}

// ask asks the server to carry the strand, where there is a connection; with the next one
// everything is asked for. What nobody wants any more by now is asked for all the same by who
// wanted it, and is to be confirmed before the end of it.
func (st *strand) ask() {
	if st.f.l == nil {
		return
	}
	st.asked, st.refused = st.f.nth, false
	st.f.utter(ask{what: askJoin, st: st, claims: st.waiting})
	st.waiting = nil
	if st.t.wants == 0 {
		st.end()
	}
}

// needed reports whether the server has to be asked.
func (st *strand) needed() bool { return st.t.wants > 0 || len(st.waiting) > 0 }

// end tells the server not to carry the strand any more.
func (st *strand) end() {
	st.asked = 0
	if st.f.l != nil {
		st.f.utter(ask{what: askLeave, st: st})
	}
}

// isOpen reports whether the server carries the strand.
func (st *strand) isOpen() bool { return st.open == st.f.nth }

// isAsked reports whether it has been asked to and has not answered.
func (st *strand) isAsked() bool { return st.asked == st.f.nth }

// opened notes that the server carries the strand.
func (st *strand) opened() {
	if !st.isOpen() {
		st.open = st.f.nth
		st.f.carried++
		st.f.x.pw.counters.Upstream++
	}
	st.tell()
}

// shut notes that the server does not carry the strand, or not any more.
func (st *strand) shut() {
	if st.isOpen() {
		st.open = 0
		st.f.carried--
		st.f.x.pw.counters.Upstream--
	}
	st.tell()
}

// surplus is by how many members more than one the server counts less than there are: our
// feed is one subscriber to it. Without members there is none, although the server may still
// count the feed: whether it had, when it counted, nobody knows here, and what is taken from the
// count for nothing would be somebody who hears. A strand that was cut has none either.
func (st *strand) surplus() int {
	if !st.isOpen() || st.f.strands[st.t] != st {
		return 0
	}
	return max(len(st.t.members)-1, 0)
}

// tell enters the strand's surplus where every worker finds it.
func (st *strand) tell() {
	if n := st.surplus(); n != st.told {
		st.f.x.pw.pool.crowd.add(st.f.server, st.t, n-st.told)
		st.told = n
	}
}

// owes makes the server owe its word to a change that begins, and reports whether it does.
// Who joins waits until there is a connection; nothing can come any more to who leaves.
func (st *strand) owes(c *change) bool {
	f, k := st.f, claim{c, c.turn}
	switch {
	case f.l == nil && c.p.joins:
		st.waiting = append(st.waiting, k)
	case c.p.joins && st.refused:
		st.waiting = append(st.waiting, k)
		st.ask()
	case f.l != nil:
		m := f.mark()
		m.claims = append(m.claims, k)
	default:
		return false
	}
	return true
}
