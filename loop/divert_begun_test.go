package loop

import (
	"strings"
	"testing"

	"huntaway/shard"
)

// TestReplyThatHasBegunIsNotAskedForAgain: a server falls silent in the middle of a reply that is
// kept until there is enough of it to pass on, or drips. Its read is not executed again by another
// member of the group, neither when the server counts as stalled, nor when the read's time is
// over while bytes come; what stands behind it is.
func TestReplyThatHasBegunIsNotAskedForAgain(t *testing.T) {
	begun := "$" + decimal(100<<20) + "\r\n" + strings.Repeat("x", 1000)
	start := func() (x *ward, c *memClient, sick, well int) {
		x = newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: progressLimit})
		c, sick = x.reader(t, "GET a")
		x.servers[sick].arrive(begun)
		return x, c, sick, 1 - sick
	}

	x, c, sick, well := start()
	behind := x.client(0, 0)
	x.pw.cost[well] = shard.Unusable // for this one
	behind.ask(frames("GET b"))
	got(t, "a second read", x.servers[sick].take(), frames("GET b"))
	x.pw.link(int32(well), 0).rate()
	x.pass(stallEnd)
	got(t, "stalled: to the other member", x.servers[well].take(), frames("GET b"))
	rest := strings.Repeat("x", passOn)
	x.servers[sick].arrive(rest)
	x.run()
	if got := c.take(); got != begun+rest {
		t.Errorf("got %d bytes when the reply goes on; want %d", len(got), len(begun+rest))
	}

	x, c, sick, well = start()
	said := ""
	for range 8 {
		x.pass(progressLimit / 4)
		x.servers[sick].arrive("x")
		said += c.take()
	}
	got(t, "dripping: to the other member", x.servers[well].take(), "")
	if !strings.HasPrefix(said, timedOut) {
		t.Errorf("dripping: got %.60q; want a time-out", said)
	}

	x, _, _, well = start()
	x.pass(progressLimit / 2)
	got(t, "silent: to the other member", x.servers[well].take(), "")
	x.pass(progressLimit)
	got(t, "silent all its time: to the other member", x.servers[well].take(), frames("GET a"))
}
