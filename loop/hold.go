package loop

import (
	"slices"
	"time"

	"huntaway/shard"
)

// How requests that were refused wait.
const (
	shunTime   = time.Second           // how long a server that says it is not ready gets no reads
	probePause = 50 * time.Millisecond // between two looks whether a group takes requests again
	probeTime  = time.Second           // how long a look may take, if the pool's timeout is not longer
)

// A refusalCode says whether a refusal comes from a server that is no master any more.
type refusalCode uint8

const (
	notNow refusalCode = iota + 1
	demoted
)

// A hold is what a group's requests wait in while nobody can take them: the master's link
// is down, or the master refuses without executing. Owner: the worker.
//
// It lasts as long as the outage. Requests wait no longer than the pool's hold timeout
// counted from the outage's beginning: the first ones bridge a short gap, and when it turns
// out to be long everybody fails at once, so waiting times never add up.
//
// Invariant: what waits is in the order in which it came, per session; a session of which
// one request waits has its later ones for the group wait behind it.
type hold struct {
	since   int64 // when the outage began
	queue   []held
	bytes   int64 // of the frames in queue
	gates   []gate
	nextTry int64 // when to look again
}

// A held request has its own copy of its frame.
type held struct {
	e     entry
	frame []byte
	f     *fault // what to say when the time is over
}

// A gate is a link to a former master that still owes replies: what comes later must not
// overtake them.
type gate struct {
	l    *link
	head uint32 // the FIFO position that must be reached
}

// waits reports whether e must join the queue.
func (h *hold) waits(s *session, e *entry) bool {
	if e.marks.has(isProbe) || len(h.queue) == 0 && len(h.gates) == 0 {
		return false
	}
	return s.held > 0 || !e.marks.has(viaRead)
}

// postpone is for a request that cannot be sent now: it is held while the outage is young,
// and fails at once when it is old. l is the link that is down, nil when there is no server.
func (pw *poolWorker) postpone(s *session, e *entry, frame []byte, l *link) {
	f := faultConnect
	switch {
	case l == nil && e.marks.has(viaRead):
		f = faultNoReplica
	case l == nil:
		f = faultNoMaster
	case l.barred:
		f = faultAuth
	}
	if !pw.holding(e.group, l) {
		pw.w.fail(e, f, l)
		return
	}
	pw.hold(s, e, frame, f)
}

// holding reports whether the group's outage is young enough to wait for its end.
func (pw *poolWorker) holding(group uint16, l *link) bool {
	limit := int64(pw.opt.HoldTimeout)
	if limit == 0 {
		return false
	}
	h := pw.holds[group]
	if h == nil {
		h = &hold{since: pw.w.now}
		if l != nil && l.downAt > 0 {
			h.since = l.downAt
		}
		pw.holds[group] = h
	}
	return pw.w.now-h.since < limit
}

// hold puts a request into the group's queue.
func (pw *poolWorker) hold(s *session, e *entry, frame []byte, f *fault) {
	h := pw.holds[e.group]
	if h.bytes+int64(len(frame)) > pw.opt.HoldBytes {
		pw.w.fail(e, faultHoldFull, nil)
		return
	}
	at := len(h.queue)
	if e.marks.has(retried) && s.held > 0 {
		at = h.placeOf(e)
	}
	h.queue = slices.Insert(h.queue, at, held{*e, append([]byte(nil), frame...), f})
	h.bytes += int64(len(frame))
	s.held++
	pw.counters.Held++
}

// placeOf returns where in the queue a request belongs that was sent before: in front of
// what its session sent later, which joined the queue while the server's refusal of this
// one was on its way.
func (h *hold) placeOf(e *entry) int {
	for i := range h.queue {
		o := &h.queue[i].e
		if o.session == e.session && o.gen == e.gen && int32(o.seq-e.seq) > 0 {
			return i
		}
	}
	return len(h.queue)
}

// letGo sends a request that was held. Its time starts anew: what it had to wait here must
// not count as the server's.
func (pw *poolWorker) letGo(q *held, more marks) {
	s := pw.w.sessionOf(&q.e)
	if s == nil {
		return
	}
	s.held--
	q.e.sent = pw.w.now
	q.e.marks |= more
	pw.dispatch(s, &q.e, q.frame)
}

// holdRefused holds a request that its server refused with that code. False: it is not to
// be held, and the client gets the server's own words.
func (pw *poolWorker) holdRefused(s *session, e *entry, frame []byte, code refusalCode) bool {
	if !pw.holding(e.group, nil) {
		if pw.opt.HoldTimeout == 0 || code != demoted {
			return false
		}
		pw.w.fail(e, faultNoMaster, nil) // READONLY makes some clients drop their connection
		return true
	}
	h := pw.holds[e.group]
	if !e.marks.has(isProbe) {
		e.marks |= retried
		pw.hold(s, e, frame, faultHoldTime)
		h.nextTry = max(h.nextTry, pw.w.now+int64(probePause))
		return true
	}
	e.marks &^= isProbe // it was the first of the queue, and is so again
	h.nextTry = pw.w.now + int64(probePause)
	h.queue = append([]held{{*e, append([]byte(nil), frame...), faultHoldTime}}, h.queue...)
	h.bytes += int64(len(frame))
	s.held++
	return true
}

// free sends everything that a group holds, in order.
func (pw *poolWorker) free(group int) {
	h := pw.holds[group]
	pw.holds[group] = nil
	if h == nil {
		return
	}
	for i := range h.queue {
		pw.letGo(&h.queue[i], 0)
	}
}

// probe sends the first held request of a group, to see whether it is taken now. There is
// no second one before the first is answered or given up: both could be refused, and would
// come back in the wrong order.
func (pw *poolWorker) probe(group int) {
	h := pw.holds[group]
	for len(h.queue) > 0 {
		q := h.queue[0]
		h.queue = h.queue[1:]
		h.bytes -= int64(len(q.frame))
		if pw.w.sessionOf(&q.e) != nil {
			h.nextTry = pw.w.now + max(int64(pw.opt.Timeout), int64(probeTime))
			pw.letGo(&q, isProbe)
			return
		}
	}
}

// taken hears that a request was executed: when its group was thought not to take any, the
// outage is over.
func (pw *poolWorker) taken(e *entry) {
	h := pw.holds[e.group]
	if h == nil || len(h.gates) > 0 {
		return
	}
	if e.marks.has(isProbe) || len(h.queue) == 0 && e.marks.has(isWrite) {
		pw.free(int(e.group))
	}
}

// linkReady sends what was held for the server that can be reached again.
func (pw *poolWorker) linkReady(l *link) {
	group := pw.table.GroupOf(l.server.ID)
	if group >= 0 && pw.holds[group] != nil && len(pw.holds[group].gates) == 0 {
		pw.free(group)
	}
}

// mastersMoved looks at every group that has another master than in the table before:
// requests wait until the old one has answered what it was sent, so that a client's writes
// cannot overtake each other; and what waited for a master is sent.
func (pw *poolWorker) mastersMoved(was *shard.Table) {
	for g := range pw.table.Groups {
		now := pw.table.Groups[g].Master
		if was == nil || g >= len(was.Groups) || was.Groups[g].Master == now || now < 0 {
			continue
		}
		raised := pw.raiseGates(g, was.Groups[g].Master)
		if h := pw.holds[g]; !raised && (h == nil || len(h.gates) == 0) {
			pw.free(g)
		}
	}
}

// raiseGates makes later requests wait for what is in flight to the old master.
func (pw *poolWorker) raiseGates(group int, old int32) (raised bool) {
	if pw.opt.HoldTimeout == 0 || old < 0 {
		return false
	}
	pw.sharedLinks(func(l *link) {
		if l.server.ID != old || l.fifo.len() == l.expired {
			return
		}
		h := pw.holds[group]
		if h == nil {
			h = &hold{since: pw.w.now}
			pw.holds[group] = h
		}
		h.gates = append(h.gates, gate{l, l.fifo.tail})
		raised = true
	})
	return raised
}

// openGates lets a group's requests go on when its former master owes nothing any more.
func (pw *poolWorker) openGates(group int) {
	h := pw.holds[group]
	keep := h.gates[:0]
	for _, g := range h.gates {
		if g.l.fifo.len() > g.l.expired && int32(g.l.fifo.head-g.head) < 0 {
			keep = append(keep, g)
		}
	}
	h.gates = keep
	if len(keep) == 0 {
		pw.free(group)
	}
}

// tickHolds lets requests go whose time is over, and looks whether others can be sent.
func (pw *poolWorker) tickHolds() {
	for g, h := range pw.holds {
		switch {
		case h == nil:
		case len(h.gates) > 0:
			pw.expireHeld(h)
			pw.openGates(g)
		case len(h.queue) == 0 && pw.w.now-h.since > 2*int64(pw.opt.HoldTimeout):
			pw.reopen(g)
		default:
			pw.expireHeld(h)
			if len(h.queue) > 0 && pw.w.now >= h.nextTry && pw.masterUsable(g) {
				pw.probe(g)
			}
		}
	}
}

// reopen forgets an outage that is long over or that nobody has asked about: the next
// request finds out. An outage that goes on is remembered by the link's own downAt.
func (pw *poolWorker) reopen(group int) {
	if pw.masterUsable(group) {
		pw.holds[group] = nil
	}
}

// masterUsable reports whether a group's master can be given requests.
func (pw *poolWorker) masterUsable(group int) bool {
	id := pw.table.Groups[group].Master
	return id >= 0 && pw.link(id, 0).usable()
}

// expireHeld fails the requests that have waited for too long.
func (pw *poolWorker) expireHeld(h *hold) {
	limit := int64(pw.opt.HoldTimeout)
	for len(h.queue) > 0 {
		q := &h.queue[0]
		if pw.w.now-h.since < limit && pw.w.now-q.e.sent < limit {
			return
		}
		if s := pw.w.sessionOf(&q.e); s != nil {
			s.held--
		}
		h.bytes -= int64(len(q.frame))
		e, f := q.e, q.f
		h.queue = h.queue[1:]
		pw.w.fail(&e, f, nil)
	}
}
