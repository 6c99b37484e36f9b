package loop

import "huntaway/codec"

// watch serves WATCH. The session is alone, so the link that it borrows, the pin, gets
// everything that the client says from here on to the same server, in its order.
func (s *session) watch(cmd *codec.Command, r *codec.Request) {
	group, text := s.watchGroup(cmd, r)
	if text != "" {
		s.refuse(text)
		return
	}
	fresh := s.tx == nil
	if fresh {
		s.tx = &transaction{w: s.w, group: s.pw.refTo(group)}
	}
	if !s.tx.inSlot(s.pw, cmd, r) {
		if fresh {
			s.tx = nil
		}
		s.pw.counters.CrossSlot++
		s.refuse(textCrossSlot)
		return
	}
	s.checkPin()
	if s.tx.lost { // EXEC answers null in any case
		s.tell(cmd, codec.AppendSimple(s.w.pad.scratch[:0], "OK"))
		return
	}
	e := entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID, group: s.pw.refTo(group), marks: isPrivate}
	e.seq = s.expect(slot{join: noJoin})
	if s.mode.has(modePinned) {
		s.pin.send(r.Frame, &e)
		return
	}
	s.pw.dispatch(s, &e, r.Frame)
	if s.tx != nil && s.pin == nil {
		s.standAlone() // it is held: what comes later must not run unwatched
	}
}

// pinDown borrows the pin for a WATCH and sends it there. It reports whether it has: while
// the group takes no requests dispatch goes on, and holds the WATCH like any of them.
func (pw *poolWorker) pinDown(s *session, e *entry, frame []byte) (served bool) {
	if e.cmd == execID {
		return pw.execHeld(s, e, frame)
	}
	id := pw.masterAt(e.group)
	if h := pw.holdAt(e.group); id < 0 || h != nil && h.waits(s, e) || !pw.linkOf(s, id).usable() {
		return false
	}
	s.tx.group = e.group
	if f := pw.refusesLink(s, id, loanWatch); f != nil {
		pw.w.fail(e, f, pw.linkOf(s, id))
		return true
	}
	s.pin = pw.borrow(s, id, loanWatch)
	if s.pin == nil {
		pw.landed(e)
		s.dropTransaction()
		s.settleLocal(e.seq, codec.AppendError(s.w.pad.scratch[:0], textNoPrivate))
		return true
	}
	s.mode |= modePinned
	s.pin.send(frame, e)
	return true
}

// watchGroup finds the group of the keys to watch, which is that of those already watched.
func (s *session) watchGroup(cmd *codec.Command, r *codec.Request) (group int, text string) {
	group = noGroup
	if s.tx != nil {
		s.followTable()
		group = s.pw.indexOf(s.tx.group)
	}
	group, text = s.groupOf(cmd, r, group)
	if text == textCrossSlot {
		s.pw.counters.CrossSlot++
	}
	return group, text
}

// faultText is a fault's error without its framing.
func faultText(f *fault, at place) string {
	reply := appendFault(nil, f, at)
	return string(reply[1 : len(reply)-len(codec.CRLF)])
}

// checkPin gives the pin up when it leads to a server that is not the group's master any
// more: nobody can say what the new one would have seen.
func (s *session) checkPin() {
	t := s.tx
	if !s.mode.has(modePinned) {
		return
	}
	if !t.lost && s.pin.state == linkReady && s.pin.conn != nil &&
		s.pw.masterAt(t.group) == s.pin.server.ID {
		return
	}
	t.lost = true
	s.unpin()
}

// unpin gives back the pin of a session that is alone. The server is told to watch no more;
// until it has said so the link is nobody's.
func (s *session) unpin() {
	if !s.mode.has(modePinned) {
		return
	}
	l := s.letPinGo()
	if l.state != linkReady || l.conn == nil || l.busy() {
		l.burn()
		return
	}
	l.send(frameUnwatch, &entry{sent: s.w.now, cmd: unwatchID, marks: isSink | isPrivate})
}

// letPinGo takes the pin from the session.
func (s *session) letPinGo() (l *link) {
	l, s.pin = s.pin, nil
	s.mode &^= modePinned
	return l
}

// burn discards a private link when the event is over: the caller may still be using it.
func (l *link) burn() { l.w.ready.buried = append(l.w.ready.buried, l.discard) }

// unwatched hears the answer to what unpin has sent.
func (l *link) unwatched(b []byte) {
	if b[0] != '+' {
		l.burn()
		return
	}
	l.giveBack()
}

// pinAnswered hears that a WATCH, or the EXEC behind it, was answered or failed.
func (s *session) pinAnswered(e *entry) {
	l := s.pin
	switch {
	case e.cmd != watchID && e.cmd != execID:
		return
	case l == nil: // it was never sent
		s.unpinned()
		return
	}
	sound := l.state == linkReady && l.conn != nil && l.queue.expired == 0
	switch {
	case e.cmd == execID && sound && !l.busy():
		s.letPinGo().giveBack()
	case e.cmd == execID:
		s.letPinGo().burn()
	case sound:
		s.tx.watched = true
	default:
		s.letPinGo().burn()
		s.unpinned()
	}
}

// unpinned is called when the private link that the session held is gone. What was watched
// may have changed without our hearing of it.
func (s *session) unpinned() {
	s.mode &^= modePinned
	switch {
	case s.tx == nil:
	case s.tx.watched || s.mode.has(modeMulti):
		s.tx.lost = true
	default:
		s.dropTransaction() // the only WATCH has failed, and the client is told so
	}
}
