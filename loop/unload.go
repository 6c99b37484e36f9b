package loop

import "time"

// A large request goes to its server a piece at a time, so that no event is as long as the request:
// in the next turn while the kernel takes all of a piece, and otherwise when the server has had a
// moment to read.

// unloadPause is that moment: a send buffer of 4 MB holds more than the fastest network takes in it.
const unloadPause = time.Millisecond

// unloads are the links of a worker that have a large request to give to their connection.
type unloads struct {
	now    []*link
	before []*link // the other array of now, while it is walked
	due    bool    // unload is going to run
	next   bool    // in the next turn
}

// unloadMore puts the link on the list of those whose connection has more of a large request to give.
func (l *link) unloadMore() {
	if l.listed.unloads {
		return
	}
	l.listed.unloads = true
	l.w.unloads.now = append(l.w.unloads.now, l)
	if !l.w.unloads.due {
		l.w.unloadSoon(true)
	}
}

// unload gives a piece of each to the kernel.
func (w *worker) unload() {
	w.begin()
	links := w.unloads.now
	w.unloads.now = w.unloads.before[:0]
	some := false
	for i, l := range links {
		links[i] = nil
		left, took := false, false
		if l.conn != nil {
			left, took = l.conn.Push()
		}
		if left {
			w.unloads.now = append(w.unloads.now, l)
			some = some || took
			continue
		}
		l.listed.unloads = false
		l.flush()   // what stands behind it
		l.relieve() // and who waits for room, though nothing does
	}
	w.unloads.before, w.unloads.due = links, false
	if len(w.unloads.now) > 0 {
		w.unloadSoon(some)
	}
	w.end()
}

// unloadSoon has unload run in the next turn, or when some time has passed. A task that posts itself
// would leave the connections no time.
func (w *worker) unloadSoon(now bool) {
	w.unloads.due = true
	if now {
		w.unloads.next = true
		w.awaitTurn()
		return
	}
	time.AfterFunc(unloadPause, func() { w.post(w.unload) })
}
