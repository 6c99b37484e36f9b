package loop

import "testing"

// orderOf makes an order with n names.
func orderOf(how string, n int) string {
	order := []string{how}
	for i := range n {
		order = append(order, "c"+decimal(i))
	}
	return frame("*", order...)
}

// TestOrderWaitsForServer: of an order to subscribe, with however many names and however much time
// there is, a server has no more to do at once than a piece, and the next piece is read when that
// has been done; of all orders of a session it has no more than a few.
func TestOrderWaitsForServer(t *testing.T) {
	const n = 1000
	for name, in := range map[string]string{"one order": orderOf("SUBSCRIBE", n), "many": ""} {
		t.Run(name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12})
			w, most := st.e.workers[0], mostNamed
			if in != "" {
				most = mostAsked + w.namesPerPiece()
			} else {
				for i := range n {
					in += frame("*", "SUBSCRIBE", "c"+decimal(i))
				}
			}
			c := st.client(0, 0).known()
			c.arrive(in)
			st.run()
			server := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
			f, rounds := c.s.pw.board.feeds[0], 0
			for ; f.asks.Len() > 0; rounds++ {
				if got := f.asks.Len(); got > most {
					t.Fatalf("the server has %d names to answer; want at most %d", got, most)
				}
				server.finish(t)
				st.run()
			}
			if got := len(server.has); got != n || rounds < n/(most+1) {
				t.Errorf("the server has %d topics after %d rounds; want %d, after %d at least", got, rounds, n, n/most)
			}
		})
	}
}

// TestNobodyJoinsForWhoIsGone: of an order whose client goes away, in whatever way, the server is
// told nothing more but the end of what it has been told, in pieces, and of the next orders nothing.
func TestNobodyJoinsForWhoIsGone(t *testing.T) {
	const n = 2000
	for name, leave := range map[string]func(c *memClient){
		"lost":   func(c *memClient) { c.owner.Closed(nil, false) },
		"closed": func(c *memClient) { c.owner.Closed(nil, true) },
	} {
		for _, pieces := range []int{0, 1, 10} {
			t.Run(name+" after "+decimal(pieces), func(t *testing.T) {
				st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12})
				x, c := st.e.workers[0].pools[0].topicRegistry(), st.client(0, 0)
				c.last = &memConn{owner: c.owner}
				c.arrive(orderOf("SUBSCRIBE", n) + frame("*", "SUBSCRIBE", "later"))
				st.run()
				if !c.awaits {
					t.Error("the end of the client is not noticed")
				}
				server := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
				for range pieces {
					server.finish(t)
					st.run()
				}
				server.take(t)
				server.work(len(server.todo))
				has := len(server.has)
				leave(c)
				for len(st.tasks) > 0 {
					was := len(x.topics[channelTopic])
					st.step()
					if got := was - len(x.topics[channelTopic]); got > st.e.workers[0].namesPerPiece() {
						t.Fatalf("one event dropped %d topics; want at most a piece", got)
					}
				}
				server.take(t)
				for _, line := range server.todo {
					if line[:11] != "unsubscribe" {
						t.Errorf("the server is told %.40q; want only the end of %d topics", line, has)
					}
				}
				server.settle(t, st)
				if len(server.has) > 0 || c.s.state != sessionGone {
					t.Errorf("the server has %d topics in the end; want none, and the session gone", len(server.has))
				}
				wantNothingLeft(t, x)
			})
		}
	}
}

// TestHalfClosedSubscriber: who has closed its half is answered what it asked for before, as long
// as that takes no more than a piece; then it is over.
func TestHalfClosedSubscriber(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12})
	c := st.client(0, 0)
	last := &memConn{owner: c.owner}
	c.last = last
	server := st.linkTo(0, 0, 0)
	c.arrive(frame("*", "GET", "k") + frame("*", "SUBSCRIBE", "x") + orderOf("SUBSCRIBE", 1000) + frame("*", "SUBSCRIBE", "later"))
	c.owner.Closed(nil, true)
	st.run()
	server.arrive("$1\r\nv\r\n")
	st.run()
	feed := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
	feed.settle(t, st)
	wantSaid(t, "the client", last.take(), "$1\r\nv\r\n"+confirmation("*", "subscribe", "x", 1))
	if c.s.state != sessionGone || len(feed.has) > 0 {
		t.Errorf("the session is in state %d, the server has %d topics; want it gone", c.s.state, len(feed.has))
	}
	wantNothingLeft(t, c.s.pw.board)
}

// TestAnswersPerEventAreBounded: what a server has to say about topics is as much an event's work
// as what it has to say on them, in order, and others are served between.
func TestAnswersPerEventAreBounded(t *testing.T) {
	const n = 2000
	st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12, Limits: Limits{Subscriptions: 1 << 20}})
	w, victim := st.e.workers[0], st.client(0, 0)
	server := &subscribedServer{has: make(map[string]bool)}
	var all []*memClient
	for i := range n / 10 {
		c := st.client(0, 0)
		order := []string{"SUBSCRIBE"}
		for j := range 10 {
			order = append(order, "c"+decimal(10*i+j))
		}
		c.arrive(frame("*", order...))
		all = append(all, c)
	}
	st.run()
	server.conn = st.feedOf(0)
	server.take(t)
	server.work(len(server.todo))
	f := w.pools[0].board.feeds[0]
	events := 0
	for do := func() { server.send(len(server.out)) }; f.asks.Len() > 0; do = st.step {
		was := f.asks.Len()
		do()
		if got := was - f.asks.Len(); got > mostWork/workTold+1 {
			t.Fatalf("one event took %d answers; want at most %d", got, mostWork/workTold+1)
		}
		if got := victim.ask1(t, "PING\r\n"); got != "+PONG\r\n" {
			t.Fatalf("the other client got %q; want a PONG between two turns", got)
		}
		events++
	}
	st.run()
	if least := n * workTold / mostWork; events < least || f.l.conn.(*memConn).paused {
		t.Errorf("%d events took all answers; want at least %d, and the feed read from again", events, least)
	}
	for i, c := range all {
		want := ""
		for j := range 10 {
			want += confirmation("*", "subscribe", "c"+decimal(10*i+j), j+1)
		}
		wantSaid(t, "confirmed", c.take(), want)
	}
}
