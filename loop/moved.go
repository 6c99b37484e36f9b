package loop

import (
	"cmp"
	"slices"

	"huntaway/codec"
	"huntaway/shard"
)

// ringMoved is for a table with another ring than the one before: a reload with other
// groups, or an ejection. What is in flight is answered by the server it was sent to; what
// has to be sent again, or was held, must find its group anew. An outage goes on in the group
// that its server is in now. was is nil for the first table.
func (pw *poolWorker) ringMoved(was *shard.Table) {
	pw.lay(was)
	before := pw.holds
	pw.holds = make([]*hold, len(pw.table.Groups))
	var waiting []held
	for g, h := range before {
		if h != nil {
			waiting = append(waiting, h.queue...)
			pw.carryOver(h, was.Groups[g].Master)
		}
	}
	pw.shutAll()
	if pw.table.Slotted() {
		pw.slotsMoved()
	}
	pw.retire()
	slices.SortStableFunc(waiting, heldBefore)
	for i := range waiting {
		pw.letGo(&waiting[i], 0)
	}
}

// heldBefore compares what waits, by clients and then in the order in which each said it: groups that
// become one have their queues become one, and what a client said first must stay in front there.
func heldBefore(a, b held) int {
	if c := cmp.Or(cmp.Compare(a.e.session, b.e.session), cmp.Compare(a.e.gen, b.e.gen)); c != 0 {
		return c
	}
	return int(int32(a.e.seq - b.e.seq))
}

// carryOver has an outage under another table end as if it were the same: it began when it
// began, as far as the group has the same master, and a former master that still owes replies
// is awaited by the group that it is in now.
func (pw *poolWorker) carryOver(h *hold, master int32) {
	if g := pw.table.GroupOf(master); g >= 0 && pw.table.Groups[g].Master == master {
		pw.holdOf(g).since = h.since
	}
	for _, each := range h.gates {
		id := each.l.server.ID
		if g := pw.table.GroupOf(id); g >= 0 && pw.table.Groups[g].Master != id {
			now := pw.holdOf(g)
			now.gates = append(now.gates, each)
		}
	}
}

// holdOf returns the hold of a group, a new one if there was none.
func (pw *poolWorker) holdOf(group int) *hold {
	if h := pw.holds[group]; h != nil {
		return h
	}
	return pw.newHold(group)
}

// reroute finds the group of a request anew and sends it there.
func (pw *poolWorker) reroute(s *session, e *entry, frame []byte) {
	switch f := pw.relocate(e, frame); f {
	case nil:
		pw.dispatch(s, e, frame)
	case faultUnowned:
		pw.putOff(s, e, frame, f)
	default:
		pw.w.fail(e, f, nil)
	}
}

// relocate finds the group of a request again from its frame, or returns why there is none: a
// part of a split command whose keys have come to belong to several groups cannot be sent any
// more, and in a cluster it may not be known who owns the slot.
func (pw *poolWorker) relocate(e *entry, frame []byte) (why *fault) {
	if e.cmd == execID {
		return pw.relocateAll(e, frame)
	}
	if e.marks.has(isScript) {
		frame = withoutLoad(e, frame)
	}
	r := &pw.w.pad.again
	keys, ok := pw.keysIn(r, frame)
	if !ok {
		return faultMoved
	}
	if len(keys) > 0 {
		return pw.relocateKeys(e, r, keys)
	}
	switch ref := pw.renewed(e.group); {
	case pw.table.Slotted() && ref != groupRef{}:
		e.group = ref // it concerns a whole group, which is still the same
	case pw.table.Alone():
		e.group = pw.refTo(0)
	default:
		return faultMoved
	}
	return nil
}

// keysIn parses a request into r, and returns what it is placed by. False: it cannot be told.
func (pw *poolWorker) keysIn(r *codec.Request, frame []byte) (keys []int32, ok bool) {
	var scan codec.Scanner
	if _, err := scan.Next(frame, r, &pw.opt.limits); err != nil {
		return nil, false
	}
	cmd := pw.opt.Commands.Find(r)
	switch {
	case cmd == nil:
		return nil, false
	case cmd.Policy == codec.PubSub:
		return []int32{1}, true // PUBLISH goes by its channel, which is no key
	}
	keys, err := cmd.Keys(r, nil)
	return keys, err == nil
}

// relocateKeys is relocate for a request with keys.
func (pw *poolWorker) relocateKeys(e *entry, r *codec.Request, keys []int32) (why *fault) {
	group := 0
	for i, k := range keys {
		at := pw.table.Locate(r.Arg(int(k)))
		switch {
		case at < 0 && pw.table.Slotted():
			return faultUnowned
		case at < 0 || i > 0 && at != group:
			return faultMoved
		}
		group = at
	}
	e.group = pw.refTo(group)
	return nil
}
