package loop

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/shard"
)

// fence has every worker close its links to a server.
func (c *crisis) fence(server int32) {
	w := c.e.workers[0]
	w.begin()
	c.pw.fence(server)
	w.end()
	c.run()
}

// TestFence: what was sent is unknown, what was not is sent to the next master, in order, and
// no reply of the old one reaches anybody.
func TestFence(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	a, b := c.client(0, 0), c.client(0, 0)
	a.ask(sets(0, 2))
	c.servers[0].kept = len(sets(0, 1)) // the kernel has taken the first one only
	c.publish(c.table.WithHold(0))
	b.ask(sets(5, 1))
	c.fence(0)
	if !c.servers[0].aborted {
		t.Error("the link is open, or was closed politely; want it aborted")
	}
	got(t, "what was sent", a.take(), "-ERR huntaway: connection lost to 127.0.0.1:7000 (group g1, pool alpha); the command may have been executed\r\n")
	got(t, "to the replica while the group is held", c.servers[1].take(), "")
	c.publish(c.table.WithMaster(0, 1))
	said := c.servers[1].take()
	for strings.Count(said, "*3") < 2 {
		c.servers[1].arrive("+OK\r\n")
		c.run()
		more := c.servers[1].take()
		if more == "" {
			t.Fatalf("the new master got %q; want two requests", said)
		}
		said += more
	}
	if !strings.Contains(said, sets(1, 1)) || !strings.Contains(said, sets(5, 1)) {
		t.Errorf("to the new master: got %q; want what was not sent, and what came while the group was held", said)
	}
	if k := &c.pw.counters; k.Unknown != 1 || k.NotExecuted != 0 {
		t.Errorf("got %d unknown, %d not executed; want 1 and 0", k.Unknown, k.NotExecuted)
	}
}

// TestFenceOfADial: a link that is being dialed must not carry to the fenced server what it
// was given before, whenever the dial ends.
func TestFenceOfADial(t *testing.T) {
	opt := PoolOptions{Table: testTable(t, withReplicas(1)), HoldTimeout: time.Minute}
	st := newTestWorker(t, opt)
	c := &crisis{stage: st, pw: st.e.workers[0].pools[0], table: opt.Table}
	cl := c.client(0, 0)
	cl.ask(sets(0, 1))
	c.publish(c.table.WithHold(0))
	c.fence(0)
	l := c.pw.link(0, 0)
	if l.busy() || l.queue.log.Len() > 0 {
		t.Errorf("got %d requests left in the link; want none", l.queue.fifo.Len())
	}
	old := &memConn{owner: &call{l: l}, remote: l.server.Addr}
	old.owner.Opened(old)
	got(t, "to the fenced server", old.take(), "")
	if !old.closed {
		t.Error("the dialed connection was kept; want it closed")
	}
	got(t, "to the client", cl.take(), "")
	if c.pw.counters.HeldNow != 1 {
		t.Errorf("got %d held; want 1", c.pw.counters.HeldNow)
	}
}

// TestFenceOfPrivateLinks: who is blocked waits for the next master; what was watched is
// lost; a feed is opened at the next master.
func TestFenceOfPrivateLinks(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	popper, watcher := c.client(0, 0), c.client(0, 0)
	popper.ask(frames("BLPOP l 0"))
	b := popper.s.blocked()
	c.reconnect(b.link).arrive(":17\r\n")
	watcher.ask(frames("WATCH a"))
	c.reconnect(watcher.s.pin).arrive("+OK\r\n")
	c.run()
	watcher.take()
	c.publish(c.table.WithHold(0))
	watcher.ask(frames("MULTI;INCR a;EXEC"))
	c.fence(0)
	if n := c.pw.private.lent; n != 0 || b.link != nil || b.held == nil {
		t.Fatalf("got %d links lent, the blocked client's %v; want none, and its request kept", n, b.link)
	}
	got(t, "the blocked client", popper.take(), "")
	c.e.workers[0].tick()
	if b.link != nil {
		t.Error("the blocked client waits at a held group; want it to wait for a master")
	}
	c.publish(c.table.WithMaster(0, 1))
	got(t, "EXEC", watcher.take(), "*-1\r\n")
	c.e.workers[0].tick()
	if b.link == nil || b.link.server.ID != 1 {
		t.Fatal("the blocked client does not wait at the new master; want it there")
	}
	c.reconnect(b.link).arrive(":3\r\n" + poppedL)
	c.run()
	got(t, "the blocked client", popper.take(), poppedL)
}

// TestFencedWaitWithoutAMaster: a wait at a server that was fenced off, and for which no other
// master comes, ends with what is true of it. That server may have given the client a value.
func TestFencedWaitWithoutAMaster(t *testing.T) {
	for _, tc := range []struct{ ask, want string }{
		{"BLPOP l 0", "-ERR huntaway: connection lost (group g1, pool alpha); the command may have been executed\r\n"},
		{"XREAD BLOCK 0 STREAMS l $", "-TRYAGAIN huntaway: no server took the request in time (group g1, pool alpha); not executed\r\n"},
	} {
		c := newCrisis(t, PoolOptions{HoldTimeout: time.Minute})
		cl := c.client(0, 0)
		cl.ask(frames(tc.ask))
		b := cl.s.blocked()
		c.reconnect(b.link).arrive(":17\r\n")
		c.publish(c.table.WithHold(0))
		c.fence(0)
		b.retryAt = 0
		c.e.workers[0].tick() // it looks for a master, and the group is held
		got(t, tc.ask+", while it is held", cl.take(), "")
		b.lostAt -= int64(time.Hour)
		c.e.workers[0].tick()
		got(t, tc.ask+", when that has lasted too long", cl.take(), tc.want)
	}
}

// TestBlockedWhileHeld: a blocking command that comes while the group is held is not sent.
func TestBlockedWhileHeld(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	c.publish(c.table.WithHold(0))
	cl := c.client(0, 0)
	cl.ask(frames("BLPOP l 0"))
	b := cl.s.blocked()
	if b.link != nil || c.pw.owedBy(0) != 0 {
		t.Fatal("it was sent to the held master; want it to wait")
	}
	c.publish(c.table.WithoutHold(0))
	c.e.workers[0].tick()
	if b.link == nil || b.link.server.ID != 0 {
		t.Error("it does not wait at the master that takes requests again; want it there")
	}
}

// TestUnblockedByDemotion: the server's words about its demotion do not reach the client,
// who waits on; those that another client has asked for do.
func TestUnblockedByDemotion(t *testing.T) {
	const forced = "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n"
	for _, called := range []string{"", "TIMEOUT", "ERROR"} {
		c := newCrisis(t, PoolOptions{})
		cl := c.client(0, 0)
		cl.ask(frames("BLPOP l 0"))
		b := cl.s.blocked()
		old := c.reconnect(b.link)
		old.arrive(":17\r\n")
		b.called = called
		old.arrive(forced)
		c.run()
		if called != "" {
			got(t, "asked for", cl.take(), forced)
			continue
		}
		got(t, "not asked for", cl.take(), "")
		c.publish(c.table.WithMaster(0, 1))
		c.e.workers[0].tick()
		if b.link == nil || b.link.server.ID != 1 {
			t.Error("it does not wait at the new master; want it there")
		}
	}
}

// TestDrain: it ends with the last reply that is owed, counts what is not sent yet and what
// a client that watches has asked, and leaves out who only watches or is blocked.
func TestDrain(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	cl, watcher, popper := c.client(0, 0), c.client(0, 0), c.client(0, 0)
	popper.ask(frames("BLPOP l 0"))
	c.reconnect(popper.s.blocked().link).arrive(":17\r\n")
	watcher.ask(frames("WATCH a"))
	pin := c.reconnect(watcher.s.pin)
	pin.arrive("+OK\r\n")
	watcher.ask(frames("GET a"))
	cl.ask(sets(0, 2))
	cl.ask(frames("MULTI;INCR a;EXEC"))
	var done atomic.Bool
	drain := func(ctx context.Context) {
		c.pw.drains = append(c.pw.drains, drainage{0, func() { done.Store(true) }, ctx.Done()})
		c.e.workers[0].tick()
	}
	drain(t.Context())
	for _, step := range []struct {
		from *memConn
		in   string
	}{{c.servers[0], "+OK\r\n+OK\r\n"}, {pin, "$-1\r\n"}, {c.servers[0], "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n"}} {
		if done.Load() {
			t.Fatalf("drained before %q has come; want it awaited", step.in)
		}
		step.from.arrive(step.in)
		c.run()
		c.e.workers[0].tick()
	}
	if !done.Load() {
		t.Errorf("still not drained: %d owed; want nothing awaited any more", c.pw.owedBy(0))
	}
	cl.ask(sets(0, 1))
	ctx, cancel := context.WithCancel(t.Context())
	drain(ctx)
	cancel()
	c.e.workers[0].tick()
	if len(c.pw.drains) != 0 {
		t.Error("a drain that nobody waits for is kept; want it forgotten")
	}
}

// stalls counts what a Reporter hears of stalls.
type stalls struct {
	deaf
	n int
}

func (s *stalls) Stalled(string, int32) { s.n++ }

// TestStalled: a server that owes a reply and is silent is reported once, until it says
// something; one that owes nothing, or that a client waits at, is not, and neither is one
// whose replies we may not have read.
func TestStalled(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	heard := &stalls{}
	c.e.report = heard
	cl, popper := c.client(0, 0), c.client(0, 0)
	popper.ask(frames("BLPOP l 0"))
	c.reconnect(popper.s.blocked().link).arrive(":17\r\n")
	w, l := c.e.workers[0], c.pw.link(0, 0)
	tick := func(what string, late, want int) {
		t.Helper()
		c.pw.everyLink(func(l *link) { l.health.heard -= int64(stallTime) * 2 })
		w.gauges.beat.Store(w.now - int64(late)*int64(stallTime))
		w.tick()
		if heard.n != want {
			t.Errorf("%s: got %d reports; want %d", what, heard.n, want)
		}
	}
	tick("nothing is owed", 0, 0)
	cl.ask(sets(0, 2))
	w.gauges.beat.Store(w.now - int64(time.Hour))
	l.health.heard = 1 - int64(time.Hour)
	w.tick()
	if heard.n != 0 {
		t.Errorf("after a time without ticks: got %d reports; want none", heard.n)
	}
	w.tick()
	w.tick()
	if heard.n != 1 {
		t.Errorf("silent for an hour: got %d reports; want 1", heard.n)
	}
	c.servers[0].arrive("+OK\r\n")
	w.tick()
	tick("silent again", 0, 2)
}

// TestHoldOverridesReadonly: a master that refuses writes before it is published as another
// one costs nothing: what it refused and what waits behind go to the new one, in order.
func TestHoldOverridesReadonly(t *testing.T) {
	c := newCrisis(t, PoolOptions{ReadPolicy: shard.ReadMaster})
	cl := c.client(0, 0)
	cl.ask(sets(0, 3))
	c.servers[0].arrive("+OK\r\n-READONLY no\r\n")
	c.publish(c.table.WithHold(0))
	cl.arrive(sets(3, 2))
	c.run()
	c.servers[0].arrive("-READONLY no\r\n")
	c.run()
	c.publish(c.table.WithMaster(0, 1))
	said := ""
	for range 4 {
		more := c.servers[1].take()
		said += more
		c.servers[1].arrive(strings.Repeat("+OK\r\n", strings.Count(more, "*3")))
		c.run()
	}
	got(t, "to the new master", said, sets(1, 4))
	got(t, "replies", cl.take(), strings.Repeat("+OK\r\n", 5))
}
