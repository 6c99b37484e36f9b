package loop

import "huntaway/loop/memory"

// A deferral is what a tap has not taken and all that has come behind it. Owner: the link.
type deferral struct {
	whole memory.Intake   // what was collected, and is the first of it
	rest  memory.Buffer   // what lies behind each other
	at    int             // bytes of rest that have been taken since
	taken []memory.Intake // what was collected and has been taken since
}

// holds returns how many bytes of memory it is.
func (d *deferral) holds() int64 {
	n := d.whole.Holds() + d.rest.Holds()
	for i := range d.taken {
		n += d.taken[i].Holds()
	}
	return n
}

// isEmpty reports whether nothing is in it, taken or not.
func (d *deferral) isEmpty() bool { return d.whole.Len()+d.rest.Len()+len(d.taken) == 0 }

// release gives its memory back when the event is over.
func (d *deferral) release(w *worker) {
	d.whole.Release(w.arena)
	w.arena.Orphan(&d.rest)
	for i := range d.taken {
		d.taken[i].Release(w.arena)
	}
}

// putOff keeps a reply that the tap has not taken: where it was collected, or a copy. Nothing is put
// off yet.
func (l *link) putOff(b []byte, collected memory.Intake) {
	if collected.Len() > 0 {
		l.lease.later.whole = collected
	} else {
		l.lease.later.rest.Add(b)
	}
	l.dam()
}

// putMore keeps what has come behind a reply that was put off: the rest of a read, and another
// one, for reading ends with the next event. Where it cannot be suspended the server is given up
// when it has said as much as it would keep itself for one that does not read.
func (l *link) putMore(in []byte) {
	l.w.budget.uncounted += int64(len(in))
	l.lease.later.rest.Add(in)
	if l.lease.later.rest.Len()-l.lease.later.at > mostTapped {
		l.giveUp(errBehind, faultLost)
	}
}

// behind reports whether something is put off.
func (l *link) behind() bool {
	return l.lease.later.whole.Len() > 0 || l.lease.later.rest.Len() > l.lease.later.at
}

// takeUp gives the tap what was put off, as far as it takes it. What it has taken stays where it
// is until dropLater.
func (l *link) takeUp() {
	d := &l.lease.later
	for l.behind() && l.conn != nil {
		if d.whole.Len() > 0 {
			if !l.takeWhole() {
				return
			}
			continue
		}
		in := d.rest.Bytes()[d.at:]
		n, done, err := l.coming.scan.Next(in)
		if err != nil {
			l.stray(in)
			return
		}
		if !done {
			l.collectOwn(in)
			d.at = d.rest.Len()
			continue
		}
		reply, collected := l.complete(in[:n])
		switch {
		case collected.Len() > 0:
			d.whole = collected
			d.at += n
		case !l.lease.tap(reply):
			return
		default:
			d.at += n
		}
	}
}

// takeWhole gives the tap what was collected, and reports whether it has taken that. It is kept until
// dropLater then, for members may be written to from there.
func (l *link) takeWhole() (done bool) {
	d := &l.lease.later
	if !l.lease.tap(d.whole.Bytes()) {
		return false
	}
	if d.whole.Len() > 0 { // or the link was lost, and all was handed over
		d.taken = append(d.taken, d.whole)
		d.whole = memory.Intake{}
	}
	return true
}

// dropLater hands over what was put off, whether it was taken or not.
func (l *link) dropLater() deferral {
	d := l.lease.later
	l.lease.later = deferral{}
	return d
}
