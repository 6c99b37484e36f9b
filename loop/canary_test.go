package loop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
)

// An aviary is a worker with one link, whose clock is the test's.
type aviary struct {
	*stage
	server *memConn
	l      *link
	now    int64 // of its clock, which is ahead of the worker's
	asked  int   // requests of clients that the server has seen
}

func newAviary(t *testing.T) *aviary {
	st := newTestWorker(t, PoolOptions{})
	a := &aviary{stage: st, server: st.linkTo(0, 0, 0)}
	a.server.echo = nil
	a.l = st.e.workers[0].pools[0].link(0, 0)
	return a
}

// pass lets time pass, one busy tick after the other.
func (a *aviary) pass(d time.Duration) {
	w := a.e.workers[0]
	a.now = max(a.now, w.now)
	for ; d > 0; d -= tickBusy {
		a.now += int64(tickBusy)
		w.begin()
		w.now = a.now
		w.pools[0].tickLinks()
		w.end()
		a.run()
	}
}

// heard takes what the server was sent: the replies to it, each request's own in order, and
// how many canaries were among them.
func (a *aviary) heard(t *testing.T) (replies []string, canaries int) {
	t.Helper()
	a.run()
	in := []byte(a.server.take())
	var scan codec.Scanner
	var req codec.Request
	limits := &a.e.pools[0].options().limits
	for len(in) > 0 {
		n, err := scan.Next(in, &req, limits)
		if err != nil {
			t.Fatalf("the server was sent %q: %v", in, err)
		}
		if word := string(req.Arg(1)); string(req.Arg(0)) == "ECHO" {
			if len(word) != len(canaryWord)+16 || !strings.HasPrefix(word, canaryWord) {
				t.Fatalf("got a canary that says %q; want %s and 16 digits", word, canaryWord)
			}
			canaries++
			replies = append(replies, string(codec.AppendBulk(nil, word)))
		} else {
			a.asked++
			replies = append(replies, string(codec.AppendBulk(nil, fmt.Sprint("v", a.asked))))
		}
		in = in[n:]
	}
	return replies, canaries
}

// sing makes the link send its first canary behind a GET of c, and returns both replies.
func (a *aviary) sing(t *testing.T, c *memClient) []string {
	t.Helper()
	c.say("GET", "k")
	a.pass(canaryPeriod + 2*tickBusy)
	replies, canaries := a.heard(t)
	if canaries != 1 || len(replies) != 2 {
		t.Fatalf("got %d canaries among %q; want one, behind the GET", canaries, replies)
	}
	return replies
}

func (a *aviary) wantDesync(t *testing.T) {
	t.Helper()
	if !a.server.closed || a.l.count.Desyncs != 1 || a.l.conn != nil {
		t.Errorf("got closed %v and %d desyncs; want the link closed for it", a.server.closed, a.l.count.Desyncs)
	}
}

func TestCanaryInStep(t *testing.T) {
	a := newAviary(t)
	c := a.client(0, 0)
	replies := a.sing(t, c)
	a.pass(3 * canaryPeriod)
	if _, more := a.heard(t); more != 0 {
		t.Errorf("got %d canaries behind one that was not answered; want none", more)
	}
	whole := strings.Join(replies, "")
	for i := range whole { // however the answer is cut
		a.server.arrive(whole[i : i+1])
	}
	a.run()
	if got := c.take(); got != "$2\r\nv1\r\n" {
		t.Errorf("the client got %q; want its own reply alone", got)
	}
	if a.server.closed || a.l.busy() || a.l.queue.base != 0 || a.l.canary.watch != 0 {
		t.Error("the answered canary left something behind, or cost the link; want neither")
	}
	if n := a.l.count; n.Replies != 1 || n.Requests != 1 || n.Desyncs != 0 || n.Sinks != 0 {
		t.Errorf("got %+v; want only the client's request counted", n)
	}
	c.say("GET", "k")
	if _, canaries := a.heard(t); canaries != 0 {
		t.Errorf("got %d canaries before a tick; want none", canaries)
	}
	a.pass(tickBusy)
	if _, canaries := a.heard(t); canaries != 1 {
		t.Errorf("got %d canaries a second after the last; want 1", canaries)
	}
}

// TestCanaryAfterManyRequests: a link that carries much is asked long before a second is
// over, in the write that its requests leave in; one that must rest is not.
func TestCanaryAfterManyRequests(t *testing.T) {
	a := newAviary(t)
	c := a.client(0, 0).known()
	batch := strings.Repeat(command("GET", "k"), canaryEvery/4)
	send := func(refusal string) (canaries int) {
		t.Helper()
		for range 8 { // two times canaryEvery, without a tick
			c.arrive(batch)
			writes := a.server.writes
			replies, n := a.heard(t)
			if got := a.server.writes - writes; got > 1 {
				t.Errorf("got %d writes for a batch with %d canaries; want one", got, n)
			}
			canaries += n
			for i := range replies {
				if refusal != "" && strings.Contains(replies[i], canaryWord) {
					replies[i] = refusal
				}
			}
			a.server.arrive(strings.Join(replies, ""))
			a.run()
		}
		return canaries
	}
	if got := send(""); got != 2 {
		t.Errorf("got %d canaries among %d requests; want 2", got, 2*canaryEvery)
	}
	if got := send("-NOPERM no\r\n"); got != 1 {
		t.Errorf("got %d canaries where the first is refused; want 1", got)
	}
	if got := send(""); got != 0 || a.server.closed || a.l.count.Desyncs != 0 {
		t.Errorf("got %d canaries within the hour, closed %v; want none", got, a.server.closed)
	}
}

func TestIdleLinkHasNoCanary(t *testing.T) {
	a := newAviary(t)
	a.pass(5 * canaryPeriod)
	if said := a.server.take(); said != "" {
		t.Errorf("an idle link sent %q; want nothing", said)
	}
}

// TestCanaryNoticesALostReply: the server swallows one reply. Whether another request comes
// after the canary or not, nobody gets the canary's answer or anything after it.
func TestCanaryNoticesALostReply(t *testing.T) {
	for _, cut := range []int{0, 1, 5, 30} {
		a := newAviary(t)
		first, second := a.client(0, 0), a.client(0, 0)
		first.say("GET", "k")
		a.heard(t) // and forgotten
		second.say("GET", "k")
		a.pass(canaryPeriod + 2*tickBusy)
		replies, canaries := a.heard(t)
		if canaries != 1 || len(replies) != 2 {
			t.Fatalf("got %d canaries among %q; want one", canaries, replies)
		}
		a.server.arrive(replies[0] + replies[1][:cut])
		a.run()
		if cut > 0 {
			a.server.arrive(replies[1][cut:])
			a.run()
		} else {
			a.server.arrive(replies[1])
		}
		a.wantDesync(t)
		if got := second.take(); strings.HasPrefix(got, "$") {
			t.Errorf("cut at %d: the second client got %q; want nothing of the canary", cut, got)
		}
	}
}

// TestCanaryNoticesWhatIsNotItsAnswer: something else comes where the canary's answer
// belongs. The later client's reply reaches nobody.
func TestCanaryNoticesWhatIsNotItsAnswer(t *testing.T) {
	for _, wrong := range []string{"$2\r\nv2\r\n", "+OK\r\n", ":1\r\n", "$-1\r\n", "*1\r\n$2\r\nv2\r\n", "$1048576\r\nbegins",
		"$25\r\nhuntaway:0123456789abcdef\r\n"} {
		a := newAviary(t)
		c, later := a.client(0, 0), a.client(0, 0)
		replies := a.sing(t, c)
		later.say("SET", "k", "v")
		a.heard(t)
		a.server.arrive(replies[0] + wrong + replies[1])
		a.run()
		a.wantDesync(t)
		got := later.take()
		if !strings.HasPrefix(got, "-ERR huntaway: the server's reply makes no sense") {
			t.Errorf("%q: the later client got %q; want that the outcome is unknown", wrong, got)
		}
	}
}

// TestCanaryThatIsRefused: an error is no sign of a shift; a refusal for good is not asked
// for again within the hour.
func TestCanaryThatIsRefused(t *testing.T) {
	for reply, again := range map[string]int{
		"-LOADING Redis is loading the dataset in memory\r\n":                              1,
		"-BUSY Redis is busy running a script.\r\n":                                        1,
		"-NOPERM this user has no permissions to run the 'echo' command\r\n":               0,
		"-ERR unknown command 'ECHO', with args beginning with: 'huntaway:0000000000'\r\n": 0,
	} {
		a := newAviary(t)
		c := a.client(0, 0)
		replies := a.sing(t, c)
		a.server.arrive(replies[0])
		a.server.arrive(reply[:9])
		a.server.arrive(reply[9:])
		a.run()
		if a.server.closed || a.l.count.Desyncs != 0 || a.l.busy() {
			t.Errorf("%q: the link is closed or out of order; want neither", reply)
		}
		c.say("GET", "k")
		a.pass(5 * canaryPeriod)
		if _, canaries := a.heard(t); canaries != again {
			t.Errorf("%q: got %d canaries afterwards; want %d", reply, canaries, again)
		}
	}
}

// TestCanaryBehindSinks: requests that time out become sinks, and so may the canary's time
// be over; its answer is taken all the same, and no time-out is counted for it.
func TestCanaryBehindSinks(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Timeout: 1500 * time.Millisecond})
	a := &aviary{stage: st, server: st.linkTo(0, 0, 0), l: st.e.workers[0].pools[0].link(0, 0)}
	a.server.echo = nil
	c := a.client(0, 0)
	replies := a.sing(t, c)
	a.pass(2 * time.Second)
	if got := c.take(); !strings.HasPrefix(got, "-ERR huntaway: timed out after ") {
		t.Fatalf("got %q; want a time-out", got)
	}
	c.say("GET", "k")
	more, _ := a.heard(t)
	a.server.arrive(strings.Join(append(replies, more...), ""))
	a.run()
	if got := c.take(); got != "$2\r\nv2\r\n" {
		t.Errorf("got %q; want the second reply", got)
	}
	if n := a.l.count; n.TimedOut != 1 || n.Sinks != 1 || n.Desyncs != 0 || a.l.queue.expired != 0 {
		t.Errorf("got %d time-outs, %d late replies, %d desyncs, %d still expired; want 1, 1, 0, 0",
			n.TimedOut, n.Sinks, n.Desyncs, a.l.queue.expired)
	}
}

// TestCanaryDiesWithItsLink: what was on its way when the connection was lost is not waited
// for on the next one.
func TestCanaryDiesWithItsLink(t *testing.T) {
	a := newAviary(t)
	c := a.client(0, 0)
	a.sing(t, c)
	a.server.Close()
	a.run()
	a.l.refuse()
	a.run()
	a.pass(lastPause)
	w := a.e.workers[0]
	w.begin()
	a.l.state = linkIdle
	w.end()
	a.server = a.linkTo(0, 0, 0)
	a.server.echo = nil
	c.take()
	second := a.client(0, 0)
	replies := a.sing(t, second)
	a.server.arrive(strings.Join(replies, ""))
	a.run()
	if got := second.take(); !strings.HasPrefix(got, "$2\r\nv") || a.server.closed {
		t.Errorf("got %q, closed %v; want the reply", got, a.server.closed)
	}
}

// TestSurplusGoesAsFarAsACanary: a server that says a reply too many, while something is in flight all the time, gives
// each later request the reply of the one before until the next canary: after canaryEvery requests, or canaryPeriod and a
// tick, whichever comes first, and what is on its way by then.
func TestSurplusGoesAsFarAsACanary(t *testing.T) {
	for name, tc := range map[string]struct {
		batch  int           // requests at a time
		pause  time.Duration // between two of those
		rounds int           // of them that may be answered wrongly
	}{
		"much is said":   {256, 0, canaryEvery/256 + 2},
		"little is said": {3, canaryPeriod / 4, 6},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAviary(t)
			c := a.client(0, 0).known()
			batch := strings.Repeat(command("GET", "k"), tc.batch)
			owed, answered, wrong := "", 0, 0
			round := func(surplus string) {
				t.Helper()
				c.arrive(batch)
				a.pass(tc.pause)
				replies, _ := a.heard(t)
				last := len(replies) - 1 // which comes with the next round, so that something is in flight
				a.server.arrive(owed + surplus + strings.Join(replies[:last], ""))
				owed = replies[last]
				a.run()
				for in := c.take(); strings.HasPrefix(in, "$"); answered++ {
					_, n, _ := codec.Bulk([]byte(in))
					if in[:n] != string(codec.AppendBulk(nil, fmt.Sprint("v", answered+1))) {
						wrong++
					}
					in = in[n:]
				}
			}
			for range 3 {
				round("")
			}
			if wrong != 0 || answered == 0 {
				t.Fatalf("got %d replies, %d of them wrong, before the surplus; want them right", answered, wrong)
			}
			round("$2\r\nxx\r\n")
			for n := 1; !a.server.closed; n++ {
				if n > tc.rounds {
					t.Fatalf("the link is there after %d replies that were another request's; want it closed after %d rounds of %d", wrong, tc.rounds, tc.batch)
				}
				round("")
			}
			a.wantDesync(t)
			if most := tc.rounds * tc.batch; wrong == 0 || wrong > most {
				t.Errorf("got %d replies that were another request's; want some, and at most %d", wrong, most)
			}
		})
	}
}
