package loop

import "huntaway/codec"

// The ends of a transaction's frame.
var (
	frameMulti   = codec.AppendCommand(nil, "MULTI")
	frameExec    = codec.AppendCommand(nil, "EXEC")
	frameUnwatch = codec.AppendCommand(nil, "UNWATCH")
)

// exec ends the transaction by having it executed, or says why it is not. With a pin the
// session is alone.
func (s *session) exec(cmd *codec.Command) {
	s.followTable()
	s.checkPin()
	t := s.tx
	switch {
	case t.spoilt:
		s.endTransaction()
		s.tellError(cmd, textAborted)
	case t.lost:
		s.endTransaction()
		s.tell(cmd, appendNoArray(s.w.pad.scratch[:0], s.proto.resp))
	case s.mode.has(modePinned):
		s.execPinned(cmd)
	case t.len() == 0:
		s.endTransaction()
		s.tell(cmd, codec.AppendArray(s.w.pad.scratch[:0], 0))
	case t.queued == 0:
		s.execHere(cmd)
	default:
		s.execShared(cmd)
	}
}

// execShared sends a transaction over the link that the session shares with others. One
// that has named no key goes to the pool's first group.
func (s *session) execShared(cmd *codec.Command) {
	if s.tx.group == (groupRef{}) {
		s.tx.group = s.pw.refTo(s.pw.firstGroup())
	}
	e, frame := s.closed(cmd)
	if s.tx.group == (groupRef{}) {
		s.pw.unplaced(s, &e, frame)
	} else {
		s.pw.dispatch(s, &e, frame)
	}
	s.dropTransaction()
}

// execPinned sends a transaction over the link that watches for it. Whatever comes later
// waits for the answer, and goes over the shared link again.
func (s *session) execPinned(cmd *codec.Command) {
	e, frame := s.closed(cmd)
	e.marks |= isPrivate
	s.standAlone()
	if h := s.pw.holdAt(e.group); h != nil && h.waits(s, &e) {
		s.pw.join(s, &e, frame, h)
	} else {
		s.pin.send(frame, &e)
	}
	s.dropTransaction()
}

// execHeld sends a transaction that was held over the link that watches for it. When that
// does not lead to the master any more nobody can say what it would have seen. It returns
// false when the transaction has to wait on.
func (pw *poolWorker) execHeld(s *session, e *entry, frame []byte) (served bool) {
	if h := pw.holdAt(e.group); h != nil && h.waits(s, e) {
		return false
	}
	l := s.pin
	if l == nil || l.state != linkReady || l.conn == nil || l.server.ID != pw.masterAt(e.group) {
		pw.w.fail(e, faultNoMaster, nil) // which EXEC hears as null
		return true
	}
	l.send(frame, e)
	return true
}

// closed completes the frame and makes its entry, which has its slot then.
func (s *session) closed(cmd *codec.Command) (e entry, frame []byte) {
	t := s.tx
	s.closeMedley()
	t.add(frameExec)
	frame, loads := s.pw.withScripts(t)
	e = entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID, group: t.group}
	e.marks, e.part = isWrite|isMany|t.guard, uint16(min(loads+1+t.queued, mostLeads))
	if t.brings {
		e.marks |= isScript
	}
	if t.flushes {
		s.pw.pool.scripts.Flush()
	}
	e.seq = s.expect(slot{join: noJoin})
	s.attend(e.seq)
	s.writes.inFlight++
	return e, frame
}

// withScripts puts the scripts that a transaction names in front of its frame, as many as
// are remembered: in the middle nobody could heal a NOSCRIPT.
func (pw *poolWorker) withScripts(t *transaction) (frame []byte, loads int) {
	if len(t.named) == 0 || t.frames.Len() > mostRetoldBytes {
		return t.frames.Bytes(), 0 // what is that large is not copied for them
	}
	all, n := pw.loadsFor(nil, t.named)
	if n == 0 {
		return t.frames.Bytes(), 0
	}
	return append(all, t.frames.Bytes()...), n
}

// appendNoArray appends what EXEC answers when what was watched has changed.
func appendNoArray(dst []byte, resp uint8) []byte {
	if resp == 3 {
		return codec.AppendNil(dst, resp)
	}
	return append(dst, "*-1\r\n"...)
}

// abortedFor returns the error to give to EXEC for a server's. A server that refused a
// request of the transaction told why when it was queued, which the client has not seen.
func (l *link) abortedFor(e *entry, b []byte) []byte {
	switch {
	case l.led.text == "" || e.cmd != execID:
		return b
	case !codeIs(b, "EXECABORT"): // MULTI itself was refused, by the rights of our user perhaps
		return codec.AppendError(nil, textNoTransaction+l.led.text)
	}
	return codec.AppendError(nil, textAbortedFor+l.led.text)
}

// abortCode says whether a transaction was aborted because its group can take none now: 0
// when it was not, and the abort is the client's to see.
func (l *link) abortCode(e *entry) refusalCode {
	if !e.marks.has(isMany) {
		return 0
	}
	if l.led.code == demoted {
		l.w.engine.report.Demoted(l.pw.opt.Name, l.server.ID)
	}
	return l.led.code
}

// relocateAll is relocate for a transaction. In a cluster all its keys are of one slot.
func (pw *poolWorker) relocateAll(e *entry, frame []byte) (why *fault) {
	group, text := pw.groupOfAll(frame)
	switch {
	case text == "":
		e.group = pw.refTo(group)
		return nil
	case pw.table.Slotted():
		return faultUnowned
	}
	return faultMoved
}
