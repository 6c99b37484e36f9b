package loop

import "huntaway/perf/invariant"

// drain makes the worker's sessions end as soon as nothing is owed to them: no request is
// taken any more, replies that are owed are written, then the connection is closed. Who waits
// at a server is told so, in the words for a server that ceases to be the master.
func (w *worker) drain() {
	w.draining = true
	for _, s := range w.sessions {
		if s != nil {
			s.lastWord(endDrain)
			s.stopWaiting()
		}
	}
}

// bug reports a broken invariant of ours: it panics in the invariant build, and is
// counted and logged otherwise.
func (w *worker) bug(what string, args ...any) {
	invariant.That(false, what+" %v", args)
	if len(w.pools) > 0 {
		w.pools[0].counters.Bugs++
	}
	w.log.Error("bug: "+what, args...)
}
