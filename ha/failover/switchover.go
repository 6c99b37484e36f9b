package failover

import (
	"errors"
	"fmt"

	"huntaway/ha/vital"
)

// lagMost is how far behind a switchover's target may be when it is ordered.
const lagMost = 1 << 20

// Times of a switchover.
const (
	fastPause   = 2 * second       // how long writes at the old master are refused, if we die meanwhile
	pauseMore   = second           // by how much they are longer than anything is held, while Sentinel takes its time
	releaseTime = second * 6 / 10  // what is held must be released that long before it would fail
	serverTime  = second / 2       // a handover is not begun with less time left
	arbiterTime = second * 13 / 10 // likewise by way of Sentinel
	pardonFor   = 6 * second       // after a switchover that was given up Sentinel may be at it still
)

// ErrRefused is in the error of a Delegate that has certainly begun nothing.
var ErrRefused = errors.New("no Sentinel has begun a failover")

// A stage is how far Handing is.
type stage uint8

const (
	measuring   stage = iota // the old master, to which nothing is in flight, is asked how much it has
	handingOver              // FAILOVER has been ordered
	pausing                  // the old master's writes are being paused
	equalling                // both offsets are compared
	fencing                  // the data path is closed to the old master
	promoting                // the target is being made master
	delegated                // Sentinel has been asked
	unclear                  // an order failed and it has yet to be seen who is master
)

// A hand is one switchover.
type hand struct {
	at       int64 // when it was begun; 0: there is none
	wish     Wish
	stage    stage
	staged   int64 // when the stage was entered
	asked    bool  // Sentinel has been asked, and has not refused
	aborting bool  // FAILOVER ABORT has been ordered
	stand    past  // what the old master had when nothing was in flight there any more, and the process that takes over with that
	measured bool  // the old master has said that
	failure  string
}

// inProgress is what a master says that has committed itself to a FAILOVER, and that is a replica for
// as long as it says so.
const inProgress = "failover-in-progress"

// switchover begins what an operator has ordered, or says why not, or how it would go.
func (m *Machine) switchover(w Wish) {
	if err := m.objection(w); err != nil {
		m.answer(w, err)
		return
	}
	if w.DryRun || m.o.DryRun {
		m.do(Action{Kind: Answer, ID: w.ID, Server: w.To, Plan: m.steps(w)})
		return
	}
	m.hand = hand{at: m.now, wish: w, stand: m.known}
	m.hand.stand.RunID = m.member(w.To).repl.RunID
	for _, b := range m.members {
		b.frozen, b.spare = false, false
	}
	m.hold()
	m.on(ordered, Transition{What: "switchover to " + m.name(w.To), Why: "ordered by " + w.By, Loss: -1})
	m.begin("handing", w.To)
	m.launch(ofState, Action{Kind: Drain, Server: m.master, Within: m.drainTime()})
}

// deadline is when the switchover that is being made must be decided: what is held fails soon after.
func (m *Machine) deadline() int64 { return m.hand.at + m.o.Hold - releaseTime }

// handTime is what must be left until then when servers are touched, or Sentinel is asked.
func (m *Machine) handTime() int64 {
	if m.o.Mode == Sentinel {
		return arbiterTime
	}
	return serverTime
}

// drainTime is how long what is in flight may take.
func (m *Machine) drainTime() int64 {
	return max(second/10, min(m.o.Drain, m.o.Hold-releaseTime-m.handTime()))
}

// late tells whether too little time is left to begin with the part in which servers are touched.
func (m *Machine) late() bool { return m.now > m.deadline()-m.handTime() }

// objection returns why a switchover cannot be begun, nil when it can.
func (m *Machine) objection(w Wish) error {
	b, master := m.member(w.To), m.member(m.master)
	switch {
	case m.o.Mode == Observe:
		return errors.New("failover is observe: whoever decides there has to switch over, and Huntaway follows")
	case w.Expect != m.master:
		return fmt.Errorf("the master is %s; %s was expected", m.name(m.master), m.name(w.Expect))
	case m.state != Healthy || master == nil:
		return m.unwell()
	case m.holds.unverified:
		return notYet{fmt.Errorf("a connection to the master %s was lost, and it has yet to say what it is; ask again in a second", master.Addr)}
	case b == nil:
		return errors.New("the target is no server of this group")
	case b == master:
		return fmt.Errorf("%s is the master already", b.Addr)
	case !m.fresh(b):
		return fmt.Errorf("%s does not answer (%v)", b.Addr, b.fault)
	case !b.repl.Replica || !m.inLine(b) || !b.repl.LinkUp:
		return notYet{fmt.Errorf("%s is not linked to the master %s", b.Addr, master.Addr)}
	case b.repl.Syncing:
		return notYet{fmt.Errorf("%s is receiving a full copy", b.Addr)}
	case !m.listed(b, master):
		return notYet{fmt.Errorf("the master %s does not list %s as online yet; ask again in a second", master.Addr, b.Addr)}
	case b.repl.Priority == 0:
		return fmt.Errorf("%s has replica-priority 0 and must never be master", b.Addr)
	case m.o.Mode == Sentinel && m.o.Hold < releaseTime+arbiterTime+serverTime:
		return fmt.Errorf("writes are held for at most %s (hold_timeout), and Sentinel may need longer; want 2.5s", span(m.o.Hold))
	case b.repl.ID != master.repl.ID:
		return fmt.Errorf("%s has lineage %s and the master %s", b.Addr, b.repl.ID, master.repl.ID)
	case master.repl.Offset-b.repl.Offset > lagMost:
		return fmt.Errorf("%s is %d bytes behind; at most %d", b.Addr, master.repl.Offset-b.repl.Offset, lagMost)
	}
	return nil
}

// A notYet is a refusal for what passes by itself.
type notYet struct{ error }

// Passes tells whether a wish was refused for what passes by itself, mostly within seconds.
func Passes(err error) bool { return errors.As(err, new(notYet)) }

// unwell refuses a switchover in a state that is not Healthy.
func (m *Machine) unwell() error {
	err := fmt.Errorf("the group is %v; a switchover needs it healthy", m.state)
	if m.state == Stuck || m.state == Ambiguous || m.master < 0 {
		return err
	}
	return notYet{err}
}

// listed tells whether the master counts b among its replicas that are online: FAILOVER TO
// refuses any other, and a link that b calls up may wait for its copy there. Where the master
// lists somebody at an address that is no member's, that may be b, and b's own word is taken.
func (m *Machine) listed(b, master *member) bool {
	for _, f := range master.repl.Followers {
		if f.Addr == b.Addr || m.memberAt(f.Addr) == nil {
			return true
		}
	}
	return false
}

// steps says what a switchover would do, for the operator.
func (m *Machine) steps(w Wish) []string {
	from, to := m.name(m.master), m.name(w.To)
	all := []string{
		fmt.Sprintf("hold new writes, and wait up to %s for what is in flight at %s", span(m.drainTime()), from),
	}
	switch {
	case m.o.Mode == Sentinel:
		all = append([]string{"wait until a Sentinel is able to begin at once: by SENTINEL MASTER, REPLICAS and CKQUORUM; nothing is held for that"}, all...)
		all = append(all, fmt.Sprintf("pause writes at %s until %s has the same offset", from, to),
			fmt.Sprintf("have Sentinel fail over, and %s follow whom it names within %s", from, span(m.o.Hold-releaseTime)))
	case w.Fast:
		all = append(all, fmt.Sprintf("pause writes at %s until %s has the same offset, at most %s", from, to, span(m.o.Handover)),
			fmt.Sprintf("close the connections to %s, promote %s, have %s follow it", from, to, from))
	default:
		all = append(all, fmt.Sprintf("FAILOVER TO %s at %s, at most %s", to, from, span(m.o.Handover)))
	}
	return append(all, "verify that "+to+" is master and takes a write",
		"publish it, release the writes, have the other servers follow it",
		"if anything fails before that: undo it, and release the writes to "+from)
}

// reviewDraining waits until the old master owes nothing.
func (m *Machine) reviewDraining() {
	if why := m.questionable(); why != "" {
		m.suspect(why)
		return
	}
	err, over := m.fate(Drain)
	unsaved := m.unsavable()
	switch {
	case unsaved != nil:
		m.abort("the state file cannot be written: " + unsaved.Error())
	case err != nil:
		m.abort("what is in flight could not be waited for: " + err.Error())
	case over && m.isSaved() && m.late():
		m.abort("what was in flight took " + span(m.now-m.hand.at) + ", and too little time is left to hold writes")
	case over && m.isSaved():
		m.on(ready, Transition{What: "nothing is in flight", Why: m.name(m.master) + " owes nothing", Loss: -1})
		m.handOver()
	}
}

// handOver begins the part in which servers are touched.
func (m *Machine) handOver() {
	if m.o.Mode == Local && !m.hand.wish.Fast {
		m.enter(measuring)
		m.order(Inspect, m.master, m.o.Promote)
		return
	}
	m.enter(pausing)
	within := int64(fastPause)
	if m.o.Mode == Sentinel {
		within = m.o.Hold + pauseMore
	}
	m.order(Pause, m.master, within)
}

// enter goes to a stage of Handing.
func (m *Machine) enter(s stage) {
	m.hand.stage, m.hand.staged = s, m.now
	m.forgetOutcomes()
}

// reviewHanding goes through the stages.
func (m *Machine) reviewHanding() {
	to, old := m.hand.wish.To, m.member(m.master)
	if m.hand.stage < promoting && m.hand.stage != handingOver && m.fresh(old) && m.exchanged(old) {
		m.suspect("another process answers in its place")
		return
	}
	switch m.hand.stage {
	case measuring:
		m.afterOrder(Inspect, m.master, m.giveAway)
	case handingOver:
		m.afterOrder(Handover, m.master, m.confirm)
	case pausing:
		m.afterOrder(Pause, m.master, m.compare)
	case equalling:
		m.equalled()
	case fencing:
		m.afterFence()
	case promoting:
		m.afterOrder(Promote, to, m.confirm)
	case delegated:
		m.awaitArbiter()
	case unclear:
		m.clarify()
	}
}

// afterOrder goes on when an order has succeeded, and looks who is master when it has failed.
func (m *Machine) afterOrder(op Op, server int32, next func()) {
	ev, over := m.outcome(op, server)
	switch {
	case !over:
	case ev.Err != nil:
		m.unsure(op.String() + ": " + ev.Err.Error())
	default:
		next()
	}
}

// giveAway has the old master hand over.
func (m *Machine) giveAway() {
	ev, _ := m.outcome(Inspect, m.master)
	m.measured(&ev.Repl)
	m.enter(handingOver)
	m.orderTo(Handover, m.master, m.hand.wish.To, min(m.o.Handover, m.deadline()-m.now))
}

// measured takes what the old master has, to which nothing is in flight. Whoever goes on from the
// state file knows it as well, unless this process ends before it is there.
func (m *Machine) measured(r *vital.Replication) {
	m.hand.stand.Lineage, m.hand.stand.Offset, m.hand.measured = r.ID, r.Offset, true
	if r.ID == m.known.Lineage {
		m.known.Offset, m.known.said, m.known.still = max(m.known.Offset, r.Offset), r.Offset, true
		m.begin("handing", m.hand.wish.To)
	}
}

// confirm goes on to Verifying: the target should be master.
func (m *Machine) confirm() {
	w := m.hand.wish
	m.round = round{why: "switchover ordered by " + w.By, at: m.now, force: -1, candidate: w.To, from: m.master,
		handed: !w.Fast, deposes: w.Fast, stand: m.hand.stand}
	for _, b := range m.members {
		b.frozen, b.lent, b.spare = false, false, w.Fast && b.ID != w.To && b.ID != m.master && m.fresh(b) && b.repl.Replica && m.inLine(b)
		b.stand = b.repl
	}
	m.on(ready, Transition{What: m.name(w.To) + " has taken over", Why: m.name(m.master) + " has handed over", Loss: -1})
	m.verify()
}

// compare asks both servers for their offsets.
func (m *Machine) compare() {
	if m.hand.stage != equalling {
		m.enter(equalling)
	}
	m.pending.outcomes, m.pending.retryAt = nil, 0
	m.order(Inspect, m.master, m.o.Promote)
	m.order(Inspect, m.hand.wish.To, m.o.Promote)
}

// equalled waits until the target has all that the paused master has.
func (m *Machine) equalled() {
	if m.waiting() || m.now < m.pending.retryAt {
		return
	}
	old, oldOver := m.outcome(Inspect, m.master)
	to, toOver := m.outcome(Inspect, m.hand.wish.To)
	switch {
	case !oldOver || !toOver:
	case m.now-m.hand.staged >= m.o.Handover || m.late():
		m.unsure("the offsets did not become equal in time")
	case m.pending.retryAt != 0:
		m.compare()
	case old.Err != nil || to.Err != nil:
		m.unsure("the offsets could not be compared")
	case old.Repl.ID != to.Repl.ID || old.Repl.Offset != to.Repl.Offset:
		m.pending.retryAt = m.now + pollEvery
	case m.o.Mode == Sentinel:
		m.enter(delegated)
		m.hand.asked, m.peers.announced.stand = true, old.Repl.Offset
		m.orderTo(Delegate, m.master, m.hand.wish.To, m.deadline()-m.now)
	default:
		m.enter(fencing)
		m.measured(&old.Repl)
		m.launch(ofState, Action{Kind: Fence, Server: m.master, Within: fenceTime})
	}
}

// afterFence promotes the target.
func (m *Machine) afterFence() {
	switch err, over := m.fate(Fence); {
	case !over:
	case err != nil:
		m.unsure("the old master could not be fenced off: " + err.Error())
	case m.now-m.hand.staged > fenceTime/2:
		m.unsure("fencing off the old master took too long to rely on its pause")
	default:
		m.enter(promoting)
		m.order(Promote, m.hand.wish.To, m.o.Promote)
	}
}

// awaitArbiter waits for Sentinel to name or to promote somebody, for as long as writes can be held.
// Sentinel asks once a second whether its own promotion was carried out, and says so only then: a
// second in which other proxies' requests hang in the paused master.
func (m *Machine) awaitArbiter() {
	if m.succeeded() || m.elevated() {
		return
	}
	m.ask()
	ev, over := m.outcome(Delegate, m.master)
	switch {
	case over && ev.Err != nil:
		m.hand.asked = !errors.Is(ev.Err, ErrRefused)
		m.unsure("sentinel: " + ev.Err.Error())
	case m.now >= m.deadline():
		m.unsure(fmt.Sprintf("Sentinel has begun and named nobody within %s; should it do so yet, it is followed", span(m.now-m.hand.at)))
	}
}

// elevated follows a server that has been made master, with all that this group's master had when
// the arbiter was asked, by an arbiter that has not said so yet.
func (m *Machine) elevated() bool {
	for _, b := range m.members {
		if b.ID != m.master && m.isMaster(b) && m.known.Lineage != "" && b.repl.SecondID == m.known.Lineage && b.repl.SecondOffset > m.peers.announced.stand {
			m.peers.announced.ahead = m.now
			m.follow(b, "it was promoted, which Sentinel has yet to tell")
			return true
		}
	}
	return false
}

// unsure looks who is master after something has failed.
func (m *Machine) unsure(why string) {
	m.hand.failure = why
	m.enter(unclear)
	m.lookAtBoth()
}

// lookAtBoth asks the old master and the target what they are.
func (m *Machine) lookAtBoth() {
	m.pending.outcomes, m.pending.retryAt = nil, 0
	m.order(Inspect, m.master, m.o.Promote)
	m.order(Inspect, m.hand.wish.To, m.o.Promote)
}

// clarify goes on with the target when it is master and lacks nothing, goes back when the old
// master is it still, and asks again while it is neither. A master that has committed itself to
// FAILOVER asks whoever answers at the target's address to take over, and looks at the lineage alone:
// it is held back when that one is gone, or has come back with less. Before the old master has said what it has nobody was
// told to take over: whoever is master then has become one by himself.
func (m *Machine) clarify() {
	if m.waiting() || m.now < m.pending.retryAt {
		return
	}
	old, _ := m.outcome(Inspect, m.master)
	to, seen := m.outcome(Inspect, m.hand.wish.To)
	whole := seen && to.Err == nil && m.continues(&to.Repl, m.hand.stand)
	stuck := old.Repl.Failover == "waiting-for-sync" || old.Repl.Failover == inProgress && !whole
	switch {
	case m.pending.retryAt != 0:
		m.lookAtBoth()
	case m.o.Mode == Sentinel && (m.succeeded() || m.elevated()):
	case m.now-m.hand.staged >= unsure:
		m.suspect("the handover is neither over nor undone: " + m.hand.failure)
	case m.hand.measured && whole && !to.Repl.Replica && m.o.Mode == Local:
		m.confirm()
	case old.Err != nil && m.gone() && seen && to.Err == nil:
		m.suspect("it ended during the handover, which it had not finished: " + m.hand.failure)
	case old.Err == nil && stuck && !m.hand.aborting:
		m.hand.aborting = true
		m.orderTo(Abort, m.master, -1, lookTime)
		m.pending.retryAt = m.now + pollEvery
	case old.Err == nil && over(old.Repl.Failover) && !old.Repl.Replica:
		m.loose(Unpause, m.master, -1)
		if m.o.Mode == Local && m.hand.measured && !(seen && to.Err == nil && to.Repl.Replica) {
			m.skip(m.disk.intent.Number) // the target may have become master, with a copy of the old one's mark
		}
		m.abort(m.hand.failure)
	case old.Err == nil && over(old.Repl.Failover) && !whole && m.o.Mode == Local: // it has handed over to what is no more
		m.confirm()
	default:
		m.pending.retryAt = m.now + askEvery
	}
}

// gone tells whether the old master's process has ended: its port refuses again and again. Only
// it can make the target master, which was a replica still when it was asked since.
func (m *Machine) gone() bool {
	b := m.member(m.master)
	return b != nil && b.refused >= 3
}

// over tells whether a master is in no FAILOVER.
func over(state string) bool { return state == "" || state == "no-failover" }

// deposed returns the old master of a switchover without FAILOVER, which follows the new one once that is published, not
// before: what falls and comes back until then without its data is copied by nobody. nil when the publication is no
// switchover's, or when it is not certain that the process is still there that has handed over: whoever may answer in its
// place is looked into first, like everybody who says that he is master.
func (m *Machine) deposed() *member {
	old := m.member(m.round.from)
	if m.state != Verifying || !m.round.deposes || old == nil || old.ended || old.fault != vital.FaultNone || m.exchanged(old) {
		return nil
	}
	return old
}

// abort goes back to the old master, if it is the one that it was. Sentinel may be at it still: its objections, which are no
// more than that, do not have the writes held again.
func (m *Machine) abort(why string) {
	if m.hand.asked {
		m.peers.announced.objected, m.peers.announced.pardoned = 0, m.now+pardonFor
	}
	if doubt := m.questionable(); doubt != "" {
		m.suspect(why + "; " + doubt)
		return
	}
	m.on(failed, Transition{What: "the switchover is off, " + m.name(m.master) + " stays master", Why: why, Loss: -1})
	m.takeBack()
	m.giveUpWish(why)
	m.readmit()
}
