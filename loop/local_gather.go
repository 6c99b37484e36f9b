package loop

// gather answers a request with a word of every worker: ask runs on each of them, and finish
// makes the reply on the session's worker when the last has been heard. The slot is taken at
// once, and what the session asks later waits until the answer is there: otherwise a client
// that sends a thousand such requests would have as many answers made before it reads one.
//
// What ask returns is handed over: nothing of a worker's may be reachable from it. It and
// finish are pieces of chores, and what they do must be bounded. The session may be gone when
// finish would run; then it does not.
func gather[T any](s *session, ask func(*worker) T, finish func(s *session, dst []byte, parts []T) []byte) {
	gatherAt(s, s.expect(slot{join: noJoin}), ask, finish)
}

// gatherAt is gather for a request that has its slot.
func gatherAt[T any](s *session, seq uint32, ask func(*worker) T, finish func(s *session, dst []byte, parts []T) []byte) {
	gatherWith(s, seq, func(w *worker, part *T) chore {
		return func() bool {
			*part = ask(w)
			return true
		}
	}, finish)
}

// gatherSessions is gather where every session of the pool is looked at: a few at a time, as
// there may be very many. visit may end sessions.
func gatherSessions[T any](s *session, visit func(*session, *T), finish func(s *session, dst []byte, parts []T) []byte) {
	p := s.pw.pool
	gatherWith(s, s.expect(slot{join: noJoin}), func(w *worker, part *T) chore {
		at := 0
		return func() bool {
			for end := at + sessionsPerPiece; at < min(end, len(w.registry.sessions)); at++ {
				if s := w.registry.sessions[at]; s.isThereOf(p) {
					visit(s, part)
				}
			}
			return at >= len(w.registry.sessions)
		}
	}, finish)
}

// sessionsPerPiece is how many sessions one piece of a chore looks at: a line of CLIENT LIST
// takes about a microsecond.
const sessionsPerPiece = 128

// gatherWith has every worker do the chore that begin makes, which fills its part.
func gatherWith[T any](s *session, seq uint32, begin func(*worker, *T) chore, finish func(s *session, dst []byte, parts []T) []byte) {
	home, answer := s.w, s.answerLater(seq)
	workers := home.engine.workers
	parts := make([]T, len(workers))
	missing := len(workers)
	last := func() bool {
		answer(func(s *session, dst []byte) []byte { return finish(s, dst, parts) })
		return true
	}
	for id, w := range workers {
		w.postEvent(func() {
			do := begin(w, &parts[id])
			w.addChore(func() bool {
				done := do()
				if done {
					home.postEvent(func() {
						if missing--; missing == 0 {
							home.addChore(last)
						}
					})
				}
				return done
			})
		})
	}
}

// answerLater has the session take no more requests until the function is called that it
// returns, in an event of the session's worker, with what makes the reply for slot seq. The
// session may be gone by then, and the reply is not made.
func (s *session) answerLater(seq uint32) (answer func(reply func(s *session, dst []byte) []byte)) {
	w, who := s.w, entry{session: s.index, gen: s.gen, seq: seq}
	s.stop(stopGather)
	return func(reply func(s *session, dst []byte) []byte) {
		if s := w.sessionOf(&who); s != nil {
			s.settleLocal(who.seq, reply(s, w.pad.scratch[:0]))
			s.release(stopGather)
		}
	}
}

// postEvent posts a task that is an event: what it makes ready is written.
func (w *worker) postEvent(task func()) {
	w.post(func() {
		w.begin()
		task()
		w.end()
	})
}

// isThereOf reports whether the session, which may be nil, is one of a pool's whose connection
// is there.
func (s *session) isThereOf(p *Pool) bool { return s != nil && s.conn != nil && s.pw.pool == p }

// sessionsOf calls f for each session of a pool on this worker whose connection is there. f
// must be quick: there may be very many.
func (w *worker) sessionsOf(p *Pool, f func(*session)) {
	for _, s := range w.registry.sessions {
		if s.isThereOf(p) {
			f(s)
		}
	}
}
