package loop

import "cmp"

// A loanKind is what a private link is lent for.
type loanKind uint8

const (
	loanWait  loanKind = iota // a command that waits at the server
	loanWatch                 // keys that are watched
	loanLarge                 // large replies, to a session that reads them slowly
	loanKinds                 // their number
)

// loans are the private links of a worker's pool that are lent. They are shared out so that no
// kind of use and no client's address can take all: each may have a part. Owner: the worker.
type loans struct {
	lent  int
	kinds [loanKinds]int
	hosts map[string]int
}

// A loan is what must be known when it ends.
type loan struct {
	kind loanKind
	host string
}

// mayBorrow reports whether a session may be lent one more link.
func (pw *poolWorker) mayBorrow(s *session, kind loanKind) bool {
	l, of := &pw.opt.Limits, &pw.private.loans
	share, half := (3*l.PrivateLinks+3)/4, (l.PrivateLinks+1)/2
	return of.lent < l.PrivateLinks && of.kinds[kind] < share &&
		of.hosts[s.host()] < cmp.Or(l.LinksPerAddress, half)
}

// begin counts a loan.
func (of *loans) begin(l loan) {
	if of.hosts == nil {
		of.hosts = make(map[string]int)
	}
	of.lent++
	of.kinds[l.kind]++
	of.hosts[l.host]++
}

// end counts a loan that is over.
func (of *loans) end(l loan) {
	of.lent--
	of.kinds[l.kind]--
	if of.hosts[l.host]--; of.hosts[l.host] == 0 {
		delete(of.hosts, l.host)
	}
}
