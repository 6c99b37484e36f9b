package loop

import "testing"

// TestPrivateLinksNeedNoRelief: a server that is silent over the EXEC of a client that watches
// keys keeps that client waiting, on its private link, and nobody else.
func TestPrivateLinksNeedNoRelief(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	g := newGiver(st)
	g.silent = true
	c := st.client(0, 0)
	for _, line := range []string{"WATCH a", "MULTI", "SET a 1", "EXEC"} {
		c.ask(frames(line))
		g.serve()
		st.run()
		if line == "WATCH a" {
			g.conns[c.s.pin].arrive("+OK\r\n")
		}
	}
	w := st.e.workers[0]
	l := c.s.pin
	if l == nil || !l.owes() {
		t.Fatal("got no EXEC on its way; want one")
	}
	l.health.heard -= int64(2 * stallTime)
	w.gauges.beat.Store(w.now)
	w.tick()
	if l.congested() {
		t.Error("got a private link that counts as congested; want only shared ones")
	}
}
