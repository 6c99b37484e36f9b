package loop_test

import (
	"strings"
	"testing"
)

// What is said to a server and through the proxy, after what is said to the server first.
var (
	blockingSaid = strings.Split("BLPOP k; BLPOP k x; BLPOP k -1; BLPOP k inf; BLPOP k 1e30; BLPOP k 0.02; BRPOP k k 0.02; "+
		"BLPOP text 0; BLPOP k text 0; BLMOVE a b UP LEFT 0; BLMOVE a b LEFT LEFT x; BLMOVE a b LEFT LEFT 0.02; "+
		"BLMOVE full b LEFT LEFT 0; BLMOVE full text LEFT LEFT 0; BRPOPLPUSH a b 0.02; BRPOPLPUSH full full 0; "+
		"BLMPOP 0.02 0 k LEFT; BLMPOP 0.02 x k LEFT; BLMPOP 0.02 2 k LEFT; BLMPOP x 1 k LEFT; BLMPOP 0.02 1 k UP; "+
		"BLMPOP 0.02 1 k LEFT; BLMPOP 0.02 2 k full LEFT COUNT 2; BZMPOP 0.02 1 k MIN; BZMPOP 0 2 k sorted MAX COUNT 1; "+
		"BZPOPMIN k 0.02; BZPOPMIN sorted 0; BZPOPMAX k sorted 0; BZPOPMAX sorted 0.02; "+
		"XREAD BLOCK x STREAMS k $; XREAD BLOCK -1 STREAMS k $; XREAD BLOCK 10 STREAMS k; XREAD BLOCK 10 STREAMS k $; "+
		"XREAD BLOCK 10 COUNT 1 STREAMS flow 0; XREAD BLOCK 0 STREAMS flow k 0 0; XREADGROUP GROUP g c BLOCK 10 STREAMS k >; "+
		"XREADGROUP GROUP g c BLOCK 10 STREAMS flow >; XREADGROUP GROUP g c BLOCK 10 STREAMS flow >; "+
		"WAIT; WAIT x 1; WAIT 1 x; WAIT 1 -1; WAIT 1 1.5; WAIT 0 0; WAIT -1 5; WAIT 1 20; "+
		"CLIENT UNBLOCK; CLIENT UNBLOCK x; CLIENT UNBLOCK 123456 NOW; CLIENT UNBLOCK 123456; CLIENT UNBLOCK 123456 error", "; ")
	blockingPrepare = strings.Split("FLUSHALL; SET text x; RPUSH full 1 2 3 4; ZADD sorted 1 a 2.5 b 3 c; XADD flow 1-1 k v; XGROUP CREATE flow g 0", "; ")
)

// TestBlockedRepliesAreRedis: what ends at once, or after its time, ends in the bytes that a
// server would have said itself.
func TestBlockedRepliesAreRedis(t *testing.T) {
	const end = "$3\r\nend\r\n"
	st, server := playBlocking(t, nil)
	for _, version := range []string{"2", "3"} {
		own, theirs := st.dial(), reach(t, server.Addr)
		defer theirs.conn.Close()
		says := func(c *client, request string) string {
			c.begin(t, strings.Fields(request)...)
			c.begin(t, "ECHO", "end")
			return c.until(t, end)
		}
		says(own, "HELLO "+version)
		says(theirs, "HELLO "+version)
		var replies [2][]string
		for i, c := range []*client{theirs, own} {
			for _, request := range blockingPrepare {
				says(theirs, request)
			}
			for _, request := range blockingSaid {
				replies[i] = append(replies[i], says(c, request))
			}
		}
		for i, request := range blockingSaid {
			if want, got := replies[0][i], replies[1][i]; got != want {
				t.Errorf("RESP%s: %s: got %q; want %q", version, request, got, want)
			}
		}
	}
}

// TestBlockedLargeValue: a value that is passed on as it arrives ends the wait like any
// other, with what was said behind it.
func TestBlockedLargeValue(t *testing.T) {
	st, server := playBlocking(t, nil)
	c, other := st.dial(), st.dial()
	large := value("large", 5<<20)
	for range 3 {
		c.begin(t, "BLPOP", "l", "0")
		c.begin(t, "GET", "k")
		awaitBlocked(t, server.Addr, 1)
		other.want(t, "1", "RPUSH", "l", large)
		got, err := c.reply()
		if err != nil || !strings.HasSuffix(string(got), "\r\n"+large+"\r\n") {
			t.Fatalf("got %d bytes, %v; want the value of %d", len(got), err, len(large))
		}
		c.hears(t, "$-1\r\n")
	}
	if got := st.counters().Blocked; got != 0 {
		t.Errorf("got %d blocked clients; want none", got)
	}
}
