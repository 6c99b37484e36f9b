package loop

import (
	"testing"
	"time"
)

// A server that is busy with a script refuses everything, in order: that it has answered is
// mark enough, what it has to be told is told again.
func TestBusyServerMarks(t *testing.T) {
	const busy = "-BUSY Redis is busy running a script.\r\n"
	st := newTestWorker(t, PoolOptions{})
	c, other := st.client(0, 0), st.client(0, 0)
	c.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1))
	other.say("SUBSCRIBE", "x")
	wantSaid(t, "joined", other.heard(feed, busy), confirmation("*", "subscribe", "x", 1))
	other.say("SUBSCRIBE", "y")
	wantSaid(t, "refused", other.heard(feed, busy), busy)
	c.Close()
	feed.arrive(busy) // to the end of y
	feed.take()
	wantSaid(t, "leaving", other.say("UNSUBSCRIBE"), "")
	wantSaid(t, "the feed", feed.take(), frame("*", "unsubscribe", "x"))
	wantSaid(t, "left", other.heard(feed, busy+frame("*", "message", "x", "1")), confirmation("*", "unsubscribe", "x", 0))
	f := other.s.pw.board.feeds[0]
	f.asked -= int64(time.Second)
	feed.take()
	st.e.workers[0].tick()
	wantSaid(t, "the feed, afterwards", feed.take(), frame("*", "unsubscribe", "x"))
	feed.arrive(confirmation("*", "unsubscribe", "x", 0))
	wantNothingLeft(t, other.s.pw.board)
}

// TestBusyServerEndsNoLaterSubscription: the end of a subscription that a busy server refused is not
// told again over who has subscribed to the same name since: the server knows names only.
func TestBusyServerEndsNoLaterSubscription(t *testing.T) {
	const busy = "-BUSY Redis is busy running a script.\r\n"
	for _, v := range verbs {
		join, leave := frame("*", v.join, "x"), frame("*", v.leave, "x")
		for _, tc := range []struct {
			name    string
			refused int    // attempts of the second subscriber
			retold  bool   // the server is told the end again meanwhile
			want    string // what it is told with the attempt that it accepts
		}{
			{"at the first attempt", 0, false, join},
			{"at the third", 2, false, join},
			{"while it is told again", 1, true, leave + join},
		} {
			t.Run(v.join+" accepted "+tc.name, func(t *testing.T) {
				st := newTestWorker(t, PoolOptions{})
				first, second := st.client(0, 0), st.client(0, 0)
				first.say(v.join, "x")
				feed := st.feedOf(0)
				first.heard(feed, confirmation("*", v.join, "x", 1))
				feed.take()
				first.Close()
				wantSaid(t, "the end", feed.take(), leave)
				feed.arrive(busy)
				again := func() {
					second.s.pw.board.feeds[0].asked -= int64(time.Second)
					st.e.workers[0].tick()
				}
				for range tc.refused {
					second.say(v.join, "x")
					wantSaid(t, "refused", second.heard(feed, busy), busy)
					feed.arrive(busy) // to its end
				}
				feed.take()
				if tc.retold {
					again()
				}
				second.say(v.join, "x")
				wantSaid(t, "the feed", feed.take(), tc.want)
				if tc.retold {
					feed.arrive(busy)
				}
				wantSaid(t, "joined", second.heard(feed, confirmation("*", v.join, "x", 1)), confirmation("*", v.join, "x", 1))
				again()
				again()
				wantSaid(t, "the feed, afterwards", feed.take(), "")
				if n := second.s.pw.counters.Upstream; n != 1 {
					t.Errorf("%d subscriptions are counted; want 1", n)
				}
				second.say(v.leave)
				wantSaid(t, "the end of the second", feed.take(), leave)
				feed.arrive(confirmation("*", v.leave, "x", 0))
				wantNothingLeft(t, second.s.pw.board)
			})
		}
	}
}
