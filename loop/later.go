package loop

// putOff keeps a reply that the tap has not taken.
func (l *link) putOff(b []byte) {
	l.later.add(b)
	l.dam()
}

// putMore keeps what has come behind a reply that was put off: the rest of a read, and another
// one, for reading ends with the next event. Where it cannot be suspended the server is given up
// when it has said as much as it would keep itself for one that does not read.
func (l *link) putMore(in []byte) {
	l.w.uncounted += int64(len(in))
	l.later.add(in)
	if l.later.len()-l.laterAt > mostTapped {
		l.giveUp(errBehind, faultLost)
	}
}

// behind reports whether something is put off.
func (l *link) behind() bool { return l.later.len() > l.laterAt }

// takeUp gives the tap what was put off, as far as it takes it. What it has taken stays where it
// is until dropLater.
func (l *link) takeUp() {
	for l.behind() && l.wire != nil {
		in := l.later.bytes()[l.laterAt:]
		n, done, err := l.scan.Next(in)
		switch {
		case err != nil:
			l.stray(in)
			return
		case !done:
			l.collectOwn(in)
			l.laterAt = l.later.len()
		case !l.tap(in[:n]):
			return
		default:
			l.laterAt += n
		}
	}
}

// dropLater hands over the buffer of what was put off, whether it was taken or not.
func (l *link) dropLater() buffer {
	b := l.later
	l.later, l.laterAt = buffer{}, 0
	return b
}
