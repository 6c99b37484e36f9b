package loop

import "time"

// A large request goes to its server a piece at a time, so that no event is as long as the request:
// in the next turn while the kernel takes all of a piece, and otherwise when the server has had a
// moment to read.

// unloadPause is that moment: a send buffer of 4 MB holds more than the fastest network takes in it.
const unloadPause = time.Millisecond

// unloadMore puts the link on the list of those whose wire has more of a large request to give.
func (l *link) unloadMore() {
	if l.unloads {
		return
	}
	l.unloads = true
	l.w.unloading = append(l.w.unloading, l)
	if !l.w.unloadDue {
		l.w.unloadSoon(true)
	}
}

// unload gives a piece of each to the kernel.
func (w *worker) unload() {
	w.begin()
	links := w.unloading
	w.unloading = w.unloaded[:0]
	some := false
	for i, l := range links {
		links[i] = nil
		left, took := false, false
		if l.wire != nil {
			left, took = l.wire.Push()
		}
		if left {
			w.unloading = append(w.unloading, l)
			some = some || took
			continue
		}
		l.unloads = false
		l.flush()   // what stands behind it
		l.relieve() // and who waits for room, though nothing does
	}
	w.unloaded, w.unloadDue = links, false
	if len(w.unloading) > 0 {
		w.unloadSoon(some)
	}
	w.end()
}

// unloadSoon has unload run in the next turn, or when some time has passed. A task that posts itself
// would leave the connections no time.
func (w *worker) unloadSoon(now bool) {
	w.unloadDue = true
	if now {
		w.unloadNext = true
		w.awaitTurn()
		return
	}
	time.AfterFunc(unloadPause, func() { w.post(w.unload) })
}
