package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"huntaway/codec"
	"huntaway/perf/bench/history"
	"huntaway/perf/bench/rig"
)

// This file is F34: a proxy is replaced under load by a successor on the same address.

// bulky is a large value, so that some are on their way at any moment.
func bulky(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Set, Group: p.group, Key: c.register(p), Version: int64(c.seq)}
	size := 100<<10 + c.random.IntN(900<<10)
	return one(op, isOK, "SET", op.Key, c.value(op.Key, c.seq)+strings.Repeat("z", size))
}

// busy is ordinary, with more that takes its time.
var busy = append(append([]maker(nil), ordinary...), transfer, transfer, bulky)

// rolling has a second process on the proxy's address, and clients that come back.
func rolling(p *plan) { p.pool, p.comesBack = []string{"reuse_port = true"}, true }

// rollingGuarded is rolling with Sentinels and two proxies.
func rollingGuarded(p *plan) {
	guarded(p)
	rolling(p)
}

// A framed is a client's connection that knows where replies end. What cannot be written is
// forgotten: how the connection ended is told by what can still be read.
type framed struct {
	net.Conn
	scan  codec.ReplyScanner
	ended bool // the other side has closed its half
}

// Read implements net.Conn.
func (f *framed) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	for rest := b[:n]; len(rest) > 0; {
		used, _, failed := f.scan.Next(rest)
		if failed != nil {
			return n, failed
		}
		rest = rest[used:]
	}
	f.ended = f.ended || errors.Is(err, io.EOF)
	return n, err
}

// Write implements net.Conn.
func (f *framed) Write(b []byte) (int, error) {
	_, err := f.Conn.Write(b)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return 0, err
	}
	return len(b), nil
}

// A comeback is a client that takes the end of its connection between two replies for what
// it is: requests without a reply were not executed, and are sent again on another one.
type comeback struct {
	on     bool
	conn   *framed
	parted atomic.Int64 // connections that ended between two replies
	resent atomic.Int64 // operations that were sent again
	denied atomic.Int64 // connects that failed
	slow   atomic.Int64 // the longest connect, in ns
}

// frame makes a new connection one that knows where replies end.
func (b *comeback) frame(conn net.Conn) net.Conn {
	if !b.on {
		return conn
	}
	b.conn = &framed{Conn: conn}
	return b.conn
}

// comesBack sends operations again on a new connection, after the one they were sent on
// ended in the way that allows that.
func (c *client) comesBack(err error, left []step) bool {
	b := &c.back
	if !b.on || !b.conn.ended || !b.conn.scan.Fresh() {
		return false
	}
	b.parted.Add(1)
	b.resent.Add(int64(len(left)))
	c.log.Closed(history.Conn{Client: c.number, Number: c.connection, Sent: c.sent, Received: c.received, Broken: "ended between two replies"})
	_ = c.conn.Close() // it is not used again, whatever this says
	c.conn = nil
	if !c.dial(context.Background()) {
		return false
	}
	for i := range left {
		left[i].op.Conn = c.connection
		for _, words := range left[i].commands {
			c.sent++
			_ = c.conn.Send(words[0].(string), words[1:]...)
		}
	}
	return c.conn.Flush() == nil
}

// restarts is how many times a run replaces the proxy.
const restarts = 3

// rollingRestart is F34: nothing fails, and nobody is refused.
func rollingRestart(a *attack) error {
	begun := a.log.Now()
	for range restarts {
		if _, err := a.replaceRunning(a.proxies[0]); err != nil {
			return err
		}
		a.wait(time.Second)
	}
	a.wantComebacks()
	a.wantNothingFailed(begun)
	a.wantNoFailover(a.groups[0], a.groups[0].servers[0])
	return nil
}

// restartInFailover is F34 with a master that dies around the moment at which the predecessor is
// told to stop.
func restartInFailover(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	next, err := a.startSuccessor(a.proxies[0])
	if err != nil {
		return err
	}
	old := a.proxies[0].Child
	early := a.seed%2 == 0
	at := a.log.Now()
	if early {
		at = a.crash(m)
		a.wait(time.Duration(a.random.IntN(1500)) * time.Millisecond)
	}
	told := a.tell(old.PID())
	if !early {
		a.wait(time.Duration(a.random.IntN(300)) * time.Millisecond)
		at = a.crash(m)
	}
	a.forgive(g, at)
	a.proxies[0].Child = next
	a.awaitEnd(old.Alive, told)
	a.wantFailover(g, m, at, 20*time.Second)
	a.wantComebacks()
	return nil
}

// replaceRunning starts a successor of a proxy and has that one drain; told is when.
func (a *attack) replaceRunning(p *proxy) (told int64, err error) {
	next, err := a.startSuccessor(p)
	if err != nil {
		return 0, err
	}
	a.wait(time.Duration(200+a.random.IntN(500)) * time.Millisecond)
	old := p.Child
	told = a.tell(old.PID())
	p.Child = next
	a.awaitEnd(old.Alive, told)
	a.inFlight(told)
	return told, nil
}

// tell tells a proxy to stop.
func (a *attack) tell(pid int) (at int64) {
	at = a.log.Now()
	_ = syscall.Kill(pid, syscall.SIGTERM) // one that has gone is found out by awaitEnd's figures
	a.say("told %d to stop", pid)
	return at
}

// awaitEnd waits for the end of a proxy that was told to stop.
func (a *attack) awaitEnd(alive func() bool, told int64) {
	if a.until("it drains for longer than 10 s", 11*time.Second, func() bool { return !alive() }) {
		a.figure("told to stop to ended, s", seconds(a.log.Now()-told))
	}
}

// startSuccessor starts a second process on a proxy's address, and returns when it serves.
func (a *attack) startSuccessor(p *proxy) (*rig.Child, error) {
	ready := a.said(`"msg":"ready"`)
	next, err := a.rig.Start(a.ctx, p.launch)
	if err != nil {
		return nil, err
	}
	a.until("the successor is not ready", 10*time.Second, func() bool { return a.said(`"msg":"ready"`) > ready })
	a.say("successor %d serves beside %d", next.PID(), p.PID())
	return next, nil
}

// said counts the lines of all proxies' logs that have words in them.
func (a *attack) said(words string) (n int) {
	logs, _ := filepath.Glob(filepath.Join(a.dir, "huntaway*.log")) // the pattern is well formed
	for _, each := range logs {
		text, _ := os.ReadFile(each) // none: nothing in it
		n += strings.Count(string(text), words)
	}
	return n
}

// inFlight notes what was under way when a proxy was told to stop.
func (a *attack) inFlight(told int64) {
	all, _ := a.log.Snapshot()
	var n, long, tx, waiting float64
	for _, op := range all {
		if op.Invoked > told || op.Completed < told {
			continue
		}
		n++
		switch {
		case op.Kind == history.Transfer:
			tx++
		case op.Kind == history.Pop:
			waiting++
		case op.Kind == history.Set:
			long++
		}
	}
	a.figure("operations under way", n)
	a.figure("of them SET", long)
	a.figure("of them transfers", tx)
	a.figure("of them BLPOP", waiting)
}

// wantComebacks adds up what the clients noticed.
func (a *attack) wantComebacks() {
	var parted, resent, denied, slow int64
	for _, c := range a.clients {
		parted += c.back.parted.Load()
		resent += c.back.resent.Load()
		denied += c.back.denied.Load()
		slow = max(slow, c.back.slow.Load())
	}
	a.figure("connections ended between replies", float64(parted))
	a.figure("operations sent again", float64(resent))
	a.figure("longest connect, s", seconds(slow))
	if parted > 0 {
		a.bit("%d connections ended between two replies and came back", parted)
	}
	if denied > 0 {
		a.fail("%d connects were refused", denied)
	}
}
