package failover

import (
	"testing"

	"pgregory.net/rapid"

	"huntaway/ha/vital"
)

// A lull is what is slow in a world beyond its latency.
type lull struct {
	slow   bool    // the random model makes something slow now and then
	asleep int64   // until when this process stands still
	late   []Event // what servers have answered meanwhile
	at     State   // the state in which a server is stopped for a moment
	who    *box    // which one; nil: none
	span   int64   // for how long
	wakes  []fell  // servers that go on, and when
	orphan map[int32]orphan
	near   map[int32]vital.Replication // what who answered had said when somebody was chosen to be made master
}

// An orphan is since when, and until when, a replica could have been told to follow nobody.
type orphan struct{ since, until int64 }

// TestRandomSlow is TestRandom with servers that are slow to answer, or stand still for a moment just when they are told something,
// and with a process that stands still itself.
func TestRandomSlow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disturbed(t, rapid.SampledFrom([]int{0, 1}).Draw(t, "needs"), func(w *world) { w.lull.slow = true })
	})
}

// slacken lets something be slow.
func (w *world) slacken(t *rapid.T, b *box) {
	what := rapid.SampledFrom([]string{"tardy", "prompt", "lag", "sleep", "sleep", "lull", "lull"}).Draw(t, "slow")
	w.say("# %s s%d", what, b.id)
	switch what {
	case "tardy":
		b.tardy = rapid.SampledFrom([]int64{120, 250, 400}).Draw(t, "tardy") * ms
	case "prompt":
		b.tardy = 0
	case "lag":
		b.alone = b.replica
	case "sleep":
		w.sleep(rapid.SampledFrom([]int64{300, 900, 2200, 4000}).Draw(t, "sleep") * ms)
	case "lull":
		at := rapid.SampledFrom([]State{Freezing, Freezing, Revoking, Promoting, Verifying}).Draw(t, "in")
		w.lull.at, w.lull.who, w.lull.span = at, b, rapid.SampledFrom([]int64{120, 250, 400, 900, 2500}).Draw(t, "lull")*ms
	}
}

// sleep has this process stand still.
func (w *world) sleep(d int64) {
	if !w.dark {
		w.lull.asleep = w.now + d
		w.say("# this process stands still for %d ms", d/ms)
	}
}

// sleeps tells whether this process stands still. What servers have answered meanwhile it takes when it goes on.
func (w *world) sleeps() bool {
	if w.lull.asleep == 0 || w.now < w.lull.asleep {
		return w.lull.asleep != 0
	}
	late := w.lull.late
	w.lull.asleep, w.lull.late = 0, nil
	for _, ev := range late {
		w.feed(ev)
	}
	return false
}

// wasNear tells whether b answered when somebody was chosen, with what it has.
func (w *world) wasNear(b *box) bool {
	said, is := w.lull.near[b.id]
	return is && said.RunID == b.runID && said.ID == b.replid && said.Offset == b.offset && !w.mute && w.now >= w.deafUntil
}

// pause stops a server when the machine enters the state that it was drawn for, and notes who answers when somebody is chosen.
func (w *world) pause(entered State) {
	if chosen := w.m.round.candidate; entered == Promoting && chosen >= 0 {
		w.lull.near = map[int32]vital.Replication{}
		for _, b := range w.m.members {
			hidden := w.obscured(w.boxes[b.ID], w.boxes[chosen]) // later that may show
			if (b.ID != w.m.master || b.repl.Replica) && b.sent != 0 && b.fault == vital.FaultNone && w.now-b.sent < second && !hidden {
				w.lull.near[b.ID] = b.repl
			}
		}
	}
	b := w.lull.who
	if b == nil || entered != w.lull.at {
		return
	}
	w.lull.who = nil
	if b.ok() {
		b.hung = true
		w.lull.wakes = append(w.lull.wakes, fell{w.now + w.lull.span, b})
		w.say("# s%d stands still for %d ms", b.id, w.lull.span/ms)
	}
}

// resume has those go on whose time has come.
func (w *world) resume() {
	rest := w.lull.wakes[:0]
	for _, f := range w.lull.wakes {
		if w.now < f.at {
			rest = append(rest, f)
		} else {
			f.b.wake(w.now)
		}
	}
	w.lull.wakes = rest
}

// watchOrphans notes since when each replica could have been told to follow nobody: its master has ended, this process sees both,
// and nothing keeps it from telling servers anything.
func (w *world) watchOrphans() {
	if w.lull.orphan == nil {
		w.lull.orphan = map[int32]orphan{}
	}
	for _, b := range w.boxes {
		up := w.box(b.master)
		free := w.o.Mode == Local && !w.o.DryRun && !w.dark && w.lull.asleep == 0 && !w.mute && !w.m.stoodDown() && w.m.disk.intent.Latched == "" && w.reached[0]*2 >= w.reached[1]
		is := free && b.ok() && !b.cut && b.fault == vital.FaultNone && b.replica && !b.linkUp && !b.refuses && b.giving == nil && up != nil &&
			up.id == w.table.Master && up.id == w.m.master && w.sees(b) && w.m.carriesOn(&w.m.member(b.id).repl) && w.m.known.at != 0
		was := w.lull.orphan[b.id]
		switch {
		case !is, up.up && w.now-was.until > second: // it hangs, or is copied from
			delete(w.lull.orphan, b.id)
		case !up.up && was.since == 0:
			w.lull.orphan[b.id] = orphan{w.now, w.now}
		case !up.up:
			w.lull.orphan[b.id] = orphan{was.since, w.now}
		}
	}
}

// checkOrphan holds that a replica was told to follow nobody by the time that its master would have been given up, if that was not
// possible: whoever comes up at its address it copies.
func (w *world) checkOrphan(b, up *box) {
	o := w.lull.orphan[b.id]
	if lost := w.lost(up.data).both(b.data); len(lost) > 0 && o.until-o.since >= w.m.o.DownSilence+second && w.promises() {
		w.broken("s%d copies s%d, which lacks %v, and could have been told to follow nobody for %s", b.id, up.id, lost, span(o.until-o.since))
	}
}
