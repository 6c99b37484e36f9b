package loop

import (
	"strings"
	"testing"
)

// TestPushesForNobody: a server that says push frames without an end, of whatever shape and
// whatever it owes meanwhile, loses its link soon, and nothing of them is kept.
func TestPushesForNobody(t *testing.T) {
	for name, tc := range map[string]struct{ first, rest string }{
		"many":         {"", ">2\r\n+a\r\n+b\r\n"},
		"one":          {">1000000000\r\n", "+a\r\n"},
		"one long one": {">1\r\n$9000000000\r\n", "x"},
		"some longer":  {"", ">100\r\n" + strings.Repeat("+a\r\n", 100)},
	} {
		for _, owes := range []bool{true, false} {
			st := newTestWorker(t, PoolOptions{})
			c := st.client(0, 0)
			c.say("HELLO", "3")
			l := st.e.workers[0].pools[0].linkSetOf(dialect{3, 0}).link(0, 0)
			m := st.connect(l)
			if c.take(); owes {
				c.say("INCR", "k")
			}
			m.arrive(tc.first)
			said := 0
			for rest := strings.Repeat(tc.rest, 4<<10/len(tc.rest)); !m.closed && said <= 2*mostUnasked; said += len(rest) {
				m.arrive(rest)
				if n := l.coming.partial.Len(); n > 0 {
					t.Fatalf("%s: %d bytes are kept of what nobody wants", name, n)
				}
			}
			if got := c.take(); !m.closed || owes != strings.HasPrefix(got, "-ERR huntaway: ") {
				t.Errorf("%s, with a request in flight: %v: after %d bytes: link closed %v, client got %q", name, owes, said, m.closed, got)
			}
		}
	}
}

// TestPushIsNoSignOfWork: a server that says nothing but push frames is as late as one that says
// nothing at all; in the handshake, too.
func TestPushIsNoSignOfWork(t *testing.T) {
	const push = ">1\r\n+a\r\n"
	for _, greets := range []bool{true, false} {
		x := newWard(t, 0, PoolOptions{Timeout: progressLimit, ConnectTimeout: progressLimit})
		c := x.client(0, 0)
		c.say("HELLO", "3")
		c.take()
		l := x.pw.linkSetOf(dialect{3, 0}).link(0, 0)
		var m *memConn
		if greets {
			x.w.begin()
			l.warm()
			x.w.end()
			m = x.server(&call{l: l}, l.server.Addr)
			m.owner.(*call).Opened(m)
		} else {
			m = x.connect(l)
		}
		c.say("INCR", "k")
		for range 16 {
			x.pass(progressLimit / 8)
			if !m.closed {
				m.arrive(push)
			}
		}
		if got := c.take(); !greets && !strings.HasPrefix(got, timedOut) || greets && !m.closed {
			t.Errorf("in the handshake: %v: got %q, link closed %v; want a time-out", greets, got, m.closed)
		}
	}
}
