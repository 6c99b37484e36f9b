package loop

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// The descriptors that the process may have are shared out before anybody comes: to what the
// process needs itself (logs, admin pages, probes, shared links, the connection that is accepted to
// be turned away), and to clients with the links that are lent to them. Those who borrow leave some
// to others: whatever clients wait for, there is room for one that wants to look.
const (
	ownDescriptors   = 40 // without servers
	linksPerServer   = 2  // of a worker, besides those that share the load: a dialect more, and a feed
	probesPerServer  = 2  // of the process
	leastDescriptors = 64 // kept for all that, where there are twice as many
	spareDescriptors = 4  // are free whatever else is open: for dials, and for gnet, which copies each that it takes
)

// limitOfDescriptors returns how many descriptors the process may have.
func limitOfDescriptors() int {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return 1024
	}
	return int(min(lim.Cur, 1<<20))
}

// forClients returns how many descriptors are for clients and what is lent to them, beside the
// pools there are.
func (e *Engine) forClients() int {
	own := ownDescriptors
	for _, p := range e.pools {
		own += p.opt.Table.Servers() * (e.opt.Workers*(p.opt.ServerConnections+linksPerServer) + probesPerServer)
	}
	return e.limit - min(max(own, leastDescriptors), e.limit/2)
}

// MaxClients is how many clients find room, over all pools. It is known once all pools are
// added.
func (e *Engine) MaxClients() int {
	if e.opt.MaxClients <= 0 {
		return e.descriptors
	}
	return min(e.opt.MaxClients, e.descriptors)
}

// mayOpen counts one more link that is to be lent, and reports whether there are descriptors for
// it: with one link and one connection for each who borrows, a fifth is left to those who do not.
func (e *Engine) mayOpen() bool {
	if int(e.private.Add(1)) <= max(e.descriptors*2/5, 1) {
		return true
	}
	e.private.Add(-1)
	return false
}

// scarce reports whether too few descriptors are free beside a connection's own. A copy of that gets the lowest one that
// is free, so that all below are open, whatever for.
func (e *Engine) scarce(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false // it has been closed
	}
	next := 0
	_ = raw.Control(func(fd uintptr) {
		if next, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			_ = unix.Close(next)
		}
	})
	return err != nil || next >= e.limit-spareDescriptors
}

// crowded reports whether so many clients and what was lent to them leave too few descriptors
// for everything else.
func (e *Engine) crowded(clients int) bool {
	return clients+int(e.private.Load()) > e.descriptors
}
