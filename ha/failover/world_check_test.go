package failover

import (
	"fmt"
	"slices"
	"strings"

	"huntaway/ha/vital"
)

func (w *world) reported(t Transition) {
	loss := ""
	switch {
	case t.Loss >= 0:
		loss = fmt.Sprintf(" (loss %d)", t.Loss)
	case t.Least > 0:
		loss = fmt.Sprintf(" (loss %d at least)", t.Least)
	case t.Costs():
		loss = " (loss unknown)"
	}
	w.say("%v -> %v: %s: %s%s", t.From, t.To, t.What, t.Why, loss)
	if t.To != t.From {
		w.pause(t.To)
	}
	if w.unsettled && (t.To == Healthy || t.To == Settling) {
		w.unsettled = false
		w.checkTrust(t)
	}
	if w.unsettled && t.To == Freezing && t.From == Suspect {
		w.checkGivenUp()
	}
	if len(w.untold) > 0 && t.Publishes() {
		if t.Loss == 0 && w.announces() {
			w.broken("writes %v are lost, and none are said to be", w.untold)
		}
		w.untold = nil
	}
	if t.To == Draining && t.From != Draining {
		w.checkLoss(w.boxes[w.table.Master])
	}
	if b := w.m.master; strings.HasPrefix(t.What, "the master has come back") && b >= 0 {
		w.checkLoss(w.boxes[b])
	}
	w.switching = t.To == Draining || w.switching && (t.To == Handing || t.To == Verifying)
	if t.To == Freezing && t.From != Freezing || t.To == Draining {
		clear(w.promised)
		clear(w.poor)
		clear(w.tried)
	}
}

// lost returns the acknowledged writes that data lack and that were not lost before.
func (w *world) lost(data writes) writes {
	return writes{{1, w.writes}}.without(data).without(w.forgone)
}

// checkLoss holds that b, who takes the group's writes, lacks only what README's table allows: nothing
// after a switchover, and otherwise what no server has that could be asked and can be master.
func (w *world) checkLoss(b *box) {
	w.turned = w.turned || b.foreign
	lost := w.lost(b.data)
	if len(lost) == 0 {
		return
	}
	w.say("writes %v are lost with s%d", lost, b.id)
	w.forgetful = w.forgetful || !w.sees(b) // it is used on the word of a complaint, by whomever
	if w.switching && w.announces() {
		w.broken("writes %v are lost in a switchover to s%d", lost, b.id)
	}
	if w.promises() {
		for _, o := range w.boxes {
			if kept := lost.both(o.data); len(kept) > 0 && w.eligible(o) && !w.obscured(o, b) {
				w.broken("writes %v are lost; s%d has %v", lost, o.id, kept)
			}
		}
	}
	w.forgone = w.forgone.and(lost)
}

// checkTrust holds that a master that a start without a state file settles on lacks nothing of what a replica has that
// answers and is of no earlier time by its mark, unless that one has been started since and asks to be given the rest, or
// nobody could be told.
func (w *world) checkTrust(t Transition) {
	b := w.boxes[w.table.Master]
	if w.o.Mode != Local || t.From != Init && t.From != Following && t.From != Suspect || !w.sees(b) || w.byHand || w.wrenched || w.forged || b.foreign && w.turned {
		return
	}
	for _, o := range w.boxes {
		if w.m.member(o.id) == nil { // it was taken out of the group
			continue
		}
		kept := o.data.without(b.data)
		known, is := w.m.member(o.id).repl, w.info(o)
		seen := o.ok() && w.sees(o) && w.m.isReplica(w.m.member(o.id)) && known.ID == is.ID && known.Offset == is.Offset && o.mark >= b.mark
		if len(kept) > 0 && o.replica && seen && (o.downAt != unlinked || w.m.share(&w.m.member(b.id).repl, o.replid) >= 0) {
			w.broken("a start without a state file believes s%d, which lacks %v; s%d answers and has that", b.id, kept, o.id)
		}
	}
}

// checkGivenUp holds that a start without a state file does not give up a master that answers with all that anybody has and some
// more, and has no earlier mark.
func (w *world) checkGivenUp() {
	b := w.boxes[max(w.m.master, 0)]
	if known := w.m.member(b.id); w.m.master < 0 || w.o.Mode != Local || !w.sees(b) || b.replica || !w.m.isMaster(known) || known.repl.ID != b.replid ||
		b.foreign || w.byHand || w.wrenched || w.forged {
		return
	}
	for _, o := range w.boxes {
		if o != b && (o.ok() && len(b.data.without(o.data)) == 0 || len(o.data.without(b.data)) > 0 || o.mark > b.mark) {
			return
		}
	}
	w.broken("a start without a state file gives s%d up, which answers and has more than all others", b.id)
}

// promises tells whether what is promised about losses holds: this machine decides, and nobody has
// decided for it, nor made it forget what it knew, nor written the mark.
func (w *world) promises() bool { return w.announces() && !w.forged }

// announces tells whether at least no loss is passed over in silence when another master is published, and no switchover
// loses anything: forged marks change nothing in that.
func (w *world) announces() bool {
	w.forgetful = w.forgetful || w.disk.Lineage == ""
	return w.o.Mode == Local && !w.wrenched && !w.byHand && !w.forgetful
}

// obscured tells whether nothing shows that o, who has more than b, has it: b has all that the last master has said, and
// where the lineage began that o follows nobody can say who is left. It may as well have begun behind b. Nor that b lacks
// anything, of whose lineage nothing is known and who has not said what he holds, while o has only an older part.
func (w *world) obscured(o, b *box) bool {
	mine, others := w.m.worthFor(&w.m.member(b.id).repl, w.knew), w.m.worthFor(&w.m.member(o.id).repl, w.knew)
	unsaid := mine == worthless && !w.m.member(b.id).looked && w.m.share(&w.m.member(o.id).repl, w.knew.Lineage) < 0
	return unsaid || mine.whole && !others.whole && others.most > others.least
}

// eligible tells whether a server could have been made master, for all that the machine knows: in a
// failover, had it stood still in time or answered when another one was chosen, and not started again since, which may be beside an old master that is back.
func (w *world) eligible(b *box) bool {
	stand, stood := w.promised[b.id]
	stood = stood && stand.RunID == b.runID
	if !stood && w.now-second < w.deafUntil { // it may have been chosen while the machine waited for what it was not told
		return false
	}
	known := w.m.member(b.id)
	seen := w.sees(b) && known.fault == vital.FaultNone && w.now-known.sent < second
	shown := seen && w.m.worthFor(&known.repl, w.knew) != worthless
	return shown && b.ok() && !b.cut && b.fault == 0 && b.priority != 0 && !(known.repl.Replica && known.repl.Priority == 0) && !b.refuses && !b.foreign && !w.poor[b.id] && !w.tried[b.id] && (stood || len(w.promised) == 0 || w.wasNear(b))
}

// checkCopy holds that what the machine has told a server to copy is the group's master, if it
// lacks anything of what that server has and the master has not; nor, when it was lent to a new one and the
// old one has ended beside it, anybody else. A machine that does not hear how orders end cannot take them back in time,
// before it gives up waiting for that; nor can one that is cut off from a new master, which has only just ended and is back
// behind the cut.
func (w *world) checkCopy(b, up *box) {
	lost := w.lost(up.data).both(b.data)
	if len(lost) == 0 {
		return
	}
	w.say("writes %v are overwritten at s%d by s%d", lost, b.id, up.id)
	w.checkOrphan(b, up)
	for _, o := range w.boxes {
		if o != b && o.up && (o.id == w.reign || b.lent) {
			lost = lost.without(o.data)
		}
	}
	behind := b.lent && up.cut && w.now-b.downAt < second
	if len(lost) > 0 && b.told == w.life && up.id != w.reign && !behind && !w.dark && !w.mute && w.now-copyTime >= w.deafUntil && w.promises() {
		w.broken("s%d was told to copy s%d, which lacks %v and is not the group's master", b.id, up.id, lost)
	}
}

// checkFollow holds that no server is told to copy another of which the machine has seen that
// it lacks what the first has, or of which it has not seen just now that it is master; nor anything that was lost
// with a new master who was away.
func (w *world) checkFollow(b, up *box) {
	known := w.m.member(up.id)
	silent := known.fault == vital.FaultNone && w.now-known.sent > freshFor+second || known.fault != vital.FaultNone && (!known.fault.Alive() || known.ended)
	if w.o.Mode == Local && (known.repl.Replica || silent) {
		w.broken("s%d is told to copy s%d, which does not say that it is master: %+v, %v", b.id, up.id, known.repl, known.fault)
	}
	left := w.left.both(b.data).without(up.data)
	looked := b.up && w.sees(b) && w.m.member(b.id).repl.ID == b.replid // and not only before it copied that
	if len(left) > 0 && looked && w.promises() {
		w.broken("s%d is told to copy s%d, which lacks %v that no operator has given up", b.id, up.id, left)
	}
	lost := w.lost(up.data).both(b.data)
	current := w.sees(up) && w.sees(b) && w.m.worthOf(&w.m.member(b.id).repl) != worthless
	if len(lost) > 0 && b.priority != 0 && up.up && b.up && current && w.promises() {
		w.broken("s%d is told to copy s%d, which lacks %v", b.id, up.id, lost)
	}
}

// bereft keeps in mind what is lost with a new master that was away when the last write was acknowledged. It was if its
// process had not been linked to the published master for longer than the machine lets anybody count as live, which is
// DownSilence and a second or two: whatever its lineage then, nobody but an operator decides that the rest is overwritten.
// Where the machine has not seen the last master alive it goes by when a replica says that it lost the link, and one that was
// stopped then says that it did when it went on.
func (w *world) bereft(b *box) {
	since, ruledAt := w.ackedAt, b.ruledAt
	if w.knew.at != 0 {
		since = min(since, w.knew.at)
	} else {
		ruledAt = max(ruledAt, b.wokeAt)
	}
	if b.id != w.reign && ruledAt < since-w.m.o.DownSilence-2*second && w.promises() {
		w.left = w.left.and(w.lost(b.data))
	}
}

// published holds that epochs rise and that the old master is fenced off.
func (w *world) published(a Action) {
	w.say("publish s%d epoch=%d", a.Server, a.Epoch)
	w.checkNumber(a)
	if old := w.table.Master; old >= 0 && old != a.Server && !w.fenced[old] {
		w.broken("s%d published while connections to s%d are open", a.Server, old)
	}
	w.bereft(w.boxes[a.Server])
	w.topEpoch, w.reign, w.linked = a.Epoch, a.Server, ""
	w.untold = w.lost(w.boxes[a.Server].data)
	w.checkLoss(w.boxes[a.Server])
	for _, b := range w.boxes {
		if b.master == w.boxes[a.Server].addr {
			b.told = 0
		}
		w.justify(b.queue, a.Server)
	}
	w.justify(w.orders, a.Server)
	w.table.Master, w.table.Held = a.Server, false
	w.lostSeen, w.stalled = false, 0
}

// checkNumber holds that epochs rise, unless the later ones are void, for no server has the mark of one; that who has taken the
// number of its promotion is published in that epoch, whichever process has left it there, unless this one may have given a later one to somebody else; and that no two promotions have the
// same one, as far as the machine can know.
func (w *world) checkNumber(a Action) {
	b := w.boxes[a.Server]
	marked := slices.ContainsFunc(w.boxes, func(o *box) bool { return o.mark > a.Epoch })
	of, taken := w.numbers[a.Epoch]
	own := b.number != 0 && b.number == b.mark
	switch {
	case a.Epoch < w.topEpoch && (marked && !w.forged || w.o.Mode != Local):
		w.broken("epoch %d published after %d", a.Epoch, w.topEpoch)
	case a.Epoch == w.topEpoch && a.Server != w.reign && b.number != a.Epoch && !w.forged:
		w.broken("epoch %d published for s%d and s%d", a.Epoch, w.reign, a.Server)
	case w.o.Mode != Local || w.forged || w.diskFailed || w.wrenched:
	case own && b.number >= w.topEpoch && b.number != a.Epoch && !w.given && w.unused == 0 && !(w.forgetful && w.table.Master != a.Server):
		w.broken("s%d has taken number %d and is published in epoch %d", a.Server, b.number, a.Epoch)
	case !own && taken && of != b.crown && !w.forgetful && w.knows(a.Epoch, b):
		w.broken("epoch %d is published for two promotions, the second of s%d", a.Epoch, a.Server)
	}
	w.given = false
}

// knows tells whether the machine has seen a mark as late as that at somebody besides b.
func (w *world) knows(mark uint64, b *box) bool {
	return slices.ContainsFunc(w.m.members, func(o *member) bool {
		return o.ID != b.id && w.sees(w.boxes[o.ID]) && (o.looked && o.mark.Epoch >= mark || o.stoodWith >= mark)
	})
}

// justify has those of orders be fair that have a server follow the one that is published meanwhile.
func (w *world) justify(orders []job2, published int32) {
	for i := range orders {
		orders[i].fair = orders[i].fair || orders[i].a.Target == published
	}
}

// ordered begins an order, and holds what must be true before it.
func (w *world) ordered(a Action) {
	to := ""
	if a.Target >= 0 && a.Op != Identify {
		to = " -> s" + string('0'+a.Target)
	}
	w.say("%v s%d%s", a.Op, a.Server, to)
	if a.Op == Delegate {
		w.delegated(a)
		return
	}
	b := w.boxes[a.Server]
	resumes := w.o.Mode == Sentinel && a.Op == Follow && a.Server == w.table.Master && w.m.hand.at != 0 && w.m.hand.stage >= pausing
	if w.o.Mode != Local && !resumes && (a.Op.changes() || a.Op == Verify) {
		w.broken("%v s%d in mode %v", a.Op, a.Server, w.o.Mode)
	}
	switch a.Op {
	case Follow, Demote, Detach, Promote:
		if b.foreign && !w.turned && b.up && w.m.round.force != b.id && w.now-b.born > second && w.m.member(b.id).repl.ID == b.replid { // it has been probed since
			w.broken("%v of the stranger s%d", a.Op, a.Server)
		}
	}
	if a.Op == Detach {
		delete(w.promised, b.id) // until it has acknowledged that again
		b.told = 0               // that is taken back, though it may not be reached
		w.poor[b.id] = w.poor[b.id] || b.priority == 0
	}
	if a.Op == Promote {
		w.checkPromote(b)
	}
	w.given = w.given || a.Anew
	if (a.Op == Follow || a.Op == Demote) && a.Target >= 0 {
		w.checkFollow(b, w.boxes[a.Target])
	}
	lent := w.m.member(a.Server) != nil && w.m.member(a.Server).lent
	fair := a.Target == w.reign || a.Op.changes() && w.m.worthOf(&w.m.member(a.Server).repl) == worthless // nobody can tell what he lacks
	w.orders = append(w.orders, job2{a: a, at: max(w.now+w.latency+b.tardy, w.lastOf(a.Server)), until: w.now + a.Within, life: w.life, fair: fair, lent: lent})
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
		o := w.boxes[id]
		if !o.ok() || o.runID != r.RunID || o.cut || o.fault == vital.FaultMisconf && !w.m.away(w.m.member(b.id)) {
			continue // it has fallen since it stood still, or takes no writes
		}
		if detached && id != b.id && !w.poor[id] && !w.tried[id] && r.ID == mine.ID && r.Offset > mine.Offset && w.m.round.force < 0 {
			w.broken("s%d with offset %d is promoted; s%d has %d", b.id, mine.Offset, id, r.Offset)
		}
	}
	w.tried[b.id] = true
}

// sees tells whether the machine knows which process of a server is up.
func (w *world) sees(b *box) bool {
	known := w.m.member(b.id)
	return known != nil && known.repl.RunID == b.runID
}
