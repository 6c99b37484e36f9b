package loop

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// A vigil is a stage with a client that has said what it waits for.
type vigil struct {
	*stage
	w      *worker
	shared *memConn // the link that everybody uses
	c      *memClient
}

// newVigil sets the stage and lets a client say something.
func newVigil(t *testing.T, opt PoolOptions, args ...string) *vigil {
	t.Helper()
	st := newTestWorker(t, opt)
	f := &vigil{stage: st, w: st.e.workers[0], shared: st.linkTo(0, 0, 0), c: st.client(0, 0)}
	if said := f.c.say(args...); said != "" {
		t.Fatalf("%q was answered %q; want it to wait", args, said)
	}
	return f
}

// link returns the private link on which the client waits.
func (f *vigil) link() *link {
	f.t.Helper()
	b := f.c.s.blocked()
	if b == nil || b.link == nil {
		f.t.Fatal("the client waits on no link")
	}
	return b.link
}

// connect connects that link, and checks that it is asked for its number and given the
// request.
func (f *vigil) connect(args ...string) *memConn {
	f.t.Helper()
	m := f.reconnect(f.link())
	got(f.t, "sent to wait", m.take(), string(frameNumber)+string(codec.AppendCommand(nil, args...)))
	return m
}

// tick lets time run out for whoever it is counted for.
func (f *vigil) tick() {
	f.w.tick()
	f.run()
}

// idle checks that nobody waits and nothing is lent.
func (f *vigil) idle() {
	f.t.Helper()
	pw := f.w.pools[0]
	if len(pw.blocked) != 0 || pw.counters.Blocked != 0 || pw.private.lent != 0 {
		f.t.Errorf("got %d blocked, %d counted, %d links lent; want none", len(pw.blocked), pw.counters.Blocked, pw.private.lent)
	}
}

var popL = []string{"BLPOP", "l", "0"}

const poppedL = "*2\r\n$1\r\nl\r\n$1\r\nv\r\n"

// TestBlockOrder: what comes before a command that waits is answered first, and what comes
// behind it waits, all of it said in one piece.
func TestBlockOrder(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	f := &vigil{stage: st, w: st.e.workers[0], shared: st.linkTo(0, 0, 0), c: st.client(0, 0)}
	push, pop, get := codec.AppendCommand(nil, "LPUSH", "m", "v"), codec.AppendCommand(nil, popL...), codec.AppendCommand(nil, "GET", "k")
	got(t, "said at once", f.c.ask(string(push)+string(pop)+string(get)), "")
	got(t, "to the shared link", f.shared.take(), string(push))
	if f.c.s.blocked() != nil {
		t.Fatal("BLPOP waits before LPUSH is answered")
	}
	f.shared.arrive(":1\r\n")
	f.run()
	got(t, "the reply to LPUSH", f.c.take(), ":1\r\n")
	private := f.connect(popL...)
	got(t, "to the shared link", f.shared.take(), "")
	private.arrive(":17\r\n" + poppedL)
	f.run()
	got(t, "the reply to BLPOP", f.c.take(), poppedL)
	got(t, "to the shared link", f.shared.take(), string(get))
	f.shared.arrive("$1\r\nx\r\n")
	f.run()
	got(t, "the reply to GET", f.c.take(), "$1\r\nx\r\n")
	f.idle()

	f.c.say(popL...)
	if l := f.link(); l.conn != private || l.lease.number != 17 {
		t.Errorf("waits on another link than before, or on number %d; want the one that was kept, 17", l.lease.number)
	}
	got(t, "the second time", private.take(), string(pop))
}

func TestBlockedClientGoes(t *testing.T) {
	f := newVigil(t, PoolOptions{}, popL...)
	private := f.connect(popL...)
	f.c.Close()
	f.run()
	if !private.closed {
		t.Error("the private link is open; want it closed, so that the server forgets the client")
	}
	f.idle()
}

func TestBlockedClientGoesBeforeItsLinkIsThere(t *testing.T) {
	f := newVigil(t, PoolOptions{}, popL...)
	f.c.Close()
	f.run()
	f.idle()
	if n := len(f.w.pools[0].private.links); n != 0 {
		t.Errorf("got %d private links; want none", n)
	}
}

// TestBlockedClientIsHeard: the connection is read on, because otherwise nobody would notice
// that the client closes it; however few requests it may have in flight.
func TestBlockedClientIsHeard(t *testing.T) {
	f := newVigil(t, PoolOptions{Limits: Limits{Pipeline: 1}}, popL...)
	if f.c.paused {
		t.Error("the connection is not read; want it read")
	}
	got(t, "what is said behind it", f.c.say("PING"), "")
	f.connect(popL...).arrive(":17\r\n" + poppedL)
	f.run()
	got(t, "the replies", f.c.take(), poppedL+"+PONG\r\n")
}

// TestBlockedOnThePin: a session that watches waits on the link it watches with, which it
// keeps.
func TestBlockedOnThePin(t *testing.T) {
	f := newVigil(t, PoolOptions{}, "WATCH", "k")
	pin := f.reconnect(f.c.s.pin)
	pin.take()
	pin.arrive("+OK\r\n")
	f.run()
	got(t, "the reply to WATCH", f.c.take(), "+OK\r\n")
	f.c.say(popL...)
	got(t, "to the pin", pin.take(), string(frameNumber)+string(codec.AppendCommand(nil, popL...)))
	pin.arrive(":17\r\n" + poppedL)
	f.run()
	got(t, "the reply to BLPOP", f.c.take(), poppedL)
	if l := f.c.s.pin; l == nil || l.lease.patient || !l.lease.lent {
		t.Error("the pin is gone, or patient; want it as it was")
	}
	f.c.say(popL...)
	pin.Close()
	f.run()
	if said := f.c.take(); !strings.HasPrefix(said, "-ERR huntaway: connection lost") {
		t.Errorf("got %q; want that the outcome is unknown", said)
	}
	f.idle()
}

// TestHalfClosedClientIsNotWaitedFor: what it asked for before is said, no more.
func TestHalfClosedClientIsNotWaitedFor(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	f := &vigil{stage: st, w: st.e.workers[0], shared: st.linkTo(0, 0, 0), c: st.client(0, 0)}
	f.c.ask(string(codec.AppendCommand(nil, "GET", "k")) + string(codec.AppendCommand(nil, popL...)))
	last := &memConn{owner: f.c.owner}
	f.c.last = last
	f.c.owner.Closed(nil, true)
	f.shared.arrive("$1\r\nx\r\n")
	f.run()
	got(t, "said at last", last.take(), "$1\r\nx\r\n")
	if !last.closed {
		t.Error("the connection is open; want it closed after what was owed")
	}
	f.idle()
}

func TestUnblockBeforeTheServerKnows(t *testing.T) {
	tests := []struct{ reason, want string }{
		{"TIMEOUT", "*-1\r\n"},
		{"ERROR", "-" + textUnblocked + "\r\n"},
	}
	for _, tt := range tests {
		f := newVigil(t, PoolOptions{}, popL...)
		other := f.client(0, 0)
		got(t, "CLIENT UNBLOCK", other.say("CLIENT", "UNBLOCK", strconv.Itoa(int(f.c.s.client.id)), tt.reason), ":1\r\n")
		got(t, "the reply to BLPOP", f.c.take(), tt.want)
		f.idle()
		got(t, "afterwards", f.c.say("PING"), "+PONG\r\n")
	}
}

// TestUnblockLosesNothing: the value was popped before the server was asked.
func TestUnblockLosesNothing(t *testing.T) {
	f := newVigil(t, PoolOptions{}, popL...)
	private := f.connect(popL...)
	other := f.client(0, 0)
	got(t, "CLIENT UNBLOCK", other.say("CLIENT", "UNBLOCK", strconv.Itoa(int(f.c.s.client.id))), "")
	private.arrive(":17\r\n")
	f.tick()
	errand := f.reconnect(f.w.pools[0].errands[0].link)
	got(t, "to the server", errand.take(), string(codec.AppendCommand(nil, "CLIENT", "UNBLOCK", "17", "TIMEOUT")))
	errand.arrive(":0\r\n") // and then it has another try, because somebody still waits
	f.run()
	got(t, "CLIENT UNBLOCK", other.take(), "")
	private.arrive(poppedL)
	f.run()
	got(t, "the reply to BLPOP", f.c.take(), poppedL)
	got(t, "CLIENT UNBLOCK", other.take(), ":0\r\n")
	f.idle()
}

func TestUnblockThatTheServerRefuses(t *testing.T) {
	f := newVigil(t, PoolOptions{}, popL...)
	f.connect(popL...).arrive("-NOPERM no CLIENT ID for you\r\n")
	other := f.client(0, 0)
	got(t, "CLIENT UNBLOCK", other.say("CLIENT", "UNBLOCK", strconv.Itoa(int(f.c.s.client.id))), "-"+textNoNumber+"\r\n")
}

func TestBlockedLinkIsLost(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{popL, "-ERR huntaway: connection lost to 127.0.0.1:6379 (group g1, pool alpha); the command may have been executed\r\n"},
		{strings.Fields("XREAD BLOCK 0 STREAMS x $"), "-TRYAGAIN huntaway: connection lost while it waited on 127.0.0.1:6379 (group g1, pool alpha); not executed\r\n"},
	}
	for _, tt := range tests {
		f := newVigil(t, PoolOptions{HoldTimeout: time.Minute}, tt.args...)
		private := f.connect(tt.args...)
		private.Close()
		f.run()
		got(t, "the reply", f.c.take(), tt.want)
		f.idle()
	}
}

// TestBlockedOnFormerMaster: a server that is no master any more refuses before anything
// happens, so that the client waits at the new one.
func TestBlockedOnFormerMaster(t *testing.T) {
	table := testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}})
	f := newVigil(t, PoolOptions{Table: table, HoldTimeout: time.Minute}, popL...)
	old := f.connect(popL...)
	old.arrive(":17\r\n-READONLY You can't write against a read only replica.\r\n")
	f.run()
	got(t, "the reply", f.c.take(), "")
	if !old.closed {
		t.Error("the link to the former master is open; want it closed")
	}
	f.e.pools[0].Publish(table.WithMaster(0, 1))
	f.run()
	f.c.s.blocked().retryAt = 0
	f.tick()
	if at := f.link().server.Addr; at != "127.0.0.1:7002" {
		t.Fatalf("waits at %s; want the new master", at)
	}
	f.connect(popL...).arrive(":3\r\n" + poppedL)
	f.run()
	got(t, "the reply", f.c.take(), poppedL)
	f.idle()
}

func TestBlockedHoldEnds(t *testing.T) {
	f := newVigil(t, PoolOptions{HoldTimeout: time.Minute}, popL...)
	l := f.link()
	f.w.begin()
	l.dialFailed(errSilent)
	f.w.end()
	got(t, "while the outage is young", f.c.take(), "")
	f.c.s.blocked().lostAt -= int64(time.Hour)
	f.tick()
	got(t, "when it is old", f.c.take(), "-TRYAGAIN huntaway: cannot connect (group g1, pool alpha); not executed\r\n")
	f.idle()
}

func TestBlockedServerIsGivenUp(t *testing.T) {
	f := newVigil(t, PoolOptions{Timeout: time.Second}, "BLPOP", "l", "3")
	private := f.connect("BLPOP", "l", "3")
	b := f.c.s.blocked()
	if wait := time.Duration(b.deadline - b.e.sent); wait != 5*time.Second {
		t.Errorf("the server is given %v; want the client's 3 s and 2 more", wait)
	}
	f.tick()
	got(t, "before the time is over", f.c.take(), "")
	b.deadline, b.e.sent = 1, b.e.sent-int64(5*time.Second)
	f.tick()
	if said := f.c.take(); !strings.HasPrefix(said, "-ERR huntaway: timed out") || !private.closed {
		t.Errorf("got %q, closed: %t; want a time-out and a closed link", said, private.closed)
	}
	f.idle()
}

// TestBlockedWaitIsNoLatency: how long a client waited says nothing about the
// server.
func TestBlockedWaitIsNoLatency(t *testing.T) {
	f := newVigil(t, PoolOptions{}, popL...)
	private := f.connect(popL...)
	l := f.link()
	l.queue.fifo.Front().sent -= int64(time.Hour)
	l.queue.written.Front().at -= int64(time.Hour)
	private.arrive(":17\r\n" + poppedL)
	if l.trips.latency > int64(time.Minute) {
		t.Errorf("the link's latency is %v; want the hour that the client waited left out", time.Duration(l.trips.latency))
	}
}

func TestPrivateLinksAreNotKeptForEver(t *testing.T) {
	f := newVigil(t, PoolOptions{}, popL...)
	private := f.connect(popL...)
	l := f.link()
	private.arrive(":17\r\n" + poppedL)
	f.run()
	f.tick()
	if private.closed {
		t.Fatal("the link is closed at once; want it kept for the next")
	}
	l.health.heard -= int64(keepPrivate)
	f.tick()
	if p := &f.w.pools[0].private; !private.closed || len(p.kept)+len(p.links) != 0 {
		t.Errorf("closed: %t, got %d links; want none left", private.closed, len(p.links))
	}
}

// TestBlockedAndDisplaced: where a new table has another master, nothing comes any more. The
// server is asked to end the wait, so that what it pops meanwhile is not lost, and the client
// waits on at the new master; a link that has sent nothing is simply left. Who waits in the
// right place goes on waiting.
func TestBlockedAndDisplaced(t *testing.T) {
	table := testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}})
	f := newVigil(t, PoolOptions{Table: table}, popL...)
	f.e.pools[0].Publish(table.WithMaster(0, 1))
	f.run()
	if at := f.link().server.Addr; at != "127.0.0.1:7002" {
		t.Errorf("before it was sent: waits at %s; want the new master", at)
	}
	got(t, "before it was sent", f.c.take(), "")

	f = newVigil(t, PoolOptions{Table: table}, popL...)
	old := f.connect(popL...)
	old.arrive(":17\r\n")
	pw := f.w.pools[0]
	f.e.pools[0].Publish(table.WithReaders(0, nil))
	f.run()
	if len(pw.errands) != 0 {
		t.Fatal("a server was asked something; want the client to go on waiting at its master")
	}
	f.e.pools[0].Publish(table.WithMaster(0, 1))
	f.run()
	er := pw.errands[0]
	if er == nil {
		t.Fatal("the former master was not asked to end the wait")
	}
	got(t, "asked", string(er.link.queue.log.Small()), frames("CLIENT UNBLOCK 17 ERROR"))
	old.arrive("-" + textUnblocked + "\r\n")
	if at := f.link().server.Addr; at != "127.0.0.1:7002" || !old.closed {
		t.Errorf("unblocked: waits at %s, the old link is closed: %t; want it at the new master", at, old.closed)
	}
	f.connect(popL...).arrive(":3\r\n" + poppedL)
	f.run()
	got(t, "the reply", f.c.take(), poppedL)
}

// TestBlockedTimeGoesOn: what a client has waited at the former master is taken off the time
// that it waits at the new one, and when none is left it hears so.
func TestBlockedTimeGoesOn(t *testing.T) {
	for _, c := range []struct{ said, again string }{
		{"BLPOP l 30.5", "BLPOP l 10.5"}, {"BLMPOP 30 1 l LEFT", "BLMPOP 10 1 l LEFT"},
		{"XREAD COUNT 1 BLOCK 30000 STREAMS l $", "XREAD COUNT 1 BLOCK 10000 STREAMS l $"},
		{"BLPOP l 0", "BLPOP l 0"}, {"BLPOP l 20", ""},
	} {
		table := testTable(t, withReplicas(1))
		f := newVigil(t, PoolOptions{Table: table, HoldTimeout: time.Minute}, strings.Fields(c.said)...)
		f.connect(strings.Fields(c.said)...).arrive(":17\r\n")
		b, pw := f.c.s.blocked(), f.w.pools[0]
		f.w.begin()
		f.w.now += int64(time.Hour)
		b.e.sent = f.w.now - 20*int64(time.Second)
		pw.table = table.WithMaster(0, 1)
		b.link.forsake()
		pw.reissue(b, []byte(frames(c.said)))
		sent := ""
		if b.link != nil {
			sent = string(asked(b.link.queue.fifo.Front(), b.link.queue.log.Small()))
		}
		f.w.end()
		if c.again == "" {
			got(t, c.said, f.c.take(), "*-1\r\n")
			continue
		}
		got(t, c.said, sent, frames(c.again))
	}
}
