package loop

// firstWindow is how many released requests of a group may be in flight at first, behind the
// one that is sent to see whether any is taken.
const firstWindow = 64

// A release is how far a group's hold has been let go. Everybody who waited at once would
// bury a master that has just come back, so a window bounds how many of them are in flight:
// one at first, because two could both be refused and one of them be taken later, in the
// wrong order; then firstWindow; and twice as many whenever a whole window has been answered
// without a refusal. What comes new waits behind them until the queue is empty.
//
// It may count too few in flight, never too many for long: a request that gets lost without
// a word is forgotten after a while.
type release struct {
	window   int   // how many may be in flight; 0: none is sent before hold.nextTry
	flying   int   // released requests that have neither been answered nor failed
	answered int   // since the window was opened last
	back     int   // requests at the front of the queue that were let go before
	heard    int64 // when the last one was sent, answered or failed
}

// probing reports whether one request is on its way to see whether any is taken.
func (r *release) probing() bool { return r.window == 1 && r.flying > 0 }

// ramping reports whether the group is known to take requests again.
func (r *release) ramping() bool { return r.window >= firstWindow }

// stop lets no more requests go.
func (r *release) stop() { r.window = 0 }

// begin opens the window for one request.
func (r *release) begin(now int64) { *r = release{window: 1, flying: r.flying, heard: now} }

// widen counts an answer that was no refusal.
func (r *release) widen() {
	r.answered++
	switch {
	case r.window == 0 || r.answered < r.window:
		return
	case r.window == 1:
		r.window = firstWindow
	default:
		r.window *= 2
	}
	r.answered = 0
}

// free begins to send what a group holds, in order, when nothing keeps it closed.
func (pw *poolWorker) free(group int) {
	h := pw.holds[group]
	if h == nil || h.closed() {
		return
	}
	r := &h.release
	if r.window == 0 && r.flying == 0 {
		r.begin(pw.w.now)
	}
	pw.pump(group, h)
}

// pump sends as many requests as the window has room for. The hold is over when it is empty
// and nothing of it can come back.
func (pw *poolWorker) pump(group int, h *hold) {
	r := &h.release
	for n := len(h.queue); n > 0 && len(h.queue) > 0 && r.flying < r.window; n-- {
		q := h.pop()
		r.back = max(r.back-1, 0)
		if pw.w.sessionOf(&q.e) != nil {
			r.flying++
			r.heard = pw.w.now
		}
		pw.letGo(&q, released)
	}
	if len(h.queue) == 0 && r.flying == 0 && pw.holds[group] == h {
		pw.holds[group] = nil
	}
}

// landed hears that a request has been answered, has failed or is held again. For one that
// was not let go by a hold it does nothing.
func (pw *poolWorker) landed(e *entry) {
	if !e.marks.has(released) {
		return
	}
	e.marks &^= released
	h := pw.holdAt(e.group)
	if h != nil && h.release.flying > 0 {
		h.release.flying--
		h.release.heard = pw.w.now
	}
}

// taken hears that a request was answered, and not refused: when its group was thought not
// to take any, the outage is over.
func (pw *poolWorker) taken(e *entry) {
	h := pw.holdAt(e.group)
	if h == nil {
		return
	}
	wasReleased := e.marks.has(released)
	pw.landed(e)
	switch {
	case h.closed():
	case wasReleased:
		h.release.widen()
		pw.pump(pw.indexOf(e.group), h)
	case len(h.queue) == 0 && h.release.flying == 0 && e.marks.has(isWrite):
		pw.holds[pw.indexOf(e.group)] = nil
	}
}

// tickRelease looks again whether a group takes requests, and forgets those that got lost.
func (pw *poolWorker) tickRelease(group int, h *hold) {
	r := &h.release
	late := pw.w.now-r.heard > max(int64(pw.opt.Timeout), int64(probeTime))
	switch {
	case r.flying > 0 && late:
		r.flying = 0
		r.stop()
	case r.window > 0:
		pw.pump(group, h)
	case r.flying == 0 && pw.w.now >= h.nextTry && pw.masterUsable(group):
		r.begin(pw.w.now)
		pw.pump(group, h)
	}
}

// linkReady sends what was held for the server that can be reached again.
func (pw *poolWorker) linkReady(l *link) {
	group := pw.table.GroupOf(l.server.ID)
	switch {
	case group < 0 || pw.holds[group] == nil:
	case pw.table.Groups[group].Master == l.server.ID:
		pw.free(group)
	default:
		pw.letReadsGo(group)
	}
}
