package ha

import (
	"slices"
	"time"

	"huntaway/ha/vital"
)

// Limits are the detector's timers and thresholds. The zero value of a field means what its
// comment says.
type Limits struct {
	ProbeInterval int64 // nanoseconds from one probe of a server to the next
	ProbeTimeout  int64 // nanoseconds a probe may take, all in all
	FastInterval  int64 // likewise for a server in doubt; and the least distance of two probes
	Rejoin        int   // good probes in a row before a server that was out serves again
	MaxLag        int64 // nanoseconds a reader may be behind; 0: no limit
	MaxLagBytes   int64 // bytes a reader may be behind; 0: no limit
	History       int   // samples of a master that are kept

	AutoEject    bool  // auto_eject_hosts
	FailureLimit int   // server_failure_limit: failures in a row that eject a group
	RetryTimeout int64 // server_retry_timeout: nanoseconds an ejected group stays out at least
}

// What a replica that flaps has to sit out: twice as long each time, so that its readers do not meet
// it half of the time.
const (
	flapWindow = int64(60 * time.Second) // out again within it of its return: it flaps
	holdFirst  = int64(10 * time.Second)
	holdMost   = int64(5 * time.Minute)
)

// A Detector decides which servers are well, from events alone: it has no clock, no socket
// and no goroutine.
//
// Owner: the goroutine that feeds it.
//
// Invariants: a reader is a server that is in, or suspect with its master to settle the
// doubt, or, when the group has nobody well, suspect; the master is never a reader; at
// least one group is not ejected; every server has a probe out or due.
type Detector struct {
	limits  Limits            // fixed
	groups  []*group          // in the order of the layout
	servers map[int32]*server // all members of all groups, by ID
	now     int64             // of the event being worked on
	acts    []Action          // what has come of it so far
}

// A group is what the detector knows of servers that hold the same data.
//
// Owner: the Detector.
type group struct {
	index   int       // in the layout
	name    string    // likewise
	master  *server   // nil while there is none
	members []*server // master included, in the order of the layout
	readers []int32   // as last given to the driver
	samples history   // of the master
	// The group has been held since it is known, because nobody has found out yet who its master is: the table's may
	// have been replaced in an earlier life.
	unsettled bool
	own       own
	masterLife
	ejection
}

// masterLife is when the master was last known to live and known not to: the times
// at which the probes that found it so were sent. 0: never.
type masterLife struct{ aliveAt, deadAt int64 }

// silent tells whether the newest evidence says that the master does not answer.
func (m masterLife) silent() bool { return m.deadAt > m.aliveAt }

// NewDetector returns a detector that knows no server; Adopt gives it some.
func NewDetector(l Limits) *Detector { return &Detector{limits: l} }

// Step takes one event and appends what is to be done because of it. An event about a server
// that has left the layout changes nothing.
func (d *Detector) Step(ev Event, acts []Action) []Action {
	d.now, d.acts = ev.At, acts
	if s := d.servers[ev.Server]; s != nil && ev.Kind != Tick {
		d.heard(s, ev)
		d.regroup(s.group)
	}
	return d.handOver()
}

// Next returns when the next Tick is wanted, on the clock of the events.
func (d *Detector) Next() int64 {
	next := d.now + d.limits.ProbeInterval
	for _, g := range d.groups {
		for _, s := range g.members {
			if !s.flying {
				next = min(next, s.dueAt)
			}
		}
	}
	return next
}

// handOver adds the probes that are due and gives the actions away.
func (d *Detector) handOver() []Action {
	for _, g := range d.groups {
		for _, s := range g.members {
			if !s.flying && s.dueAt <= d.now {
				s.flying, s.sentAt = true, d.now
				d.act(Action{Kind: SendProbe, Server: s.id})
			}
		}
	}
	acts := d.acts
	d.acts = nil
	return acts
}

func (d *Detector) act(a Action) { d.acts = append(d.acts, a) }

// heard sorts an event about s by its kind.
func (d *Detector) heard(s *server, ev Event) {
	switch ev.Kind {
	case Probed:
		d.probed(s, ev)
	case LinkLost, LinkExchanged:
		s.lostAt = d.now // it may be another process already, with older data
		d.cover(s, 0)
		if ev.Kind == LinkLost {
			d.failed(s)
		}
		d.ask(s)
	case LinkOpened:
		d.succeeded(s)
		if s.state != In {
			d.ask(s)
		}
	case ReadOnly, LinkStalled:
		d.ask(s)
	case Inspected:
		d.inspected(s, ev)
	}
}

// probed takes the result of a probe: schedule, remember, judge, measure.
func (d *Detector) probed(s *server, ev Event) {
	s.flying = false
	s.dueAt = max(d.now, s.sentAt+d.limits.FastInterval)
	if ev.Fault.Silent() && ev.At-ev.Sent > 2*d.limits.ProbeTimeout {
		return // this process stood still, not the server: ask again
	}
	if ev.Sent < s.born {
		return
	}
	s.record(ev)
	if s.post == takesWrites {
		d.masterProbed(s, ev)
	} else {
		d.replicaProbed(s, ev)
	}
	if !s.again && (s.state == In || s.state == Out) {
		s.dueAt = max(d.now, s.sentAt+d.limits.ProbeInterval)
	}
	s.again = false
}

// record remembers what a probe brought.
func (s *server) record(ev Event) {
	s.answered, s.cause = ev.Fault == vital.FaultNone, ev.Cause
	if ev.Sent > s.lostAt {
		s.lostAt = 0
	}
	if !s.answered {
		return
	}
	s.exchanged = s.exchanged || s.repl.RunID != "" && s.repl.RunID != ev.Repl.RunID
	s.repl, s.askedAt = ev.Repl, ev.Sent
	if ev.Repl.LinkUp {
		s.linkDownAt = 0
	} else if s.linkDownAt == 0 {
		s.linkDownAt = ev.Sent
	}
	if s.group.kin(ev.Repl.ID) {
		s.strangerAt = 0
	} else if s.strangerAt == 0 {
		s.strangerAt = ev.Sent
	}
}

// kin tells whether data of the lineage may be the master's, as far as is known.
func (g *group) kin(lineage string) bool {
	return g.samples.lineage == "" || g.samples.lineage == lineage
}

// masterProbed takes what a probe of the group's master brought, and looks again at those
// replicas that waited for its word.
func (d *Detector) masterProbed(s *server, ev Event) {
	g := s.group
	if ev.Fault.Alive() && !(ev.Fault == vital.FaultNone && g.foreign(&ev.Repl)) { // another process's life proves nothing
		g.aliveAt = ev.Sent
	} else {
		g.deadAt = ev.Sent
	}
	if ev.Fault == vital.FaultNone && !ev.Repl.Replica && (g.own.lineage == "" || g.own.lineage == ev.Repl.ID) {
		g.samples.add(ev.Repl.ID, sample{ev.Sent, ev.At, ev.Repl.Offset})
	}
	s.behind, s.lag, s.measured = 0, 0, ev.Fault == vital.FaultNone
	d.apply(s, judgeMaster(ev))
	d.count(s, ev.Fault)
	for _, r := range g.members {
		if r != s {
			d.review(r)
		}
	}
}

// Spare has a replica serve on that is being made master and may say so before the table does:
// its data are the best there are, and it may be the only reader left. It lasts until the next
// table.
func (d *Detector) Spare(id int32) {
	if s := d.servers[id]; s != nil {
		s.heir = true
	}
}

// Settle says that it has been found out who is master of a group, or that this cannot be told.
func (d *Detector) Settle(group int) {
	if group >= 0 && group < len(d.groups) {
		d.groups[group].unsettled = false
	}
}

// review applies what newer evidence of the master means for a replica.
func (d *Detector) review(s *server) {
	if !s.answered {
		return
	}
	d.cover(s, s.covered())
	if s.group.kin(s.repl.ID) {
		s.strangerAt = 0
	}
	settled := s.state == Out || s.state == Warming
	if !settled && (s.linkDownAt != 0 || s.reason.askMaster()) {
		d.apply(s, d.judgeReplica(s))
	}
}

// replicaProbed takes what a probe of any other member brought.
func (d *Detector) replicaProbed(s *server, ev Event) {
	if ev.Fault != vital.FaultNone {
		s.measured = false
		d.cover(s, 0)
		d.apply(s, judgeFault(ev.Fault))
		return
	}
	v := d.judgeReplica(s)
	d.apply(s, v)
	d.cover(s, s.covered())
	if v.weight == doubted && v.reason.askMaster() && s.group.master != nil {
		d.ask(s.group.master)
	}
}

// covered returns up to when s has every acknowledged write, 0 when that is not known.
func (s *server) covered() int64 {
	if !s.answered || s.lostAt != 0 || !s.repl.Replica || s.repl.Syncing {
		return 0
	}
	return s.group.samples.covered(s.repl.ID, s.repl.Offset)
}

// cover has the driver publish a covered time, when it is another one.
func (d *Detector) cover(s *server, at int64) {
	if at != s.coveredAt {
		s.coveredAt = at
		d.act(Action{Kind: SetCovered, Server: s.id, At: at})
	}
}

// ask has s probed as soon as the fast interval allows, after any probe that is out now:
// what is wanted is an answer newer than this moment.
func (d *Detector) ask(s *server) {
	if s.flying {
		s.again = true
		return
	}
	s.dueAt = min(s.dueAt, max(d.now, s.sentAt+d.limits.FastInterval))
}

// apply moves s as the verdict says, counting towards what makes a good one proven and a
// doubtful one certain.
func (d *Detector) apply(s *server, v verdict) {
	if (v.reason == ReasonRole || v.reason == ReasonWrongMaster) && s.group.unsettled && s.state == Unknown {
		return // it is not as the table has it, or whoever decides, which is about to be put right
	}
	switch {
	case v.weight == good:
		s.goods, s.doubts, s.exchanged = s.goods+1, 0, false
		if d.mayEnter(s) {
			v.weight = proven
		}
	case v.weight == doubted && !v.reason.askMaster():
		s.goods, s.doubts = 0, s.doubts+1
		if s.doubts > 1 {
			v.weight = condemned
		}
	default:
		s.goods, s.doubts = 0, 0
	}
	from, changed := s.on(v.weight, v.reason)
	if changed {
		d.moved(s, from)
	}
}

// mayEnter tells whether the good probes so far are enough. The hold of a flapping server is
// waived while its master is not well: better a doubtful reader than none.
func (d *Detector) mayEnter(s *server) bool {
	if s.state != Out && s.state != Warming {
		return true
	}
	m := s.group.master
	held := d.now < s.holdUntil && m != nil && m.state == In
	return s.goods >= d.limits.Rejoin && !held
}

// moved does what a change of state entails: the hold of a flapping server, and the report.
func (d *Detector) moved(s *server, from State) {
	s.since = d.now
	switch {
	case s.state == In && (from == Out || from == Warming):
		s.returnedAt = d.now
	case s.state == Out && (from == In || from == Suspect):
		s.hold = s.nextHold(d.now)
		s.holdUntil = d.now + s.hold
	}
	d.act(Action{Kind: Report, Server: s.id, Transition: Transition{
		At: d.now, What: "server state", Group: s.group.name, Addr: s.addr,
		From: from, To: s.state, Reason: s.reason, Cause: s.cause,
	}})
}

// nextHold returns how long a server that goes out now has to stay: not at all, unless it came
// back only just now, and then twice as long as the last time.
func (s *server) nextHold(now int64) int64 {
	if s.returnedAt == 0 || now-s.returnedAt >= flapWindow {
		return 0
	}
	return min(max(2*s.hold, holdFirst), holdMost)
}

// regroup works out who may serve the group's reads, and has it published if that is news.
func (d *Detector) regroup(g *group) {
	readers := g.wellReaders()
	if len(readers) == 0 && (g.master == nil || g.master.state != In) {
		readers = g.lastResort()
	}
	if slices.Equal(readers, g.readers) {
		return
	}
	g.readers = readers
	d.act(Action{Kind: SetReaders, Group: g.index, IDs: slices.Clone(readers)})
}

// wellReaders returns those of whom nothing bad is known. One whose links broke may have been
// started anew without its data, which only a probe that was sent since can tell; and of another process
// than it was the data may be anybody's as long as that waits for the master's word.
func (g *group) wellReaders() []int32 {
	var ids []int32
	for _, s := range g.members {
		if s != g.master && !g.foreign(&s.repl) && s.lostAt == 0 && (s.state == In || s.state == Suspect && s.reason.askMaster() && !s.exchanged) {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// lastResort returns those that are merely in doubt, or whose links broke.
func (g *group) lastResort() []int32 {
	var ids []int32
	for _, s := range g.members {
		if s != g.master && !g.foreign(&s.repl) && (s.state == Suspect && !s.exchanged || s.state == In && s.lostAt != 0) {
			ids = append(ids, s.id)
		}
	}
	return ids
}
