package loop_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/invariant"
	"huntaway/shard"
)

// frameOf reads one frame of RESP2 or RESP3, the obvious way.
func frameOf(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil || len(line) < 3 {
		return line, err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		return line, nil
	case '$', '=', '!':
		rest := make([]byte, max(n+2, 0))
		_, err := io.ReadFull(in, rest)
		if n < 0 {
			rest = nil
		}
		return line + string(rest), err
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return line, fmt.Errorf("frame begins with %.40q; want a type of RESP", line)
	}
	all := line
	for range n {
		one, err := frameOf(in)
		if all += one; err != nil {
			return all, err
		}
	}
	return all, nil
}

// tell sends one command.
func (c *client) tell(t testing.TB, args ...string) {
	t.Helper()
	if err := c.send(codec.AppendCommand(nil, args...)); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
}

// heard reads one frame of any type.
func (c *client) heard(t testing.TB) string {
	t.Helper()
	f, err := frameOf(c.in)
	if err != nil {
		t.Fatalf("got %.80q and %v; want a frame", f, err)
	}
	return f
}

// wantFrame reads one frame and compares it.
func (c *client) wantFrame(t testing.TB, want string) {
	t.Helper()
	if got := c.heard(t); got != want {
		t.Fatalf("got frame %.200q; want %.200q", got, want)
	}
}

// push makes a frame of bulk strings; a number stands as an integer.
func push(kind byte, elements ...any) string {
	b := fmt.Appendf(nil, "%c%d\r\n", kind, len(elements))
	for _, e := range elements {
		switch e := e.(type) {
		case string:
			b = codec.AppendBulk(b, e)
		case int:
			b = codec.AppendInt(b, int64(e))
		}
	}
	return string(b)
}

// subscribe subscribes to one channel and reads the confirmation.
func (c *client) subscribe(t testing.TB, how string, name string) {
	t.Helper()
	c.tell(t, how, name)
	if got := c.heard(t); !strings.Contains(got, name) || got[0] == '-' {
		t.Fatalf("%s %s: got %q; want its confirmation", how, name, got)
	}
}

// resp3 makes a client speak RESP3.
func (c *client) resp3(t testing.TB) *client {
	t.Helper()
	c.tell(t, "HELLO", "3")
	if got := c.heard(t); got[0] != '%' {
		t.Fatalf("HELLO 3: got %q; want a map", got)
	}
	return c
}

// ofServer asks a server itself.
func ofServer(t testing.TB, addr string, args ...string) string {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	return c.must(t, args...)
}

// subscribersAt says how many connections of a server are subscribed to a channel.
func subscribersAt(t testing.TB, addr, channel string) int {
	t.Helper()
	reply := strings.Split(ofServer(t, addr, "PUBSUB", "NUMSUB", channel), "\r\n:")
	n, err := strconv.Atoi(strings.TrimSpace(reply[len(reply)-1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// marked says each line, a command, and returns what came back up to the answer to a
// PING of its own.
func marked(t testing.TB, addr string, script []string) (said []string) {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	for i, line := range script {
		mark := fmt.Sprintf("mark-%d\r\n", i)
		c.tell(t, strings.Fields(line)...)
		c.tell(t, "PING", strings.TrimSpace(mark))
		var got []byte
		for !bytes.HasSuffix(got, []byte(mark)) {
			b, err := c.in.ReadByte()
			if err != nil {
				t.Fatalf("%s: %v behind %q", line, err, got)
			}
			got = append(got, b)
		}
		said = append(said, string(got))
	}
	return said
}

// oddSubscriptions are the commands in all their forms.
var oddSubscriptions = []string{
	"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE a b", "SUBSCRIBE a b a",
	"GET k", "get", "NOSUCH x", "CONFIG GET x", "CONFIG", "PUBLISH a b", "CLIENT ID",
	"PING", "PING hi", "PING a b", "ping",
	"PSUBSCRIBE p*", "UNSUBSCRIBE b", "UNSUBSCRIBE", "UNSUBSCRIBE", "SSUBSCRIBE s1 s2",
	"SUNSUBSCRIBE s1", "PUNSUBSCRIBE nope", "PUNSUBSCRIBE", "PUNSUBSCRIBE", "GET k", "SUNSUBSCRIBE",
	"PING", "GET k", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "Subscribe x", "subscribe x x",
	"psubscribe a* a* b*", "unsubscribe x nope x", "punsubscribe b* b* a*", "GET k",
	"SSUBSCRIBE s", "GET k", "SUBSCRIBE s", "SUNSUBSCRIBE s", "UNSUBSCRIBE s", "GET k",
	"PUBLISH nobody m", "SPUBLISH nobody m", "PUBLISH", "PUBSUB", "PUBSUB NOPE", "PUBSUB CHANNELS",
	"PUBSUB CHANNELS x*", "PUBSUB NUMSUB", "PUBSUB NUMSUB a b", "PUBSUB NUMPAT", "PUBSUB NUMPAT x",
	"PUBSUB SHARDNUMSUB", "PUBSUB SHARDNUMSUB s", "PUBSUB SHARDCHANNELS", "PUBSUB HELP",
	"PUBSUB CHANNELS a b", "SUBSCRIBE x", "PSUBSCRIBE y*", "SSUBSCRIBE z", "RESET", "GET k",
}

func TestPubSubGolden(t *testing.T) {
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server)})
	for _, resp := range []string{"2", "3"} {
		t.Run("RESP"+resp, func(t *testing.T) {
			script := oddSubscriptions
			if resp == "3" {
				i := 0
				script = append([]string{"HELLO 3"}, script...)
				for i < len(script) && script[i] != "RESET" {
					i++
				}
				script = slices.DeleteFunc(slices.Clone(script[:i+1]), func(line string) bool {
					return line == "PUBLISH a b" // its reply and its message come on two connections, in either order
				})
			}
			want, got := marked(t, server.Addr, script), marked(t, st.addr, script)
			for i, line := range script {
				if strings.HasPrefix(line, "HELLO") || resp == "3" && line == "CLIENT ID" {
					continue // names the server; numbers the connection
				}
				if got[i] != want[i] {
					t.Errorf("%s:\ngot  %q\nwant %q", line, got[i], want[i])
				}
			}
		})
	}
}

// One subscription per worker stands for all its sessions, and each gets every message.
func TestPubSubFanOut(t *testing.T) {
	const subscribers, messages = 1000, 100
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server)})
	clients := make([]*client, subscribers)
	for i := range clients {
		clients[i] = st.dial()
		clients[i].subscribe(t, "SUBSCRIBE", "news")
	}
	if got := subscribersAt(t, server.Addr, "news"); got != 2 {
		t.Errorf("the server counts %d subscribers; want 2, one per worker", got)
	}
	p := st.dial()
	if c := st.counters(); c.Subscriptions != subscribers || c.Upstream != 2 {
		t.Errorf("%d subscriptions and %d upstream are counted; want %d and 2", c.Subscriptions, c.Upstream, subscribers)
	}
	if got, want := p.must(t, "PUBSUB", "NUMSUB", "news"), push('*', "news", subscribers); got != want {
		t.Errorf("NUMSUB = %q; want %q", got, want)
	}
	for i := range messages {
		p.want(t, "1000", "PUBLISH", "news", strconv.Itoa(i))
	}
	for n, c := range clients {
		for i := range messages {
			if got, want := c.heard(t), push('*', "message", "news", strconv.Itoa(i)); got != want {
				t.Fatalf("subscriber %d: got %q; want %q", n, got, want)
			}
		}
	}
	if got := st.counters().Messages; got != subscribers*messages {
		t.Errorf("%d messages are counted; want %d", got, subscribers*messages)
	}
	for _, c := range clients {
		c.conn.Close()
	}
	eventually(t, "the server has no subscribers", func() bool { return subscribersAt(t, server.Addr, "news") == 0 })
	eventually(t, "the links of subscriptions are closed", func() bool { return st.server(server.Addr).Links <= 2 })
}

// Patterns, and events of keys, come from the masters of all groups.
func TestPubSubFanIn(t *testing.T) {
	servers := startServers(t, 3, "--notify-keyspace-events", "KEA")
	st := play(t, scene{groups: alone(servers...)})
	c, events, p := st.dial(), st.dial(), st.dial()
	c.tell(t, "PSUBSCRIBE", "room:*", "__keyspace@0__:*")
	c.wantFrame(t, push('*', "psubscribe", "room:*", 1))
	c.wantFrame(t, push('*', "psubscribe", "__keyspace@0__:*", 2))
	events.subscribe(t, "SUBSCRIBE", "__keyevent@0__:set")
	for g := range servers {
		room := st.keyOf(g, "room:")
		p.want(t, "1", "PUBLISH", room, "hello")
		c.wantFrame(t, push('*', "pmessage", "room:*", room, "hello"))
		key := st.keyOf(g, "key")
		p.want(t, "OK", "SET", key, "v")
		c.wantFrame(t, push('*', "pmessage", "__keyspace@0__:*", "__keyspace@0__:"+key, "set"))
		events.wantFrame(t, push('*', "message", "__keyevent@0__:set", key))
	}
	p.want(t, "2", "PUBSUB", "NUMPAT")
	p.want(t, push('*', "__keyevent@0__:set"), "PUBSUB", "CHANNELS")
	p.want(t, push('*', "__keyevent@0__:set", 1), "PUBSUB", "NUMSUB", "__keyevent@0__:set")
	shards := st.dial()
	for g := range servers {
		name := st.keyOf(g, "shard")
		shards.subscribe(t, "SSUBSCRIBE", name)
		p.want(t, "1", "SPUBLISH", name, "x")
		shards.wantFrame(t, push('*', "smessage", name, "x"))
		p.want(t, push('*', name, 1), "PUBSUB", "SHARDNUMSUB", name)
	}
}

// Messages never come between the pieces of a reply, and none is lost meanwhile.
func TestPubSubBetweenPieces(t *testing.T) {
	rounds := invariant.Lighter(40)
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server)})
	c, p := st.dial().resp3(t), st.dial()
	big := value("big", 3<<20)
	p.want(t, "OK", "SET", "big", big)
	p.want(t, "OK", "SET", "small", "s")
	c.subscribe(t, "SUBSCRIBE", "news")
	over, sent := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-over:
				sent <- n
				return
			default:
			}
			if _, err := p.do("PUBLISH", "news", strconv.Itoa(n)); err != nil {
				t.Error(err)
			}
			n++
		}
	}()
	got := 0
	next := func() string {
		for {
			f := c.heard(t)
			if f[0] != '>' {
				return f
			}
			if want := push('>', "message", "news", strconv.Itoa(got)); f != want {
				t.Fatalf("got message %.80q; want %q", f, want)
			}
			got++
		}
	}
	for range rounds {
		c.tell(t, "GET", "big")
		c.tell(t, "GET", "small")
		c.tell(t, "GET", "big")
		for _, want := range []string{big, "s", big} {
			if f := next(); f != string(codec.AppendBulk(nil, want)) {
				t.Fatalf("got %.80q ... (%d bytes); want the value of %d bytes", f, len(f), len(want))
			}
		}
	}
	close(over)
	total := <-sent
	c.tell(t, "PING")
	for got < total {
		if f := c.heard(t); f[0] == '>' {
			if want := push('>', "message", "news", strconv.Itoa(got)); f != want {
				t.Fatalf("got message %.80q; want %q", f, want)
			}
			got++
		}
	}
	t.Logf("%d messages between and behind %d large replies", total, 2*rounds)
}

// Messages of any size come whole, in the protocol of who gets them, and INFO and CLIENT
// LIST tell who is subscribed.
func TestPubSubSizes(t *testing.T) {
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server)})
	old, now, p := st.dial(), st.dial().resp3(t), st.dial()
	for _, c := range []*client{old, now} {
		c.subscribe(t, "SUBSCRIBE", "c")
		c.subscribe(t, "PSUBSCRIBE", "c*")
		c.subscribe(t, "SSUBSCRIBE", "s")
	}
	for _, n := range []int{0, 1, 100, 1 << 16, 5 << 20, 3, 1 << 20} {
		text := value("message", n)
		p.must(t, "PUBLISH", "c", text)
		p.must(t, "SPUBLISH", "s", text)
		for kind, c := range map[byte]*client{'*': old, '>': now} {
			want := map[string]bool{push(kind, "message", "c", text): true,
				push(kind, "pmessage", "c*", "c", text): true, push(kind, "smessage", "s", text): true}
			for range 3 {
				got := c.heard(t)
				if !want[got] {
					t.Fatalf("%d bytes: got %.80q ... of %d bytes; want another of three messages", n, got, len(got))
				}
				delete(want, got)
			}
		}
	}
	for _, want := range []string{"\r\npubsub_clients:2\r\n", "\r\npubsub_channels:1\r\n",
		"\r\npubsub_patterns:1\r\n", "\r\npubsubshard_channels:1\r\n"} {
		if got := p.must(t, "INFO"); !strings.Contains(got, want) {
			t.Errorf("INFO: got %q; want %q in it", got, want)
		}
	}
	if got := p.must(t, "CLIENT", "LIST", "TYPE", "pubsub"); strings.Count(got, " flags=P db=0 sub=1 psub=1 ssub=1 ") != 2 {
		t.Errorf("CLIENT LIST: got %q; want two clients with flag P and sub=1 psub=1 ssub=1", got)
	}
}

// A subscriber that does not read is closed; the others get everything.
func TestPubSubSlow(t *testing.T) {
	const messages, size = 400, 32 << 10
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server), options: loop.PoolOptions{
		Limits: loop.Limits{OutputBytes: 4 << 20}}})
	slow, p := st.dial(), st.dial()
	slow.subscribe(t, "SUBSCRIBE", "news")
	others := make([]*client, 10)
	for i := range others {
		others[i] = st.dial()
		others[i].subscribe(t, "SUBSCRIBE", "news")
	}
	read := make(chan error)
	go func() {
		read <- together(len(others), func(n int) error {
			for i := range messages {
				f, err := frameOf(others[n].in)
				if want := push('*', "message", "news", value(strconv.Itoa(i), size)); err != nil || f != want {
					return fmt.Errorf("subscriber %d, message %d: got %.60q, %v; want %.60q", n, i, f, err, want)
				}
			}
			return nil
		})
	}()
	for i := range messages {
		p.must(t, "PUBLISH", "news", value(strconv.Itoa(i), size))
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	eventually(t, "one session is closed at its output limit", func() bool { return st.counters().ClosedOutput == 1 })
	if _, err := io.Copy(io.Discard, slow.in); err != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// Subscriptions come back when their server does.
func TestPubSubRestart(t *testing.T) {
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server), options: loop.PoolOptions{HoldTimeout: patience}})
	c, p := st.dial(), st.dial()
	c.subscribe(t, "SUBSCRIBE", "news")
	c.subscribe(t, "PSUBSCRIBE", "n*")
	c.subscribe(t, "SSUBSCRIBE", "shard")
	server.Kill()
	late := st.dial()
	late.tell(t, "SUBSCRIBE", "late", "news")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	late.wantFrame(t, push('*', "subscribe", "late", 1))
	late.wantFrame(t, push('*', "subscribe", "news", 2))
	eventually(t, "the server has the subscriptions again", func() bool {
		return subscribersAt(t, server.Addr, "news") > 0 && ofServer(t, server.Addr, "PUBSUB", "NUMPAT") == "1" &&
			strings.Contains(ofServer(t, server.Addr, "PUBSUB", "SHARDNUMSUB", "shard"), ":1")
	})
	p.must(t, "PUBLISH", "news", "back")
	late.wantFrame(t, push('*', "message", "news", "back"))
	first, second := c.heard(t), c.heard(t)
	if want := push('*', "message", "news", "back"); first != want && second != want {
		t.Errorf("got %q and %q; want %q among them", first, second, want)
	}
	p.must(t, "SPUBLISH", "shard", "too")
	c.wantFrame(t, push('*', "smessage", "shard", "too"))
}

// A subscription that cannot be had is refused, and leaves nothing behind.
func TestPubSubDown(t *testing.T) {
	for _, hold := range []time.Duration{0, 200 * time.Millisecond} {
		t.Run(hold.String(), func(t *testing.T) {
			servers := startServers(t, 2)
			st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{HoldTimeout: hold}})
			servers[1].Kill()
			c := st.dial()
			up, down := st.keyOf(0, "up"), st.keyOf(1, "down")
			c.tell(t, "SUBSCRIBE", up, down)
			c.tell(t, "SUBSCRIBE", down, up)
			for range 2 {
				if got := c.heard(t); !strings.HasPrefix(got, "-TRYAGAIN huntaway: ") || !strings.HasSuffix(got, "; not executed\r\n") {
					t.Fatalf("got %q; want TRYAGAIN, not executed", got)
				}
			}
			c.want(t, "-ERR unknown command 'NOSUCH', with args beginning with: ", "NOSUCH")
			c.want(t, "OK", "SET", st.keyOf(0, "k"), "v")
			eventually(t, "the other server has no subscriber", func() bool { return subscribersAt(t, servers[0].Addr, up) == 0 })
			c.tell(t, "SUBSCRIBE", up)
			c.wantFrame(t, push('*', "subscribe", up, 1))
		})
	}
}

// Subscriptions follow the master.
func TestPubSubMasterMoves(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: []shard.Group{group("g", servers[0].Addr, servers[1].Addr)}})
	c := st.dial()
	c.subscribe(t, "SUBSCRIBE", "news")
	table := st.pool.Table()
	st.pool.Publish(table.WithMaster(0, table.Groups[0].Servers[1].ID))
	eventually(t, "the subscription has moved", func() bool {
		return subscribersAt(t, servers[0].Addr, "news") == 0 && subscribersAt(t, servers[1].Addr, "news") == 1
	})
	st.dial().want(t, "1", "PUBLISH", "news", "moved")
	c.wantFrame(t, push('*', "message", "news", "moved"))
}

// Sessions that come and go leave neither subscriptions nor links behind.
func TestPubSubChurn(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...)})
	err := together(8, func(n int) error {
		for i := range 60 {
			c, err := st.connect()
			if err != nil {
				return err
			}
			names := []string{fmt.Sprint("c", i%7), fmt.Sprint("c", n, "-", i), "c"}
			for _, how := range []string{"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"} {
				if err := c.send(codec.AppendCommand(nil, append([]string{how}, names...)...)); err != nil {
					return err
				}
				for k := 0; k < len(names) && i%3 != 0; k++ {
					if f, err := frameOf(c.in); err != nil || f[0] != '*' {
						return fmt.Errorf("%s: got %q, %v; want a confirmation", how, f, err)
					}
				}
			}
			c.conn.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		eventually(t, "the server has no subscription", func() bool {
			return ofServer(t, s.Addr, "PUBSUB", "CHANNELS") == "*0\r\n" && ofServer(t, s.Addr, "PUBSUB", "NUMPAT") == "0"
		})
		eventually(t, "no link is left", func() bool { return st.server(s.Addr).Links == 0 })
	}
}

// What PUBLISH counts is right as soon as a change has been confirmed.
func TestPubSubCountsAtOnce(t *testing.T) {
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server), engine: loop.Options{Workers: 1}})
	c, p := st.dial(), st.dial()
	for range 200 {
		c.subscribe(t, "SUBSCRIBE", "news")
		p.want(t, "1", "PUBLISH", "news", "x")
		c.wantFrame(t, push('*', "message", "news", "x"))
		c.subscribe(t, "UNSUBSCRIBE", "news")
		p.want(t, "0", "PUBLISH", "news", "x")
	}
}

// One connection may not subscribe without end.
func TestPubSubLimit(t *testing.T) {
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server), options: loop.PoolOptions{Limits: loop.Limits{Subscriptions: 3}}})
	c := st.dial()
	c.subscribe(t, "PSUBSCRIBE", "a")
	c.subscribe(t, "SUBSCRIBE", "a")
	c.want(t, "-ERR huntaway: too many subscriptions; one connection may have 3, see limits.subscriptions", "SUBSCRIBE", "b", "c")
	c.tell(t, "SUBSCRIBE", "a", "b", "a")
	for _, want := range []string{push('*', "subscribe", "a", 2), push('*', "subscribe", "b", 3), push('*', "subscribe", "a", 3)} {
		c.wantFrame(t, want)
	}
}

// As many subscriptions as are allowed come back together, too.
func TestPubSubMany(t *testing.T) {
	commands, each := invariant.Lighter(1000), 100
	server := startServers(t, 1)[0]
	st := play(t, scene{groups: alone(server)})
	c := st.dial()
	var script []byte
	for i := range commands {
		words := []string{"SUBSCRIBE"}
		for k := range each {
			words = append(words, fmt.Sprint("channel", i, "-", k))
		}
		script = codec.AppendCommand(script, words...)
	}
	if err := c.send(script); err != nil {
		t.Fatal(err)
	}
	for i := range commands {
		for k := range each {
			c.wantFrame(t, push('*', "subscribe", fmt.Sprint("channel", i, "-", k), i*each+k+1))
		}
	}
	server.Kill()
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all subscriptions are back", func() bool {
		return strings.HasPrefix(ofServer(t, server.Addr, "PUBSUB", "CHANNELS"), fmt.Sprintf("*%d\r\n", commands*each))
	})
	last := fmt.Sprintf("channel%d-%d", commands-1, each-1)
	st.dial().want(t, "1", "PUBLISH", last, "x")
	c.wantFrame(t, push('*', "message", last, "x"))
	c.tell(t, "UNSUBSCRIBE")
	for range commands * each {
		c.heard(t)
	}
	c.want(t, "PONG", "PING")
}
