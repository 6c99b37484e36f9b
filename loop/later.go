package loop

// A deferral is what a tap has not taken and all that has come behind it. Owner: the link.
type deferral struct {
	whole intake // what was collected, and is the first of it
	taken bool   // whole has been taken since
	rest  buffer // what lies behind each other
	at    int    // bytes of rest that have been taken since
}

// holds returns how many bytes of memory it is.
func (d *deferral) holds() int64 { return d.whole.holds() + d.rest.holds() }

// isEmpty reports whether nothing is in it, taken or not.
func (d *deferral) isEmpty() bool { return d.whole.len()+d.rest.len() == 0 }

// release gives its memory back when the event is over.
func (d *deferral) release(w *worker) {
	d.whole.release(w)
	w.orphan(&d.rest)
}

// putOff keeps a reply that the tap has not taken.
func (l *link) putOff(b []byte) {
	l.later.rest.add(b)
	l.dam()
}

// putOffWhole keeps one that was collected, where it lies. Nothing is put off yet.
func (l *link) putOffWhole(b intake) {
	l.later = deferral{whole: b}
	l.dam()
}

// putMore keeps what has come behind a reply that was put off: the rest of a read, and another
// one, for reading ends with the next event. Where it cannot be suspended the server is given up
// when it has said as much as it would keep itself for one that does not read.
func (l *link) putMore(in []byte) {
	l.w.uncounted += int64(len(in))
	l.later.rest.add(in)
	if l.later.rest.len()-l.later.at > mostTapped {
		l.giveUp(errBehind, faultLost)
	}
}

// behind reports whether something is put off.
func (l *link) behind() bool {
	d := &l.later
	return !d.taken && d.whole.len() > 0 || d.rest.len() > d.at
}

// takeUp gives the tap what was put off, as far as it takes it. What it has taken stays where it
// is until dropLater.
func (l *link) takeUp() {
	if d := &l.later; !d.taken && d.whole.len() > 0 {
		if !l.tap(d.whole.bytes()) {
			return
		}
		d.taken = true
	}
	for l.behind() && l.wire != nil {
		in := l.later.rest.bytes()[l.later.at:]
		n, done, err := l.scan.Next(in)
		switch {
		case err != nil:
			l.stray(in)
			return
		case !done:
			l.collectOwn(in)
			l.later.at = l.later.rest.len()
		case !l.tap(in[:n]):
			return
		default:
			l.later.at += n
		}
	}
}

// dropLater hands over what was put off, whether it was taken or not.
func (l *link) dropLater() deferral {
	d := l.later
	l.later = deferral{}
	return d
}
