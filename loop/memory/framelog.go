package memory

// A FrameLog is what a link has been given to send, frame after frame, from the first that may
// still be needed: to be sent again, or to be asked what it said. A position in it is the number of
// bytes before. Frames are copied into a slab, but large ones that lie in a region are referred to.
// Owner: the link.
type FrameLog struct {
	slab  Buffer
	large []largeFrame // the oldest first
	apart int          // bytes of large: they are not in the slab
	live  int64        // of those, what is not forgotten
}

// A largeFrame is one that is not in the slab.
type largeFrame struct {
	at    int     // its position
	upTo  uint32  // that of its entry in the FIFO
	where Stretch // of is nil once it is forgotten
}

// Add copies a frame to the end.
func (f *FrameLog) Add(frame []byte) { f.slab.Add(frame) }

// Refer adds a frame where it lies; pos is the position of its entry in the FIFO. The log is a
// user of the region from now on.
func (f *FrameLog) Refer(where Stretch, pos uint32) {
	f.large = append(f.large, largeFrame{at: f.Len(), upTo: pos, where: where})
	f.apart += where.Len()
	f.live += int64(where.Len())
}

// Small returns the frames that are not referred to, one behind the other. It is dead as frame is.
func (f *FrameLog) Small() []byte { return f.slab.Bytes() }

// Len returns the position behind the last frame.
func (f *FrameLog) Len() int { return f.slab.Len() + f.apart }

// Holds returns how many bytes of memory it is.
func (f *FrameLog) Holds() int64 { return f.slab.Holds() + f.live }

// Share returns how much of what it holds a frame of some size accounts for, with the room that it
// has brought.
func (f *FrameLog) Share(size uint32) int64 {
	return int64(size) * f.Holds() / max(int64(f.slab.Len())+f.live, 1)
}

// find returns the first large frame at a position or behind it, nil where there is none, and how
// many bytes of the log before that position are of large ones.
func (f *FrameLog) find(at int) (next *largeFrame, before int) {
	for i := range f.large {
		if l := &f.large[i]; l.at >= at {
			return l, before
		}
		before += f.large[i].where.Len()
	}
	return nil, before
}

// Frame returns the size bytes at a position, which are whole frames and, where one of them is a
// large one, that alone. It is dead after the next change of the log, or when the event ends.
func (f *FrameLog) Frame(at, size int) []byte {
	large, before := f.find(at)
	if large != nil && large.at == at && size > 0 {
		return large.where.Bytes()
	}
	return f.slab.Bytes()[at-before : at-before+size]
}

// Next returns what is to be written next from a position on, at most up to end: bytes of the
// slab, or else a large frame. upTo is the position in the FIFO of what comes behind it, which is
// last behind end.
func (f *FrameLog) Next(from, end int, last uint32) (b []byte, where Stretch, upTo uint32) {
	large, before := f.find(from)
	switch {
	case large == nil || large.at >= end:
		upTo = last
	case large.at == from:
		return nil, large.where, large.upTo + 1
	default:
		end, upTo = large.at, large.upTo
	}
	return f.slab.Bytes()[from-before : end-before], Stretch{}, upTo
}

// Forget gives up the large frames before a position.
func (f *FrameLog) Forget(upTo int) {
	for i := range f.large {
		l := &f.large[i]
		if l.at >= upTo {
			return
		}
		if l.where.of != nil {
			l.where.of.release()
			l.where.of = nil
			f.live -= int64(l.where.Len())
		}
	}
}

// Cut drops the frames before a position, which is the first of the log then.
func (f *FrameLog) Cut(upTo int) {
	f.Forget(upTo)
	n, before := 0, 0
	for n < len(f.large) && f.large[n].at < upTo {
		before += f.large[n].where.Len()
		n++
	}
	f.large = append(f.large[:0], f.large[n:]...)
	for i := range f.large {
		f.large[i].at -= upTo
	}
	f.apart -= before
	if upTo > before {
		f.slab.Cut(upTo - before)
	}
}

// Clear empties it and keeps a slab for the next use that is not too large for it.
func (f *FrameLog) Clear() {
	f.dropLarge()
	f.slab.Clear()
}

// Release empties it and gives its memory back.
func (f *FrameLog) Release() {
	f.dropLarge()
	f.slab.Release()
	f.large = nil
}

func (f *FrameLog) dropLarge() {
	if len(f.large) > 0 {
		f.Forget(f.Len())
		f.large, f.apart = f.large[:0], 0
	}
}
