package loop

import (
	"bytes"
	"cmp"
	"errors"
	"testing"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
	"huntaway/shard"
)

// This file is what tests of whole workers stand on: an engine without gnet, whose
// connections are memory and whose posted tasks run when the test says so. Everything
// happens on the test's goroutine, so a test sees each event end before it goes on.

// A stage is an engine with workers, and no reactor.
type stage struct {
	t     testing.TB
	e     *Engine
	tasks []func() // posted and not run yet, in the order of posting
	links []*memConn
}

// newStage makes an engine with n workers and one pool per options. Without a command table
// a pool has the compiled one, without a table one group with one server.
func newStage(t testing.TB, n int, pools ...PoolOptions) *stage {
	t.Helper()
	e, err := New(Options{Workers: n, MaxClients: 1000, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, e: e}
	for _, opt := range pools {
		opt.Name = cmp.Or(opt.Name, "alpha")
		opt.Commands = cmp.Or(opt.Commands, codec.Default())
		if opt.Table == nil {
			opt.Table = testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{
				{Addr: "127.0.0.1:6379", Role: shard.Master, Weight: 1}}})
		}
		if _, err := e.AddPool(opt); err != nil {
			t.Fatal(err)
		}
	}
	for id := range n {
		w := newWorker(e, id, func(task func()) { st.tasks = append(st.tasks, task) })
		w.turns.ask = func() { st.tasks = append(st.tasks, w.takeTurn) }
		w.begin()
		for _, p := range e.pools {
			w.pools = append(w.pools, newPoolWorker(w, p))
		}
		w.end()
		e.workers = append(e.workers, w)
	}
	return st
}

// newTestWorker makes a stage with one worker and one pool.
func newTestWorker(t testing.TB, opt PoolOptions) *stage {
	t.Helper()
	return newStage(t, 1, opt)
}

// testTable builds a table of groups; weights of 0 become 1.
func testTable(t testing.TB, groups ...shard.Group) *shard.Table {
	t.Helper()
	for g := range groups {
		groups[g].Weight = max(groups[g].Weight, 1)
	}
	table, err := shard.Build(shard.Spec{Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// run runs posted tasks until none is left, those that they post included.
func (st *stage) run() {
	for len(st.tasks) > 0 || st.echo() {
		if len(st.tasks) > 0 {
			task := st.tasks[0]
			st.tasks = st.tasks[1:]
			task()
		}
	}
}

// echo answers canaries that are due, and reports whether there were any.
func (st *stage) echo() (some bool) {
	for _, m := range st.links {
		if said := m.echo.ripe(); said != "" && !m.closed {
			m.owner.Arrived([]byte(said))
			some = true
		}
	}
	return some
}

// server makes the connection of a link of the stage, whose canaries are answered by themselves.
func (st *stage) server(c *call, addr string) *memConn {
	m := &memConn{owner: c, remote: addr, echo: &echoer{scan: codec.ReplyScanner{RESP3: true}}}
	st.links = append(st.links, m)
	return m
}

// stale is what bytes are overwritten with that must not be read any more.
var stale = bytes.Repeat([]byte{0xDB}, 64<<10)

// A memConn is a connection in memory. The fields may be read and set between events.
type memConn struct {
	owner   netio.Endpoint
	said    []byte // written and not taken by the test
	writes  int    // system calls it would have cost
	kept    int    // what backlog says
	fills   int    // what it says after the next write, unless it is 0
	unread  int    // what waiting says
	paused  bool
	awaits  bool // paused, but for the peer's end
	closed  bool
	aborted bool // by abort
	remote  string
	local   string
	last    netio.Conn // what linger returns; nil: nothing
	echo    *echoer    // answers canaries; nil: the test does
}

func (m *memConn) Write(b []byte) {
	m.writes++
	m.kept = cmp.Or(m.fills, m.kept)
	m.said = append(m.said, m.echo.hide(b)...)
}

func (m *memConn) Writev(a, b []byte) {
	m.writes++
	m.said = append(append(m.said, a...), b...)
}

func (m *memConn) Backlog() int { return m.kept }
func (m *memConn) Untaken() int { return 0 }
func (m *memConn) Pause()       { m.paused, m.awaits = true, false }
func (m *memConn) Await()       { m.paused, m.awaits = true, true }
func (m *memConn) Resume()      { m.paused, m.awaits = false, false }

func (m *memConn) Close() {
	if !m.closed {
		m.closed = true
		m.owner.Closed(nil, false)
	}
}

func (m *memConn) Abort() {
	m.aborted = true
	m.Close()
}

func (m *memConn) WriteStretch(b memory.Stretch) (left bool) {
	m.Write(b.Bytes())
	return false
}

func (m *memConn) Push() (left, took bool) { return false, false }

func (m *memConn) Waiting() int { return m.unread }
func (m *memConn) Shut() bool   { return false }

func (m *memConn) Linger() netio.Conn {
	if m.last == nil {
		return nil
	}
	return m.last
}

func (m *memConn) Addresses() (remote, local string) { return m.remote, m.local }

// arrive is one event with bytes from the other side. They are overwritten when it ends, as
// the event loop's read buffer is.
func (m *memConn) arrive(in string) {
	b := m.echo.weave([]byte(in))
	m.owner.Arrived(b)
	for rest := b; len(rest) > 0; {
		rest = rest[copy(rest, stale):]
	}
}

// take returns what was written since the last take.
func (m *memConn) take() string {
	said := string(m.said)
	m.said = m.said[:0]
	return said
}

// A memClient is a client of a stage.
type memClient struct {
	*memConn
	st *stage
	s  *session
}

// client connects a client to a pool on a worker.
func (st *stage) client(pool, worker int) *memClient {
	p, w := st.e.pools[pool], st.e.workers[worker]
	p.clients.Add(1)
	st.e.clients.Add(1)
	w.gauges.load.Add(1)
	s := &session{w: w, client: clientInfo{id: st.e.lastID.Add(1)}}
	a := &arrival{s, p}
	m := &memConn{owner: a, local: "127.0.0.1:22121", remote: "127.0.0.1:" + decimal(50000+int(s.client.id))}
	a.Opened(m)
	return &memClient{m, st, s}
}

// known makes the client one whose replies are known to be small: it may have as many requests
// in flight as there can be.
func (c *memClient) known() *memClient {
	c.s.pace.allowed = c.s.pw.opt.Limits.Pipeline
	c.s.pace.width = int32(c.s.pace.allowed)
	return c
}

// ask sends bytes as they are, lets everything that follows happen, and returns what was
// written to the client.
func (c *memClient) ask(request string) string {
	c.arrive(request)
	c.st.run()
	return c.take()
}

// say is ask for one request in multi-bulk form.
func (c *memClient) say(args ...string) string {
	return c.ask(string(codec.AppendCommand(nil, args...)))
}

// refuse makes the dial of a link fail, as that of a server that is not there does.
func (l *link) refuse() {
	l.w.begin()
	l.dialFailed(errors.New("connection refused"))
	l.w.end()
}

// linkTo connects the worker's link to a server of a pool, and answers its handshake.
func (st *stage) linkTo(pool, worker int, server int32) *memConn {
	st.t.Helper()
	w := st.e.workers[worker]
	pw := w.pools[pool]
	l := pw.link(server, 0)
	w.begin()
	l.warm()
	w.end()
	c := &call{l: l}
	m := st.server(c, l.server.Addr)
	c.Opened(m)
	_, replies := greeting(&pw.opt.PoolOptions, l.kind.dialect, false)
	for range replies {
		m.arrive("+OK\r\n")
	}
	st.run()
	m.take()
	return m
}

// regionsOf returns how many regions of a worker are in use.
func regionsOf(w *worker) int {
	n, _ := w.arena.InUse()
	return n
}
