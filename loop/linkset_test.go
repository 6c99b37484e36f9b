package loop

import (
	"testing"
	"time"
)

// TestLinkSetThatNobodySpeaks: the links of a dialect are closed a minute after the last
// session of it has gone and the last byte has come; the plain ones stay.
func TestLinkSetThatNobodySpeaks(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Databases: 16})
	w := st.e.workers[0]
	pw := w.pools[0]
	pass := func(d time.Duration) { // what has happened is longer ago
		w.begin()
		for _, f := range pw.linkSets {
			f.left -= int64(d)
		}
		pw.sharedLinks(func(l *link) { l.health.heard -= int64(d) })
		pw.tickLinkSets()
		w.end()
		st.run()
	}
	plain := st.linkTo(0, 0, 0)
	third, second := st.client(0, 0), st.client(0, 0)
	third.say("HELLO", "3")
	second.say("SELECT", "2")
	three := st.reconnect(third.s.proto.linkSet.link(0, 0))
	two := st.reconnect(second.s.proto.linkSet.link(0, 0))
	want := func(what string, linkSets int, plainUp, threeUp, twoUp bool) {
		t.Helper()
		if got := len(pw.linkSets); got != linkSets || plain.closed == plainUp || three.closed == threeUp || two.closed == twoUp {
			t.Errorf("%s: got %d families, links up: plain %v, RESP3 %v, database 2 %v; want %d, %v, %v, %v", what,
				got, !plain.closed, !three.closed, !two.closed, linkSets, plainUp, threeUp, twoUp)
		}
	}
	pass(10 * keepLinkSet)
	want("spoken, idle", 3, true, true, true)

	second.say("SELECT", "0")
	pass(keepLinkSet - time.Second)
	want("left, too young", 3, true, true, true)
	cost := pw.cost[0]
	pass(2 * time.Second)
	want("left for long", 2, true, true, false)
	if pw.cost[0] != cost || !plain.owner.(*call).l.usable() {
		t.Errorf("got cost %d; want %d: the server is where it was", pw.cost[0], cost)
	}
	if n := pw.servers[0].Links; n != 2 {
		t.Errorf("got %d links counted; want 2", n)
	}

	third.Close()
	st.run()
	asker := st.client(0, 0)
	asker.say("HELLO", "3")
	asker.say("GET", "k") // and the client goes before the reply comes
	asker.Close()
	pass(2 * keepLinkSet)
	want("a reply is owed", 2, true, true, false)
	three.arrive("$1\r\nv\r\n")
	st.run()
	pass(keepLinkSet / 2)
	want("a reply came lately", 2, true, true, false)
	pass(keepLinkSet)
	want("all is quiet", 1, true, false, false)

	again := st.client(0, 0)
	again.say("HELLO", "3")
	l := again.s.proto.linkSet.link(0, 0)
	if l.state != linkIdle || l.kind.unlisted {
		t.Fatalf("spoken again: got state %v, unlisted %v; want a new link", l.state, l.kind.unlisted)
	}
	m := st.reconnect(l)
	again.say("GET", "k")
	m.arrive("$1\r\nv\r\n")
	st.run()
	if got := again.take(); got != "$1\r\nv\r\n" {
		t.Errorf("spoken again: got %q; want the value", got)
	}
	plain.Close() // is not closed with the others, and fails like any other
	if l := pw.link(0, 0); l.state != linkDialing {
		t.Errorf("got state %v of the plain link that its server closed; want it dialed again", l.state)
	}
}
