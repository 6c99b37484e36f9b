package loop

import "huntaway/loop/memory"

// A tap gets every reply of a link, whole; nil stands for one that was too long to be kept. What
// it gets is dead when it returns, unless it was put off. It reports whether it has taken the
// reply: one that it has not is put off, with all that comes behind it, and the link is not read
// from until it is undammed, when takeUp has given the tap all of it.
type tap func(reply []byte) (taken bool)

// openTapped makes a private link of the worker's own, not lent to anybody, and dials it.
// tap gets every reply behind the handshake, lost is called once when the link is gone. nil
// when the server is not in the table.
func (pw *poolWorker) openTapped(id int32, tap tap, lost func()) *link {
	server := pw.table.Server(id)
	if server == nil {
		return nil
	}
	l := newLink(pw, server, dialect{resp: 2})
	l.kind.private, l.lease.tap, l.lease.tapLost = true, tap, lost
	pw.private.links = append(pw.private.links, l)
	l.warm()
	return l
}

// utter sends a frame on a tapped link, in order and with the writes of this event.
func (l *link) utter(frame []byte) {
	if l.state == linkReady {
		l.press()
	}
	l.queue.log.Add(frame)
	l.count.Requests++
	l.count.RequestBytes += uint64(len(frame))
}

// uttered lets the log forget what has been given to the connection: nothing of it is ever sent
// again, and no entry of the FIFO stands for it.
func (l *link) uttered() {
	if l.queue.base != l.queue.sent {
		l.queue.base, l.queue.written = l.queue.sent, memory.Ring[stamp]{}
	}
}

// tapped gives a whole reply to whoever listens on a private link; nil for one that was too
// long to be kept.
func (l *link) tapped(b []byte) {
	reply, collected := l.complete(b)
	if !l.lease.tap(reply) {
		l.putOff(reply, collected)
		return
	}
	collected.Release(l.w.arena)
}

// complete returns a reply of which b is the last piece, and where it was collected if it was.
func (l *link) complete(b []byte) (reply []byte, collected memory.Intake) {
	switch {
	case l.coming.flows:
		l.coming.flows = false
		return nil, memory.Intake{}
	case l.coming.partial.Len() == 0:
		return b, memory.Intake{}
	}
	l.coming.partial.Add(l.w.arena, b, 0)
	collected, l.coming.partial = l.coming.partial, memory.Intake{} // the link may be closed
	return collected.Bytes(), collected
}
