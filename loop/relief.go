package loop

// Others share a link, and what stands behind something long on it waits. Two things are long:
//
//   - A server reads nothing from a connection while it runs a script that came over it, and says
//     BUSY on all others once the script has lasted for too long. So a link whose server has been
//     silent over a script for stallTime is occupied.
//   - A client may be owed many large replies at once, because nobody knew that they would be
//     large, or one very large one. A link on which one session is owed more than mostAhead is
//     laden, until all has come that was in flight when that was last so.
//
// A second link to the server is dialed then, its relief: as soon as the server speaks there, which
// it does only when it has time or says BUSY, sessions that have nothing else in flight go over to
// it, and back when the first is congested no more. What was sent behind a script waits for its
// end: nobody can say that it will not run. Behind large replies reads are taken back and sent over
// the relief, where they are all that their session has in flight; a write waits.
//
// Who comes to a relief begins as if nobody knew the size of its replies, so that it cannot load
// much on this link as well. When that has happened all the same there is a relief of the relief,
// and no more.

const (
	mostAhead     = 4 << 20 // bytes of one session's replies that may be owed on a link for others to wait behind
	reliefAllowed = 16      // requests in flight of a session that comes to a relief
	mostReliefs   = 2       // in a row
)

// relieved returns the link set of the same dialect whose links stand in for those of f.
func (f *linkSet) relieved() *linkSet {
	if f.relief == nil {
		f.relief = &linkSet{dialect: f.dialect, pw: f.pw, home: f}
		f.pw.linkSets = append(f.pw.linkSets, f.relief)
	}
	return f.relief
}

// attach makes f the link set whose links the session uses.
func (s *session) attach(f *linkSet) {
	s.proto.linkSet.leave()
	s.proto.linkSet = f
	f.users++
}

// mayStep reports whether the session has nothing in flight but one whole request, that is about
// to be sent: the parts of a split one must not change what their session uses under each other.
func (s *session) mayStep() bool {
	return s.window.Len() == 1 && s.window.Front().join == noJoin
}

// sidestep chooses anew between the links of the session's link set to a server and their
// reliefs. The session has nothing in flight but the request that is to be sent.
func (s *session) sidestep(id int32, k int) *link {
	f := s.proto.linkSet
	for f.home != nil {
		f = f.home
	}
	l := f.link(id, k)
	for l.congested() && f.relief != nil {
		r := f.relief.link(id, k)
		if r.state != linkReady && r.shake.words == nil {
			break
		}
		l, f = r, f.relief
	}
	if f != s.proto.linkSet {
		s.attach(f)
		if f.home != nil {
			s.pace.allowed = min(s.pace.allowed, reliefAllowed)
		}
	}
	return l
}

// congested reports whether others are better off on the link's relief, see sidestep.
func (l *link) congested() bool { return l.health.occupied || l.queue.laden }

// lookOccupied notes whether the link is occupied, and dials its relief while it is congested.
func (l *link) lookOccupied() {
	l.unlade()
	if l.kind.home == nil || l.w.rests.late {
		return // nobody shares it, or it may be we who were silent
	}
	l.health.occupied = !l.kind.aside && l.owes() && l.w.now-l.health.heard > int64(stallTime) && runs(l.queue.fifo.Front())
	if l.congested() {
		l.callRelief()
	}
}

// callRelief dials the link's relief, where it may have one.
func (l *link) callRelief() {
	reliefs := 0
	for f := l.kind.home; f.home != nil; f = f.home {
		reliefs++
	}
	if reliefs < mostReliefs && l.pw.table.Server(l.server.ID) != nil {
		l.kind.home.relieved().link(l.server.ID, l.kind.nth).warm()
	}
}

// lade learns that a reply to s, or nil for nobody, has or will have so many bytes. Those that s
// still waits for may be as large.
func (l *link) lade(s *session, size int64) {
	n := int64(1)
	if s != nil {
		n = int64(max(1, s.window.Len()))
	}
	if size <= mostAhead/n || l.kind.home == nil || l.kind.home.urgent() {
		return
	}
	l.queue.ladenTo = l.queue.fifo.Behind()
	if !l.queue.laden {
		l.queue.laden = true
		l.callRelief()
		l.moveOthers()
	}
}

// unlade ends that the link is laden, when what was in flight has come.
func (l *link) unlade() {
	if l.queue.laden && int32(l.queue.fifo.First()-l.queue.ladenTo) >= 0 {
		l.queue.laden = false
	}
}

// moveOthers takes back the reads that wait on a laden link, whose relief is ready: now, or in
// pieces where very much is in flight.
func (l *link) moveOthers() {
	if !l.mayMove() {
		return
	}
	at := l.queue.fifo.First()
	piece := func() (done bool) {
		if !l.mayMove() {
			return true
		}
		if int32(at-l.queue.fifo.First()) < 0 {
			at = l.queue.fifo.First()
		}
		at = l.moveSome(at)
		return int32(at-l.queue.ladenTo) >= 0
	}
	if !piece() {
		l.w.addChore(piece)
	}
}

// mayMove reports whether what waits on the link may go over its relief.
func (l *link) mayMove() bool {
	if !l.queue.laden || l.conn == nil || l.kind.home.relief == nil {
		return false
	}
	r := l.kind.home.relief.made(l.server.ID, l.kind.nth)
	return r != nil && r.state == linkReady
}

// moveSome takes back reads from a position in the FIFO on, and returns the one behind the last
// that it has looked at. A session moves with all that it has in flight, or stays: its requests
// must not overtake each other.
func (l *link) moveSome(from uint32) (to uint32) {
	at := l.queue.base
	for p := l.queue.fifo.First(); p != from; p++ {
		at += int(l.queue.fifo.At(p).size)
	}
	var who []*session
	theirs := map[*session][]recallable{}
	p, work := from, 0
	for ; p != l.queue.fifo.Behind() && work < l.w.mostWork; p++ {
		e := l.queue.fifo.At(p)
		work += workAnswer
		if s := l.w.sessionOf(e); s != nil && !l.hasBegun(p) && l.mayTake(s, e) {
			if theirs[s] == nil {
				who = append(who, s)
			}
			theirs[s] = append(theirs[s], recallable{l, p, at, int(e.size)})
			work += int(e.size)
		}
		at += int(e.size)
	}
	for _, s := range who {
		if len(theirs[s]) == s.window.Len() && len(s.cheap(theirs[s])) == len(theirs[s]) {
			s.takeBackAll(theirs[s])
			s.stops &^= stopWindow
			s.input.hungry = true
			l.w.ready.hungry = append(l.w.ready.hungry, s)
		}
	}
	return p
}

// mayTake reports whether a request that waits on a laden link may be taken back for the sake of
// its session, which is not who waits for much itself.
func (l *link) mayTake(s *session, e *entry) bool {
	return s.mode == 0 && s.input.unfinished == nil && s.stops&^stopWindow == 0 && s.state == sessionOpen && !s.input.hungry && s.proto.linkSet == l.kind.home &&
		s.window.Len() <= reliefAllowed && !e.marks.has(unrecallable) && asItCame(s.pw.opt.Commands.All()[e.cmd])
}

// isRelief reports whether the link stands in for another one. That it is down while the
// server is silent is no news.
func (l *link) isRelief() bool { return l.kind.home != nil && l.kind.home.home != nil }

// runs reports whether the request of an entry may run a script or a function.
func runs(e *entry) bool {
	return int(e.cmd) < len(runsScript) && runsScript[e.cmd] || e.cmd == execID
}
