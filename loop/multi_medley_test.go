package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
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
	if n := c.s.family.db; n != 2 {
		t.Errorf("got database %d after EXEC; want 2", n)
	}
}

// TestMedleyThatFails: nothing of it has happened when EXEC is refused, aborted or lost.
func TestMedleyThatFails(t *testing.T) {
	for what, end := range map[string]func(*memWire){
		"aborted": func(link *memWire) { link.arrive(queued2 + "+QUEUED\r\n-EXECABORT no\r\n") },
		"lost":    func(link *memWire) { link.close() },
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
		if c.s.family.db != 0 || c.s.mode != 0 || c.s.medley != nil {
			t.Errorf("%s: got database %d, mode %b; want the ones before", what, c.s.family.db, c.s.mode)
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
	if c.s.parkedLive != 0 || c.s.window.len() != 0 {
		t.Errorf("got %d bytes parked, %d requests open; want none", c.s.parkedLive, c.s.window.len())
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
	c.close()
	next := st.client(0, 0)
	got(t, "the next one", next.ask(frames("MULTI;CLIENT GETNAME;EXEC")), queued1+"*1\r\n$-1\r\n")
	c = st.client(0, 0)
	c.arrive(frames("MULTI;CLIENT ID;CLIENT LIST;CLIENT ID;EXEC"))
	for range 2 {
		st.tasks[0]()
		st.tasks = st.tasks[1:]
	}
	c.close()
	st.run()
}

// TestTransactionsThatAreRetoldAreBounded: one of which requests or replies are looked through, in one event, has no
// more of them than that allows; one that is not has as many as its bytes allow. What is wrong is said at once, and EXEC
// is refused.
func TestTransactionsThatAreRetoldAreBounded(t *testing.T) {
	many := "MULTI;" + strings.Repeat("GET a;", mostRetold)
	for name, tc := range map[string]struct {
		ask     string
		refused bool
	}{
		"plain":                {many + "GET a", false},
		"large":                {"MULTI;SET a " + strings.Repeat("x", mostRetoldBytes) + ";GET a", false},
		"an own answer":        {many + "CLIENT ID", true},
		"a script by name":     {many + "EVALSHA " + strings.Repeat("a", 40) + " 1 a", true},
		"a script":             {many + "EVAL x 1 a", true},
		"a message":            {many + "PUBLISH a x", true},
		"with own answers":     {"MULTI;" + strings.Repeat("CLIENT ID;", mostRetold) + "CLIENT ID", true},
		"one more":             {"MULTI;CLIENT ID;" + strings.Repeat("GET a;", mostRetold-1) + "GET a", true},
		"none more":            {"MULTI;CLIENT ID;" + strings.Repeat("GET a;", mostRetold-2) + "GET a", false},
		"large, with a script": {"MULTI;SET a " + strings.Repeat("x", mostRetoldBytes) + ";EVAL x 1 a", true},
	} {
		st := newTestWorker(t, PoolOptions{})
		st.linkTo(0, 0, 0)
		c := st.client(0, 0)
		said := c.ask(frames(tc.ask))
		last := said[strings.LastIndex(strings.TrimSuffix(said, "\r\n"), "\r\n")+2:]
		want := "+QUEUED\r\n"
		if tc.refused {
			want = "-" + textRetold + "\r\n"
		}
		if last != want {
			t.Errorf("%s: got %q; want %q", name, last, want)
		}
		if got := c.say("EXEC"); tc.refused && got != "-"+textAborted+"\r\n" {
			t.Errorf("%s: EXEC got %q; want it refused", name, got)
		}
	}
}
