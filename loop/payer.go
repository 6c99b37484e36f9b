package loop

import (
	"cmp"
	"math"
	"slices"

	"huntaway/codec"
)

// When clients hold more than they may, somebody has to be closed, until it is no more than that.
// What counts is the sum of what a party holds: who shares its bytes out among many connections
// gains nothing by it. Over the bound of all pools it is the pool whose clients hold most, in it
// the address whose connections hold most together, and of those the one that holds most. So a
// pool that holds less than an equal share of the bound, and in the pool that pays an address
// that holds less than an equal share of what that may, loses nobody for what others do. All
// clients of a unix socket are one address, and so are those behind one translator or balancer:
// among them only what each connection holds is known, and the largest pays.
//
// What a link holds for nobody counts as its server's, and closes the link.
//
// Each worker closes its own. All go through the same list, which they read in each other's books,
// and leave out what others are about to close.

// A book is what one worker's clients of one pool hold, each, by address. It is not changed any
// more once it is published.
type book map[string][]int64

// A debt is what one session or link holds. Both are nil where it is another worker's.
type debt struct {
	s *session
	l *link
	n int64
}

// mostPayers is how many connections may be closed before what is held is counted again.
const mostPayers = 256

// debts calls f for each session and link of the pool that is charged with something.
func (pw *poolWorker) debts(f func(address string, d debt)) {
	for _, s := range pw.w.budget.burdens {
		if s.pw == pw && s.account.charged > 0 {
			f(s.host(), debt{s: s, n: s.account.charged})
		}
	}
	pw.everyLink(func(l *link) {
		if l.charged > 0 {
			f("server "+l.server.Addr, debt{l: l, n: l.charged})
		}
	})
}

// publishBook publishes who holds what, unless less than half of what may be held is. all is what
// all pools hold.
func (pw *poolWorker) publishBook(all int64) {
	h := &pw.pool.holdings[pw.w.id]
	most, mostOfAll := pw.opt.Limits.MaxMemory, pw.w.engine.opt.MaxMemory
	if (most == 0 || pw.pool.held() <= most/2) && (mostOfAll == 0 || all <= mostOfAll/2) {
		h.book.Store(nil)
		return
	}
	b := make(book)
	pw.debts(func(address string, d debt) { b[address] = append(b[address], d.n) })
	h.book.Store(&b)
}

// held returns what the sessions and links of all pools hold.
func (e *Engine) held() (bytes int64) {
	for _, p := range e.pools {
		bytes += p.held()
	}
	return bytes
}

// settleDebts counts what is held and closes those of this worker that are to pay. It reports
// whether other workers have to do the same.
func (w *worker) settleDebts() (others bool) {
	w.count()
	for left := mostPayers; left > 0; {
		pw := w.debtor()
		if pw == nil {
			break
		}
		if pw.audit == nil && !pw.beginAudit() {
			others = true
			break
		}
		d, some := pw.audit.next()
		if !some { // the others have paid, and their books do not say so yet
			break
		}
		pw.paid += d.n
		switch {
		case d.s != nil:
			d.s.account.charged = 0
			d.s.overBudget()
			left--
		case d.l != nil:
			d.l.charged = 0
			d.l.overBudget()
			left--
		default:
			others = true
		}
		if left == 0 {
			w.budget.uncounted = math.MaxInt64 // at the end of the next event
		}
	}
	w.closeBooks()
	return others
}

// debtor returns the pool of which somebody is to be closed, or nil.
func (w *worker) debtor() (largest *poolWorker) {
	var sum, most int64
	for _, pw := range w.pools {
		held := pw.pool.held() - pw.paid
		if bound := pw.opt.Limits.MaxMemory; bound > 0 && held > bound {
			return pw
		}
		if sum += held; held > most {
			largest, most = pw, held
		}
	}
	if bound := w.engine.opt.MaxMemory; bound == 0 || sum <= bound {
		return nil
	}
	return largest
}

// closeBooks ends audits, and takes out of what is published what this worker's own have paid.
func (w *worker) closeBooks() {
	for _, pw := range w.pools {
		if pw.audit == nil {
			continue
		}
		pw.counters.HeldBytes -= pw.audit.own
		pw.pool.holdings[w.id].bytes.Add(-pw.audit.own)
		pw.audit, pw.paid = nil, 0
	}
}

// An audit is what is known of a pool's debts when some are to be paid.
type audit struct {
	sums map[string]int64
	all  map[string][]debt // the one to be paid first is the last
	own  int64             // bytes of this worker's own that were taken out
}

// beginAudit reads the books. False: another worker has not published its own.
func (pw *poolWorker) beginAudit() (whole bool) {
	a := &audit{sums: make(map[string]int64), all: make(map[string][]debt)}
	enter := func(address string, d debt) {
		a.sums[address] += d.n
		a.all[address] = append(a.all[address], d)
	}
	for i := range pw.pool.holdings { // in the same order everywhere: of equal ones the same comes first
		h := &pw.pool.holdings[i]
		b := h.book.Load()
		switch {
		case i == pw.w.id:
			pw.debts(enter)
		case b == nil && h.bytes.Load() > 0:
			return false
		case b != nil:
			for address, list := range *b {
				for _, n := range list {
					enter(address, debt{n: n})
				}
			}
		}
	}
	for _, list := range a.all {
		slices.SortStableFunc(list, func(x, y debt) int { return cmp.Compare(x.n, y.n) })
	}
	pw.audit = a
	return true
}

// next takes out the debt that is to be paid next; false: there is none.
func (a *audit) next() (d debt, some bool) {
	address, most := "", int64(0)
	for at, sum := range a.sums {
		if sum > most || sum == most && at < address {
			address, most = at, sum
		}
	}
	list := a.all[address]
	if len(list) == 0 {
		return debt{}, false
	}
	d = list[len(list)-1]
	a.all[address] = list[:len(list)-1]
	a.sums[address] -= d.n
	if d.s != nil || d.l != nil {
		a.own += d.n
	}
	return d, true
}

// textMemory is said to a client whose request is what there is too much of.
const textMemory = "ERR huntaway: clients hold more than max_memory, and those of this address hold most"

// overBudget closes a session for what it holds, and says why where it can hear it.
func (s *session) overBudget() {
	if s.state == sessionOpen && s.window.Len() == 0 && s.unread() == 0 {
		s.refuseWith(codec.AppendError(s.w.pad.scratch[:0], textMemory))
		s.lastWord(endMemory)
		return
	}
	s.cutOff(endMemory)
}

// overBudget closes a link for what it holds for nobody.
func (l *link) overBudget() {
	if l.conn != nil {
		l.giveUp(errBehind, faultLost)
	}
}
