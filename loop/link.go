package loop

import (
	"strconv"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
	"huntaway/loop/scripts"
	"huntaway/perf"
	"huntaway/shard"
)

// A link is one connection to one server, shared by many sessions of its worker.
//
// Owner: the worker. Its dialer runs elsewhere and comes back by a posted task.
//
// Invariants:
//  1. The queue's log holds the frames of its FIFO's entries, whole and in order; log[:sent] was
//     given to the connection, log[sent:] was not and so cannot have been executed.
//  2. A reply belongs to the oldest entry. Bytes without an entry mean that the two sides
//     disagree, and the link is closed before anybody gets a wrong answer.
//  3. expired entries at the front of the FIFO are sinks.
type link struct {
	// Fixed when made.
	w      *worker
	pw     *poolWorker
	server shard.Server // as it was when the link was made
	count  *perf.ServerCounters
	kind   linkKind

	// Owned by the worker.
	conn    netio.Conn // nil unless there is a connection
	state   linkState
	queue   linkQueue
	coming  incoming
	led     leading
	shake   shaking
	role    roleSaid
	listed  linkLists
	trips   tripTimes
	health  linkHealth
	redial  redialing
	canary  canary
	loaded  *scripts.Loaded // the scripts that it has loaded; nil: none
	charged int64           // bytes that it held for nobody when that was last counted
	lease   leasing
}

// A linkKind is what a link is for.
type linkKind struct {
	dialect   dialect
	home      *linkSet // whose it is; nil: a private one's
	nth       int      // which of the link set's to the server
	private   bool     // lent to one session at a time, see private
	aside     bool     // carries only what goes round the others: what it costs, and that it is silent, is of no interest
	inCluster bool     // the server is one of a Redis Cluster, see doubted
	wholly    bool     // is of no use before the server takes everything: see bears
	unlisted  bool     // its link set is closed: what it would cost is of no interest
}

// A linkQueue is what the server has yet to answer, and who waits for room in it. Its invariants are the link's.
type linkQueue struct {
	fifo    memory.Ring[entry]
	log     memory.FrameLog
	base    int                // bytes of log that were answered
	sent    int                // bytes of log that were given to the connection
	expired int                // sinks at the front of the FIFO
	written memory.Ring[stamp] // when what is in flight was written
	laden   bool               // large replies are owed on it, see lade
	ladenTo uint32             // up to that position in the FIFO
	waiters []waiter           // sessions stopped because it is too long
}

// An incoming is what has come of a reply that is not complete.
type incoming struct {
	scan      codec.ReplyScanner
	partial   memory.Intake // the beginning of a reply that cannot be passed on yet
	flowed    int           // bytes of it that have come
	flows     bool          // it is passed on piece by piece
	pushing   bool          // it is a push frame, see pushed
	hearsPush bool          // and there is somebody for it
	unasked   unasked
}

// A leading is the replies of the oldest entry that come before the one that is its answer.
type leading struct {
	all  int         // how many, where it has mostLeads or more; 0: not counted yet
	n    int         // how many were swallowed
	code refusalCode // what the last error among them says; 0: nothing about the server
	text string      // the first error among them; "": there was none
}

// A shaking is how a link begins: what its handshake has yet to hear, and what it has learnt.
type shaking struct {
	steps   []greetStep
	greets  int    // replies of it still to come
	again   bool   // the one that is under way has to be repeated
	process string // which one the server has said it is, its run_id; "": it was not asked, or has not said, see recognises
	noEcho  bool   // its server does not answer canaries, see probe
	moved   bool   // its connection is to be renewed, see renew
	words   []byte // those of a server that is too busy to let us in; nil: it is not
	why     *fault // as which it turned us away the last time; nil: it did not
}

// A roleSaid is as what a Redis Cluster node answers, see suit.
type roleSaid struct {
	asReplica bool   // what is sent next, as a replica
	at        uint32 // the position in the FIFO of what said so, or took it back
}

// A linkLists says on which of the worker's lists a link is.
type linkLists struct {
	pressed bool // flushing.pressed
	queued  bool // flushing.queued
	unloads bool // unloads.now
}

// A tripTimes is how long requests are under way.
type tripTimes struct {
	distance  int64 // what the network takes of every trip, as seen when it was dialed, ns
	latency   int64 // moving average of the time from write to reply, ns
	entry     int32 // requests with which sessions begin on the link, see delay.go
	delayedAt int64 // when a trip was last seen not to be short, or entry was last doubled
}

// A linkHealth is what a link knows of whether its server answers, and takes requests.
type linkHealth struct {
	heard     int64 // when bytes last came, or the first request went out after silence
	stalled   int64 // what heard was when the last stall was reported
	progress  progress
	occupied  bool  // its server has been silent over a script, see lookOccupied
	refusedAt int64 // when its server was last noted to refuse writes; 0: never
	refusals  int   // writes refused since that was noted
	takenAt   int64 // when it was last looked at whether that is over; 0: never
	strayed   int64 // when its server was last out of step; 0: never
	downAt    int64 // since when it cannot carry requests; 0 while it can
	avoided   int64 // until when no read is sent here: the server said it is not ready, or is silent
	remindAt  int64 // when the first read that was diverted to it must be answered; 0: none was
}

// A redialing is when a link may be dialed again.
type redialing struct {
	at     int64
	pause  int64 // how long it rests after the next failure
	backAt int64 // when it was last dialed at once after it was lost; 0 if never
}

// A leasing is what only private links have.
type leasing struct {
	lendable bool // was made to be lent, and counts in Engine.private
	lent     bool
	trial    bool     // is being dialed, and counted in a backoff
	loan     loan     // while it is lent
	borrower waiter   // the session it is lent to
	apart    bool     // carries what any link could, for one session, see poolWorker.ownLink
	dammed   bool     // is not read from, because the session it is lent to is behind
	dropped  bool     // is being closed by us
	patient  bool     // may take any time to answer
	hunted   int      // CLIENT UNBLOCKs for it that its server has not answered
	tainted  bool     // has carried what isGuarded is about: nobody else may read there
	number   int64    // what the server's CLIENT ID says of it; 0: not asked yet
	tap      tap      // gets every reply instead of the FIFO's entries
	later    deferral // what it has put off
	tapLost  func()   // called once when the connection is gone, unless it was discarded
}

// A waiter names a session that may be gone by the time it is looked for.
type waiter struct{ session, gen uint32 }

// A stamp says when every entry before a FIFO position had been written, and how many bytes
// the link had moved by then.
type stamp struct {
	upTo  uint32
	at    int64
	moved int64
}

// linkState is where a link is in its life.
//
//	           needed    dialed    greeted   failed    rested    retired   returned
//	idle       dialing   -         -         -         -         closed    -
//	dialing    -         greeting  -         cooling   -         closed    -
//	greeting   -         -         ready     cooling   -         closed    -
//	ready      -         -         -         cooling   -         leaving   -
//	cooling    -         -         -         cooling   idle      closed    -
//	leaving    -         -         -         closed    closed    leaving   ready
//	closed     -         -         -         closed    -         closed    idle
//
// failed: the dial failed, or the connection was lost or given up. rested: the pause after
// a failure is over, or (leaving) the last reply has come. retired: the server has left the
// table. returned: it is in the table again.
//
// A "-" cannot happen.
type linkState uint8

const (
	linkIdle linkState = iota
	linkDialing
	linkGreeting
	linkReady
	linkCooling
	linkLeaving
	linkClosed
	never linkState = 255
)

// linkEvent is what happens to a link.
type linkEvent uint8

const (
	evNeeded linkEvent = iota
	evDialed
	evGreeted
	evFailed
	evRested
	evRetired
	evReturned
)

// linkNext is the table in linkState's comment; TestLinkTable compares them.
var linkNext = [...][7]linkState{
	linkIdle:     {linkDialing, never, never, never, never, linkClosed, never},
	linkDialing:  {never, linkGreeting, never, linkCooling, never, linkClosed, never},
	linkGreeting: {never, never, linkReady, linkCooling, never, linkClosed, never},
	linkReady:    {never, never, never, linkCooling, never, linkLeaving, never},
	linkCooling:  {never, never, never, linkCooling, linkIdle, linkClosed, never},
	linkLeaving:  {never, never, never, linkClosed, linkClosed, linkLeaving, linkReady},
	linkClosed:   {never, never, never, linkClosed, never, linkClosed, linkIdle},
}

// on is the only place where a link changes state.
func (l *link) on(ev linkEvent) {
	next := linkNext[l.state][ev]
	if next == never {
		l.w.bug("link: event in a state where it cannot happen", "state", l.state, "event", ev)
		return
	}
	l.state = next
}

// newLink makes a link to a server; it is dialed when somebody needs it.
func newLink(pw *poolWorker, server *shard.Server, c dialect) *link {
	l := &link{w: pw.w, pw: pw, kind: linkKind{dialect: c}, server: *server, count: pw.servers[server.ID], trips: tripTimes{entry: anyEntry}}
	l.coming.scan.RESP3 = c.resp == 3
	l.kind.inCluster = pw.opt.cluster
	return l
}

// usable reports whether requests may be given to it: it is connected, or it is about to
// be and has not failed to since it last was.
func (l *link) usable() bool {
	switch l.state {
	case linkReady:
		return true
	case linkIdle, linkDialing, linkGreeting, linkCooling:
		return l.health.downAt == 0
	}
	return false
}

// returns reports whether the link was lost and is about to be there again. Reads that others may
// serve do not wait for it.
func (l *link) returns() bool { return l.redial.backAt != 0 && l.state != linkReady && l.usable() }

// busy reports whether something is in flight or waiting.
func (l *link) busy() bool { return l.queue.fifo.Len() > 0 }

// warm dials an idle link.
func (l *link) warm() {
	if l.state == linkIdle {
		l.on(evNeeded)
		l.w.engine.dial(l)
	}
}

// send takes a request: its frame is copied into the log and e into the FIFO. It goes out
// at the end of this event when the link is idle, with the next posted flush when it is not.
func (l *link) send(frame []byte, e *entry) {
	if l.state == linkIdle {
		l.warm()
	}
	if l.kind.inCluster && !e.marks.has(anyMode) {
		l.suit(e.marks.has(asReplica))
	}
	if l.queue.fifo.Len() == 0 {
		l.health.heard = l.w.now
	}
	if l.state == linkReady {
		l.press()
	}
	if l.canary.owed || e.marks.has(guarded) {
		l.beforeGuarded(e)
	}
	if where, is := l.w.arena.StretchOf(frame); is {
		l.queue.log.Refer(where, l.queue.fifo.Behind())
	} else {
		l.queue.log.Add(frame)
	}
	last := l.queue.fifo.Next()
	*last = *e
	last.size = uint32(len(frame))
	l.count.Requests++
	l.count.RequestBytes += uint64(len(frame))
}

// press sees to it that the link is written: at the end of this event when it is idle and
// this event is alone in its turn, because then nothing is likely to come along; otherwise
// with the posted flush, together with what the other clients of the turn want from the
// server.
func (l *link) press() {
	l.w.feeding()
	switch {
	case l.listed.queued || l.listed.pressed:
	case l.queue.fifo.Len() == 0 && l.w.alone():
		l.listed.pressed = true
		l.w.flushes.pressed = append(l.w.flushes.pressed, l)
	default:
		l.listed.queued = true
		l.w.flushes.queued = append(l.w.flushes.queued, l)
	}
}

// unsent returns the bytes that are waiting here.
func (l *link) unsent() int {
	n := l.queue.log.Len() - l.queue.sent
	if l.conn != nil {
		n += l.conn.Backlog()
	}
	return n
}

// flush writes what is waiting, with one system call. What does not fit in the kernel's
// buffer stays in the log, where it counts as not sent.
func (l *link) flush() {
	l.listed.pressed, l.listed.queued = false, false
	if l.conn == nil || l.state != linkReady && l.state != linkLeaving || l.queue.sent == l.queue.log.Len() {
		return // without a connection it was lost in this event, and is about to be cleaned up
	}
	if l.shake.moved && !l.kind.private {
		l.renew()
		return // what is unsent goes over the new connection
	}
	if l.conn.Backlog() > handOver {
		return // the tick and the next reply come back to it
	}
	if l.canary.owed {
		l.guard()
	}
	if l.queue.fifo.Behind()-l.canary.from >= canaryEvery {
		l.singSooner()
	}
	end, upTo := l.mayWrite()
	for l.conn != nil && l.queue.sent < end && l.conn.Backlog() <= handOver {
		l.writeNext(end, upTo)
	}
	l.relieve()
}

// writeNext writes what is waiting up to a large request, or that. end and upTo are of mayWrite.
func (l *link) writeNext(end int, upTo uint32) {
	b, large, upTo := l.queue.log.Next(l.queue.sent, end, upTo)
	l.queue.written.Push(stamp{upTo, perf.Now(), l.carried()})
	n := len(b) + large.Len()
	l.queue.sent += n
	l.health.progress.given += int64(n)
	if !large.Is() {
		l.conn.Write(b)
		return
	}
	if l.conn.WriteStretch(large) {
		l.unloadMore()
	}
}

// crowded makes s wait when the queue is too long.
func (l *link) crowded(s *session) {
	if int64(l.queue.log.Len()-l.queue.sent) < l.pw.opt.Limits.LinkQueueBytes || s.stops&stopLink != 0 {
		return
	}
	s.stop(stopLink)
	l.queue.waiters = append(l.queue.waiters, waiter{s.index, s.gen})
}

// relieve lets the waiting sessions go on when the queue is short enough.
func (l *link) relieve() {
	if len(l.queue.waiters) == 0 || int64(l.unsent()) > l.pw.opt.Limits.LinkQueueBytes/2 {
		return
	}
	for _, r := range l.queue.waiters {
		if s := l.w.registry.sessions[r.session]; s != nil && s.gen == r.gen {
			s.release(stopLink)
		}
	}
	l.queue.waiters = l.queue.waiters[:0]
}

// ready begins to carry requests.
func (l *link) ready() {
	l.welcome()
	if l.health.strayed == 0 || l.w.now-l.health.strayed > int64(strayTime) {
		l.redial.pause = 0
	}
	l.health.downAt, l.shake.moved, l.shake.words, l.shake.why = 0, false, nil, nil
	l.rate()
	l.w.engine.report.LinkUp(l.pw.opt.Name, l.server.ID)
	if l.queue.sent < l.queue.log.Len() {
		l.listed.queued = true
		l.flush()
	}
	l.pw.letIn(l)
	if !l.kind.private {
		l.pw.linkReady(l)
	}
	if l.isRelief() {
		l.kind.home.home.made(l.server.ID, l.kind.nth).moveOthers()
	}
}

// rate publishes what a read would cost here.
func (l *link) rate() {
	if l.kind.private || l.kind.unlisted || l.kind.aside {
		return
	}
	cost := &l.pw.cost[l.server.ID]
	switch {
	case !l.usable() || l.health.avoided > l.w.now || l.returns():
		*cost = shard.Unusable
	default:
		*cost = uint64(max(l.trips.latency, 1)) * uint64(l.queue.fifo.Len()+1)
	}
}

// retire lets the link finish and go.
func (l *link) retire() {
	was := l.state
	l.on(evRetired)
	l.rate()
	switch {
	case was == linkReady && !l.busy():
		l.on(evRested)
		l.conn.Close()
	case was == linkReady || was == linkLeaving:
	default:
		l.settleAll(faultConnect)
		if l.conn != nil {
			l.conn.Close()
		}
	}
}

// comeIn takes a link into use again whose server is in the table again. What had happened to
// it before it left is forgotten: it would never be dialed if it counted as down.
func (l *link) comeIn() {
	l.on(evReturned)
	if l.state == linkIdle {
		l.health.downAt, l.redial.pause = 0, 0
	}
	l.rate()
}

// decimal formats n.
func decimal(n int) string { return strconv.Itoa(n) }
