package loop_test

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/perf/bench/rig"
)

// goldenMulti are conversations, one connection each: requests separated by ';', arguments
// by spaces; '_' is a space within an argument.
var goldenMulti = []string{
	"MULTI; SET a 1; INCR a; GET a; EXEC; GET a",
	"MULTI; EXEC; EXEC; DISCARD; MULTI; DISCARD; EXEC",
	"MULTI; MULTI; SET a 1; EXEC; GET a",
	"MULTI; WATCH a; SET a 1; EXEC; GET a; WATCH; MULTI; WATCH; SET a 2; EXEC; GET a",
	"multi; set a 1; discard; get a; Multi; Set a 2; Exec; Get a",
	"MULTI x; EXEC x; DISCARD x; UNWATCH x; EXEC",
	"MULTI; MULTI x; SET a 1; EXEC; GET a",
	"MULTI; SET a 1; EXEC x; EXEC; GET a",
	"MULTI; DISCARD x; EXEC; MULTI; UNWATCH x; EXEC",
	"MULTI; NOPE x y; SET a 1; EXEC; GET a",
	"MULTI; SET a; EXEC; MULTI; GET a; EXEC",
	"MULTI; CLIENT; CLIENT NOPE; OBJECT; OBJECT NOPE x; EXEC",
	"MULTI; SYNC; EXEC; MULTI; PSYNC ? 0; EXEC; MULTI; SAVE; EXEC; MULTI; SHUTDOWN; EXEC",
	"SET a x; MULTI; INCR a; LPUSH a 1; GET a; SET b 1; EXEC; GET b",
	"MULTI; PING; PING x; ECHO y; EXEC; MULTI; PING a b; EXEC",
	"MULTI; BLPOP l 0; BRPOP l 0; BLMOVE l m LEFT LEFT 0; BZPOPMIN z 0; XREAD BLOCK 0 STREAMS s $; EXEC",
	"RPUSH l 1 2 3; MULTI; BLPOP l 0; BRPOP l 0; BLMPOP 0 1 l LEFT; EXEC; EXISTS l",
	"MULTI; MSET a 1 b 2 c 3; MGET a b c d; DEL a b; EXISTS a b c c; TOUCH c; UNLINK c; EXEC",
	"MULTI; EVAL return_1 0; EVAL return_KEYS[1] 1 a; EVAL return_1 5 a; EVAL return_1 x; EVALSHA abc 0; EXEC",
	"MULTI; PUBLISH ch x; SPUBLISH ch x; EXEC",
	"MULTI; SORT l BY w_* GET #; OBJECT ENCODING a; DBSIZE; KEYS *; RANDOMKEY; SCAN 0; EXEC",
	"MULTI; HSET h a 1; HGETALL h; SADD s a; SMEMBERS s; ZADD z 1.5 a; ZRANGE z 0 -1 WITHSCORES; ZSCORE z a; GET nil; EXEC",
	"MULTI; XADD s 1-1 a b; XRANGE s - +; XREAD STREAMS s 0; XREAD a b c; EXEC",
	"UNWATCH; WATCH a b a; UNWATCH; WATCH a; MULTI; SET a 1; EXEC; GET a",
	"WATCH a; MULTI; EXEC; WATCH a; SET a 2; MULTI; EXEC; MULTI; EXEC",
	"WATCH a; SET a 2; MULTI; SET a 3; EXEC; GET a; MULTI; SET a 4; EXEC; GET a",
	"WATCH a; WATCH b; SET b 2; GET b; MULTI; SET a 3; GET b; EXEC; GET a; EXISTS a",
	"WATCH a; SET a 2; UNWATCH; MULTI; SET a 3; EXEC; GET a",
	"WATCH a; SET a 2; MULTI; DISCARD; MULTI; SET a 3; EXEC; GET a",
	"WATCH a; SET a 2; MULTI; NOPE; SET a 3; EXEC; MULTI; SET a 4; EXEC; GET a",
	"WATCH a; SET a 2; MULTI; UNWATCH; SET a 3; EXEC; GET a",
	"WATCH a; MULTI; UNWATCH; SET a 3; EXEC; GET a; EXEC",
	"WATCH a; SET a 2; MULTI; EXEC x; MULTI; GET a; EXEC",
	"WATCH a; SET a 2; EXEC; MULTI; GET a; EXEC; WATCH a; SET a 3; EXEC x; MULTI; GET a; EXEC",
	"WATCH a; SET a 2; MULTI; RESET; MULTI; GET a; EXEC",
	"MULTI; SET a 1; RESET; EXEC; GET a; MULTI; RESET x; EXEC",
	"WATCH a; EXEC; DISCARD; MULTI; SET a 5; DISCARD; GET a",
	"SET a 1; MULTI; GET a; QUIT; GET a",
	"WATCH a; MULTI; GET a; QUIT; GET a",
	"MULTI; LOLWUT VERSION 9; COMMAND COUNT x; COMMAND GETKEYS GET a; EXEC",
	"MULTI; SELECT 0; SET a 1; EXEC; GET a; MULTI; SELECT 2; SET a 2; GET a; SELECT 3; GET a; EXEC; GET a; SELECT 2; GET a; DEL a",
	"MULTI; SELECT 1; EXEC; SET b 1; MULTI; GET b; SELECT 0; GET b; EXEC; GET b; SELECT 1; GET b; DEL b",
	"MULTI; SELECT 99; SELECT x; SELECT -1; SET a 1; EXEC; GET a; MULTI; SELECT; EXEC",
	"MULTI; SELECT 2; SET a 1; NOPE; EXEC; SET c 1; MULTI; SELECT 5; DISCARD; GET c; SELECT 0; GET c",
	"WATCH a; MULTI; SELECT 2; SET a 2; SELECT 0; SET a 0; EXEC; GET a; SELECT 2; GET a; DEL a",
	"WATCH a; SET a 1; MULTI; SELECT 2; SET a 2; CLIENT SETNAME x; EXEC; CLIENT GETNAME; GET a",
	"WATCH a; MULTI; CLIENT GETNAME; SELECT 1; EXEC; WATCH a; SET a 1; MULTI; CLIENT GETNAME; EXEC",
	"SELECT 3; MULTI; SET a 3; SELECT 0; GET a; SELECT 3; GET a; EXEC; GET a; DEL a",
	"MULTI; CLIENT SETNAME bob; CLIENT GETNAME; GET a; CLIENT SETNAME eve; EXEC; CLIENT GETNAME",
	"MULTI; CLIENT SETNAME bob; DISCARD; CLIENT GETNAME; MULTI; CLIENT SETNAME a_b; EXEC",
	"MULTI; CLIENT GETNAME; EXEC; MULTI; CLIENT GETREDIR; CLIENT TRACKINGINFO; CLIENT NO-EVICT on; CLIENT UNPAUSE; EXEC",
	"MULTI; CLIENT ID x; CLIENT NOPE; EXEC; MULTI; CLIENT UNBLOCK 99999; CLIENT KILL id 99999; CLIENT LIST id 99999; EXEC",
	"MULTI; INFO nope; INFO cluster; CONFIG GET save; CONFIG GET nope; CONFIG GET appendonly; EXEC",
	"MULTI; ASKING; CLUSTER INFO; EXEC; MULTI; CLUSTER INFO; CLUSTER NODES; CLUSTER HELP x; EXEC",
	"MULTI; HELLO 2; SET a 1; HELLO 9; HELLO x; HELLO 2 SETNAME bob; EXEC; CLIENT GETNAME",
	"MULTI; HELLO 3; HSET h f v; HGETALL h; CONFIG GET save; EXEC; HGETALL h; HELLO 2; HGETALL h",
	"HSET h f v; MULTI; HGETALL h; HELLO 3; HGETALL h; HELLO 2; HGETALL h; SELECT 1; HELLO 3 SETNAME x; HGETALL h; EXEC; HGETALL h; HELLO 2",
	"MULTI; HELLO 3; HGETALL h; NOPE; EXEC; HGETALL h; CONFIG GET save; MULTI; HELLO 3; DISCARD; HGETALL h",
	"MULTI; HELLO 3 AUTH bob x; HGETALL h; GET nil; EXEC; HGETALL h",
	"MULTI; AUTH x; AUTH default x; AUTH bob x; AUTH a b c; ACL WHOAMI; ACL LIST; ACL CAT x; EXEC",
	"MULTI; PUBSUB CHANNELS nope*; PUBSUB NUMSUB a b; PUBSUB NUMPAT; PUBSUB NOPE; EXEC; MULTI; PUBSUB NUMSUB a; EXEC",
	"MULTI; MODULE LIST; ROLE x; EXEC; MULTI; MODULE LIST; CONFIG GET timeout; SENTINEL MASTERS; EXEC",
	"MULTI; SUBSCRIBE a; GET a; UNSUBSCRIBE a; EXEC; GET a; PING; MULTI; UNSUBSCRIBE; PUNSUBSCRIBE; EXEC; PING",
	"MULTI; SUBSCRIBE a b; PING; EXEC; PING; UNSUBSCRIBE b; UNSUBSCRIBE; PING",
	"MULTI; PSUBSCRIBE p*; SSUBSCRIBE s; EXEC; UNSUBSCRIBE; PUNSUBSCRIBE; SUNSUBSCRIBE; PING",
	"MULTI; CLIENT GETNAME; INCR a; CLIENT GETNAME x; EXEC; GET a; MULTI; LPUSH a 1; CLIENT GETNAME; EXEC",
	"CONFIG GET MAXMEMORY; CONFIG GET SaVe; CONFIG GET [r-q]eplica-read-only; CONFIG GET SAV[^f-z]; CONFIG GET appendonl[xY]",
	"CONFIG GET save SAVE s[a]ve; CONFIG GET s[a]ve SAVE; CONFIG GET [s; CONFIG GET slave-read-onl[; CONFIG GET replica-read-onl[z-x]",
	"CONFIG GET \\save; CONFIG GET \\s[a]ve; CONFIG GET s[\\a]ve; CONFIG GET s[\\A]ve; CONFIG GET [; CONFIG GET appendonly APPENDONLY",
	"CONFIG GET maxmemory-polic?; CONFIG GET [b-a]ctiverehashing; CONFIG GET hz; CONFIG GET slowlog-max-len; CONFIG GET lfu-log-factor; ROLE",
	"MULTI; QUIT", "MULTI; CLIENT SETNAME x; RESET; CLIENT GETNAME; EXEC",
	"MULTI; WAIT 0 0; SCRIPT LOAD return_1; SCRIPT EXISTS abc; EXEC; MULTI; FUNCTION LIST; EXEC",
}

// TestTransactionsAgreeWithRedis has the same conversations with a server and with the
// proxy in front of another, in both protocols and cut in three ways, and compares what is
// said byte for byte.
func TestTransactionsAgreeWithRedis(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers[1])})
	cuts := map[string]func(net.Conn, []byte) error{
		"whole": writeWhole,
		"bytes": writeBytes,
	}
	for _, row := range goldenMulti {
		for _, hello := range []string{"2", "3"} {
			for cut, write := range cuts {
				want := converse(t, servers[0], servers[0].Addr, hello, row, write)
				if got := converse(t, servers[1], st.addr, hello, row, write); got != want {
					t.Errorf("RESP%s, %s, %s:\ngot  %q\nwant %q", hello, cut, row, got, want)
				}
			}
			want := converse(t, servers[0], servers[0].Addr, hello, row, nil)
			if got := converse(t, servers[1], st.addr, hello, row, nil); got != want {
				t.Errorf("RESP%s, one by one, %s:\ngot  %q\nwant %q", hello, row, got, want)
			}
		}
	}
	noLoans(t, st)
}

// TestRandomTransactionsAgreeWithRedis has conversations that nobody has thought of.
func TestRandomTransactionsAgreeWithRedis(t *testing.T) {
	words := strings.Split("MULTI;MULTI;EXEC;EXEC;DISCARD;WATCH a;WATCH b c;UNWATCH;SET a 1;INCR a;INCR a;GET a;"+
		"LPUSH b x;MGET a b;PING;SELECT 1;SELECT 0;SELECT 77;CLIENT GETNAME;CLIENT SETNAME x;CONFIG GET save;INFO nope;CLUSTER INFO;ECHO x;BLPOP b 0;DEL a b;NOPE;SET a;MULTI x;EXEC x;RESET;SUBSTR a", ";")
	servers := startServers(t, 2)
	st, rnd := play(t, scene{groups: alone(servers[1])}), newRand(t)
	for range 400 {
		row := words[rnd.IntN(len(words))]
		for range rnd.IntN(16) {
			row += ";" + words[rnd.IntN(len(words))]
		}
		if blocks(row) {
			continue
		}
		hello := []string{"2", "3"}[rnd.IntN(2)]
		write := []func(net.Conn, []byte) error{nil, writeBytes, writeWhole}[rnd.IntN(3)]
		want := converse(t, servers[0], servers[0].Addr, hello, row, write)
		if got := converse(t, servers[1], st.addr, hello, row, write); got != want {
			t.Errorf("RESP%s, %s:\ngot  %q\nwant %q", hello, row, got, want)
		}
	}
	noLoans(t, st)
}

// blocks reports whether a blocking command of the row could wait for ever, outside of MULTI, or
// whether it changes the database while keys are watched, which the proxy does not allow.
func blocks(row string) bool {
	inside := false
	if strings.Contains(row, "WATCH") && strings.Contains(row, "SELECT 1") {
		return true
	}
	for _, request := range strings.Split(row, ";") {
		switch {
		case request == "MULTI":
			inside = true
		case strings.HasPrefix(request, "EXEC"), request == "DISCARD", request == "RESET":
			inside = false
		case strings.HasPrefix(request, "BLPOP") && !inside:
			return true
		}
	}
	return false
}

func writeWhole(c net.Conn, b []byte) error {
	_, err := c.Write(b)
	return err
}

func writeBytes(c net.Conn, b []byte) error {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// converse empties the server and returns what is answered to a row of requests. Without
// write each request waits for the answer to the one before.
func converse(t *testing.T, server *rig.Child, addr, hello, row string, write func(net.Conn, []byte) error) string {
	t.Helper()
	if _, err := rig.Call(server.Addr, patience, "FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	resp3 := hello == "3" || strings.Contains(row, "HELLO 3")
	frames := [][]byte{rig.AppendCommand(nil, "HELLO", hello)}
	for _, request := range strings.Split(row, ";") {
		args := strings.Fields(request)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		frames = append(frames, rig.AppendCommand(nil, args...))
	}
	if write == nil {
		return oneByOne(t, c, frames, resp3)
	}
	var all []byte
	for _, f := range frames {
		all = append(all, f...)
	}
	sent := make(chan error, 1)
	go func() { sent <- write(c.conn, all) }()
	said := ""
	for range frames {
		reply, end := c.frame(t, resp3)
		if said += reply; end {
			break
		}
	}
	if err := <-sent; err != nil && !strings.Contains(row, "QUIT") {
		t.Fatal(err)
	}
	return withoutHello(said)
}

func oneByOne(t *testing.T, c *client, frames [][]byte, resp3 bool) (said string) {
	t.Helper()
	for _, f := range frames {
		if c.send(f) != nil {
			break
		}
		reply, end := c.frame(t, resp3)
		if said += reply; end {
			break
		}
	}
	return withoutHello(said)
}

// withoutHello cuts the reply to HELLO off, in which the two differ.
func withoutHello(said string) string {
	n := codec.Size([]byte(said))
	return greetings.ReplaceAllString(said[n:], "$1$2")
}

// greetings are what differs in replies to HELLO: the version, which nobody has told the
// proxy, the connection's number, and the modules, of which it says nothing.
var greetings = regexp.MustCompile(`(version\r\n)\$\d+\r\n[0-9.]+\r\n|(?:id\r\n):\d+|(?:%[67]|\*1[24])\r\n(\$6\r\nserver\r\n)|\$7\r\nmodules\r\n\*0\r\n`)

// frame reads one reply of either protocol; end says that the connection is closed.
func (c *client) frame(t *testing.T, resp3 bool) (reply string, end bool) {
	t.Helper()
	scan := codec.ReplyScanner{RESP3: resp3}
	var said []byte
	for {
		b, err := c.in.ReadByte()
		if err == io.EOF || err != nil && strings.Contains(err.Error(), "reset by peer") {
			return string(said) + "<end>", true
		}
		if err != nil {
			t.Fatalf("after %.200q: %v", said, err)
		}
		said = append(said, b)
		_, done, err := scan.Next(said[len(said)-1:])
		if err != nil {
			t.Fatalf("%.200q: %v", said, err)
		}
		if done {
			return string(said), false
		}
	}
}
