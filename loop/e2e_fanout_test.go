package loop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// pair is a connection to a server and one through a proxy to another, which are told the
// same.
type pair struct {
	direct, proxied *client
	resp3           bool
}

func newPair(t *testing.T, st *stage, server *rig.Child, hello string) *pair {
	t.Helper()
	direct, err := connectTo("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { direct.conn.Close() })
	p := &pair{direct, st.dial(), hello == "3"}
	for _, c := range []*client{p.direct, p.proxied} {
		if err := c.send(rig.AppendCommand(nil, "HELLO", hello)); err != nil {
			t.Fatal(err)
		}
		c.frame(t, p.resp3)
	}
	return p
}

// agree sends requests to both, first one by one, then all at once, and wants the same
// replies byte for byte.
func (p *pair) agree(t *testing.T, requests ...[]string) {
	t.Helper()
	var all []byte
	for _, args := range requests {
		frame := rig.AppendCommand(nil, args...)
		all = append(all, frame...)
		p.compare(t, fmt.Sprintf("%.80q", args), frame, 1)
	}
	p.compare(t, fmt.Sprintf("%d requests from %.80q on", len(requests), requests[0]), all, len(requests))
}

func (p *pair) compare(t *testing.T, what string, frames []byte, n int) {
	t.Helper()
	var said [2]string
	for i, c := range []*client{p.direct, p.proxied} {
		if err := c.send(frames); err != nil {
			t.Fatal(err)
		}
		for range n {
			reply, _ := c.frame(t, p.resp3)
			said[i] += reply
		}
	}
	if said[0] != said[1] {
		t.Errorf("RESP3 %v, %s:\ngot  %q\nwant %q", p.resp3, what, said[1], said[0])
	}
}

// words splits requests at ';' and arguments at spaces.
func words(text string) (requests [][]string) {
	for _, one := range strings.Split(text, ";") {
		requests = append(requests, strings.Fields(one))
	}
	return requests
}

// TestWholeAgreesWithRedis pins commands without keys on a pool of one group: they differ in
// nothing from a server's.
func TestWholeAgreesWithRedis(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers[1]), options: loop.PoolOptions{AdminCommands: true}})
	for _, hello := range []string{"2", "3"} {
		p := newPair(t, st, servers[0], hello)
		for _, row := range []string{
			"RANDOMKEY; DBSIZE; KEYS *; SCAN 0; DBSIZE x; KEYS; RANDOMKEY x; SCAN",
			"SET a 1; DBSIZE; KEYS *; KEYS b*; RANDOMKEY; SCAN 0; FLUSHDB",
			"SET a 1; SCAN 0 COUNT 100 MATCH a* TYPE string; SCAN 0 TYPE list; SCAN x; SCAN 0 COUNT 0; SCAN 0 FOO",
			"FLUSHDB; SCAN -1; SCAN 18446744073709551615; SCAN 18446744073709551616; SCAN 00",
			"SET a 1; SWAPDB 0 1; DBSIZE; SWAPDB 0 1; DBSIZE; SWAPDB a 1; SWAPDB 1 b; SWAPDB 1 99",
			"FLUSHDB ASYNC; FLUSHDB; DBSIZE; FLUSHALL SYNC; FLUSHALL x; FLUSHDB x; FLUSHALL",
		} {
			p.agree(t, words(row)...)
		}
	}
}

// TestFanOut joins what three servers say of their keys.
func TestFanOut(t *testing.T) {
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{AdminCommands: true}})
	c := st.dial()
	c.want(t, "0", "DBSIZE")
	c.want(t, "*0\r\n", "KEYS", "*")
	c.want(t, "(nil)", "RANDOMKEY")

	lone := st.keyOf(2, "lone")
	c.want(t, "OK", "SET", lone, "v")
	for range 20 {
		c.want(t, lone, "RANDOMKEY")
	}
	var keys []string
	for i := range 500 {
		keys = append(keys, fmt.Sprintf("key:%d", i))
		c.want(t, "OK", "SET", keys[i], "v")
	}
	c.want(t, "501", "DBSIZE")
	got := bulks(t, c.must(t, "KEYS", "key:*"))
	slices.Sort(got)
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("KEYS: got %d keys; want the %d that were set", len(got), len(keys))
	}
	seen := make([]int, 3)
	for range 300 {
		seen[st.pool.Table().Locate([]byte(c.must(t, "RANDOMKEY")))]++
	}
	if slices.Min(seen) < 20 {
		t.Errorf("RANDOMKEY drew %v keys of the groups; want some of each", seen)
	}
	if n := c.must(t, "FLUSHDB"); n != "OK" {
		t.Errorf("FLUSHDB: got %q; want OK", n)
	}
	c.want(t, "0", "DBSIZE")
	for _, s := range servers {
		if n, err := rig.Call(s.Addr, patience, "DBSIZE"); n != "0" {
			t.Errorf("%s: got %s keys, %v; want 0 after FLUSHDB", s.Addr, n, err)
		}
	}
	c.want(t, "-ERR syntax error", "FLUSHALL", "x")
}

// TestFanOutRESP3 joins in the protocol of the client.
func TestFanOutRESP3(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 2)...), options: loop.PoolOptions{AdminCommands: true}})
	c := st.dial()
	key := st.keyOf(1, "k")
	for i, row := range []struct{ request, want string }{
		{"HELLO 3", ""},
		{"RANDOMKEY", "_\r\n"},
		{"KEYS *", "*0\r\n"},
		{"SCAN 0", "*2\r\n$1\r\n1\r\n*0\r\n"},
		{"SET " + key + " v", "+OK\r\n"},
		{"DBSIZE", ":1\r\n"},
		{"KEYS *", "*1\r\n$2\r\n" + key + "\r\n"},
		{"RANDOMKEY", "$2\r\n" + key + "\r\n"},
		{"SCAN 1", "*2\r\n$1\r\n0\r\n*1\r\n$2\r\n" + key + "\r\n"},
		{"SCRIPT EXISTS " + sha("x"), "*1\r\n:0\r\n"},
		{"FUNCTION LIST", "*0\r\n"},
		{"FLUSHALL", "+OK\r\n"},
	} {
		if err := c.send(rig.AppendCommand(nil, strings.Fields(row.request)...)); err != nil {
			t.Fatal(err)
		}
		if got, _ := c.frame(t, true); i > 0 && got != row.want {
			t.Errorf("%s: got %q; want %q", row.request, got, row.want)
		}
	}
}

// TestRandomKeyIsInOrder has later requests of a pipeline wait for RANDOMKEY's two steps.
func TestRandomKeyIsInOrder(t *testing.T) {
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{AdminCommands: true}})
	c := st.dial()
	for range 50 {
		var all []byte
		for _, args := range words("SET k v; RANDOMKEY; FLUSHALL; RANDOMKEY; DBSIZE") {
			all = rig.AppendCommand(all, args...)
		}
		if err := c.send(all); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"OK", "k", "OK", "(nil)", "0"} {
			if got, err := c.text(); got != want || err != nil {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
	}
}

// TestFanOutNeedsAdmin: who may not empty a server may not do it through the proxy.
func TestFanOutNeedsAdmin(t *testing.T) {
	servers := startServers(t, 2)
	for _, n := range []int{1, 2} {
		c := play(t, scene{groups: alone(servers[:n]...)}).dial()
		c.want(t, "OK", "SET", "k", "v")
		for _, args := range words("FLUSHALL; FLUSHDB; SWAPDB 0 1") {
			want := "-NOPERM huntaway: '" + strings.ToLower(args[0]) + "' is not allowed through the proxy; send it to the server itself"
			c.want(t, want, args...)
		}
		c.want(t, "1", "EXISTS", "k")
	}
}

// TestFanOutPartlyDown: a group that cannot be reached fails the whole command, and what
// changes data says that the others may have done it.
func TestFanOutPartlyDown(t *testing.T) {
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{
		AdminCommands: true, HoldTimeout: 50 * time.Millisecond}})
	c := st.dial()
	c.want(t, "0", "DBSIZE")
	c.want(t, "OK", "SET", st.keyOf(0, "k"), "v")
	servers[1].Kill()
	notRunHere := func(args ...string) {
		t.Helper()
		if got := c.must(t, args...); !notRun(got) {
			t.Errorf("%q: got %q; want a reply that says: not executed", args, got)
		}
	}
	eventually(t, "the dead server is noticed", func() bool { return notRun(c.must(t, "DBSIZE")) })
	notRunHere("DBSIZE")
	notRunHere("KEYS", "*")
	notRunHere("SCRIPT", "EXISTS", "abc")
	for _, args := range [][]string{{"FLUSHALL"}, {"FUNCTION", "FLUSH"}, {"SCRIPT", "LOAD", "return 1"}, {"SCRIPT", "FLUSH"}} {
		if got := c.must(t, args...); !mayHaveRun(got) {
			t.Errorf("%q: got %q; want a reply that says: may have been executed", args, got)
		}
	}
	c.want(t, "OK", "SET", st.keyOf(2, "k"), "v")
	c.want(t, st.keyOf(2, "k"), "RANDOMKEY")
}

// bulks splits an array of bulk strings.
func bulks(t *testing.T, reply string) (all []string) {
	t.Helper()
	b := []byte(reply)
	_, n, next, ok := codec.Header(b)
	if !ok {
		t.Fatalf("got %.100q; want an array", reply)
	}
	for range n {
		one, size, ok := codec.Bulk(b[next:])
		if !ok {
			t.Fatalf("got %.100q in an array; want a bulk string", b[next:])
		}
		all = append(all, string(one))
		next += size
	}
	return all
}
