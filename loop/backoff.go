package loop

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// A server that lets nobody in, because it has as many clients as it may or because it is gone, is
// not dialed once for each of those who want a private link: their number is up to clients. From the
// first link on that fails before it is ready, few are dialed at a time, with pauses, and who can wait
// does so in line. How many rises again with each that gets in.

// mostBackoff is the longest pause between dials for private links, in ns: somebody may have left.
const mostBackoff = lastSeek

// freeWindow is from how many dials at a time on nobody has to wait for another.
const freeWindow = 64

// A backoffID says what links a backoff is about: whether the handshake is refused may be up to the
// protocol and the database, which clients choose.
type backoffID struct {
	server  int32
	dialect dialect
}

// A backoff is what a worker remembers of such a server, until as many get in as want to. Owner: the
// worker.
type backoff struct {
	why     *fault   // as which the last one failed
	pause   int64    // how long nobody dials after the next failure
	retryAt int64    // when somebody may
	window  int      // how many dials may be under way
	flying  int      // how many are
	line    []inLine // who waits for a link, in the order in which their requests came
	serving bool     // the line is being served
}

// An inLine is a blocked session in the line of a backoff; it may have gone.
type inLine struct {
	sent int64
	who  waiter
}

func (a inLine) compare(b inLine) int {
	return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.who.session, b.who.session), cmp.Compare(a.who.gen, b.who.gen))
}

// mayDial reports whether a link may be dialed now.
func (o *backoff) mayDial(now int64) bool { return o.flying < o.window && now >= o.retryAt }

// rest begins the next pause.
func (o *backoff) rest(now int64) {
	o.pause = min(max(2*o.pause, int64(firstPause)), int64(mostBackoff))
	o.retryAt = now + o.pause/2 + rand.Int64N(o.pause/2+1)
}

// refusesLink returns why s cannot be lent a private link to a server now, or nil when it can: there
// is a free one, or one may be dialed.
func (pw *poolWorker) refusesLink(s *session, id int32, kind loanKind) *fault {
	o := pw.backoffs[backoffID{id, s.proto.linkSet.dialect}]
	switch {
	case o == nil || o.serving:
		return nil
	case kind == loanWait && len(o.line) > 0: // it joins the line
		return o.why
	case pw.keeps(s, id) || o.mayDial(pw.w.now):
		return nil
	}
	return o.why
}

// turnedAway hears that a private link has failed before it was ready.
func (pw *poolWorker) turnedAway(l *link, f *fault) {
	id := l.backoffID()
	o := pw.backoffs[id]
	if o == nil {
		if pw.backoffs == nil {
			pw.backoffs = make(map[backoffID]*backoff)
		}
		o = &backoff{}
		pw.backoffs[id] = o
	}
	o.why, o.window = f, 1
	if pw.w.now >= o.retryAt { // those that were dialed before the pause say nothing new
		o.rest(pw.w.now)
	}
	pw.endTrial(l)
}

// backoffID is that of the link.
func (l *link) backoffID() backoffID { return backoffID{l.server.ID, l.kind.dialect} }

// tryOut notes that a private link is dialed, where that is bounded.
func (pw *poolWorker) tryOut(l *link) {
	if o := pw.backoffs[l.backoffID()]; o != nil {
		l.lease.trial = true
		o.flying++
	}
}

// letIn hears that a private link is ready.
func (pw *poolWorker) letIn(l *link) {
	if o := pw.endTrial(l); o != nil {
		o.window, o.pause = min(2*o.window, freeWindow), 0
	}
}

// abandoned hears that a private link is dropped. What would have become of one that was being
// dialed is not known, and who goes away must not make room for the next dial.
func (pw *poolWorker) abandoned(l *link) {
	if o := pw.endTrial(l); o != nil {
		o.retryAt = max(o.retryAt, pw.w.now+int64(firstPause))
	}
}

// endTrial returns the backoff that l was counted in, if it was.
func (pw *poolWorker) endTrial(l *link) *backoff {
	if !l.lease.trial {
		return nil
	}
	l.lease.trial = false
	o := pw.backoffs[l.backoffID()]
	o.flying--
	return o
}

// lineUp has b wait in the line for a server, if it waits at all and there is one.
func (pw *poolWorker) lineUp(b *blocked, id int32) {
	o := pw.backoffs[backoffID{id, b.s.proto.linkSet.dialect}]
	if o == nil || b.link != nil || !b.waits() {
		return
	}
	b.line = o
	me := inLine{b.e.sent, waiter{b.s.index, b.s.gen}}
	if at, is := slices.BinarySearchFunc(o.line, me, inLine.compare); !is {
		o.line = slices.Insert(o.line, at, me)
	}
}

// tickBackoffs lends links to who is first in line, as far as there are any or some may be dialed,
// and forgets servers that let everybody in.
func (pw *poolWorker) tickBackoffs() {
	for id, o := range pw.backoffs {
		pw.serveLine(id.server, o)
		over := pw.w.now - o.retryAt
		if len(o.line)+o.flying == 0 && (o.window >= freeWindow || over > int64(lastPause)) {
			delete(pw.backoffs, id)
		}
	}
}

// serveLine serves one line.
func (pw *poolWorker) serveLine(id int32, o *backoff) {
	o.serving = true
	n := 0
	for ; n < len(o.line); n++ {
		b := pw.blockedAs(o.line[n].who)
		if b == nil || b.line != o || b.link != nil {
			continue // it has gone, or is served otherwise
		}
		if !pw.keeps(b.s, id) && !o.mayDial(pw.w.now) {
			break
		}
		b.line = nil
		pw.seekAt(b)
	}
	o.line = slices.Delete(o.line, 0, n)
	o.serving = false
}

// blockedAs returns the blocked session of that name, or nil.
func (pw *poolWorker) blockedAs(who waiter) *blocked {
	if b := pw.blocked[who.session]; b != nil && b.s.gen == who.gen && b.waits() {
		return b
	}
	return nil
}
