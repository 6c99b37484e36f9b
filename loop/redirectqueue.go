package loop

import "slices"

// A redirectQueue is a session some requests of which no server of the Redis Cluster takes now:
// their slot is being moved, or nobody owns it, or the owner is not in the table yet.
//
// It stands alone until all that it has said is answered, and gets the pool's hold timeout
// for that, once, however many requests that are. They are sent again all together, in their
// order, when everything before them has been answered; after a quarter of the time that has
// passed since the first was refused, or with the next table.
//
// Owner: the worker.
type redirectQueue struct {
	s       *session
	gen     uint32 // of the session
	since   int64  // when the first request was put off
	retryAt int64
	queue   []held // by their slots
}

// How long a redirectQueue waits at least, and at most, before it tries again.
const (
	leastWait = 5 * 1e6
	mostWait  = 200 * 1e6
)

// isRedirected reports whether requests of the session are put off.
func (pw *poolWorker) isRedirected(s *session) bool {
	x := pw.redirects[s.index]
	return x != nil && x.gen == s.gen && len(x.queue) > 0
}

// putOff keeps a request that provably was not executed for later, or fails it when its
// session has waited for too long. f says why it waits.
func (pw *poolWorker) putOff(s *session, e *entry, frame []byte, f *fault) {
	limit := int64(pw.opt.HoldTimeout)
	if limit == 0 {
		pw.w.fail(e, f, nil)
		return
	}
	x := pw.redirects[s.index]
	if x == nil || x.gen != s.gen {
		x = &redirectQueue{s: s, gen: s.gen, since: pw.w.now}
		if pw.redirects == nil {
			pw.redirects = make(map[uint32]*redirectQueue)
		}
		pw.redirects[s.index] = x
	}
	waited := pw.w.now - x.since
	switch {
	case waited >= limit:
		pw.w.fail(e, f, nil)
		return
	case pw.redirectBytes+int64(len(frame)) > pw.opt.HoldBytes:
		pw.w.fail(e, faultHoldFull, nil)
		return
	}
	s.standAlone()
	at := len(x.queue)
	for at > 0 && int32(x.queue[at-1].e.seq-e.seq) > 0 {
		at--
	}
	x.queue = slices.Insert(x.queue, at, held{*e, append([]byte(nil), frame...), f})
	x.retryAt = pw.w.now + min(max(waited/4, leastWait), mostWait)
	pw.redirectBytes += int64(len(frame))
	pw.counters.Held++
}

// tickRedirects sends again what can be, and fails what has waited for too long.
func (pw *poolWorker) tickRedirects() {
	for at, x := range pw.redirects {
		switch {
		case x.s.state == sessionGone || x.s.window.Len() == 0:
			pw.forsake(x)
			delete(pw.redirects, at)
		case len(x.queue) == 0:
		case pw.w.now-x.since >= int64(pw.opt.HoldTimeout):
			for _, q := range pw.forsake(x) {
				pw.w.fail(&q.e, q.f, nil)
			}
		case pw.w.now >= x.retryAt && x.queue[0].e.seq == x.s.window.First():
			pw.goOn(x)
		}
	}
}

// forsake empties a redirectQueue's queue and returns it.
func (pw *poolWorker) forsake(x *redirectQueue) []held {
	queue := x.queue
	x.queue = nil
	for i := range queue {
		pw.redirectBytes -= int64(len(queue[i].frame))
	}
	return queue
}

// goOn sends a redirectQueue's requests again, to where the table says now.
func (pw *poolWorker) goOn(x *redirectQueue) {
	for _, q := range pw.forsake(x) {
		if x.s.state == sessionGone {
			return
		}
		q.e.sent = pw.w.now // what it had to wait here must not count as the server's
		q.e.marks &^= mostHops
		pw.reroute(x.s, &q.e, q.frame)
	}
}

// slotsMoved is for a cluster's table with other owners or masters than the one before. What
// sessions have in flight may come back and follow the new owner: until it is answered they
// say nothing more, which could get there first. What waited for this table goes at once.
func (pw *poolWorker) slotsMoved() {
	for _, s := range pw.w.registry.sessions {
		if s != nil && s.pw == pw && s.window.Len() > 0 {
			s.standAlone()
		}
	}
	for _, x := range pw.redirects {
		x.retryAt = pw.w.now
	}
}

// unplaced settles a request that no group takes: a cluster may say later who does.
func (pw *poolWorker) unplaced(s *session, e *entry, frame []byte) {
	if !pw.table.Slotted() {
		pw.w.fail(e, faultNoGroup, nil)
		return
	}
	pw.putOff(s, e, frame, faultUnowned)
}

// homeOf returns what the keys of one command must have in common: their group, or in a
// cluster their slot, which is what its servers demand.
func (pw *poolWorker) homeOf(key []byte) int {
	if pw.table.Slotted() {
		return pw.table.Slot(key)
	}
	return pw.table.Locate(key)
}
