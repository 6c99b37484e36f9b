package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"huntaway/perf/bench/history"
	"huntaway/perf/bench/rig"
)

// wantFailover waits for the first write that another master than old takes, and notes the time.
func (a *attack) wantFailover(g *group, old *server, at int64, within time.Duration) {
	if a.plan.mode == "sentinel" {
		within += splitVote
	}
	if !a.until("no write by another master", within, func() bool { return a.writeByOther(g, old, at) > 0 }) {
		return
	}
	first := a.writeByOther(g, old, at)
	a.figure("fault to first write, s", seconds(first-at))
	a.bit("another master took a write after %.3f s", seconds(first-at))
}

// splitVote is what Sentinels that all voted for themselves wait before they try again (twice
// failover-timeout, which is 10 s here), with some time to do so. How quick they are is measured
// by "make failover".
const splitVote = 25 * time.Second

// writeByOther returns when another server than old first acknowledged a write; 0: not yet.
func (a *attack) writeByOther(g *group, old *server, since int64) (first int64) {
	for _, op := range a.ops(g, since) {
		if op.Server != "" && op.Server != old.port && op.Class == history.OK && (first == 0 || op.Completed < first) {
			first = op.Completed
		}
	}
	return first
}

// wantDemoted waits until a server that came back at the given moment follows the group's master.
// Sentinels take their time over that, Huntaway does not.
func (a *attack) wantDemoted(g *group, s *server, since int64) {
	within := 6 * time.Second
	if a.plan.mode == "sentinel" {
		within = 30 * time.Second
	}
	if a.until(s.name+" is not demoted", within, func() bool { return !s.isMaster() }) {
		a.figure("back to demoted, s", seconds(a.log.Now()-since))
	}
	a.until(s.name+" does not follow the new master", 20*time.Second, func() bool {
		m := g.master()
		return m != nil && m != s && s.follows(m)
	})
}

// holds is how long the proxy holds what it cannot send, and a little less: reads that must not be
// older than the client's own write wait for the new master as its writes do.
const holds = 2400 * time.Millisecond

// killMaster is F1.
func killMaster(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.crash(m)
	a.forgive(g, at)
	a.wantFailover(g, m, at, 12*time.Second)
	a.wait(time.Second)
	if first := a.writeByOther(g, m, at); first-at < int64(holds) {
		a.wantReads(g, at)
	}
	a.wantLookups(g, at)
	a.figure("writes unknown", float64(a.tally(g, at).writes[history.Unknown]))
	a.figure("writes not executed", float64(a.tally(g, at).writes[history.Fail]))
	return nil
}

// stopMaster is F2: the master comes back when another one has taken its place.
func stopMaster(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.stop(m)
	a.forgive(g, at)
	a.wantFailover(g, m, at, 15*time.Second)
	a.wantLookups(g, at)
	a.wait(time.Second)
	back := a.log.Now()
	m.Resume()
	a.wantDemoted(g, m, back)
	return nil
}

// stopLate is F2 with writes that no replica has yet: they are lost, in the window that is
// declared for them, and the proxy says so when the old master is back.
func stopLate(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	m.wire.set(slow, replicas)
	a.wait(1500 * time.Millisecond)
	at := a.stop(m)
	a.mu.Lock()
	a.windows = append(a.windows, history.Window{Group: g.name, From: at - 3e9, To: at + 50e6})
	a.mu.Unlock()
	// What the wire still has must not reach the replicas behind the master's back.
	m.wire.set(refused, replicas)
	a.wantFailover(g, m, at, 15*time.Second)
	a.bites = nil
	back := a.log.Now()
	m.wire.set(clear, replicas)
	m.Resume()
	a.wantDemoted(g, m, back)
	a.until("the proxy does not tell what is lost", 5*time.Second, func() bool { _, known := a.discarded(g.name); return known })
	if lost, _ := a.discarded(g.name); lost > 0 {
		a.bit("%d bytes were discarded", lost)
		a.figure("bytes discarded", float64(lost))
	}
	return nil
}

// wantLookups fails the run when a client that only reads was not served: replicas are well.
func (a *attack) wantLookups(g *group, since int64) {
	n, first := 0, history.Op{}
	for _, op := range a.ops(g, since) {
		if op.Kind == history.Read && op.Class != history.OK {
			n, first = n+1, op
		}
	}
	a.figure("lookups failed", float64(n))
	if n > 0 {
		a.fail("%d reads of clients that only read failed, one after %.3f s: %s", n, seconds(first.Completed-since), first.Error)
	}
}

// longest returns the longest time that an operation of the group took since the given moment.
func (a *attack) longest(g *group, since int64) (d int64) {
	for _, op := range a.ops(g, since) {
		if op.Kind != history.Pop {
			d = max(d, op.Completed-op.Invoked)
		}
	}
	return d
}

// stall has the master sleep, and waits until it is awake.
func (a *attack) stall(g *group, d time.Duration) (at int64, err error) {
	at = a.log.Now()
	if _, err := rig.Call(g.servers[0].Addr, d+10*time.Second, "DEBUG", "SLEEP", fmt.Sprintf("%.3f", d.Seconds())); err != nil {
		return at, err
	}
	a.wait(time.Second)
	if took := a.longest(g, at); took > int64(d)/3 {
		a.bit("an operation took %.3f s", seconds(took))
	}
	a.wantNoFailover(g, g.servers[0])
	return at, nil
}

// stallLong is F3.
func stallLong(a *attack) error {
	at, err := a.stall(a.groups[0], 3*time.Second)
	a.wantLookups(a.groups[0], at)
	return err
}

// stallShort is F3 with a stall that nobody needs to notice: nothing fails.
func stallShort(a *attack) error {
	g := a.groups[0]
	at, err := a.stall(g, 900*time.Millisecond)
	if err == nil {
		t := a.tally(g, at)
		if n := t.writes[history.Fail] + t.writes[history.Unknown] + t.reads[history.Fail] + t.reads[history.Unknown]; n > 0 {
			a.fail("%d operations failed in a stall of 0.9 s; want none", n)
		}
	}
	return err
}

// busy has a server run a script that does not end by itself for that long.
func (a *attack) busy(m *server, d time.Duration) error {
	ended := make(chan error, 1)
	go func() {
		_, err := rig.Call(m.Addr, d+20*time.Second, "EVAL", "while true do end", "0")
		ended <- err
	}()
	a.wait(d)
	if _, err := m.call("PING"); err != nil {
		a.bit("the master says %v", err)
	}
	a.wantNoFailoverYet(a.groups[0])
	if _, err := m.call("SCRIPT", "KILL"); err != nil {
		return err
	}
	<-ended // the error is the script's end
	return nil
}

// busyScript is F4.
func busyScript(a *attack) error {
	g := a.groups[0]
	at := a.log.Now()
	if err := a.busy(g.servers[0], 7*time.Second); err != nil {
		return err
	}
	a.wait(time.Second)
	a.wantNoFailover(g, g.servers[0])
	a.wantLookups(g, at)
	return nil
}

// wantNoFailoverYet asks proxies alone: the master cannot answer.
func (a *attack) wantNoFailoverYet(g *group) {
	for _, p := range a.proxies {
		if c, ok := p.group(g.name); ok && c.Master != g.servers[0].at {
			a.fail("%s says that the master of %s is %s; want %s still", p.name, g.name, c.Master, g.servers[0].at)
		}
	}
}

// neverAnswers is F11: health is a reply, not a connection.
func neverAnswers(a *attack) error {
	g := a.groups[0]
	s := g.servers[1]
	at := a.crash(s)
	ln, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	taken := make(chan int, 1)
	go func() { taken <- acceptAll(ln) }()
	a.wait(4 * time.Second)
	a.outOfReaders(g, s)
	a.wantReads(g, at)
	ln.Close()
	if n := <-taken; n == 0 {
		a.fail("nobody connected to the server that never answers")
	}
	return s.asBorn(a.ctx)
}

// acceptAll takes connections until the listener is closed, and says nothing to anybody.
func acceptAll(ln net.Listener) (n int) {
	var all []net.Conn
	for {
		c, err := ln.Accept()
		if err != nil {
			break
		}
		all = append(all, c)
	}
	for _, c := range all {
		c.Close()
	}
	return len(all)
}

// fullHouse is F12.
func fullHouse(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	conn, err := m.direct()
	if err != nil {
		return err
	}
	defer conn.Close()
	before := m.fields("stats")["rejected_connections"]
	if _, err := conn.Do("CONFIG", "SET", "maxclients", 4); err != nil {
		return err
	}
	at := a.log.Now()
	if _, err := conn.Do("CLIENT", "KILL", "TYPE", "normal"); err != nil {
		return err
	}
	a.wait(6 * time.Second)
	stats, _ := redis.String(conn.Do("INFO", "stats")) // compared below; empty fails there
	rejected := number(stats, "rejected_connections") - atoi(before)
	if rejected > 0 {
		a.bit("%d connections were refused", rejected)
	}
	if rejected > 6*100*2 {
		a.fail("%d connections refused in 6 s: a storm of dials; want 100 a second at most", rejected)
	}
	if _, err := conn.Do("CONFIG", "SET", "maxclients", 10000); err != nil {
		return err
	}
	a.wait(time.Second)
	a.wantNoFailover(g, m)
	a.wantLookups(g, at)
	return nil
}

// misconf makes the master's snapshots fail: a folder stands where the file should.
func (a *attack) misconf(g *group, d time.Duration) error {
	m := g.servers[0]
	// A replica that cannot save ends at the first write that it is sent, and the master may be made one meanwhile.
	if _, err := m.call("CONFIG", "SET", "replica-ignore-disk-write-errors", "yes"); err != nil {
		return err
	}
	obstacle := filepath.Join(m.dir, "dump.rdb")
	if err := os.MkdirAll(filepath.Join(obstacle, "in the way"), 0o700); err != nil {
		return err
	}
	if _, err := m.call("CONFIG", "SET", "save", "1 1"); err != nil {
		return err
	}
	_, _ = m.call("BGSAVE") // it may have begun one by itself
	a.until("the master says MISCONF", 5*time.Second, func() bool { _, err := m.call("SET", "misconf?", "1"); return err != nil })
	a.wait(d)
	if n := a.refusals(g, "MISCONF"); n > 0 {
		a.bit("%d writes were refused with MISCONF", n)
	}
	if err := os.RemoveAll(obstacle); err != nil {
		return err
	}
	if _, err := m.call("CONFIG", "SET", "save", ""); err != nil {
		return err
	}
	a.until("the master can save again", 10*time.Second, func() bool {
		_, _ = m.call("BGSAVE") // likewise
		_, err := m.call("SET", "misconf?", "0")
		return err == nil || strings.Contains(err.Error(), "READONLY ")
	})
	return nil
}

// refusals counts operations that ended with such an error.
func (a *attack) refusals(g *group, code string) (n int) {
	for _, op := range a.ops(g, 0) {
		if len(op.Error) >= len(code) && op.Error[:len(code)] == code {
			n++
		}
	}
	return n
}

// misconfBriefly is F22.
func misconfBriefly(a *attack) error {
	g := a.groups[0]
	at := a.log.Now()
	if err := a.misconf(g, 6*time.Second); err != nil {
		return err
	}
	a.wait(2 * time.Second)
	a.wantNoFailover(g, g.servers[0])
	a.wantLookups(g, at)
	return nil
}

// misconfLong is F22 with a failover to a server that can save. The master has refused every
// write for seconds by then, so nothing may be lost.
func misconfLong(a *attack) error {
	g := a.groups[0]
	at := a.log.Now()
	if err := a.misconf(g, 14*time.Second); err != nil {
		return err
	}
	a.wantFailover(g, g.servers[0], at, 10*time.Second)
	a.wantLookups(g, at)
	return nil
}

// outOfMemory is F23.
func outOfMemory(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	if _, err := m.call("CONFIG", "SET", "maxmemory", "1mb"); err != nil {
		return err
	}
	a.wait(5 * time.Second)
	if n := a.refusals(g, "OOM"); n > 0 {
		a.bit("%d writes were refused with OOM", n)
	}
	if _, err := m.call("CONFIG", "SET", "maxmemory", "0"); err != nil {
		return err
	}
	a.wait(time.Second)
	a.wantNoFailover(g, m)
	return nil
}

// newPassword is F36.
func newPassword(a *attack) error {
	g := a.groups[0]
	var conns []redis.Conn
	for _, s := range g.servers {
		conn, err := s.direct()
		if err != nil {
			return err
		}
		defer conn.Close()
		conns = append(conns, conn)
		if _, err := conn.Do("CONFIG", "SET", "requirepass", "changed"); err != nil {
			return err
		}
		if _, err := conn.Do("CLIENT", "KILL", "TYPE", "normal"); err != nil {
			return err
		}
	}
	at := a.log.Now()
	a.wait(8 * time.Second)
	if t := a.tally(g, at); t.writes[history.Fail] > 0 {
		a.bit("%d writes were not executed", t.writes[history.Fail])
	}
	for _, conn := range conns {
		if _, err := conn.Do("CONFIG", "SET", "requirepass", ""); err != nil {
			return err
		}
	}
	a.wait(time.Second)
	a.wantNoFailover(g, g.servers[0])
	return nil
}

// flapping is F44: every stop is shorter than down_after.
func flapping(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	at := a.log.Now()
	for range 4 {
		a.stop(m)
		a.wait(3 * time.Second)
		m.Resume()
		a.wait(3 * time.Second)
	}
	if took := a.longest(g, at); took > 1e9 {
		a.bit("an operation took %.3f s", seconds(took))
	}
	a.wantNoFailover(g, m)
	return nil
}

// killTwo is F45: who is left becomes master.
func killTwo(a *attack) error {
	g := a.groups[0]
	at := a.crash(g.servers[0])
	a.crash(g.servers[1])
	a.forgive(g, at)
	a.wantFailover(g, g.servers[0], at, 12*time.Second)
	if now := g.master(); now != g.servers[2] {
		a.fail("the master is %s; want %s, the only one left", nameOf(now), g.servers[2].name)
	}
	return nil
}
