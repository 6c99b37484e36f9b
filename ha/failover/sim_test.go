package failover

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"huntaway/ha/vital"
)

// TestRandom drives a group through random faults. World holds the invariants at every
// action: epochs rise; nobody is promoted or published while connections to the old
// master are open, or without an intent on disk, or while another server that stands
// still has more of the same data; no stranger is touched; no acknowledged write is lost by a
// switchover, nor otherwise while a server has it that could be master; nobody is told to copy
// a server that is known to lack what he has, nor one that was away and does, unless an operator has resolved the group. Then all is healed, and the group must be whole again within a
// bounded time, or say whom an operator may resolve it to.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { randomly(t, rapid.SampledFrom([]int{0, 1}).Draw(t, "needs")) })
}

// TestRandomTwo is TestRandom with masters that need two replicas to take a write.
func TestRandomTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { randomly(t, 2) })
}

// TestRandomLost is TestRandom with a state file that is lost whenever the process ends.
func TestRandomLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { disturbed(t, 0, func(w *world) { w.loses = true }) })
}

func randomly(t *rapid.T, needs int) { disturbed(t, needs, func(*world) {}) }

func disturbed(t *rapid.T, needs int, how func(*world)) {
	w := newWorld(randomOptions(t), rapid.IntRange(2, 5).Draw(t, "servers"))
	how(w)
	w.needs = needs
	hands := rapid.IntRange(0, 2).Draw(t, "hands") == 0
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		w.disturb(t, hands)
		w.run(int64(rapid.SampledFrom([]int{10, 20, 30, 50, 100, 500, 1500, 3000, 8000}).Draw(t, "ms")) * ms)
		w.check(t)
	}
	w.heal(t)
}

func randomOptions(t *rapid.T) Options {
	return Options{
		Mode:        Local,
		MinInterval: rapid.SampledFrom([]int64{1, 60 * second}).Draw(t, "interval"),
		HourlyCap:   rapid.SampledFrom([]int{3, 100}).Draw(t, "cap"),
		WaitK:       rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "wait"),
		DownBusy:    rapid.SampledFrom([]int64{0, 3 * second}).Draw(t, "busy"),
		SelfFence:   rapid.IntRange(0, 3).Draw(t, "selffence") == 0,
	}
}

func (w *world) check(t *rapid.T) {
	if w.failed != "" {
		t.Fatalf("%s\n%s", w.failed, w.told())
	}
}

// told returns what has happened, the middle left out when it is long.
func (w *world) told() string {
	all := w.events
	if len(all) > 160 {
		all = append(append(all[:120:120], "..."), all[len(all)-40:]...)
	}
	return strings.Join(all, "\n")
}

// disturb lets one thing happen.
func (w *world) disturb(t *rapid.T, hands bool) {
	b := w.boxes[rapid.IntRange(0, len(w.boxes)-1).Draw(t, "server")]
	if w.lull.slow && rapid.IntRange(0, 3).Draw(t, "slack") == 0 {
		w.slacken(t, b)
		return
	}
	what := rapid.SampledFrom([]string{"kill", "kill", "boot", "boot", "stop", "cont", "cont", "cut", "alone", "mend", "mend", "fault",
		"fine", "empty", "foreign", "save", "slow", "crash", "crashin", "crashin", "begin", "begin", "disk", "latency", "switchover", "switchover",
		"promote", "follow", "rival", "fences", "mute", "priority", "report", "master", "trap", "trap", "trap", "fall", "fall", "full", "grudging", "forge"}).Draw(t, "what")
	if w.loses && rapid.IntRange(0, 15).Draw(t, "anew") == 0 {
		what = "redeploy"
	}
	if !hands && (what == "promote" || what == "follow" || what == "forge") {
		what = "trap"
	}
	if what == "master" { // what hurts most
		if id := w.table.Master; id >= 0 {
			b = w.boxes[id]
		}
		what = rapid.SampledFrom([]string{"kill", "kill", "stop", "cut", "alone"}).Draw(t, "to the master")
	}
	w.say("# %s s%d", what, b.id)
	w.happen(t, what, b)
}

// happen is what disturb has drawn.
func (w *world) happen(t *rapid.T, what string, b *box) {
	switch what {
	case "kill":
		b.kill()
	case "boot":
		w.boot(b)
	case "stop":
		b.hung = b.up
	case "cont":
		b.wake(w.now)
	case "cut":
		b.cut = true
	case "alone":
		b.alone = true
	case "mend":
		b.cut, b.alone = false, false
	case "fault":
		b.fault = vital.Fault(rapid.IntRange(1, vital.Faults-1).Draw(t, "fault"))
	case "fine":
		b.fault, b.slow = vital.FaultNone, 0
	case "save":
		if b.up {
			w.store(b)
		}
	case "slow":
		b.slow = 5000
	case "full":
		b.full = !b.full
	case "grudging":
		b.grudging = !b.grudging
	case "priority":
		b.priority = rapid.SampledFrom([]int{0, 100}).Draw(t, "priority")
	case "report":
		kind := rapid.SampledFrom([]EventKind{LinkLost, ReadOnly, Stalled}).Draw(t, "report")
		w.feed(Event{Kind: kind, Server: b.id})
	default:
		w.happenRarely(t, what, b)
	}
}

// happenRarely is the other half of happen.
func (w *world) happenRarely(t *rapid.T, what string, b *box) {
	switch what {
	case "empty":
		if !b.saved.foreign {
			b.saved = holdings{}
		}
	case "foreign":
		if !b.up && !w.only(b) && rapid.Bool().Draw(t, "rare") {
			b.cfg, b.saved = "", foreigner
		}
	case "crash":
		if !w.dark {
			w.crash()
		}
	case "crashin":
		w.crashIn = rapid.IntRange(1, 12).Draw(t, "actions")
	case "begin":
		if w.dark {
			w.start()
		}
	case "disk":
		w.badDisk = !w.badDisk
	case "latency":
		w.latency = rapid.SampledFrom([]int64{ms, ms, 60 * ms, 250 * ms, 400 * ms}).Draw(t, "latency")
	case "switchover":
		to := int32(rapid.IntRange(0, len(w.boxes)-1).Draw(t, "to"))
		w.feed(Event{Kind: Commanded, Wish: Wish{To: to, Expect: w.table.Master, Fast: rapid.Bool().Draw(t, "fast"), ID: 1, By: "op"}})
	case "promote":
		if b.ok() && rapid.IntRange(0, 3).Draw(t, "rare") == 0 {
			w.byHand = true
			w.promote(b)
		}
	case "follow":
		to := w.boxes[rapid.IntRange(0, len(w.boxes)-1).Draw(t, "to")]
		if b.ok() && to != b && !b.foreign && !to.foreign && rapid.IntRange(0, 3).Draw(t, "rare") == 0 {
			w.byHand = true
			w.follow(b, to.addr)
		}
	case "fall":
		how := drawFallen(t, w, b)
		if how == another && w.loses && w.dark { // as when everything is started anew, below
			how = empty
		}
		w.fall(b, how, drawReturn(t))
	case "trap":
		w.trap = trap{rapid.IntRange(1, 14).Draw(t, "orders"), rapid.SampledFrom([]string{"server", "target", "target", "master"}).Draw(t, "victim"),
			drawFallen(t, w, b), drawReturn(t)}
		if hold := rapid.IntRange(0, len(w.boxes)).Draw(t, "to"); hold < len(w.boxes) { // mostly at once
			w.feed(Event{Kind: Commanded, Wish: Wish{To: int32(hold), Expect: w.table.Master, Fast: rapid.Bool().Draw(t, "fast"), ID: 1, By: "op"}})
		}
	case "redeploy": // everything is started anew, this process first, and nobody has to have what he had
		if !w.dark {
			w.crash()
		}
		for _, b := range w.boxes {
			how := drawFallen(t, w, b)
			if how == another { // while nobody looks a stranger's data are copied unseen, and are nobody's to be told from
				how = empty
			}
			w.fall(b, how, drawReturn(t))
		}
		w.start()
	case "fences":
		w.fences = rapid.SampledFrom([]int64{0, 200 * ms, 3 * second}).Draw(t, "fences")
	case "mute":
		w.mute = !w.mute
	case "forge":
		w.forge(rapid.SampledFrom([]uint64{0, 1, w.m.epoch + 1, 9999, 1 << 50}).Draw(t, "mark"))
	case "rival":
		w.feed(Event{Kind: Rival, Text: "other", Faint: w.writes%2 == 0}) // without a draw, for the seeds' sake
	}
}

// drawFallen draws with which data a server returns; b's are not replaced by another group's when
// they are the last.
func drawFallen(t *rapid.T, w *world, b *box) fallen {
	how := rapid.SampledFrom([]fallen{same, older, older, empty, renamed, another}).Draw(t, "data")
	if how == another && w.only(b) {
		return empty
	}
	return how
}

func drawReturn(t *rapid.T) int64 {
	return int64(rapid.SampledFrom([]int{50, 300, 900, 3000, 20000}).Draw(t, "back")) * ms
}

// heal ends all faults. Failovers may have to wait for MinInterval; two masters may have to be
// resolved, and a latch released, by the operator.
func (w *world) heal(t *rapid.T) {
	w.say("# heal")
	w.badDisk, w.crashIn, w.latency, w.fences, w.mute, w.trap, w.lull.asleep, w.lull.who = false, 0, ms, 0, false, trap{}, 0, nil
	if w.dark {
		w.start()
	}
	for _, b := range w.boxes {
		b.wake(w.now)
		b.cut, b.alone, b.fault, b.slow, b.tardy, b.priority = false, false, vital.FaultNone, 0, 0, 100
		b.full, b.grudging = false, false
		w.boot(b)
	}
	for round := range 60 {
		w.run(5 * second)
		w.check(t)
		if w.whole() == "" {
			w.run(2 * second)
			w.check(t)
			if w.whole() == "" {
				return
			}
		}
		if round >= 20 {
			w.checkExit(t)
			w.operate()
		}
	}
	t.Fatalf("not whole after healing: %s; %+v\n%s", w.whole(), w.m.Status(), w.told())
}

// checkExit holds that a group that does not get out of its state by itself says who can.
func (w *world) checkExit(t *rapid.T) {
	stray := slices.ContainsFunc(w.m.members, func(b *member) bool { return w.m.dissents(b) && (w.m.richer(b) || w.m.later(b) || w.m.isTied(b)) })
	if w.m.state != Ambiguous && w.m.state != Suspect && w.m.state != Stuck && !stray || w.m.disk.intent.Latched != "" {
		return
	}
	if all := strings.Join(w.m.Status().Alarms, "\n"); !strings.Contains(all, "huntaway resolve") {
		t.Fatalf("no way out is named: %v; alarms: %s\n%s", w.m.state, all, w.told())
	}
}

// operate does what an operator has to do, where a machine must not.
func (w *world) operate() {
	if w.m.disk.intent.Latched != "" {
		w.feed(Event{Kind: Commanded, Wish: Wish{Kind: WishRelease, ID: 2, By: "op"}})
	}
	if w.m.state == Healthy && slices.ContainsFunc(w.m.members, func(b *member) bool { return w.m.richer(b) || w.m.later(b) || w.m.isTied(b) }) {
		w.wrenched = true
		w.feed(Event{Kind: Commanded, Wish: Wish{Kind: WishResolve, To: w.m.master, ID: 3, By: "op"}})
	}
	if w.m.state != Ambiguous && w.m.state != Suspect && w.m.state != Stuck {
		return
	}
	var best *box
	for _, b := range w.boxes {
		if !b.foreign && (best == nil || !b.replica && best.replica || b.replica == best.replica && b.offset > best.offset) {
			best = b
		}
	}
	if best == nil {
		return
	}
	w.wrenched = true
	w.say("# the operator resolves to s%d", best.id)
	w.feed(Event{Kind: Commanded, Wish: Wish{Kind: WishResolve, To: best.id, ID: 3, By: "op"}})
}

// whole returns what is not as it should be, "" when all is.
func (w *world) whole() string {
	if !slices.ContainsFunc(w.boxes, func(b *box) bool { return !b.foreign }) {
		return "" // nothing is left of the group
	}
	if w.m.state != Healthy || w.table.Held && !w.m.holds.selfFenced || w.table.Master < 0 {
		return w.m.state.String()
	}
	master := w.boxes[w.table.Master]
	if master.replica {
		return master.addr + " is published and a replica"
	}
	if w.disk.Begun != "" || w.disk.Master != master.addr {
		return "the state file says " + w.disk.Master + " " + w.disk.Begun
	}
	for _, b := range w.boxes {
		if b != master && !b.foreign && !w.m.member(b.id).strange && (!b.replica || b.master != master.addr || !b.linkUp) {
			return b.addr + " does not follow"
		}
	}
	return ""
}
