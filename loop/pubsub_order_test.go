package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// greet connects a link in memory and answers its handshake.
func (st *stage) greet(l *link) *memConn {
	st.t.Helper()
	l.w.begin()
	l.warm()
	l.w.end()
	c := &call{l: l}
	m := &memConn{owner: c, remote: l.server.Addr}
	c.Opened(m)
	said := m.take()
	if strings.Contains(said, "HELLO") {
		m.arrive("%0\r\n")
	}
	if strings.Contains(said, "SELECT") {
		m.arrive("+OK\r\n")
	}
	m.arrive("+PONG\r\n")
	st.run()
	return m
}

// feedOf connects the first worker's feed of a server.
func (st *stage) feedOf(server int32) *memConn {
	st.t.Helper()
	return st.greet(st.e.workers[0].pools[0].board.feeds[server].l)
}

// heard is an event with bytes from a server; it returns what was said to c.
func (c *memClient) heard(from *memConn, in string) string {
	from.arrive(in)
	c.st.run()
	return c.take()
}

// resp3 makes a client speak RESP3 and returns its link to the first server.
func (c *memClient) resp3() *memConn {
	c.st.t.Helper()
	if got := c.say("HELLO", "3"); got[0] != '%' {
		c.st.t.Fatalf("HELLO 3: got %q; want a map", got)
	}
	return c.st.greet(c.s.proto.linkSet.link(0, 0))
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
func wantNothingLeft(t *testing.T, x *topicRegistry) {
	t.Helper()
	for kind := range x.topics {
		if n := len(x.topics[kind]); n != 0 {
			t.Errorf("%d topics of kind %d are left; want 0", n, kind)
		}
	}
	if c := &x.pw.counters; c.Subscriptions != 0 || c.Upstream != 0 {
		t.Errorf("%d subscriptions and %d upstream are counted; want 0", c.Subscriptions, c.Upstream)
	}
	if n := x.pw.pool.crowd.uneven.Load(); n != 0 {
		t.Errorf("%d topics have a surplus; want 0", n)
	}
	for id, f := range x.feeds {
		if len(f.strands) != 0 {
			t.Errorf("the feed of server %d carries %d topics; want 0", id, len(f.strands))
		}
	}
}

// pong answers a mark.
var pong = frame("*", "pong", "")

// Nothing is told to the server before what its client has said before is answered, and
// nothing that comes before the confirmation is heard.
func TestSubscribeComesBehindRequests(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	server := c.resp3()
	wantSaid(t, "PUBLISH", c.say("PUBLISH", "x", "0"), "")
	wantSaid(t, "SUBSCRIBE", c.say("SUBSCRIBE", "x"), "")
	if c.s.pw.board != nil && len(c.s.pw.board.feeds) > 0 {
		t.Fatal("the server is asked before it has answered what was said before")
	}
	wantSaid(t, "PUBLISH, behind", c.say("PUBLISH", "x", "1"), "")
	wantSaid(t, "the count", c.heard(server, ":0\r\n"), ":0\r\n")
	server.take()
	feed := st.feedOf(0)
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "x"))
	wantSaid(t, "the server", server.take(), "")
	wantSaid(t, "confirmed", c.heard(feed, confirmation("*", "subscribe", "x", 1)), confirmation(">", "subscribe", "x", 1))
	wantSaid(t, "the server, afterwards", server.take(), frame("*", "PUBLISH", "x", "1"))
	wantSaid(t, "UNSUBSCRIBE", c.say("UNSUBSCRIBE", "x"), "")
	wantSaid(t, "a message", c.heard(feed, frame("*", "message", "x", "1")), "")
	wantSaid(t, "the feed, before it is published", feed.take(), "")
	wantSaid(t, "published", c.heard(server, ":1\r\n"), ":1\r\n"+frame(">", "message", "x", "1"))
	wantSaid(t, "the feed, afterwards", feed.take(), frame("*", "unsubscribe", "x"))
	wantSaid(t, "left", c.heard(feed, confirmation("*", "unsubscribe", "x", 0)), confirmation(">", "unsubscribe", "x", 0))
}

// Who joins what the worker hears already is confirmed by a mark, and hears what comes behind
// it; who leaves hears what comes before one. All that comes in one event shares one.
func TestMarks(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	old, c := st.client(0, 0), st.client(0, 0)
	old.say("SUBSCRIBE", "x", "y")
	feed := st.feedOf(0)
	old.heard(feed, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2))
	feed.take()
	join := string(codec.AppendCommand(nil, "SUBSCRIBE", "y", "x", "y"))
	leave := string(codec.AppendCommand(nil, "UNSUBSCRIBE", "x"))
	wantSaid(t, "orders", c.ask(join+leave+join), "")
	wantSaid(t, "the feed", feed.take(), frame("*", "ping"))
	m := frame("*", "message", "x", "old")
	wantSaid(t, "an old message", c.heard(feed, m), "")
	wantSaid(t, "an old message to an old member", old.take(), m)
	joined := confirmation("*", "subscribe", "y", 1) + confirmation("*", "subscribe", "x", 2) + confirmation("*", "subscribe", "y", 2)
	all := joined + confirmation("*", "unsubscribe", "x", 1) +
		confirmation("*", "subscribe", "y", 1) + confirmation("*", "subscribe", "x", 2) + confirmation("*", "subscribe", "y", 2)
	wantSaid(t, "marked", c.heard(feed, pong), all)
	wantSaid(t, "a message", c.heard(feed, m), m)
	old.take()
	wantSaid(t, "leaving", c.say("UNSUBSCRIBE", "x"), "")
	wantSaid(t, "the next mark", feed.take(), frame("*", "ping"))
	wantSaid(t, "a message on the way", c.heard(feed, m), m)
	wantSaid(t, "left", c.heard(feed, pong+m), confirmation("*", "unsubscribe", "x", 1))
}

// QUIT and RESET come behind the messages that were published before them.
func TestMessagesComeBeforeQuit(t *testing.T) {
	for how, want := range map[string]string{"QUIT": "+OK\r\n", "RESET": "+RESET\r\n"} {
		st := newTestWorker(t, PoolOptions{})
		c, other := st.client(0, 0), st.client(0, 0)
		c.say("SUBSCRIBE", "x")
		other.say("SUBSCRIBE", "x")
		feed := st.feedOf(0)
		c.heard(feed, confirmation("*", "subscribe", "x", 1))
		feed.take()
		wantSaid(t, how, c.say(how), "")
		wantSaid(t, "the feed", feed.take(), frame("*", "ping"))
		m := frame("*", "message", "x", "1")
		wantSaid(t, "a message", c.heard(feed, m), m)
		wantSaid(t, "the end", c.heard(feed, pong+m), want)
		if c.s.sub != nil || c.closed != (how == "QUIT") {
			t.Errorf("%s: the connection is closed: %v, and has subscriptions: %v", how, c.closed, c.s.sub)
		}
	}
}

// A message does not overtake the reply to what was executed before it was published, and
// those that wait stay in order. One that is blocked or held does not hinder it.
func TestMessagesWaitForReplies(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	server := c.resp3()
	c.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1))
	c.say("GET", "big")
	half := strings.Repeat("a", passOn)
	head := "$" + decimal(2*passOn) + "\r\n"
	wantSaid(t, "messages", c.heard(feed, frame("*", "message", "x", "1")+frame("*", "message", "x", "2")), "")
	c.say("GET", "k")
	if got := c.s.window.Len(); got != 3 {
		t.Errorf("%d slots are taken; want 3: messages that follow each other share one", got)
	}
	wantSaid(t, "1st half", c.heard(server, head+half), head+half)
	wantSaid(t, "3rd message", c.heard(feed, frame("*", "message", "x", "3")), "")
	wantSaid(t, "2nd half", c.heard(server, half+"\r\n"), half+"\r\n"+frame(">", "message", "x", "1")+frame(">", "message", "x", "2"))
	wantSaid(t, "the next reply", c.heard(server, "$1\r\nv\r\n"), "$1\r\nv\r\n"+frame(">", "message", "x", "3"))
	if c.s.window.Len() != 0 || c.s.output.parkedLive != 0 {
		t.Errorf("%d slots and %d bytes are left; want none", c.s.window.Len(), c.s.output.parkedLive)
	}
	c.say("BLPOP", "list", "0")
	wantSaid(t, "a message to who is blocked", c.heard(feed, frame("*", "message", "x", "4")), frame(">", "message", "x", "4"))
}

// Who leaves before the server has confirmed gets both confirmations when the server has
// heard and answered both commands.
func TestUnsubscribeBeforeConfirmation(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	c.say("SUBSCRIBE", "x", "y", "x")
	wantSaid(t, "UNSUBSCRIBE", c.say("UNSUBSCRIBE", "x", "y"), "")
	feed := st.feedOf(0)
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "x", "y")+frame("*", "unsubscribe", "x", "y"))
	wantSaid(t, "a subscription anew", c.say("SUBSCRIBE", "x"), "")
	wantSaid(t, "joined", c.heard(feed, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2)),
		confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2)+confirmation("*", "subscribe", "x", 2))
	wantSaid(t, "left", c.heard(feed, confirmation("*", "unsubscribe", "x", 1)+confirmation("*", "unsubscribe", "y", 0)),
		confirmation("*", "unsubscribe", "x", 1)+confirmation("*", "unsubscribe", "y", 0))
	wantSaid(t, "the new answer", c.heard(feed, confirmation("*", "subscribe", "x", 1)), confirmation("*", "subscribe", "x", 1))
	c.Close()
	st.run()
	feed.arrive(confirmation("*", "unsubscribe", "x", 0))
	wantNothingLeft(t, c.s.pw.board)
}

// Whoever leaves is told so when the server has answered, or cannot answer any more.
func TestLeavingEndsWithFeed(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: time.Hour})
	c, other, late := st.client(0, 0), st.client(0, 0), st.client(0, 0)
	c.say("SUBSCRIBE", "x", "y")
	other.say("SUBSCRIBE", "y")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2))
	other.take()
	wantSaid(t, "UNSUBSCRIBE", c.say("UNSUBSCRIBE"), "")
	late.say("SUBSCRIBE", "y")
	late.say("UNSUBSCRIBE", "y")
	feed.Close()
	st.run()
	wantSaid(t, "the feed is lost", c.take(), confirmation("*", "unsubscribe", "x", 1)+confirmation("*", "unsubscribe", "y", 0))
	wantSaid(t, "to who joins", late.take(), "")
	f := c.s.pw.board.feeds[0]
	f.retryAt = 0
	st.e.workers[0].tick()
	again := st.feedOf(0)
	wantSaid(t, "the next feed", again.take(), frame("*", "subscribe", "y"))
	wantSaid(t, "joined and left", late.heard(again, confirmation("*", "subscribe", "y", 1)),
		confirmation("*", "subscribe", "y", 1)+confirmation("*", "unsubscribe", "y", 0))
	wantSaid(t, "who stays", other.take(), "")
}

// A server that says nothing is not waited for without end: who joins has failed, who leaves
// has left.
func TestOrdersRunOutOfTime(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Timeout: time.Second})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1))
	wantSaid(t, "UNSUBSCRIBE", c.say("UNSUBSCRIBE", "x"), "")
	wantSaid(t, "SUBSCRIBE", other.say("SUBSCRIBE", "x"), "")
	for _, p := range c.s.pw.board.pendingOrders {
		p.since -= int64(time.Second)
	}
	st.e.workers[0].tick()
	wantSaid(t, "left", c.take(), confirmation("*", "unsubscribe", "x", 0))
	if got := other.take(); !strings.HasPrefix(got, "-TRYAGAIN huntaway: ") {
		t.Errorf("SUBSCRIBE: got %q; want TRYAGAIN", got)
	}
	feed.arrive(confirmation("*", "unsubscribe", "x", 0) + confirmation("*", "subscribe", "x", 1) + confirmation("*", "unsubscribe", "x", 0))
	wantNothingLeft(t, c.s.pw.board)
}

// What a client may have on its way is bounded, whatever it names.
func TestOrdersAreBounded(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	many := []string{"SUBSCRIBE"}
	for range 131_000 {
		many = append(many, "a")
	}
	c.ask(strings.Repeat(string(codec.AppendCommand(nil, many...)), 3))
	if got := c.s.window.Len(); got != 1 {
		t.Errorf("%d orders of %d names are read; want 1", got, len(many)-1)
	}
	feed := st.feedOf(0)
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "a"))
	said := c.heard(feed, confirmation("*", "subscribe", "a", 1))
	for said == "" { // the other names of the order, a piece at a time
		pings := strings.Count(feed.take(), "ping")
		if pings == 0 {
			t.Fatal("the order is not read on")
		}
		said = c.heard(feed, strings.Repeat(pong, pings))
	}
	if got := strings.Count(said, confirmation("*", "subscribe", "a", 1)); got != 131_000 {
		t.Errorf("%d names are confirmed; want 131000", got)
	}
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
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "good", "bad"))
	wantSaid(t, "refused together", c.heard(feed, noperm), "")
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "good")+frame("*", "subscribe", "bad"))
	got := c.heard(feed, confirmation("*", "subscribe", "good", 1)+noperm)
	wantSaid(t, "refused", got, noperm+noperm)
	wantSaid(t, "refused to the other", other.take(), noperm)
	wantSaid(t, "the feed", feed.take(), frame("*", "unsubscribe", "bad")+frame("*", "unsubscribe", "good"))
	feed.arrive(confirmation("*", "unsubscribe", "bad", 1) + confirmation("*", "unsubscribe", "good", 0))
	wantNothingLeft(t, c.s.pw.board)
	if c.s.sub != nil || c.s.mode != 0 || other.s.sub != nil {
		t.Errorf("the sessions are in modes %d and %d; want none", c.s.mode, other.s.mode)
	}
	if pings := c.say("PING"); pings != "+PONG\r\n" {
		t.Errorf("PING: got %q; want +PONG", pings)
	}
}

// What a transaction confirms is said with its EXEC: messages of what it leaves come before,
// those of what it joins behind.
func TestMessagesAroundExec(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("HELLO", "3")
	other.say("SUBSCRIBE", "x", "y")
	feed := st.feedOf(0)
	other.heard(feed, confirmation("*", "subscribe", "x", 1)+confirmation("*", "subscribe", "y", 2))
	c.say("SUBSCRIBE", "x")
	c.heard(feed, pong)
	for _, words := range [][]string{{"MULTI"}, {"SUBSCRIBE", "y"}, {"UNSUBSCRIBE", "x"}} {
		c.say(words...)
	}
	c.say("EXEC")
	for range 10 {
		st.e.workers[0].tick()
		st.run()
	}
	x, y := frame("*", "message", "x", "1"), frame("*", "message", "y", "2")
	wantSaid(t, "before the 1st mark", c.heard(feed, x+y), frame(">", "message", "x", "1"))
	wantSaid(t, "before the 2nd mark", c.heard(feed, pong+x+y), frame(">", "message", "x", "1"))
	wantSaid(t, "EXEC", c.heard(feed, pong+x+y), "*2\r\n"+confirmation(">", "subscribe", "y", 2)+
		confirmation(">", "unsubscribe", "x", 1)+frame(">", "message", "y", "2")+frame(">", "message", "y", "2"))
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
	f.l.health.heard -= int64(pingFeed + time.Second)
	w.tick()
	wantSaid(t, "asked", feed.take(), frame("*", "ping"))
	feed.arrive(frame("*", "pong", ""))
	w.tick()
	wantSaid(t, "alive", feed.take(), "")
	f.l.health.heard -= int64(pingFeed + time.Second)
	w.tick()
	f.l.health.heard -= int64(time.Hour)
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
	f.l.health.heard -= int64(2 * quietTime)
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

// Who leaves what several servers carry hears no more from one that has answered, though
// others join there: no message is heard behind one that is not.
func TestLeavingEndsServerByServer(t *testing.T) {
	server := func(port string) []shard.Server {
		return []shard.Server{{Addr: "127.0.0.1:" + port, Role: shard.Master, Weight: 1}}
	}
	st := newTestWorker(t, PoolOptions{Table: testTable(t,
		shard.Group{Name: "g1", Servers: server("1")}, shard.Group{Name: "g2", Servers: server("2")})})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("PSUBSCRIBE", "p*")
	one, two := st.feedOf(0), st.feedOf(1)
	joined, left := confirmation("*", "psubscribe", "p*", 1), confirmation("*", "punsubscribe", "p*", 0)
	wantSaid(t, "one", c.heard(one, joined), "")
	wantSaid(t, "both", c.heard(two, joined), joined)
	m := frame("*", "pmessage", "p*", "p", "1")
	c.say("PUNSUBSCRIBE")
	wantSaid(t, "one has answered", c.heard(one, m+left), m)
	other.say("PSUBSCRIBE", "p*")
	wantSaid(t, "a message", c.heard(one, joined+m), "")
	wantSaid(t, "one of the other", c.heard(two, m), m)
	wantSaid(t, "both have answered", c.heard(two, left+joined+m), left)
	wantSaid(t, "who has joined", other.take(), joined+m)
}
