package loop

import (
	"strings"
	"testing"

	"huntaway/loop/netio"
	"huntaway/perf/invariant"
	"huntaway/shard"
)

// flood has a server say n MiB of what has no end, and returns how much a link has kept of it
// at most.
func flood(m *memConn, l *link, n int) (most int) {
	megabyte := strings.Repeat("$1015\r\n"+strings.Repeat("x", 1015)+"\r\n", 1<<10)
	for range n {
		if m.closed {
			break
		}
		m.arrive(megabyte)
		most = max(most, l.coming.partial.Len())
	}
	return most
}

const endless = "*123456789012345678\r\n"

// TestEndlessReplies: whatever a server says without an end, what is kept of it is bounded,
// and whoever asked for it is cut off alone, or the link where nobody did.
func TestEndlessReplies(t *testing.T) {
	limits := Limits{OutputBytes: 8 << 20}
	st := newTestWorker(t, PoolOptions{Limits: limits})
	l := st.e.workers[0].pools[0].link(0, 0)
	w := st.e.workers[0]
	w.begin()
	l.warm()
	w.end()
	m := &memConn{owner: &call{l: l}}
	m.owner.(*call).Opened(m)
	m.arrive(endless)
	if most := flood(m, l, 10); most > mostGreeting || !m.closed {
		t.Errorf("handshake: got %d bytes kept, closed %v; want at most %d, and an end", most, m.closed, mostGreeting)
	}

	st = newTestWorker(t, PoolOptions{Limits: limits})
	m, l = st.linkTo(0, 0, 0), st.e.workers[0].pools[0].link(0, 0)
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("MULTI")
	c.ask(command("INCR", "k") + command("EXEC"))
	other.say("GET", "k")
	m.arrive("+OK\r\n" + endless)
	if most := flood(m, l, 20); most > passOn {
		t.Errorf("queued: got %d bytes kept; want at most %d", most, passOn)
	}

	for what, ask := range map[string]func(c *memClient){
		"a part": func(c *memClient) { c.say("MGET", keyIn(t, c.s.pw.table, 0), keyIn(t, c.s.pw.table, 1)) },
		"not in turn": func(c *memClient) {
			c.ask(command("GET", keyIn(t, c.s.pw.table, 1)) + command("GET", keyIn(t, c.s.pw.table, 0)))
		},
	} {
		st = newTestWorker(t, PoolOptions{Limits: limits, Table: twoGroups(t)})
		m, l = st.linkTo(0, 0, 0), st.e.workers[0].pools[0].link(0, 0)
		st.linkTo(0, 0, 1)
		c, other = st.client(0, 0), st.client(0, 0)
		ask(c)
		other.say("GET", keyIn(t, c.s.pw.table, 1))
		m.arrive(endless)
		if most := flood(m, l, 20); most > 9<<20 || !c.closed || other.closed || m.closed {
			t.Errorf("%s: got %d bytes kept, client closed %v, other closed %v, link closed %v; want at most %d, true, false, false",
				what, most, c.closed, other.closed, m.closed, 9<<20)
		}
		if invariant.On {
			l.coming.flowed = mostForNobody - 64<<20 // a gigabyte takes the race detector minutes, on one goroutine
		}
		if flood(m, l, 1100); !m.closed {
			t.Errorf("%s: the link takes more than %d bytes for nobody; want it closed", what, mostForNobody)
		}
	}
}

// TestEndlessOfEveryKind: a reply of any kind that does not end is charged to who asked for it,
// who is closed alone when that is too much; what has no end there is given up at once.
func TestEndlessOfEveryKind(t *testing.T) {
	const most = 12 << 20
	for _, tc := range []struct {
		resp      uint8
		kind      string
		head, and string // and is said again and again
		garbled   bool
	}{
		{2, "simple string", "+", "aaaa", false},
		{2, "error", "-ERR ", "aaaa", false},
		{2, "number", ":", "1111", true},
		{2, "length of a bulk", "$", "1111", true},
		{2, "count of an array", "*", "1111", true},
		{2, "bulk", "$500000000\r\n", "aaaa", false},
		{2, "array", "*400000000\r\n", ":1\r\n", false},
		{2, "arrays in each other", "", "*1\r\n", false},
		{2, "lines of an array", "*9\r\n+", "aaaa", false},
		{3, "big number", "(", "1111", false},
		{3, "double", ",", "1111", false},
		{3, "null", "_", "aaaa", false},
		{3, "boolean", "#", "tttt", false},
		{3, "verbatim", "=500000000\r\ntxt:", "aaaa", false},
		{3, "blob error", "!500000000\r\n", "aaaa", false},
		{3, "map", "%400000000\r\n", ":1\r\n", false},
		{3, "set", "~400000000\r\n", ":1\r\n", false},
		{3, "attribute", "|400000000\r\n", ":1\r\n", false},
		{3, "attributes", "", "|1\r\n+a\r\n+b\r\n", false},
		{3, "maps in each other", "", "%1\r\n+a\r\n", false},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{Limits: Limits{MaxMemory: most}, Table: twoGroups(t)})
			c, other := st.client(0, 0), st.client(0, 0)
			if tc.resp == 3 {
				c.say("HELLO", "3")
				other.say("HELLO", "3")
			}
			f := st.e.workers[0].pools[0].linkSetOf(dialect{tc.resp, 0})
			l := f.link(0, 0)
			m := st.connect(l)
			st.connect(f.link(1, 0))
			c.take()
			other.take()
			c.say("MGET", keyIn(t, c.s.pw.table, 0), keyIn(t, c.s.pw.table, 1))
			other.say("GET", keyIn(t, c.s.pw.table, 1))
			m.arrive(tc.head)
			chunk, kept := strings.Repeat(tc.and, netio.ReadBuffer/4), int64(0)
			for range 40 << 20 / len(chunk) {
				if m.closed || c.closed {
					break
				}
				m.arrive(chunk)
				kept = max(kept, l.coming.partial.Holds()+l.coming.scan.Holds())
			}
			if tc.garbled {
				if !m.closed || kept > most {
					t.Errorf("got link closed %v, %d bytes kept; want it closed", m.closed, kept)
				}
				return
			}
			if !c.closed || other.closed || m.closed || kept > most+leastUncounted {
				t.Errorf("got client closed %v, other closed %v, link closed %v, %d bytes kept; want true, false, false, at most %d",
					c.closed, other.closed, m.closed, kept, most)
			}
			if got := l.coming.partial.Holds() + l.coming.scan.Holds(); got > worthCharging {
				t.Errorf("got %d bytes kept when the client is closed; want none", got)
			}
		})
	}
}

// keyIn returns a key of a group.
func keyIn(t *testing.T, table *shard.Table, group int) string {
	for i := range 1000 {
		if key := "k" + decimal(i); table.Locate([]byte(key)) == group {
			return key
		}
	}
	t.Fatalf("no key in group %d", group)
	return ""
}

// TestEndlessAnswers: the answer to a question of our own, or a message, that is too long is
// forgotten, and the next is heard.
func TestEndlessAnswers(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	pw := st.e.workers[0].pools[0]
	var heard []string
	w := st.e.workers[0]
	w.begin()
	for range 2 {
		pw.ask(pw.table.Server(0), func(reply []byte) { heard = append(heard, string(reply)) }, "PUBSUB", "CHANNELS")
	}
	l := pw.errands[0].link
	w.end()
	st.run()
	m := st.connect(l)
	const size = 200 << 20
	m.arrive("$" + decimal(size) + "\r\n")
	chunk, most := strings.Repeat("x", 1<<20), 0
	for range size >> 20 {
		m.arrive(chunk)
		most = max(most, l.coming.partial.Len())
	}
	m.arrive("\r\n*0\r\n")
	if most > mostTapped || len(heard) != 2 || heard[0] != "" || heard[1] != "*0\r\n" || m.closed {
		t.Errorf("got %d bytes kept, answers %.80q, closed %v; want at most %d, none and the second", most, heard, m.closed, mostTapped)
	}
}

// TestPushIsNoReply: a push frame comes before, between and within replies, whole and in
// pieces, with nothing in flight and in the handshake; every client gets its own reply.
func TestPushIsNoReply(t *testing.T) {
	const push = ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
	for cut := range len(push) {
		st := newTestWorker(t, PoolOptions{})
		c, other := st.client(0, 0), st.client(0, 0)
		c.say("HELLO", "3")
		other.say("HELLO", "3")
		pw := st.e.workers[0].pools[0]
		l := pw.linkSetOf(dialect{3, 0}).link(0, 0)
		w := st.e.workers[0]
		w.begin()
		l.warm()
		w.end()
		m := st.server(&call{l: l}, l.server.Addr)
		m.owner.(*call).Opened(m)
		m.arrive(push + "%1\r\n+a\r\n+b\r\n" + push + "+PONG\r\n")
		m.arrive(push)
		c.take()
		c.say("GET", "a")
		other.say("GET", "b")
		m.take()
		m.arrive(push[:cut])
		m.arrive(push[cut:] + "$1\r\na\r\n" + push + push + "$1\r\nb\r\n" + push)
		if got := c.take() + "|" + other.take(); !strings.HasSuffix(got, "$1\r\na\r\n|$1\r\nb\r\n") && !strings.HasSuffix(got, "$1\r\nb\r\n") || m.closed || l.busy() {
			t.Fatalf("cut at %d: got %q, closed %v; want each its own reply", cut, got, m.closed)
		}
	}
}

// TestPushOfAnOperator: what DEBUG PROTOCOL PUSH brings comes before its reply, as from the
// server itself, and meets nobody else.
func TestPushOfAnOperator(t *testing.T) {
	const push, reply = ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n", "$5\r\nafter\r\n"
	st := newTestWorker(t, PoolOptions{AdminCommands: true})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("HELLO", "3")
	other.say("HELLO", "3")
	other.take()
	l := st.e.workers[0].pools[0].linkSetOf(dialect{3, 0}).link(0, 0)
	m := st.connect(l)
	c.take()
	c.say("DEBUG", "PROTOCOL", "PUSH")
	other.say("GET", "k")
	m.take()
	m.arrive(push + reply)
	m.arrive("$1\r\nv\r\n")
	if got := c.take(); got != push+reply {
		t.Errorf("got %q; want the push and the reply", got)
	}
	if got := other.take(); got != "$1\r\nv\r\n" || m.closed {
		t.Errorf("the other got %q, link closed %v; want its own reply", got, m.closed)
	}
}

// TestRestAfterNonsense: a link whose server is out of step as soon as it is up rests longer and
// longer, as one that cannot be dialed; when it has been in step for a while that is forgotten.
func TestRestAfterNonsense(t *testing.T) {
	for what, nonsense := range map[string]string{"surplus": "+OK\r\n+OK\r\n", "no RESP": "?\r\n"} {
		st := newTestWorker(t, PoolOptions{})
		l, c := st.e.workers[0].pools[0].link(0, 0), st.client(0, 0)
		fail := func() {
			l.redial.at = 0
			l.w.tick()
			m := st.connect(l)
			c.say("INCR", "k")
			if m.arrive(nonsense); !m.closed {
				t.Fatalf("%s: the link is open", what)
			}
		}
		for want := int64(firstPause); want < int64(lastPause); want *= 2 {
			if fail(); l.redial.pause != want {
				t.Fatalf("%s: it rests for %d ns, want %d", what, l.redial.pause, want)
			}
		}
		l.health.strayed -= 2 * int64(strayTime)
		if fail(); l.redial.pause != int64(firstPause) {
			t.Errorf("%s: after a while in step it rests for %d ns, want %d", what, l.redial.pause, int64(firstPause))
		}
	}
}

// TestLongWordsAreNotCopied: what is kept or copied here, for each server and each answer, may not be long; what a client
// wants repeated may, and a server repeats it.
func TestLongWordsAreNotCopied(t *testing.T) {
	long := strings.Repeat("x", mostWordBytes+1)
	for name, tc := range map[string]struct {
		words []string
		ahead string
		want  string // "": it goes to a server
	}{
		"SUBSCRIBE":             {[]string{"SUBSCRIBE", "a", long}, "", textLongWord},
		"PSUBSCRIBE":            {[]string{"PSUBSCRIBE", long}, "", textLongWord},
		"UNSUBSCRIBE":           {[]string{"UNSUBSCRIBE", long}, "", textLongWord},
		"PUBSUB NUMSUB":         {[]string{"PUBSUB", "NUMSUB", long}, "", textLongWord},
		"PUBSUB CHANNELS":       {[]string{"PUBSUB", "CHANNELS", long}, "", textLongWord},
		"SCAN":                  {[]string{"SCAN", "0", "MATCH", long}, "", textLongWord},
		"CLIENT SETNAME":        {[]string{"CLIENT", "SETNAME", long}, "", textExcessive},
		"ECHO":                  {[]string{"ECHO", long}, "", ""},
		"PING":                  {[]string{"PING", long}, "", ""},
		"PING while subscribed": {[]string{"PING", long}, "SUBSCRIBE a", textExcessive},
		"PUBLISH":               {[]string{"PUBLISH", long, "x"}, "", ""},
	} {
		st, servers := joinedGroups(t)
		c := st.client(0, 0)
		if tc.ahead != "" {
			c.ask(frames(tc.ahead))
			feeds := st.e.workers[0].pools[0].board.feeds
			for id := range feeds {
				(&subscribedServer{conn: st.feedOf(id), has: make(map[string]bool)}).settle(t, st)
			}
			c.take()
		}
		got, want := c.say(tc.words...), ""
		if tc.want != "" {
			want = "-" + tc.want + "\r\n"
		}
		if got != want {
			t.Errorf("%s: got %.80q; want %q", name, got, want)
		}
		if said := servers[0].take() + servers[1].take(); (said == command(tc.words...)) != (tc.want == "") {
			t.Errorf("%s: the servers got %d bytes, %.60q", name, len(said), said)
		}
	}
}
