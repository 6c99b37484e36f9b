package loop

import (
	"context"
	"net"
)

// Fence closes every connection of the data path to a server and returns when all workers
// have: no reply of it reaches a client from then on. What was sent and not answered is of
// class unknown; what was not sent is routed again, so the table in force should already say
// that the group is held. What the kernel had not sent is thrown away. Commands that waited
// there wait for the next master. The links may be dialed again, which executes nothing. It
// fails when ctx is over before all workers have done it, or the engine has stopped.
func (p *Pool) Fence(ctx context.Context, server int32) error {
	return p.everywhere(ctx, func(pw *poolWorker, done func()) {
		pw.fence(server)
		done()
	})
}

// fence closes the worker's links to a server.
func (pw *poolWorker) fence(server int32) {
	var links []*link
	pw.everyLink(func(l *link) {
		if l.server.ID == server {
			links = append(links, l)
		}
	})
	for _, l := range links {
		l.sever()
	}
}

// sever closes the link. One that is being dialed gives back what it would have sent.
func (l *link) sever() {
	switch {
	case l.state == linkDialing && l.busy():
		l.failed(errFenced, faultConnect)
	case l.conn != nil:
		l.pw.rewait(l)
		l.giveUp(errFenced, faultLost)
	}
}

// Drain returns when the server owes no worker a reply: to what was sent, and to what waits
// in a link to be sent. Clients that wait there in blocking commands, or only watch keys, are
// not waited for. The table in force should already say that the group is held, or more will
// come. It fails when ctx is over first, or the engine has stopped.
func (p *Pool) Drain(ctx context.Context, server int32) error {
	return p.everywhere(ctx, func(pw *poolWorker, done func()) {
		pw.drains = append(pw.drains, drainage{server, done, ctx.Done()})
		pw.tickDrains()
		pw.w.gauges.quiet.Store(false)
	})
}

// A drainage is somebody who waits until a server owes a worker nothing.
type drainage struct {
	server int32
	done   func()          // to be called then
	over   <-chan struct{} // closed when he has gone
}

// tickDrains tells those whose server owes nothing any more.
func (pw *poolWorker) tickDrains() {
	if len(pw.drains) == 0 {
		return
	}
	keep := pw.drains[:0]
	for _, d := range pw.drains {
		select {
		case <-d.over:
			continue
		default:
		}
		if pw.owedBy(d.server) == 0 {
			d.done()
			continue
		}
		keep = append(keep, d)
	}
	pw.drains = keep
}

// owedBy counts what a server owes the worker.
func (pw *poolWorker) owedBy(server int32) (n int) {
	pw.everyLink(func(l *link) {
		if l.server.ID == server {
			n += l.owed()
		}
	})
	return n
}

// everywhere runs f as an event of every worker and returns when each has called done.
func (p *Pool) everywhere(ctx context.Context, f func(pw *poolWorker, done func())) error {
	finished := make(chan struct{}, len(p.engine.workers))
	p.engine.postAll(func(w *worker) { f(w.pools[p.index], func() { finished <- struct{}{} }) })
	for range p.engine.workers {
		select {
		case <-finished:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.engine.done:
			return net.ErrClosed
		}
	}
	return nil
}
