package loop

import (
	"runtime"
	"strings"
	"testing"

	"huntaway/loop/memory"
	"huntaway/loop/netio"
	"huntaway/perf/invariant"
	"huntaway/shard"
)

// crowdOf makes workers, the first with clients that are all subscribed by the same order, and the
// connection of the feed that carries it.
func crowdOf(t *testing.T, workers, clients, resp int, order ...string) (st *stage, all []*memClient, feed *memConn) {
	t.Helper()
	st = newStage(t, workers, PoolOptions{Limits: Limits{Subscriptions: 1 << 20}})
	for range clients {
		c := st.client(0, 0)
		c.s.proto.resp = uint8(resp)
		all = append(all, c)
		c.arrive(frame("*", order...))
	}
	st.run()
	feed = st.feedOf(0)
	server := &subscribedServer{conn: feed, has: make(map[string]bool)}
	server.settle(t, st)
	for i, c := range all {
		if n := len(c.s.sub.topics); n != len(order)-1 || c.s.window.Len() > 0 {
			t.Fatalf("client %d has %d topics; want %d, confirmed", i, n, len(order)-1)
		}
		c.take()
	}
	return st, all, feed
}

// handed returns how often clients have been handed a message of a size, and how many bytes and
// writes they have been sent.
func handed(all []*memClient, size int) (messages, bytes, writes int) {
	for _, c := range all {
		messages += (len(c.said) + len(c.s.output.run) + c.s.output.first.Len() + c.s.output.parkedLive) / size
		bytes += len(c.said)
		writes += c.writes
	}
	return messages, bytes, writes
}

// TestMessagesPerEventAreBounded: whatever is published to however many, one event does no more
// of it than a budget allows, others are served between any two, the server is not read from
// meanwhile, and in the end everybody has heard everything, once and in order.
func TestMessagesPerEventAreBounded(t *testing.T) {
	many := []string{"PSUBSCRIBE"}
	for i := range 3000 {
		many = append(many, "c*"+decimal(i))
	}
	for _, k := range []struct {
		name    string
		clients int
		resp    int
		order   []string
		size    int // of a message's text
		n       int // of messages in a read
	}{
		{"small ones to many", 900, 2, []string{"SUBSCRIBE", "c"}, 10, 500},
		{"one to many", 900, 3, []string{"SUBSCRIBE", "c"}, 10, 1},
		{"large ones", 100, 2, []string{"SUBSCRIBE", "c"}, 100_000, 3},
		{"large ones in RESP3", 100, 3, []string{"SSUBSCRIBE", "c"}, 100_000, 3},
		{"one that is more than a turn's work", 4, 3, []string{"SUBSCRIBE", "c"}, 5 << 20, 1},
		{"patterns", 300, 2, []string{"PSUBSCRIBE", "c*"}, 20, 300},
		{"many patterns of one client", 1, 2, many, 20, 1},
		{"different topics in turn", 400, 3, []string{"SUBSCRIBE", "c", "d", "e"}, 50, 200},
	} {
		t.Run(k.name, func(t *testing.T) { testMessages(t, k.clients, k.resp, k.order, k.size, k.n) })
	}
}

func testMessages(t *testing.T, clients, resp int, order []string, size, n int) {
	st, all, feed := crowdOf(t, 1, clients, resp, order...)
	victim := st.client(0, 0)
	w := st.e.workers[0]
	var in, want strings.Builder
	verb, text := strings.TrimSuffix(strings.ToLower(order[0]), "subscribe")+"message", strings.Repeat("x", size)
	for i := range n {
		for _, name := range order[1:] {
			words := []string{verb, name, decimal(i) + text}
			if verb == "pmessage" {
				words = []string{verb, name, strings.Replace(name, "*", "", 1), decimal(i) + text}
			}
			in.WriteString(frame("*", words...))
			want.WriteString(frame(map[int]string{2: "*", 3: ">"}[resp], words...))
		}
	}
	one := want.Len() / (n * (len(order) - 1))
	turns := 0
	step := func(do func()) {
		messages, bytes, writes := handed(all, one)
		do()
		m, b, wr := handed(all, one)
		// The budget may be exceeded by what was begun within it.
		if most := 2*w.mostWork/workHand + 1; m-messages > most {
			t.Fatalf("one event handed out %d messages; want at most %d", m-messages, most)
		}
		if most := 2*w.mostWork*bytesPerWork + 2*(one+netio.ReadBuffer); b-bytes > most {
			t.Fatalf("one event wrote %d bytes; want at most %d", b-bytes, most)
		}
		if most := 2*w.mostWork/workWrite + 1; wr-writes > most {
			t.Fatalf("one event made %d writes; want at most %d", wr-writes, most)
		}
		if got := victim.ask1(t, "PING\r\n"); got != "+PONG\r\n" {
			t.Fatalf("the other client got %q; want a PONG between two turns", got)
		}
		turns++
	}
	for rest := in.String(); rest != ""; {
		piece := rest[:min(len(rest), netio.ReadBuffer)]
		rest = rest[len(piece):]
		step(func() { feed.arrive(piece) })
		for feed.paused {
			if len(st.tasks) == 0 {
				t.Fatal("the feed is not read from, and nothing is under way")
			}
			step(st.step)
		}
	}
	for len(st.tasks) > 0 { // what clients are given in pieces
		step(st.step)
	}
	for i, c := range all {
		if got := c.take(); got != want.String() {
			t.Fatalf("client %d got %d bytes, %.200q; want all of %d messages", i, len(got), got, n)
		}
	}
	if len(st.tasks)+len(w.turns.passing) != 0 {
		t.Errorf("%d tasks and %d feeds are left; want none", len(st.tasks), len(w.turns.passing))
	}
	t.Logf("%d turns", turns)
}

// TestPublishersWaitForFeeds: while a server has more to say than its feed passes on nobody of
// the pool publishes, on whatever worker, others are served, and then all goes on in order.
func TestPublishersWaitForFeeds(t *testing.T) {
	st, _, feed := crowdOf(t, 2, 900, 2, "SUBSCRIBE", "c")
	servers := []*memConn{st.linkTo(0, 0, 0), st.linkTo(0, 1, 0)}
	publish := frame("*", "PUBLISH", "c", "m")
	clients := []*memClient{st.client(0, 0), st.client(0, 1)}
	feed.unread = netio.ReadBuffer
	feed.arrive(frame("*", "message", "c", "m"))
	for turn := 0; feed.paused; turn++ {
		st.step()
	}
	for i, c := range clients {
		c.arrive(publish + publish + frame("*", "GET", "k"))
		other := st.client(0, i)
		other.arrive(frame("*", "GET", "v"))
		for range 20 {
			st.step()
		}
		wantSaid(t, "the server, while its feed lags", servers[i].take(), frame("*", "GET", "v"))
		servers[i].arrive("$1\r\nv\r\n")
		wantSaid(t, "another client", other.take(), "$1\r\nv\r\n")
	}
	gone := st.client(0, 1)
	gone.arrive(publish)
	gone.Close()
	feed.unread = 0
	has := &subscribedServer{conn: feed, has: map[string]bool{"c": true}}
	for st.e.pools[0].lagging[byOrder].Load() > 0 {
		has.reply(t)
		st.run()
	}
	for i, c := range clients {
		wantSaid(t, "the server, then", servers[i].take(), publish+publish+frame("*", "GET", "k"))
		servers[i].arrive(":1\r\n:1\r\n$-1\r\n")
		wantSaid(t, "the client", c.take(), ":900\r\n:900\r\n$-1\r\n")
	}
	if p := st.e.pools[0]; p.lagging[byOrder].Load() != 0 || p.publishers.Load() != 0 {
		t.Errorf("%d feeds lag and %d publishers wait; want none", p.lagging[byOrder].Load(), p.publishers.Load())
	}
	feed.unread = netio.ReadBuffer
	feed.arrive(frame("*", "message", "c", "m"))
	st.step()
	clients[0].arrive(publish)
	feed.Close()
	st.run()
	wantSaid(t, "the server, when the feed is lost", servers[0].take(), publish)
}

// ask1 is an event with bytes from the client; it returns what that one wrote.
func (c *memClient) ask1(t *testing.T, in string) string {
	t.Helper()
	c.arrive(in)
	return c.take()
}

// TestCountsPerEventAreBounded: counting who hears of what is published costs an event no more
// than a budget, however many patterns there are; for channels that are published on again and
// again, and in every later event, the count is true.
func TestCountsPerEventAreBounded(t *testing.T) {
	order := []string{"PSUBSCRIBE"}
	for i := range 1000 {
		order = append(order, "c*"+strings.Repeat("x", 50)+decimal(i))
	}
	st, _, feed := crowdOf(t, 1, 3, 2, append(order, "c*")...)
	server := st.linkTo(0, 0, 0)
	c := st.client(0, 0).known()
	publish := func(n int, channel func(i int) string) (said string) {
		for i := range n {
			c.arrive(frame("*", "PUBLISH", channel(i), "m"))
		}
		st.run()
		server.take()
		server.arrive(strings.Repeat(":1\r\n", n))
		return c.take()
	}
	others := publish(100, func(i int) string { return "channel" + decimal(i) })
	if got := strings.Count(others, ":3\r\n"); others[:4] != ":3\r\n" || got > 3 {
		t.Errorf("%d channels were compared with all patterns in one event, %.4q; want the first, and no more than %d steps pay for",
			got, others, mostGlobbing)
	}
	same := func(int) string { return "channel" }
	for range 2 {
		wantSaid(t, "one channel", publish(100, same), strings.Repeat(":3\r\n", 100))
	}
	st.client(0, 0).say("PSUBSCRIBE", "c*")
	(&subscribedServer{conn: feed, has: make(map[string]bool)}).settle(t, st)
	wantSaid(t, "one more subscriber", publish(100, same), strings.Repeat(":4\r\n", 100))
}

// TestNamesPerEventAreBounded: however many names an order has, one event reads no more of them
// than a budget allows, and makes no more of them so; others are served between any two, and each
// name is confirmed in the end, in order. Likewise when a client goes, and whoever else is there.
func TestNamesPerEventAreBounded(t *testing.T) {
	ends := map[string]func(c *memClient){
		"close":           func(c *memClient) { c.Close() },
		"UNSUBSCRIBE":     func(c *memClient) { c.arrive(frame("*", "UNSUBSCRIBE")) },
		"RESET":           func(c *memClient) { c.arrive(frame("*", "RESET")) },
		"QUIT":            func(c *memClient) { c.arrive(frame("*", "QUIT")) },
		"EXEC":            func(c *memClient) { c.arrive(frame("*", "MULTI") + frame("*", "UNSUBSCRIBE") + frame("*", "EXEC")) },
		"UNSUBSCRIBE all": nil,
	}
	for end, how := range ends {
		for _, shared := range []bool{false, true} {
			t.Run(end+map[bool]string{true: ", shared"}[shared], func(t *testing.T) { testNames(t, end, how, shared) })
		}
	}
}

func testNames(t *testing.T, end string, how func(c *memClient), shared bool) {
	const n = 1500
	order, want := []string{"SUBSCRIBE"}, ""
	for i := range n {
		order = append(order, "c"+decimal(i))
	}
	st := newTestWorker(t, PoolOptions{HoldTimeout: 1e9})
	w := st.e.workers[0]
	victim, other, c := st.client(0, 0), st.client(0, 0), st.client(0, 0)
	c.s.proto.resp = 3
	other.arrive(frame("*", "SUBSCRIBE", "x"))
	st.run()
	server := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
	server.finish(t)
	x := w.pools[0].board
	turns := 0
	// settle lets everything happen, and looks at each event.
	settle := func(do func()) {
		for {
			said, members := len(server.conn.said), x.pw.counters.Subscriptions
			stakes := 0
			if c.s.sub != nil {
				stakes = len(c.s.sub.topics)
			}
			if do(); c.s.sub != nil {
				stakes -= len(c.s.sub.topics)
			}
			most := mostWork/workName + 2
			if got := max(stakes, -stakes); got > most {
				t.Fatalf("one event changed %d topics of a client; want at most %d", got, most)
			}
			if got := x.pw.counters.Subscriptions - members; max(got, -got) > int64(most) {
				t.Fatalf("one event made %d members; want at most %d", got, most)
			}
			if got := strings.Count(string(server.conn.said[min(said, len(server.conn.said)):]), "\r\nc"); got > most {
				t.Fatalf("one event said %d names to the server; want at most %d", got, most)
			}
			if got := victim.ask1(t, "PING\r\n"); got != "+PONG\r\n" {
				t.Fatalf("the other client got %q; want a PONG between two turns", got)
			}
			turns++
			do = st.step
			if len(st.tasks) > 0 {
				continue
			}
			if server.take(t); len(server.todo) == 0 {
				return
			}
			do = func() {
				server.work(min(len(server.todo), 100))
				server.send(len(server.out))
			}
		}
	}
	if shared {
		settle(func() { other.arrive(frame("*", order...)) })
		other.take()
	}
	settle(func() { c.arrive(frame("*", order...)) })
	for i := range n {
		want += confirmation(">", "subscribe", "c"+decimal(i), i+1)
	}
	wantSaid(t, "SUBSCRIBE", c.take(), want)
	if len(c.s.sub.topics) != n || c.s.stops != 0 {
		t.Fatalf("got %d topics, stopped for %b; want %d, for nothing", len(c.s.sub.topics), c.s.stops, n)
	}
	if how == nil {
		order[0], want = "UNSUBSCRIBE", ""
		for i := range n {
			want += confirmation(">", "unsubscribe", "c"+decimal(i), n-1-i)
		}
		settle(func() { c.arrive(frame("*", order...)) })
		wantSaid(t, "UNSUBSCRIBE", c.take(), want)
	} else if settle(func() { how(c) }); end == "RESET" {
		wantSaid(t, "RESET", c.take(), "+RESET\r\n")
	} else if end == "QUIT" {
		wantSaid(t, "QUIT", c.take(), "+OK\r\n")
	} else if end != "close" {
		if got := strings.Count(c.take(), "unsubscribe\r\n"); got != n {
			t.Errorf("%d topics are confirmed to be left; want %d", got, n)
		}
	}
	if c.s.sub != nil {
		t.Errorf("%d topics and %d orders are left; want none", len(c.s.sub.topics), c.s.sub.pendingOrders.Len())
	}
	settle(other.Close)
	wantSame(t, server, nil)
	wantNothingLeft(t, x)
	t.Logf("%d turns", turns)
}

// TestStrandsPerEventAreBounded: when a feed with very many topics is lost, or its group gets
// another master, one event asks for no more of them than a budget allows, and in the end for all
// that somebody wants by then. Who joins one meanwhile has it asked for before he is told so.
func TestStrandsPerEventAreBounded(t *testing.T) {
	for _, how := range []string{"lost", "moved"} {
		t.Run(how, func(t *testing.T) { testStrands(t, how == "moved") })
	}
}

func testStrands(t *testing.T, moved bool) {
	const n = 1500
	order := []string{"SUBSCRIBE"}
	for i := range n {
		order = append(order, "c"+decimal(i))
	}
	table := testTable(t, shard.Group{Name: "g", Servers: []shard.Server{
		{Addr: "127.0.0.1:1", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:2", Role: shard.Secondary, Weight: 1}}})
	st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12, Table: table})
	w, other := st.e.workers[0], [2]*memClient{}
	for i := range other { // so that servers count one of them too few
		other[i] = st.client(0, 0)
		other[i].arrive(frame("*", order...))
	}
	st.run()
	x := w.pools[0].board
	server := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
	finish := func() { server.settle(t, st) }
	finish()
	if got := w.pools[0].pool.crowd.uneven.Load(); got != n {
		t.Fatalf("%d topics have a surplus; want %d", got, n)
	}
	do, id, former := st.step, int32(0), server
	if moved {
		id = 1
		st.e.pools[0].Publish(table.WithMaster(0, 1))
	} else {
		server.conn.Close()
		for len(st.tasks) > 0 {
			was := w.pools[0].pool.crowd.uneven.Load()
			st.step()
			if got := was - w.pools[0].pool.crowd.uneven.Load(); got > mostWork/workName+1 {
				t.Fatalf("one event told of %d topics; want at most %d", got, mostWork/workName)
			}
		}
		x.feeds[0].retryAt = 0
		do = w.tick
	}
	last, joiner := "c"+decimal(n-1), st.client(0, 0)
	for turn := 0; turn == 0 || len(st.tasks) > 0; turn++ {
		was := 0
		if f := x.feeds[id]; f != nil {
			was = f.asks.Len()
		}
		do()
		do = st.step
		if got := x.feeds[id].asks.Len() - was; got > mostWork/workName+2 {
			t.Fatalf("one event asked for %d topics; want at most %d", got, mostWork/workName)
		}
		if turn == 1 {
			joiner.arrive(frame("*", "SUBSCRIBE", last))
			other[0].arrive(frame("*", "UNSUBSCRIBE", "c0"))
			other[1].arrive(frame("*", "UNSUBSCRIBE", "c0"))
		}
	}
	server = &subscribedServer{conn: st.feedOf(id), has: make(map[string]bool)}
	for joiner.said = joiner.said[:0]; len(joiner.said) == 0; st.run() {
		server.take(t)
		server.work(min(len(server.todo), 10))
		server.send(len(server.out))
	}
	if !server.has[last] {
		t.Errorf("%s is confirmed, and the server does not have it", last)
	}
	finish()
	if len(server.has) != n-1 || server.has["c0"] {
		t.Errorf("the server has %d topics, c0: %v; want %d others", len(server.has), server.has["c0"], n-1)
	}
	wantSame(t, server, []*listener{{memClient: other[0]}, {memClient: other[1]}, {memClient: joiner}})
	for _, c := range append(other[:], joiner) {
		c.Close()
	}
	st.run()
	finish()
	if former.settle(t, st); moved && len(former.has) > 0 {
		t.Errorf("the former master has %d topics; want none", len(former.has))
	}
	wantNothingLeft(t, x)
}

// TestLargeMessageIsNotCopied: nobody's event takes memory, or writes much, for all of a large message, whatever its
// members speak, are waiting for, or call the channel; and nothing of it is left when all have it.
func TestLargeMessageIsNotCopied(t *testing.T) {
	const size, clients = 12 * memory.LeastRegion, 6
	for _, db := range []int{0, 3} {
		st := newStage(t, 1, PoolOptions{DB: db})
		w, name := st.e.workers[0], "__keyevent@0__:del"
		var all []*memClient
		for i := range clients {
			c := st.client(0, 0)
			c.s.proto.resp = uint8(2 + i%2)
			c.arrive(frame("*", []string{"SUBSCRIBE", "PSUBSCRIBE"}[i/4], name))
			all = append(all, c)
		}
		st.run()
		feed := st.feedOf(0)
		server := &subscribedServer{conn: feed, has: make(map[string]bool)}
		server.settle(t, st)
		for i, c := range all {
			c.take()
			c.said = make([]byte, 0, 2*size+1<<20)
			if i%3 == 0 && c.s.proto.resp == 3 {
				c.arrive(frame("*", "GET", "k")) // its reply comes first
			}
		}
		st.run()
		upstream, text := strings.Replace(name, "0", decimal(db), 1), strings.Repeat("x", size)
		in := []byte(frame("*", "message", upstream, text) + frame("*", "pmessage", upstream, upstream, text))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		most := 0
		step := func(do func()) {
			said := func() (n int) {
				for _, c := range all {
					n += len(c.said)
				}
				return n
			}
			was := said()
			do()
			most = max(most, said()-was)
		}
		for rest := in; len(rest) > 0; {
			piece := rest[:min(len(rest), netio.ReadBuffer)]
			rest = rest[len(piece):]
			step(func() { feed.owner.Arrived(piece) })
			for feed.paused && len(st.tasks) > 0 {
				step(st.step)
			}
		}
		for _, c := range all {
			if c.s.window.Len() == 0 {
				continue
			}
			step(func() { c.s.reply(c.s.window.First(), []byte("+OK\r\n")); c.s.w.end() })
		}
		for len(st.tasks) > 0 {
			step(st.step)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > size/2 && !invariant.On { // which makes them small
			t.Errorf("database %d: %d bytes allocated for messages of %d; want next to none", db, got, size)
		}
		if most > 2*clients*mostGiven {
			t.Errorf("database %d: %d bytes written in one event; want at most %d", db, most, 2*clients*mostGiven)
		}
		for i, c := range all {
			kind := map[uint8]string{2: "*", 3: ">"}[c.s.proto.resp]
			want := frame(kind, "message", name, text)
			if i/4 == 1 {
				want = frame(kind, "pmessage", name, name, text)
			}
			if i%3 == 0 && c.s.proto.resp == 3 {
				want = "+OK\r\n" + want
			}
			if got := c.take(); got != want {
				t.Errorf("database %d: client %d got %d bytes, %.80q; want %d, %.80q", db, i, len(got), got, len(want), want)
			}
		}
		if n := regionsOf(w); n != 0 || len(all[0].s.output.early) != 0 {
			t.Errorf("database %d: %d regions are in use; want none", db, n)
		}
	}
}

// TestFeedHearsOnWhileItIsBehind: what a server has said by the time that its feed stops to read from it comes all the
// same, cut anywhere, within messages as well, and in any of the turns that the feed takes to pass on what was before.
// All members get all of it, once and in order.
func TestFeedHearsOnWhileItIsBehind(t *testing.T) {
	for name, sizes := range map[string][]int{
		"small":        {20},
		"not so small": {3000, 20, 100_000},
		"large":        {2 * memory.LeastRegion, 10, 20, memory.LeastRegion + 7},
	} {
		for _, cut := range []int{1000, netio.ReadBuffer - 1} {
			t.Run(name+", cut at "+decimal(cut), func(t *testing.T) {
				const clients = 60
				st, all, feed := crowdOf(t, 1, clients, 2, "SUBSCRIBE", "c")
				for i, c := range all {
					c.s.proto.resp = uint8(2 + i%2)
				}
				var in strings.Builder
				want := map[uint8]*strings.Builder{2: {}, 3: {}}
				for n := 0; in.Len() < 6*memory.LeastRegion && n < 400; n++ {
					text := decimal(n) + strings.Repeat("x", sizes[n%len(sizes)])
					in.WriteString(frame("*", "message", "c", text))
					want[2].WriteString(frame("*", "message", "c", text))
					want[3].WriteString(frame(">", "message", "c", text))
				}
				for rest, n := in.String(), 0; rest != ""; n++ {
					piece := rest[:min(len(rest), cut)]
					rest = rest[len(piece):]
					feed.arrive(piece)
					if n%3 != 0 && len(st.tasks) > 0 { // and otherwise more comes before the next turn
						st.step()
					}
					if feed.closed {
						t.Fatalf("the feed was closed %d bytes before the end", len(rest))
					}
				}
				st.run()
				for range 100 { // who was given a part of a large one is looked at by the tick
					st.e.workers[0].tick()
					st.run()
				}
				for i, c := range all {
					if got := c.take(); got != want[c.s.proto.resp].String() {
						t.Fatalf("client %d got %d bytes, %.60q; want %d", i, len(got), got, want[c.s.proto.resp].Len())
					}
				}
				if w := st.e.workers[0]; regionsOf(w) != 0 {
					t.Errorf("%d regions are in use; want none", regionsOf(w))
				}
			})
		}
	}
}
