package loop

import (
	"context"
	"net"
)

// Fence closes every connection of the data path to a server and returns when all workers
// have: no reply of it reaches a client from then on. What was sent and not answered is of
// class unknown; what was not sent is routed again, so the table in force should already say
// that the group is held. The links may be dialed again, which executes nothing. It fails
// when ctx is over before all workers have done it, or the engine has stopped.
func (p *Pool) Fence(ctx context.Context, server int32) error {
	return p.everywhere(ctx, func(pw *poolWorker, done func()) {
		pw.everyLink(func(l *link) {
			if l.server.ID == server && l.wire != nil {
				l.breakUp(faultLost)
			}
		})
		done()
	})
}

// Drain returns when the server owes no worker a reply. Clients that wait there in blocking
// commands, or watch keys, are not waited for: their links are private. The table in force
// should already say that the group is held, or more will come. It fails when ctx is over
// first, or the engine has stopped.
func (p *Pool) Drain(ctx context.Context, server int32) error {
	for {
		owed := make(chan int, len(p.engine.workers))
		err := p.everywhere(ctx, func(pw *poolWorker, done func()) {
			n := 0
			pw.sharedLinks(func(l *link) {
				if l.server.ID == server {
					n += l.fifo.len() - l.expired
				}
			})
			owed <- n
			done()
		})
		total := 0
		for range len(owed) {
			total += <-owed
		}
		if err != nil || total == 0 {
			return err
		}
	}
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
