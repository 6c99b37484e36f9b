package loop

// LentPrivate returns how many private links of all workers are lent at the moment. Tests
// with real sockets, which stand outside of the package, ask it.
func (e *Engine) LentPrivate() (lent int) {
	each := make(chan int, len(e.workers))
	e.postAll(func(w *worker) {
		n := 0
		for _, pw := range w.pools {
			n += pw.private.lent
		}
		each <- n
	})
	for range e.workers {
		lent += <-each
	}
	return lent
}
