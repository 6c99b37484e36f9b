package loop

import "testing"

// TestPublishCountsConfirmed: a reply to PUBLISH counts every session that is subscribed, whatever
// others have under way at that moment: what this process has heard of its feeds is not of the
// moment at which the server counted.
func TestPublishCountsConfirmed(t *testing.T) {
	for _, v := range verbs {
		publish := "PUBLISH"
		if v == verbs[shardTopic] {
			publish = "SPUBLISH"
		}
		for _, tc := range []struct {
			name string
			do   func(other *memClient, feed *memConn)
		}{
			{"is confirmed to nobody yet", func(other *memClient, feed *memConn) {
				other.say(v.join, "c", "e")
				feed.arrive(confirmation("*", v.join, "c", 1))
			}},
			{"has been left by the last", func(other *memClient, feed *memConn) {
				other.say(v.join, "c")
				feed.arrive(confirmation("*", v.join, "c", 1))
				other.Close()
			}},
			{"has been taken from its feed", func(other *memClient, feed *memConn) {
				other.say(v.join, "c")
				feed.arrive(confirmation("*", v.join, "c", 1))
				x := other.s.pw.board
				for t := range other.s.sub.topics {
					other.s.w.begin()
					x.drop(t)
					other.s.w.end()
				}
			}},
		} {
			t.Run(v.join+", a topic that elsewhere "+tc.name, func(t *testing.T) {
				st := newStage(t, 2, PoolOptions{})
				member := st.client(0, 0)
				member.say(v.join, "c")
				member.heard(st.feedOf(0), confirmation("*", v.join, "c", 1))
				other := st.client(0, 1)
				other.say(v.join, "d")
				feed := st.greet(other.s.pw.board.feeds[0].l)
				feed.arrive(confirmation("*", v.join, "d", 1))
				tc.do(other, feed)
				st.run()
				publisher := st.client(0, 0)
				server := st.linkTo(0, 0, 0)
				publisher.say(publish, "c", "m")
				if got := publisher.heard(server, ":1\r\n"); got != ":1\r\n" {
					t.Errorf("%s: got %q where the server has counted the feed of the member; want :1", publish, got)
				}
			})
		}
	}
}
