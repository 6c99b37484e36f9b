package loop_test

import (
	"strings"
	"testing"
)

func TestBlockedOnServerThatDies(t *testing.T) {
	st, server := playBlocking(t, func(sc *scene) { sc.options.HoldTimeout = 0 })
	pop, read := st.dial(), st.dial()
	pop.begin(t, "BLPOP", "l", "0")
	read.begin(t, "XREAD", "BLOCK", "0", "STREAMS", "x", "$")
	awaitBlocked(t, server.Addr, 2)
	server.Kill()
	got, err := pop.text()
	if err != nil || !strings.HasPrefix(got, "-ERR huntaway: connection lost to ") || !strings.HasSuffix(got, "; the command may have been executed") {
		t.Errorf("BLPOP = %q, %v; want that the outcome is unknown", got, err)
	}
	got, err = read.text()
	if err != nil || !strings.HasPrefix(got, "-TRYAGAIN huntaway: connection lost while it waited") {
		t.Errorf("XREAD = %q, %v; want TRYAGAIN", got, err)
	}
	got = pop.must(t, "BLPOP", "l", "0")
	if !strings.HasPrefix(got, "-TRYAGAIN huntaway: cannot connect to ") {
		t.Errorf("BLPOP with the server down = %q; want TRYAGAIN", got)
	}
}

func TestBlockedWaitsForMaster(t *testing.T) {
	st, server := playBlocking(t, func(sc *scene) { sc.options.HoldTimeout = patience })
	server.Kill()
	c, other := st.dial(), st.dial()
	c.begin(t, "BLPOP", "l", "0")
	eventually(t, "the request is held", func() bool { return st.counters().Held == 1 })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitBlocked(t, server.Addr, 1)
	other.must(t, "RPUSH", "l", "v")
	c.hears(t, "*2\r\n$1\r\nl\r\n$1\r\nv\r\n")
}

// TestBlockedOnServerThatIsDemoted: the server's own words reach the client, and the link
// that the server closes behind them is not used again.
func TestBlockedOnServerThatIsDemoted(t *testing.T) {
	st, server := playBlocking(t, nil)
	c, direct := st.dial(), reach(t, server.Addr)
	defer direct.conn.Close()
	for range 5 {
		c.begin(t, "BLPOP", "l", "0")
		c.begin(t, "BLPOP", "l", "0.02")
		awaitBlocked(t, server.Addr, 1)
		direct.want(t, "OK", "REPLICAOF", "127.0.0.1", "1")
		direct.want(t, "OK", "REPLICAOF", "NO", "ONE")
		c.hears(t, "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n")
		got, err := c.text()
		if err != nil || got != "*-1\r\n" && !strings.HasPrefix(got, "-READONLY") {
			t.Fatalf("the BLPOP behind it: %q, %v; want null, or READONLY if it was that quick", got, err)
		}
	}
}

// TestBlockedServerHangs: a server that does not answer when the time is over is given up.
func TestBlockedServerHangs(t *testing.T) {
	st, server := playBlocking(t, hasty)
	c := st.dial()
	c.begin(t, "BLPOP", "l", "0.2")
	awaitBlocked(t, server.Addr, 1)
	server.Pause()
	defer server.Resume()
	got, err := c.text()
	if err != nil || !strings.HasPrefix(got, "-ERR huntaway: timed out after ") {
		t.Errorf("BLPOP = %q, %v; want that it timed out", got, err)
	}
}
