package loop

// An intake is what is collected piece by piece, as what a session keeps of its input: a slab, and
// where it is much a region. Owner: who collects.
type intake struct {
	slab  buffer
	large *region // nil: the slab has it
}

// growth is to be called before n bytes are added, where least are expected in all. It goes over to
// a region, or maps more of it, where that is due: that takes no memory before bytes come. Where it
// cannot be it returns how many bytes of the heap they will take, 0 where they fit.
func (t *intake) growth(w *worker, n, least int) int64 {
	if t.isDue(w, n, least) {
		t.enlarge(w, least)
	}
	if t.large != nil {
		return t.large.growth(n)
	}
	return t.slab.growth(n)
}

// isDue reports whether it should be a region. Announcing much is believed while there are few, so
// that nobody takes all of them from the others without giving something for each.
func (t *intake) isDue(w *worker, n, least int) bool {
	switch {
	case t.large != nil:
		return false
	case t.slab.len()+n > leastRegion:
		return true
	}
	return least > leastRegion && t.slab.len() > keepSlab && len(w.regions) < mostRegions/2
}

// enlarge goes over to a region for n bytes, if there can be one.
func (t *intake) enlarge(w *worker, n int) {
	if t.large = w.newRegion(n); t.large != nil {
		t.large.add(t.slab.bytes())
		w.orphan(&t.slab)
	}
}

// add copies p to the end, where least bytes are expected in all, or 0. A slab that has no room is
// made as large as that, unless it is far more: nobody gets memory by announcing something.
func (t *intake) add(w *worker, p []byte, least int) {
	if t.isDue(w, len(p), least) {
		t.enlarge(w, least)
	}
	if t.large != nil {
		t.large.add(p)
		return
	}
	if t.slab.growth(len(p)) > 0 {
		t.slab.reserve(least)
	}
	t.slab.add(p)
}

// bytes returns the content; it is dead after the next add, cut or release.
func (t *intake) bytes() []byte {
	if t.large == nil {
		return t.slab.bytes()
	}
	return t.large.bytes()
}

// len returns how many bytes are in it.
func (t *intake) len() int {
	if t.large == nil {
		return t.slab.len()
	}
	return t.large.used
}

// holds returns how many bytes of memory it is.
func (t *intake) holds() int64 {
	if t.large == nil {
		return t.slab.holds()
	}
	return t.large.holds()
}

// cut drops the first n bytes where what is behind them is little beside them, or can be moved
// into a slab, and reports whether it did. What refers to the region keeps it as it is.
func (t *intake) cut(w *worker, n int) bool {
	rest := t.len() - n
	switch {
	case t.large == nil:
		t.slab.cut(n)
	case rest <= leastRegion/2:
		was := t.large
		t.slab.add(was.bytes()[n:])
		t.large = nil
		was.release()
	case t.large.users > 1 || rest > n:
		return false
	default:
		t.large.used = copy(t.large.mem, t.large.bytes()[n:])
	}
	return true
}

// rest empties it; a small slab stays for the next use.
func (t *intake) rest() {
	if t.large != nil {
		t.large.release()
		t.large = nil
	}
	t.slab.rest()
}

// release empties it and gives its memory back when the event is over.
func (t *intake) release(w *worker) {
	if t.large != nil {
		t.large.release()
		t.large = nil
	}
	if t.slab.slab != nil {
		w.orphan(&t.slab)
	}
}
