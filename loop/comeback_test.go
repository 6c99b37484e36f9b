package loop

import (
	"testing"

	"huntaway/shard"
)

// TestComeBack: a link that its server closes is dialed again at once, so that what comes next
// meets a connection or waits for it; after a pause when it is closed again and again, in which what
// comes waits as well. When the dial fails, the server is gone.
func TestComeBack(t *testing.T) {
	for _, busy := range []bool{false, true} {
		st := newTestWorker(t, PoolOptions{})
		w := st.e.workers[0]
		l := w.pools[0].link(0, 0)
		server, lost, c := st.linkTo(0, 0, 0), st.client(0, 0), st.client(0, 0)
		for n := range 3 {
			if busy {
				lost.say("SET", "k", "v")
			}
			server.Close()
			st.run()
			if want := []linkState{linkDialing, linkCooling, linkCooling}[n]; l.state != want || !l.usable() {
				t.Fatalf("busy %t, closed for the %d. time: got state %v, usable %t; want %v, true", busy, n+1, l.state, l.usable(), want)
			}
			if busy {
				got(t, "what was sent", lost.take(), string(appendFault(nil, faultLost, l.pw.place(l.pw.refTo(0), l))))
			}
			got(t, "what came meanwhile", c.say("SET", "k", "v"), "")
			l.redial.at = 0
			w.tick()
			server = st.reconnect(l)
			got(t, "that, sent", server.take(), frames("SET k v"))
			server.arrive("+OK\r\n")
			st.run()
			got(t, "and answered", c.take(), "+OK\r\n")
		}
		server.Close()
		c.say("SET", "k", "v")
		l.redial.at = 0
		w.tick()
		l.refuse()
		st.run()
		got(t, "when the dial fails", c.take(), string(appendFault(nil, faultConnect, l.pw.place(l.pw.refTo(0), l))))
		if l.usable() {
			t.Error("the link counts as usable when its server is gone; want it down")
		}
	}
}

// TestReadsDoNotWaitForAReturn: while a link is about to be there again, reads go to whoever may
// serve them as well, and wait for it only where nobody may.
func TestReadsDoNotWaitForAReturn(t *testing.T) {
	for policy, want := range map[shard.ReadPolicy]int{shard.PreferReplica: 0, shard.ReplicaOnly: -1} {
		x := newWard(t, 1, PoolOptions{ReadPolicy: policy})
		c := x.client(0, 0)
		x.servers[1].Close()
		c.ask(frames("GET k"))
		asked := -1
		for _, id := range x.asked() {
			asked = id
		}
		if asked != want {
			t.Errorf("%v: got the read sent to %d; want %d", policy, asked, want)
		}
		if policy == shard.ReplicaOnly {
			m := x.reconnect(x.pw.link(1, 0))
			got(t, "sent when it is there", m.take(), frames("GET k"))
		}
	}
}
