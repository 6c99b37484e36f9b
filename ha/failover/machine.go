package failover

import (
	"slices"
	"strconv"
	"strings"
)

// Times that nobody needs to set.
const (
	second = int64(1e9)

	grace      = second        // how much later than agreed a Done may come before it counts as failed
	lookTime   = second        // an Identify, a Follow and a Demote may take
	fenceTime  = second        // closing the data path's connections may take
	askEvery   = second / 10   // between two probes of a server that is asked for
	retryEvery = second        // between two attempts at what has failed
	pollEvery  = second / 200  // between two looks at offsets or at FAILOVER's progress
	freshFor   = 2 * second    // an answer is no witness when it is older
	initFor    = second        // how long servers are waited for before a start goes on without them
	rivalFor   = 15 * second   // how long another monitor counts as active after it was heard, unless this one finds itself Alone
	unsure     = 5 * second    // how long a handover may be neither over nor undone
	hour       = 3600 * second // the window of HourlyCap
	formerMost = 16            // lineages that are remembered
)

// A Machine is the failover state machine of one group.
//
// Owner: the goroutine that feeds it.
//
// Invariants: the epoch only rises; a Promote is ordered only after the Fence of the old master is
// done; what was begun ends in Publish or Release; every state has an exit.
type Machine struct {
	o     Options // fixed when made
	group string  // fixed when made

	now  int64    // of the newest event
	acts []Action // what the event being taken leads to

	state    State // written only by on
	clock    clock
	members  []*member
	master   int32 // by the table, or by the state file if that says otherwise; -1: none
	table    tableSaid
	epoch    uint64 // of the group's last promotion, see number
	known    past   // what the master is as far as it has been accepted
	marks    marks
	records  records
	pending  pending
	disk     disk
	doubt    doubt
	peers    peers
	permit   permit
	holds    holds
	round    round   // the failover that is being made, or was made last
	hand     hand    // the switchover likewise
	heir     heir    // who is looked at in Following
	dispute  dispute // in Ambiguous: about whom
	settling settling
}

// A clock is when what happened that time is counted from.
type clock struct {
	since     int64 // when the state was entered
	started   int64 // when the machine was made, or reset
	asked     int64 // when all servers were last asked for
	tiltUntil int64 // no decision before
	wokeAt    int64 // when this process last went on after it had stood still; 0: never
}

// A tableSaid is what the published table names.
type tableSaid struct {
	aliases []*member // of its servers, those that are a member under another name
	tabled  int32     // its master
	left    string    // the address of a master that was taken out of the group; "": none was
}

// marks are what is known of who was given which number, and has taken its mark.
type marks struct {
	spent    uint64   // how many epochs up to the last one are unused: they may be in marks of who did not prove itself
	borrowed bool     // the last one is known by a replica's mark alone, and not who was given it
	forged   []uint64 // later marks that stood where a process knew the epoch, newest last
	bare     uint64   // how many epochs up to the last one nobody was seen to have the mark of
	needy    bool     // the new master refused writes for want of replicas when it was published, and has no more yet
	unproven bool     // the master was published before it had taken its mark, for want of replicas as far as is known, and has had no more since
	untried  string   // why the master was not believed before it was published after all; "": it was, or has taken its mark since
	had      int      // with how many replicas the master was seen at most since it was published
	tooFew   int      // with how many it has refused its mark for want of more
	tally    tally    // of the marker key
	beside   keptMark // of it beside another monitor
}

// records are what was, as far as it still matters.
type records struct {
	descents  descents
	losses    []loss   // what an operator has yet to acknowledge, oldest first
	heirs     []string // the lineages of who was made master since the last publication, newest last
	former    []past   // masters before the last one, newest last
	abandoned []past   // what masters had that came back without it and were taken all the same, while somebody may have it; oldest first
	list      lossList
}

// pending is what was ordered.
type pending struct {
	nextID   uint64
	awaits   []await   // what was begun and has not ended, in the order of IDs
	outcomes []outcome // what the current state has awaited and got
	retryAt  int64     // when the current state tries again; 0: it does not
}

// A disk is the state file.
type disk struct {
	intent Intent // as it should stand there
	saving save
}

// A doubt is what speaks against the master.
type doubt struct {
	at          int64  // when it was last called in question
	why         string // why
	unread      bool   // there was no state file that says what the master had, nor has an operator, a failover or a changed table named one since
	pardonUntil int64  // until when a stall is no reason to doubt
	lostAt      int64  // when the data path last lost the master, or was told READONLY by it
}

// peers are who else decides, and what of the world this process reaches.
type peers struct {
	rivalAt   int64    // when another monitor was last heard; 0: never
	rival     string   // who
	faint     bool     // by a heartbeat alone, that nobody may stand for
	announced announce // by the arbiter
	reached   int      // servers of other groups that answered
	others    int      // of how many
	detaching bool     // the process before this one was having replicas follow nobody when it ended, and no other monitor was heard since
	contended bool     // somebody is looked into who may have been made master beside the table's
}

// A permit is what allows a failover, or forbids it.
type permit struct {
	recent    []int64 // when failovers were begun
	released  []int64 // likewise, but before an operator's release, so that they forbid nothing
	planned   bool    // the dry run has been reported for this outage
	forbidden string  // see Status
}

// holds are why writes wait.
type holds struct {
	held       bool  // as the table has it
	selfFenced bool  // held because the master has too few replicas
	unverified bool  // held until a probe has seen who answers in the master's place
	thinSince  int64 // since when it has too few; 0: it has not
}

// A settling is what follows a publication.
type settling struct {
	copying int32    // who is receiving a full copy by our order; -1: nobody
	remarks []string // of the last publication: what an operator should look at
}

// New returns the machine of a group, which has yet to look at its servers. intent is what the
// state file holds of the group, its zero value when there is nothing.
func New(o Options, l Layout, intent Intent, now int64) *Machine {
	m := &Machine{o: o.Defaults(), group: l.Group, now: now, clock: clock{started: now, since: now}, settling: settling{copying: -1}}
	m.master, m.epoch, m.holds.held = l.Master, max(intent.Epoch, 1), l.Held
	m.marks.spent, m.marks.bare = min(intent.Spent, m.epoch-1), min(intent.Bare, m.epoch-1)
	if intent.Begun == "promoting" || intent.Begun == "handing" { // somebody may have been given the number
		m.skip(intent.Number)
	}
	m.disk.intent, m.doubt.unread = intent, intent.Lineage == ""
	m.disk.intent.Group = l.Group
	m.permit.recent, m.permit.released = readNumbers(intent.Recent, strconv.ParseInt), readNumbers(intent.Released, strconv.ParseInt)
	m.enlist(l.Members)
	for _, b := range m.members {
		b.uncompared = m.doubt.unread
	}
	m.table.tabled = l.Master
	m.dismiss(intent.Master)
	if b := m.memberAt(intent.Master); b != nil && intent.Lineage != "" {
		m.master = b.ID
	}
	m.known = past{RunID: intent.RunID, Lineage: intent.Lineage, Offset: intent.Offset, said: intent.Offset}
	for _, lineage := range strings.Fields(intent.Former) {
		m.records.former = append(m.records.former, past{Lineage: lineage})
	}
	m.readDescents(intent.Descents)
	m.records.abandoned, m.records.losses = readAbandoned(intent.Abandoned), readLosses(intent.Losses)
	m.marks.forged = readNumbers(intent.Forged, strconv.ParseUint)
	m.peers.announced.accepted, m.peers.announced.bound = intent.Arbiter, intent.Master != ""
	m.marks.unproven, m.marks.had, m.marks.tooFew, m.peers.detaching = intent.Unproven, intent.Had, intent.TooFew, intent.Begun == "freezing" || intent.Begun == "promoting"
	m.heir.id, m.heir.refused, m.round.candidate, m.round.force = -1, -1, -1, -1
	return m
}

// enlist makes these the group's members and keeps what is known of those that stay.
func (m *Machine) enlist(all []Member) {
	before := slices.Concat(m.members, m.table.aliases)
	was := m.table.aliases
	m.members, m.table.aliases = nil, nil
	for _, each := range all {
		i := slices.IndexFunc(before, func(b *member) bool { return b.ID == each.ID && b.Addr == each.Addr })
		if i >= 0 {
			before[i].Member = each
			if slices.Contains(was, before[i]) && listedIn(all, before[i].same) && each.ID != m.master {
				m.table.aliases = append(m.table.aliases, before[i])
			} else {
				m.members = append(m.members, before[i])
			}
			continue
		}
		m.members = append(m.members, &member{Member: each})
	}
}

// Adopt makes l what the machine knows of the table, after somebody else has published
// one. When it names another master than the machine's all that was begun is dropped
// and the machine starts anew.
func (m *Machine) Adopt(l Layout, now int64, acts []Action) []Action {
	m.now, m.acts = max(m.now, now), acts
	was := m.name(m.master)
	m.enlist(l.Members)
	m.dismiss(was)
	if l.Master != m.table.tabled || m.bereft() {
		m.startOver(l)
	}
	switch want := m.holds.held; {
	case l.Held == want:
	case want:
		m.holds.held = false
		m.hold()
	default:
		m.holds.held = true
		m.release()
	}
	return m.taken()
}

// dismiss remembers the address of a master that is no member any more: replicas that still
// follow it, in vain, have no master.
func (m *Machine) dismiss(addr string) {
	if addr != "" && addr != m.name(-1) && m.memberAt(addr) == nil {
		m.table.left = addr
	}
}

// bereft tells whether a server that something was begun for is no member any more.
func (m *Machine) bereft() bool {
	promoting := m.state >= Selecting && m.state <= Verifying && m.round.candidate >= 0 && m.member(m.round.candidate) == nil
	return promoting || m.state == Following && m.member(m.heir.id) == nil || m.hand.at != 0 && m.member(m.hand.wish.To) == nil
}

// startOver drops what was begun: the table was changed by somebody else.
func (m *Machine) startOver(l Layout) {
	m.giveUpWish("the configuration was changed meanwhile")
	if l.Master != m.master && l.Master >= 0 && m.member(m.master) != nil { // which may be beside it
		m.reach(m.epoch + 1)
	}
	m.master, m.table.tabled, m.clock.started, m.known, m.doubt.unread = l.Master, l.Master, m.now, past{}, false
	m.unmarked()
	m.records.list.forget()
	m.members, m.table.aliases = append(m.members, m.table.aliases...), nil
	m.settleAliases() // another name may be the one that counts
	m.on(reset, Transition{What: "the group was changed", Why: "the table names " + m.name(l.Master), Loss: -1})
	m.begin("", -1)
}

// Step takes one event and appends what is to be done because of it.
func (m *Machine) Step(ev Event, acts []Action) []Action {
	m.acts = acts
	m.pass(ev)
	m.take(ev)
	if !m.stoodDown() {
		m.standUp("the other one was not heard for " + span(rivalFor))
	}
	m.expire()
	m.review()
	return m.taken()
}

// taken hands out what is to be done.
func (m *Machine) taken() []Action {
	acts := m.acts
	m.acts = nil
	return acts
}

// do appends an action.
func (m *Machine) do(a Action) { m.acts = append(m.acts, a) }

// pass moves the clock on. A gap means that this process stood still: what it believes to have
// seen in that time proves nothing.
func (m *Machine) pass(ev Event) {
	gap := ev.At - m.now
	m.now = max(m.now, ev.At)
	m.peers.reached, m.peers.others = ev.Reached, ev.Others
	if gap <= m.o.Tilt {
		return
	}
	m.clock.wokeAt = m.now
	m.clock.tiltUntil = m.now + max(m.o.DownRefused, m.o.DownSilence, m.o.DownMisconf, m.o.DownBusy)
	for _, b := range m.members {
		b.clearEvidence()
	}
	m.warn("this process stood still; what it has seen counts for nothing", "no event for "+span(gap))
}

// take sorts an event to whom it concerns.
func (m *Machine) take(ev Event) {
	switch ev.Kind {
	case Probed:
		m.probed(ev)
	case LinkLost, ReadOnly:
		m.accused(ev)
	case Stalled:
		m.stalled(ev)
	case Done:
		m.done(ev)
	case Announced:
		m.hearAnnounced(ev)
	case Objected:
		m.hearObjected(ev)
	case Rival:
		m.standDown(ev.Text)
		m.peers.faint, m.peers.detaching = ev.Faint, false
		m.unmarked() // that one may raise the epoch
		m.hearKept(ev)
	case Alone:
		m.marks.beside = keptMark{}
		m.standUp("nobody else is where monitors say that they are")
	case Forged:
		if ev.Found > m.epoch {
			m.forge(ev.Found)
		}
	case Lost:
		m.hearLost(ev)
	case Commanded:
		m.command(ev.Wish)
	}
}

// reviewers look at a state whether it is over.
var reviewers [15]func(*Machine)

func init() {
	reviewers = [15]func(*Machine){
		Init: (*Machine).reviewInit, Healthy: (*Machine).reviewHealthy, Suspect: (*Machine).reviewSuspect,
		Freezing: (*Machine).reviewFreezing, Revoking: (*Machine).reviewRevoking, Selecting: (*Machine).reviewSelecting,
		Promoting: (*Machine).reviewPromoting, Proving: (*Machine).reviewProving, Verifying: (*Machine).reviewVerifying,
		Settling: (*Machine).reviewSettling, Stuck: (*Machine).reviewStuck, Ambiguous: (*Machine).reviewAmbiguous,
		Following: (*Machine).reviewFollowing, Draining: (*Machine).reviewDraining, Handing: (*Machine).reviewHanding,
	}
}

// review lets states go on for as long as one leads to the next. The bound is above the
// longest way that needs no event in between.
func (m *Machine) review() {
	m.watchContenders()
	for range len(stateNames) {
		was := m.state
		reviewers[was](m)
		if m.state == was {
			break
		}
	}
	m.resave()
}

// Next returns when the next Tick is wanted, on the clock of the events. It is never further
// away than half of what would count as a stall of this process.
func (m *Machine) Next() int64 {
	next := m.now + m.o.Tilt/2
	if m.state != Healthy || m.now < m.peers.announced.pardoned || m.peers.contended {
		next = min(next, m.now+askEvery)
	}
	if m.pending.retryAt > 0 {
		next = min(next, m.pending.retryAt)
	}
	for _, a := range m.pending.awaits {
		next = min(next, a.until)
	}
	return max(next, m.now+1)
}

// member returns the member with that ID, nil when there is none.
func (m *Machine) member(id int32) *member {
	for _, b := range m.members {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// memberAt returns the member at that address, under whichever of its names, nil when there is none.
func (m *Machine) memberAt(addr string) *member {
	for _, b := range m.members {
		if b.Addr == addr {
			return b
		}
	}
	for _, b := range m.table.aliases {
		if b.Addr == addr {
			return m.member(b.same)
		}
	}
	return nil
}

// name returns a server's address for people.
func (m *Machine) name(id int32) string {
	if b := m.member(id); b != nil {
		return b.Addr
	}
	return "nobody"
}

// note reports something that changes no state, and that nobody need look at.
func (m *Machine) note(what, why string) { m.remark(Transition{What: what, Why: why, Loss: -1}) }

// warn reports something that changes no state, and that somebody should look at.
func (m *Machine) warn(what, why string) {
	m.remark(Transition{What: what, Why: why, Loss: -1, Alarm: true})
}

// noteLossy is note about data that are lost, so many bytes at least; nobody can say how much.
func (m *Machine) noteLossy(what, why string, least int64) {
	m.remark(Transition{What: what, Why: why, Loss: -1, Lossy: true, Least: least})
}

// remark reports what changes no state.
func (m *Machine) remark(t Transition) {
	t.At, t.From, t.To = m.now, m.state, m.state
	m.do(Action{Kind: Report, Server: m.master, Transition: t})
}

// hold has writes wait. A group of one server is never held: nobody else could take them, and
// its links let them wait as well.
func (m *Machine) hold() {
	if m.holds.held || len(m.members) < 2 {
		return
	}
	m.holds.held = true
	m.do(Action{Kind: Hold, Server: m.master})
}

// fence closes the data path's connections to the master before this one: to the one
// that the table names too, where the state file knows better.
func (m *Machine) fence(but int32) {
	for i, id := range []int32{m.master, m.table.tabled} {
		if id >= 0 && id != but && (i == 0 || id != m.master) {
			m.launch(ofState, Action{Kind: Fence, Server: id, Within: fenceTime})
		}
	}
}

// release lets writes go to the master they would have gone to, unless that has too few
// replicas.
func (m *Machine) release() {
	if !m.holds.held || m.holds.selfFenced || m.holds.unverified {
		return
	}
	m.holds.held = false
	m.do(Action{Kind: Release, Server: m.master})
}

// ask has all servers probed, unless they were just now.
func (m *Machine) ask() {
	if m.clock.asked != 0 && m.now-m.clock.asked < askEvery {
		return
	}
	m.clock.asked = m.now
	for _, b := range m.members {
		m.do(Action{Kind: Ask, Server: b.ID})
	}
}
