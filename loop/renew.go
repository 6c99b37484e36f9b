package loop

import "errors"

// errMoved is the cause when a server has another address from now on.
var errMoved = errors.New("the server's name has another address")

// Redial has every link to a server go over to a new connection, because the name in its
// address stands for another one now: nothing more is sent on the old connection, and it is
// closed when everything that was sent has been answered. Clients that wait there, or watch
// keys, are left in peace. May be called from any goroutine.
func (e *Engine) Redial(addr string) {
	e.postAll(func(w *worker) {
		for _, pw := range w.pools {
			pw.renewLinks(func(l *link) bool { return l.server.Addr == addr })
		}
	})
}

// renewLinks has those links go over to new connections, as Redial says.
func (pw *poolWorker) renewLinks(which func(*link) bool) {
	pw.sharedLinks(func(l *link) {
		if l.state == linkReady && which(l) {
			l.shake.moved = true
			l.renew()
		}
	})
	p := &pw.private
	for i := len(p.links) - 1; i >= 0; i-- {
		if i >= len(p.links) || !which(p.links[i]) {
			continue
		}
		switch l := p.links[i]; {
		case l.lease.tap != nil && l.conn != nil:
			l.conn.Close() // what is published is published elsewhere now
		default:
			l.shake.moved = true // see giveBack
		}
	}
	for i := len(p.kept) - 1; i >= 0; i-- {
		if l := p.kept[i]; l.shake.moved {
			l.discard()
		}
	}
}

// renew changes the connection of a shared link whose server has moved, once nothing is in
// flight there. What waits to be sent is routed again.
func (l *link) renew() {
	if !l.shake.moved || l.kind.private || l.conn == nil || l.state != linkReady || l.owes() {
		return
	}
	old := l.conn
	l.conn, l.shake.moved = nil, false
	l.count.Links--
	l.failed(errMoved, faultLost)
	old.Close()
}
