package loop

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A strait is a link whose trips take as long as the test says, and a client with very many
// requests for it. The time is that of a bubble.
type strait struct {
	*stage
	t       *testing.T
	m       *memConn
	l       *link
	c       *memClient
	pending int // requests that the server has and has not answered
}

// inStrait runs a test with one.
func inStrait(t *testing.T, test func(x *strait)) {
	synctest.Test(t, func(t *testing.T) {
		st := newTestWorker(t, PoolOptions{})
		x := &strait{stage: st, t: t, m: st.linkTo(0, 0, 0), c: st.client(0, 0)}
		x.l = st.e.workers[0].pools[0].link(0, 0)
		test(x)
	})
}

// taken counts what the server has been sent since the last time.
func (x *strait) taken() int {
	n := strings.Count(x.m.take(), "\r\nGET\r\n")
	x.pending += n
	return n
}

// pass has all that the server has under way for so long, and answers it.
func (x *strait) pass(d time.Duration) {
	x.taken()
	time.Sleep(d)
	x.m.arrive(strings.Repeat("$-1\r\n", x.pending))
	x.pending = 0
	x.run()
}

// tick has n ticks of the worker pass, of d each.
func (x *strait) tick(n int, d time.Duration) {
	for range n {
		time.Sleep(d)
		x.e.workers[0].tick()
		x.run()
	}
}

// TestLongTripsNarrow: while a client's requests are long under way it has fewer and fewer in
// flight, so that others wait for few; it always has one, and is widened again by short trips.
func TestLongTripsNarrow(t *testing.T) {
	inStrait(t, func(x *strait) {
		_, frames := asks(1, 60000)
		x.c.arrive(string(frames))
		x.run()
		for want := firstAllowed; want > 0; want /= 2 {
			if got := x.taken(); got != want {
				t.Fatalf("got %d requests in flight; want %d", got, want)
			}
			x.pass(longTrip + time.Millisecond)
		}
		victim := x.client(0, 0)
		victim.say("GET", "v")
		if got := x.taken(); got != 2 {
			t.Errorf("got %d requests up to the victim's; want one before it", got)
		}
		x.pass(shortTrip + time.Millisecond)
		last := 1
		for range 60 {
			got := x.taken()
			if got != last && got != 2*last {
				t.Fatalf("got %d requests in flight after %d; want as many or twice as many", got, last)
			}
			last = got
			x.pass(shortTrip)
			x.tick(1, 0)
		}
		if last != DefaultLimits.Pipeline {
			t.Errorf("got %d requests in flight in the end; want %d", last, DefaultLimits.Pipeline)
		}
		if n := x.e.workers[0].pools[0].counters.Narrowed; n != 7 {
			t.Errorf("got it narrowed %d times; want 7", n)
		}
	})
}

// TestNarrowedOncePerTrip: the replies of one long trip narrow its session once, however many
// they are and in however many events they come.
func TestNarrowedOncePerTrip(t *testing.T) {
	inStrait(t, func(x *strait) {
		_, frames := asks(1, firstAllowed)
		x.c.arrive(string(frames))
		x.run()
		time.Sleep(longTrip + time.Millisecond)
		for range firstAllowed {
			x.m.arrive("$-1\r\n")
			time.Sleep(time.Millisecond)
		}
		x.run()
		if n := x.e.workers[0].pools[0].counters.Narrowed; n != 1 {
			t.Errorf("got the session narrowed %d times; want once", n)
		}
	})
}

// TestEntryOfSlowLink: who has nothing in flight begins on a slow link with as few as others have
// been narrowed to, and with all it may have when trips have been short for a while.
func TestEntryOfSlowLink(t *testing.T) {
	inStrait(t, func(x *strait) {
		rested := x.client(0, 0).known()
		_, frames := asks(1, 255)
		x.c.arrive(string(frames)) // 128, 64, 32, 16, 8, 4, 2, 1
		x.run()
		for range 8 {
			x.pass(longTrip + time.Millisecond)
		}
		for _, c := range []*memClient{rested, x.client(0, 0)} {
			c.arrive(string(frames))
			x.run()
			if got := x.taken(); got != 1 {
				t.Errorf("got %d requests in front of others; want 1", got)
			}
			for c.s.window.Len() > 0 {
				x.pass(0)
			}
		}
		x.tick(20, easyTime+time.Millisecond)
		c := x.client(0, 0)
		c.arrive(string(frames))
		x.run()
		if got := x.taken(); got != firstAllowed {
			t.Errorf("got %d requests when the link was quick again; want %d", got, firstAllowed)
		}
	})
}

// TestEntryWhileSilent: while the server is silent over one long request nobody puts much behind it.
func TestEntryWhileSilent(t *testing.T) {
	inStrait(t, func(x *strait) {
		x.c.say("GET", "long")
		x.tick(8, tickBusy)
		c := x.client(0, 0)
		_, frames := asks(1, 255)
		c.arrive(string(frames))
		x.run()
		if got := x.taken(); got != 1+silentEntry {
			t.Errorf("got %d requests in flight; want %d", got, 1+silentEntry)
		}
	})
}

// TestTripsThatDoNotNarrow: those of one request at a time, and what the network takes of them.
func TestTripsThatDoNotNarrow(t *testing.T) {
	inStrait(t, func(x *strait) {
		for range 20 {
			x.c.say("GET", "k")
			x.pass(2 * longTrip)
		}
		x.l.trips.distance = int64(2 * longTrip)
		_, frames := asks(1, 2000)
		x.client(0, 0).arrive(string(frames))
		x.run()
		for want := firstAllowed; want <= DefaultLimits.Pipeline/2; want *= 2 {
			if got := x.taken(); got != want {
				t.Fatalf("got %d requests in flight; want %d", got, want)
			}
			x.pass(2*longTrip + shortTrip)
		}
		if n := x.e.workers[0].pools[0].counters.Narrowed; n != 0 || x.l.trips.entry != anyEntry {
			t.Errorf("got sessions narrowed %d times, %d to begin with; want neither", n, x.l.trips.entry)
		}
	})
}

// TestRequestBytesInFlight: large requests of one client that are in flight come to askedBytes, or
// are one, and small ones behind them are as many as before.
func TestRequestBytesInFlight(t *testing.T) {
	for _, size := range []int{1 << 10, 16 << 10, 60 << 10, 1 << 20} {
		inStrait(t, func(x *strait) {
			frame := frames("GET " + strings.Repeat("x", size))
			const n = 300
			for range n {
				x.c.arrive(frame)
				x.run()
			}
			want, done := max(1, askedBytes/len(frame)), 0
			for done < n {
				got := x.taken()
				done += got
				if got > want || got == 0 {
					t.Fatalf("%d bytes each: got %d requests in flight; want 1 to %d", size, got, want)
				}
				x.pass(0)
			}
			_, small := asks(1, 20000)
			x.c.arrive(string(small))
			x.run()
			for range 12 {
				x.pass(0)
			}
			if got := x.taken(); got != DefaultLimits.Pipeline {
				t.Errorf("%d bytes each: got %d small ones in flight behind them; want %d", size, got, DefaultLimits.Pipeline)
			}
		})
	}
}

// TestNarrowedReadIsRelieved: who may have one request in flight is relieved of waiting behind a
// large reply like anybody else.
func TestNarrowedReadIsRelieved(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	g := newGiver(st)
	large, c := st.client(0, 0), st.client(0, 0)
	_, frames := asks(32<<20, 1)
	large.arrive(string(frames))
	st.run()
	c.s.pace.width = 1
	keys, frames := asks(10, 2)
	c.arrive(string(frames))
	st.run()
	if c.s.stops != stopWindow {
		t.Fatalf("got stops %b; want %b", c.s.stops, stopWindow)
	}
	size := 0
	for round := 0; round < 100 && c.s.window.Len() > 0; round++ {
		g.serve()
		st.run()
		size += len(large.take())
	}
	if size >= 32<<20 || c.s.window.Len() > 0 {
		t.Errorf("got %d requests in flight after %d bytes of a reply before them; want none", c.s.window.Len(), size)
	}
	wantGiven(t, []byte(c.take()), keys)
}
