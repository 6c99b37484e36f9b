package loop

import (
	"testing"
	"time"
)

// A handshake is a worker whose link to its only server is in its handshake.
type handshake struct {
	*stage
	l *link
	m *memConn
	c *memClient
}

// shake sets the stage: the server is connected, and has been greeted.
func shake(t *testing.T, opt PoolOptions) *handshake {
	t.Helper()
	h := &handshake{stage: newTestWorker(t, opt)}
	h.l = h.e.workers[0].pools[0].link(0, 0)
	h.c = h.client(0, 0)
	h.dial()
	return h
}

// dial connects the link.
func (h *handshake) dial() {
	h.e.workers[0].begin()
	h.l.warm()
	h.e.workers[0].end()
	h.dialed()
}

// dialed connects it when it is being dialed.
func (h *handshake) dialed() {
	c := &call{l: h.l}
	h.m = &memConn{owner: c, remote: h.l.server.Addr}
	c.Opened(h.m)
}

// TestHandshakeErrors: an error in the handshake is no reason to give up a server that is there.
// What it lets us do it says to each request; what turns us away is told for what it is.
func TestHandshakeErrors(t *testing.T) {
	secret := PoolOptions{ServerPassword: "secret"}
	second := PoolOptions{DB: 2}
	for _, tc := range []struct {
		name    string
		opt     PoolOptions
		replies string
		why     *fault // nil: the link is up
	}{
		{"no right to PING", secret, "+OK\r\n-NOPERM this user has no permissions to run the 'ping' command\r\n", nil},
		{"no PING", PoolOptions{}, "-ERR unknown command 'PING', with args beginning with: \r\n", nil},
		{"busy", PoolOptions{}, "-BUSY Redis is busy running a script.\r\n", nil},
		{"loading", PoolOptions{}, "-LOADING Redis is loading the dataset in memory\r\n", nil},
		{"stale", PoolOptions{}, "-MASTERDOWN Link with MASTER is down\r\n", nil},
		{"cannot save", PoolOptions{}, "-MISCONF Redis is configured to save RDB snapshots\r\n", nil},
		{"a password wanted", PoolOptions{}, "-NOAUTH Authentication required.\r\n", faultAuth},
		{"a password wanted, a database", second, "-NOAUTH Authentication required.\r\n", faultAuth},
		{"another password", secret, "-WRONGPASS invalid username-password pair\r\n", faultAuth},
		{"no password there", secret, "-ERR AUTH <password> called without any password configured for the default user.\r\n+PONG\r\n", nil},
		{"no password there, Redis 5", secret, "-ERR Client sent AUTH, but no password is set\r\n+PONG\r\n", nil},
		{"no AUTH there", secret, "-ERR unknown command 'AUTH'\r\n", faultAuth},
		{"no such database", second, "-ERR DB index is out of range\r\n", faultRefused},
		{"no right to SELECT", second, "-NOPERM this user has no permissions to run the 'select' command\r\n", faultNoSelect},
		{"full", PoolOptions{}, "-ERR max number of clients reached\r\n", faultFull},
		{"full, a password", secret, "-ERR max number of clients reached\r\n", faultFull},
		{"protected", PoolOptions{}, "-DENIED Redis is running in protected mode\r\n", faultRefused},
	} {
		h := shake(t, tc.opt)
		got(t, tc.name+": before", h.c.say("GET", "k"), "")
		h.m.take()
		h.m.arrive(tc.replies)
		h.run()
		if tc.why == nil {
			got(t, tc.name+": sent", h.m.take(), frames("GET k"))
			h.m.arrive("$1\r\nv\r\n")
			h.run()
			got(t, tc.name+": reply", h.c.take(), "$1\r\nv\r\n")
			continue
		}
		want := string(appendFault(nil, tc.why, place{pool: "alpha", group: "g1", addr: "127.0.0.1:6379"}))
		got(t, tc.name+": reply", h.c.take(), want)
		if h.l.state != linkCooling || h.l.redial.at-h.l.w.now < int64(firstPause)/2 {
			t.Errorf("%s: got state %d, next dial in %v; want it to rest", tc.name, h.l.state, time.Duration(h.l.redial.at-h.l.w.now))
		}
	}
}

// TestBusyHandshake: a server that is too busy for SELECT is greeted again on the same
// connection after a pause, and everybody hears its own words meanwhile, wherever they wait.
func TestBusyHandshake(t *testing.T) {
	busy := "-BUSY Redis is busy running a script.\r\n"
	for _, request := range []string{"GET k", "SET k v", "EVAL x 1 k", "MGET k l"} {
		h := shake(t, PoolOptions{DB: 2, HoldTimeout: time.Minute})
		h.m.take()
		h.m.arrive(busy + busy)
		h.run()
		got(t, request, h.c.ask(frames(request)), busy)
		got(t, request+", EXEC", h.c.ask(frames("MULTI;INCR k;EXEC")),
			queued1+"-EXECABORT Transaction discarded because of: BUSY Redis is busy running a script.\r\n")
		for range 5 {
			h.e.workers[0].tick()
		}
		got(t, "before the pause is over", h.m.take(), "")
		for range 3 {
			h.l.redial.at = 1
			h.e.workers[0].tick()
			got(t, "greeted again", h.m.take(), frames("SELECT 2;PING"))
			h.m.arrive(busy + busy)
		}
		h.l.redial.at = 1
		h.e.workers[0].tick()
		h.m.take()
		h.m.arrive("+OK\r\n+PONG\r\n")
		h.run()
		if h.m.closed || h.l.state != linkReady || h.l.count.Connects != 1 {
			t.Errorf("got closed %t, state %d, %d connections; want one that is up", h.m.closed, h.l.state, h.l.count.Connects)
		}
		got(t, "the next", h.c.ask(frames("GET k")), "")
		got(t, "sent", h.m.take(), frames("GET k"))
	}
}

// TestBusyPrivateHandshake: who waits for a link of its own hears the same words.
func TestBusyPrivateHandshake(t *testing.T) {
	busy := "-BUSY Redis is busy running a script.\r\n"
	st := newTestWorker(t, PoolOptions{DB: 2, HoldTimeout: time.Minute})
	st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	for _, request := range []string{"BLPOP k 0", "WATCH k"} {
		got(t, request+" waits", c.ask(frames(request)), "")
		l := c.s.pin
		if b := c.s.blocked(); b != nil {
			l = b.link
		}
		st.e.workers[0].begin()
		l.warm()
		st.e.workers[0].end()
		d := &call{l: l}
		m := &memConn{owner: d, remote: l.server.Addr}
		d.Opened(m)
		m.arrive(busy + busy)
		st.run()
		got(t, request, c.take(), busy)
		if !m.closed {
			t.Errorf("%s: the link is open; want it closed, nobody waits for it", request)
		}
	}
	if n := st.e.workers[0].pools[0].private.lent; n != 0 {
		t.Errorf("got %d links lent; want none", n)
	}
}

// TestBusyFeed: a subscription that waits for a busy server is not lost.
func TestBusyFeed(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	got(t, "it waits", c.say("SUBSCRIBE", "ch"), "")
	pw := st.e.workers[0].pools[0]
	l := pw.private.links[0]
	d := &call{l: l}
	m := &memConn{owner: d, remote: l.server.Addr}
	st.e.workers[0].begin()
	l.warm()
	st.e.workers[0].end()
	d.Opened(m)
	m.arrive("-BUSY Redis is busy running a script.\r\n")
	st.run()
	m.take()
	l.redial.at = 1
	st.e.workers[0].tick()
	got(t, "greeted again", m.take(), frames("PING"))
	m.arrive("+PONG\r\n")
	st.run()
	got(t, "then", m.take(), frames("subscribe ch"))
}

// TestRelief: while a server runs a script, sessions with nothing in flight use a second link
// as soon as the server speaks there, and the first one again when it is free. Whoever has
// something in flight stays.
func TestRelief(t *testing.T) {
	busy := "-BUSY Redis is busy running a script.\r\n"
	x := newWard(t, 0, PoolOptions{})
	script, stuck, other := x.client(0, 0), x.client(0, 0), x.client(0, 0)
	script.ask(frames("EVAL x 0"))
	stuck.ask(frames("SET a 1"))
	x.asked()
	x.pass(stallEnd)
	home := x.pw.link(0, 0)
	if !home.health.occupied || x.pw.plain.relief == nil {
		t.Fatalf("got occupied %t, relief %v; want a second link dialed", home.health.occupied, x.pw.plain.relief)
	}
	other.ask(frames("GET b"))
	got(t, "before the server speaks", x.servers[0].take(), frames("GET b"))
	relief := x.reconnect(x.pw.plain.relief.link(0, 0))
	late := x.client(0, 0)
	late.ask(frames("GET c;GET d"))
	got(t, "of a client with nothing in flight", relief.take(), frames("GET c;GET d"))
	stuck.ask(frames("SET a 2"))
	got(t, "of one that waits", x.servers[0].take(), frames("SET a 2"))
	relief.arrive(busy + busy)
	x.run()
	got(t, "replies", late.take(), busy+busy)
	late.ask(frames("GET c"))
	got(t, "again", relief.take(), frames("GET c"))
	x.servers[0].arrive("$1\r\nx\r\n+OK\r\n$1\r\nb\r\n+OK\r\n")
	x.tick()
	late.ask(frames("GET e"))
	got(t, "in flight there", relief.take(), frames("GET e"))
	relief.arrive("$1\r\nc\r\n$1\r\ne\r\n")
	x.run()
	got(t, "replies", late.take(), "$1\r\nc\r\n$1\r\ne\r\n")
	late.ask(frames("GET f"))
	got(t, "with nothing in flight, when the first is free", x.servers[0].take(), frames("GET f"))
	x.servers[0].arrive("$1\r\nf\r\n")
	x.run()
	if x.pw.plain.users != 4 || x.pw.plain.relief.users != 0 {
		t.Errorf("got %d and %d users; want all four at home", x.pw.plain.users, x.pw.plain.relief.users)
	}
	f := x.pw.plain.relief
	f.left -= int64(2 * keepLinkSet)
	x.pass(2 * keepLinkSet)
	if x.pw.plain.relief != nil || !relief.closed {
		t.Errorf("got relief %v, closed %t; want it gone when nobody needs it", x.pw.plain.relief, relief.closed)
	}
}

// TestReliefOfSplitRequests: while one of two servers runs a script, the parts of a split request
// do not change the links that what comes behind it uses.
func TestReliefOfSplitRequests(t *testing.T) {
	table := twoGroups(t)
	k := keysOf(t, table)
	x := newWard(t, 0, PoolOptions{Table: table})
	x.client(0, 0).ask(frames("EVAL x 1 " + k[0]))
	c := x.client(0, 0)
	x.asked()
	x.pass(stallEnd)
	relief := x.reconnect(x.pw.plain.relief.link(0, 0))
	c.ask(frames("MSET " + k[0] + " 1 " + k[1] + " 1;SET " + k[0] + " 2"))
	got(t, "to the busy one", x.servers[0].take(), frames("MSET "+k[0]+" 1;SET "+k[0]+" 2"))
	got(t, "to the other", x.servers[1].take(), frames("MSET "+k[1]+" 1"))
	got(t, "to the relief", relief.take(), "")
	other := x.client(0, 0)
	other.ask(frames("SET " + k[0] + " 3;MSET " + k[0] + " 4 " + k[1] + " 4;SET " + k[0] + " 5"))
	got(t, "all that begins there", relief.take(), frames("SET "+k[0]+" 3;MSET "+k[0]+" 4;SET "+k[0]+" 5"))
}
