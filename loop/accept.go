package loop

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"huntaway/codec"
	"huntaway/loop/netio"
	"huntaway/perf"
	"huntaway/perf/repeat"
)

// How the acceptor waits when the process has no descriptor left.
const (
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = time.Second
)

// Serve accepts clients on ln and hands each to the worker with the fewest. It returns nil
// when ln is closed by Drain, Stop or its owner. Running out of descriptors makes it wait,
// not fail.
func (p *Pool) Serve(ln net.Listener) error {
	if !p.engine.listens(ln) {
		return net.ErrClosed
	}
	defer p.engine.forget(ln)
	var pause time.Duration
	for {
		c, err := ln.Accept()
		if err == nil {
			err = p.admit(c)
		}
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			pause = min(max(2*pause, firstAcceptPause), lastAcceptPause)
			p.engine.often.Say(slog.LevelWarn, repeat.Subject{What: "accept failed", Whom: p.opt.Name}, "pool", p.opt.Name, "cause", err, "retry", pause)
			if !p.engine.rest(pause) {
				return nil
			}
		}
	}
}

// admit hands a client to a worker, or tells it that there is no room. The error is one
// that the next client would meet as well: gnet needs a second descriptor for a moment, and
// somebody else may have got it since there was one.
func (p *Pool) admit(c net.Conn) error {
	e := p.engine
	p.accepts.Add(1)
	all, ours := int(e.clients.Add(1)), int(p.clients.Add(1))
	if all > e.MaxClients() || p.full(ours) || e.crowded(all) || e.scarce(c) {
		p.clients.Add(-1)
		e.clients.Add(-1)
		p.turnAway(c)
		return nil
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetKeepAlive(p.options().TCPKeepalive) // fails only when the client has gone already
	}
	w := e.lightest()
	w.gauges.load.Add(1)
	s := &session{w: w, client: clientInfo{id: e.lastID.Add(1)}}
	err := e.reactor.Enroll(w.id, c, &arrival{s, p})
	if err != nil {
		w.gauges.load.Add(-1)
		p.clients.Add(-1)
		e.clients.Add(-1)
	}
	return err
}

// full reports whether n clients are more than the pool's own limit allows.
func (p *Pool) full(n int) bool {
	most := p.options().ClientConnections
	return most > 0 && n > most
}

// Room is how many clients the pool takes: its own limit, or that of all pools together.
func (p *Pool) Room() int {
	if most := p.options().ClientConnections; most > 0 {
		return min(most, p.engine.MaxClients())
	}
	return p.engine.MaxClients()
}

// TurnedAway returns how many clients found no room, and how long ago the last one did.
func (p *Pool) TurnedAway() (n uint64, ago time.Duration) {
	return p.rejects.Load(), time.Duration(perf.Now() - p.rejected.Load())
}

// turnAway says what Redis says when it has too many clients.
func (p *Pool) turnAway(c net.Conn) {
	p.rejects.Add(1)
	p.rejected.Store(perf.Now())
	p.engine.often.Say(slog.LevelWarn, repeat.Subject{What: "client turned away", Whom: p.opt.Name}, "pool", p.opt.Name,
		"client_connections", p.options().ClientConnections, "max_clients", p.engine.MaxClients(), "clients", p.engine.clients.Load(), "lent_links", p.engine.private.Load(), "open_files_limit", p.engine.limit)
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(codec.AppendError(nil, textMaxClients)) // whether it hears us or not
	c.Close()
}

// lightest returns the worker with the fewest sessions. gnet's own balancing looks at a
// count that lags behind, and gives a burst of connections to one loop.
func (e *Engine) lightest() *worker {
	best := e.workers[0]
	for _, w := range e.workers[1:] {
		if w.gauges.load.Load() < best.gauges.load.Load() {
			best = w
		}
	}
	return best
}

// listens remembers a listener, so that Drain can close it; false once it is too late.
func (e *Engine) listens(ln net.Listener) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		ln.Close()
		return false
	}
	e.listeners[ln] = struct{}{}
	return true
}

// forget is the opposite of listens.
func (e *Engine) forget(ln net.Listener) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.listeners, ln)
}

// rest waits; false when the engine has been stopped meanwhile.
func (e *Engine) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.done:
		return false
	}
}

// An arrival is a session on its way to its worker: the endpoint of its socket.
type arrival struct {
	s *session
	p *Pool
}

func (a *arrival) Opened(c netio.Conn) {
	w := a.s.w
	w.begin()
	a.s.pw = w.pools[a.p.index]
	a.s.open(c)
	w.end()
}

func (a *arrival) Arrived(in []byte) {
	w := a.s.w
	w.begin()
	a.s.readable(in)
	w.end()
}

func (a *arrival) Closed(cause error, polite bool) {
	w := a.s.w
	w.begin()
	a.s.lost(cause, polite)
	w.end()
}

// A call is a link's connection: the endpoint of its socket. A new one is made per dial, so
// that what comes late from an old connection cannot be taken for the new one's.
type call struct {
	l        *link
	conn     netio.Conn
	distance int64 // how long connecting took, which no server has a part in
}

func (c *call) Opened(w netio.Conn) {
	c.l.w.begin()
	c.conn = w
	c.l.trips.distance = min(c.distance, int64(mostDistance))
	c.l.open(w)
	c.l.w.end()
}

func (c *call) Arrived(in []byte) {
	c.l.w.begin()
	if c.l.conn == c.conn {
		c.l.readable(in)
	}
	c.l.w.end()
}

func (c *call) Closed(cause error, _ bool) {
	c.l.w.begin()
	if c.l.conn == c.conn {
		c.l.lost(cause)
	}
	c.l.w.end()
}

// dial connects a link on a goroutine of its own, and hands the connection to the link's
// worker. Called on the worker.
func (e *Engine) dial(l *link) {
	if !e.canDial() {
		return
	}
	o := l.socketOptions()
	e.dials.Add(1)
	go func() {
		defer e.dials.Done()
		d := net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: -1, Control: linkSocket(o)}
		began := perf.Now()
		c, err := e.opt.Dial(e.dialing, &d, l.server.Network, l.server.Addr)
		if err == nil {
			err = e.reactor.Enroll(l.w.id, c, &call{l: l, distance: perf.Now() - began})
		}
		if err != nil {
			l.w.post(func() {
				l.w.begin()
				l.dialFailed(err)
				l.w.end()
			})
		}
	}()
}

// canDial reports whether links are connected: not any more when the engine stops, and never by
// a worker without an engine, for which a test dials itself.
func (e *Engine) canDial() bool { return e.reactor != nil && !e.stopping() }

// linkSocket sets what a link's socket needs before it connects. A peer that has vanished
// without a word is noticed by the kernel within the pool's timeout plus probes.
func linkSocket(o *PoolOptions) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		if network[0] != 't' {
			return nil
		}
		var err error
		ctl := c.Control(func(fd uintptr) { err = setLinkSocket(int(fd), o) })
		return errors.Join(ctl, err)
	}
}

// setLinkSocket sets keepalive and the time after which unacknowledged bytes break the
// connection.
func setLinkSocket(fd int, o *PoolOptions) error {
	if o.TCPKeepalive {
		for _, opt := range [][3]int{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		} {
			if err := unix.SetsockoptInt(fd, opt[0], opt[1], opt[2]); err != nil {
				return err
			}
		}
	}
	if o.Timeout == 0 {
		return nil
	}
	gone := max(3*o.Timeout, 3*time.Second)
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(gone/time.Millisecond))
}
