package loop

import (
	"sync/atomic"

	"huntaway/codec"
)

// What sessions make the process hold (unfinished requests, transactions, replies that are
// collected, joined, or wait to be read) is bounded for each pool and for all. It is charged as
// it comes, never as it is announced, and counted at every tick, and before when much has come:
// see due. Over a bound the session that holds most is closed, and so on.

// worthCharging is how many bytes make a session one that is looked at. A hundred thousand with
// less hold no more than a few large ones.
const worthCharging = 256 << 10

// A holding is what one worker's sessions of one pool hold. Written by the worker, read by all.
type holding struct {
	bytes   atomic.Int64
	largest atomic.Int64 // of one session
}

// leastUncounted is how many reads, of readBuffer each, may add to what large sessions hold
// before it is counted again.
const leastUncounted = 64

// burden puts a session on the list of those that may hold much. It is called whenever a read
// may have added to that.
func (w *worker) burden(s *session) {
	w.uncounted++
	if !s.burdens {
		s.burdens = true
		w.burdens = append(w.burdens, s)
	}
}

// due reports whether what is held is to be counted before the next tick, which may come when
// the network has brought hundreds of megabytes. With many large sessions more may come until
// then, but never more than half of what they hold.
func (w *worker) due() bool { return w.uncounted >= max(leastUncounted, len(w.burdens)) }

// holds returns how many bytes the session holds by itself; see chargeLink for the rest.
func (s *session) holds() int64 {
	n := max(s.unread(), s.out.holds()+s.parked.holds())
	if s.tail != nil {
		n += s.tail.buf.holds()
	}
	if s.tx != nil {
		n += s.tx.bytes()
	}
	for p := s.window.head; p != s.window.tail; p++ {
		if at := s.window.at(p).join; at != noJoin {
			for i := range s.w.joins[at].parts {
				n += s.w.joins[at].parts[i].holds()
			}
		}
	}
	return n
}

// chargeLink charges what a link holds to whom it is for: the reply that is being collected,
// and large requests that have not been answered.
func (w *worker) chargeLink(l *link) {
	if n := l.partial.holds(); n > worthCharging && l.fifo.len() > 0 {
		w.charge(w.sessionOf(l.fifo.front()), n)
	}
	if l.log.holds() <= keepBusy {
		return
	}
	for p := l.fifo.head; p != l.fifo.tail; p++ {
		if e := l.fifo.at(p); e.size > passOn {
			w.charge(w.sessionOf(e), int64(e.size))
		}
	}
}

// charge adds to what a session holds. It may be nil: for nobody.
func (w *worker) charge(s *session, n int64) {
	switch {
	case s == nil:
		return
	case !s.burdens:
		w.burden(s)
		s.charged = s.holds()
	}
	s.charged += n
}

// balance counts what the worker's sessions hold and has those pay that are over a bound.
func (w *worker) balance() {
	for _, s := range w.burdens {
		s.charged = 0
		if s.state != sessionGone {
			s.charged = s.holds()
		}
	}
	for _, pw := range w.pools {
		pw.everyLink(w.chargeLink)
	}
	for _, pw := range w.pools {
		pw.keepBooks()
		for pw.over() && pw.pays() {
		}
	}
	kept := w.burdens[:0]
	for _, s := range w.burdens {
		if s.burdens = s.state != sessionGone && s.charged > worthCharging/2; s.burdens {
			kept = append(kept, s)
		}
	}
	clear(w.burdens[len(kept):])
	w.burdens = kept
	w.uncounted = 0
}

// keepBooks publishes what the pool's sessions hold on this worker.
func (pw *poolWorker) keepBooks() {
	h := &pw.pool.holdings[pw.w.id]
	var sum, largest int64
	for _, s := range pw.w.burdens {
		if s.pw == pw {
			sum += s.charged
			largest = max(largest, s.charged)
		}
	}
	h.bytes.Store(sum)
	h.largest.Store(largest)
	pw.counters.HeldBytes = sum
}

// over reports whether a bound is exceeded that one of this pool's sessions on this worker must
// pay for: of the pool's own bound, or of the engine's, it holds most.
func (pw *poolWorker) over() bool {
	mine := pw.pool.holdings[pw.w.id].largest.Load()
	bytes, largest := pw.pool.held()
	if most := pw.opt.Limits.MaxMemory; most > 0 && bytes > most && mine == largest {
		return mine > 0
	}
	e := pw.w.engine
	if e.opt.MaxMemory == 0 {
		return false
	}
	for _, p := range e.pools {
		if p != pw.pool {
			more, other := p.held()
			bytes, largest = bytes+more, max(largest, other)
		}
	}
	return bytes > e.opt.MaxMemory && mine == largest && mine > 0
}

// held returns what the pool's sessions hold on all workers, and what one of them does.
func (p *Pool) held() (bytes, largest int64) {
	for i := range p.holdings {
		bytes += p.holdings[i].bytes.Load()
		largest = max(largest, p.holdings[i].largest.Load())
	}
	return bytes, largest
}

// textMemory is said to a client whose request is what there is too much of.
const textMemory = "ERR huntaway: clients hold more than max_memory, and this one holds most"

// pays closes the session that holds most, and reports whether there was one.
func (pw *poolWorker) pays() bool {
	var most *session
	for _, s := range pw.w.burdens {
		if s.pw == pw && s.charged > 0 && (most == nil || s.charged > most.charged) {
			most = s
		}
	}
	if most == nil {
		return false
	}
	most.charged = 0
	most.overBudget()
	pw.keepBooks()
	return true
}

// overBudget closes a session for what it holds, and says why where it can hear it.
func (s *session) overBudget() {
	if s.state == sessionOpen && s.window.len() == 0 && s.unread() == 0 {
		s.refuseWith(codec.AppendError(s.w.scratch[:0], textMemory))
		s.lastWord(endMemory)
		return
	}
	s.cutOff(endMemory)
}
