package loop

import "huntaway/codec"

// markMoved notes that the group indexes of what is in flight are of the table before.
func (pw *poolWorker) markMoved() {
	pw.sharedLinks(func(l *link) {
		for p := l.fifo.head; p != l.fifo.tail; p++ {
			l.fifo.at(p).marks |= isMoved
		}
	})
}

// ringMoved is for a table with another ring than the one before: a reload with other
// groups, or an ejection. What is in flight is answered by the server it was sent to; what
// has to be sent again, or was held, must find its group anew.
func (pw *poolWorker) ringMoved() {
	var waiting []held
	for g, h := range pw.holds {
		if h != nil {
			waiting = append(waiting, h.queue...)
			pw.holds[g] = nil
		}
	}
	pw.shutAll()
	for i := range waiting {
		pw.letGo(&waiting[i], isMoved)
	}
}

// relocate finds the group of a request again from its frame. A part of a split command
// whose keys have come to belong to several groups cannot be sent any more. In a cluster e
// may be nowhere then: it is not known who owns the slot.
func (pw *poolWorker) relocate(e *entry, frame []byte) (ok bool) {
	if e.cmd == execID {
		return pw.relocateAll(e, frame)
	}
	var scan codec.Scanner
	r := &pw.w.again
	if e.marks.has(isScript) {
		frame = withoutLoad(e, frame)
	}
	if _, err := scan.Next(frame, r, &pw.opt.limits); err != nil {
		return false
	}
	cmd := pw.opt.Commands.Find(r)
	if cmd == nil {
		return false
	}
	keys, err := cmd.Keys(r, nil)
	if err != nil {
		return false
	}
	if cmd.Policy == codec.PubSub {
		keys = []int32{1} // PUBLISH goes by its channel, which is no key
	}
	if len(keys) == 0 && pw.table.Slotted() && e.sent > pw.regrouped && int(e.group) < len(pw.table.Groups) {
		e.marks &^= isMoved
		return true // it concerns a whole group, which is still the same
	}
	group := 0
	for i, k := range keys {
		at := pw.table.Locate(r.Arg(int(k)))
		if at < 0 && pw.table.Slotted() {
			e.group = nowhere
			return false
		}
		if at < 0 || i > 0 && at != group {
			return false
		}
		group = at
	}
	e.group = uint16(group)
	e.marks &^= isMoved
	return len(keys) > 0 || pw.table.Alone()
}
