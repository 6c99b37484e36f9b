package loop

import (
	"sync/atomic"

	"huntaway/loop/memory"
)

// What clients make the process hold (unfinished requests, transactions, subscriptions, replies
// that are collected, joined, or wait to be read) is bounded for each pool and for all. It is charged as
// it comes, never as it is announced, and counted at every tick, and before when much has come:
// see due. What of a link is for nobody any more the link is charged with. Who pays when there is
// too much: see settleDebts.

// worthCharging is how many bytes make a session one that is looked at. What holds less counts
// among what a connection costs, whatever it does.
const worthCharging = 32 << 10

// A budget is when a worker counts what its sessions hold.
type budget struct {
	burdens   []*session // may hold much
	uncounted int64      // bytes that may have been added to that since it was counted
	balanced  int64      // when it was
}

// A holding is what one worker's sessions and links of one pool hold. Written by the worker, read
// by all.
type holding struct {
	bytes atomic.Int64
	book  atomic.Pointer[book] // nil while there is far from too much
}

// How much may be added to what large sessions hold before it is counted again: with many of
// them more, so that counting stays cheap beside what it takes to read that, but never more than
// a small part of what they hold.
const (
	leastUncounted = 4 << 20
	eachUncounted  = 1 << 10
)

// burden puts a session on the list of those that may hold much. It is called whenever that may
// have grown, with the number of bytes.
func (w *worker) burden(s *session, n int64) {
	w.budget.uncounted += n
	if !s.account.burdens {
		s.account.burdens = true
		w.budget.burdens = append(w.budget.burdens, s)
	}
}

// due reports whether what is held is to be counted before the next tick, which may come when
// the network has brought hundreds of megabytes.
func (w *worker) due() bool {
	return w.budget.uncounted >= max(leastUncounted, eachUncounted*int64(len(w.budget.burdens)))
}

// holds returns how many bytes the session holds by itself; see chargeLink for the rest.
func (s *session) holds() int64 {
	apart := int64(s.output.earlyLive)
	n := max(s.unread()-int64(s.output.rest.bytes)-apart, s.output.first.Holds()+s.output.parked.Holds()) + s.output.rest.holds() + apart
	if s.input.tail != nil {
		n += s.input.tail.buf.Holds() + s.input.tail.req.Holds()
	}
	if s.tx != nil {
		n += s.tx.holds()
	}
	if s.medley != nil {
		n += s.medley.frames.Holds() + s.medley.out.Holds()
	}
	n += s.sub.holds()
	if s.input.unfinished != nil {
		n += s.input.unfinished.holds()
	}
	for p := s.window.First(); p != s.window.Behind(); p++ {
		if at := s.window.At(p).join; at != noJoin {
			n += s.w.joins.all[at].holds()
		}
	}
	return n
}

// chargeLink charges what a link holds to whom it is for: the reply that is arriving, with what
// is remembered of how deep it is, and large requests that have not been answered. Where nobody
// waits for that any more it is the link's own.
func (w *worker) chargeLink(l *link) {
	l.charged = l.canary.kept.Holds() + l.lease.later.holds()
	s := l.asker()
	if s == nil {
		l.forgo()
	}
	if n := l.coming.partial.Holds() + l.coming.scan.Holds(); n > worthCharging {
		w.chargeTo(s, l, n)
	}
	if l.queue.log.Holds() <= memory.KeepBusy {
		return
	}
	for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
		if e := l.queue.fifo.At(p); e.size > passOn {
			w.chargeTo(w.sessionOf(e), l, l.queue.log.Share(e.size))
		}
	}
}

// asker returns the session that waits for the reply that is arriving or comes next, or nil.
func (l *link) asker() *session {
	if l.lease.tap != nil || l.shake.greets > 0 || l.queue.fifo.Len() == 0 {
		return nil
	}
	return l.w.sessionOf(l.queue.fifo.Front())
}

// forgo forgets the beginning of a reply for which nobody waits any more, as flowOn would with
// the next bytes: they may never come.
func (l *link) forgo() {
	if l.lease.tap != nil || l.shake.greets > 0 || l.coming.pushing || l.coming.flows || l.queue.fifo.Len() == 0 || l.coming.partial.Holds() <= worthCharging {
		return
	}
	if e := l.queue.fifo.Front(); !e.marks.has(isCanary) && (!e.marks.has(isMany) || l.led.n == l.leadsTo(e)) {
		l.coming.flows, l.coming.flowed = true, l.coming.partial.Len()
		l.coming.partial.Release(l.w.arena)
	}
}

// chargeTo charges a session with what a link holds for it, or the link where there is none.
func (w *worker) chargeTo(s *session, l *link, n int64) {
	switch {
	case s == nil:
		l.charged += n
		return
	case !s.account.burdens:
		w.burden(s, 0)
		s.account.charged = s.holds()
	}
	s.account.charged += n
}

// foresee is called before something of a session's takes so many bytes more of memory. Where that
// is much it is charged before it is taken, so that it is not where there is too much already. The
// session may have been closed when it returns, and links as well.
func (w *worker) foresee(s *session, more int64) {
	if more < leastUncounted {
		return
	}
	w.burden(s, 0)
	s.account.foreseen = more
	w.balance()
	s.account.foreseen = 0
}

// tickBalance is balance at a tick. Very many sessions are not looked at every time.
func (w *worker) tickBalance() {
	if w.now-w.budget.balanced >= int64(len(w.budget.burdens))*nanosPerBurden {
		w.balance()
	}
}

// nanosPerBurden times the number of sessions is how long after each other ticks count what they
// hold: ten times what that takes.
const nanosPerBurden = 1000

// balance counts what the worker's sessions and links hold and has those pay that are to.
func (w *worker) balance() {
	if w.balanceAlone() {
		w.recount()
	}
}

// balanceAlone is balance, and reports whether other workers have to do the same.
func (w *worker) balanceAlone() (others bool) {
	others = w.settleDebts()
	kept := w.budget.burdens[:0]
	for _, s := range w.budget.burdens {
		if s.account.burdens = s.state != sessionGone && s.account.charged > worthCharging/2; s.account.burdens {
			kept = append(kept, s)
		}
	}
	clear(w.budget.burdens[len(kept):])
	w.budget.burdens = kept
	return others
}

// recount has the other workers balance.
func (w *worker) recount() {
	for _, other := range w.engine.workers {
		if other != w {
			other.postEvent(func() { other.balanceAlone() })
		}
	}
}

// count counts what the worker's sessions and links hold, and publishes it.
func (w *worker) count() {
	w.budget.uncounted, w.budget.balanced = 0, w.now
	w.arena.Count()
	for _, s := range w.budget.burdens {
		s.account.charged = 0
		if s.state != sessionGone {
			s.account.charged = s.holds() + s.account.foreseen
		}
	}
	for _, pw := range w.pools {
		pw.charged = 0
		pw.everyLink(func(l *link) {
			w.chargeLink(l)
			pw.charged += l.charged
		})
	}
	for _, s := range w.budget.burdens {
		s.pw.charged += s.account.charged
	}
	for _, pw := range w.pools {
		pw.pool.holdings[w.id].bytes.Store(pw.charged)
		pw.counters.HeldBytes = pw.charged
	}
	all := w.engine.held()
	for _, pw := range w.pools {
		pw.publishBook(all)
	}
}

// held returns what the pool's sessions and links hold on all workers.
func (p *Pool) held() (bytes int64) {
	for i := range p.holdings {
		bytes += p.holdings[i].bytes.Load()
	}
	return bytes
}
