package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/loop/netio"
)

// lag has a feed put a message off while more waits behind it.
func (st *stage) lag(feed *memConn, message string) {
	feed.unread = netio.ReadBuffer
	feed.arrive(message)
	for feed.paused {
		st.step()
	}
}

// reply answers what has been sent so far.
func (s *subscribedServer) reply(t *testing.T) {
	s.take(t)
	s.work(len(s.todo))
	s.send(len(s.out))
}

// TestWhatMayPublishWaitsForFeeds: while a server has more to say than its feed passes on nothing is
// sent that may make it say more, whatever that is and however many sessions send it, and all else
// is. Then those go on, in order; of those that may publish any number of messages one at a time.
func TestWhatMayPublishWaitsForFeeds(t *testing.T) {
	eval, set, get := frame("*", "EVAL", "x", "1", "k"), frame("*", "SET", "k", "v"), frame("*", "GET", "k")
	multi, exec := frame("*", "MULTI"), frame("*", "EXEC")
	publish := frame("*", "PUBLISH", "c", "m")
	const plain, event, missing = "c", "__keyevent@0__:set", "__keyevent@0__:keymiss"
	for _, k := range []struct {
		name, channel, request string
		waits, pours           bool
	}{
		{"PUBLISH", plain, publish, true, false},
		{"EVAL", plain, eval, true, true},
		{"EVALSHA", plain, frame("*", "EVALSHA", strings.Repeat("a", 40), "0"), true, true},
		{"FCALL", plain, frame("*", "FCALL", "f", "0"), true, true},
		{"EVAL_RO", plain, frame("*", "EVAL_RO", "x", "0"), false, false},
		{"FCALL_RO", plain, frame("*", "FCALL_RO", "f", "0"), false, false},
		{"EVAL of many words", plain, frame("*", append([]string{"EVAL", "x", "0"}, make([]string, 10_000)...)...), true, true},
		{"EXEC with PUBLISH", plain, multi + publish + exec, true, true},
		{"EXEC with EVAL", plain, multi + eval + exec, true, true},
		{"EXEC with SET", plain, multi + set + exec, false, false},
		{"SET", plain, set, false, false},
		{"SET, heard", event, set, true, false},
		{"LPUSH, heard", "__keyspace@0__:l", frame("*", "LPUSH", "l", "v"), true, false},
		{"MSET, heard", event, frame("*", "MSET", "k", "v", "l", "v"), true, false},
		{"EVAL, events heard", event, eval, true, true},
		{"EXEC, events heard", event, multi + set + exec, true, true},
		{"GET, events heard", event, get, false, false},
		{"GET, missing keys heard", missing, get, true, false},
	} {
		for _, pattern := range []bool{false, true} {
			t.Run(k.name+map[bool]string{true: " by a pattern"}[pattern], func(t *testing.T) {
				order, message := []string{"SUBSCRIBE", k.channel}, frame("*", "message", k.channel, "m")
				if pattern {
					order, message = []string{"PSUBSCRIBE", "*"}, frame("*", "pmessage", "*", k.channel, "m")
				}
				st, _, feed := crowdOf(t, 1, 900, 2, order...)
				testWaits(t, st, feed, message, k.request, k.waits, k.pours)
			})
		}
	}
}

func testWaits(t *testing.T, st *stage, feed *memConn, message, request string, waits, pours bool) {
	server := st.linkTo(0, 0, 0)
	st.lag(feed, message)
	const n = 20
	all := make([]*memClient, n)
	verb := strings.SplitN(request[strings.LastIndex(request, "*"):], "\r\n", 4)[2]
	sent := func() int { return strings.Count(server.take(), "\r\n"+verb+"\r\n") }
	for i := range all {
		all[i] = st.client(0, 0)
		all[i].arrive(request + request)
	}
	st.run()
	got := sent()
	if !waits {
		if got == 0 {
			t.Fatal("a request that publishes nothing waits")
		}
		return
	}
	if got > 0 {
		t.Fatalf("%d requests were sent while the feed lags; want none", got)
	}
	feed.unread = 0
	has := &subscribedServer{conn: feed, has: map[string]bool{"c": true}}
	p := st.e.pools[0]
	for marks := 0; p.lagging[byOrder].Load() > 0; marks++ {
		if marks > 5*n {
			t.Fatalf("%d still wait after %d marks", p.publishers.Load(), marks)
		}
		feed.arrive(message) // which causes what is heard in this round as well
		st.run()
		has.reply(t)
		st.run()
		now := sent()
		if got += now; pours && now > 1 {
			t.Fatalf("%d requests were sent at once that may publish any number of messages; want 1", now)
		}
	}
	if want := map[bool]int{true: n, false: 2 * n}[pours]; got != want || p.publishers.Load() > 0 {
		t.Errorf("%d requests were sent, %d sessions wait; want %d, and none", got, p.publishers.Load(), want)
	}
	for by := range causes {
		if left := p.lagging[by].Load(); left != 0 {
			t.Errorf("%d feeds lag for cause %d; want none", left, by)
		}
	}
}

// TestNobodyWaitsForOthersMessages: however much is published by others meanwhile, those who wait go
// on when what was published before has been passed on; when the feed is lost; and when its server says nothing any more.
func TestNobodyWaitsForOthersMessages(t *testing.T) {
	for _, how := range []string{"published", "lost", "silent"} {
		t.Run(how, func(t *testing.T) {
			st, _, feed := crowdOf(t, 1, 900, 2, "SUBSCRIBE", "c")
			server := st.linkTo(0, 0, 0)
			message := frame("*", "message", "c", "m")
			st.lag(feed, message)
			const n = 5
			for range n {
				st.client(0, 0).arrive(frame("*", "FCALL", "f", "0"))
			}
			sent := 0
			st.run()
			if strings.Contains(server.take(), "FCALL") {
				t.Fatal("a script is sent while the feed lags")
			}
			has := &subscribedServer{conn: feed, has: map[string]bool{"c": true}}
			switch f := st.e.workers[0].pools[0].board.feeds[0]; how {
			case "lost":
				feed.Close()
			case "silent":
				feed.unread = 0
				f.goOn()
				// not so long ago that the feed is given up, which ends its round as well
				f.l.health.heard -= int64(2 * mostSilence)
				f.asked -= int64(2 * mostSilence)
				w := st.e.workers[0]
				w.begin()
				w.tick()
				w.end()
			}
			st.run()
			for range 4 * n {
				sent += strings.Count(server.take(), "FCALL")
				if how != "published" {
					break
				}
				has.reply(t)
				st.lag(feed, message)
				st.run()
			}
			if sent != n {
				t.Errorf("%d of %d went on; want all", sent, n)
			}
		})
	}
}

// TestPoursGoSingly: for some time after a lag a session has one request in flight that may publish
// any number of messages, for what is in flight when the next lag is noticed is too late to wait.
func TestPoursGoSingly(t *testing.T) {
	const n = 50
	st, _, feed := crowdOf(t, 1, 900, 2, "SUBSCRIBE", "c")
	server := st.linkTo(0, 0, 0)
	count := func() int { return strings.Count(server.take(), "FCALL") }
	many := strings.Repeat(frame("*", "FCALL", "f", "0"), n)
	st.client(0, 0).arrive(many)
	if got := count(); got != 0 && got != n {
		t.Fatalf("%d requests are in flight before any lag; want %d", got, n)
	}
	st.lag(feed, frame("*", "message", "c", "m"))
	feed.unread = 0
	(&subscribedServer{conn: feed, has: map[string]bool{"c": true}}).settle(t, st)
	count()
	w := st.client(0, 0)
	w.arrive(many)
	if got := w.s.window.Len(); got != 1 {
		t.Errorf("%d requests are in flight after a lag; want 1", got)
	}
}

// TestServerLags: what a server has yet to write to its feed waits where nobody sees it, however little is ever to be read at
// once. A mark that it answers late, and has much to say before, shows it.
func TestServerLags(t *testing.T) {
	const big = 16 << 10
	message := frame("*", "message", "c", strings.Repeat("m", big))
	for _, k := range []struct {
		name   string
		took   time.Duration // besides what the test takes
		before int           // messages before the mark is answered
		far    time.Duration // what the network takes
		waits  bool
	}{
		{"late, and much before", 2 * shortTrip, netio.ReadBuffer / big, 0, true},
		{"late, and little before", 2 * shortTrip, 1, 0, false},
		{"soon", -time.Minute, netio.ReadBuffer / big, 0, false},
		{"as late as the network is long", 2 * shortTrip, netio.ReadBuffer / big, time.Minute, false},
	} {
		t.Run(k.name, func(t *testing.T) {
			st, _, feed := crowdOf(t, 1, 3, 2, "SUBSCRIBE", "c")
			server, f := st.linkTo(0, 0, 0), st.e.workers[0].pools[0].board.feeds[0]
			f.l.trips.distance = int64(k.far)
			for range netio.ReadBuffer/big + 1 {
				feed.arrive(message)
			}
			if !strings.Contains(feed.take(), "ping") {
				t.Fatal("the server is asked for no mark after 64 KiB of messages")
			}
			f.probedAt -= int64(k.took)
			for range k.before {
				feed.arrive(message)
			}
			one := st.client(0, 0)
			one.arrive(frame("*", "EVAL", "x", "0"))
			st.run()
			sent := func() bool { return strings.Contains(server.take(), "EVAL") }
			if got := !sent(); got != k.waits {
				t.Fatalf("the script waits: %t; want %t", got, k.waits)
			}
			feed.arrive(frame("*", "pong", ""))
			if f.probedAt != 0 {
				t.Error("the mark is answered, and the feed waits for it")
			}
			has := &subscribedServer{conn: feed, has: map[string]bool{"c": true}}
			for range 4 {
				has.reply(t)
				st.run()
			}
			if k.waits && !sent() {
				t.Error("the script does not go on when all has been heard")
			}
		})
	}
}
