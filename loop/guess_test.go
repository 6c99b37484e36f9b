package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/perf"
)

// from makes a client that comes from an address.
func (st *stage) from(worker int, addr string) *memClient {
	c := st.client(0, worker)
	c.remote = addr
	c.s.client.peer = addr
	return c
}

// pass lets time pass for who waits to authenticate, and ticks.
func (st *stage) pass(d time.Duration) {
	g := &st.e.pools[0].guesses
	g.mu.Lock()
	for _, x := range g.byHost {
		x.turn -= int64(d)
		x.since -= int64(d)
	}
	g.mu.Unlock()
	for _, w := range st.e.workers {
		w.begin()
		w.end()
		for _, s := range w.registry.sessions {
			if s != nil && s.auth.turn != 0 {
				s.auth.turn -= int64(d)
			}
		}
		w.tick()
	}
	st.run()
}

// guess gives n wrong passwords from an address, a connection for each, and returns how many
// were looked at and how many connections were closed unheard.
func (st *stage) guess(n int, addr string) (tried, closed int) {
	for i := range n {
		c := st.from(i%len(st.e.workers), addr)
		switch said := c.say("AUTH", "guess"); {
		case strings.HasPrefix(said, "-WRONGPASS"):
			tried++
		case c.closed:
			closed++
		}
	}
	return tried, closed
}

// TestGuessingIsSlow: of ten thousand wrong passwords from one address, over as many connections
// and all workers, few are looked at; whoever has the right one is let in at once from elsewhere,
// and in his turn from the same address.
func TestGuessingIsSlow(t *testing.T) {
	st := newStage(t, 2, PoolOptions{Password: "secret"})
	same := st.from(0, "10.0.0.1:7")
	first := perf.Now()
	if tried, _ := st.guess(freeGuesses, "10.0.0.1:1"); tried != freeGuesses {
		t.Errorf("the first %d: got %d looked at; want all", freeGuesses, tried)
	}
	if got := same.say("AUTH", "secret"); got != "" {
		t.Errorf("the right one from there: got %q; want it to wait for its turn", got)
	}
	begun := perf.Now()
	tried, closed := st.guess(10_000, "10.0.0.1:2")
	now := perf.Now()
	in := int((mostTurns + time.Duration(now-begun)) / guessEvery) // turns have come meanwhile
	forgotten := int(time.Duration(now-first) / guessForgets)      // and as many are free again
	if tried > forgotten || closed < 10_000-in-1-tried {
		t.Errorf("the next 10000 at once: got %d looked at, %d sent away; want at most %d, and all sent away but %d", tried, closed, forgotten, in)
	}
	if got := st.from(1, "10.0.0.2:1").say("AUTH", "secret"); got != "+OK\r\n" {
		t.Errorf("the right one from elsewhere meanwhile: got %q; want OK", got)
	}
	st.pass(guessEvery)
	if got := same.take(); got != "+OK\r\n" {
		t.Errorf("the right one from there, in its turn: got %q; want OK", got)
	}
	st.pass(mostTurns + guessEvery)
	if n := len(st.e.workers[0].pools[0].turns) + len(st.e.workers[1].pools[0].turns); n != 0 {
		t.Errorf("got %d that still wait; want none", n)
	}
	st.pass(time.Hour)
	if got := st.from(0, "10.0.0.1:9").say("HELLO", "2", "AUTH", "default", "secret"); !strings.HasPrefix(got, "*14") {
		t.Errorf("an hour later: got %q; want it forgotten", got)
	}
}

// TestGuessersCannotChooseWhoTheyAre: ports, the client's half of an IPv6 address and more
// addresses than are told apart make nobody another guesser.
func TestGuessersCannotChooseWhoTheyAre(t *testing.T) {
	for _, addrs := range [][]string{
		{"10.0.0.1:1", "10.0.0.1:2"},
		{"[2001:db8::1]:1", "[2001:db8::2:3:4]:1"},
		{"", "/run/client.sock"},
	} {
		st := newTestWorker(t, PoolOptions{Password: "secret"})
		tried := 0
		for i := range 10 * freeGuesses {
			n, _ := st.guess(1, addrs[i%len(addrs)])
			tried += n
		}
		if tried != freeGuesses {
			t.Errorf("%q: got %d looked at; want %d", addrs, tried, freeGuesses)
		}
	}
	st := newTestWorker(t, PoolOptions{Password: "secret"})
	g := &st.e.pools[0].guesses
	for i := range 3 * mostGuessers {
		g.wrong("10.0."+decimal(i/256)+"."+decimal(i%256), 1)
	}
	if len(g.byHost) > mostGuessers {
		t.Errorf("got %d addresses; want at most %d", len(g.byHost), mostGuessers)
	}
	if _, full := g.turn("192.0.2.1", 1); full || g.byHost[""].wrong < freeGuesses {
		t.Errorf("one more: got full %v and %d for the others; want it slowed down with them", full, g.byHost[""].wrong)
	}
}

// TestGuessesAreLogged: one line at once, and a count.
func TestGuessesAreLogged(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Password: "secret"})
	log := journalOf(t, st.e)
	st.guess(freeGuesses, "10.0.0.1:1")
	if lines := log.take(); len(lines) != 1 || !strings.Contains(lines[0], "wrong password") || !strings.Contains(lines[0], "10.0.0.1") {
		t.Errorf("got %q; want one line with the address", lines)
	}
}

// TestResetGivesNoTime: a client that never authenticates is closed when its time is over,
// whatever it says meanwhile; one that has authenticated has it again from RESET on.
func TestResetGivesNoTime(t *testing.T) {
	for _, says := range [][]string{{"RESET"}, {"RESET", "PING"}, {"HELLO 2"}, {"AUTH nope", "RESET"}, {"PING"}} {
		c := newTestWorker(t, PoolOptions{Password: "secret"}).client(0, 0)
		limit := DefaultLimits.AuthTime
		for range 3 {
			c.s.auth.since -= int64(limit)/2 + 1
			for _, line := range says {
				c.ask(line + "\r\n")
			}
			c.inspect()
		}
		if !c.closed {
			t.Errorf("%q: got it open after its time; want it closed", says)
		}
	}
	c := newTestWorker(t, PoolOptions{Password: "secret"}).client(0, 0)
	c.say("AUTH", "secret")
	c.s.auth.since -= int64(time.Hour)
	c.say("RESET")
	if c.inspect(); c.closed {
		t.Error("got it closed right after RESET; want it to have its time once more")
	}
}

// inspect looks at the session as the tick does now and then.
func (c *memClient) inspect() {
	c.s.w.begin()
	if c.s.conn != nil {
		c.s.inspect()
	}
	c.s.w.end()
	c.st.run()
}
