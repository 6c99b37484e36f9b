package failover

import (
	"fmt"
	"slices"
	"time"

	"huntaway/ha/vital"
)

const ms = int64(1e6)

// job2 is one order under way.
type job2 struct {
	a     Action
	at    int64 // when the server carries it out
	until int64 // when the driver gives up
	life  int   // of the machine that ordered it
	fair  bool  // its target was the group's master then or has become it, or nothing showed that the server has the group's data
	lent  bool  // its target was being made master
	lost  bool
	begun int64 // a handover: when the server began with it; 0: it has not
	stuck int64 // a handover: since when it is committed and not over
}

// A world is a group of boxes under virtual time, its data path, its driver, and one machine.
type world struct {
	now   int64
	o     Options
	l     Layout
	boxes []*box
	m     *Machine
	life  int // how often the machine was started
	dark  bool

	disk       Intent // the state file
	badDisk    bool
	fences     int64          // how long a fence takes beyond the latency
	mute       bool           // the driver says nothing about orders
	arbiter    string         // what it does when it is asked: refuses, begins, promotes; "": says nothing
	elevating  *job2          // who is about to be promoted by it
	writable   map[int32]bool // replicas with replica-read-only no
	needs      int            // min-replicas-to-write of every server
	diskFailed bool           // it has been so while this process ran
	fenced     map[int32]bool // servers to which the data path has no connection
	table      Layout
	reign      int32 // who was published last, by any process

	probeAt  []int64 // when each box is probed next
	probes   []job2  // under way
	orders   []job2
	local    []job2 // fences, drains and persists
	stalled  int64  // since when the master owes a reply
	lostSeen bool
	linked   string // the process that the data path is linked to as master; "": to none
	fallen   []fell
	trap     trap

	writes    int    // acknowledged: all numbers up to this one
	forgone   writes // of them, what may be lost for all that is promised, and was
	untold    writes // of them, what is lost with a publication that has yet to be reported
	ackedAt   int64  // when the last of them was
	left      writes // of them, what an operator alone may have overwritten: lost with a master that was away
	knew      past   // what the machine took the group's data to be, before the event that it is taking
	under     job2   // the order that is being carried out
	deafUntil int64  // until when the machine waits for the end of an order that it was not told of
	switching bool   // a switchover is being made
	found     uint64 // the mark that the last Verify has found
	guardAt   int64  // when the mark is looked at next
	listAt    int64  // when the list of losses is
	forged    bool   // a client has written the mark
	byHand    bool   // somebody has promoted servers or had them follow others, by hand
	wrenched  bool   // an operator has resolved the group
	turned    bool   // a master with a stranger's data, which it had been made to copy by hand, was taken: they are the group's since
	loses     bool   // the state file is lost whenever this process ends
	unsettled bool   // this process was started without one, and has yet to settle on a master
	forgetful bool   // there is no state file, or an old one, so that nobody knows what the group had

	ids       int
	events    []string
	failed    string                      // the first broken invariant
	promised  map[int32]vital.Replication // Detach acknowledged since the last freeze
	poor      map[int32]bool              // of them, who may not be promoted
	tried     map[int32]bool
	answers   []string
	crashIn   int // this process dies after so many actions; 0: it does not
	beat      heartbeats
	lull      lull
	reached   [2]int
	latency   int64
	topEpoch  uint64
	promoted  int            // how often a server was made master
	numbers   map[uint64]int // which of those promotions has taken a number
	unused    uint64         // how many epochs the machine took for unused before the event that it is taking: who was to have them may
	given     bool           // since the last publication somebody may have been given one
	frozenFor int64
}

// newWorld returns a group whose first server is the master and the second the secondary.
func newWorld(o Options, n int) *world {
	w := &world{now: 1e9, o: o, latency: ms, fenced: map[int32]bool{}, promised: map[int32]vital.Replication{}, writable: map[int32]bool{},
		poor: map[int32]bool{}, tried: map[int32]bool{}, numbers: map[uint64]int{}, writes: 100}
	w.l = Layout{Group: "g", Master: 0}
	for i := range int32(n) {
		b := &box{id: i, addr: "s" + string('0'+i), up: true, priority: 100, replica: i > 0, linkUp: i > 0, heardAt: w.now, backlog: true,
			holdings: holdings{replid: "A", keys: 5, offset: 100, data: writes{{1, 100}}}}
		b.runID = w.fresh("r")
		if i > 0 {
			b.master, b.cfg = "s0", "s0"
		}
		w.boxes = append(w.boxes, b)
		w.l.Members = append(w.l.Members, Member{ID: i, Addr: b.addr, Role: "mnsss"[i]})
	}
	w.probeAt = make([]int64, n)
	for _, b := range w.boxes {
		w.store(b)
		b.oldest = b.holdings
	}
	w.start()
	return w
}

// start makes a machine, with the table as configured, held where it is for the machine to find out
// who is master, and the state file as it is.
func (w *world) start() {
	w.life++
	w.dark, w.crashIn, w.switching, w.deafUntil, w.lull.asleep, w.lull.late = false, 0, false, 0, 0, nil
	w.table = w.l
	w.table.Members = slices.Clone(w.l.Members)
	w.table.Held = w.o.Mode != Observe
	w.fenced = map[int32]bool{}
	w.local, w.probes = nil, nil
	if w.diskFailed { // nobody can know what was published without being written down
		w.topEpoch, w.diskFailed, w.forgetful = w.disk.Epoch, w.badDisk, true
	}
	if w.m != nil && w.m.known.Lineage != w.disk.Lineage {
		w.forgetful = true
	}
	if w.o.Mode == Observe { // without a state file epochs count within a process
		w.topEpoch = 0
	}
	w.unsettled = w.disk.Lineage == ""
	w.given = w.given || w.disk.Begun == "promoting" || w.disk.Begun == "handing"
	w.m = New(w.o, w.table, w.disk, w.now)
	for i := range w.probeAt {
		w.probeAt[i] = w.now
	}
	w.stalled, w.lostSeen, w.linked = 0, false, ""
}

// wake has a server go on when it was stopped.
func (b *box) wake(now int64) {
	if b.hung && b.linkUp {
		b.wokeAt = now
	}
	b.hung = false
}

// crash ends this process; what is on its way to servers arrives.
func (w *world) crash() {
	w.dark = true
	if w.loses {
		w.disk, w.topEpoch = Intent{}, 0
	}
	w.say("this process ends")
}

func (w *world) say(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf("%8v  ", time.Duration(w.now-1e9))+fmt.Sprintf(format, args...))
}

func (w *world) broken(format string, args ...any) {
	if w.failed == "" {
		w.failed = fmt.Sprintf(format, args...)
		w.say("BROKEN: %s", w.failed)
	}
}
