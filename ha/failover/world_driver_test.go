package failover

import (
	"errors"
	"fmt"
	"slices"

	"huntaway/ha/vital"
)

// step moves the clock on by a little.
func (w *world) step() {
	w.now += 10 * ms
	w.raise()
	w.resume()
	w.replicate()
	w.beat.pass(w)
	w.watchOrphans()
	if e := w.elevating; e != nil && w.now >= e.at {
		w.elevating = nil
		w.promote(w.boxes[e.a.Target])
	}
	w.runOrders()
	if w.dark || w.sleeps() {
		return
	}
	w.client()
	w.guard()
	w.runProbes()
	w.runLocal()
	if !w.dark && w.m.Next() <= w.now {
		w.feed(Event{Kind: Tick})
	}
}

func (w *world) run(d int64) {
	for end := w.now + d; w.now < end && w.failed == ""; {
		w.step()
	}
}

func (w *world) feed(ev Event) {
	if w.dark {
		return
	}
	ev.At, ev.Reached, ev.Others = w.now, w.reached[0], w.reached[1]
	state := w.m.state
	w.knew, w.unused = w.m.known, w.m.marks.spent
	w.perform(w.m.Step(ev, nil))
	if w.m.state != state {
		w.frozenFor = w.now
	}
}

// guard puts the mark on the master right, as the driver does over a connection that it has had since it last looked.
func (w *world) guard() {
	if w.now < w.guardAt {
		return
	}
	w.guardAt = w.now + 3*second
	s := w.m.Status()
	if s.State != Healthy || !s.EpochSure || s.Master < 0 {
		return
	}
	b := w.boxes[s.Master]
	if w.sees(b) && b.ok() && !b.cut && b.fault == 0 && !b.replica && !b.full && !b.grudging && !b.barred && len(w.info(b).Followers) >= w.needs && b.mark != s.Epoch {
		was := b.mark
		w.leave(b, Action{Epoch: s.Epoch, Certain: true})
		w.say("the mark %d on s%d is put right: %d", was, b.id, s.Epoch)
		if s.EpochLeft && was != 0 {
			w.feed(Event{Kind: Forged, Found: was})
		}
	}
}

// guardList reads the list of losses on the master, and has it say what it should, as the driver does each second.
func (w *world) guardList() {
	l, master := w.m.Losses(), w.m.table.tabled
	if l.Known && w.now < w.listAt {
		return
	}
	w.listAt = w.now + second
	if w.o.Mode != Local || master < 0 {
		return
	}
	b := w.boxes[master]
	if !b.ok() || b.cut || b.fault != 0 && b.fault != vital.FaultMisconf {
		return
	}
	says := b.list
	if b.barred {
		says = ""
	}
	if l.News(says) {
		w.feed(Event{Kind: Lost, Server: master, Text: says, Repl: vital.Replication{RunID: b.runID}})
		l = w.m.Losses()
	}
	active := (w.m.state == Healthy || w.m.state == Settling) && !w.m.stoodDown() && l.Known
	takes := w.sees(b) && b.fault == 0 && !b.replica && !b.full && !b.grudging && !b.barred && len(w.info(b).Followers) >= w.needs
	if now := l.Instead(b.list); active && takes && w.m.table.tabled == master && now != "" {
		b.list = now
		b.offset++
		w.say("the list of losses on s%d says now: %s", b.id, b.list)
	}
}

// forge has a client write the mark.
func (w *world) forge(epoch uint64) {
	if b := w.table.Master; b >= 0 && w.boxes[b].ok() && !w.boxes[b].replica && !w.table.Held {
		w.boxes[b].mark, w.forged = epoch, true
		w.boxes[b].offset++
	}
}

// client writes to the published master.
func (w *world) client() {
	if w.table.Held || w.table.Master < 0 {
		w.stalled, w.lostSeen = 0, false
		return
	}
	b := w.boxes[w.table.Master]
	switch {
	case b.hung || b.cut:
		if w.stalled == 0 {
			w.stalled = w.now
		} else if w.now-w.stalled >= 300*ms {
			w.stalled = w.now
			w.feed(Event{Kind: Stalled, Server: b.id})
		}
	case !b.up && !w.lostSeen:
		w.lostSeen = true
		w.feed(Event{Kind: LinkLost, Server: b.id})
	case !b.up || b.fault != 0 && b.fault != vital.FaultAuth || w.now < b.paused || b.giving != nil:
	case w.lull.slow && w.linked == "" && !w.sees(b): // nothing is sent to a process that was not looked at
	case w.linked != "" && w.linked != b.runID: // the link was lost and opened again at once
		w.linked = ""
		w.feed(Event{Kind: LinkLost, Server: b.id})
	case b.replica:
		if !w.lostSeen {
			w.lostSeen = true
			w.feed(Event{Kind: ReadOnly, Server: b.id})
		}
	default:
		w.stalled, w.lostSeen = 0, false
		w.fenced[b.id] = false
		w.linked = b.runID
		if len(w.info(b).Followers) >= w.needs {
			w.acknowledge(b)
		}
	}
}

// acknowledge has the master take a write.
func (w *world) acknowledge(b *box) {
	w.checkLoss(b)
	w.writes++
	w.ackedAt = w.now
	b.offset++
	b.keys = max(b.keys, 1)
	b.data = b.data.with(w.writes)
}

func (w *world) runProbes() {
	for i, b := range w.boxes {
		flying := slices.ContainsFunc(w.probes, func(p job2) bool { return p.a.Server == b.id })
		if flying || w.now < w.probeAt[i] {
			continue
		}
		p := job2{a: Action{Server: b.id}, at: w.now + w.latency + b.tardy, until: w.now}
		w.probes = append(w.probes, p)
		w.probeAt[i] = w.now + 500*ms
	}
	for i := 0; i < len(w.probes) && !w.dark; {
		p := w.probes[i]
		ev, over := w.probe(p)
		if !over {
			i++
			continue
		}
		w.probes = slices.Delete(w.probes, i, i+1)
		w.feed(ev)
		w.guardList()
	}
}

// probe looks whether a probe has ended.
func (w *world) probe(p job2) (Event, bool) {
	b := w.boxes[p.a.Server]
	ev := Event{Kind: Probed, Server: b.id, Sent: p.until}
	switch {
	case b.hung || b.cut:
		ev.Fault = vital.FaultTimeout
		return ev, w.now-p.until >= 500*ms
	case w.now < p.at:
		return ev, false
	case !b.up:
		ev.Fault = vital.FaultRefused
	case b.fault == vital.FaultMisconf:
		ev.Fault, ev.Repl = b.fault, w.info(b)
	case b.fault != 0:
		ev.Fault = b.fault
	default:
		ev.Repl = w.info(b)
	}
	return ev, true
}

// runOrders has servers do what has reached them, and the driver report it.
func (w *world) runOrders() {
	for i := 0; i < len(w.orders); {
		err, over := w.attempt(&w.orders[i], i)
		if !over {
			i++
			continue
		}
		j := w.orders[i]
		w.orders = slices.Delete(w.orders, i, i+1)
		w.report(j, err, w.boxes[j.a.Server])
	}
	for _, b := range w.boxes {
		for b.ok() && len(b.queue) > 0 {
			w.under = b.queue[0]
			_ = w.carry(b, b.queue[0].a)
			b.queue = b.queue[1:]
		}
	}
}

// attempt has a server do the order at place i, if it has reached it, and reports whether that is over.
func (w *world) attempt(j *job2, i int) (error, bool) {
	b := w.boxes[j.a.Server]
	switch {
	case j.lost || b.hung || b.cut || w.now < j.at && b.up || w.now < j.at && w.now < j.until:
		if w.now < j.until {
			return nil, false
		}
		if b.hung && !j.lost && j.begun == 0 {
			b.queue = append(b.queue, *j)
		} else if !j.lost && b.up && !b.cut && j.begun == 0 {
			w.under = *j
			_ = w.carry(b, j.a) // it was slow, and comes all the same
		}
		return errors.New("timeout"), true
	case !b.up:
		return errRefused, true
	case j.begun != 0:
		return w.handedOver(j, b, i)
	}
	w.under = *j
	err := w.carry(b, j.a)
	w.spring(b)
	if !b.up {
		return errRefused, true
	}
	if j.a.Op == Handover && err == nil {
		j.begun = w.now
		return nil, false
	}
	return err, true
}

// handedOver polls a FAILOVER, as the driver does.
func (w *world) handedOver(j *job2, b *box, i int) (error, bool) {
	if b.giving == nil || !b.giving.done {
		j.stuck = 0
	} else if j.stuck == 0 {
		j.stuck = w.now
	}
	switch {
	case b.giving == nil && b.replica:
		return nil, true
	case b.giving == nil:
		return refused("the server gave the handover up and is still master: its target did not catch up in time"), true
	case slices.ContainsFunc(w.orders[i+1:], func(o job2) bool { return o.a.Server == b.id }):
		return errors.New("interrupted"), true
	case j.stuck != 0 && w.now-j.stuck >= 100*ms:
		return errors.New("the target has not taken over, though it is ready to"), true
	}
	return nil, false
}

func (w *world) report(j job2, err error, b *box) {
	if j.life != w.life || w.dark {
		return
	}
	if w.mute {
		w.deafUntil = max(w.deafUntil, j.until+grace)
		return
	}
	ev := Event{Kind: Done, ID: j.a.ID, Err: err, Sent: j.at, Server: j.a.Server}
	if (err == nil || noReplicas(err) || isBarred(err)) && j.a.Op.inspects() {
		ev.Repl = w.info(b)
		ev.Mark, ev.Found = Mark{Keys: b.keys, Epoch: b.mark}, w.found
		if b.barred {
			ev.Mark.Epoch, ev.Found = 0, 0
		}
		ev.Beat, ev.Worn = w.beat.left(b, w.now), w.beat.by == b
	}
	if err == nil && j.a.Op.inspects() && b.fault == vital.FaultMisconf {
		ev.Fault = b.fault
	}
	if j.a.Op == Detach && err == nil {
		w.promised[b.id] = ev.Repl
	}
	if w.lull.asleep != 0 {
		w.lull.late = append(w.lull.late, ev)
		return
	}
	w.feed(ev)
}

func (w *world) runLocal() {
	for i := 0; i < len(w.local); {
		j := w.local[i]
		if w.now < j.at || j.a.Kind == Drain && w.now < j.until && w.now < w.boxes[j.a.Server].paused && !w.boxes[j.a.Server].replica {
			i++
			continue
		}
		w.local = slices.Delete(w.local, i, i+1)
		var err error
		switch {
		case j.a.Kind == Order && w.arbiter == "refuses":
			err = fmt.Errorf("%w: NOGOODSLAVE", ErrRefused)
		case j.a.Kind == Persist && w.badDisk:
			w.diskFailed, err = true, errors.New("no space left on device")
		case j.a.Kind == Persist:
			w.disk = j.a.Intent
		case j.a.Kind == Fence && !w.table.Held && w.table.Master == j.a.Server:
		case j.a.Kind == Fence:
			w.fenced[j.a.Server] = true
		case j.a.Kind == Drain && w.now >= j.until:
			err = errors.New("it still owes replies")
		case j.a.Kind == Drain && !w.boxes[j.a.Server].hung && !w.boxes[j.a.Server].cut:
			w.fenced[j.a.Server] = w.table.Held // nothing is in flight, and nothing new is sent
		case j.a.Kind == Drain && (w.boxes[j.a.Server].hung || w.boxes[j.a.Server].cut):
			err = errors.New("it still owes replies")
		}
		w.feed(Event{Kind: Done, ID: j.a.ID, Err: err})
		if w.dark {
			return
		}
	}
}

// perform carries out actions, as far as this process lives.
func (w *world) perform(acts []Action) {
	for _, a := range acts {
		if w.dark {
			return
		}
		if a.Kind != Ask && a.Kind != Report && w.crashIn > 0 {
			if w.crashIn--; w.crashIn == 0 {
				w.crash()
				return
			}
		}
		w.carryOut(a)
	}
}

func (w *world) carryOut(a Action) {
	switch a.Kind {
	case Hold:
		w.table.Held = true
		w.say("hold")
	case Release:
		w.table.Held = false
		w.say("release")
		if b := w.table.Master; b >= 0 && !w.boxes[b].replica && w.boxes[b].up {
			w.checkLoss(w.boxes[b])
		}
	case Publish:
		w.published(a)
	case Fence, Drain, Persist:
		j := job2{a: a, at: w.now + w.latency, until: w.now + a.Within}
		if a.Kind == Fence {
			j.at += w.fences
		}
		w.local = append(w.local, j)
		if a.Kind == Persist {
			w.say("persist epoch=%d master=%s begun=%s candidate=%s latched=%q", a.Intent.Epoch, a.Intent.Master, a.Intent.Begun, a.Intent.Candidate, a.Intent.Latched)
		} else {
			w.say("%s s%d", map[ActionKind]string{Fence: "fence", Drain: "drain"}[a.Kind], a.Server)
		}
	case Order:
		w.ordered(a)
	case Ask:
		w.probeAt[a.Server] = min(w.probeAt[a.Server], w.now+10*ms)
	case Report:
		w.reported(a.Transition)
	case Answer:
		w.say("answer %d: %v", a.ID, a.Err)
		w.answers = append(w.answers, fmt.Sprint(a.Err))
		for _, step := range a.Plan {
			w.say("  step: %s", step)
		}
	}
}
