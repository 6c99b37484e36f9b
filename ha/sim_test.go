package ha

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"huntaway/ha/vital"
)

// A fake is a redis-server as probes see it, with the truth about its data beside it.
type fake struct {
	fault   vital.Fault
	replica bool
	linkUp  bool
	syncing bool
	id      string
	offset  int64
}

// A world is two groups of servers under virtual time, and the detector that watches them.
// Writes go to servers 0 and 4 at one byte each; acked[g] is when each byte was acknowledged.
type world struct {
	t       *rapid.T
	d       *Detector
	now     int64
	servers []fake
	out     []int64 // by server: when its outstanding probe was sent; 0: none
	acked   [2][]int64
	readers [2][]int32
	ejected []int
	covered []int64
}

const simServers = 8

func (w *world) master(id int32) int { return int(id) / 4 * 4 }

func newWorld(t *rapid.T) *world {
	o, _ := PoolOptions{Publisher: &board{}, MaxLag: 2 * time.Second, MaxLagBytes: 50, AutoEject: true}.complete()
	w := &world{t: t, d: NewDetector(o.limits()), now: 1e9, out: make([]int64, simServers), covered: make([]int64, simServers)}
	for i := range simServers {
		w.servers = append(w.servers, fake{replica: i%4 != 0, linkUp: true, id: "A"})
	}
	l := Layout{Groups: []Members{{Name: "a", Master: 0}, {Name: "b", Master: 4}}}
	for i := range int32(simServers) {
		m := &l.Groups[i/4]
		m.Servers = append(m.Servers, Member{ID: i, Addr: string('a' + i)})
		if m.Master != i {
			m.Readers = append(m.Readers, i)
		}
	}
	w.perform(w.d.Adopt(l, w.now, nil))
	return w
}

func (w *world) perform(acts []Action) {
	for _, a := range acts {
		switch a.Kind {
		case SendProbe:
			if w.out[a.Server] != 0 {
				w.t.Fatalf("server %d is probed while a probe is out", a.Server)
			}
			w.out[a.Server] = w.now
		case SetReaders:
			w.readers[a.Group] = a.IDs
		case SetEjected:
			w.ejected = a.Groups
		case SetCovered:
			w.covered[a.Server] = a.At
		}
	}
}

// answer ends the outstanding probe of a server with what the server is now.
func (w *world) answer(id int) {
	s := w.servers[id]
	ev := Event{Kind: Probed, Server: int32(id), Sent: w.out[id], At: w.now, Fault: s.fault}
	if s.fault == vital.FaultNone {
		ev.Repl = vital.Replication{Replica: s.replica, ID: s.id, Offset: s.offset, LinkUp: s.linkUp, Syncing: s.syncing}
	}
	w.out[id] = 0
	w.perform(w.d.Step(ev, nil))
}

// pass moves the clock on. Replicas that can copy their master catch up.
func (w *world) pass(by int64) {
	w.now += by
	for i := range w.servers {
		s, m := &w.servers[i], &w.servers[w.master(int32(i))]
		if s.replica && s.linkUp && s.id == m.id && m.fault == vital.FaultNone && s.fault == vital.FaultNone {
			s.offset += max(0, m.offset-s.offset) * int64(rapid.SampledFrom([]int{2, 2, 1, 0}).Draw(w.t, "halves")) / 2
		}
	}
	w.perform(w.d.Step(Event{Kind: Tick, At: w.now}, nil))
}

// disturb changes one server or writes.
func (w *world) disturb() {
	id := rapid.IntRange(0, simServers-1).Draw(w.t, "server")
	s := &w.servers[id]
	switch rapid.IntRange(0, 6).Draw(w.t, "what") {
	case 0:
		s.fault = vital.Fault(rapid.IntRange(0, vital.Faults-1).Draw(w.t, "fault"))
	case 1:
		s.fault = vital.FaultNone
	case 2:
		s.linkUp = !s.linkUp
	case 3:
		s.syncing = s.replica && !s.syncing
	case 4:
		if s.replica && rapid.IntRange(0, 3).Draw(w.t, "rare") == 0 {
			s.id = string(rapid.SampledFrom([]byte("AB")).Draw(w.t, "lineage"))
		}
	case 5:
		kind := rapid.SampledFrom([]EventKind{LinkLost, LinkOpened, ReadOnly}).Draw(w.t, "report")
		w.perform(w.d.Step(Event{Kind: kind, Server: int32(id), At: w.now}, nil))
	case 6:
		m := w.master(int32(id))
		for range rapid.SampledFrom([]int{1, 1, 2, 30}).Draw(w.t, "bytes") {
			w.acked[m/4] = append(w.acked[m/4], w.now)
			w.servers[m].offset++
		}
	}
}

// check holds the invariants of Detector against what it has published.
func (w *world) check() {
	for g, readers := range w.readers {
		group := w.d.groups[g]
		if !slices.Equal(readers, group.readers) {
			w.t.Fatalf("group %d: published readers %v; the detector thinks %v", g, readers, group.readers)
		}
		for _, id := range readers {
			w.checkReader(group, w.d.servers[id])
		}
	}
	if len(w.ejected) > 1 {
		w.t.Fatalf("ejected: got %v; want one group left at least", w.ejected)
	}
	for id, s := range w.d.servers {
		if !s.flying && s.dueAt > w.now+w.d.limits.ProbeInterval {
			w.t.Fatalf("server %d is asked in %v; want within a probe interval: no state without an exit",
				id, time.Duration(s.dueAt-w.now))
		}
	}
}

// checkReader holds that the last evidence about a reader is good.
func (w *world) checkReader(g *group, s *server) {
	lastResort := g.master.state != In && len(g.wellReaders()) == 0
	switch {
	case s == g.master:
		w.t.Fatalf("the master %d is a reader", s.id)
	case s.state == Suspect && (s.reason.askMaster() || lastResort):
	case s.state != In:
		w.t.Fatalf("reader %d is %v %v; want in", s.id, s.state, s.reason)
	case s.answered && (!s.repl.Replica || s.repl.Syncing || s.behind > 50 || s.lag > int64(2*time.Second)):
		w.t.Fatalf("reader %d: got %+v, behind %d, lag %v; want a good answer", s.id, s.repl, s.behind, time.Duration(s.lag))
	case s.linkDownAt != 0 && g.aliveAt >= s.linkDownAt:
		w.t.Fatalf("reader %d has no link though its master lives", s.id)
	}
}

// checkCovered holds that a covered time never claims a write that the replica lacks. It looks at
// servers just after an answer, for what it says is as old as the last one.
func (w *world) checkCovered(id int) {
	at, s := w.covered[id], w.servers[id]
	m := w.master(int32(id))
	if at == 0 || s.id != w.servers[m].id {
		return
	}
	for i, acked := range w.acked[m/4] {
		if acked < at && int64(i) >= s.offset {
			w.t.Fatalf("server %d covers %v, but lacks byte %d acknowledged at %v (has %d)", id, at, i, acked, s.offset)
		}
	}
}

// TestRandom drives the detector through random faults and holds its invariants after every event; then all
// faults are healed and within a bounded time every group must be whole again.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				w.disturb()
			case 1:
				w.pass(int64(rapid.IntRange(1, 400).Draw(t, "ms")) * 1e6)
			default:
				if id := rapid.IntRange(0, simServers-1).Draw(t, "answers"); w.out[id] != 0 {
					w.answer(id)
					w.checkCovered(id)
				}
			}
			w.check()
		}
		w.heal()
	})
}

// heal ends all faults; five minutes of hold and some probes later all is well.
func (w *world) heal() {
	for i := range w.servers {
		s := &w.servers[i]
		s.fault, s.linkUp, s.syncing, s.id = vital.FaultNone, true, false, "A"
		s.offset = min(s.offset, w.servers[w.master(int32(i))].offset)
	}
	deadline := w.now + holdMost + int64(10*time.Second)
	for w.now < deadline {
		w.pass(max(w.d.Next()-w.now, 1e6))
		for id, sent := range w.out {
			if sent != 0 {
				w.answer(id)
			}
		}
		w.check()
		if len(w.readers[0]) == 3 && len(w.readers[1]) == 3 && len(w.ejected) == 0 {
			return
		}
	}
	w.t.Fatalf("after healing: got readers %v, ejected %v, %+v; want all replicas and no group",
		w.readers, w.ejected, w.d.Status(math.MaxInt64>>1))
}

// TestLagOfOne: however far one replica falls behind, the others serve on.
func TestLagOfOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		lagging := rapid.IntRange(1, 3).Draw(t, "lagging")
		for range 60 {
			w.servers[0].offset += int64(rapid.IntRange(0, 60).Draw(t, "bytes"))
			w.pass(100e6)
			for i := 1; i < 4; i++ {
				w.servers[i].offset = w.servers[0].offset
			}
			w.servers[lagging].offset = 0
			for id, sent := range w.out {
				if sent != 0 {
					w.answer(id)
				}
			}
			if w.now > 3e9 && len(w.readers[0]) < 2 {
				t.Fatalf("readers: got %v; want the two that follow", w.readers[0])
			}
		}
	})
}
