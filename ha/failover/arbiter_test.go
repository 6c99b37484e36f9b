package failover

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// An umpire is who decides in the modes sentinel and observe: it replaces a master that
// the other servers have not seen for three seconds by the replica with most data,
// brings whoever returns in line, and announces each step some time later.
type umpire struct {
	w       *world
	master  int32
	epoch   uint64
	deadAt  int64 // since when the master is
	objects int64 // when it last said so
	news    []news
}

// news is an announcement on its way.
type news struct {
	at int64
	ev Event
}

func newUmpire(w *world) *umpire {
	u := &umpire{w: w, epoch: 1}
	u.announce(0)
	return u
}

// announce says who is master, after a while.
func (u *umpire) announce(after int64) {
	u.news = append(u.news, news{u.w.now + after, Event{Kind: Announced, Addr: u.w.boxes[u.master].addr, Epoch: u.epoch, Source: 3, Of: 3}})
}

// step does what is due.
func (u *umpire) step(delay int64) {
	m := u.w.boxes[u.master]
	switch well := m.ok() && !m.alone && !m.replica && m.fault == 0; {
	case well:
		if u.deadAt != 0 && u.objects > u.deadAt && u.w.o.Mode == Sentinel {
			u.w.feed(Event{Kind: Objected, Of: 3})
		}
		u.deadAt = 0
	case u.deadAt == 0:
		u.deadAt = u.w.now
	case u.w.now-u.deadAt >= 3*second:
		u.replace(delay)
	case u.w.now-u.deadAt >= 2*second && u.w.now-u.objects >= second/5 && u.w.o.Mode == Sentinel:
		u.objects = u.w.now
		u.w.feed(Event{Kind: Objected, Source: 3, Of: 3})
	}
	u.align()
	for i := 0; i < len(u.news); {
		if n := u.news[i]; u.w.now >= n.at {
			u.news = slices.Delete(u.news, i, i+1)
			u.w.feed(n.ev)
			continue
		}
		i++
	}
}

// replace promotes the replica that has most, if there is one.
func (u *umpire) replace(delay int64) {
	var best *box
	for _, b := range u.w.boxes {
		if b.ok() && !b.alone && b.id != u.master && b.fault == 0 && (best == nil || b.offset > best.offset) {
			best = b
		}
	}
	if best == nil {
		return
	}
	u.w.say("# umpire: s%d", best.id)
	u.w.promote(best)
	best.cfg = ""
	u.master, u.deadAt = best.id, 0
	u.epoch++
	u.announce(delay)
}

// align has everybody follow the master, half a second after it can be reached.
func (u *umpire) align() {
	m := u.w.boxes[u.master]
	for _, b := range u.w.boxes {
		if b != m && b.ok() && !b.alone && m.ok() && !m.alone && (!b.replica || b.master != m.addr) && u.w.now/ms%500 == 0 {
			u.w.follow(b, m.addr)
			b.cfg = m.addr
		}
	}
}

// TestRandomFollowed drives a group whose master somebody else chooses. World holds
// that epochs rise and that nobody is published while connections to the old master are
// open; no server is touched; and when all is healed the table names the master that
// the umpire has chosen.
func TestRandomFollowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Mode: rapid.SampledFrom([]Mode{Observe, Sentinel, Sentinel}).Draw(t, "mode")}
		w := newWorld(o, rapid.IntRange(2, 4).Draw(t, "servers"))
		u := newUmpire(w)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			w.disturbFollowed(t, u)
			delay := rapid.SampledFrom([]int64{0, 10 * ms, second, 5 * second}).Draw(t, "delay")
			w.runWith(u, delay, int64(rapid.SampledFrom([]int{10, 100, 500, 1500, 4000}).Draw(t, "ms"))*ms)
			w.check(t)
		}
		w.healFollowed(t, u)
	})
}

func (w *world) runWith(u *umpire, delay, d int64) {
	for end := w.now + d; w.now < end && w.failed == ""; {
		w.step()
		u.step(delay)
	}
}

// disturbFollowed lets one thing happen.
func (w *world) disturbFollowed(t *rapid.T, u *umpire) {
	b := w.boxes[rapid.IntRange(0, len(w.boxes)-1).Draw(t, "server")]
	what := rapid.SampledFrom([]string{"kill", "boot", "stop", "cont", "cut", "alone", "mend", "mend", "save", "fault", "fine", "empty", "crash", "begin",
		"begin", "stale", "master", "master", "report", "switchover"}).Draw(t, "what")
	if what == "master" {
		b = w.boxes[u.master]
		what = rapid.SampledFrom([]string{"kill", "stop", "alone"}).Draw(t, "to the master")
	}
	w.say("# %s s%d", what, b.id)
	switch {
	case what == "stale" && u.epoch > 1: // a report that has not heard yet
		e := uint64(rapid.IntRange(0, int(u.epoch)-1).Draw(t, "epoch"))
		w.feed(Event{Kind: Announced, Addr: b.addr, Epoch: e, Source: 1, Of: 3})
	case what == "stale":
	case what == "begin" && w.dark:
		w.start()
		u.announce(0)
	default:
		w.happen(t, what, b)
	}
}

func (w *world) healFollowed(t *rapid.T, u *umpire) {
	w.say("# heal")
	w.latency = ms
	for _, b := range w.boxes {
		b.hung, b.cut, b.alone, b.fault = false, false, false, 0
		w.boot(b)
	}
	if w.dark {
		w.start()
	}
	w.runWith(u, 0, 10*second)
	u.announce(0)
	for range 10 {
		w.runWith(u, 0, 6*second)
		w.check(t)
		if w.m.state == Healthy && !w.table.Held && w.table.Master == u.master {
			return
		}
		if w.m.state == Suspect || w.m.state == Ambiguous { // data of another lineage need an operator's word
			w.feed(Event{Kind: Commanded, Wish: Wish{Kind: WishResolve, To: u.master, ID: 3, By: "op"}})
		}
	}
	t.Fatalf("not whole after healing: %v, master %d; want %d; %+v\n%s", w.m.state, w.table.Master, u.master, w.m.Status(), w.told())
}
