package loop

import (
	"slices"
	"time"
)

// private is the links of a worker's pool that are lent to one session at a time: a WATCH
// or a blocking command would hinder everybody on a shared one. Owner: the worker.
//
// What a link has seen decides where it goes afterwards. One that is as it was when it was
// made (a blocking command was answered, a transaction ended) is kept for the next; every
// other is closed. None ever becomes a shared link.
type private struct {
	links []*link // lent, kept, or being closed
	kept  []*link // of links: free to be lent
	loans
}

// How many free private links a worker's pool keeps, and for how long without use.
const (
	mostKept    = 64
	keepPrivate = time.Minute
)

// borrow lends s a link of its own to a server, or returns nil when as many are lent as its
// kind of loan, its address, the pool or the process may have. The link may still be connecting; what is sent waits for it.
func (pw *poolWorker) borrow(s *session, id int32, kind loanKind) *link {
	p := &pw.private
	if !pw.mayBorrow(s, kind) {
		return nil
	}
	if i := pw.freeLink(s, id); i >= 0 {
		l := p.kept[i]
		p.kept = slices.Delete(p.kept, i, i+1)
		l.lend(s, kind)
		return l
	}
	if !pw.w.engine.mayOpen() {
		return nil
	}
	l := newLink(pw, pw.table.Server(id), s.proto.linkSet.dialect)
	l.kind.private, l.lease.lendable = true, true
	pw.tryOut(l)
	p.links = append(p.links, l)
	l.lend(s, kind)
	return l
}

// freeLink returns where among those kept a private link is that s can have, or -1.
func (pw *poolWorker) freeLink(s *session, id int32) int {
	kept := pw.private.kept
	for i := len(kept) - 1; i >= 0; i-- {
		if l := kept[i]; l.server.ID == id && l.kind.dialect == s.proto.linkSet.dialect && l.state == linkReady {
			return i
		}
	}
	return -1
}

// keeps reports whether there is such a link.
func (pw *poolWorker) keeps(s *session, id int32) bool { return pw.freeLink(s, id) >= 0 }

// lend begins the loan of a private link.
func (l *link) lend(s *session, kind loanKind) {
	l.lease.lent, l.lease.borrower, l.lease.loan = true, waiter{s.index, s.gen}, loan{kind, s.host()}
	l.pw.private.begin(l.lease.loan)
}

// giveBack ends the loan of a link that is as it was when it was made, with nothing in
// flight. On a tainted one something may yet come that its last borrower has chosen, and on a hunted
// one a CLIENT UNBLOCK may yet end the next one's wait. One that was told READONLY is not as it was.
func (l *link) giveBack() {
	p := &l.pw.private
	if l.state != linkReady || l.shake.moved || l.lease.tainted || l.role.asReplica || l.lease.hunted > 0 || l.busy() || len(p.kept) >= mostKept || l.pw.table.Server(l.server.ID) == nil {
		l.discard()
		return
	}
	l.endLoan()
	p.kept = append(p.kept, l)
}

// discard ends the loan of a link and closes it, whatever is in flight: nobody waits for
// it any more.
func (l *link) discard() {
	l.endLoan()
	l.lease.dropped, l.lease.tap, l.lease.tapLost = true, nil, nil
	if l.conn != nil {
		l.conn.Close() // calls lost, which does the rest
		return
	}
	switch l.state {
	case linkReady, linkGreeting: // lost in this event: failed does the rest
		return
	case linkCooling:
	default:
		l.retire()
	}
	l.pw.dropPrivate(l)
}

// endLoan makes room for another private link.
func (l *link) endLoan() {
	if l.lease.lent {
		l.lease.lent, l.lease.patient = false, false
		l.pw.private.end(l.lease.loan)
	}
}

// dropPrivate forgets a private link whose connection is gone, and tells who had borrowed
// it.
func (pw *poolWorker) dropPrivate(l *link) {
	l.endLoan()
	pw.abandoned(l)
	if s := pw.w.registry.sessions[l.lease.borrower.session]; s != nil && s.gen == l.lease.borrower.gen && s.pin == l {
		s.pin = nil
		s.unpinned()
	}
	if s := pw.w.registry.sessions[l.lease.borrower.session]; s != nil && s.gen == l.lease.borrower.gen && s.pace.lease == l {
		s.endLease()
	}
	p := &pw.private
	if l.lease.lendable {
		l.lease.lendable = false
		pw.w.engine.private.Add(-1)
	}
	same := func(other *link) bool { return other == l }
	p.links = slices.DeleteFunc(p.links, same)
	p.kept = slices.DeleteFunc(p.kept, same)
}

// tickPrivate closes free links that nobody has used for long, or whose server has left the
// table.
func (pw *poolWorker) tickPrivate() {
	p := &pw.private
	for i := len(p.kept) - 1; i >= 0; i-- {
		if l := p.kept[i]; l.w.now-l.health.heard > int64(keepPrivate) || pw.table.Server(l.server.ID) == nil {
			p.kept = slices.Delete(p.kept, i, i+1)
			l.discard()
		}
	}
}
