package loop

import (
	"strings"
	"testing"

	"huntaway/shard"
)

// unfinished sends the beginning of a SET with so many bytes of a value that is longer.
func (c *memClient) unfinished(n int) {
	if c.s.tail == nil {
		c.arrive("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000000\r\n")
	}
	for ; n > 0; n -= readBuffer {
		c.arrive(strings.Repeat("x", min(n, readBuffer)))
	}
}

// TestWhoHoldsMostPays: what clients hold together is bounded, over one pool or all of them and
// over all workers, and who holds most is closed first, and hears why; the others stay.
func TestWhoHoldsMostPays(t *testing.T) {
	for _, tc := range []struct {
		name        string
		pool, whole int64
	}{{"of the pool", 40 << 20, 0}, {"of all", 0, 40 << 20}} { // a slab may be twice what is in it
		t.Run(tc.name, func(t *testing.T) {
			st := newStage(t, 2, PoolOptions{Name: "a", Limits: Limits{MaxMemory: tc.pool}}, PoolOptions{Name: "b"})
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
			if bytes, _ := st.e.pools[0].held(); bytes > 8<<20 {
				t.Errorf("got %d bytes held in the end; want what the small ones hold", bytes)
			}
		})
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
	for came := 0; came < each; came += readBuffer {
		for _, c := range all {
			if !c.closed {
				c.unfinished(readBuffer)
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
		do   func(c *memClient, one, other *memWire)
	}{
		{"an unfinished request", func(c *memClient, _, _ *memWire) { c.unfinished(size) }},
		{"a transaction", func(c *memClient, _, _ *memWire) {
			c.say("MULTI")
			c.say("SET", first, large)
		}},
		{"an answer that is not read", func(c *memClient, one, _ *memWire) {
			c.say("GET", first)
			one.arrive(bulk)
			c.kept = size
			c.s.lag()
		}},
		{"an early reply", func(c *memClient, _, other *memWire) {
			c.say("GET", first)
			c.say("GET", second)
			other.arrive(bulk)
		}},
		{"a reply that is collected", func(c *memClient, _, other *memWire) {
			c.say("GET", first)
			c.say("GET", second)
			other.arrive(bulk[:size])
		}},
		{"a part of a joined one", func(c *memClient, _, other *memWire) {
			c.say("MGET", first, second)
			other.arrive("*1\r\n" + bulk)
		}},
		{"a request that is not answered", func(c *memClient, _, _ *memWire) { c.say("SET", first, large) }},
	} {
		st := newTestWorker(t, PoolOptions{Table: two})
		one, other := st.linkTo(0, 0, two.Groups[0].Master), st.linkTo(0, 0, two.Groups[1].Master)
		c := st.client(0, 0)
		tc.do(c, one, other)
		st.e.workers[0].tick()
		if got := c.s.charged; got < size || got > 3*size {
			t.Errorf("%s: got %d bytes charged; want %d, or twice that", tc.name, got, size)
		}
		c.close()
		st.run()
		st.e.workers[0].tick()
		if got, _ := st.e.pools[0].held(); got != 0 || len(st.e.workers[0].burdens) != 0 {
			t.Errorf("%s: got %d bytes held when the client has gone; want none", tc.name, got)
		}
	}
}

// TestAnnouncedIsNotHeld: no memory is taken for what has only been announced.
func TestAnnouncedIsNotHeld(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	for range 20 {
		c.unfinished(readBuffer)
		if got, came := c.s.tail.buf.holds(), int64(c.s.tail.buf.len()); got > 2*came+readBuffer {
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
	for name, got := range map[string]int64{"log": l.log.holds(), "partial": l.partial.holds(), "out": c.s.out.holds(),
		"parked": c.s.parked.holds(), "scratch": int64(cap(w.scratch)), "frame": w.frame.holds()} {
		if got > keepBusy {
			t.Errorf("%s: got %d bytes kept; want at most %d", name, got, keepBusy)
		}
	}
	for range 1000 {
		b := slabs.Get()
		if cap(b.B) > mostPooled {
			t.Fatalf("got a slab of %d bytes from the pool; want none over %d", cap(b.B), mostPooled)
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
