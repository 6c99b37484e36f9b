package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/loop/memory"
	"huntaway/loop/netio"
	"huntaway/shard"
)

// unfinished sends the beginning of a SET with so many bytes of a value that is longer.
func (c *memClient) unfinished(n int) {
	if c.s.input.tail == nil {
		c.arrive("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000000\r\n")
	}
	for ; n > 0; n -= netio.ReadBuffer {
		c.arrive(strings.Repeat("x", min(n, netio.ReadBuffer)))
	}
}

// slowLimits bounds what a pool may hold, and lets requests be unfinished for as long as a test
// takes.
func slowLimits(memory int64) Limits {
	return Limits{MaxMemory: memory, RequestTime: time.Hour}
}

// TestWhoHoldsMostPays: what clients hold together is bounded, over one pool or all of them and
// over all workers, and who holds most is closed first, and hears why; the others stay.
func TestWhoHoldsMostPays(t *testing.T) {
	for _, tc := range []struct {
		name        string
		pool, whole int64
	}{{"of the pool", 40 << 20, 0}, {"of all", 0, 40 << 20}} { // a slab may be twice what is in it
		t.Run(tc.name, func(t *testing.T) {
			st := newStage(t, 2, PoolOptions{Name: "a", Limits: slowLimits(tc.pool)}, PoolOptions{Name: "b", Limits: slowLimits(0)})
			st.e.opt.MaxMemory = tc.whole
			ticks := func() {
				for range 3 {
					for _, w := range st.e.workers {
						w.tick()
					}
					st.run()
				}
			}
			small := []*memClient{st.client(0, 0), st.client(0, 1), st.client(1, 1)}
			for _, c := range small {
				c.unfinished(1 << 20)
			}
			most, second := st.client(0, 1), st.client(0, 0)
			second.unfinished(5 << 20)
			most.unfinished(7 << 20)
			ticks()
			if most.closed || second.closed {
				t.Fatal("got somebody closed under the bound; want nobody")
			}
			most.unfinished(40 << 20)
			ticks()
			if got := most.take(); !most.closed || !strings.Contains(got, "max_memory") {
				t.Errorf("who holds most: closed %v, heard %q; want it closed, and told the key", most.closed, got)
			}
			if second.closed {
				t.Error("the second is closed; want the first to suffice")
			}
			second.unfinished(40 << 20)
			ticks()
			if !second.closed {
				t.Error("the second, which holds most then, is not closed")
			}
			for i, c := range small {
				if c.closed {
					t.Errorf("client %d, which holds little, is closed", i)
				}
			}
			for range 3 {
				ticks()
			}
			if bytes := st.e.pools[0].held(); bytes > 8<<20 {
				t.Errorf("got %d bytes held in the end; want what the small ones hold", bytes)
			}
		})
	}
}

// turns has every worker tick a few times.
func (st *stage) turns() {
	for range 3 {
		for _, w := range st.e.workers {
			w.budget.balanced = 0 // ticks that follow each other at once count all the same
			w.tick()
		}
		st.run()
	}
}

// TestManySmallArePartOfOne: who shares out what it holds among many connections, of one address
// or of one pool, pays before a client that holds more than each of them, and no more of them than
// it takes.
func TestManySmallArePartOfOne(t *testing.T) {
	const clients, each, most, large = 200, 200 << 10, 48 << 20, 8 << 20 // a slab may be twice what is in it
	for _, tc := range []struct {
		name        string
		pool        int // of the many; the large one is of the first
		many, large string
		hosts       int // of the many
		ofPool      int64
	}{
		{"another pool, the same address", 1, "10.0.0.1", "10.0.0.1", 1, 0},
		{"another pool, many addresses", 1, "10.0.0.", "10.0.1.1", clients, 0},
		{"another address of all", 0, "10.0.0.1", "10.0.0.2", 1, 0},
		{"another address of the pool", 0, "10.0.0.1", "10.0.0.2", 1, most},
		{"another network", 0, "[2001:db8::1]", "[2001:db9::1]", 1, most},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := newStage(t, 2, PoolOptions{Name: "a", Limits: slowLimits(tc.ofPool)}, PoolOptions{Name: "b", Limits: slowLimits(0)})
			if tc.ofPool == 0 {
				st.e.opt.MaxMemory = most
			}
			innocent := st.client(0, 0)
			innocent.from(tc.large)
			innocent.unfinished(large)
			var all []*memClient
			for i := range clients {
				host := tc.many
				if tc.hosts > 1 {
					host += decimal(i)
				}
				c := st.client(tc.pool, i%2)
				c.from(host)
				c.unfinished(each)
				all = append(all, c)
				if i%20 == 0 {
					st.turns()
				}
			}
			for range 100 { // ticks that follow each other at once do not all count
				if st.turns(); st.e.held() <= most {
					break
				}
			}
			closed := 0
			for _, c := range all {
				if c.closed {
					closed++
				}
			}
			if innocent.closed {
				t.Errorf("the client of %d MiB is closed for what %d of %d KiB hold", large>>20, clients, each>>10)
			}
			if got := st.e.held(); got > most || got < most/2 || closed == clients {
				t.Errorf("got %d MiB held, and %d of %d closed; want just as many closed as hold too much", got>>20, closed, clients)
			}
		})
	}
}

// TestLargestOfOneAddressPays: of clients that cannot be told apart by their address, those of a
// unix socket as well, who holds most pays.
func TestLargestOfOneAddressPays(t *testing.T) {
	for _, host := range []string{"10.0.0.1", "/tmp/socket"} {
		st := newStage(t, 2, PoolOptions{Limits: Limits{MaxMemory: 24 << 20}})
		var small []*memClient
		for i := range 8 {
			c := st.client(0, i%2)
			c.from(host)
			c.unfinished(1 << 20)
			small = append(small, c)
		}
		large := st.client(0, 1)
		large.from(host)
		large.unfinished(30 << 20)
		st.turns()
		if !large.closed {
			t.Errorf("%s: the largest is not closed", host)
		}
		for i, c := range small {
			if c.closed {
				t.Errorf("%s: client %d, which holds little, is closed", host, i)
			}
		}
	}
}

// TestDepthIsCharged: what is remembered of how deep a reply is belongs to who asked for it, and
// when that one has gone to the link, which is closed for it.
func TestDepthIsCharged(t *testing.T) {
	const deep, holds = 900_000, 900_000 * 8
	st := newTestWorker(t, PoolOptions{Limits: Limits{MaxMemory: 4 * holds}})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.say("GET", "k")
	link.arrive(strings.Repeat("*2\r\n", deep))
	c.take()
	st.turns()
	if got := c.s.account.charged; got < holds || got > 2*holds || c.closed {
		t.Errorf("got %d bytes charged, closed %v; want %d", got, c.closed, holds)
	}
	c.Close()
	st.turns()
	if got := st.e.held(); got < holds || link.closed {
		t.Errorf("got %d bytes held when the client has gone, link closed %v; want %d", got, link.closed, holds)
	}
	p := st.e.pools[0]
	more := PoolOptions{Limits: Limits{MaxMemory: holds / 2}}
	st.e.workers[0].pools[0].opt.Limits.MaxMemory = more.Limits.MaxMemory
	st.turns()
	if got := p.held(); !link.closed || got != 0 {
		t.Errorf("got link closed %v, %d bytes held; want it to pay", link.closed, got)
	}
}

// TestNobodysPartIsForgotten: what was collected of a reply is given back when its client has
// gone, though the server says no more of it.
func TestNobodysPartIsForgotten(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	st.linkTo(0, 0, 0)
	l := st.e.workers[0].pools[0].link(0, 0)
	c := st.client(0, 0)
	c.say("GET", "j")
	c.say("PUBLISH", "a", "b") // is not passed on in pieces
	st.links[0].arrive("$1\r\nx\r\n$9000000\r\n" + strings.Repeat("x", 4<<20))
	if got := l.coming.partial.Holds(); got < 4<<20 {
		t.Fatalf("got %d bytes collected; want 4 MiB", got)
	}
	c.Close()
	st.turns()
	if got := l.coming.partial.Holds() + st.e.held(); got != 0 {
		t.Errorf("got %d bytes held for nobody; want none", got)
	}
	st.links[0].arrive(strings.Repeat("x", 5000000-194304) + "\r\n")
	if l.conn == nil {
		t.Error("the link is closed by a good reply")
	}
}

// TestNobodysRequestsAreTheLinks: large requests that are not answered when their clients have
// gone are what the link pays for.
func TestNobodysRequestsAreTheLinks(t *testing.T) {
	const size = 8 << 20
	st := newTestWorker(t, PoolOptions{Limits: Limits{MaxMemory: 3 * size}})
	link := st.linkTo(0, 0, 0)
	innocent := st.client(0, 0)
	innocent.unfinished(1 << 20)
	for range 4 {
		c := st.client(0, 0)
		c.say("SET", "k", strings.Repeat("x", size))
		st.run()
		c.Close()
		st.turns()
	}
	if !link.closed || innocent.closed || st.e.held() > 3*size {
		t.Errorf("got link closed %v, another client closed %v, %d MiB held; want the link to pay", link.closed, innocent.closed, st.e.held()>>20)
	}
}

// TestBudgetWaitsForNoTick: what comes faster than ticks is bounded all the same, however many
// share it.
func TestBudgetWaitsForNoTick(t *testing.T) {
	const clients, each, most = 20, 6 << 20, 24 << 20
	st := newStage(t, 1, PoolOptions{Limits: Limits{MaxMemory: most}})
	all := make([]*memClient, clients)
	for i := range all {
		all[i] = st.client(0, 0)
		all[i].unfinished(0)
	}
	for came := 0; came < each; came += netio.ReadBuffer {
		for _, c := range all {
			if !c.closed {
				c.unfinished(netio.ReadBuffer)
			}
		}
		held := int64(0)
		for _, c := range all {
			if !c.closed {
				held += c.s.holds()
			}
		}
		if held > 2*most {
			t.Fatalf("got %d MiB held after %d KiB of each; want it near %d", held>>20, came>>10, most>>20)
		}
	}
}

// TestWhatIsHeld: each kind of what a client can make the process hold is charged to it: an
// unfinished request, a transaction, replies that it does not read, that came early, that are
// being collected or wait to be joined, and large requests that are not answered.
func TestWhatIsHeld(t *testing.T) {
	two := testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{{Addr: "127.0.0.1:1", Role: shard.Master, Weight: 1}}},
		shard.Group{Name: "g2", Servers: []shard.Server{{Addr: "127.0.0.1:2", Role: shard.Master, Weight: 1}}})
	keys := keysOf(t, two)
	first, second := keys[0], keys[1]
	const size = 8 << 20
	large := strings.Repeat("x", size)
	bulk := "$" + decimal(size) + "\r\n" + large + "\r\n"
	for _, tc := range []struct {
		name string
		do   func(c *memClient, one, other *memConn)
	}{
		{"an unfinished request", func(c *memClient, _, _ *memConn) { c.unfinished(size) }},
		{"a transaction", func(c *memClient, _, _ *memConn) {
			c.say("MULTI")
			c.say("SET", first, large)
		}},
		{"an answer that is not read", func(c *memClient, one, _ *memConn) {
			c.say("GET", first)
			one.arrive(bulk)
			c.kept = size
			c.s.lag()
		}},
		{"an early reply", func(c *memClient, _, other *memConn) {
			c.say("GET", first)
			c.say("GET", second)
			other.arrive(bulk)
		}},
		{"a reply that is collected", func(c *memClient, _, other *memConn) {
			c.say("GET", first)
			c.say("GET", second)
			other.arrive(bulk[:size])
		}},
		{"a part of a joined one", func(c *memClient, _, other *memConn) {
			c.say("MGET", first, second)
			other.arrive("*1\r\n" + bulk)
		}},
		{"a request that is not answered", func(c *memClient, _, _ *memConn) { c.say("SET", first, large) }},
	} {
		st := newTestWorker(t, PoolOptions{Table: two})
		one, other := st.linkTo(0, 0, two.Groups[0].Master), st.linkTo(0, 0, two.Groups[1].Master)
		c := st.client(0, 0)
		tc.do(c, one, other)
		st.e.workers[0].tick()
		if got := c.s.account.charged; got < size || got > 3*size {
			t.Errorf("%s: got %d bytes charged; want %d, or twice that", tc.name, got, size)
		}
		c.Close()
		st.run()
		st.e.workers[0].tick()
		if tc.name == "a request that is not answered" {
			one.arrive("+OK\r\n")
			st.e.workers[0].tick()
		}
		if got := st.e.pools[0].held(); got != 0 || len(st.e.workers[0].budget.burdens) != 0 {
			t.Errorf("%s: got %d bytes held when the client has gone; want none", tc.name, got)
		}
	}
}

// TestAnnouncedIsNotHeld: no memory is taken for what has only been announced.
func TestAnnouncedIsNotHeld(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	for range 20 {
		c.unfinished(netio.ReadBuffer)
		if got, came := c.s.input.tail.buf.Holds(), int64(c.s.input.tail.buf.Len()); got > 2*came+netio.ReadBuffer {
			t.Fatalf("got %d bytes of memory for %d that came; want at most twice as many", got, came)
		}
	}
}

// TestLargeSlabsAreNotPooled: a buffer that was large is left to the garbage collector, whoever
// gives it back, and an idle session or link keeps none.
func TestLargeSlabsAreNotPooled(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	const size = 8 << 20
	large := strings.Repeat("x", size)
	for range 3 {
		c.say("SET", "k", large)
		link.arrive("+OK\r\n")
		c.say("EVAL", "return 1", "0") // its reply is collected, not passed on: an error may be absorbed
		link.arrive("-" + strings.Repeat("y", 2<<20) + "\r\n")
		c.ask("MULTI\r\n")
		c.say("SET", "k", large)
		c.say("DISCARD")
	}
	w := st.e.workers[0]
	l := w.pools[0].link(0, 0)
	c.s.relax()
	for name, got := range map[string]int64{"log": l.queue.log.Holds(), "partial": l.coming.partial.Holds(), "out": c.s.output.first.Holds(),
		"parked": c.s.output.parked.Holds(), "scratch": int64(cap(w.pad.scratch)), "frame": w.pad.frame.Holds()} {
		if got > memory.KeepBusy {
			t.Errorf("%s: got %d bytes kept; want at most %d", name, got, memory.KeepBusy)
		}
	}
}

// TestLimitsNameTheirKey: whoever meets a limit that the configuration could raise is told its
// name.
func TestLimitsNameTheirKey(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"*101\r\n", "limits.args"},
		{"*2\r\n$4\r\nECHO\r\n$1001\r\n", "limits.bulk_bytes"},
		{"*4\r\n" + strings.Repeat("$999\r\n"+strings.Repeat("x", 999)+"\r\n", 3), "limits.request_bytes"},
		{strings.Repeat("x", 200), "limits.inline_bytes"},
		{frames("MULTI;SET a " + strings.Repeat("x", 600)), "limits.transaction_bytes"},
		{frames("SUBSCRIBE a b c"), "limits.subscriptions"},
		{frames("BLPOP a 0"), "limits.private_links"},
		{frames("WATCH a"), "limits.private_links"},
	} {
		st := newTestWorker(t, PoolOptions{Limits: Limits{Args: 100, BulkBytes: 1000, RequestBytes: 2500, InlineBytes: 100,
			QueuedBytes: 500, Subscriptions: 2, PrivateLinks: 1}})
		st.linkTo(0, 0, 0)
		st.client(0, 0).say("BLPOP", "b", "0") // takes the only link
		if got := st.client(0, 0).ask(tc.in); !strings.Contains(got, tc.want) {
			t.Errorf("%.40q: got %q; want the name %s", tc.in, got, tc.want)
		}
	}
}
