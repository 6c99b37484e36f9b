package loop

import (
	"slices"
	"time"

	"huntaway/shard"
)

// How requests that were refused wait.
const (
	avoidTime  = time.Second           // how long a server that says it is not ready gets no reads
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
// is down, the master refuses without executing, or the table says that the group is held.
// Owner: the worker.
//
// It lasts as long as the outage. Requests wait no longer than the pool's hold timeout
// counted from the outage's beginning: the first ones bridge a short gap, and when it turns
// out to be long everybody fails at once, so waiting times never add up.
// A read that replicas may serve counts from the moment at which the last of them was gone:
// that they are gone for a moment in the middle of a long outage of the master (a Sentinel
// that has them follow another one cuts their connections) is a short gap to it.
//
// Invariant: what waits is in the order in which it came, per session; a session of which
// one request waits has its later ones for the group wait behind it.
type hold struct {
	since   int64 // when the outage began
	mute    int64 // when its last replica was gone that could serve a read; 0: not yet noticed
	queue   []held
	of      map[waiter]*heldOf // what of it is whose
	bytes   int64              // of the frames in queue
	shut    bool               // the table says that the group is held
	gates   []gate
	nextTry int64 // when to look again
	release release
}

// A heldOf is what a session has in a hold's queue: whether its requests have to be looked for
// there is asked for each of its replies, and the queue may be long.
type heldOf struct {
	n      int      // its requests
	top    uint32   // the latest slot that one of them had, or of one that was there before
	writes []uint32 // the slots of its writes, in order
}

// A held request has its own copy of its frame.
type held struct {
	e     entry
	frame []byte
	f     *fault // what to say when the time is over
}

// closed reports whether nothing may go to the group's master, whoever it is.
func (h *hold) closed() bool { return h.shut || len(h.gates) > 0 }

// waits reports whether e must join the queue. A read may still go on to a replica.
func (h *hold) waits(s *session, e *entry) bool {
	if e.marks.has(released) || !h.closed() && len(h.queue) == 0 && !h.release.probing() {
		return false
	}
	return s.writes.held > 0 || !e.marks.has(viaRead)
}

// bars reports whether a read that only the master can serve must join the queue: it would
// meet a server in doubt, overtake writes of its own client, or burden a master that has
// just come back beyond what it is given.
func (h *hold) bars(s *session, e *entry) bool {
	switch {
	case e.marks.has(released):
		return false
	case h.shut || len(h.gates) > 0 && s.writes.inFlight > 0:
		return true
	}
	return len(h.queue) > 0 && h.release.ramping()
}

// join makes a request wait for its group, or fails it when the group has taken none for
// too long.
func (pw *poolWorker) join(s *session, e *entry, frame []byte, h *hold) {
	if h.closed() && pw.w.now-pw.outage(e, h) >= int64(pw.opt.HoldTimeout) {
		pw.w.fail(e, faultNoMaster, nil)
		return
	}
	pw.hold(s, e, frame, faultHoldTime)
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
	case l.shake.words != nil:
		pw.turnAway(e, l.shake.words)
		return
	case l.shake.why != nil:
		f = l.shake.why
	}
	if !pw.holding(e, l) {
		pw.w.fail(e, f, l)
		return
	}
	h := pw.holdAt(e.group)
	if f == faultNoReplica {
		pw.landed(e)
		h.nextTry = pw.w.now + int64(probePause)
	} else {
		h.release.stop()
	}
	pw.hold(s, e, frame, f)
}

// holding reports whether the group's outage is young enough to wait for its end. Of an outage
// of a group that is looked for anew nothing is known.
func (pw *poolWorker) holding(e *entry, l *link) bool {
	limit, g := int64(pw.opt.HoldTimeout), pw.indexOf(e.group)
	if limit == 0 || g < 0 {
		return limit > 0
	}
	h := pw.holds[g]
	if h == nil {
		h = pw.newHold(g)
		if l != nil && l.health.downAt > 0 {
			h.since = l.health.downAt
		}
	}
	return pw.w.now-pw.outage(e, h) < limit
}

// outage returns when that began what keeps e from being served.
func (pw *poolWorker) outage(e *entry, h *hold) int64 {
	g := pw.indexOf(e.group)
	if g < 0 || !e.marks.has(viaRead) || pw.opt.ReadPolicy == shard.ReadMaster || pw.replicaUsable(g) {
		return h.since
	}
	if h.mute == 0 {
		h.mute = pw.w.now
	}
	return max(h.since, h.mute)
}

// newHold begins a group's outage.
func (pw *poolWorker) newHold(group int) *hold {
	h := &hold{since: pw.w.now}
	pw.holds[group] = h
	return h
}

// hold puts a request into the group's queue. One that had been let go is put back in front.
func (pw *poolWorker) hold(s *session, e *entry, frame []byte, f *fault) {
	h := pw.holdAt(e.group)
	back := e.marks.has(released)
	pw.landed(e)
	at := len(h.queue)
	switch {
	case back:
		at = h.placeOf(e, min(at, h.release.back))
	case e.marks.has(retried) && s.writes.held > 0:
		at = h.placeOf(e, at)
	}
	pw.holdIn(h, at, s, e, frame, f, back)
}

// holdIn puts a request into a place of a group's queue, unless the queue is full. One that was
// there before always has room.
func (pw *poolWorker) holdIn(h *hold, at int, s *session, e *entry, frame []byte, f *fault, back bool) {
	if !back && (h.bytes+int64(len(frame)) > pw.opt.HoldBytes || len(h.queue) >= pw.opt.HoldRequests) {
		pw.counters.HoldFull++
		pw.w.fail(e, faultHoldFull, nil)
		return
	}
	if back || at < h.release.back {
		h.release.back++
	}
	h.queue = slices.Insert(h.queue, at, held{*e, append([]byte(nil), frame...), f})
	h.enter(e)
	h.bytes += int64(len(frame))
	s.writes.held++
	pw.counters.Held++
	pw.counters.HeldNow++
}

// placeOf returns where in the queue a request belongs that was sent before: in front of
// what its session sent later, which joined the queue while the server's refusal of this
// one was on its way, and no further back than at most. Refusals come in the order of the
// requests, so there is mostly nothing to look for: looking for each of fifty clients'
// pipelines held an event loop up for seconds.
func (h *hold) placeOf(e *entry, most int) int {
	if all := h.of[waiter{e.session, e.gen}]; all == nil || int32(all.top-e.seq) <= 0 {
		return most
	}
	for i := range h.queue[:most] {
		o := &h.queue[i].e
		if o.session == e.session && o.gen == e.gen && int32(o.seq-e.seq) > 0 {
			return i
		}
	}
	return most
}

// behindWrites returns the first place in the queue behind every write that the request's session
// sent before it, and in front of what it sent later, if that stands behind those.
func (h *hold) behindWrites(e *entry) int {
	all := h.of[waiter{e.session, e.gen}]
	if int32(all.top-e.seq) <= 0 {
		return len(h.queue)
	}
	n, _ := slices.BinarySearchFunc(all.writes, e.seq, func(a, b uint32) int { return int(int32(a - b)) })
	at := 0
	for ; n > 0; at++ {
		if o := &h.queue[at].e; o.session == e.session && o.gen == e.gen && o.marks.has(isWrite) && int32(o.seq-e.seq) < 0 {
			n--
		}
	}
	return at
}

// enter notes a request that has come into the queue.
func (h *hold) enter(e *entry) {
	who := waiter{e.session, e.gen}
	all := h.of[who]
	if all == nil {
		if h.of == nil {
			h.of = make(map[waiter]*heldOf)
		}
		all = &heldOf{top: e.seq}
		h.of[who] = all
	}
	all.n++
	if int32(e.seq-all.top) > 0 {
		all.top = e.seq
	}
	if !e.marks.has(isWrite) {
		return
	}
	at := len(all.writes)
	for at > 0 && int32(all.writes[at-1]-e.seq) > 0 {
		at--
	}
	all.writes = slices.Insert(all.writes, at, e.seq)
}

// leave notes a request that has left the queue.
func (h *hold) leave(e *entry) {
	who := waiter{e.session, e.gen}
	all := h.of[who]
	if e.marks.has(isWrite) {
		at := slices.Index(all.writes, e.seq) // the first: they leave in order
		all.writes = slices.Delete(all.writes, at, at+1)
	}
	if all.n--; all.n == 0 {
		delete(h.of, who)
	}
}

// pop takes the oldest request out of the queue; there must be one.
func (h *hold) pop() held {
	q := h.queue[0]
	h.queue[0] = held{}
	h.queue = h.queue[1:]
	h.bytes -= int64(len(q.frame))
	h.leave(&q.e)
	return q
}

// letGo sends a request that was held. Its time starts anew: what it had to wait here must
// not count as the server's.
func (pw *poolWorker) letGo(q *held, more marks) {
	pw.counters.HeldNow--
	s := pw.w.sessionOf(&q.e)
	if s == nil {
		return
	}
	s.writes.held--
	pw.counters.Released++
	q.e.sent = pw.w.now
	q.e.marks |= more
	pw.dispatch(s, &q.e, q.frame)
}

// holdRefused holds a request that its server refused with that code. False: it is not to
// be held, and the client gets the server's own words.
func (pw *poolWorker) holdRefused(s *session, e *entry, frame []byte, code refusalCode) bool {
	if pw.groupAt(e.group) == nil && pw.opt.HoldTimeout > 0 {
		pw.again(e, frame) // the refusal is of another table's group: it says nothing about that of now
		return true
	}
	if !pw.holding(e, nil) {
		pw.landed(e)
		if pw.opt.HoldTimeout == 0 || code != demoted {
			return false
		}
		pw.w.fail(e, faultNoMaster, nil) // READONLY makes some clients drop their connection
		return true
	}
	h := pw.holdAt(e.group)
	h.release.stop()
	h.nextTry = max(h.nextTry, pw.w.now+int64(probePause))
	if !e.marks.has(released) {
		e.marks |= retried
	}
	pw.hold(s, e, frame, faultHoldTime)
	return true
}

// overtook reports whether an answer must not be passed on: its read was sent behind a write of
// the same session that the server has refused and that waits now. It saw what was there
// before the write, and the client would learn the two in the wrong order.
func (pw *poolWorker) overtook(s *session, e *entry) bool {
	h := pw.holdAt(e.group)
	switch {
	case h == nil || e.marks.has(isWrite|isPrivate|isMany|toReplica|urgent):
		return false
	case e.marks.has(viaRead) && pw.opt.ReadPolicy != shard.ReadMaster && !pw.opt.ReadYourWrites:
		return false // replicas promise no order between a client's reads and writes
	}
	all := h.of[waiter{s.index, s.gen}]
	return all != nil && len(all.writes) > 0 && int32(all.writes[0]-e.seq) < 0
}

// holdBack has a read that overtook wait behind the write, wherever that stands: let go in front of
// it once more, the read would only be held back again.
func (pw *poolWorker) holdBack(s *session, e *entry, frame []byte) {
	h := pw.holdAt(e.group)
	back := e.marks.has(released)
	pw.landed(e)
	e.marks |= retried
	pw.holdIn(h, h.behindWrites(e), s, e, frame, faultHoldTime, back)
}

// tickHolds lets requests go whose time is over, and looks whether others can be sent.
func (pw *poolWorker) tickHolds() {
	for g, h := range pw.holds {
		if h == nil {
			continue
		}
		if h.mute != 0 && pw.replicaUsable(g) {
			h.mute = 0
			pw.letReadsGo(g)
		}
		pw.expireHeld(h)
		switch {
		case h.shut:
		case len(h.gates) > 0:
			pw.openGates(g)
		case len(h.queue) > 0 || h.release.flying > 0:
			pw.tickRelease(g, h)
		case pw.w.now-h.since > 2*int64(pw.opt.HoldTimeout):
			pw.reopen(g)
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

// expireHeld fails the requests that have waited for too long. While they are being sent
// one after the other the outage is over, and only their own time counts.
func (pw *poolWorker) expireHeld(h *hold) {
	limit := int64(pw.opt.HoldTimeout)
	for len(h.queue) > 0 {
		e := &h.queue[0].e
		young := h.release.ramping() || pw.w.now-pw.outage(e, h) < limit
		if young && pw.w.now-e.sent < limit {
			return
		}
		q := h.pop()
		h.release.back = max(h.release.back-1, 0)
		pw.counters.HeldNow--
		if s := pw.w.sessionOf(&q.e); s != nil {
			s.writes.held--
			pw.counters.HeldTooLong++
		}
		pw.w.fail(&q.e, q.f, nil)
	}
}

// letReadsGo sends the reads that wait, now that a replica can serve them. Those of a
// session that has something before them in the queue stay, and so do those that may need
// the master.
func (pw *poolWorker) letReadsGo(group int) {
	h := pw.holds[group]
	if h == nil || len(h.queue) == 0 || !pw.replicaUsable(group) {
		return
	}
	var stay, serve []held
	behind := map[waiter]bool{}
	for _, q := range h.queue {
		s, who := pw.w.sessionOf(&q.e), waiter{q.e.session, q.e.gen}
		alone := s != nil && q.e.marks.has(viaRead) && !s.mode.has(modePinned) && !behind[who] &&
			(!pw.opt.ReadYourWrites || s.writes.inFlight == 0 && s.writes.answered == 0)
		if alone {
			serve = append(serve, q)
			h.bytes -= int64(len(q.frame))
			h.leave(&q.e)
			continue
		}
		behind[who] = true
		stay = append(stay, q)
	}
	h.queue, h.release.back = stay, 0
	for i := range serve {
		h.release.flying++
		pw.letGo(&serve[i], released)
	}
}

// replicaUsable reports whether the policy lets some replica of a group serve reads now.
func (pw *poolWorker) replicaUsable(group int) bool {
	if pw.opt.ReadPolicy == shard.ReadMaster {
		return false
	}
	for _, id := range pw.table.Groups[group].Readers {
		if pw.plain.link(id, 0).usable() {
			return true
		}
	}
	return false
}
