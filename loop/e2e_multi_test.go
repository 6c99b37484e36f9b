package loop_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// transact sends MULTI, the requests (arguments separated by spaces) and EXEC in one write
// and returns EXEC's reply with its framing.
func (c *client) transact(requests ...string) (string, error) {
	all := rig.AppendCommand(nil, "MULTI")
	for _, r := range requests {
		all = rig.AppendCommand(all, strings.Split(r, " ")...)
	}
	if err := c.send(rig.AppendCommand(all, "EXEC")); err != nil {
		return "", err
	}
	for range len(requests) + 1 {
		if _, err := c.reply(); err != nil {
			return "", err
		}
	}
	reply, err := c.reply()
	return string(reply), err
}

// null is what EXEC answers when what was watched has changed.
const null = "*-1\r\n"

// noLoans waits until no private link is lent any more.
func noLoans(t *testing.T, st *stage) {
	t.Helper()
	eventually(t, "every private link is given back", func() bool { return st.engine.LentPrivate() == 0 })
}

// TestTransactionsAreIsolated: other clients of the same links increment the same counter
// all the time, and no transaction ever sees one of them between its own two requests.
func TestTransactionsAreIsolated(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)...), engine: loop.Options{Workers: 1}})
	var stop atomic.Bool
	disturbed := make(chan error, 1)
	go func() {
		disturbed <- together(4, func(int) error {
			c, err := st.connect()
			if err != nil {
				return err
			}
			defer c.conn.Close()
			for !stop.Load() {
				if _, err := c.do("INCR", "n"); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	err := together(8, func(int) error {
		c, err := st.connect()
		if err != nil {
			return err
		}
		defer c.conn.Close()
		for range 200 {
			reply, err := c.transact("INCR n", "GET n", "INCR n")
			if err != nil {
				return err
			}
			lines := strings.Split(reply, "\r\n") // *3 :n $len n :n+1
			first, _ := strconv.Atoi(strings.TrimPrefix(lines[1], ":"))
			want := fmt.Sprintf("*3\r\n:%d\r\n$%d\r\n%d\r\n:%d\r\n", first, len(strconv.Itoa(first)), first, first+1)
			if reply != want {
				return fmt.Errorf("got %q; want %q", reply, want)
			}
		}
		return nil
	})
	stop.Store(true)
	if err != nil {
		t.Error(err)
	}
	if err := <-disturbed; err != nil {
		t.Error(err)
	}
	if s := st.snapshot(); s.Groups[0].Servers[0].Counters.Links != 1 {
		t.Errorf("got %d links; want all on one", s.Groups[0].Servers[0].Counters.Links)
	}
}

func TestWatchSeesOthersWrites(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)...)})
	c, other := st.dial(), st.dial()
	for i := range 20 {
		want := null
		c.want(t, "OK", "WATCH", "k")
		if i%2 == 0 {
			want = "*1\r\n+OK\r\n"
		} else {
			other.want(t, "OK", "SET", "k", "theirs")
		}
		if reply, err := c.transact("SET k ours"); err != nil || reply != want {
			t.Fatalf("round %d: got %q, %v; want %q", i, reply, err, want)
		}
	}
	noLoans(t, st)
	if connects := st.server(st.snapshot().Groups[0].Servers[0].Addr).Connects; connects > 6 {
		t.Errorf("got %d connects for 20 WATCHes; want the private links used again", connects)
	}
}

// TestCompareAndSetLoops has 50 clients read, add and write under WATCH, again whenever
// somebody else was faster. Not one addition may be lost.
func TestCompareAndSetLoops(t *testing.T) {
	const clients, rounds = 50, 4
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...)})
	var conflicts atomic.Int64
	err := together(clients, func(int) error {
		c, err := st.connect()
		if err != nil {
			return err
		}
		defer c.conn.Close()
		for done := 0; done < rounds; {
			ok, err := c.addOne("sum")
			if err != nil {
				return err
			}
			if ok {
				done++
			} else {
				conflicts.Add(1)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	st.dial().want(t, strconv.Itoa(clients*rounds), "GET", "sum")
	if conflicts.Load() == 0 {
		t.Error("got no conflict; want some among 50 clients")
	}
	noLoans(t, st)
}

// addOne is one round of a compare-and-set loop; false: somebody else was faster.
func (c *client) addOne(key string) (ok bool, err error) {
	if reply, err := c.do("WATCH", key); err != nil || reply != "OK" {
		return false, fmt.Errorf("WATCH: %q, %w", reply, err)
	}
	reply, err := c.do("GET", key)
	if err != nil {
		return false, err
	}
	n, _ := strconv.Atoi(reply) // "(nil)" counts as 0
	reply, err = c.transact(fmt.Sprintf("SET %s %d", key, n+1))
	if err == nil && reply != null && reply != "*1\r\n+OK\r\n" {
		err = fmt.Errorf("EXEC: %q", reply)
	}
	return err == nil && reply != null, err
}

// TestServerDiesDuringExec: with and without a WATCH the client is told that nobody knows.
func TestServerDiesDuringExec(t *testing.T) {
	for _, watched := range []bool{false, true} {
		servers := startServers(t, 1)
		st := play(t, scene{groups: alone(servers...)})
		c := st.dial()
		c.want(t, "OK", "SET", "k", "v")
		if watched {
			c.want(t, "OK", "WATCH", "k")
		}
		answered := make(chan string, 1)
		go func() {
			reply, err := c.transact("EVAL while(true)do\tend 1 k")
			answered <- fmt.Sprint(reply, err)
		}()
		eventually(t, "the server is busy", func() bool {
			_, err := rig.Call(servers[0].Addr, 50*time.Millisecond, "GET", "k")
			return err != nil
		})
		servers[0].Kill()
		reply := strings.TrimSuffix(<-answered, "\r\n<nil>")
		if !mayHaveRun(reply) {
			t.Errorf("watched %v: got %q; want that it may have been executed", watched, reply)
		}
		noLoans(t, st)
	}
}

// TestServerDiesBeforeExec: nobody knows what was written meanwhile, so EXEC fails as if
// something had been.
func TestServerDiesBeforeExec(t *testing.T) {
	servers := startServers(t, 1)
	sc := scene{groups: alone(servers...)}
	sc.options.HoldTimeout = 10 * time.Second
	st := play(t, sc)
	c := st.dial()
	c.want(t, "OK", "WATCH", "k")
	c.want(t, "OK", "MULTI")
	c.want(t, "QUEUED", "SET", "k", "v")
	servers[0].Kill()
	noLoans(t, st)
	c.want(t, null[:3]+"\r\n", "EXEC")
	if err := servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want(t, "(nil)", "GET", "k")
	if reply, err := c.transact("SET k v"); err != nil || reply != "*1\r\n+OK\r\n" {
		t.Errorf("got %q, %v; want the next transaction executed", reply, err)
	}
}

// TestHoldBridgesTransactions: a demotion costs no transaction, and none runs twice.
func TestHoldBridgesTransactions(t *testing.T) {
	servers := startServers(t, 1)
	sc := scene{groups: alone(servers...)}
	sc.options = loop.PoolOptions{HoldTimeout: 10 * time.Second, Timeout: 5 * time.Second}
	st := play(t, sc)
	const clients, rounds = 8, 150
	worked := make(chan error, 1)
	var done atomic.Int64
	go func() {
		worked <- together(clients, func(int) error {
			c, err := st.connect()
			if err != nil {
				return err
			}
			defer c.conn.Close()
			for range rounds {
				reply, err := c.transact("INCR n", "INCR m")
				if err != nil || !strings.HasPrefix(reply, "*2\r\n:") {
					return fmt.Errorf("got %q, %w", reply, err)
				}
				done.Add(1)
			}
			return nil
		})
	}()
	for range 4 {
		before := done.Load()
		eventually(t, "transactions run", func() bool { return done.Load() > before+2*clients })
		held := st.counters().Held
		demote(t, servers[0].Addr)
		eventually(t, "one is held", func() bool { return st.counters().Held > held })
		promote(t, servers[0].Addr)
	}
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	c := st.dial()
	c.want(t, strconv.Itoa(clients*rounds), "GET", "n")
	c.want(t, strconv.Itoa(clients*rounds), "GET", "m")
}

func TestTransactionsOfAShardedPool(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 3)...)})
	c := st.dial()
	a, b := st.keyOf(0, "a"), st.keyOf(2, "b")
	c.want(t, "OK", "MULTI")
	c.want(t, "QUEUED", "SET", a, "1")
	c.want(t, "-CROSSSLOT Keys in request don't hash to the same slot", "SET", b, "1")
	c.want(t, "-EXECABORT Transaction discarded because of previous errors.", "EXEC")
	c.want(t, "(nil)", "GET", a)
	for _, key := range []string{a, b} {
		if reply, err := c.transact("SET "+key+" 1", "INCR "+key); err != nil || reply != "*2\r\n+OK\r\n:2\r\n" {
			t.Errorf("got %q, %v; want each group's transaction executed", reply, err)
		}
	}
	c.want(t, "OK", "WATCH", a)
	c.want(t, "-CROSSSLOT Keys in request don't hash to the same slot", "WATCH", b)
	c.want(t, "OK", "SET", b, "5")
	c.want(t, "OK", "SET", a, "5")
	if reply, err := c.transact("SET " + a + " 6"); err != nil || reply != null {
		t.Errorf("got %q, %v; want a conflict with the client's own write", reply, err)
	}
	noLoans(t, st)
}

// TestTransactionsHaveTheirScripts: a script that the server has lost since is there again.
func TestTransactionsHaveTheirScripts(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...)})
	c := st.dial()
	digest := c.must(t, "SCRIPT", "LOAD", "return redis.call('incr', KEYS[1])")
	for i, watch := range []bool{false, true} {
		if _, err := rig.Call(servers[0].Addr, patience, "SCRIPT", "FLUSH"); err != nil {
			t.Fatal(err)
		}
		if watch {
			c.want(t, "OK", "WATCH", "n")
		}
		want := fmt.Sprintf("*2\r\n:%d\r\n:%d\r\n", 2*i+1, 2*i+2)
		if reply, err := c.transact("EVALSHA "+digest+" 1 n", "EVALSHA "+digest+" 1 n"); err != nil || reply != want {
			t.Errorf("watched %v: got %q, %v; want %q", watch, reply, err, want)
		}
	}
	c.want(t, "4", "GET", "n")
	noLoans(t, st)
}

// TestClientsVanishInTransactions: clients go away at every point, over and over, while
// another works; nothing is lent for ever and nobody gets their replies.
func TestClientsVanishInTransactions(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)...)})
	steps := []string{"WATCH k", "GET k", "MULTI", "INCR k", "EXEC", "INCR k"}
	err := together(6, func(i int) error {
		for round := range 40 {
			c, err := st.connect()
			if err != nil {
				return err
			}
			var all []byte
			for _, step := range steps[i%2 : 1+(round+i)%len(steps)] {
				all = rig.AppendCommand(all, strings.Fields(step)...)
			}
			if err := c.send(all); err != nil {
				return err
			}
			c.conn.Close()
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	c := st.dial()
	for i := range 100 {
		token := strconv.Itoa(i)
		c.want(t, token, "EVAL", "return ARGV[1]", "1", "k", token)
	}
	noLoans(t, st)
}
