package loop

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestHoldKnowsWhoWaits: what a hold knows of a session's requests is what its queue has, however
// they come and go, and a refused request belongs where a look through the queue says.
func TestHoldKnowsWhoWaits(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, seed))
			c := newCrisis(t, PoolOptions{})
			c.publish(c.table.WithHold(0))
			h := c.pw.holds[0]
			var late []entry
			clients := []*memClient{c.client(0, 0).known(), c.client(0, 0).known(), c.client(0, 0).known()}
			for range 200 {
				who := clients[rnd.IntN(len(clients))]
				switch rnd.IntN(5) {
				case 0, 1:
					who.arrive(frames([]string{"SET k v", "GET k"}[rnd.IntN(2)]))
				case 2:
					if len(h.queue) > 0 {
						q := h.pop()
						late = append(late, q.e)
					}
				case 3:
					if len(late) > 0 { // what was let go is refused
						e := late[len(late)-1]
						late = late[:len(late)-1]
						want := len(h.queue)
						for i := range h.queue {
							if o := &h.queue[i].e; o.session == e.session && int32(o.seq-e.seq) > 0 {
								want = i
								break
							}
						}
						if got := h.placeOf(&e, len(h.queue)); got != want {
							t.Fatalf("a refused request belongs at %d of %d; want %d", got, len(h.queue), want)
						}
					}
				}
				for _, other := range clients {
					read := entry{group: c.pw.refTo(0), session: other.s.index, gen: other.s.gen, seq: other.s.window.First() + uint32(rnd.IntN(20))}
					want := false
					for i := range h.queue {
						o := &h.queue[i].e
						want = want || o.session == read.session && o.marks.has(isWrite) && int32(o.seq-read.seq) < 0
					}
					if got := c.pw.overtook(other.s, &read); got != want {
						t.Fatalf("slot %d has overtaken a write: %v; want %v", read.seq, got, want)
					}
				}
			}
			for len(h.queue) > 0 {
				h.pop()
			}
			if len(h.of) != 0 {
				t.Errorf("%d sessions are left; want none", len(h.of))
			}
		})
	}
}

// BenchmarkRefusals is 48 pipelines of 1000 writes each that a server refuses after it has been
// demoted.
func BenchmarkRefusals(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		st := newTestWorker(b, PoolOptions{HoldTimeout: 1e12, HoldBytes: 1 << 40})
		server := st.linkTo(0, 0, 0)
		n := 48 * 1000
		for range 48 {
			c := st.client(0, 0).known()
			one := frames("SET k v")
			for range 1000 {
				c.arrive(one)
			}
		}
		st.run()
		no := []byte("-READONLY You can't write against a read only replica.\r\n")
		b.StartTimer()
		for range n {
			server.owner.Arrived(no)
		}
	}
}
