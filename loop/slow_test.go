package loop

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop/netio"
	"huntaway/perf/invariant"
)

// This file is about clients that read their replies more slowly than servers give them, on
// connections in memory: how much the client has taken is what the test says.

// A giver is the server of a stage, of all its links: it answers GET of a key "size:token" with
// so many bytes of the token, SET with OK, and a script with the value of its key.
type giver struct {
	st     *stage
	conns  map[*link]*memConn
	runs   map[string]int // how often each request was executed
	owed   map[*link][]byte
	most   int  // bytes that were seen waiting for one client
	silent bool // connects and answers nothing
}

func newGiver(st *stage) *giver {
	return &giver{st: st, conns: map[*link]*memConn{}, runs: map[string]int{}, owed: map[*link][]byte{}}
}

// serve connects links that wait for that, and answers a piece of what each is owed, unless it
// is not read from. It reports whether anything happened.
func (g *giver) serve() (some bool) {
	pw := g.st.e.workers[0].pools[0]
	var links []*link
	pw.everyLink(func(l *link) { links = append(links, l) })
	for _, l := range links {
		if l.state == linkDialing {
			c := &call{l: l}
			m := &memConn{owner: c, remote: l.server.Addr}
			c.Opened(m)
			g.conns[l] = m
			m.take()
			_, replies := greeting(&pw.opt.PoolOptions, l.kind.dialect, false)
			m.arrive(strings.Repeat("+OK\r\n", len(replies)))
			some = true
		}
		if m := g.conns[l]; m != nil && !m.closed && !g.silent {
			g.answer(l, m.take())
			for range 4 {
				some = g.give(l, m) || some
			}
		}
	}
	return some
}

// answer executes requests.
func (g *giver) answer(l *link, frames string) {
	var scan codec.Scanner
	var r codec.Request
	for b := []byte(frames); len(b) > 0; {
		n, err := scan.Next(b, &r, &codec.Limits{Args: 100, Bulk: 1 << 30, Request: 1 << 30})
		if err != nil {
			g.st.t.Fatalf("the server was sent %.60q: %v", b, err)
		}
		b = b[n:]
		name, key := string(r.Arg(0)), ""
		if r.Len() > 1 {
			key = string(r.Arg(1))
		}
		if name == "EVAL" {
			key = string(r.Arg(3))
		}
		g.runs[name+" "+key]++
		switch name {
		case "SET":
			g.owed[l] = append(g.owed[l], "+OK\r\n"...)
		case "ECHO":
			g.owed[l] = codec.AppendBulk(g.owed[l], key)
		default:
			g.owed[l] = codec.AppendBulk(g.owed[l], given(key))
		}
	}
}

// given is the value of a key.
func given(key string) string {
	size, token, _ := strings.Cut(key, ":")
	n, _ := strconv.Atoi(size)
	return strings.Repeat(token+"/", n/(len(token)+1)+1)[:n]
}

// give sends one piece of what is owed.
func (g *giver) give(l *link, m *memConn) (some bool) {
	n := min(len(g.owed[l]), netio.ReadBuffer)
	if n == 0 || m.paused {
		return false
	}
	piece := string(g.owed[l][:n])
	g.owed[l] = g.owed[l][n:]
	m.arrive(piece)
	return true
}

// play lets everything happen while the client takes so many bytes each round, until nothing
// happens any more. It returns all that the client has got.
func (g *giver) play(c *memClient, each int) (got []byte) {
	for quiet := 0; quiet < 3; {
		some := g.serve()
		g.st.run()
		w := g.st.e.workers[0]
		g.most = max(g.most, len(c.said)+c.s.output.first.Len()+c.s.output.parkedLive+len(c.s.output.run))
		n := min(each, len(c.said))
		got = append(got, c.said[:n]...)
		c.said = append(c.said[:0], c.said[n:]...)
		c.kept = len(c.said)
		w.tick()
		if quiet++; some || n > 0 {
			quiet = 0
		}
	}
	return got
}

// wantGiven checks that the values of all keys came, in order.
func wantGiven(t testing.TB, got []byte, keys []string) {
	t.Helper()
	var want []byte
	for _, key := range keys {
		switch {
		case strings.HasPrefix(key, "SET"):
			want = append(want, "+OK\r\n"...)
		default:
			want = codec.AppendBulk(want, given(key))
		}
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Fatalf("got %d bytes, wrong from %d on; want %d", len(got), at, len(want))
	}
}

// asks makes n keys of values of a size.
func asks(size, n int) (keys []string, frames []byte) {
	for i := range n {
		key := decimal(size) + ":" + decimal(i)
		keys = append(keys, key)
		frames = codec.AppendCommand(frames, "GET", key)
	}
	return keys, frames
}

// widened makes the client one that may have as many requests in flight as there can be.
func (g *giver) widened(c *memClient) {
	g.st.t.Helper()
	for range 4 {
		keys, frames := asks(10, 2000)
		c.arrive(string(frames))
		wantGiven(g.st.t, g.play(c, 1<<30), keys)
	}
	if c.s.pace.allowed != DefaultLimits.Pipeline {
		g.st.t.Fatalf("got %d requests allowed after small replies; want %d", c.s.pace.allowed, DefaultLimits.Pipeline)
	}
}

// TestLargeRepliesToSlowReaders: pipelines whose replies are large, to clients that read a
// little at a time. Everything comes, in order, and what waits for the client is bounded; also
// where nobody could know that the replies would be large.
func TestLargeRepliesToSlowReaders(t *testing.T) {
	for _, tc := range []struct {
		name        string
		size, n     int
		known, each int
	}{
		{"many of 100 KB, to a new client", 100 << 10, 150, 0, 64 << 10},
		{"many of 100 KB, behind small ones", 100 << 10, 150, 1, 64 << 10},
		{"of 1 MB, to a new client", 1 << 20, 12, 0, 256 << 10},
		{"of 1 MB, behind small ones", 1 << 20, 12, 1, 256 << 10},
		{"many of 4 KB", 4 << 10, 3000, 1, 32 << 10},
		{"read at full speed", 1 << 20, 30, 1, 1 << 30},
		{"a little over a read", 65 << 10, 300, 1, 50 << 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{})
			g := newGiver(st)
			c := st.client(0, 0)
			if tc.known > 0 {
				g.widened(c)
			}
			keys, frames := asks(tc.size, invariant.Lighter(tc.n))
			for len(frames) > 0 {
				n := min(len(frames), netio.ReadBuffer)
				c.arrive(string(frames[:n]))
				frames = frames[n:]
			}
			g.most = 0
			wantGiven(t, g.play(c, tc.each), keys)
			if most := pauseOutput + allowedBytes + 2*tc.size + 2*netio.ReadBuffer; g.most > most {
				t.Errorf("got %d bytes waiting for the client; want at most %d", g.most, most)
			}
			if c.closed {
				t.Error("the client was closed")
			}
		})
	}
}

// TestRecallRunsWritesOnce: behind a pipeline of large reads stand writes and scripts. They are
// executed once, in their place, and what is read behind them is read behind them.
func TestRecallRunsWritesOnce(t *testing.T) {
	for _, every := range []int{2, 7, 60} {
		st := newTestWorker(t, PoolOptions{})
		g := newGiver(st)
		c := st.client(0, 0)
		g.widened(c)
		var keys []string
		var frames []byte
		for i := range 200 {
			token := decimal(100<<10) + ":" + decimal(i)
			switch {
			case i%every == 1 && i%2 == 0:
				frames = codec.AppendCommand(frames, "EVAL", "return 1", "1", token)
			case i%every == 1:
				token = "SET " + decimal(i)
				frames = codec.AppendCommand(frames, "SET", token, "x")
			default:
				frames = codec.AppendCommand(frames, "GET", token)
			}
			keys = append(keys, token)
		}
		c.arrive(string(frames))
		wantGiven(t, g.play(c, 64<<10), keys)
		for what, n := range g.runs {
			if !strings.HasPrefix(what, "GET") && n != 1 {
				t.Errorf("one write in %d: %q ran %d times; want once", every, what, n)
			}
		}
		if every == 60 && st.e.workers[0].pools[0].counters.Recalled == 0 {
			t.Error("got no request recalled; want those behind the last write")
		}
	}
}

// TestApartIsNobodysBurden: while a client is behind with a large reply, no link that others
// share is kept from being read, and its own is; another client is served meanwhile.
func TestApartIsNobodysBurden(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	g := newGiver(st)
	c, other := st.client(0, 0), st.client(0, 0)
	keys, frames := asks(4<<20, 6)
	c.arrive(string(frames))
	var got []byte
	dammed := 0
	for round := 0; round < 4000 && len(got) < len(keys)*(4<<20); round++ {
		g.serve()
		st.run()
		n := min(30<<10, len(c.said))
		got = append(got, c.said[:n]...)
		c.said = append(c.said[:0], c.said[n:]...)
		c.kept = len(c.said)
		st.e.workers[0].tick()
		pw := st.e.workers[0].pools[0]
		pw.sharedLinks(func(l *link) {
			if m := g.conns[l]; m != nil && m.paused {
				t.Fatal("a shared link is not read")
			}
		})
		for _, l := range pw.private.links {
			if l.lease.dammed {
				dammed++
				if l.owed() != 0 {
					t.Fatal("a slow client would hold up a change of masters")
				}
			}
		}
		if round%100 == 99 {
			other.arrive(string(codec.AppendCommand(nil, "GET", "10:x")))
			for range 100 { // what the server has still to say over the shared link
				g.serve()
				st.run()
			}
			if said, want := other.take(), string(codec.AppendBulk(nil, given("10:x"))); said != want {
				t.Fatalf("another client got %.40q in round %d; want %q", said, round, want)
			}
		}
	}
	got = append(got, g.play(c, 1<<30)...)
	wantGiven(t, got, keys)
	if dammed == 0 {
		t.Error("its own link was never kept from being read")
	}
	keys, frames = asks(10, 40)
	c.arrive(string(frames))
	wantGiven(t, g.play(c, 1<<30), keys)
	if c.s.mode.has(modeApart) || c.s.pace.lease != nil || st.e.workers[0].pools[0].private.lent != 0 {
		t.Error("after small replies it stands apart still; want it among the others, and nothing lent")
	}
}

// TestOwnLinkIsReadOnAfterTheLast: whatever gives the client the last of what waits for it, its own link is read from
// again when that has been taken: nothing else would look at it.
func TestOwnLinkIsReadOnAfterTheLast(t *testing.T) {
	for name, give := range map[string]func(w *worker, s *session){
		"in an event": func(w *worker, s *session) { w.begin(); w.touch(s); w.end() },
		"by the tick": func(w *worker, s *session) { s.lag(); w.tick() },
	} {
		for _, kept := range []int{0, handOver + 1} { // by the connection, when it has been given the last
			st := newTestWorker(t, PoolOptions{})
			w, c := st.e.workers[0], st.client(0, 0)
			c.s.pace.lease = c.s.pw.borrow(c.s, 0, loanLarge)
			c.s.pace.lease.dam()
			c.s.addShared(&shared{own: true, b: make([]byte, handOver+1)}, 0)
			c.fills = kept
			give(w, c.s)
			if len(c.s.output.rest.lots) > 0 || c.kept != kept {
				t.Fatalf("%s: %d bytes kept; want all given and %d kept", name, c.kept, kept)
			}
			c.kept, c.fills = 0, 0
			w.tick()
			if c.s.pace.lease.lease.dammed {
				t.Errorf("%s, %d bytes kept: its own link is not read from, and nothing waits for the client", name, kept)
			}
		}
	}
}

// TestWhoMakesNoProgressIsClosed: over the soft limit, one that reads a byte now and then stays, and
// one that reads nothing for the soft time does not, unless it is we who were asleep.
func TestWhoMakesNoProgressIsClosed(t *testing.T) {
	for _, tc := range []struct{ reads, slept bool }{{true, false}, {false, true}, {false, false}} {
		st := newTestWorker(t, PoolOptions{Limits: Limits{OutputSoftBytes: 1 << 20, OutputSoftTime: time.Second}})
		g := newGiver(st)
		c := st.client(0, 0)
		_, frames := asks(8<<20, 1)
		c.arrive(string(frames))
		g.play(c, 0)
		w := st.e.workers[0]
		for range 50 {
			if tc.reads && len(c.said) > 0 {
				c.said = c.said[1:]
				c.kept = len(c.said)
			}
			w.begin()
			w.now += int64(time.Hour) // of this event only
			if !tc.slept {
				w.gauges.beat.Store(w.now)
			}
			w.drainSlow()
			w.end()
			if !c.closed {
				c.s.output.softSince = min(c.s.output.softSince, w.now) - int64(time.Hour) // as if it had been an hour ago
			}
		}
		want := !tc.reads && !tc.slept
		if c.closed != want {
			t.Errorf("reads %v, slept %v: got closed %v; want %v", tc.reads, tc.slept, c.closed, want)
		}
		if n := st.e.workers[0].pools[0].counters.ClosedOutput; n != 0 && !want {
			t.Errorf("got %d closed for their output; want none", n)
		}
	}
}

// TestLeaseThatFails: the server refuses the connection for a client that stands apart. It is
// served over the shared one, and no more connections are tried for a while.
func TestLeaseThatFails(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	g := newGiver(st)
	c := st.client(0, 0)
	keys, frames := asks(2<<20, 8)
	c.arrive(string(frames))
	pw := st.e.workers[0].pools[0]
	refused := 0
	var got []byte
	for round := 0; round < 2000 && len(got) < 8*(2<<20+12); round++ {
		for _, l := range append([]*link(nil), pw.private.links...) {
			if l.state == linkDialing {
				l.refuse()
				refused++
			}
		}
		g.serve()
		st.run()
		n := min(200<<10, len(c.said))
		got = append(got, c.said[:n]...)
		c.said = append(c.said[:0], c.said[n:]...)
		c.kept = len(c.said)
		st.e.workers[0].tick()
	}
	wantGiven(t, got, keys)
	if refused == 0 || refused > 3 || pw.private.lent != 0 {
		t.Errorf("got %d dials, %d lent; want one or two, none", refused, pw.private.lent)
	}
}
