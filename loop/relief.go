package loop

// A server reads nothing from a connection while it runs a script that came over it, and says
// BUSY on all others once the script has lasted for too long. Here others share that
// connection, and it may be theirs for ever. So a shared link whose server has been silent
// over a script for stallTime counts as occupied, and a second one is dialed, its relief: as
// soon as the server speaks there, which it does only when it has time or says BUSY, sessions
// that have nothing else in flight go over to it, and back when the first is free. What was
// sent behind the script waits for its end: nobody can say that it will not run.

// relieved returns the family of the same dialect whose links stand in for those of f.
func (f *family) relieved() *family {
	if f.relief == nil {
		f.relief = &family{dialect: f.dialect, pw: f.pw, home: f}
		f.pw.families = append(f.pw.families, f.relief)
	}
	return f.relief
}

// attach makes f the family whose links the session uses.
func (s *session) attach(f *family) {
	s.family.leave()
	s.family = f
	f.users++
}

// mayStep reports whether the session has nothing in flight but one whole request, that is about
// to be sent: the parts of a split one must not change what their session uses under each other.
func (s *session) mayStep() bool {
	return s.window.len() == 1 && s.window.front().join == noJoin
}

// sidestep chooses anew between the links of the session's family to a server and their
// relief. The session has nothing in flight but the request that is to be sent.
func (s *session) sidestep(id int32, k int) *link {
	home := s.family
	if home.home != nil {
		home = home.home
	}
	l, f := home.link(id, k), home
	if l.occupied {
		if r := home.relieved().link(id, k); r.state == linkReady || r.words != nil {
			l, f = r, home.relief
		}
	}
	if f != s.family {
		s.attach(f)
	}
	return l
}

// lookOccupied notes whether the link is occupied, and dials its relief while it is.
func (l *link) lookOccupied() {
	if l.home == nil || l.w.late {
		return // nobody shares it, or it may be we who were silent
	}
	l.occupied = !l.aside && l.owes() && l.w.now-l.heard > int64(stallTime) && runs(l.fifo.front())
	if l.occupied && l.pw.table.Server(l.server.ID) != nil {
		l.home.relieved().link(l.server.ID, l.nth).warm()
	}
}

// isRelief reports whether the link stands in for another one. That it is down while the
// server is silent is no news.
func (l *link) isRelief() bool { return l.home != nil && l.home.home != nil }

// runs reports whether the request of an entry may run a script or a function.
func runs(e *entry) bool {
	return int(e.cmd) < len(runsScript) && runsScript[e.cmd] || e.cmd == execID
}
