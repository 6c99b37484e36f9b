package loop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// A watching is a stage with a client that watches, its pin, and the shared link.
type watching struct {
	st     *stage
	c      *memClient
	shared *memConn
	pin    *memConn
	pw     *poolWorker
}

func newWatching(t *testing.T, opt PoolOptions) *watching {
	st := newTestWorker(t, opt)
	f := &watching{st: st, shared: st.linkTo(0, 0, 0), c: st.client(0, 0), pw: st.e.workers[0].pools[0]}
	f.c.ask(frames("WATCH a"))
	f.pin = st.reconnect(f.c.s.pin)
	got(t, "to the pin", f.pin.take(), frames("WATCH a"))
	f.pin.arrive("+OK\r\n")
	got(t, "WATCH", f.c.take(), "+OK\r\n")
	return f
}

// noneLent checks that nothing is lent any more.
func (f *watching) noneLent(t *testing.T) {
	t.Helper()
	f.st.run()
	if p := &f.pw.private; p.lent != 0 || len(p.links) != len(p.kept) {
		t.Errorf("got %d private links lent, %d of %d kept; want none lent", p.lent, len(p.kept), len(p.links))
	}
	if f.c.s.mode != 0 || f.c.s.pin != nil || f.c.s.tx != nil {
		t.Errorf("got mode %d, pin %v, transaction %v; want nothing left", f.c.s.mode, f.c.s.pin, f.c.s.tx)
	}
}

// TestPinLivesFromWatchToExec: everything for the server goes over the pin, and over the
// shared link again behind EXEC; the pin serves the next WATCH.
func TestPinLivesFromWatchToExec(t *testing.T) {
	f := newWatching(t, PoolOptions{})
	f.c.ask(frames("GET a;MULTI;INCR a;EXEC;GET b"))
	got(t, "to the pin", f.pin.take(), frames("GET a"))
	f.pin.arrive("$1\r\n1\r\n")
	f.st.run()
	got(t, "to the pin, alone", f.pin.take(), frames("MULTI;INCR a;EXEC"))
	got(t, "to the shared link", f.shared.take(), "")
	f.pin.arrive("+OK\r\n+QUEUED\r\n*1\r\n:2\r\n")
	f.st.run()
	got(t, "replies", f.c.take(), "$1\r\n1\r\n"+queued1+"*1\r\n:2\r\n")
	got(t, "to the shared link behind EXEC", f.shared.take(), frames("GET b"))
	f.noneLent(t)

	other := f.st.client(0, 0)
	other.ask(frames("WATCH b"))
	got(t, "to the same pin", f.pin.take(), frames("WATCH b"))
	f.pin.arrive("+OK\r\n")
	got(t, "nothing in flight, DISCARD", other.ask(frames("MULTI;GET b;DISCARD")), "+OK\r\n"+queued1+"+OK\r\n")
	got(t, "to the pin", f.pin.take(), frames("UNWATCH"))
	if f.pw.private.lent != 1 {
		t.Errorf("got %d lent; want the pin kept until UNWATCH is answered", f.pw.private.lent)
	}
	f.pin.arrive("+OK\r\n")
	f.noneLent(t)
}

// TestLostPinAnswersNull: what was watched may have changed.
func TestLostPinAnswersNull(t *testing.T) {
	for resp, null := range map[string]string{"2": "*-1\r\n", "3": "_\r\n"} {
		f := newWatching(t, PoolOptions{})
		f.c.s.proto.resp = resp[0] - '0'
		f.pin.Close()
		f.st.run()
		got(t, "RESP"+resp, f.c.ask(frames("MULTI;INCR a;EXEC")), queued1+null)
		f.noneLent(t)

		f = newWatching(t, PoolOptions{})
		f.c.s.proto.resp = resp[0] - '0'
		got(t, "queued", f.c.ask(frames("MULTI;INCR a")), queued1)
		f.pin.Close()
		got(t, "lost inside MULTI", f.c.ask(frames("EXEC;EXEC")), null+"-ERR EXEC without MULTI\r\n")
		f.noneLent(t)

		f = newWatching(t, PoolOptions{})
		f.pin.Close()
		got(t, "lost, then forgotten", f.c.ask(frames("WATCH b;UNWATCH;MULTI;EXEC")), "+OK\r\n+OK\r\n+OK\r\n*0\r\n")
		f.noneLent(t)

		f = newWatching(t, PoolOptions{})
		f.c.ask(frames("MULTI;INCR a;EXEC"))
		f.c.take()
		f.pin.Close()
		if reply := f.c.take(); !strings.HasPrefix(reply, "-ERR huntaway: connection lost") {
			t.Errorf("lost with EXEC in flight: got %q; want that it may have been executed", reply)
		}
		f.noneLent(t)
	}
}

// TestWatchThatFails: a transaction that was sent behind it must not run unwatched.
func TestWatchThatFails(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	f := &watching{st: st, shared: st.linkTo(0, 0, 0), c: st.client(0, 0), pw: st.e.workers[0].pools[0]}
	fail := func() {
		l := f.c.s.pin
		st.e.workers[0].begin()
		l.dialFailed(fmt.Errorf("no route"))
		st.e.workers[0].end()
	}
	f.c.ask(frames("WATCH a;MULTI;INCR a;EXEC"))
	fail()
	reply := f.c.take()
	if !strings.HasPrefix(reply, "-TRYAGAIN huntaway: cannot connect") || !strings.HasSuffix(reply, queued1+"*-1\r\n") {
		t.Errorf("got %q; want the error, and null for the transaction behind it", reply)
	}
	f.noneLent(t)
	f.pw.backoffs[plainAt0].retryAt = 0
	f.c.ask(frames("WATCH a"))
	fail()
	f.c.take()
	f.noneLent(t) // it can be asked again
}

// TestWatchIsHeld: an outage that is bridged for others is bridged for WATCH, and nothing
// that came behind it runs before it.
func TestWatchIsHeld(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: time.Minute})
	f := &watching{st: st, shared: st.linkTo(0, 0, 0), c: st.client(0, 0), pw: st.e.workers[0].pools[0]}
	f.shared.Close()
	f.pw.link(0, 0).refuse()
	got(t, "during the outage", f.c.ask(frames("WATCH a;MULTI;INCR a;EXEC;GET b")), "")
	w, shared := st.e.workers[0], f.pw.link(0, 0)
	w.begin()
	shared.on(evRested)
	w.end()
	f.shared = st.reconnect(shared)
	f.pin = st.reconnect(f.c.s.pin)
	got(t, "to the pin", f.pin.take(), frames("WATCH a"))
	f.pin.arrive("+OK\r\n")
	st.run()
	got(t, "to the pin behind it", f.pin.take(), frames("MULTI;INCR a;EXEC"))
	f.pin.arrive(queued1 + "*1\r\n:1\r\n")
	st.run()
	got(t, "to the shared link", f.shared.take(), frames("GET b"))
	got(t, "replies", f.c.take(), "+OK\r\n"+queued1+"*1\r\n:1\r\n")
	f.noneLent(t)
}

// TestWatchHeldForTooLong: it fails like any request, and is forgotten.
func TestWatchHeldForTooLong(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: time.Millisecond})
	f := &watching{st: st, shared: st.linkTo(0, 0, 0), c: st.client(0, 0), pw: st.e.workers[0].pools[0]}
	f.shared.Close()
	f.pw.link(0, 0).refuse()
	f.c.ask(frames("WATCH a;PING"))
	for end := time.Now().Add(time.Minute); len(f.c.said) == 0 && time.Now().Before(end); {
		st.e.workers[0].tick()
	}
	if reply := f.c.take(); !strings.HasPrefix(reply, "-TRYAGAIN huntaway: ") || !strings.HasSuffix(reply, "; not executed\r\n+PONG\r\n") {
		t.Errorf("got %q; want that it was not executed", reply)
	}
	f.noneLent(t)
}

// TestFailoverLosesTheWatch: the pin leads to a server that is no master any more.
func TestFailoverLosesTheWatch(t *testing.T) {
	group := shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}}
	table := testTable(t, group)
	f := newWatching(t, PoolOptions{Table: table})
	f.st.e.pools[0].Publish(table.WithMaster(0, 1))
	f.st.run()
	got(t, "EXEC", f.c.ask(frames("MULTI;INCR a;EXEC")), queued1+"*-1\r\n")
	got(t, "to the pin", f.pin.take(), frames("UNWATCH"))
	f.pin.arrive("+OK\r\n")
	f.noneLent(t)
}

func TestWatchOfOneGroup(t *testing.T) {
	table := twoGroups(t)
	k := keysOf(t, table)
	st := newTestWorker(t, PoolOptions{Table: table})
	st.linkTo(0, 0, 0)
	far := st.linkTo(0, 0, 1)
	c := st.client(0, 0)
	cross := "-" + textCrossSlot + "\r\n"
	got(t, "WATCH of two groups", c.say("WATCH", k[0], k[1]), cross)
	c.say("WATCH", k[0])
	pin := st.reconnect(c.s.pin)
	pin.take()
	pin.arrive("+OK\r\n")
	c.take()
	got(t, "WATCH of the other group", c.say("WATCH", k[1]), cross)
	c.say("GET", k[1])
	got(t, "a request for the other group", far.take(), frames("GET "+k[1]))
	far.arrive("$-1\r\n")
	got(t, "a transaction of the other group", c.ask(frames("MULTI;INCR "+k[1]+";EXEC")), "$-1\r\n+OK\r\n"+cross+execAbort)
	pin.arrive("+OK\r\n")
	if n := st.e.workers[0].pools[0].private.lent; n != 0 {
		t.Errorf("got %d links lent; want none", n)
	}
}

func TestPrivateLinksRunOut(t *testing.T) {
	opt := PoolOptions{}
	opt.Limits.PrivateLinks = 1
	f := newWatching(t, opt)
	other := f.st.client(0, 0)
	got(t, "no link left", other.say("WATCH", "b"), "-"+textNoPrivate+"\r\n")
	got(t, "EXEC without its WATCH", other.ask(frames("MULTI;EXEC")), "+OK\r\n*0\r\n")
	f.c.Close()
	f.noneLent(t)
	other.say("WATCH", "b")
	if other.s.pin == nil {
		t.Error("got no link; want the one of the client that went away")
	}
}

// TestClientVanishes: whatever it was about, nothing stays behind and nobody else gets its
// replies.
func TestClientVanishes(t *testing.T) {
	for _, said := range []string{"", "GET a", "MULTI;INCR a", "MULTI;INCR a;EXEC", "MULTI;DISCARD", "WATCH b", "UNWATCH"} {
		f := newWatching(t, PoolOptions{})
		if said != "" {
			f.c.ask(frames(said))
		}
		f.c.Close()
		f.pin.arrive("+OK\r\n")
		f.noneLent(t)
	}
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c, other := st.client(0, 0), st.client(0, 0)
	c.ask(frames("MULTI;INCR a;EXEC"))
	other.say("GET", "b")
	c.Close()
	link.arrive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n$1\r\nb\r\n")
	got(t, "the other client", other.take(), "$1\r\nb\r\n")
}

// TestTimeoutOnThePin: the link owes replies, so it is nobody's any more.
func TestTimeoutOnThePin(t *testing.T) {
	for _, said := range []string{"MULTI;INCR a;EXEC", "WATCH b"} {
		f := newWatching(t, PoolOptions{Timeout: time.Nanosecond})
		f.c.ask(frames(said))
		f.st.e.workers[0].tick()
		f.c.take()
		got(t, "UNWATCH", f.c.ask(frames("UNWATCH")), "+OK\r\n")
		f.noneLent(t)
		if !f.pin.closed {
			t.Errorf("%s: the pin is open; want it closed", said)
		}
	}
}
