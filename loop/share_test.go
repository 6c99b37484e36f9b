package loop

import (
	"strings"
	"testing"
)

// messageOf is a message on channel c as a server says it, and as a session hears it.
func messageOf(text string, resp int) (said, heard string) {
	said = frame("*", "message", "c", text)
	return said, map[int]string{2: "*", 3: ">"}[resp] + said[1:]
}

// TestMessageIsHeldOnce: what many subscribers do not take is held once for them, and charged to
// all together; each gets it whole, and in order with all that comes behind it, when it reads on.
func TestMessageIsHeldOnce(t *testing.T) {
	const clients, size = 40, 4 << 20
	for _, resp := range []int{2, 3} {
		st, all, feed := crowdOf(t, 1, clients, resp, "SUBSCRIBE", "c")
		for _, c := range all {
			c.kept = 2 * handOver
			c.s.lag()
		}
		large, wantLarge := messageOf(strings.Repeat("x", size), resp)
		small, wantSmall := messageOf("small", resp)
		middle, wantMiddle := messageOf(strings.Repeat("y", 2*shareFrom), resp)
		want := wantLarge + wantSmall + wantMiddle + wantSmall
		for _, m := range []string{large, small, middle, small} {
			feed.arrive(m)
			st.run()
		}
		st.turns()
		var own int64
		for i, c := range all {
			own += c.s.output.first.Holds() + c.s.output.parked.Holds()
			if got := c.s.output.rest.bytes; got != len(want) || c.closed {
				t.Fatalf("RESP%d: client %d waits for %d bytes, closed %v; want %d", resp, i, got, c.closed, len(want))
			}
		}
		if own > clients*worthCharging {
			t.Errorf("RESP%d: got %d bytes of the clients' own; want next to none", resp, own)
		}
		conns := int64(clients * 2 * handOver)
		if got := st.e.held() - conns; got < size || got > 2*size {
			t.Errorf("RESP%d: got %d bytes charged besides what the connections keep; want the message, once", resp, got)
		}
		for i, c := range all {
			if i%2 == 0 {
				c.Close()
			}
		}
		st.turns()
		if got := st.e.held() - conns/2; got < size || got > 2*size {
			t.Errorf("RESP%d: got %d bytes charged when half have gone; want the message, once", resp, got)
		}
		for i, c := range all {
			if i%2 == 1 {
				c.kept = 0
				st.turns()
				if got := c.take(); got != want {
					t.Fatalf("RESP%d: client %d got %d bytes; want the %d of all messages, in order", resp, i, len(got), len(want))
				}
			}
		}
		st.turns()
		if got := st.e.held(); got != 0 {
			t.Errorf("RESP%d: got %d bytes held in the end; want none", resp, got)
		}
	}
}

// TestReplyBehindShared: what is answered to a client comes behind the message that it is being
// written, and a client that leaves politely gets both.
func TestReplyBehindShared(t *testing.T) {
	st, all, feed := crowdOf(t, 1, 2, 3, "SUBSCRIBE", "c")
	large, want := messageOf(strings.Repeat("x", 2<<20), 3)
	for _, c := range all {
		c.kept = 2 * handOver
		c.s.lag()
	}
	feed.arrive(large)
	st.run()
	c := all[0]
	c.kept = 0
	c.arrive(frames("PING;ECHO hello"))
	for range 20 {
		st.turns()
	}
	if got := c.take(); got != want+"+PONG\r\n$5\r\nhello\r\n" {
		t.Errorf("got %d bytes that end in %q; want the message and the replies behind it", len(got), got[max(0, len(got)-40):])
	}
}
