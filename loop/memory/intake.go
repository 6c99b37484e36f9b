package memory

// An Intake is what is collected piece by piece, as what a session keeps of its input: a slab, and
// where it is much a region. Owner: who collects.
type Intake struct {
	slab  Buffer
	large *region // nil: the slab has it
}

// IsLarge reports whether it is a region.
func (t *Intake) IsLarge() bool { return t.large != nil }

// Growth is to be called before n bytes are added, where least are expected in all. It goes over to
// a region, or maps more of it, where that is due: that takes no memory before bytes come. Where it
// cannot be it returns how many bytes of the heap they will take, 0 where they fit.
func (t *Intake) Growth(a *Arena, n, least int) int64 {
	if t.isDue(a, n, least) {
		t.enlarge(a, least)
	}
	if t.large != nil {
		return t.large.growth(n)
	}
	return t.slab.growth(n)
}

// isDue reports whether it should be a region. Announcing much is believed while there are few, so
// that nobody takes all of them from the others without giving something for each.
func (t *Intake) isDue(a *Arena, n, least int) bool {
	switch {
	case t.large != nil:
		return false
	case t.slab.Len()+n > LeastRegion:
		return true
	}
	return least > LeastRegion && t.slab.Len() > KeepSlab && len(a.regions) < MostRegions/2
}

// enlarge goes over to a region for n bytes, if there can be one.
func (t *Intake) enlarge(a *Arena, n int) {
	if t.large = a.newRegion(n); t.large != nil {
		t.large.add(t.slab.Bytes())
		a.Orphan(&t.slab)
	}
}

// Add copies p to the end, where least bytes are expected in all, or 0. A slab that has no room is
// made as large as that, unless it is far more: nobody gets memory by announcing something.
func (t *Intake) Add(a *Arena, p []byte, least int) {
	if t.isDue(a, len(p), least) {
		t.enlarge(a, least)
	}
	if t.large != nil {
		t.large.add(p)
		return
	}
	if t.slab.growth(len(p)) > 0 {
		t.slab.reserve(least)
	}
	t.slab.Add(p)
}

// Room returns an empty one's slab to append to, which grown takes as the content.
func (t *Intake) Room() []byte { return t.slab.Room() }

// Grown takes what append made out of room.
func (t *Intake) Grown(dst []byte) { t.slab.Grown(dst) }

// Bytes returns the content; it is dead after the next add, cut or release.
func (t *Intake) Bytes() []byte {
	if t.large == nil {
		return t.slab.Bytes()
	}
	return t.large.bytes()
}

// Has reports whether b, which is not empty, lies in it.
func (t *Intake) Has(b []byte) bool {
	_, is := placeIn(t.Bytes(), b)
	return is
}

// Len returns how many bytes are in it.
func (t *Intake) Len() int {
	if t.large == nil {
		return t.slab.Len()
	}
	return t.large.used
}

// Holds returns how many bytes of memory it is.
func (t *Intake) Holds() int64 {
	if t.large == nil {
		return t.slab.Holds()
	}
	return t.large.holds()
}

// Cut drops the first n bytes where what is behind them is little beside them, or can be moved
// into a slab, and reports whether it did. What refers to the region keeps it as it is.
func (t *Intake) Cut(a *Arena, n int) bool {
	rest := t.Len() - n
	switch {
	case t.large == nil:
		t.slab.Cut(n)
	case rest <= LeastRegion/2:
		was := t.large
		t.slab.Add(was.bytes()[n:])
		t.large = nil
		was.release()
	case t.large.users > 1 || rest > n:
		return false
	default:
		t.large.used = copy(t.large.mem, t.large.bytes()[n:])
	}
	return true
}

// Rest empties it; a small slab stays for the next use.
func (t *Intake) Rest() {
	t.dropLarge()
	t.slab.Rest()
}

// Release empties it and gives its memory back when the event is over.
func (t *Intake) Release(a *Arena) {
	t.dropLarge()
	if t.slab.slab != nil {
		a.Orphan(&t.slab)
	}
}

// dropLarge takes its user away from the region, if it is one.
func (t *Intake) dropLarge() {
	if t.large != nil {
		t.large.release()
		t.large = nil
	}
}
