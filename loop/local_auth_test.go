package loop

import (
	"strings"
	"testing"
)

// TestAuth walks a client of a pool with a password through rows of requests, which arrive
// at once and byte by byte.
func TestAuth(t *testing.T) {
	const (
		ok     = "+OK\r\n"
		pong   = "+PONG\r\n"
		wrong  = "-" + textWrongPass + "\r\n"
		noauth = "-" + textNoAuth + "\r\n"
		hello  = "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n" +
			"$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
	)
	hello3 := strings.NewReplacer("*14", "%7", "proto\r\n:2", "proto\r\n:3").Replace(hello)
	for _, row := range []struct{ requests, replies string }{
		{"PING|AUTH secret|PING", noauth + ok + pong},
		{"AUTH default secret|PING", ok + pong},
		{"AUTH bob secret|PING", wrong + noauth},
		{"AUTH Secret|AUTH secretx|AUTH secre|PING", wrong + wrong + wrong + noauth},
		{"AUTH secret|AUTH nope|PING", ok + wrong + pong},
		{"AUTH secret|RESET|PING|AUTH secret|PING", ok + "+RESET\r\n" + noauth + ok + pong},
		{"HELLO 2", "-" + textHelloNoAuth + "\r\n"},
		{"HELLO|CLIENT LIST|INFO", "-" + textHelloNoAuth + "\r\n" + noauth + noauth},
		{"HELLO 2 AUTH default secret|PING", hello + pong},
		{"HELLO 2 AUTH default nope SETNAME x|PING", wrong + noauth},
		{"HELLO 2 SETNAME x|AUTH secret|CLIENT GETNAME", "-" + textHelloNoAuth + "\r\n" + ok + "$-1\r\n"},
		{"HELLO 3|AUTH secret|CLIENT GETNAME", "-" + textHelloNoAuth + "\r\n" + ok + "$-1\r\n"},
		{"CLIENT GETNAME|HELLO 3 AUTH default secret|AUTH secret|CLIENT GETNAME|RESET|HELLO 2 AUTH default secret",
			noauth + hello3 + ok + "_\r\n+RESET\r\n" + hello},
		{"AUTH secret|ACL LIST", ok + "*1\r\n$27\r\nuser default on ~* &* +@all\r\n"},
		{"QUIT|PING", ok},
	} {
		requests := strings.ReplaceAll(row.requests, "|", "\r\n") + "\r\n"
		c := newTestWorker(t, PoolOptions{Password: "secret"}).client(0, 0)
		if got := c.ask(requests); got != row.replies {
			t.Errorf("%s: got %q; want %q", row.requests, got, row.replies)
		}
		c = newTestWorker(t, PoolOptions{Password: "secret"}).client(0, 0)
		for i := range requests {
			c.arrive(requests[i : i+1])
		}
		if got := c.ask(""); got != row.replies {
			t.Errorf("%s, byte by byte: got %q; want %q", row.requests, got, row.replies)
		}
	}
}

// TestAuthTries: the tenth wrong password in a row is answered, and is the last.
func TestAuthTries(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Password: "secret"})
	c := st.client(0, 0)
	for i := 1; i < mostTries; i++ {
		if c.say("AUTH", "nope"); c.closed {
			t.Fatalf("got a closed connection after %d wrong passwords; want it open until %d", i, mostTries)
		}
	}
	if c.say("AUTH", "secret"); c.s.auth.tries != 0 {
		t.Errorf("got %d tries counted after the right password; want 0", c.s.auth.tries)
	}
	for range mostTries - 1 {
		c.say("HELLO", "2", "AUTH", "default", "nope")
	}
	if got, want := c.ask("AUTH nope\r\nAUTH secret\r\n"), "-"+textWrongPass+"\r\n"; got != want {
		t.Errorf("the last attempt: got %q; want %q", got, want)
	}
	if !c.closed {
		t.Error("got an open connection after too many wrong passwords; want it closed")
	}
	if n := st.e.workers[0].pools[0].counters.ClosedAuth; n != 1 {
		t.Errorf("got %d closed for it; want 1", n)
	}
}

func TestACLCat(t *testing.T) {
	c := newTestWorker(t, PoolOptions{}).client(0, 0)
	got := c.say("ACL", "CAT", "String")
	if n, err := countReplies(got); n != 1 || err != nil {
		t.Fatalf("got %d replies, %v; want 1", n, err)
	}
	if !strings.Contains(got, "\r\nget\r\n") || strings.Contains(got, "\r\nhget\r\n") {
		t.Errorf("got %q; want the string commands", got)
	}
}

// TestHelloOfOldServers: what servers before Redis 6 cannot speak is not promised.
func TestHelloOfOldServers(t *testing.T) {
	const none = "-ERR unknown command 'HELLO', with args beginning with: '3' \r\n"
	for _, row := range []struct{ version, want string }{
		{"5.0.14", none}, {"4.0.0", none}, {"6.0.0", "%7"}, {"10.1.0", "%7"}, {"", "%7"}, {"unheard of", "%7"},
	} {
		st := newTestWorker(t, PoolOptions{})
		st.e.pools[0].SetServerVersion(row.version)
		c := st.client(0, 0)
		if got := c.say("HELLO", "3"); !strings.HasPrefix(got, row.want) {
			t.Errorf("servers of version %q: got %q; want %q", row.version, got, row.want)
		}
		if got := c.say("HELLO", "2"); !strings.HasPrefix(got, "*14") {
			t.Errorf("servers of version %q, HELLO 2: got %q; want it answered", row.version, got)
		}
	}
}
