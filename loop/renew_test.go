package loop

import (
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/perf"
)

// TestRedial: a link whose server has moved sends nothing more on its old connection, closes
// that when all is answered, and sends what waited on the new one.
func TestRedial(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	l := st.e.workers[0].pools[0].link(0, 0)
	old, c := st.linkTo(0, 0, 0), st.client(0, 0)
	set := func(value string) string { return string(codec.AppendCommand(nil, "SET", "k", value)) }
	c.ask(set("1"))
	got(t, "the first request", old.take(), set("1"))
	st.e.Redial(l.server.Addr)
	st.run()
	c.ask(set("2"))
	got(t, "behind the change", old.take(), "")
	if old.closed {
		t.Fatal("closed while a reply is owed; want it awaited")
	}
	old.arrive("+OK\r\n")
	st.run()
	got(t, "the first reply", c.take(), "+OK\r\n")
	if !old.closed || l.state != linkDialing {
		t.Fatalf("closed: %t, state %v; want the old connection closed and a new one dialed", old.closed, l.state)
	}
	next := st.reconnect(l)
	st.run()
	got(t, "on the new connection", next.take(), set("2"))
	next.arrive("+OK\r\n")
	got(t, "the second reply", c.take(), "+OK\r\n")

	st.e.Redial("elsewhere:1")
	st.run()
	if next.closed {
		t.Error("closed because another server has moved")
	}
	st.e.Redial(l.server.Addr)
	st.run()
	if !next.closed || l.state != linkDialing {
		t.Errorf("idle: closed: %t, state %v; want it dialed anew at once", next.closed, l.state)
	}
}

// TestDrainServesWhatCame: a session with half a request, or with an open transaction, is served
// on while the process drains; it closes behind the reply that leaves nothing owed.
func TestDrainServesWhatCame(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server, c, tx, idle := st.linkTo(0, 0, 0), st.client(0, 0), st.client(0, 0), st.client(0, 0)
	got(t, "before", idle.say("PING"), "+PONG\r\n")
	got(t, "the transaction begins", tx.say("MULTI"), "+OK\r\n")
	c.ask("*2\r\n$3\r\nGET\r\n$1\r\n")
	w := st.e.workers[0]
	w.begin()
	w.drain(0)
	w.end()
	if !idle.closed || c.closed || tx.closed {
		t.Fatalf("closed: idle %t, half a request %t, transaction %t; want the idle one only", idle.closed, c.closed, tx.closed)
	}
	c.ask("k\r\n")
	got(t, "the rest", server.take(), string(codec.AppendCommand(nil, "GET", "k")))
	server.arrive("$1\r\nv\r\n")
	st.run()
	got(t, "the last reply", c.take(), "$1\r\nv\r\n")
	got(t, "the transaction ends", tx.say("DISCARD"), "+OK\r\n")
	if !c.closed || !tx.closed {
		t.Errorf("closed: %t, %t; want both, nothing is owed", c.closed, tx.closed)
	}
}

// beSilent has clients of the first event loop send nothing for so long.
func beSilent(st *stage, d time.Duration) {
	w := st.e.workers[0]
	w.begin()
	w.end()
	for _, s := range w.registry.sessions {
		if s != nil {
			s.account.active, s.client.since = s.account.active-int64(d), s.client.since-int64(d)
		}
	}
	w.tick()
	st.run()
}

// TestDrainWaitsForNothingNotOwed: who is silent in a transaction, or with half a request, is owed nothing, and ends
// long before the drain's time is over; a reply that is under way is awaited.
func TestDrainWaitsForNothingNotOwed(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server := st.linkTo(0, 0, 0)
	half, tx, watches, waits := st.client(0, 0), st.client(0, 0), st.client(0, 0), st.client(0, 0)
	got(t, "the transaction begins", tx.say("MULTI"), "+OK\r\n")
	got(t, "it goes on", tx.say("SET", "k", "v"), "+QUEUED\r\n")
	got(t, "another one", watches.say("MULTI"), "+OK\r\n")
	half.ask("*2\r\n$3\r\nGET\r\n$1\r\n")
	waits.ask(frames("GET k") + "*2\r\n$3\r\nGET\r\n$1\r\n")
	server.take()
	w := st.e.workers[0]
	w.begin()
	w.drain(perf.Now() + int64(29*time.Second))
	w.end()
	beSilent(st, halfTime)
	if !half.closed || !tx.closed || !watches.closed {
		t.Errorf("closed: half a request %t, transactions %t, %t; want all, nothing is owed", half.closed, tx.closed, watches.closed)
	}
	if waits.closed {
		t.Fatal("who is owed a reply was closed before it came")
	}
	server.arrive("$1\r\nv\r\n")
	st.run()
	got(t, "the reply that was owed", waits.take(), "$1\r\nv\r\n")
	beSilent(st, halfTime)
	if !waits.closed {
		t.Error("open with half a request and nothing owed; want it closed")
	}
}
