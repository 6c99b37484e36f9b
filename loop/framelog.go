package loop

// A frameLog is what a link has been given to send, frame after frame, from the first that may
// still be needed: to be sent again, or to be asked what it said. A position in it is the number of
// bytes before. Frames are copied into a slab, but large ones that lie in a region are referred to.
// Owner: the link.
type frameLog struct {
	slab  buffer
	large []largeFrame // the oldest first
	apart int          // bytes of large: they are not in the slab
	live  int64        // of those, what is not forgotten
}

// A largeFrame is one that is not in the slab.
type largeFrame struct {
	at    int     // its position
	upTo  uint32  // that of its entry in the FIFO
	where stretch // of is nil once it is forgotten
}

// add copies a frame to the end.
func (f *frameLog) add(frame []byte) { f.slab.add(frame) }

// refer adds a frame where it lies; pos is the position of its entry in the FIFO. The log is a
// user of the region from now on.
func (f *frameLog) refer(where stretch, pos uint32) {
	f.large = append(f.large, largeFrame{at: f.len(), upTo: pos, where: where})
	f.apart += where.len()
	f.live += int64(where.len())
}

// len returns the position behind the last frame.
func (f *frameLog) len() int { return f.slab.len() + f.apart }

// holds returns how many bytes of memory it is.
func (f *frameLog) holds() int64 { return f.slab.holds() + f.live }

// share returns how much of what it holds a frame of some size accounts for, with the room that it
// has brought.
func (f *frameLog) share(size uint32) int64 {
	return int64(size) * f.holds() / max(int64(f.slab.len())+f.live, 1)
}

// find returns the first large frame at a position or behind it, nil where there is none, and how
// many bytes of the log before that position are of large ones.
func (f *frameLog) find(at int) (next *largeFrame, before int) {
	for i := range f.large {
		if l := &f.large[i]; l.at >= at {
			return l, before
		}
		before += f.large[i].where.len()
	}
	return nil, before
}

// frame returns the size bytes at a position, which are whole frames and, where one of them is a
// large one, that alone. It is dead after the next change of the log, or when the event ends.
func (f *frameLog) frame(at, size int) []byte {
	large, before := f.find(at)
	if large != nil && large.at == at && size > 0 {
		return large.where.bytes()
	}
	return f.slab.bytes()[at-before : at-before+size]
}

// next returns what is to be written next from a position on, at most up to end: bytes of the
// slab, or else a large frame. upTo is the position in the FIFO of what comes behind it, which is
// last behind end.
func (f *frameLog) next(from, end int, last uint32) (b []byte, where stretch, upTo uint32) {
	large, before := f.find(from)
	switch {
	case large == nil || large.at >= end:
		upTo = last
	case large.at == from:
		return nil, large.where, large.upTo + 1
	default:
		end, upTo = large.at, large.upTo
	}
	return f.slab.bytes()[from-before : end-before], stretch{}, upTo
}

// forget gives up the large frames before a position.
func (f *frameLog) forget(upTo int) {
	for i := range f.large {
		l := &f.large[i]
		if l.at >= upTo {
			return
		}
		if l.where.of != nil {
			l.where.of.release()
			l.where.of = nil
			f.live -= int64(l.where.len())
		}
	}
}

// cut drops the frames before a position, which is the first of the log then.
func (f *frameLog) cut(upTo int) {
	f.forget(upTo)
	n, before := 0, 0
	for n < len(f.large) && f.large[n].at < upTo {
		before += f.large[n].where.len()
		n++
	}
	f.large = append(f.large[:0], f.large[n:]...)
	for i := range f.large {
		f.large[i].at -= upTo
	}
	f.apart -= before
	if upTo > before {
		f.slab.cut(upTo - before)
	}
}

// clear empties it and keeps a slab for the next use that is not too large for it.
func (f *frameLog) clear() {
	f.dropLarge()
	f.slab.clear()
}

// release empties it and gives its memory back.
func (f *frameLog) release() {
	f.dropLarge()
	f.slab.release()
	f.large = nil
}

func (f *frameLog) dropLarge() {
	if len(f.large) > 0 {
		f.forget(f.len())
		f.large, f.apart = f.large[:0], 0
	}
}
