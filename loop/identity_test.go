package loop

import (
	"strconv"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// exchanges counts what a Reporter hears of other processes, and of links.
type exchanges struct {
	deaf
	exchanged, up, failed int
}

func (x *exchanges) Exchanged(string, int32)         { x.exchanged++ }
func (x *exchanges) LinkUp(string, int32)            { x.up++ }
func (x *exchanges) LinkFailed(string, int32, error) { x.failed++ }

// pairTable is that of a master and a replica.
func pairTable(t testing.TB) *shard.Table {
	return testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:6379", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:6380", Role: shard.Replica, Weight: 1}}})
}

// saysItIs is the answer to INFO server of a process.
func saysItIs(runID string) string {
	text := "# Server\r\nredis_version:7.0.15\r\nrun_id:" + runID + "\r\ntcp_port:6379\r\n"
	return "$" + strconv.Itoa(len(text)) + "\r\n" + text + "\r\n"
}

// TestStrangerGetsNothing: where another process answers a new link than the one that the table names it
// gets no request before a table names it, and the monitor is told.
func TestStrangerGetsNothing(t *testing.T) {
	table := pairTable(t)
	h := shake(t, PoolOptions{Table: table.WithProcess(0, "a"), HoldTimeout: time.Minute})
	heard := &exchanges{}
	h.e.report = heard
	hello := frames("INFO server") + frames("PING")
	got(t, "the greeting", h.m.take(), hello)
	got(t, "what waits", h.c.say("GET", "k"), "")
	h.m.arrive(saysItIs("b"))
	h.run()
	if got(t, "to a stranger", h.m.take(), ""); !h.m.closed || h.l.state != linkCooling {
		t.Fatalf("closed: %t, state %v; want a stranger hung up on", h.m.closed, h.l.state)
	}
	if heard.exchanged != 1 || heard.up != 0 || heard.failed != 0 {
		t.Errorf("heard %+v; want one exchange, and nothing else", *heard)
	}
	got(t, "the client", h.c.take(), "")

	h.e.pools[0].Publish(table.WithProcess(0, "b"))
	h.run()
	if h.l.state != linkDialing {
		t.Fatalf("state %v; want it dialed as soon as the table names the process", h.l.state)
	}
	h.dialed()
	got(t, "the second greeting", h.m.take(), hello)
	h.m.arrive(saysItIs("b") + "+PONG\r\n")
	h.turns()
	got(t, "to who is named", h.m.take(), frames("GET k"))
	h.m.arrive("$1\r\nv\r\n")
	h.run()
	got(t, "the client at last", h.c.take(), "$1\r\nv\r\n")
}

// TestUntoldProcess: who does not tell which process he is, or is only asked in a moment at which nobody
// is named any more, is taken; who is too busy to tell is asked again.
func TestUntoldProcess(t *testing.T) {
	table := pairTable(t)
	for what, says := range map[string]string{
		"no right": "-NOPERM this user has no permissions to run the 'info' command\r\n", "no run_id": "$10\r\n# Server\r\n\r\n",
	} {
		h := shake(t, PoolOptions{Table: table.WithProcess(0, "a")})
		h.m.take()
		h.m.arrive(says + "+PONG\r\n")
		if h.run(); h.l.state != linkReady {
			t.Errorf("%s: state %v; want it ready", what, h.l.state)
		}
	}
	h := shake(t, PoolOptions{Table: table.WithProcess(0, "a")})
	h.e.pools[0].Publish(table)
	h.run()
	h.m.take()
	h.m.arrive(saysItIs("b") + "+PONG\r\n")
	if h.run(); h.l.state != linkReady {
		t.Errorf("nobody is named: state %v; want it ready", h.l.state)
	}
	h = shake(t, PoolOptions{Table: table.WithProcess(0, "a")})
	h.m.take()
	h.m.arrive("-BUSY Redis is busy running a script\r\n-BUSY Redis is busy running a script\r\n")
	if h.run(); h.l.state != linkGreeting {
		t.Errorf("busy: state %v; want it asked again", h.l.state)
	}
}

// TestProcessIsReplaced: a link to a process that the table does not name any more, as another one answers
// at that address now, goes over to that when it owes nothing; a table that names the same leaves it.
func TestProcessIsReplaced(t *testing.T) {
	table := pairTable(t)
	h := shake(t, PoolOptions{Table: table.WithProcess(0, "a")})
	h.m.take()
	h.m.arrive(saysItIs("a") + "+PONG\r\n")
	h.c.ask(string(codec.AppendCommand(nil, "GET", "k")))
	h.run()
	got(t, "to the first", h.m.take(), frames("GET k"))
	h.e.pools[0].Publish(table.WithProcess(0, "a").WithHold(0).WithoutHold(0))
	h.run()
	if h.m.closed || h.l.shake.moved {
		t.Fatal("the link is renewed although its process is named; want it left")
	}
	h.e.pools[0].Publish(table.WithProcess(0, "b"))
	h.run()
	h.c.ask(string(codec.AppendCommand(nil, "GET", "l")))
	h.run()
	if got(t, "behind the change", h.m.take(), ""); h.m.closed {
		t.Fatal("closed while a reply is owed; want it awaited")
	}
	h.m.arrive("$1\r\nv\r\n")
	h.run()
	if got(t, "the first reply", h.c.take(), "$1\r\nv\r\n"); !h.m.closed || h.l.state != linkDialing {
		t.Fatalf("closed: %t, state %v; want a new connection", h.m.closed, h.l.state)
	}
}

// TestStrangerGetsNothingByWhateverLink: what is lent to a session and what is published to are links like any other.
func TestStrangerGetsNothingByWhateverLink(t *testing.T) {
	for _, ask := range []string{"BLPOP l 0", "WATCH k", "SUBSCRIBE c"} {
		table := pairTable(t)
		st := newTestWorker(t, PoolOptions{Table: table.WithProcess(0, "a"), HoldTimeout: time.Minute})
		heard := &exchanges{}
		st.e.report = heard
		cl := st.client(0, 0)
		cl.ask(frames(ask))
		st.run()
		links := st.e.workers[0].pools[0].private.links
		if len(links) != 1 {
			t.Fatalf("%s: got %d private links; want one", ask, len(links))
		}
		c := &call{l: links[0]}
		m := st.server(c, links[0].server.Addr)
		c.Opened(m)
		st.run()
		got(t, ask+": the greeting", m.take(), frames("INFO server")+frames("PING"))
		m.arrive(saysItIs("b"))
		st.run()
		if got(t, ask+": to a stranger", m.take(), ""); !m.closed || heard.exchanged != 1 {
			t.Errorf("%s: closed: %t, %+v; want it hung up on, and that told", ask, m.closed, *heard)
		}
	}
}
