package loop

import "testing"

// TestComeBack: an idle link that its server closes is dialed again at once, so that the
// next request meets a connection; but not again and again, and not when it was busy.
func TestComeBack(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	l := st.e.workers[0].pools[0].link(0, 0)
	st.linkTo(0, 0, 0).close()
	if l.state != linkDialing || !l.usable() {
		t.Fatalf("idle link closed by its server: got state %v, usable %v; want it dialed", l.state, l.usable())
	}
	st.reconnect(l).close()
	if l.state != linkCooling || l.usable() {
		t.Fatalf("closed a second time at once: got state %v, usable %v; want it to rest", l.state, l.usable())
	}

	st = newTestWorker(t, PoolOptions{})
	l = st.e.workers[0].pools[0].link(0, 0)
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	c.say("SET", "k", "v")
	server.close()
	if l.state != linkCooling {
		t.Fatalf("closed while it owed a reply: got state %v; want it to rest", l.state)
	}
}
