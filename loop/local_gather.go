package loop

// gather answers a request with a word of every worker: ask runs on each of them, in an
// event of its own, and finish makes the reply on the session's worker when the last has
// been heard. The slot is taken at once, so what is asked later is answered later.
//
// What ask returns is handed over: nothing of a worker's may be reachable from it. The
// session may be gone when finish would run; then it does not.
func gather[T any](s *session, ask func(*worker) T, finish func(s *session, dst []byte, parts []T) []byte) {
	gatherAt(s, s.expect(slot{join: noJoin}), ask, finish)
}

// gatherAt is gather for a request that has its slot.
func gatherAt[T any](s *session, seq uint32, ask func(*worker) T, finish func(s *session, dst []byte, parts []T) []byte) {
	home := s.w
	who := entry{session: s.index, gen: s.gen, seq: seq}
	workers := home.engine.workers
	parts := make([]T, len(workers))
	missing := len(workers)
	heard := func(id int, part T) {
		parts[id] = part
		if missing--; missing > 0 {
			return
		}
		home.begin()
		if s := home.sessionOf(&who); s != nil {
			s.settleLocal(who.seq, finish(s, home.scratch[:0], parts))
		}
		home.end()
	}
	for id, w := range workers {
		w.post(func() {
			w.begin()
			part := ask(w)
			w.end()
			home.post(func() { heard(id, part) })
		})
	}
}

// sessionsOf calls f for each session of a pool on this worker whose connection is there.
func (w *worker) sessionsOf(p *Pool, f func(*session)) {
	for _, s := range w.sessions {
		if s != nil && s.wire != nil && s.pw.pool == p {
			f(s)
		}
	}
}
