package loop

// A session stands apart while its replies are large and it reads them more slowly than they
// come: it has one request in flight, over a link that is lent to it, and reading from that is
// suspended while the client is behind. So it makes nobody wait on a shared link, and what waits
// for it waits at the server and not here. It joins the others again when its replies are small.

// calmAfter is how many small replies in a row end that.
const calmAfter = 8

// fallBehind is called when the session has been stopped because it does not read.
func (s *session) fallBehind() {
	if s.unread() <= pauseOutput {
		return
	}
	s.recall()
	if s.pace.allowed > allowedBytes/passOn {
		return // its replies are many and not large
	}
	s.pace.calm = 0
	if !s.mode.has(modeApart) {
		s.mode |= modeApart
		s.pace.allowed = 1
		s.pw.counters.StoodApart++
	}
	if s.window.Len() > 0 {
		s.stop(stopWindow) // the link may be changed when nothing is in flight
	}
}

// settleDown is called when the request of a session that stands apart has been answered.
func (s *session) settleDown() {
	if s.pace.largest >= passOn {
		s.pace.calm = 0
		return
	}
	if s.pace.calm++; s.pace.calm >= calmAfter {
		s.mode &^= modeApart
		s.endLease()
	}
}

// ownLink returns the link for a request of a session that stands apart: its own to the same
// server as l, or l where that cannot be had. What is joined of several replies has to be
// collected anyway, and a link that has carried a script could not be lent again.
func (pw *poolWorker) ownLink(s *session, e *entry, l *link) *link {
	if l.kind.private || s.window.Len() > 1 || e.marks.has(isPart|isScript) {
		return l
	}
	if own := s.pace.lease; own != nil && (own.health.downAt > 0 || own.server.ID != l.server.ID || own.kind.dialect != l.kind.dialect) {
		s.endLease()
	}
	if s.pace.lease == nil && pw.w.now >= s.pace.leaseAfter && pw.refusesLink(s, l.server.ID, loanLarge) == nil {
		s.pace.lease = pw.borrow(s, l.server.ID, loanLarge)
		if s.pace.lease == nil {
			return l
		}
		s.pace.lease.lease.apart = true
	}
	if s.pace.lease == nil || !s.pace.lease.usable() {
		return l
	}
	return s.pace.lease
}

// endLease gives the session's own link back.
func (s *session) endLease() {
	l := s.pace.lease
	if l == nil {
		return
	}
	s.pace.lease = nil
	switch {
	case l.health.downAt > 0: // it has failed, and is dropped by who noticed
		s.pace.leaseAfter = s.w.now + int64(lastPause)
	case l.busy():
		l.discard()
	default:
		l.undam()
		l.lease.apart = false
		l.giveBack()
	}
}

// regulate suspends reading from the session's own link while n bytes wait for the client.
func (s *session) regulate(n int64) {
	switch l := s.pace.lease; {
	case l == nil:
	case n > handOver:
		l.dam()
	case n <= handOver/2:
		l.undam()
	}
}

// dam suspends reading.
func (l *link) dam() {
	l.lease.dammed = true
	if l.conn != nil {
		l.conn.Pause()
	}
}

// undam reads on. The server could not be heard meanwhile.
func (l *link) undam() {
	if !l.lease.dammed {
		return
	}
	l.lease.dammed, l.health.heard = false, l.w.now
	if l.conn != nil {
		l.conn.Resume()
	}
}
