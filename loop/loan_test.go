package loop

import (
	"strings"
	"testing"

	"huntaway/shard"
)

// from makes the client one of another address.
func (c *memClient) from(host string) *memClient {
	c.s.client.peer = host + ":1000"
	return c
}

// TestLoansAreSharedOut: however many clients of one address wait or watch, clients of another
// can still do the same, and for another use there is something left for everybody.
func TestLoansAreSharedOut(t *testing.T) {
	for _, tc := range []struct {
		name            string
		links, each     int
		want, wantOther int // of 20 clients each that wait
	}{
		{"half, and three quarters of the kind", 16, 0, 8, 4},
		{"by the address", 16, 5, 5, 5},
		{"one", 1, 0, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{Limits: Limits{PrivateLinks: tc.links, LinksPerAddress: tc.each}})
			st.linkTo(0, 0, 0)
			waiting := func(host string) (n int) {
				for range 20 {
					if got := st.client(0, 0).from(host).say("BLPOP", "k", "0"); !strings.HasPrefix(got, "-ERR max number of blocked clients") {
						n++
					}
				}
				return n
			}
			if got := waiting("10.0.0.1"); got != tc.want {
				t.Errorf("got %d clients of one address that wait; want %d", got, tc.want)
			}
			if got := waiting("10.0.0.2"); got != tc.wantOther {
				t.Errorf("got %d clients of another; want %d", got, tc.wantOther)
			}
			if tc.links == 1 {
				return
			}
			if got := st.client(0, 0).from("10.0.0.3").say("WATCH", "k"); strings.HasPrefix(got, "-") {
				t.Errorf("WATCH, when all that may wait do: got %q; want none of an error", got)
			}
		})
	}
}

// TestLoansEnd: links that are given back, or lost, or whose borrowers go, leave no trace.
func TestLoansEnd(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	st.linkTo(0, 0, 0)
	var clients []*memClient
	for i := range 10 {
		c := st.client(0, 0).from("10.0.0." + decimal(i))
		c.say("BLPOP", "k", "0")
		clients = append(clients, c)
	}
	pw := st.e.workers[0].pools[0]
	if pw.private.lent != 10 || len(pw.private.hosts) != 10 || st.e.private.Load() != 10 {
		t.Fatalf("got %d lent to %d, %d open; want 10, 10, 10", pw.private.lent, len(pw.private.hosts), st.e.private.Load())
	}
	for i, c := range clients {
		if i%2 == 0 {
			pw.private.links[0].refuse()
			continue
		}
		c.Close()
	}
	st.run()
	for _, c := range clients {
		if !c.closed {
			c.Close()
		}
	}
	st.run()
	for range 200 {
		st.e.workers[0].tick()
	}
	if of := &pw.private; of.lent != 0 || len(of.hosts) != 0 || of.kinds != [loanKinds]int{} || int(st.e.private.Load()) != len(of.kept) {
		t.Errorf("got %+v, %d open in the end; want nothing lent", of.loans, st.e.private.Load())
	}
}

// TestLoansLeaveDescriptors: of few descriptors those who borrow leave a fifth to clients that do
// not, and clients and loans together leave the reserve alone.
func TestLoansLeaveDescriptors(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	st.e.descriptors = 40
	st.linkTo(0, 0, 0)
	n := 0
	for range 100 {
		if got := st.client(0, 0).say("BLPOP", "k", "0"); got == "" {
			n++
		}
	}
	if n != 16 {
		t.Errorf("got %d clients that wait; want two fifths of 40", n)
	}
	for clients, want := range map[int]bool{16: false, 24: false, 25: true} {
		if got := st.e.crowded(clients); got != want {
			t.Errorf("%d clients beside 16 loans: got crowded %v; want %v", clients, got, want)
		}
	}
}

// TestDescriptorsForClients: what the process needs itself grows with its servers, and takes half
// at most.
func TestDescriptorsForClients(t *testing.T) {
	groups := func(n int) PoolOptions {
		var all []shard.Group
		for i := range n {
			all = append(all, shard.Group{Name: "g" + decimal(i), Servers: []shard.Server{{Addr: "127.0.0.1:" + decimal(7000+i), Role: shard.Master, Weight: 1}}})
		}
		return PoolOptions{Table: testTable(t, all...)}
	}
	for _, tc := range []struct{ workers, groups, limit, want int }{
		{1, 1, 256, 256 - 64}, {1, 4, 256, 256 - 64}, {1, 10, 256, 256 - 40 - 50}, {1, 20, 256, 128}, {2, 10, 256, 256 - 40 - 80}, {4, 100, 256, 128},
		{4, 100, 20000, 20000 - 40 - 1400}, {1, 1, 64, 32}, {1, 1, 10, 5},
	} {
		st := newStage(t, tc.workers, groups(tc.groups))
		st.e.limit = tc.limit
		if got := st.e.forClients(); got != tc.want {
			t.Errorf("%+v: got %d", tc, got)
		}
	}
}
