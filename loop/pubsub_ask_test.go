package loop

import (
	"strings"
	"testing"

	"huntaway/shard"
)

// tellsOf returns what was said on a feed, a command per line.
func tellsOf(t *testing.T, feed *memConn) (all [][]string) {
	t.Helper()
	for in := feed.take(); in != ""; {
		words, n := wordsIn(in)
		if n == 0 {
			t.Fatalf("the feed said %.100q; want whole commands", in)
		}
		all = append(all, words)
		in = in[n:]
	}
	return all
}

// TestNamesTravelTogether: a server is told many names with one command, whoever named them, but
// no more than it is to execute at once, neither by number nor by bytes.
func TestNamesTravelTogether(t *testing.T) {
	for _, v := range verbs {
		st := newTestWorker(t, PoolOptions{})
		st.e.workers[0].mostWork *= 4 // so that an order is read at once
		first, second := st.client(0, 0), st.client(0, 0)
		first.say(v.join, "x")
		feed := st.feedOf(0)
		server := &subscribedServer{conn: feed, has: make(map[string]bool)}
		server.finish(t)
		names := func(n int, long string) (all []string) {
			for i := range n {
				all = append(all, long+decimal(i))
			}
			return all
		}
		for _, tc := range []struct {
			names []string
			want  int // commands
		}{
			{names(2, "n"), 1},
			{names(mostGathered, "n"), 1},
			{names(mostGathered+1, "n"), 2},
			{names(8, strings.Repeat("b", mostTellBytes/4)), 2},
			{names(2, strings.Repeat("b", 2*mostTellBytes)), 2},
		} {
			for _, how := range []string{v.join, v.leave} {
				half := len(tc.names) / 2
				w := st.e.workers[0]
				w.begin() // both within one event
				first.arrive(frame("*", append([]string{how}, tc.names[:half]...)...))
				second.arrive(frame("*", append([]string{how}, tc.names[half:]...)...))
				w.end()
				st.run()
				all := tellsOf(t, feed)
				if len(all) != tc.want {
					t.Errorf("%s of %d names of %d bytes: got %d commands; want %d", how, len(tc.names), len(tc.names[0]), len(all), tc.want)
				}
				for _, words := range all {
					server.todo = append(server.todo, strings.Join(words, " "))
				}
				server.finish(t)
			}
		}
		if len(server.has) != 1 {
			t.Errorf("%s: the server has %d topics in the end; want 1", v.join, len(server.has))
		}
	}
}

// TestShardTopicsTravelSingly: in a cluster a command is about one slot.
func TestShardTopicsTravelSingly(t *testing.T) {
	spec := shard.Spec{Slots: make([]int32, shard.Slots), Groups: []shard.Group{
		{Name: "g", Weight: 1, Servers: []shard.Server{{Addr: "127.0.0.1:1", Role: shard.Master, Weight: 1}}}}}
	table, err := shard.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	st := newTestWorker(t, PoolOptions{Table: table})
	c := st.client(0, 0)
	c.say("SSUBSCRIBE", "a", "b")
	c.say("SUBSCRIBE", "c", "d")
	wantSaid(t, "the feed", st.feedOf(0).take(),
		frame("*", "ssubscribe", "a")+frame("*", "ssubscribe", "b")+frame("*", "subscribe", "c", "d"))
}

// TestRefusedTogether: an error for a command with several names is nobody's who named only what
// the server grants, wherever else he waits for that answer, and what is left meanwhile stays left.
func TestRefusedTogether(t *testing.T) {
	const noperm = "-NOPERM no\r\n"
	st := newTestWorker(t, PoolOptions{})
	good, bad, old, gone := st.client(0, 0), st.client(0, 0), st.client(0, 0), st.client(0, 0)
	old.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	old.heard(feed, confirmation("*", "subscribe", "x", 1))
	feed.take()
	w := st.e.workers[0]
	w.begin()
	gone.arrive(frame("*", "SUBSCRIBE", "g"))
	bad.arrive(frame("*", "SUBSCRIBE", "b"))
	good.arrive(frame("*", "SUBSCRIBE", "a", "x"))
	old.arrive(frame("*", "SUBSCRIBE", "x"))
	w.end()
	st.run()
	wantSaid(t, "the feed", feed.take(), frame("*", "subscribe", "g", "b", "a"))
	gone.Close()
	st.run()
	wantSaid(t, "the feed, when one is gone", feed.take(), frame("*", "unsubscribe", "g"))
	wantSaid(t, "who joins what is carried", old.heard(feed, noperm), confirmation("*", "subscribe", "x", 1))
	wantSaid(t, "the feed, refused", feed.take(), frame("*", "subscribe", "b")+frame("*", "subscribe", "a"))
	feed.arrive(confirmation("*", "unsubscribe", "g", 1))
	wantSaid(t, "who is refused", bad.heard(feed, noperm), noperm)
	wantSaid(t, "who is not", good.heard(feed, confirmation("*", "subscribe", "a", 2)),
		confirmation("*", "subscribe", "a", 1)+confirmation("*", "subscribe", "x", 2))
	wantSaid(t, "the feed, afterwards", feed.take(), frame("*", "unsubscribe", "b"))
	good.Close()
	old.Close()
	st.run()
	(&subscribedServer{conn: feed, has: make(map[string]bool), todo: []string{"unsubscribe b"}}).finish(t)
	wantNothingLeft(t, w.pools[0].board)
}

// TestAnswerToNothing: a server that answers what it has not been told yet is out of step.
func TestAnswerToNothing(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: 1e12})
	c := st.client(0, 0)
	c.say("SUBSCRIBE", "x")
	feed := st.feedOf(0)
	c.heard(feed, confirmation("*", "subscribe", "x", 1))
	w := st.e.workers[0]
	w.begin()
	c.arrive(frame("*", "SUBSCRIBE", "y"))
	feed.arrive(confirmation("*", "subscribe", "y", 2))
	w.end()
	st.run()
	if !feed.closed {
		t.Error("the feed goes on; want it closed")
	}
}
