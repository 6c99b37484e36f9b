package loop

import (
	"math"
	"math/rand/v2"
	"slices"

	"huntaway/shard"
)

// untilHeard in link.avoided is a time that never comes: only the server's own word ends it.
const untilHeard = math.MaxInt64

// undivertible are the marks of entries that stay where they were sent: their answer is of
// no use, they were sent once before, they belong to their link, or only who has been named
// for them can answer (toReplica, and what has been redirected).
const undivertible = isWrite | isSink | isCanary | retried | isMany | isPrivate | toReplica | urgent | hopLow | hopHigh

// avoid keeps new reads from the server of a link that has stalled, and reports whether the
// reads that wait there may go elsewhere: while no other member of the group may serve them
// they are best left where they are.
func (l *link) avoid() (spared bool) {
	if l.kind.private || l.kind.aside {
		return false
	}
	spared = l.pw.canSpare(l.server.ID)
	switch {
	case spared && l.health.avoided != untilHeard:
		l.health.avoided = untilHeard
		l.rate()
	case !spared && l.health.avoided == untilHeard:
		l.health.avoided = 0
		l.rate()
	}
	return spared
}

// unavoid gives reads again to a server that had stalled and has spoken. First it must have
// answered what was diverted: until then it works off what nobody waits for. How long that
// has lain there says nothing about the next request, and is forgotten.
func (l *link) unavoid() {
	if l.health.avoided != untilHeard || l.health.heard == l.health.stalled || l.busy() && l.queue.fifo.Front().marks.has(isSink) {
		return
	}
	l.health.avoided, l.trips.latency = 0, 0
	l.rate()
}

// canSpare reports whether the pool's policy lets somebody else serve the reads of a server.
func (pw *poolWorker) canSpare(id int32) bool {
	at := pw.table.GroupOf(id)
	switch {
	case pw.opt.ReadPolicy == shard.ReadMaster:
		return false
	case at < 0:
		return true // it has left the table
	}
	cost := pw.cost[id]
	pw.cost[id] = shard.Unusable
	other := pw.table.Groups[at].Reader(pw.opt.ReadPolicy, pw.cost, 0)
	pw.cost[id] = cost
	return other >= 0
}

// divert sends each read that waits here, or if late is set only each that is overdue, once more,
// to another member of its group, and returns how many there were. Their entries become sinks. What
// has no other place to go stays, and so does one whose reply has begun, see goesOn. After a time
// without ticks the replies may be waiting to be read, so nothing is diverted.
func (l *link) divert(late bool) (n int) {
	pw := l.pw
	if l.kind.private || l.kind.aside || l.w.rests.late || pw.opt.ReadPolicy == shard.ReadMaster {
		return 0
	}
	costs := slices.Clone(pw.cost)
	pw.cost[l.server.ID] = shard.Unusable
	pw.sharedLinks((*link).ruleOut)
	at := l.queue.base
	for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
		e := l.queue.fifo.At(p)
		if late && !l.overdue(p) {
			break
		}
		frame := l.queue.log.Frame(at, int(e.size))
		at += int(e.size)
		if l.goesOn(p, late) || !e.marks.has(viaRead) || e.marks.has(undivertible) {
			continue
		}
		if pw.sendElsewhere(e, frame) {
			n++
		}
	}
	copy(pw.cost, costs)
	return n
}

// goesOn reports whether the reply to the entry at a FIFO position has begun and is waited for: a
// large one, of which no half can be taken back, in any case, and a smaller one, or one that is
// kept until it is whole, until nothing has come for as long as its read may take in all. It would
// be executed, and sent, twice otherwise.
func (l *link) goesOn(at uint32, late bool) bool {
	return l.hasBegun(at) && (l.coming.flows || !late || l.quiet() < l.allowed(l.queue.fifo.At(at)))
}

// ruleOut keeps reads that are diverted from a server that has begun to be silent as well:
// they would not be sent a third time.
func (l *link) ruleOut() {
	if l.conn != nil && l.owes() && l.quiet() > int64(stallTime)/2 {
		l.pw.cost[l.server.ID] = shard.Unusable
	}
}

// sendElsewhere sends a read once more, to whom the costs allow, and leaves e to swallow the
// late reply. Its time goes on: it is still answered or fails within the pool's timeout and
// a little more, see allowed. It is false when nobody else may have it.
func (pw *poolWorker) sendElsewhere(e *entry, frame []byte) bool {
	s := pw.w.sessionOf(e)
	if s == nil {
		return false
	}
	again := *e
	again.marks = again.marks&^released | retried
	if pw.groupAt(again.group) == nil && pw.relocate(&again, frame) != nil {
		return false
	}
	to := pw.another(s, &again)
	if to == nil {
		return false
	}
	pw.landed(e)
	e.marks |= isSink
	pw.counters.Retried++
	if again.marks.has(isScript) {
		frame = pw.withScript(to, &again, frame)
	}
	to.send(frame, &again)
	to.crowded(s)
	to.remind(&again)
	return true
}

// another chooses as pick does, among servers that are not ruled out; nil: none may serve
// the read now, or only the one whom its client's own writes demand.
func (pw *poolWorker) another(s *session, e *entry) *link {
	if s.mode.has(modePinned) || pw.opt.ReadYourWrites && s.writes.inFlight > 0 {
		return nil
	}
	g := pw.groupAt(e.group)
	id := g.Reader(pw.opt.ReadPolicy, pw.cost, rand.Uint64())
	if id < 0 {
		return nil
	}
	if id != g.Master && pw.opt.ReadYourWrites && s.writes.answered > 0 && pw.table.Vitals(id).CoveredAt.Load() <= s.writes.answered {
		id = g.Master
	}
	if id < 0 || pw.cost[id] == shard.Unusable {
		return nil
	}
	h := pw.holdAt(e.group)
	if h != nil && (h.waits(s, e) || id == g.Master && h.bars(s, e)) {
		return nil
	}
	l := pw.linkOf(s, id)
	if !l.takes(e) {
		return nil
	}
	e.marks &^= asReplica
	if id == g.Master {
		pw.counters.ReadsMaster++
	} else {
		pw.counters.ReadsReplica++
		e.marks |= asReplica
	}
	return l
}

// allowed is how long a request may take in all (ns). A read that was sent a second time
// gets a little more, because nothing may be left of its first time.
func (l *link) allowed(e *entry) int64 {
	timeout := int64(l.pw.opt.Timeout)
	if e.marks&(viaRead|retried) == viaRead|retried {
		return timeout + min(timeout, int64(stallTime))
	}
	return timeout
}

// remind has the tick look in time at a read that was diverted to this link: those before it
// in the FIFO were admitted later.
func (l *link) remind(e *entry) {
	if l.pw.opt.Timeout == 0 {
		return
	}
	by := e.sent + l.allowed(e)
	if l.health.remindAt == 0 || by < l.health.remindAt {
		l.health.remindAt = by
	}
}

// expireDiverted answers reads that were diverted to this link and whose time is over,
// wherever they are in the FIFO.
func (l *link) expireDiverted() {
	if l.health.remindAt == 0 || l.w.now < l.health.remindAt {
		return
	}
	l.health.remindAt = 0
	for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
		e := l.queue.fifo.At(p)
		switch {
		case e.marks&(viaRead|retried) != viaRead|retried || e.marks.has(isSink), l.coming.flows && p == l.queue.fifo.First():
		case l.overdue(p):
			l.sink(e)
		default:
			l.remind(e)
		}
	}
}
