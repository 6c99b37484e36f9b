package loop

import "golang.org/x/sys/unix"

// The descriptors that the process may have are shared out before anybody comes: to what the
// process needs itself (logs, admin pages, probes, shared links, the connection that is accepted to
// be turned away), and to clients with the links that are lent to them. Those who borrow leave some
// to others: whatever clients wait for, there is room for one that wants to look.
const (
	ownDescriptors   = 40 // without servers
	linksPerServer   = 2  // of a worker, besides those that share the load: a dialect more, and a feed
	probesPerServer  = 2  // of the process
	leastDescriptors = 64 // kept for all that, where there are twice as many
)

// limitOfDescriptors returns how many descriptors the process may have.
func limitOfDescriptors() int {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return 1024
	}
	return int(min(lim.Cur, 1<<20))
}

// forClients returns how many of so many descriptors are for clients and what is lent to them,
// beside the pools there are.
func (e *Engine) forClients(limit int) int {
	own := ownDescriptors
	for _, p := range e.pools {
		own += p.opt.Table.Servers() * (e.opt.Workers*(p.opt.ServerConnections+linksPerServer) + probesPerServer)
	}
	return limit - min(max(own, leastDescriptors), limit/2)
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

// crowded reports whether so many clients and what was lent to them leave too few descriptors
// for everything else.
func (e *Engine) crowded(clients int) bool {
	return clients+int(e.private.Load()) > e.descriptors
}
