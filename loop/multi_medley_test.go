package loop

import (
	"slices"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// TestMedley: what the server executes and what is answered here come back in order, and the
// link, which others share, is left as it was.
func TestMedley(t *testing.T) {
	st := newTestWorker(t, PoolOptions{DB: 3})
	link := st.linkTo(0, 0, 0)
	c, other := st.client(0, 0), st.client(0, 0)
	got(t, "queued", c.ask(frames("MULTI;CLIENT SETNAME bob;SET a 1;SELECT 2;SET a 2;CLIENT GETNAME;EXEC;GET a")),
		"+OK\r\n"+strings.Repeat("+QUEUED\r\n", 5))
	got(t, "to the server", link.take(), frames("MULTI;SET a 1;SELECT 5;SET a 2;SELECT 3;EXEC"))
	other.ask(frames("GET b"))
	got(t, "of another", link.take(), frames("GET b"))
	for _, b := range "+OK\r\n" + strings.Repeat("+QUEUED\r\n", 4) + "*4\r\n:1\r\n+OK\r\n:2\r\n+OK\r\n" {
		link.arrive(string(b))
	}
	st.run()
	got(t, "EXEC", c.take(), "*5\r\n+OK\r\n:1\r\n+OK\r\n:2\r\n$3\r\nbob\r\n")
	got(t, "what came behind it goes elsewhere", link.take(), "")
	link.arrive("$1\r\nx\r\n")
	got(t, "the other client", other.take(), "$1\r\nx\r\n")
	if n := c.s.proto.linkSet.db; n != 2 {
		t.Errorf("got database %d after EXEC; want 2", n)
	}
}

// TestMedleyThatFails: nothing of it has happened when EXEC is refused, aborted or lost.
func TestMedleyThatFails(t *testing.T) {
	for what, end := range map[string]func(*memConn){
		"aborted": func(link *memConn) { link.arrive(queued2 + "+QUEUED\r\n-EXECABORT no\r\n") },
		"lost":    func(link *memConn) { link.Close() },
	} {
		st := newTestWorker(t, PoolOptions{})
		link := st.linkTo(0, 0, 0)
		c := st.client(0, 0)
		c.ask(frames("MULTI;CLIENT SETNAME bob;SELECT 1;INCR a;EXEC"))
		end(link)
		st.run()
		if said := c.take(); said == "" || said[0] != '-' {
			t.Errorf("%s: got %q; want an error", what, said)
		}
		got(t, what+": afterwards", c.say("CLIENT", "GETNAME"), "$-1\r\n")
		if c.s.proto.linkSet.db != 0 || c.s.mode != 0 || c.s.medley != nil {
			t.Errorf("%s: got database %d, mode %b; want the ones before", what, c.s.proto.linkSet.db, c.s.mode)
		}
	}
}

// TestMedleyWithoutServer: where nothing is a server's business none is asked.
func TestMedleyWithoutServer(t *testing.T) {
	st := newStage(t, 3, PoolOptions{})
	c := st.client(0, 1)
	said := c.ask(frames("ECHO x;MULTI;CLIENT LIST ID 99;CLIENT SETNAME a;CLIENT GETNAME;INFO cluster;CLIENT SETNAME b c;EXEC;ECHO y"))
	got(t, "said", said, "$1\r\nx\r\n+OK\r\n"+strings.Repeat("+QUEUED\r\n", 4)+"-ERR wrong number of arguments for 'client|setname' command\r\n"+execAbort+"$1\r\ny\r\n")
	said = c.ask(frames("MULTI;CLIENT LIST ID 99;CLIENT SETNAME a;CLIENT GETNAME;INFO cluster;EXEC;ECHO y"))
	got(t, "said", said, "+OK\r\n"+strings.Repeat("+QUEUED\r\n", 4)+
		"*4\r\n$0\r\n\r\n+OK\r\n$1\r\na\r\n$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n$1\r\ny\r\n")
	p := &st.e.workers[1].pools[0].counters
	if p.Requests != p.Replies {
		t.Errorf("got %d requests, %d replies; want as many", p.Requests, p.Replies)
	}
}

// TestMedleyBehindOthers: its reply comes when its turn does, and large ones are put together too.
func TestMedleyBehindOthers(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	big := string(codec.AppendBulk(nil, strings.Repeat("v", 300<<10)))
	got(t, "before", c.ask(frames("GET a;MULTI;GET b;CLIENT GETNAME;EXEC")), "")
	link.arrive(big[:100_000])
	link.arrive(big[100_000:])
	link.arrive(queued1 + "*1\r\n" + big[:200_000])
	st.run()
	link.arrive(big[200_000:])
	st.run()
	if want := big + queued2 + "*2\r\n" + big + "$-1\r\n"; c.take() != want {
		t.Error("got something else than both replies in order")
	}
	if c.s.output.parkedLive != 0 || c.s.window.Len() != 0 {
		t.Errorf("got %d bytes parked, %d requests open; want none", c.s.output.parkedLive, c.s.window.Len())
	}
}

// TestMedleyInSilence: what is not to be heard is not, and happens.
func TestMedleyInSilence(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.ask(frames("CLIENT REPLY OFF;MULTI;CLIENT SETNAME bob;INCR a;EXEC"))
	link.arrive(queued1 + "*1\r\n:1\r\n")
	st.run()
	got(t, "said", c.ask(frames("CLIENT REPLY ON;CLIENT GETNAME")), "+OK\r\n$3\r\nbob\r\n")
}

// TestMedleyOfMany takes turns with others: each event answers a few.
func TestMedleyOfMany(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c, victim := st.client(0, 0), st.client(0, 0)
	const n = 10 * mostPlayed
	c.arrive(frames("MULTI" + strings.Repeat(";CLIENT ID", n) + ";EXEC"))
	c.take()
	events := 0
	for ; len(st.tasks) > 0; events++ {
		task := st.tasks[0]
		st.tasks = st.tasks[1:]
		task()
		victim.arrive(frames("PING"))
		got(t, "the victim", victim.take(), "+PONG\r\n")
	}
	if said := c.take(); strings.Count(said, ":") != n {
		t.Errorf("got %d answers; want %d", strings.Count(said, ":"), n)
	}
	if events < n/mostPlayed {
		t.Errorf("got %d events; want %d at least", events, n/mostPlayed)
	}
}

// TestMedleyOfNobody: the client goes while its requests are being answered.
func TestMedleyOfNobody(t *testing.T) {
	st := newStage(t, 2, PoolOptions{})
	c := st.client(0, 0)
	c.arrive(frames("MULTI;CLIENT LIST;CLIENT ID;EXEC"))
	c.Close()
	next := st.client(0, 0)
	got(t, "the next one", next.ask(frames("MULTI;CLIENT GETNAME;EXEC")), queued1+"*1\r\n$-1\r\n")
	c = st.client(0, 0)
	c.arrive(frames("MULTI;CLIENT ID;CLIENT LIST;CLIENT ID;EXEC"))
	for range 2 {
		st.tasks[0]()
		st.tasks = st.tasks[1:]
	}
	c.Close()
	st.run()
}

// TestOwnAnswersAreBounded: a transaction has no more requests that the proxy answers than that allows, and as many
// others as its bytes allow. What is wrong is said at once, and EXEC is refused.
func TestOwnAnswersAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		ask     string
		refused bool
	}{
		"others":   {"MULTI;" + strings.Repeat("GET a;", mostOwn) + "CLIENT ID", false},
		"none":     {"MULTI;" + strings.Repeat("CLIENT ID;", mostOwn-1) + "CLIENT ID", false},
		"one more": {"MULTI;" + strings.Repeat("CLIENT ID;", mostOwn) + "CLIENT ID", true},
	} {
		st := newTestWorker(t, PoolOptions{})
		st.linkTo(0, 0, 0)
		c := st.client(0, 0)
		said := c.ask(frames(tc.ask))
		want := "+QUEUED\r\n"
		if tc.refused {
			want = "-" + textOwn + "\r\n"
		}
		if !strings.HasSuffix(said, "\r\n"+want) {
			t.Errorf("%s: got %q; want %q", name, said[len(said)-60:], want)
		}
		if got := c.say("EXEC"); tc.refused && got != "-"+textAborted+"\r\n" {
			t.Errorf("%s: EXEC got %q; want it refused", name, got)
		}
	}
}

// TestLargeTransactionsAreReadInPieces: where the reply to EXEC has to be looked through, for what the proxy answers
// itself, for the counts of PUBLISH or for scripts, no event copies much of it, or looks at very many elements, and
// another client is served between any two. The reply is the one that a small transaction gets, however it arrives.
func TestLargeTransactionsAreReadInPieces(t *testing.T) {
	large := strings.Repeat("v", 6*memory.LeastRegion)
	bulk := string(codec.AppendBulk(nil, large))
	nested := "*2\r\n*40000\r\n" + strings.Repeat(":1\r\n", 40000) + "$1\r\nx\r\n"
	repeat := func(n int, ask string) string { return strings.Repeat(ask+";", n) }
	for name, tc := range map[string]struct {
		ask         string // between MULTI and EXEC
		n           int    // of what the server is asked
		reply, want string // of it, and to the client, without their headers
	}{
		"own answers among large ones": {"CLIENT GETNAME;GET k;CLIENT GETNAME;GET k;CLIENT GETNAME", 2, bulk + bulk, "$-1\r\n" + bulk + "$-1\r\n" + bulk + "$-1\r\n"},
		"beside a deep one":            {"CLIENT GETNAME;LRANGE k 0 -1;CLIENT GETNAME", 1, nested, "$-1\r\n" + nested + "$-1\r\n"},
		"beside very many":             {repeat(30000, "INCR k") + "CLIENT GETNAME", 30000, strings.Repeat(":7\r\n", 30000), strings.Repeat(":7\r\n", 30000) + "$-1\r\n"},
		"counts":                       {"PUBLISH c x;GET k;PUBLISH c y;PUBLISH d z", 4, ":1\r\n" + bulk + ":1\r\n:0\r\n", ":2\r\n" + bulk + ":2\r\n:0\r\n"},
		"very many counts":             {repeat(30000, "PUBLISH c x"), 30000, strings.Repeat(":1\r\n", 30000), strings.Repeat(":2\r\n", 30000)},
		"counts and own answers":       {"CLIENT GETNAME;PUBLISH c x;GET k;PUBLISH c y", 3, ":1\r\n" + bulk + ":1\r\n", "$-1\r\n:2\r\n" + bulk + ":2\r\n"},
		"scripts":                      {repeat(20000, "EVAL x 1 k") + "EVAL y 1 k", 20001, strings.Repeat(":5\r\n", 20001), strings.Repeat(":5\r\n", 20001)},
	} {
		t.Run(name, func(t *testing.T) {
			st, _, feed := crowdOf(t, 1, 2, 2, "SUBSCRIBE", "c")
			feed.take()
			link := st.linkTo(0, 0, 0)
			c, other := st.client(0, 0), st.client(0, 0)
			asked := strings.TrimSuffix(tc.ask, ";")
			c.ask(frames("MULTI;" + asked + ";EXEC"))
			c.take()
			link.take()
			said := "+OK\r\n" + strings.Repeat("+QUEUED\r\n", tc.n) + "*" + decimal(tc.n) + "\r\n" + tc.reply
			most, events := 0, 0
			event := func(f func()) {
				before := st.collected() + len(c.said)
				f()
				most = max(most, st.collected()+len(c.said)-before)
				if got := other.ask1(t, "PING\r\n"); got != "+PONG\r\n" {
					t.Fatalf("the other client got %q; want a PONG between two events", got)
				}
				events++
			}
			for in := range slices.Chunk([]byte(said), netio.ReadBuffer) {
				event(func() { link.owner.Arrived(in) })
			}
			for len(st.tasks) > 0 {
				event(st.step)
			}
			st.run()
			want := "*" + decimal(strings.Count(asked, ";")+1) + "\r\n" + tc.want
			got := c.take()
			if len(c.s.output.early)+c.s.output.earlyLive+c.s.output.parkedLive != 0 || c.s.medley != nil {
				t.Errorf("something is kept: %d early, %d bytes parked", len(c.s.output.early), c.s.output.parkedLive)
			}
			if got != want {
				t.Errorf("got %d bytes, %.60q; want %d, %.60q", len(got), got, len(want), want)
			}
			if limit := 2*mostGiven + memory.LeastRegion + 2*netio.ReadBuffer; most > limit {
				t.Errorf("got %d bytes copied or written in one event; want at most %d", most, limit)
			}
			if n := regionsOf(st.e.workers[0]); n != 0 {
				t.Errorf("got %d regions in use; want none", n)
			}
		})
	}
}

// TestAbortedPublish: the reply to an EXEC with a PUBLISH comes whole where it has no counts, because what was watched has
// changed or the server has executed nothing.
func TestAbortedPublish(t *testing.T) {
	for _, reply := range []string{"*-1\r\n", "*0\r\n", "_\r\n"} {
		st, _, feed := crowdOf(t, 1, 2, 2, "SUBSCRIBE", "c")
		feed.take()
		link := st.linkTo(0, 0, 0)
		c := st.client(0, 0)
		if reply[0] == '_' {
			link = c.resp3()
		}
		c.ask(frames("MULTI;PUBLISH c x;EXEC"))
		link.arrive("+OK\r\n+QUEUED\r\n" + reply)
		st.run()
		if got := c.take(); !strings.HasSuffix(got, reply) || got == "" {
			t.Errorf("got %q; want %q", got, reply)
		}
	}
}
