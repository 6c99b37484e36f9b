//go:build !race

package loop

import "testing"

// A message to many costs no object: those who speak RESP2 are written to from where it
// lies, and the others share one copy.
func TestDeliverAllocs(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	clients := make([]*memClient, 50)
	for i := range clients {
		clients[i] = st.client(0, 0)
		if i%2 == 1 {
			clients[i].say("HELLO", "3")
		}
		clients[i].say("SUBSCRIBE", "x")
	}
	feed := st.feedOf(0)
	feed.arrive(confirmation("*", "subscribe", "x", 1))
	in := []byte(frame("*", "message", "x", "hello"))
	deliver := func() {
		feed.owner.Arrived(in)
		for _, c := range clients {
			c.said = c.said[:0]
		}
	}
	deliver()
	if got := testing.AllocsPerRun(100, deliver); got != 0 {
		t.Errorf("a message to %d subscribers makes %v objects; want 0", len(clients), got)
	}
}
