package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A directory knows where the names of servers lead. A name is looked up again whenever
// somebody connects, and every few seconds in between. When it does not resolve, the
// addresses that it had last stay good: that DNS is out of order says nothing about the
// servers. When it leads elsewhere, those who are connected are told.
type directory struct {
	// Fixed when made.
	log    *slog.Logger
	lookup func(ctx context.Context, host string) ([]string, error)
	moved  func(addr string) // the name in this address leads elsewhere now; any goroutine

	mu    sync.Mutex // guards the following; never held while something is looked up
	names map[string]*name
}

// A dialFunc opens a connection.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// A name is one host name that a server was given by. What is guarded is by its directory's mu.
type name struct {
	host  string
	addrs []string            // where it led last; guarded, like all below
	used  string              // of them, the one that was last connected to
	full  map[string]struct{} // addresses with this name and a port that somebody connected to
	conns map[*tracked]struct{}
	err   error         // of the newest look; nil: it succeeded
	lost  time.Time     // with err: since when looks fail
	fresh time.Time     // when that ended
	begun time.Time     // when the newest look began
	under chan struct{} // closed when the look that is under way ends; nil: none is
}

const (
	lookEvery = 4 * time.Second        // between two looks at a name that nobody connects to
	lookLasts = 4 * time.Second        // a look that takes longer has failed
	lookWait  = 200 * time.Millisecond // how long a connect waits for a look when it knows an address
	lookTwice = 500 * time.Millisecond // a look younger than that need not be repeated
)

// newDirectory returns a directory that asks the system's resolver.
func newDirectory(log *slog.Logger, moved func(addr string)) *directory {
	r := &net.Resolver{PreferGo: true} // the system's own may keep answers, and a thread for each look
	return &directory{log: log, lookup: r.LookupHost, moved: moved, names: map[string]*name{}}
}

// run looks at every name every few seconds, until ctx ends.
func (d *directory) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		d.mu.Lock()
		for _, n := range d.names {
			d.look(n)
		}
		d.mu.Unlock()
	}
}

// dial opens a connection with what dialer says.
func (d *directory) dial(ctx context.Context, dialer *net.Dialer, network, addr string) (net.Conn, error) {
	c, _, err := d.connect(ctx, dialer, network, addr)
	return c, err
}

// dialTracked opens a connection that fails, at the next command, once the name leads elsewhere.
func (d *directory) dialTracked(ctx context.Context, network, addr string) (net.Conn, error) {
	c, n, err := d.connect(ctx, &net.Dialer{}, network, addr)
	if n == nil || err != nil {
		return c, err
	}
	t := &tracked{Conn: c, d: d, n: n}
	d.mu.Lock()
	n.conns[t] = struct{}{}
	d.mu.Unlock()
	return t, nil
}

// connect opens a connection; n is the name in addr, nil when there is none.
func (d *directory) connect(ctx context.Context, dialer *net.Dialer, network, addr string) (c net.Conn, n *name, err error) {
	host, port, err := net.SplitHostPort(addr)
	if _, ip := netip.ParseAddr(host); err != nil || ip == nil || !strings.HasPrefix(network, "tcp") || host == "" {
		c, err = dialer.DialContext(ctx, network, addr)
		return c, nil, err
	}
	if dialer.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialer.Timeout)
		defer cancel()
	}
	n, addrs, err := d.find(ctx, host, addr)
	for _, each := range addrs {
		if c, err = dialer.DialContext(ctx, network, net.JoinHostPort(each, port)); err == nil {
			d.mu.Lock()
			n.used = each
			d.mu.Unlock()
			return c, n, nil
		}
	}
	return nil, n, err
}

// find returns where a host is: as it is now, if that is answered soon or nothing is known,
// else as it was last.
func (d *directory) find(ctx context.Context, host, addr string) (*name, []string, error) {
	d.mu.Lock()
	n := d.names[host]
	if n == nil {
		n = &name{host: host, full: map[string]struct{}{}, conns: map[*tracked]struct{}{}}
		d.names[host] = n
	}
	n.full[addr] = struct{}{}
	known := len(n.addrs) > 0
	if known && time.Since(n.fresh) < lookTwice {
		defer d.mu.Unlock()
		return n, n.addrs, nil
	}
	under, patience := d.look(n), lookWait-time.Since(n.begun)
	if n.err != nil {
		patience = 0 // it did not work just now: connects during a failover must not wait for it
	}
	d.mu.Unlock()
	wait := ctx
	if known {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	select {
	case <-under:
	case <-wait.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case len(n.addrs) > 0:
		return n, n.addrs, nil
	case n.err != nil:
		return n, nil, n.err
	}
	cause := context.Cause(ctx)
	return n, nil, &net.DNSError{UnwrapErr: cause, Err: cause.Error(), Name: host, IsTimeout: true}
}

// look looks a name up, unless that is under way, and returns what is closed when it ends.
// The caller holds mu.
func (d *directory) look(n *name) <-chan struct{} {
	if n.under != nil {
		return n.under
	}
	ended := make(chan struct{})
	n.under, n.begun = ended, time.Now()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookLasts)
		defer cancel()
		addrs, err := d.lookup(ctx, n.host)
		elsewhere := d.learn(n, addrs, err)
		close(ended)
		for _, addr := range elsewhere {
			d.moved(addr)
		}
	}()
	return ended
}

// learn takes the end of a look and returns the addresses whose connections lead to a place
// that the name does not have any more.
func (d *directory) learn(n *name, addrs []string, err error) (elsewhere []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed := n.err != nil
	n.under, n.fresh, n.err = nil, time.Now(), err
	switch {
	case err != nil && !failed:
		n.lost = time.Now()
		d.log.Warn("name not resolved", "name", n.host, "kept", n.addrs, "err", err)
	case err == nil && failed:
		d.log.Info("name resolved again", "name", n.host, "addresses", addrs)
	}
	if err != nil {
		return nil
	}
	slices.Sort(addrs)
	was := n.addrs
	n.addrs = addrs
	if n.used == "" || slices.Contains(addrs, n.used) {
		return nil
	}
	d.log.Warn("name leads elsewhere", "name", n.host, "was", was, "is", addrs)
	n.used = ""
	for t := range n.conns {
		t.leave()
	}
	for addr := range n.full {
		elsewhere = append(elsewhere, addr)
	}
	return elsewhere
}

// An outOfOrder is a name that is not resolved now.
type outOfOrder struct {
	host  string
	kept  []string // where it leads all the same; none: nobody can be reached by it
	since float64  // for how long, in seconds
	why   string
}

// problem words it. A server that cannot be reached for it is spoken of as well.
func (n *outOfOrder) problem() string {
	text := fmt.Sprintf("the name %s has not been resolved for %s (%s)", n.host, briefly(n.since), n.why)
	if len(n.kept) > 0 {
		text += "; where it led last is used, " + strings.Join(n.kept, ", ") + ", wherever it should lead by now"
	}
	return text
}

// hosts are those of all servers and Sentinels.
func (page *statusPage) hosts() map[string]bool {
	all := map[string]bool{}
	note := func(addr string) {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			all[host] = true
		}
	}
	for _, p := range page.Pools {
		for _, s := range p.Sentinels {
			note(s.Addr)
		}
		for _, g := range p.Groups {
			for _, s := range g.Servers {
				note(s.Addr)
			}
		}
	}
	return all
}

// unresolved returns the names that are not, in the order of the alphabet.
func (d *directory) unresolved() (all []outOfOrder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, host := range slices.Sorted(maps.Keys(d.names)) {
		if n := d.names[host]; n.err != nil {
			all = append(all, outOfOrder{host, slices.Clone(n.addrs), time.Since(n.lost).Seconds(), n.err.Error()})
		}
	}
	return all
}

// A tracked is a connection of the monitor's. Once its name leads elsewhere nothing more is
// written to it, and it is closed if no answer is awaited.
type tracked struct {
	net.Conn
	d     *directory
	n     *name
	stale atomic.Bool
	waits atomic.Bool // something was written that has no answer yet
}

// leave makes t one that nobody writes to any more.
func (t *tracked) leave() {
	t.stale.Store(true)
	if !t.waits.Load() {
		_ = t.Conn.Close() // whoever has it finds out before he writes
	}
}

// moved is what who uses a stale connection is told.
func (t *tracked) moved() error {
	return fmt.Errorf("%s has another address: %w", t.n.host, net.ErrClosed)
}

// SyscallConn implements syscall.Conn, by which go-redis looks whether an idle connection is
// still good before it uses it.
func (t *tracked) SyscallConn() (syscall.RawConn, error) {
	c, ok := t.Conn.(syscall.Conn)
	if !ok || t.stale.Load() {
		return nil, t.moved()
	}
	return c.SyscallConn()
}

// Read implements net.Conn.
func (t *tracked) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.waits.Store(false)
	}
	return n, err
}

// Write implements net.Conn.
func (t *tracked) Write(b []byte) (int, error) {
	if t.stale.Load() {
		return 0, t.moved()
	}
	t.waits.Store(true)
	return t.Conn.Write(b)
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.d.mu.Lock()
	delete(t.n.conns, t)
	t.d.mu.Unlock()
	return t.Conn.Close()
}
