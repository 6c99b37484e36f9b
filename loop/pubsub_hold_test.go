package loop

import (
	"strings"
	"testing"

	"huntaway/perf/invariant"
)

// TestSubscriptionsAreHeld: what a client has subscribed to, and what of its orders has not been
// read, is charged to it, and no more when it has left or has gone; who takes too much is closed.
func TestSubscriptionsAreHeld(t *testing.T) {
	const each = 60_000
	size := int64(invariant.Lighter(8 << 20))
	var long []string
	for i := range int(size)/each + 1 {
		long = append(long, decimal(i)+strings.Repeat("x", each))
	}
	var short []string
	for i := range 100 {
		short = append(short, "c"+decimal(i))
	}
	few := size / (bytesPerStake + bytesPerMention)
	for name, tc := range map[string]struct {
		in   string
		work int // times what an event may do
		want int64
	}{
		"an order that is read in pieces": {frame("*", append(append([]string{"SUBSCRIBE"}, short...), long...)...), 1, size},
		"long names":                      {frame("*", append([]string{"SUBSCRIBE"}, long...)...), 1000, size},
		"many names":                      {orderOf("PSUBSCRIBE", int(few)), 1000, few * bytesPerStake},
	} {
		t.Run(name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12, Limits: Limits{MaxMemory: 3 * size}})
			w, c := st.e.workers[0], st.client(0, 0)
			w.mostWork *= tc.work
			c.arrive(tc.in)
			st.run()
			w.tick()
			if got := c.s.account.charged; got < tc.want || got > 3*tc.want {
				t.Errorf("got %d bytes charged; want %d, or twice that", got, tc.want)
			}
			server := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
			server.settle(t, st)
			w.tick()
			if got := c.s.account.charged; got < tc.want || got > 3*tc.want {
				t.Errorf("confirmed: got %d bytes charged; want %d, or twice that", got, tc.want)
			}
			for _, how := range []string{"UNSUBSCRIBE", "PUNSUBSCRIBE"} {
				c.arrive(frame("*", how))
				server.settle(t, st)
			}
			c.take()
			w.tick()
			if got := c.s.sub.holds(); got != 0 || c.s.account.charged > worthCharging {
				t.Errorf("left: got %d bytes held, %d charged; want none", got, c.s.account.charged)
			}
			c.arrive(tc.in)
			server.settle(t, st)
			c.Close()
			server.settle(t, st)
			w.tick()
			if got := st.e.pools[0].held(); got != 0 || len(w.budget.burdens) != 0 {
				t.Errorf("gone: got %d bytes held; want none", got)
			}
			wantNothingLeft(t, w.pools[0].board)
		})
	}
}

// TestWhoSubscribesMostPays: who is subscribed to more than there is memory for is closed, and
// nobody else.
func TestWhoSubscribesMostPays(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12, Limits: Limits{MaxMemory: 8 << 20}})
	other, c := st.client(0, 0), st.client(0, 0)
	other.arrive(orderOf("SUBSCRIBE", 1000))
	c.arrive(orderOf("PSUBSCRIBE", 100_000))
	st.run()
	server := &subscribedServer{conn: st.feedOf(0), has: make(map[string]bool)}
	for range 2000 {
		server.finish(t)
		st.run()
		st.e.workers[0].tick()
	}
	if !c.closed || other.closed || st.e.held() > 8<<20 {
		t.Errorf("got closed %v, the other %v, %d bytes held; want only the one who holds most closed", c.closed, other.closed, st.e.held())
	}
	server.settle(t, st)
	if got := len(server.has); got != 1000 {
		t.Errorf("the server has %d topics; want those 1000 of the other", got)
	}
}
