package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
	"huntaway/perf"
)

// A session is one client connection and its reply order.
//
// Owner: the worker. It is made by an acceptor and handed over when it is enrolled.
//
// Invariants:
//  1. Replies leave in the order of the window's slots, and a slot that was said is gone.
//  2. output.run aliases memory of the current event; end leaves it empty.
//  3. While input.tail is not nil every byte that arrives goes behind it.
type session struct {
	// Fixed when opened.
	w      *worker
	pw     *poolWorker
	index  uint32 // in the worker's registry
	gen    uint32 // of that index
	client clientInfo

	// Owned by the worker.
	conn    netio.Conn // nil once the connection is lost
	window  memory.Ring[slot]
	output  output
	input   input
	proto   protocol
	auth    auth
	pace    pacing
	account account
	writes  writing
	state   sessionState
	ending  ending       // why it ends, for counters
	stops   stops        // why it takes no more requests
	mode    mode         // what is unusual about it
	excused bool         // it has waited for feeds: its request may publish
	tx      *transaction // since MULTI or WATCH; nil otherwise
	medley  *medley      // in modeMedley: the EXEC that it waits for
	pin     *link        // the private link it holds, for a WATCH or while it is blocked
	sub     *subscriber  // what it is subscribed to; nil for nothing
}

// A clientInfo is what is known of a client besides what it asks.
type clientInfo struct {
	id    uint64 // what CLIENT ID says; unique in the process's life
	since int64  // when it was opened
	peer  string // its address, for CLIENT LIST
	here  string // ours
	from  string // what host returns; "": not asked yet
	name  string
	lib   [2]string // CLIENT SETINFO: LIB-NAME, LIB-VER
}

// An output is what a session has yet to say, in this order: first, run, rest. What came before its turn is parked.
type output struct {
	first      memory.Buffer // what to write first
	run        []byte        // what to write after it, aliasing the read buffer of a link
	rest       remainder     // what to write behind run
	drains     bool          // which goes on in the next turn
	parked     memory.Buffer // replies that came early
	parkedLive int           // bytes of it that are still to be said
	early      []early       // large ones, which lie elsewhere
	earlyLive  int           // bytes of those
	batch      uint64        // of the messages that it was last handed some of, and gets with others; see feed
	touched    bool          // is on ready.touched
	saving     bool          // is on flushing.saving
	isSlow     bool          // is on ready.slow
	softSince  int64         // since when it is over the soft limit and nothing is read; 0 if it is not
	taken      uint64        // bytes its client had taken then
}

// An input is what has come and is not answered or sent on yet.
type input struct {
	tail       *tail     // bytes that came and cannot be used yet
	unfinished piecework // what is done with the first request of it; nil: nothing yet
	surveyed   *survey   // of the request that is being admitted; nil: it was none
	aside      bool      // the request being admitted must wait until it is alone
	hungry     bool      // is on ready.hungry
	parted     bool      // its client has closed its half
}

// A protocol is how a session is spoken to.
type protocol struct {
	linkSet *linkSet // the links that speak its protocol and see its database
	resp    uint8    // 2 or 3: as it chose with HELLO
	silence silence
	skipped uint16 // the slot, cut short, that a SKIP is for
}

// An auth is how far a client has proved who it is.
type auth struct {
	passed bool
	tries  uint8 // wrong passwords so far
	since  int64 // since when it has to
	turn   int64 // when the password it waits with is looked at; 0: it waits with none
}

// A pacing is how much a session may have in flight, see weigh and delay.go.
type pacing struct {
	allowed    int   // requests, for the size of their replies
	largest    int   // the largest reply since that was last changed; 0: none worth weighing
	width      int32 // and for the time that they take, and their size
	bulkiest   int32 // the largest request since that was last changed, up to askedBytes
	narrowedAt int64 // when it was last narrowed
	delayed    bool  // a trip since width was last changed was not short
	calm       uint8 // small replies in a row while it stands apart
	lease      *link // the private link for its large replies while it stands apart
	leaseAfter int64 // when it may borrow a link after one has failed
}

// An account is what a session has cost.
type account struct {
	effort   effort // the work that it makes, see spend
	charged  int64  // bytes it held when that was last counted, while it is on budget.burdens
	foreseen int64  // bytes that it is about to hold besides
	burdens  bool   // is on budget.burdens
	lastCmd  uint16 // ID of the command it gave last
	active   int64  // when bytes last came or went
	requests uint64
	bytesIn  uint64
	bytesOut uint64
}

// A writing is what is under way of a session's writes, for reads that have to see them.
type writing struct {
	inFlight int32
	held     int32 // requests that wait in a hold
	answered int64 // when the last one was
}

// sessionState is where a session is in its life.
//
//	           opened    said     lost     drained
//	arriving   open      -        gone     -
//	open       -         closing  gone     -
//	closing    -         -        gone     gone
//
// opened: the event loop has it. said: the last word is chosen (QUIT, a protocol error,
// shutting down): nothing more is read. lost: the connection is gone. drained: everything
// that was owed has been written.
type sessionState uint8

const (
	sessionArriving sessionState = iota
	sessionOpen
	sessionClosing
	sessionGone
)

// stops are reasons for a session not to take requests. It reads again when none is left.
type stops uint16

const (
	stopWindow  stops = 1 << iota // too many requests in flight
	stopOutput                    // its replies are not being read
	stopLink                      // a server's queue is full
	stopClosing                   // the last word is said
	stopAlone                     // a request waits for what came before it, or what came after waits for it
	stopPause                     // CLIENT PAUSE
	stopParted                    // our half of the connection is closed, see part
	stopTurn                      // what came so far was work enough for one event, see spend
	stopGather                    // every worker is being asked for what one request wants
	stopOrder                     // an order of very many names is being read, see pendingOrder
	stopFeeds                     // it may publish, and feeds lag, see waitsForFeeds
)

// stopsBriefly are reasons that are our own. Reading is not suspended at once for them: most
// are over by the end of the event, or leave room for what comes meanwhile.
const stopsBriefly = stopAlone | stopTurn | stopGather | stopOrder | stopFeeds

// ending is why a session ended.
type ending uint8

const (
	endPeer ending = iota
	endError
	endProtocol
	endIdle
	endOutput
	endAuth
	endDrain
	endQuit
	endKilled
	endMemory
)

// readable takes what has arrived as far as it will go. in is dead when it returns.
func (s *session) readable(in []byte) {
	s.account.active = s.w.now
	s.account.bytesIn += uint64(len(in))
	if s.state != sessionOpen {
		return
	}
	if s.stops&stopOutput != 0 {
		s.overLimit() // that bytes come may mean that the backlog has drained
	}
	if s.input.tail != nil {
		if s.keepMore(in) {
			s.takeTail()
		}
		s.stayStopped()
		return
	}
	var scan codec.Scanner
	used := s.take(in, &scan, &s.w.pad.req)
	if used < len(in) && s.state == sessionOpen {
		s.keep(in[used:], scan)
	}
	s.stayStopped()
}

// stayStopped suspends reading anew, which gnet resumes on its own when a backlog has
// drained, or reads on where the session may. Where reading cannot be suspended at all, who
// sends on regardless is cut off.
func (s *session) stayStopped() {
	switch {
	case s.stops == 0 || s.conn == nil:
		return
	case s.stops == stopAlone && (s.input.tail == nil || s.input.tail.buf.Len()-s.input.tail.used < mostAside):
		s.conn.Resume() // it reads on, so that a client that goes away while it is blocked is noticed
		return
	case s.stops == stopAlone && s.blocked() != nil, s.stops&^stopsBriefly == 0 && s.isJoining():
		s.conn.Await() // for the same reason
	default:
		s.conn.Pause()
	}
	if s.input.tail != nil && int64(s.input.tail.buf.Len()-s.input.tail.used) > s.pw.opt.Limits.RequestBytes {
		s.cutOff(endOutput)
	}
}

// take admits the complete requests in buf and returns how many bytes they took.
func (s *session) take(buf []byte, scan *codec.Scanner, req *codec.Request) (used int) {
	if s.input.unfinished != nil && s.stops == 0 {
		req.Move(buf)
		if done := s.workOnIt(req); !done || s.input.aside {
			s.input.aside = false
			return 0
		}
		used = len(req.Frame)
		s.mayGoOn()
	}
	for used < len(buf) && s.stops == 0 && s.conn != nil {
		n, err := scan.Next(buf[used:], req, s.limits())
		if err == codec.ErrShort {
			break
		}
		if err != nil {
			s.garbled(err.(*codec.SyntaxError))
			return len(buf)
		}
		s.admit(req)
		if s.input.aside {
			s.input.aside = false
			break // it stays where it is, and is admitted again when it is alone
		}
		if s.input.unfinished != nil {
			break // it stays where it is
		}
		used += n
	}
	return used
}

// limits returns what a request of this client may be.
func (s *session) limits() *codec.Limits {
	if s.auth.passed {
		return &s.pw.opt.limits
	}
	return &s.pw.opt.strange
}

// stop makes the session take no more requests for the reason given.
func (s *session) stop(why stops) {
	if s.stops&^stopsBriefly == 0 && why&stopsBriefly == 0 && s.conn != nil {
		s.conn.Pause()
		s.pw.counters.Paused++
	}
	s.stops |= why
}

// release takes a reason away; without any left the session goes on at the end of the event.
func (s *session) release(why stops) {
	if s.stops&why == 0 {
		return
	}
	s.stops &^= why
	if why == stopAlone {
		s.unblocked()
	}
	if s.stops == 0 && !s.input.hungry {
		s.input.hungry = true
		s.w.ready.hungry = append(s.w.ready.hungry, s)
	}
}

// goOn takes what was kept, and reads again when that did not stop the session anew.
func (s *session) goOn() {
	s.input.hungry = false
	if s.state != sessionOpen || s.stops != 0 {
		return
	}
	if s.input.tail != nil {
		s.input.tail.born = s.w.now // the wait was ours, see dawdles
		s.takeTail()
	}
	switch {
	case s.stops != 0 || s.conn == nil:
		s.stayStopped() // in another way than before, perhaps
		if s.w.drains.on {
			s.stopWaiting()
		}
	case s.input.parted:
		s.lastWord(endPeer) // that was all it had sent
	default:
		s.conn.Resume()
		if s.w.drains.on {
			s.depart()
		}
	}
}

// open takes the connection over from the acceptor.
func (s *session) open(c netio.Conn) {
	s.conn = c
	s.state = sessionOpen
	s.client.since, s.account.active = s.w.now, s.w.now
	s.pace.allowed = min(firstAllowed, s.pw.opt.Limits.Pipeline)
	s.pace.width, s.pace.narrowedAt = int32(s.pace.allowed), s.w.now
	s.proto.resp, s.proto.linkSet = 2, s.pw.plain
	s.proto.linkSet.users++
	s.client.peer, s.client.here = c.Addresses()
	s.estrange()
	if s.pw.paused() {
		s.mode |= modePaused
	}
	s.w.enter(s)
	s.pw.counters.ClientConnections++
	s.pw.counters.Accepted++
}

// estrange makes the session one that has yet to authenticate, where a password is asked. The
// time for that begins once: who has never authenticated does not gain any by RESET.
func (s *session) estrange() {
	if s.auth.passed || s.auth.since == 0 {
		s.auth.since = s.w.now
	}
	s.auth.passed = s.pw.opt.Password == ""
}

// garbled ends a session whose input is not RESP: what is owed, the error, and nothing more.
func (s *session) garbled(e *codec.SyntaxError) {
	if e.Text == "" {
		s.ending = endProtocol
		s.hangUp()
		return
	}
	s.refuseWith(codec.AppendError(s.w.pad.scratch[:0], "ERR "+e.Text))
	s.lastWord(endProtocol)
}

// lastWord lets what is owed be written and closes then.
func (s *session) lastWord(why ending) {
	if s.state != sessionOpen {
		return
	}
	s.state = sessionClosing
	s.ending = why
	s.stop(stopClosing)
	s.dropTail()
	s.w.touch(s)
}

// hangUp closes at once.
func (s *session) hangUp() {
	if s.conn != nil {
		s.conn.Close()
	}
}

// lost is called when the connection has gone, possibly from inside one of its writes:
// from here on the connection belongs to nobody. A client that closed only its half still gets
// the replies it is owed, but is not waited for at a server: Redis does not either.
func (s *session) lost(cause error, polite bool) {
	old := s.conn
	s.conn = nil
	owed := s.owed() || old.Backlog() > 0
	if polite && s.state == sessionOpen && owed && s.blocked() == nil && !s.isJoining() {
		if last := old.Linger(); last != nil {
			s.conn = last
			s.input.parted = true
			s.w.burden(s, 0)
			s.w.touch(s)
			if s.stops == 0 {
				s.lastWord(endPeer)
			}
			return
		}
	}
	s.w.ready.buried = append(s.w.ready.buried, func() { s.gone(cause) })
}

// owed reports whether replies are to come, or requests wait for their turn.
func (s *session) owed() bool {
	return s.window.Len() > 0 || s.says() || s.input.tail != nil && s.stops != 0
}

// gone cleans up after the connection. Entries that name the session find nobody from now
// on; requests of its that were not sent yet are never sent.
func (s *session) gone(cause error) {
	if s.state == sessionGone {
		return
	}
	s.count(cause)
	s.state = sessionGone
	s.proto.linkSet.leave()
	s.w.leave(s)
	s.releaseJoins()
	s.leaveModes()
	s.dropTail()
	s.output.run = nil
	s.dropRemainder()
	s.output.first.Release()
	s.output.parked.Release()
	s.dropEarly()
	s.window = memory.Ring[slot]{}
	s.w.gauges.load.Add(-1)
	s.pw.pool.clients.Add(-1)
	s.pw.pool.engine.clients.Add(-1)
	s.pw.counters.ClientConnections--
}

// count books the end under its cause and logs the session's life in one line.
func (s *session) count(cause error) {
	c := &s.pw.counters
	switch s.ending {
	case endPeer:
		if cause == nil {
			c.ClientEOF++
		} else {
			c.ClientErr++
		}
	case endProtocol:
		c.ClosedProtocol++
	case endIdle:
		c.ClosedIdle++
	case endOutput:
		c.ClosedOutput++
	case endMemory:
		c.ClosedMemory++
	case endAuth:
		c.ClosedAuth++
	case endDrain:
		c.ClosedDrain++
	}
	s.w.log.Debug("session ended", "session", s.client.id, "peer", s.client.peer, "pool", s.pw.opt.Name,
		"requests", s.account.requests, "in", s.account.bytesIn, "out", s.account.bytesOut,
		"age", age(perf.Now()-s.client.since), "why", endingNames[s.ending], "cause", cause)
}

var endingNames = [...]string{
	endPeer: "closed by peer", endError: "error", endProtocol: "protocol error", endIdle: "idle",
	endOutput: "did not read its replies", endAuth: "not authenticated", endDrain: "shutting down",
	endQuit: "quit", endKilled: "killed", endMemory: "held most of max_memory",
}
