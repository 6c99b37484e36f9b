package loop

// settle is the one exit of a request that was answered: b is its reply, or the last piece
// of it. It is counted, and goes to its slot or to the join of its command.
func (w *worker) settle(e *entry, b []byte) {
	s := w.sessionOf(e)
	if s == nil {
		return
	}
	s.done(e)
	if e.marks.has(isPart) {
		s.joinReply(e, b)
		return
	}
	s.pw.counters.Replies++
	s.pw.settled(e)
	if len(b) >= worthWeighing {
		s.weigh(len(b))
	}
	s.reply(e.seq, b)
}

// done takes a request out of its session's books.
func (s *session) done(e *entry) {
	if e.marks&(isWrite|isPrivate) == 0 {
		return
	}
	if e.marks.has(isWrite) {
		s.writes.inFlight--
		s.writes.answered = s.w.now
	}
	if e.marks.has(isPrivate) {
		s.pinAnswered(e)
	}
}

// fail is the one exit of a request that gets no reply from a server. l may be nil.
func (w *worker) fail(e *entry, f *fault, l *link) {
	s := w.sessionOf(e)
	if s == nil {
		return
	}
	s.pw.landed(e)
	c := &s.pw.counters
	c.ErrorReplies++
	if e.marks.has(isScript) {
		s.pw.pool.scripts.ForgetUnsure() // it may be one of those
	}
	if f.class == notExecuted {
		c.NotExecuted++
	} else {
		c.Unknown++
	}
	at := s.pw.place(e.group, l)
	if waited := w.now - e.sent; f == faultTimeout && waited < int64(s.pw.opt.Timeout) {
		f = faultSilent // its link was given up for those before it
	} else if f == faultTimeout {
		at.afterMS = waited / 1e6
	}
	unwatched := e.cmd == execID && e.marks.has(isPrivate) && f.class == notExecuted
	if unwatched {
		s.unpin() // the server may not have got it, and watches still
	}
	s.done(e)
	s.pw.commands[e.cmd].Errors++
	reply := appendFault(w.pad.scratch[:0], f, at)
	if unwatched {
		reply = appendNoArray(w.pad.scratch[:0], s.proto.resp) // sent again it would run without its WATCH
	}
	if e.marks.has(isPart) {
		w.pad.scratch = reply[:0]
		s.joinFault(e, f, reply)
		return
	}
	s.pw.settled(e)
	s.answer(e.seq, reply)
}

// settled books a request, once for all its parts, under its command.
func (pw *poolWorker) settled(e *entry) {
	took := pw.w.now - e.sent
	c := &pw.commands[e.cmd]
	c.Calls++
	c.Nanos += uint64(took)
	pw.counters.Latency.Observe(took)
}
