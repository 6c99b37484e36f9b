package loop

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"huntaway/codec"
)

// lull ticks until the workers rest.
func (st *stage) lull() {
	st.t.Helper()
	for range 2 * lullsToRest {
		for _, w := range st.e.workers {
			w.tick()
		}
		st.run()
	}
	for _, w := range st.e.workers {
		if w.every() != tickRest {
			st.t.Fatalf("a worker without anything to do wants a tick every %v; want %v", w.every(), tickRest)
		}
	}
}

// TestRest: a worker rests when nothing happens, and any event ends that, tells the ticker and
// leaves no tick out that something waits for.
func TestRest(t *testing.T) {
	for what, happens := range map[string]func(*stage, *memClient){
		"a client comes":         func(st *stage, _ *memClient) { st.client(0, 0) },
		"a client asks us":       func(_ *stage, c *memClient) { c.say("PING") },
		"a client asks a server": func(_ *stage, c *memClient) { c.say("GET", "k") },
		"a client goes":          func(_ *stage, c *memClient) { c.Close() },
		"somebody posts":         func(st *stage, _ *memClient) { st.e.postAll(func(*worker) {}); st.run() },
	} {
		st := newTestWorker(t, PoolOptions{})
		c := st.client(0, 0)
		st.linkTo(0, 0, 0)
		st.run()
		select {
		case <-st.e.stirred: // of what came before
		default:
		}
		st.lull()
		w := st.e.workers[0]
		ck := clock{w: w, post: func() { t.Errorf("%s: got a tick at once; want none", what) }, last: 0, rested: true}
		happens(st, c)
		select {
		case <-st.e.stirred:
		default:
			t.Errorf("%s: the ticker was not told", what)
		}
		if wait := ck.strike(int64(tickRest)); wait > int64(tickQuiet) || wait < int64(tickBusy) {
			t.Errorf("%s: got the next tick in %v; want it in %v or %v", what, time.Duration(wait), tickBusy, tickQuiet)
		}
		if w.tick(); w.rests.late {
			t.Errorf("%s: the first tick is taken for a late one", what)
		}
		if w.every() == tickRest {
			t.Errorf("%s: the worker rests again at once", what)
		}
	}
}

// TestNoRest: what becomes due by itself keeps a worker awake.
func TestNoRest(t *testing.T) {
	for what, pending := range map[string]func(*stage, *memClient){
		"a request in flight": func(_ *stage, c *memClient) { c.say("GET", "k") },
		"a blocked client":    func(_ *stage, c *memClient) { c.say("BLPOP", "k", "1") },
		"a pause":             func(_ *stage, c *memClient) { c.say("CLIENT", "PAUSE", "1000000") },
		"a server avoided":    func(st *stage, _ *memClient) { st.e.workers[0].pools[0].link(0, 0).health.avoided = 1 << 62 },
		"who waits to authenticate": func(st *stage, c *memClient) {
			c.s.auth.turn = 1 << 62
			pw := st.e.workers[0].pools[0]
			pw.turns = append(pw.turns, waiter{c.s.index, c.s.gen})
		},
		"many sessions": func(st *stage, _ *memClient) {
			for range fewSessions {
				st.client(0, 0)
			}
		},
		"a server that is gone": func(st *stage, _ *memClient) { st.e.workers[0].pools[0].link(0, 0).conn.Close() },
	} {
		st := newTestWorker(t, PoolOptions{})
		c := st.client(0, 0)
		st.linkTo(0, 0, 0)
		st.run()
		pending(st, c)
		for range 2 * lullsToRest {
			st.e.workers[0].tick()
			st.run()
		}
		if got := st.e.workers[0].every(); got == tickRest {
			t.Errorf("%s: the worker rests", what)
		}
	}
}

// TestRestKeepsDeadlines: at rest every session is looked at with each tick.
func TestRestKeepsDeadlines(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Password: "secret"})
	var all []*memClient
	for range fewSessions {
		all = append(all, st.client(0, 0))
	}
	st.lull()
	for _, c := range all {
		c.s.auth.since -= int64(DefaultLimits.AuthTime) + 1
	}
	st.e.workers[0].tick()
	for i, c := range all {
		if !c.closed {
			t.Fatalf("client %d is open after its time; want it closed by the next tick", i)
		}
	}
}

// TestIdleEngineRests: a real engine without clients makes few events, and serves at once when
// one comes.
func TestIdleEngineRests(t *testing.T) {
	e, err := New(Options{Workers: 4, MaxClients: 10, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddPool(PoolOptions{Name: "alpha", Commands: codec.Default(), Table: twoGroups(t)}); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Stop() })
	deadline := time.Now().Add(time.Minute)
	for _, w := range e.workers {
		for w.every() != tickRest {
			if time.Now().After(deadline) {
				t.Fatal("a worker without clients does not rest")
			}
			<-time.After(tickBusy)
		}
	}
	if !e.Alive() {
		t.Error("an engine at rest counts as stuck")
	}
	if _, err := e.Snapshot(context.Background()); err != nil {
		t.Errorf("asked at rest: %v", err)
	}
}
