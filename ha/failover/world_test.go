package failover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"huntaway/ha/vital"
)

const ms = int64(1e6)

// A box is one redis-server of the model: a process that may be down, hung or cut off,
// and data with a lineage and an offset. Each write is one byte of the stream.
type box struct {
	id   int32
	addr string

	up      bool
	hung    bool
	cut     bool // unreachable for this process
	alone   bool // unreachable for the other servers
	fault   vital.Fault
	foreign bool // another group's data
	slow    int64

	runID   string
	replica bool
	master  string // whom it follows
	cfg     string // what its file says it follows; "": it is a master
	linkUp  bool
	syncEnd int64 // a full copy is over then; 0: none
	downAt  int64 // since when its link is down
	heardAt int64 // when it last heard its master

	replid    string
	second    string
	secondOff int64
	offset    int64
	keys      int64
	mark      uint64
	priority  int
	born      int64 // when its process was started
	refuses   bool  // it knows no REPLICAOF
	late      bool  // its master does not list it as online, whatever its own link
	elsewhere bool  // its master lists it at another address
	paused    int64 // writes are until then

	saved box2   // what is on its disk
	queue []job2 // orders that wait for it to wake up
}

// box2 is what a process finds on its disk when it starts.
type box2 struct {
	replid string
	offset int64
	keys   int64
	mark   uint64
}

// job2 is one order under way.
type job2 struct {
	a     Action
	at    int64 // when the server carries it out
	until int64 // when the driver gives up
	life  int   // of the machine that ordered it
	lost  bool
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
	needs      int            // min-replicas-to-write of every server
	diskFailed bool           // it has been so while this process ran
	fenced     map[int32]bool // servers to which the data path has no connection
	table      Layout

	probeAt  []int64 // when each box is probed next
	probes   []job2  // under way
	orders   []job2
	local    []job2 // fences, drains and persists
	writes   int
	stalled  int64 // since when the master owes a reply
	lostSeen bool

	ids       int
	events    []string
	failed    string                      // the first broken invariant
	promised  map[int32]vital.Replication // Detach acknowledged since the last freeze
	poor      map[int32]bool              // of them, who may not be promoted
	tried     map[int32]bool
	answers   []string
	crashIn   int // this process dies after so many actions; 0: it does not
	reached   [2]int
	latency   int64
	topEpoch  uint64
	frozenFor int64
}

// newWorld returns a group whose first server is the master and the second the secondary.
func newWorld(o Options, n int) *world {
	w := &world{now: 1e9, o: o, latency: ms, fenced: map[int32]bool{}, promised: map[int32]vital.Replication{},
		poor: map[int32]bool{}, tried: map[int32]bool{}}
	w.l = Layout{Group: "g", Master: 0, Epoch: 1}
	for i := range int32(n) {
		b := &box{id: i, addr: "s" + string('0'+i), up: true, replid: "A", priority: 100, keys: 5, offset: 100,
			replica: i > 0, linkUp: i > 0, heardAt: w.now}
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
	}
	w.start()
	return w
}

func (w *world) fresh(prefix string) string {
	w.ids++
	return fmt.Sprintf("%s%d", prefix, w.ids)
}

func (w *world) store(b *box) {
	b.saved = box2{b.replid, b.offset, b.keys, b.mark}
}

// start makes a machine, with the table as configured and the state file as it is.
func (w *world) start() {
	w.life++
	w.dark, w.crashIn = false, 0
	w.table = w.l
	w.table.Members = slices.Clone(w.l.Members)
	w.fenced = map[int32]bool{}
	w.local, w.probes = nil, nil
	if w.diskFailed { // nobody can know what was published without being written down
		w.topEpoch, w.diskFailed = w.disk.Epoch, w.badDisk
	}
	if w.o.Mode == Observe { // without a state file epochs count within a process
		w.topEpoch = 0
	}
	w.m = New(w.o, w.table, w.disk, w.now)
	for i := range w.probeAt {
		w.probeAt[i] = w.now
	}
	w.stalled, w.lostSeen = 0, false
}

// crash ends this process; what is on its way to servers arrives.
func (w *world) crash() {
	w.dark = true
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

func (w *world) box(addr string) *box {
	for _, b := range w.boxes {
		if b.addr == addr {
			return b
		}
	}
	return nil
}

// Below: what servers do.

func (b *box) ok() bool { return b.up && !b.hung }

func (b *box) kill() {
	b.up, b.hung, b.linkUp, b.syncEnd, b.paused, b.queue = false, false, false, 0, 0, nil
}

// boot starts the process again, with what is on its disk; and with nothing when that
// is empty.
func (w *world) boot(b *box) {
	if b.up {
		return
	}
	was := b.saved
	*b = box{id: b.id, addr: b.addr, up: true, cut: b.cut, alone: b.alone, fault: b.fault, slow: b.slow, priority: b.priority,
		cfg: b.cfg, saved: was, runID: w.fresh("r"), replica: b.cfg != "", master: b.cfg, downAt: w.now,
		born: w.now, offset: was.offset, keys: was.keys, mark: was.mark, foreign: b.foreign}
	switch {
	case was.replid == "":
		b.replid, b.offset = w.fresh("L"), 0
	case b.replica:
		b.replid = was.replid
	default:
		b.replid, b.second, b.secondOff = w.fresh("L"), was.replid, was.offset+1
	}
}

func (w *world) follow(b *box, addr string) {
	if b.replica && b.master == addr {
		return
	}
	if !b.replica {
		b.linkUp = false
	}
	b.replica, b.master, b.linkUp, b.syncEnd, b.downAt = true, addr, false, 0, w.now
}

func (w *world) promote(b *box) {
	if !b.replica {
		return
	}
	b.second, b.secondOff, b.replid = b.replid, b.offset+1, w.fresh("L")
	b.replica, b.master, b.linkUp, b.syncEnd = false, "", false, 0
}

// replicate lets every replica take what its master has.
func (w *world) replicate() {
	for _, b := range w.boxes {
		if !b.ok() || !b.replica {
			continue
		}
		up := w.box(b.master)
		if up == nil || up == b || !up.up || up.foreign != b.foreign || up.alone || b.alone || up.replica && !up.linkUp {
			w.unlink(b)
			continue
		}
		if up.hung || up.fault == vital.FaultLoading {
			continue
		}
		w.sync(b, up)
	}
}

func (w *world) unlink(b *box) {
	if b.linkUp || b.syncEnd != 0 {
		b.linkUp, b.syncEnd, b.downAt = false, 0, w.now
	}
}

// sync continues b's copy of up: the rest of the stream if it has the beginning,
// everything otherwise.
func (w *world) sync(b, up *box) {
	b.heardAt = w.now
	switch {
	case b.syncEnd != 0 && w.now < b.syncEnd:
		return
	case b.syncEnd != 0:
		b.syncEnd, b.linkUp = 0, true
		b.replid, b.second, b.secondOff, b.mark = up.replid, up.second, up.secondOff, up.mark
	case !b.linkUp:
		same := b.replid == up.replid && b.offset <= up.offset
		before := b.replid == up.second && b.offset+1 <= up.secondOff
		if !same && !before {
			b.syncEnd = w.now + 300*ms
			return
		}
		b.linkUp = true
		if b.replid != up.replid {
			b.second, b.secondOff, b.replid = b.replid, b.offset+1, up.replid
		}
	}
	if b.slow == 0 || w.now/ms%b.slow < 20 {
		b.offset, b.keys, b.mark = up.offset, up.keys, up.mark
		b.replid, b.second, b.secondOff = up.replid, up.second, up.secondOff
	}
}

// info is what INFO says.
func (w *world) info(b *box) vital.Replication {
	r := vital.Replication{ID: b.replid, Offset: b.offset, RunID: b.runID, SecondID: b.second, SecondOffset: -1}
	if b.second != "" {
		r.SecondOffset = b.secondOff
	}
	if !b.replica {
		r.Failover = "no-failover"
		for _, o := range w.boxes {
			if o.ok() && o.replica && o.master == b.addr && o.linkUp && !o.late {
				addr := o.addr
				if o.elsewhere {
					addr = "10.0.0.9:6379"
				}
				r.Followers = append(r.Followers, vital.Follower{Addr: addr, Offset: o.offset, Lag: time.Duration(w.now - o.heardAt)})
			}
		}
		return r
	}
	r.Replica, r.Master, r.LinkUp, r.Syncing, r.Priority = true, b.master, b.linkUp, b.syncEnd != 0, b.priority
	r.Silence = -time.Second
	if b.linkUp {
		r.Silence = time.Duration((w.now - b.heardAt) / 1e9 * 1e9)
	} else {
		r.LinkDown = time.Duration(w.now - b.downAt)
	}
	return r
}

// A refused is a server's own answer.
type refused string

func (e refused) Error() string { return string(e) }
func (refused) RedisError()     {}

var errRefused = errors.New("connection refused")

// carry has a server do what it was ordered.
func (w *world) carry(b *box, a Action) error {
	if b.fault != 0 && b.fault != vital.FaultMisconf {
		return errors.New(strings.ToUpper(b.fault.String()))
	}
	if b.refuses && (a.Op == Detach || a.Op == Follow || a.Op == Promote || a.Op == Demote) {
		return refused("ERR unknown command 'REPLICAOF', with args beginning with: 'x'")
	}
	target := nowhere
	if a.Target >= 0 {
		target = w.boxes[a.Target].addr
	}
	switch a.Op {
	case Detach:
		w.follow(b, nowhere)
	case Follow:
		w.follow(b, target)
	case Promote:
		w.promote(b)
		b.cfg = ""
		w.store(b)
	case Demote:
		w.follow(b, target)
		b.cfg = target
	case Verify:
		if b.replica {
			return errors.New("READONLY")
		}
		if b.fault != 0 {
			return errors.New("MISCONF")
		}
		if len(w.info(b).Followers) < w.needs {
			return errors.New("NOREPLICAS Not enough good replicas to write.")
		}
		b.mark = max(b.mark, a.Epoch)
		b.offset++
	case Inspect, Identify:
		if b.fault != 0 {
			return errors.New("MISCONF")
		}
	case Rewrite:
		if b.replica == (a.Target < 0) {
			return errors.New("it is not what it should be")
		}
		b.cfg = b.master
	case Pause:
		b.paused = w.now + a.Within
	case Unpause:
		b.paused = 0
	case Handover:
		return w.handover(b, w.boxes[a.Target])
	}
	return nil
}

func (w *world) handover(b, to *box) error {
	if b.replica || !to.ok() || !to.replica || to.master != b.addr || !to.linkUp || to.offset != b.offset || to.priority < 0 {
		return errors.New("FAILOVER: the target has not caught up")
	}
	w.promote(to)
	w.follow(b, to.addr)
	return nil
}

// Below: the driver and the data path.

// step moves the clock on by a little.
func (w *world) step() {
	w.now += 10 * ms
	w.replicate()
	if e := w.elevating; e != nil && w.now >= e.at {
		w.elevating = nil
		w.promote(w.boxes[e.a.Target])
	}
	w.runOrders()
	if w.dark {
		return
	}
	w.client()
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
	w.perform(w.m.Step(ev, nil))
	if w.m.state != state {
		w.frozenFor = w.now
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
	case !b.up || b.fault != 0 && b.fault != vital.FaultAuth || w.now < b.paused:
	case b.replica:
		if !w.lostSeen {
			w.lostSeen = true
			w.feed(Event{Kind: ReadOnly, Server: b.id})
		}
	default:
		w.stalled, w.lostSeen = 0, false
		w.fenced[b.id] = false
		w.writes++
		b.offset++
	}
}

func (w *world) runProbes() {
	for i, b := range w.boxes {
		flying := slices.ContainsFunc(w.probes, func(p job2) bool { return p.a.Server == b.id })
		if flying || w.now < w.probeAt[i] {
			continue
		}
		p := job2{a: Action{Server: b.id}, at: w.now + w.latency, until: w.now}
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
		j := w.orders[i]
		b := w.boxes[j.a.Server]
		switch {
		case j.lost || b.hung || b.cut || w.now < j.at && b.up || w.now < j.at && w.now < j.until:
			if w.now < j.until {
				i++
				continue
			}
			if b.hung && !j.lost {
				b.queue = append(b.queue, j)
			} else if !j.lost && b.up && !b.cut {
				w.carry(b, j.a) // it was slow, and comes all the same
			}
			w.report(j, errors.New("timeout"), b)
		case !b.up:
			w.report(j, errRefused, b)
		default:
			w.report(j, w.carry(b, j.a), b)
		}
		w.orders = slices.Delete(w.orders, i, i+1)
	}
	for _, b := range w.boxes {
		for b.ok() && len(b.queue) > 0 {
			w.carry(b, b.queue[0].a)
			b.queue = b.queue[1:]
		}
	}
}

func (w *world) report(j job2, err error, b *box) {
	if j.life != w.life || w.dark || w.mute {
		return
	}
	ev := Event{Kind: Done, ID: j.a.ID, Err: err, Sent: j.at, Server: j.a.Server}
	if (err == nil || noReplicas(err)) && j.a.Op.inspects() {
		ev.Repl = w.info(b)
		ev.Mark = Mark{b.keys, b.mark}
	}
	if j.a.Op == Detach && err == nil {
		w.promised[b.id] = ev.Repl
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

func (w *world) reported(t Transition) {
	loss := ""
	if t.Loss >= 0 {
		loss = fmt.Sprintf(" (loss %d)", t.Loss)
	}
	w.say("%v -> %v: %s: %s%s", t.From, t.To, t.What, t.Why, loss)
	if t.To == Freezing && t.From != Freezing {
		clear(w.promised)
		clear(w.poor)
		clear(w.tried)
	}
}

// published holds that epochs rise and that the old master is fenced off.
func (w *world) published(a Action) {
	w.say("publish s%d epoch=%d", a.Server, a.Epoch)
	if a.Epoch <= w.topEpoch {
		w.broken("epoch %d published after %d", a.Epoch, w.topEpoch)
	}
	if old := w.table.Master; old >= 0 && old != a.Server && !w.fenced[old] {
		w.broken("s%d published while connections to s%d are open", a.Server, old)
	}
	w.topEpoch = a.Epoch
	w.table.Master, w.table.Held, w.table.Epoch = a.Server, false, a.Epoch
	w.lostSeen, w.stalled = false, 0
}

// ordered begins an order, and holds what must be true before it.
func (w *world) ordered(a Action) {
	to := ""
	if a.Target >= 0 {
		to = " -> s" + string('0'+a.Target)
	}
	w.say("%v s%d%s", a.Op, a.Server, to)
	if a.Op == Delegate {
		w.delegated(a)
		return
	}
	b := w.boxes[a.Server]
	resumes := w.o.Mode == Sentinel && a.Op == Follow && a.Server == w.table.Master && w.m.hand.at != 0 && w.m.hand.stage != handingOver
	if w.o.Mode != Local && !resumes && (a.Op.changes() || a.Op == Verify) {
		w.broken("%v s%d in mode %v", a.Op, a.Server, w.o.Mode)
	}
	switch a.Op {
	case Follow, Demote, Detach, Promote:
		if b.foreign && b.up && w.m.round.force != b.id && w.now-b.born > second { // it has been probed since
			w.broken("%v of the stranger s%d", a.Op, a.Server)
		}
	}
	if a.Op == Detach && (b.syncEnd != 0 || b.priority == 0) {
		w.poor[b.id] = true
	}
	if a.Op == Promote {
		w.checkPromote(b)
	}
	w.orders = append(w.orders, job2{a: a, at: max(w.now+w.latency, w.lastOf(a.Server)), until: w.now + a.Within, life: w.life})
}

// delegated has the arbiter do what the script says. It promotes 200 ms later, and names nobody.
func (w *world) delegated(a Action) {
	if w.arbiter != "" {
		w.local = append(w.local, job2{a: a, at: w.now + w.latency, until: w.now + a.Within})
	}
	if w.arbiter == "promotes" {
		w.elevating = &job2{a: a, at: w.now + 200*ms}
	}
}

// lastOf returns when the server is done with what it was ordered before.
func (w *world) lastOf(server int32) (at int64) {
	for _, j := range w.orders {
		if j.a.Server == server {
			at = max(at, j.at)
		}
	}
	return at
}

// checkPromote holds what must be true when a Promote is ordered.
func (w *world) checkPromote(b *box) {
	if old := w.table.Master; old >= 0 && !w.fenced[old] {
		w.broken("s%d is promoted while connections to s%d are open", b.id, old)
	}
	if w.disk.Begun != "promoting" && w.disk.Begun != "handing" || w.disk.Candidate != b.addr {
		w.broken("s%d is promoted, and the state file says %q %q", b.id, w.disk.Begun, w.disk.Candidate)
	}
	if !w.table.Held {
		w.broken("s%d is promoted while writes go on", b.id)
	}
	mine, detached := w.promised[b.id]
	for id, r := range w.promised {
		if detached && id != b.id && !w.poor[id] && !w.tried[id] && r.ID == mine.ID && r.Offset > mine.Offset && w.m.round.force < 0 {
			w.broken("s%d with offset %d is promoted; s%d has %d", b.id, mine.Offset, id, r.Offset)
		}
	}
	w.tried[b.id] = true
}
