package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
)

// TestAdjust: options change under a client that stays connected, and what is fixed does not.
func TestAdjust(t *testing.T) {
	st := newTestWorker(t, PoolOptions{ServerConnections: 2})
	c := st.client(0, 0)
	long := strings.Repeat("v", 2000)
	if got := c.say("ECHO", long); !strings.HasPrefix(got, "$2000") {
		t.Fatalf("got %.40q; want the echo", got)
	}
	opt := PoolOptions{Name: "other", ServerConnections: 5, Password: "secret"}
	opt.Limits.BulkBytes = 1000
	st.e.pools[0].Adjust(opt)
	st.run()
	if got := c.say("ECHO", long); !strings.Contains(got, "invalid bulk length") {
		t.Errorf("got %.40q; want the new limit", got)
	}
	if now := st.e.workers[0].pools[0].opt; now.Name != "alpha" || now.ServerConnections != 2 {
		t.Errorf("got name %q and %d connections; want alpha and 2", now.Name, now.ServerConnections)
	}
	if got := st.client(0, 0).say("GET", "k"); got != "-"+textNoAuth+"\r\n" {
		t.Errorf("got %q; want a new client to be asked for the password", got)
	}
}

// TestLearn: a command that only the servers know is routed once they have told.
func TestLearn(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	if got := c.say("FROB", "k"); !strings.HasPrefix(got, "-ERR unknown command 'FROB'") {
		t.Fatalf("got %q; want it to be unknown", got)
	}
	st.e.pools[0].Learn([]codec.CommandSpec{{Name: "frob", Arity: 2, Flags: []string{"write"}, First: 1, Last: 1, Step: 1}})
	st.run()
	if got := c.say("FROB", "k"); got != "" || !strings.Contains(server.take(), "FROB") {
		t.Errorf("client got %q; want the server to get the command", got)
	}
	server.arrive("+OK\r\n")
	if got := c.take(); got != "+OK\r\n" {
		t.Errorf("got %q; want the server's reply", got)
	}
}
