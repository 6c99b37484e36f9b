package loop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/perf/invariant"
)

// TestLargeRequestsArriveWhole: requests of many sizes, small ones before and behind large ones,
// cut anywhere, of several clients at one server, are executed as they were sent and in order.
func TestLargeRequestsArriveWhole(t *testing.T) {
	testArriveWhole(t, loop.Options{Workers: 1}, 3)
}

// TestLargeRequestsArriveWholeUnmapped: the same where the system gives no memory outside of the
// heap, or now and then.
func TestLargeRequestsArriveWholeUnmapped(t *testing.T) {
	t.Run("never", func(t *testing.T) {
		testArriveWhole(t, loop.Unmapped(loop.Options{Workers: 1}, func() bool { return true }), 8)
	})
	t.Run("now and then", func(t *testing.T) {
		rng := newRand(t)
		testArriveWhole(t, loop.Unmapped(loop.Options{Workers: 1}, func() bool { return rng.IntN(2) == 0 }), 8)
	})
}

func testArriveWhole(t *testing.T, engine loop.Options, clients int) {
	rounds := 4
	if invariant.On || clients > 4 { // where every request that is cut lies in a region
		rounds = 1
	}
	st := play(t, scene{groups: alone(startServers(t, 2)...), engine: engine})
	rng := newRand(t)
	seeds := make([]uint64, clients)
	for i := range seeds {
		seeds[i] = rng.Uint64()
	}
	err := together(clients, func(i int) error {
		c, err := st.connect()
		if err != nil {
			return err
		}
		defer c.conn.Close()
		rng := rand.New(rand.NewPCG(seeds[i], 0))
		cuts := rand.New(rand.NewPCG(seeds[i], 1))
		for round := range rounds {
			var frames []byte
			var want []string
			for n := range 12 {
				key := fmt.Sprintf("%d:%d:%d", i, round, n)
				size := []int{10, 3000, invariant.Lighter(130 << 10), invariant.Lighter(900 << 10), invariant.Lighter(1 << 20), invariant.Lighter(3 << 20)}[rng.IntN(6)] + rng.IntN(100)
				v := value(key, size)
				frames = rig.AppendCommand(frames, "SET", key, v)
				frames = rig.AppendCommand(frames, "GETRANGE", key, "-20", "-1")
				want = append(want, "+OK\r\n", fmt.Sprintf("$%d\r\n%s\r\n", min(20, size), v[size-min(20, size):]))
			}
			if err := c.exchange(frames, want, cuts); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
			for n := range 12 {
				key := fmt.Sprintf("%d:%d:%d", i, round, n)
				got, err := c.do("GET", key)
				if err != nil || got != value(key, len(got)) {
					return fmt.Errorf("%s: got %.60q, %v; want its value", key, got, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestServerAnswersBeforeItHasAll: a server that answers a large request of which it has read a
// line gets the rest of it all the same, as it was, and behind it what comes next.
func TestServerAnswersBeforeItHasAll(t *testing.T) {
	const size = 24 << 20 // more than the kernel holds
	got := make(chan string, 1)
	l := lie(t, func(conn net.Conn, in *bufio.Reader) {
		if !requests(in, 1) {
			return
		}
		io.WriteString(conn, "+PONG\r\n")
		first, err := in.ReadByte()
		if err != nil {
			return
		}
		io.WriteString(conn, "+OK\r\n")
		in = bufio.NewReader(io.MultiReader(bytes.NewReader([]byte{first}), in))
		for range 2 {
			b, err := appendReply(nil, in)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- string(b)
		}
		io.WriteString(conn, "$1\r\nx\r\n")
		requests(in, 1)
	})
	st := play(t, scene{groups: one(group("g", l.addr)), engine: loop.Options{Workers: 1}, options: loop.PoolOptions{Timeout: 20 * time.Second}})
	c, other := st.dial(), st.dial()
	large := value("large", size)
	c.want(t, "OK", "SET", "k", large)
	if err := c.send(rig.AppendCommand(nil, "GET", "k")); err != nil {
		t.Fatal(err)
	}
	other.want(t, "PONG", "PING")
	if all := <-got; all != string(rig.AppendCommand(nil, "SET", "k", large)) {
		t.Errorf("the server got %d bytes %.60q; want the request as it was sent", len(all), all)
	}
	if next := <-got; next != string(rig.AppendCommand(nil, "GET", "k")) {
		t.Errorf("the server got %.60q behind it; want the next request", next)
	}
	if got, err := c.text(); err != nil || got != "x" {
		t.Errorf("got %q, %v; want the server's answer", got, err)
	}
}

// TestServerDiesInALargeRequest: what was on its way is settled as of any request, small ones
// behind it too, and the next one goes through when the server is back.
func TestServerDiesInALargeRequest(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{Timeout: 5 * time.Second}})
	c := st.dial()
	c.want(t, "OK", "SET", "k", "v")
	for round := range 3 {
		servers[0].Pause()
		frames := rig.AppendCommand(nil, "SET", "k", value("large", 24<<20))
		if err := c.send(rig.AppendCommand(frames, "SET", "l", strconv.Itoa(round))); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both are in flight", func() bool { return st.server(servers[0].Addr).InFlight == 2 })
		servers[0].Kill()
		for range 2 {
			if got, err := c.text(); err != nil || !mayHaveRun(got) && !notRun(got) {
				t.Fatalf("got %.80q, %v; want an error that says whether it was executed", got, err)
			}
		}
		if err := servers[0].Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server is used again", func() bool { return c.must(t, "SET", "k", "v") == "OK" })
		c.want(t, "OK", "SET", "k", value("large", 5<<20))
		c.want(t, value("large", 5<<20), "GET", "k")
	}
}

// TestLargeCommandsArriveWhole: commands of many megabytes over several groups, and transactions of
// them, cut anywhere and pipelined with small ones, do what they say and are answered in order.
func TestLargeCommandsArriveWhole(t *testing.T) {
	t.Run("mapped", func(t *testing.T) { testCommandsArriveWhole(t, loop.Options{Workers: 1}) })
	t.Run("unmapped now and then", func(t *testing.T) {
		rng := newRand(t)
		testCommandsArriveWhole(t, loop.Unmapped(loop.Options{Workers: 1}, func() bool { return rng.IntN(2) == 0 }))
	})
}

func testCommandsArriveWhole(t *testing.T, engine loop.Options) {
	clients, rounds := 3, 2
	if invariant.On {
		rounds = 1
	}
	st := play(t, scene{groups: alone(startServers(t, 3)...), engine: engine})
	seeds := newRand(t)
	var rngs []*rand.Rand
	for range 2 * clients {
		rngs = append(rngs, rand.New(rand.NewPCG(seeds.Uint64(), 0)))
	}
	err := together(clients, func(i int) error {
		c, err := st.connect()
		if err != nil {
			return err
		}
		defer c.conn.Close()
		for round := range rounds {
			if err := commandsArriveWhole(c, rngs[i], rngs[clients+i], fmt.Sprintf("%d:%d", i, round)); err != nil {
				return fmt.Errorf("client %d, round %d: %w", i, round, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// commandsArriveWhole has one client say all that, and checks what it hears.
func commandsArriveWhole(c *client, rng, cuts *rand.Rand, prefix string) error {
	const keys = 40
	small, large := invariant.Lighter(20000), invariant.Lighter(3<<20)
	set, get, del := []string{"MSET"}, []string{"MGET"}, []string{"DEL"}
	got := fmt.Sprintf("*%d\r\n", keys)
	for n := range keys {
		key := fmt.Sprintf("%s:%d", prefix, n)
		v := value(key, []int{0, 10, 5000, 200 << 10, invariant.Lighter(2 << 20)}[rng.IntN(5)])
		set, get = append(set, key, v), append(get, key)
		got += fmt.Sprintf("$%d\r\n%s\r\n", len(v), v)
	}
	many := []string{"MSET"}
	for n := range small {
		key := fmt.Sprintf("%s:s%d", prefix, n)
		many, del = append(many, key, "x"), append(del, key)
	}
	alone := "{" + prefix + "}"
	frames := rig.AppendCommand(nil, set...)
	want := []string{"+OK\r\n"}
	say := func(reply string, args ...string) {
		frames, want = rig.AppendCommand(frames, args...), append(want, reply)
	}
	say("$1\r\nx\r\n", "ECHO", "x")
	say("+OK\r\n", many...)
	say("+OK\r\n", "MULTI")
	for n := range 3 {
		say("+QUEUED\r\n", "SET", alone+strconv.Itoa(n), value(alone, large+n))
		say("+QUEUED\r\n", "STRLEN", alone+strconv.Itoa(n))
	}
	say(fmt.Sprintf("*6\r\n+OK\r\n:%d\r\n+OK\r\n:%d\r\n+OK\r\n:%d\r\n", large, large+1, large+2), "EXEC")
	say(got, get...)
	say(fmt.Sprintf(":%d\r\n", small), del...)
	say(fmt.Sprintf("$4\r\n%s\r\n", value(alone, large)[:4]), "GETRANGE", alone+"0", "0", "3")
	return c.exchange(frames, want, cuts)
}

// exchange sends frames, cut anywhere, and checks the replies.
func (c *client) exchange(frames []byte, want []string, cuts *rand.Rand) error {
	sent := make(chan error, 1)
	go func() {
		for rest := frames; len(rest) > 0; {
			n := min(len(rest), 1+cuts.IntN(300<<10))
			if _, err := c.conn.Write(rest[:n]); err != nil {
				sent <- err
				return
			}
			rest = rest[n:]
		}
		sent <- nil
	}()
	for n, want := range want {
		if got, err := c.reply(); err != nil || string(got) != want {
			return fmt.Errorf("reply %d: got %d bytes %.80q, %v; want %d bytes %.80q", n, len(got), got, err, len(want), want)
		}
	}
	return <-sent
}
