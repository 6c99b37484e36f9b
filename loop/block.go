package loop

import (
	"cmp"
	"strconv"
	"time"

	"huntaway/codec"
)

// Texts of Redis for commands that wait.
const (
	textFullyBlocked = "ERR max number of blocked clients reached, see limits.private_links and links_per_address"
	textUnblocked    = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
)

// A blocked is what the worker keeps of a session while a command of its waits: at the
// server, on a private link; for a master to wait at; or, with a quorum, for replicas.
// Owner: the worker.
//
// Invariants:
//  1. The session is alone: its window holds the slot of this request and no other, and
//     what it sends meanwhile stays in its tail.
//  2. A link that is not the session's pin is lent to it for as long as this exists.
type blocked struct {
	s         *session
	e         entry     // the request
	link      *link     // where it waits; nil while there is no server to wait at
	waitLimit int64     // how long a server may take to answer; 0: for ever
	deadline  int64     // when the link is given up; 0: never
	held      []byte    // the request, while it has no link
	why       *fault    // why it has none
	doubt     *fault    // why a server may have executed it before; nil: none has
	since     int64     // when it was given its link last
	lostAt    int64     // since when it has none
	timed     int64     // as of when the time in the request is right; 0: when it came
	retryAt   int64     // when a master is looked for again
	pause     int64     // how long to wait after that
	asks      []unblock // CLIENT UNBLOCKs that have no answer yet
	spent     bool      // the server is about to close the link
	called    string    // as what a client, or a process that goes down, wants the wait to end; "": nobody does
	leaving   bool      // it is the process that has called, and the session ends with the wait
	recalled  *link     // where we have asked for its end, to wait elsewhere, see wakeDisplaced
	quorum    *quorum   // what WAIT waits for; nil for all others
	hops      int       // how often a cluster has sent it elsewhere without a pause
	line      *backoff  // in whose line it waits for a link, while it has none; nil: in none
	counted   bool      // among the blocked clients of INFO: it has come to a server
}

// How a blocked session without a server looks for one, and how large a request is copied
// for that: waiting needs no large arguments.
const (
	firstSeek = 50 * time.Millisecond
	lastSeek  = 500 * time.Millisecond
	mostSeek  = 64 << 10
)

// frameNumber asks a server for its own number of the link, which CLIENT UNBLOCK takes.
var frameNumber = codec.AppendCommand(nil, "CLIENT", "ID")

// block serves a command that may wait at the server. It waits on a link that is lent to
// the session alone, and whatever the client says later waits behind it.
func (s *session) block(cmd *codec.Command, r *codec.Request) {
	switch {
	case s.stepAside(r):
		return
	case s.input.parted:
		s.lastWord(endPeer) // a client that is gone is not waited for
		return
	case cmd.Name == "wait":
		s.wait(cmd, r)
		return
	case cmd.Name == "waitaof":
		s.refuse(textNoWaitAOF)
		return
	}
	group, text := s.blockGroup(cmd, r)
	if text != "" {
		s.refuse(text)
		return
	}
	b := s.blockOn(cmd, group)
	b.waitLimit = s.pw.waitLimit(cmd, r)
	switch {
	case group >= 0:
	case s.pw.table.Slotted():
		s.pw.putOffBlocked(b, append([]byte(nil), r.Frame...), faultUnowned)
		return
	default:
		s.w.fail(&b.e, faultNoGroup, nil)
		return
	}
	s.pw.attend(b, r.Frame)
}

// blockGroup returns the group that all keys of a request are of, or the error when there
// is none.
func (s *session) blockGroup(cmd *codec.Command, r *codec.Request) (group int, text string) {
	keys, err := s.keysOf(cmd, r)
	if err != nil && !s.pw.table.Alone() {
		return 0, err.Error()
	}
	if len(keys) == 0 { // or they cannot be found, and the only group says what is wrong
		if s.pw.table.Alone() {
			return 0, ""
		}
		return 0, notServed(codec.Keyless)
	}
	if s.apart(r, keys) {
		s.pw.counters.CrossSlot++
		return 0, textCrossSlot
	}
	return s.pw.table.Locate(r.Arg(int(keys[0]))), ""
}

// blockOn makes the session one that waits: its request gets its slot, and later ones wait
// for its answer.
func (s *session) blockOn(cmd *codec.Command, group int) *blocked {
	b := &blocked{s: s, e: entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID, group: s.pw.refTo(group)}}
	b.e.marks = s.pw.marksOf(cmd) & isWrite
	b.e.seq = s.expect(slot{join: noJoin})
	if b.e.marks.has(isWrite) {
		s.writes.inFlight++
	}
	s.standAlone()
	s.pw.enroll(b)
	return b
}

// enroll puts b among those that wait.
func (pw *poolWorker) enroll(b *blocked) {
	if pw.blocked == nil {
		pw.blocked = make(map[uint32]*blocked)
	}
	pw.blocked[b.s.index] = b
}

// count takes b into the number of blocked clients. Programs that see it rise send what others
// wait for, or wait behind them: it must not rise before the server knows of b.
func (b *blocked) count() {
	if !b.counted {
		b.counted = true
		b.s.pw.counters.Blocked++
	}
}

// blocked returns what is kept of the session while it waits; nil when it does not.
func (s *session) blocked() *blocked {
	if len(s.pw.blocked) == 0 {
		return nil
	}
	return s.pw.blocked[s.index]
}

// waits reports whether b is still what its session waits for.
func (b *blocked) waits() bool { return b.s.blocked() == b && b.s.window.Len() > 0 }

// attend sends a request to the master of its group, on a link of its own. A session that
// watches keys of that group has such a link already.
func (pw *poolWorker) attend(b *blocked, frame []byte) {
	id := pw.masterAt(b.e.group)
	if id < 0 {
		pw.adjourn(b, frame, faultNoMaster, nil)
		return
	}
	if h := pw.holdAt(b.e.group); h != nil && h.closed() {
		pw.adjourn(b, frame, faultHoldTime, nil)
		return
	}
	frame, ok := pw.shorten(b, frame)
	if !ok {
		b.release("TIMEOUT")
		return
	}
	pw.attendAt(b, id, b.e, frame)
}

// attendAt sends the request of b, with the entry e, to a server of the table.
func (pw *poolWorker) attendAt(b *blocked, id int32, e entry, frame []byte) {
	l := b.s.pin
	if !b.s.mode.has(modePinned) || l == nil || l.server.ID != id {
		if f := pw.refusesLink(b.s, id, loanWait); f != nil {
			pw.adjourn(b, frame, f, nil)
			pw.lineUp(b, id)
			return
		}
		l = pw.borrow(b.s, id, loanWait)
	}
	if l == nil {
		b.tell(codec.AppendError(pw.w.pad.scratch[:0], textFullyBlocked))
		return
	}
	b.held, b.link, b.spent, l.lease.patient, b.since = nil, l, false, true, pw.w.now
	if b.waitLimit > 0 {
		b.deadline = pw.w.now + b.waitLimit
	}
	l.wait(e, frame)
	if l.lease.number != 0 && l.state == linkReady {
		b.count() // it is written before anybody can be told
	}
}

// wait sends a request that may wait, behind a question for the link's number when that is
// not known yet. e.part says how many frames are in front of it already.
func (l *link) wait(e entry, frame []byte) {
	e.marks |= isPrivate | isMany
	if l.lease.number == 0 {
		e.part++
		all := append(append(l.w.pad.scratch[:0], frameNumber...), frame...)
		l.w.keepScratch(all)
		frame = all
	}
	l.send(frame, &e)
}

// numbered takes the server's answer to frameNumber.
func (l *link) numbered(reply []byte) {
	if reply[0] == '+' {
		return // to ASKING
	}
	l.arrived()
	l.lease.number = noNumber
	if reply[0] == ':' {
		if n, err := strconv.ParseInt(string(reply[1:len(reply)-len(codec.CRLF)]), 10, 64); err == nil {
			l.lease.number = n
		}
	}
}

// arrived counts who waits on the link: what it waits for came to the server together with the
// question that has been answered.
func (l *link) arrived() {
	if s := l.w.registry.sessions[l.lease.borrower.session]; s != nil && s.gen == l.lease.borrower.gen {
		if b := s.blocked(); b != nil && b.link == l {
			b.count()
		}
	}
}

// noNumber is the number of a link whose server does not tell.
const noNumber = -1

// answering is called when the reply begins that the link has waited for. The wait was
// what the client asked for: it must not count as the server's latency.
func (l *link) answering() {
	l.queue.fifo.Front().sent = l.w.now
	l.queue.written.Drop()
}

// tell answers the request here.
func (b *blocked) tell(reply []byte) {
	b.s.done(&b.e)
	b.s.pw.commands[b.e.cmd].Calls++
	if reply[0] == '-' {
		b.s.pw.commands[b.e.cmd].Errors++
	}
	b.s.settleLocal(b.e.seq, reply)
}

// unblocked is called when the session is alone again. The link that it waited on is as it
// was before.
func (s *session) unblocked() {
	b := s.blocked()
	if b == nil {
		return
	}
	l := b.end()
	switch {
	case l == nil:
	case l == s.pin:
		l.lease.patient = false
	case l.lease.lent && b.spent:
		l.discard()
	case l.lease.lent:
		l.giveBack()
	}
}

// dropBlocked ends the wait of a session that has gone. Its link is closed, so that the
// server forgets that somebody waited.
func (s *session) dropBlocked() {
	b := s.blocked()
	if b == nil {
		return
	}
	if l := b.end(); l != nil && l != s.pin && l.lease.lent {
		l.forsake()
		l.discard()
	}
}

// end takes b out of those that wait, and returns its link.
func (b *blocked) end() *link {
	pw := b.s.pw
	delete(pw.blocked, b.s.index)
	if b.counted {
		pw.counters.Blocked--
	}
	for _, u := range b.asks {
		u.heard(notBlocked)
	}
	l := b.link
	b.link, b.asks = nil, nil
	return l
}

// forsake makes everything on the link belong to nobody.
func (l *link) forsake() {
	for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
		l.queue.fifo.At(p).marks |= isSink
	}
}

// tickBlocked looks at what sessions wait for, and at what they do not need any more.
func (pw *poolWorker) tickBlocked() {
	pw.tickErrands()
	pw.tickPolls()
	pw.tickPrivate()
	pw.tickBackoffs()
	for _, b := range pw.blocked {
		switch {
		case !b.waits():
		case b.quorum != nil:
			b.quorum.tick(b)
		case b.link == nil:
			pw.seek(b)
		case b.deadline > 0 && pw.w.now > b.deadline && !b.link.arriving():
			b.giveUp()
		default:
			b.askAgain()
		}
	}
}

// giveUp ends a wait whose server should have answered by now.
func (b *blocked) giveUp() {
	l := b.link
	b.link = nil
	b.s.pw.counters.TimedOut++
	l.count.TimedOut++
	l.forsake()
	l.discard()
	b.s.w.fail(&b.e, faultTimeout, l)
}

// socketOptions are the pool's options for the link's socket. A private link may be silent
// for as long as it likes, so that only probes tell a server that is gone from one that
// has nothing to say.
func (l *link) socketOptions() *PoolOptions {
	if !l.kind.private {
		return &l.pw.opt.PoolOptions
	}
	o := l.pw.opt.PoolOptions
	o.TCPKeepalive, o.Timeout = true, cmp.Or(o.Timeout, privateSilence)
	return &o
}

// privateSilence is the timeout of a private link's socket where the pool has none.
const privateSilence = 10 * time.Second
