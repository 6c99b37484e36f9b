package loop

import "huntaway/shard"

// A gate is a link to a former master that still owes replies: what comes later must not
// overtake them.
type gate struct {
	l    *link
	head uint32 // the FIFO position that must be reached
}

// mastersMoved looks at every group that a new table with the same places holds, holds no longer, or gives
// another master: requests of a held group wait; behind a new master they wait until the old
// one has answered what it was sent, so that a client's writes cannot overtake each other;
// what has waited otherwise is sent.
func (pw *poolWorker) mastersMoved(was *shard.Table) {
	for g := range pw.table.Groups {
		now := &pw.table.Groups[g]
		moved := was.Groups[g].Master != now.Master && now.Master >= 0
		if moved {
			pw.raiseGates(g, was.Groups[g].Master)
		}
		h := pw.holds[g]
		switch {
		case now.Held:
			pw.shut(g)
		case h == nil:
		case h.shut || moved:
			h.shut = false
			pw.free(g)
		default:
			pw.letReadsGo(g)
		}
	}
}

// shut closes a group that the table says is held. The outage began when its master could
// not be reached any more, if that was before.
func (pw *poolWorker) shut(group int) {
	h := pw.holds[group]
	if h == nil {
		h = pw.newHold(group)
		if id := pw.table.Groups[group].Master; id >= 0 && pw.link(id, 0).health.downAt > 0 {
			h.since = pw.link(id, 0).health.downAt
		}
	}
	h.shut = true
	h.release.stop()
	pw.letReadsGo(group)
}

// shutAll closes the groups that the table says are held, when there is no hold yet.
func (pw *poolWorker) shutAll() {
	for g := range pw.table.Groups {
		if pw.table.Groups[g].Held {
			pw.shut(g)
		}
	}
}

// raiseGates makes later requests wait for what is in flight to the old master.
func (pw *poolWorker) raiseGates(group int, old int32) {
	if pw.opt.HoldTimeout == 0 || old < 0 {
		return
	}
	pw.everyLink(func(l *link) {
		if l.server.ID != old || l.owed() == 0 {
			return
		}
		h := pw.holds[group]
		if h == nil {
			h = pw.newHold(group)
		}
		h.gates = append(h.gates, gate{l, l.queue.fifo.Behind()})
		h.release.stop()
	})
}

// owed counts the requests of clients that the link's server has yet to answer, or to be
// sent, without those that wait there for something to happen, and one whose reply has begun
// and is not read because its client is slow.
func (l *link) owed() int {
	if l.lease.tap != nil || l.lease.patient || l.lease.dropped || l.lease.dammed && l.coming.flows {
		return 0
	}
	return l.queue.fifo.Len() - l.queue.expired
}

// openGates lets a group's requests go on when its former master owes nothing any more.
func (pw *poolWorker) openGates(group int) {
	h := pw.holds[group]
	keep := h.gates[:0]
	for _, g := range h.gates {
		if g.l.owed() > 0 && int32(g.l.queue.fifo.First()-g.head) < 0 {
			keep = append(keep, g)
		}
	}
	h.gates = keep
	if len(keep) == 0 {
		pw.free(group)
	}
}
