package failover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"huntaway/ha/vital"
)

// A box is one redis-server of the model, as redis-server 7.0 is: a process that may be down, hung
// or cut off, and data with a lineage and an offset. Each write is one byte of the stream.
type box struct {
	id   int32
	addr string

	up          bool
	hung        bool
	cut         bool // unreachable for this process
	alone       bool // unreachable for the other servers
	fault       vital.Fault
	slow, tardy int64 // it takes what its master has only once in so many ms; is so much slower to answer this process

	runID   string
	replica bool
	master  string // whom it follows
	cfg     string // what its file says it follows; "": it is a master
	told    int    // the life of the machine that has told it to follow that one when it was not the master; 0: none has
	lent    bool   // that was before that one was published
	linkUp  bool
	syncEnd int64  // a full copy is over then; 0: none
	downAt  int64  // since when its link is down; unlinked: it has not been up since the process started
	heardAt int64  // when it last heard its master
	wokeAt  int64  // when it last went on with a link, after it had been stopped, since it started
	crown   int    // which promotion has made it master; 0: the first
	number  uint64 // the mark that it has taken as that; 0: none
	ruledAt int64  // when it was last linked to the published master, itself or by whom it follows, since it started

	holdings
	second    string
	secondOff int64
	backlog   bool // it has one: who makes one for its first replica begins a new lineage
	priority  int
	born      int64   // when it began to hold what it holds
	refuses   bool    // it knows no REPLICAOF
	late      bool    // its master does not list it as online, whatever its own link
	elsewhere bool    // its master lists it at another address
	paused    int64   // writes are until then
	full      bool    // it refuses what needs memory: the mark cannot be left
	barred    bool    // this process may not touch the group's keys there
	grudging  bool    // it refuses every write of ours, whatever it is
	giving    *giving // the FAILOVER that it is in

	saved  holdings // what is on its disk
	oldest holdings // what was on its disk in the beginning, or was copied there first
	aof    bool     // it keeps an append-only file: everything, but no lineage
	queue  []job2   // orders that wait for it to wake up
}

// copyTime is how long a full copy takes.
const copyTime = 300 * ms

// unlinked is when a link went down that has not been up.
const unlinked = int64(-1)

// Holdings are what a process holds in memory, and finds on its disk when it starts.
type holdings struct {
	replid  string
	offset  int64
	keys    int64
	mark    uint64
	list    string // of losses
	data    writes // the acknowledged writes among it
	foreign bool   // it is another group's
}

// A giving is a FAILOVER under way.
type giving struct {
	to    string
	until int64 // when it is given up, unless it is committed
	done  bool  // it is: this one is a replica, and the target is asked to take over
}

func (b *box) ok() bool { return b.up && !b.hung }

func (b *box) kill() {
	if b.up && b.aof {
		b.saved = b.holdings
	}
	b.up, b.hung, b.linkUp, b.syncEnd, b.paused, b.queue, b.giving = false, false, false, 0, 0, nil, nil
}

// boot starts the process again, with what is on its disk; and with nothing when that is empty. A
// file that was saved by a master or a replica has its lineage, and a replica goes on from there; a
// master begins one that carries it on. What comes from an append-only file has a new one.
func (w *world) boot(b *box) {
	if b.up {
		return
	}
	was := b.replica
	*b = box{id: b.id, addr: b.addr, up: true, cut: b.cut, alone: b.alone, fault: b.fault, slow: b.slow, tardy: b.tardy, priority: b.priority, full: b.full, barred: b.barred, grudging: b.grudging,
		crown: b.crown, number: b.number, cfg: b.cfg, saved: b.saved, oldest: b.oldest, aof: b.aof, runID: w.fresh("r"), replica: b.cfg != "", master: b.cfg,
		downAt: unlinked, born: w.now, holdings: b.saved}
	if was && !b.replica {
		w.crown(b)
	}
	switch {
	case b.replid == "" || b.aof:
		b.replid, b.offset = w.fresh("L"), 0
	case !b.replica:
		b.second, b.secondOff, b.replid, b.backlog = b.replid, b.offset+1, w.fresh("L"), true
	}
}

func (w *world) follow(b *box, addr string) {
	if b.replica && b.master == addr {
		return
	}
	w.unlink(b)
	b.replica, b.master, b.told, b.lent = true, addr, 0, false
}

func (w *world) promote(b *box) {
	if !b.replica {
		return
	}
	w.unlink(b)
	b.second, b.secondOff, b.replid = b.replid, b.offset+1, w.fresh("L")
	b.replica, b.master, b.told = false, "", 0
	w.crown(b)
}

// crown counts that a server was made master.
func (w *world) crown(b *box) {
	w.promoted++
	b.crown, b.number = w.promoted, 0
}

// replicate lets every replica take what its master has, and every FAILOVER go on.
func (w *world) replicate() {
	for _, b := range w.boxes {
		if b.giving != nil && b.ok() {
			w.give(b)
		}
		if !b.ok() || !b.replica || b.giving != nil {
			continue
		}
		up := w.box(b.master)
		if up == nil || up == b || !up.up || up.alone || b.alone || up.replica && !up.linkUp {
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
	if b.linkUp {
		b.downAt = w.now
	}
	b.linkUp, b.syncEnd = false, 0
}

// sync continues b's copy of up: the rest of the stream if it has the beginning, everything
// otherwise.
func (w *world) sync(b, up *box) {
	b.heardAt = w.now
	switch {
	case b.syncEnd != 0 && w.now < b.syncEnd:
		return
	case b.syncEnd != 0:
		w.copied(b, up)
	case !b.linkUp || b.replid != up.replid:
		if !w.resumed(b, up) {
			return
		}
	}
	if b.slow == 0 || w.now/ms%b.slow < 20 {
		b.offset, b.keys, b.mark, b.list, b.data = up.offset, up.keys, up.mark, up.list, up.data
	}
	if b.linkUp && up.id == w.reign {
		b.ruledAt = w.now
	} else if b.linkUp {
		b.ruledAt = max(b.ruledAt, up.ruledAt)
	}
}

// resumed has b go on where its stream ended, or begins a full copy.
func (w *world) resumed(b, up *box) bool {
	same := up.backlog && b.replid == up.replid && b.offset <= up.offset
	before := up.backlog && b.replid == up.second && b.offset+1 <= up.secondOff
	if !same && !before {
		if !up.backlog && !up.replica {
			up.replid, up.second, up.secondOff, up.backlog = w.fresh("L"), "", 0, true
		}
		w.unlink(b)
		b.syncEnd = w.now + copyTime
		return false
	}
	if before {
		b.second, b.secondOff, b.replid = b.replid, b.offset+1, up.replid
	}
	b.linkUp, b.backlog = true, true
	return true
}

// copied ends a full copy: what b had is gone.
func (w *world) copied(b, up *box) {
	w.checkCopy(b, up)
	b.syncEnd, b.linkUp, b.backlog = 0, true, true
	b.holdings, b.second, b.secondOff = up.holdings, "", 0
	b.saved, b.born = b.holdings, w.now
	if !b.aof {
		b.oldest = b.holdings
	}
}

// give goes on with a FAILOVER: the target takes over once it has everything. It is asked to by
// a connection, and looks at the lineage alone when it is.
func (w *world) give(b *box) {
	to, g := w.box(b.giving.to), b.giving
	reached := to.ok() && !to.alone && !b.alone && to.fault != vital.FaultLoading
	switch {
	case !g.done && to.linkUp && to.master == b.addr && reached && to.offset == b.offset:
		g.done = true
		b.replica, b.master, b.linkUp, b.downAt, b.told = true, to.addr, false, w.now, 0
	case !g.done && w.now >= g.until:
		b.giving = nil
	case !g.done || !reached:
	case to.replica && to.replid == b.replid:
		w.promote(to)
		b.giving = nil
	default: // a master, or one of another lineage, refuses
		w.promote(b)
		b.giving = nil
	}
}

// giveUp is FAILOVER ABORT: who was a replica for it is master again.
func (w *world) giveUp(b *box) {
	if b.giving == nil {
		return
	}
	if b.giving.done {
		w.promote(b)
	}
	b.giving = nil
}

// info is what INFO says.
func (w *world) info(b *box) vital.Replication {
	r := vital.Replication{ID: b.replid, Offset: b.offset, RunID: b.runID, SecondID: b.second, SecondOffset: -1, Failover: "no-failover"}
	if b.second != "" {
		r.SecondOffset = b.secondOff
	}
	if b.giving != nil {
		r.Failover = map[bool]string{false: "waiting-for-sync", true: "failover-in-progress"}[b.giving.done]
	}
	if !b.replica {
		r.Followers = w.followersOf(b)
		return r
	}
	r.Replica, r.Master, r.LinkUp, r.Syncing, r.Priority, r.Writable = true, b.master, b.linkUp, b.syncEnd != 0, b.priority, w.writable[b.id]
	r.Silence = -time.Second
	if b.linkUp {
		r.Silence = time.Duration((w.now - b.heardAt) / 1e9 * 1e9)
	} else if r.LinkDown = -time.Second; b.downAt != unlinked {
		r.LinkDown = time.Duration(w.now - b.downAt)
	}
	return r
}

func (w *world) followersOf(b *box) (all []vital.Follower) {
	for _, o := range w.boxes {
		if o.ok() && o.replica && o.master == b.addr && o.linkUp && !o.late {
			addr := o.addr
			if o.elsewhere {
				addr = "10.0.0.9:6379"
			}
			all = append(all, vital.Follower{Addr: addr, Offset: o.offset, Lag: time.Duration(w.now - o.heardAt)})
		}
	}
	return all
}

// A refused is a server's own answer.
type refused string

func (e refused) Error() string { return string(e) }
func (refused) RedisError()     {}

// noKeys is how a server refuses who may not touch the group's keys.
const noKeys = refused("NOPERM this user has no permissions to access one of the keys used as arguments")

var errRefused = errors.New("connection refused")

// carry has a server do what it was ordered.
func (w *world) carry(b *box, a Action) error {
	if b.fault != 0 && b.fault != vital.FaultMisconf {
		return errors.New(strings.ToUpper(b.fault.String()))
	}
	if replicaof := a.Op == Detach || a.Op == Follow || a.Op == Promote || a.Op == Demote; replicaof && b.refuses {
		return refused("ERR unknown command 'REPLICAOF', with args beginning with: 'x'")
	} else if replicaof && b.giving != nil {
		return refused("ERR REPLICAOF not allowed while failing over.")
	}
	if a.Op.changes() && a.RunID != "" && a.RunID != b.runID {
		return errors.New("another process answers")
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
		b.told, b.lent = w.lifeUnless(a.Target), w.under.lent
	case Promote:
		w.promote(b)
		b.cfg = ""
	case Demote:
		w.follow(b, target)
		b.cfg, b.told = target, w.lifeUnless(a.Target)
	case Pause:
		b.paused = w.now + a.Within
	case Unpause:
		b.paused = 0
	case Abort:
		w.giveUp(b)
	case Handover:
		return w.handover(b, a)
	default:
		return w.look(b, a)
	}
	return nil
}

// lifeUnless returns the life of the machine, 0 if the target is the group's master, whom everybody may
// be told to follow, or was it when that was said.
func (w *world) lifeUnless(target int32) int {
	if target == w.reign || w.under.fair {
		return 0
	}
	return w.under.life
}

// look carries out what changes no role.
func (w *world) look(b *box, a Action) error {
	switch a.Op {
	case Verify:
		if b.replica {
			return refused("READONLY")
		}
		if b.fault != 0 {
			return refused("MISCONF")
		}
		if b.barred {
			return noKeys
		}
		if b.grudging {
			return refused("NOPERM this user has no permissions to run the 'set' command")
		}
		if a.RunID != "" && a.RunID != b.runID {
			return refused("another process answers")
		}
		w.found = b.mark
		if len(w.info(b).Followers) < w.needs {
			return errors.New("NOREPLICAS Not enough good replicas to write.")
		}
		if !b.full {
			w.leave(b, a)
		}
	case Identify:
		if b.barred {
			return noKeys
		}
	case Inspect: // it says so, and answers
	case Rewrite:
		if b.replica == (a.Target < 0) {
			return errors.New("it is not what it should be")
		}
		b.cfg = b.master
	}
	return nil
}

// leave has b take a mark.
func (w *world) leave(b *box, a Action) {
	switch counts := !a.Certain && Credible(b.mark, a.Epoch); {
	case counts && a.Anew:
		b.mark = max(b.mark+1, a.Epoch)
	case counts:
		b.mark = max(b.mark, a.Epoch)
	default:
		b.mark = a.Epoch
	}
	w.numbered(b)
	b.offset++
}

// numbered notes that a master has taken its mark.
func (w *world) numbered(b *box) { b.number, w.numbers[b.mark] = b.mark, b.crown }

// handover begins a FAILOVER.
func (w *world) handover(b *box, a Action) error {
	to := w.boxes[a.Target]
	listed := slices.ContainsFunc(w.followersOf(b), func(f vital.Follower) bool { return f.Addr == to.addr })
	if b.replica || !listed || b.giving != nil {
		return refused("ERR FAILOVER target HOST and PORT is not a replica.")
	}
	b.giving = &giving{to: to.addr, until: w.now + a.Within}
	return nil
}

// fallen is how a server's data come back.
type fallen string

// The ways in which they do.
const (
	same    fallen = "same"    // all that it had
	older   fallen = "older"   // what was saved first
	empty   fallen = "empty"   // nothing
	renamed fallen = "renamed" // all that it had, under a new lineage, from an append-only file
	another fallen = "foreign" // somebody else's
)

// fell is a server that was killed and comes back.
type fell struct {
	at int64 // when
	b  *box
}

// fall kills a server, which comes back later with that.
func (w *world) fall(b *box, how fallen, after int64) {
	if !b.up {
		return
	}
	b.saved, b.aof = b.holdings, false
	switch how {
	case older:
		b.saved = b.oldest
	case empty:
		b.saved = holdings{}
	case renamed:
		b.aof = true
	case another:
		b.saved, b.cfg = foreigner, ""
	}
	b.kill()
	w.fallen = append(w.fallen, fell{w.now + after, b})
	w.say("# s%d falls, and will be back with data: %s", b.id, how)
}

// foreigner is another group's data.
var foreigner = holdings{replid: "F", offset: 7000, keys: 900, foreign: true}

// raise starts those that fell whose time has come.
func (w *world) raise() {
	w.fallen = slices.DeleteFunc(w.fallen, func(f fell) bool {
		if w.now < f.at {
			return false
		}
		w.boot(f.b)
		w.say("# s%d is back", f.b.id)
		return true
	})
}

// A trap kills a server when so many orders have been carried out.
type trap struct {
	orders int    // until then; 0: it is not set
	victim string // server: whom the last one was for; target: who is being made master; master: whom the table names
	how    fallen
	after  int64
}

// spring counts an order of a server's.
func (w *world) spring(b *box) {
	if w.trap.orders == 0 {
		return
	}
	if w.trap.orders--; w.trap.orders > 0 {
		return
	}
	victim := b
	if to := w.aspirant(); w.trap.victim == "target" && to >= 0 {
		victim = w.boxes[to]
	} else if w.trap.victim == "master" && w.table.Master >= 0 {
		victim = w.boxes[w.table.Master]
	}
	if w.trap.how != another || !w.only(victim) {
		w.fall(victim, w.trap.how, w.trap.after)
	}
}

// aspirant returns who is being made master, -1 when nobody is.
func (w *world) aspirant() int32 {
	switch {
	case w.m.hand.at != 0:
		return w.m.hand.wish.To
	case w.m.state >= Promoting && w.m.state <= Verifying:
		return w.m.round.candidate
	}
	return -1
}

// only tells whether the last of the group's data would go with b.
func (w *world) only(b *box) bool {
	return b.id == w.reign || !slices.ContainsFunc(w.boxes, func(o *box) bool { return o != b && !o.saved.foreign && !o.foreign })
}

func (w *world) fresh(prefix string) string {
	w.ids++
	return fmt.Sprintf("%s%d", prefix, w.ids)
}

func (w *world) store(b *box) { b.saved = b.holdings }

func (w *world) box(addr string) *box {
	for _, b := range w.boxes {
		if b.addr == addr {
			return b
		}
	}
	return nil
}
