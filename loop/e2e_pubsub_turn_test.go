package loop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// twoProxies sets two proxies in front of the same servers.
func twoProxies(t *testing.T, servers []*rig.Child) (here, there *stage) {
	return play(t, scene{groups: alone(servers...)}), play(t, scene{groups: alone(servers...)})
}

// A message whose PUBLISH has been answered comes before the confirmation of an UNSUBSCRIBE
// that is said then, whoever else is subscribed.
func TestPublishThenUnsubscribe(t *testing.T) {
	here, there := twoProxies(t, startServers(t, 1))
	a, other, p := here.dial(), here.dial(), []*client{here.dial(), there.dial()}
	other.subscribe(t, "SUBSCRIBE", "busy")
	for round := range 200 {
		name := []string{"busy", "quiet"}[round/2%2]
		a.subscribe(t, "SUBSCRIBE", name)
		p[round%2].must(t, "PUBLISH", name, "m")
		a.tell(t, "UNSUBSCRIBE", name)
		a.wantFrame(t, push('*', "message", name, "m"))
		a.wantFrame(t, push('*', "unsubscribe", name, 0))
	}
}

// A message whose PUBLISH has been answered does not come to who subscribes then, whoever else
// is subscribed.
func TestPublishThenSubscribe(t *testing.T) {
	here, there := twoProxies(t, startServers(t, 1))
	a, other, p := here.dial(), here.dial(), []*client{here.dial(), there.dial()}
	other.subscribe(t, "PSUBSCRIBE", "n*")
	for round := range 200 {
		p[round%2].must(t, "PUBLISH", "news", "old")
		a.tell(t, "PSUBSCRIBE", "n*")
		a.wantFrame(t, push('*', "psubscribe", "n*", 1))
		p[round%2].must(t, "PUBLISH", "news", "new")
		a.wantFrame(t, push('*', "pmessage", "n*", "news", "new"))
		a.tell(t, "PUNSUBSCRIBE")
		a.wantFrame(t, push('*', "punsubscribe", "n*", 0))
	}
}

// TestPubSubTurns: what a client says in one write it hears in the order in which it said it:
// what it publishes between SUBSCRIBE and UNSUBSCRIBE, by whatever means, and nothing else.
// Another client of the same topics makes no difference.
func TestPubSubTurns(t *testing.T) {
	servers := startServers(t, 2, "--notify-keyspace-events", "KEA")
	st := play(t, scene{groups: alone(servers...)})
	const publishes = "return redis.call(ARGV[1], KEYS[1], ARGV[2])"
	cases := []struct {
		join, leave, topic string
		cause              func(text string) [][]string
		message            func(text string) string
	}{
		{"SUBSCRIBE", "UNSUBSCRIBE", "c", func(text string) [][]string { return [][]string{{"PUBLISH", "c", text}} },
			func(text string) string { return push('>', "message", "c", text) }},
		{"SSUBSCRIBE", "SUNSUBSCRIBE", "c", func(text string) [][]string { return [][]string{{"SPUBLISH", "c", text}} },
			func(text string) string { return push('>', "smessage", "c", text) }},
		{"PSUBSCRIBE", "PUNSUBSCRIBE", "c*", func(text string) [][]string { return [][]string{{"PUBLISH", "cc", text}} },
			func(text string) string { return push('>', "pmessage", "c*", "cc", text) }},
		{"SUBSCRIBE", "UNSUBSCRIBE", "__keyspace@0__:k", func(text string) [][]string { return [][]string{{"SET", "k", text}} },
			func(string) string { return push('>', "message", "__keyspace@0__:k", "set") }},
		{"SUBSCRIBE", "UNSUBSCRIBE", "c", func(text string) [][]string { return [][]string{{"EVAL", publishes, "1", "c", "PUBLISH", text}} },
			func(text string) string { return push('>', "message", "c", text) }},
		{"SSUBSCRIBE", "SUNSUBSCRIBE", "c", func(text string) [][]string {
			return [][]string{{"MULTI"}, {"EVAL", publishes, "1", "c", "SPUBLISH", text}, {"EXEC"}}
		}, func(text string) string { return push('>', "smessage", "c", text) }},
	}
	for round := range 48 {
		k, last := cases[round%len(cases)], ""
		var other *client
		if round%2 == 0 {
			other = st.dial()
			other.subscribe(t, k.join, k.topic)
		}
		c := st.dial().resp3(t)
		var all []byte
		add := func(commands ...[]string) {
			for _, words := range commands {
				all = rig.AppendCommand(all, words...)
			}
		}
		add(k.cause("before")...)
		add([]string{k.join, k.topic})
		add(k.cause("inside")...)
		end := [][]string{{k.leave, k.topic}, {"RESET"}, {"QUIT"}}[round%3]
		add(end)
		if end[0] != "QUIT" {
			add(k.cause("after")...)
			add([]string{"ECHO", "end"})
		}
		if err := c.send(all); err != nil {
			t.Fatal(err)
		}
		var said []string
		for !strings.Contains(last, "end\r\n") {
			var err error
			if last, err = frameOf(c.in); err != nil {
				break
			}
			said = append(said, last)
		}
		joined, message := push('>', strings.ToLower(k.join), k.topic, 1), k.message("inside")
		from, at := slices.Index(said, joined), slices.Index(said, message)
		if end[0] == "QUIT" && (last != "" || len(said) == 0 || said[len(said)-1] != "+OK\r\n") {
			t.Fatalf("round %d: got %q; want +OK at last, and the end", round, said)
		}
		left := slices.IndexFunc(said, func(f string) bool {
			return f == push('>', strings.ToLower(k.leave), k.topic, 0) || f == "+RESET\r\n"
		})
		if left < 0 {
			left = len(said) - 1
		}
		pushes := 0
		for _, f := range said {
			if strings.Contains(f, "message\r\n") {
				pushes++
			}
		}
		if from < 0 || at < from || left < at || pushes != 1 {
			t.Fatalf("round %d, %s to %s: got %q; want one message between its confirmations", round, k.join, end[0], said)
		}
		c.conn.Close()
		if other != nil {
			other.conn.Close()
		}
	}
}

// PUBLISH counts everybody who hears, on whatever worker: members of the channel, patterns
// that fit, and clients of the server itself; in a transaction, too.
func TestPublishCounts(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...), engine: loop.Options{Workers: 3}})
	p := st.dial()
	channel := st.keyOf(0, "news")
	want := 0
	for i := range 12 {
		c := st.dial()
		names := [][]string{{"SUBSCRIBE", channel}, {"PSUBSCRIBE", "n*"}, {"PSUBSCRIBE", "n*", "ne?s*", "x*"}, {"SSUBSCRIBE", channel}}[i%4]
		c.tell(t, names...)
		for range names[1:] {
			c.heard(t)
		}
		want += []int{1, 1, 2, 0}[i%4]
		p.want(t, decimal(want), "PUBLISH", channel, "m")
	}
	p.want(t, "3", "SPUBLISH", channel, "m")
	direct, err := connectTo("tcp", servers[0].Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.conn.Close()
	direct.subscribe(t, "SUBSCRIBE", channel)
	p.want(t, decimal(want+1), "PUBLISH", channel, "m")
	p.want(t, "OK", "MULTI")
	p.want(t, "QUEUED", "SET", channel, "v")
	p.want(t, "QUEUED", "PUBLISH", channel, "m")
	p.want(t, fmt.Sprintf("*2\r\n+OK\r\n:%d\r\n", want+1), "EXEC")
	p.want(t, "0", "PUBLISH", "quiet", "m")
}

// decimal formats n.
func decimal(n int) string { return fmt.Sprint(n) }

// The numbers of databases in the names of channels are those that clients count by.
func TestPubSubDatabases(t *testing.T) {
	servers := startServers(t, 2, "--notify-keyspace-events", "KEA")
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{DB: 3}})
	c, p := st.dial(), st.dial()
	key := st.keyOf(1, "k")
	for _, name := range []string{"__keyevent@0__:set", "__keyspace@0__:" + key, "__keyspace@1__:" + key, "plain"} {
		c.subscribe(t, "SUBSCRIBE", name)
	}
	all := []string{"__key*@0__:*", "__keyspace@*", "__keyevent@[0-9]*__:set", "*:set", "__keyspace@0__:k*"}
	for _, name := range all {
		c.subscribe(t, "PSUBSCRIBE", name)
	}
	for _, addr := range []string{servers[1].Addr} {
		ofServer(t, addr, "SET", key, "of another database") // 0 to the server: not to be seen
	}
	p.want(t, "OK", "SET", key, "v")
	got := map[string]int{}
	c.tell(t, "PING", "end")
	for f := c.heard(t); !strings.Contains(f, "pong"); f = c.heard(t) {
		got[f]++
	}
	c.tell(t, "UNSUBSCRIBE", "__keyevent@0__:set") // a mark for both servers
	for f := c.heard(t); !strings.Contains(f, "unsubscribe"); f = c.heard(t) {
		got[f]++
	}
	event, space := "__keyevent@0__:set", "__keyspace@0__:"+key
	want := []string{push('*', "message", event, key), push('*', "message", space, "set"),
		push('*', "pmessage", "__key*@0__:*", event, key), push('*', "pmessage", "__key*@0__:*", space, "set"),
		push('*', "pmessage", "__keyspace@*", space, "set"), push('*', "pmessage", "__keyspace@0__:k*", space, "set"),
		push('*', "pmessage", "__keyevent@[0-9]*__:set", event, key), push('*', "pmessage", "*:set", event, key)}
	for _, f := range want {
		if got[f] != 1 {
			t.Errorf("heard %q %d times; want once", f, got[f])
		}
		delete(got, f)
	}
	if len(got) > 0 {
		t.Errorf("heard %v as well; want no more", got)
	}
	p.want(t, push('*', space, 1), "PUBSUB", "NUMSUB", space)
	if got := p.must(t, "PUBSUB", "CHANNELS", "__keyspace@1__:*"); got != string(codec.AppendBulk([]byte("*1\r\n"), "__keyspace@1__:"+key)) {
		t.Errorf("CHANNELS: got %q; want the name by which clients know it", got)
	}
	c.tell(t, "PUNSUBSCRIBE")
	left := map[string]bool{}
	for range all {
		left[strings.Split(c.heard(t), "\r\n")[4]] = true
	}
	for _, name := range all {
		if !left[name] {
			t.Errorf("left %v; want %q among them", left, name)
		}
	}
}
