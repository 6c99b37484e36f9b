package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// greet connects a link in memory and answers its handshake.
func (st *stage) greet(l *link) *memWire {
	st.t.Helper()
	l.w.begin()
	l.warm()
	l.w.end()
	c := &call{l: l}
	m := &memWire{owner: c, remote: l.server.Addr}
	c.opened(m)
	if hello := m.take(); strings.Contains(hello, "HELLO") {
		m.arrive("%0\r\n")
	}
	m.arrive("+PONG\r\n")
	st.run()
	return m
}

// feedOf connects the first worker's feed of a server.
func (st *stage) feedOf(server int32) *memWire {
	st.t.Helper()
	return st.greet(st.e.workers[0].pools[0].board.feeds[server].l)
}

// heard is an event with bytes from a server; it returns what was said to c.
func (c *memClient) heard(from *memWire, in string) string {
	from.arrive(in)
	c.st.run()
	return c.take()
}

// resp3 makes a client speak RESP3 and returns its link to the first server.
func (c *memClient) resp3() *memWire {
	c.st.t.Helper()
	if got := c.say("HELLO", "3"); got[0] != '%' {
		c.st.t.Fatalf("HELLO 3: got %q; want a map", got)
	}
	return c.st.greet(c.s.family.link(0, 0))
}

// frame makes a frame of bulk strings; how is its first byte.
func frame(how string, elements ...string) string {
	b := []byte(how + decimal(len(elements)) + "\r\n")
	for _, e := range elements {
		b = codec.AppendBulk(b, e)
	}
	return string(b)
}

// confirmation makes the frame that confirms a subscription.
func confirmation(how, verb, name string, count int) string {
	b := codec.AppendBulk([]byte(how+"3\r\n"), verb)
	return string(codec.AppendInt(codec.AppendBulk(b, name), int64(count)))
}

func wantSaid(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %.300q; want %.300q", when, got, want)
	}
}

// wantNothingLeft checks that nobody's subscriptions have left anything behind.
func wantNothingLeft(t *testing.T, x *switchboard) {
	t.Helper()
	for kind := range x.topics {
		if n := len(x.topics[kind]); n != 0 {
			t.Errorf("%d topics of kind %d are left; want 0", n, kind)
		}
	}
	if c := &x.pw.counters; c.Subscriptions != 0 || c.Upstream != 0 {
		t.Errorf("%d subscriptions and %d upstream are counted; want 0", c.Subscriptions, c.Upstream)
	}
	for id, f := range x.feeds {
		if len(f.topics) != 0 {
			t.Errorf("the feed of server %d carries %d topics; want 0", id, len(f.topics))
		}
	}
}

// A message comes behind the confirmation of its subscription, which comes behind the
// replies to what was asked before.
func TestMessagesComeBehindConfirmation(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	server := c.resp3()
	wantSaid(t, "GET", c.say("GET", "k"), "")
	wantSaid(t, "SUBSCRIBE", c.say("SUBSCRIBE", "x"), "")
	feed := st.feedOf(0)
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "x"))
	wantSaid(t, "confirmed", c.heard(feed, confirmation("*", "subscribe", "x", 1)), "")
	wantSaid(t, "1st message", c.heard(feed, frame("*", "message", "x", "1")), "")
	wantSaid(t, "UNSUBSCRIBE of another", c.say("UNSUBSCRIBE", "y"), "")
	wantSaid(t, "2nd message", c.heard(feed, frame("*", "message", "x", "2")), "")
	want := "$1\r\nv\r\n" + confirmation(">", "subscribe", "x", 1) + frame(">", "message", "x", "1") +
		confirmation(">", "unsubscribe", "y", 1) + frame(">", "message", "x", "2")
	wantSaid(t, "the reply to GET", c.heard(server, "$1\r\nv\r\n"), want)
	wantSaid(t, "3rd message", c.heard(feed, frame("*", "message", "x", "3")), frame(">", "message", "x", "3"))
}

// A message that comes while a reply passes through takes a slot, and none overtakes it.
func TestMessagesWaitForPassingReply(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	server := c.resp3()
	c.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1))
	c.say("GET", "big")
	c.say("GET", "k")
	half := strings.Repeat("a", passOn)
	head := "$" + decimal(2*passOn) + "\r\n"
	wantSaid(t, "1st half", c.heard(server, head+half), head+half)
	wantSaid(t, "messages", c.heard(feed, frame("*", "message", "x", "1")+frame("*", "message", "x", "2")), "")
	if got := c.s.window.len(); got != 3 {
		t.Errorf("%d slots are taken; want 3: messages that follow each other share one", got)
	}
	wantSaid(t, "2nd half", c.heard(server, half+"\r\n"), half+"\r\n")
	wantSaid(t, "3rd message", c.heard(feed, frame("*", "message", "x", "3")), "")
	wantSaid(t, "the next reply", c.heard(server, "$1\r\nv\r\n"), "$1\r\nv\r\n"+frame(">", "message", "x", "1")+
		frame(">", "message", "x", "2")+frame(">", "message", "x", "3"))
	if c.s.window.len() != 0 || c.s.parkedLive != 0 {
		t.Errorf("%d slots and %d bytes are left; want none", c.s.window.len(), c.s.parkedLive)
	}
}

// Who leaves before the server has confirmed gets both confirmations, and the server hears
// both commands.
func TestUnsubscribeBeforeConfirmation(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	c.say("SUBSCRIBE", "x", "y", "x")
	got := c.say("UNSUBSCRIBE", "x", "y")
	wantSaid(t, "UNSUBSCRIBE", got, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2)+
		confirmation("*", "subscribe", "x", 2)+confirmation("*", "unsubscribe", "x", 1)+confirmation("*", "unsubscribe", "y", 0))
	if c.s.sub != nil || c.s.mode != 0 {
		t.Errorf("the session is in mode %d; want none", c.s.mode)
	}
	feed := st.feedOf(0)
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "x")+frame("*", "subscribe", "y")+
		frame("*", "unsubscribe", "x")+frame("*", "unsubscribe", "y"))
	wantNothingLeft(t, c.s.pw.board)
	wantSaid(t, "a subscription anew", c.say("SUBSCRIBE", "x"), "")
	wantSaid(t, "old answers", c.heard(feed, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2)+
		frame("*", "message", "x", "old")+confirmation("*", "unsubscribe", "x", 1)+confirmation("*", "unsubscribe", "y", 0)), "")
	wantSaid(t, "the new answer", c.heard(feed, confirmation("*", "subscribe", "x", 1)), confirmation("*", "subscribe", "x", 1))
}

// The last one to leave is told so when the server knows; others are told at once.
func TestLastToLeaveWaitsForServer(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("SUBSCRIBE", "x", "y")
	other.say("SUBSCRIBE", "y")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2))
	other.take()
	feed.take()
	left := confirmation("*", "unsubscribe", "x", 1) + confirmation("*", "unsubscribe", "y", 0)
	wantSaid(t, "UNSUBSCRIBE", c.say("UNSUBSCRIBE"), "")
	wantSaid(t, "the feed", feed.take(), frame("*", "unsubscribe", "x"))
	wantSaid(t, "a message", c.heard(feed, frame("*", "message", "x", "late")), "")
	wantSaid(t, "left", c.heard(feed, confirmation("*", "unsubscribe", "x", 1)), left)
	wantSaid(t, "the other's", other.say("UNSUBSCRIBE", "y"), "")
	feed.close()
	st.run()
	wantSaid(t, "the feed is lost", other.take(), confirmation("*", "unsubscribe", "y", 0))
	wantNothingLeft(t, c.s.pw.board)
}

// What a server refuses is refused with its words, with all that counted on it.
func TestServerRefusesSubscription(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("SUBSCRIBE", "good", "bad")
	c.say("SUBSCRIBE", "bad")
	other.say("SUBSCRIBE", "bad", "good")
	const noperm = "-NOPERM this user has no permissions to access one of the channels used as arguments\r\n"
	feed := st.feedOf(0)
	got := c.heard(feed, confirmation("*", "subscribe", "good", 1)+noperm)
	wantSaid(t, "refused", got, noperm+noperm)
	wantSaid(t, "refused to the other", other.take(), noperm)
	wantNothingLeft(t, c.s.pw.board)
	if c.s.sub != nil || c.s.mode != 0 || other.s.sub != nil {
		t.Errorf("the sessions are in modes %d and %d; want none", c.s.mode, other.s.mode)
	}
	if pings := c.say("PING"); pings != "+PONG\r\n" {
		t.Errorf("PING: got %q; want +PONG", pings)
	}
}

// A subscription that a server ends by itself is asked for again.
func TestServerEndsSubscription(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	c.say("SSUBSCRIBE", "x")
	feed := st.feedOf(0)
	feed.take()
	c.heard(feed, confirmation("*", "ssubscribe", "x", 1))
	wantSaid(t, "ended", c.heard(feed, confirmation("*", "sunsubscribe", "x", 0)), "")
	wantSaid(t, "the feed", feed.take(), frame("*", "ssubscribe", "x"))
	c.heard(feed, confirmation("*", "ssubscribe", "x", 1))
	m := frame("*", "smessage", "x", "1")
	wantSaid(t, "a message", c.heard(feed, m), m)
}

// A silent feed is asked whether it is alive; one without topics is closed.
func TestFeedIsWatched(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	c.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1))
	feed.take()
	w, f := st.e.workers[0], c.s.pw.board.feeds[0]
	f.l.heard -= int64(pingFeed + time.Second)
	w.tick()
	wantSaid(t, "asked", feed.take(), frame("*", "ping"))
	feed.arrive(frame("*", "pong", ""))
	w.tick()
	wantSaid(t, "alive", feed.take(), "")
	f.l.heard -= int64(pingFeed + time.Second)
	w.tick()
	f.l.heard -= int64(time.Hour)
	f.asked -= int64(time.Hour)
	w.tick()
	if !feed.closed || f.l != nil {
		t.Fatal("a feed that does not answer is still open")
	}
	f.retryAt = w.now
	w.tick()
	again := st.feedOf(0)
	wantSaid(t, "the next feed", again.take(), frame("*", "subscribe", "x"))
	again.arrive(confirmation("*", "subscribe", "x", 1))
	c.say("RESET")
	again.arrive(confirmation("*", "unsubscribe", "x", 0))
	f.l.heard -= int64(2 * quietTime)
	w.tick()
	if !again.closed || len(c.s.pw.board.feeds) != 0 || len(c.s.pw.private.links) != 0 {
		t.Errorf("the feed is still open: %d feeds, %d private links", len(c.s.pw.board.feeds), len(c.s.pw.private.links))
	}
}

// A held PUBLISH finds its channel's group again when the ring has changed.
func TestPublishIsRelocated(t *testing.T) {
	server := func(port string) []shard.Server {
		return []shard.Server{{Addr: "127.0.0.1:" + port, Role: shard.Master, Weight: 1}}
	}
	st := newTestWorker(t, PoolOptions{Table: testTable(t,
		shard.Group{Name: "g1", Servers: server("1")}, shard.Group{Name: "g2", Servers: server("2")})})
	pw := st.e.workers[0].pools[0]
	for i := range 20 {
		channel := "channel" + decimal(i)
		for _, how := range []string{"PUBLISH", "SPUBLISH"} {
			e := entry{group: groupRef{pw.laying - 1, 9}}
			want := pw.table.Locate([]byte(channel))
			if pw.relocate(&e, codec.AppendCommand(nil, how, channel, "m")) != nil || pw.indexOf(e.group) != want {
				t.Errorf("%s %s goes to group %d; want %d", how, channel, pw.indexOf(e.group), want)
			}
		}
	}
}
