package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// A crowding is clients that ask for large values in one pipeline and read them slowly, and what
// their server has said since somebody else asked for something small.
type crowding struct {
	t     *testing.T
	st    *stage
	g     *giver
	slow  []*memClient
	given int // bytes of the server, over all links
}

// newCrowding makes n clients ask for much at once; known: their replies were small before. What
// stands before a script cannot be asked again.
func newCrowding(t *testing.T, n int, known bool) *crowding {
	st := newTestWorker(t, PoolOptions{})
	x := &crowding{t: t, st: st, g: newGiver(st)}
	for range n {
		c := st.client(0, 0)
		if known {
			x.g.widened(c)
		}
		x.slow = append(x.slow, c)
	}
	for _, c := range x.slow {
		c.arrive(muchAsked)
	}
	return x
}

// muchAsked is 20 times a value of 1 MB, a word that is answered here, and a script.
var muchAsked = func() string {
	var frames []byte
	for i := range 20 {
		frames = codec.AppendCommand(frames, "GET", decimal(1<<20)+":"+decimal(i))
		frames = codec.AppendCommand(frames, "ECHO", "x")
		frames = codec.AppendCommand(frames, "EVAL", "return 1", "1", "10:"+decimal(i))
	}
	return string(frames)
}()

// round has the server say a piece on every link, and the clients take a little.
func (x *crowding) round() {
	pw := x.st.e.workers[0].pools[0]
	came := pw.servers[0].ReplyBytes
	x.g.serve()
	x.given += int(pw.servers[0].ReplyBytes - came)
	x.st.run()
	for _, c := range x.slow {
		n := min(4<<10, c.kept+len(c.said))
		c.kept += len(c.said) - n // what they get is not this test's concern
		c.said = c.said[:0]
	}
	x.st.e.workers[0].tick()
}

// answered returns how much the server says until a client's requests, which have been sent, are
// answered with want.
func (x *crowding) answered(c *memClient, want string) int {
	x.t.Helper()
	x.given = 0
	for range 20000 {
		x.round()
		if len(c.said) >= len(want) {
			if got := c.take(); got != want {
				x.t.Fatalf("got %.60q; want %.60q", got, want)
			}
			return x.given
		}
	}
	x.t.Fatalf("got no answer within %d bytes of the server; want one", x.given)
	return 0
}

// TestOthersDoNotWaitForLargeReplies: behind clients whose pipelines are owed tens of MB, which they
// read slowly, another client's requests wait for as much as the server says until they can be
// given to a link of their own, and then for nothing: neither who was already waiting when the
// first large reply came, nor who comes later.
func TestOthersDoNotWaitForLargeReplies(t *testing.T) {
	for _, tc := range []struct {
		name  string
		known bool
		more  bool // such clients come all the time
		most  int  // bytes
	}{
		{"new clients", false, false, mostAhead},
		{"who had small replies before", true, false, mostAhead},
		{"ever more clients", false, true, 6 * mostAhead},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newCrowding(t, 2, tc.known)
			other := x.st.client(0, 0)
			request, want := "", ""
			for i := range 3 {
				request += string(codec.AppendCommand(nil, "GET", "10:"+decimal(i)))
				want += string(codec.AppendBulk(nil, given("10:"+decimal(i))))
			}
			other.arrive(request)
			if n := x.answered(other, want); n > tc.most {
				t.Errorf("who was waiting: got %d bytes ahead; want at most %d", n, tc.most)
			}
			most := 0
			for i := range 30 {
				if tc.more && i%5 == 0 {
					c := x.st.client(0, 0)
					x.slow = append(x.slow, c)
					c.arrive(muchAsked)
				}
				c := other
				if i%2 > 0 {
					c = x.st.client(0, 0)
				}
				c.arrive(string(codec.AppendCommand(nil, "SET", "k", "v")))
				most = max(most, x.answered(c, "+OK\r\n"))
			}
			if most > tc.most {
				t.Errorf("who came later: got %d bytes ahead; want at most %d", most, tc.most)
			}
		})
	}
}

// TestLadenLinkThatLeaves: a server leaves the table while it gives a large reply, and other links
// have had a relief. Its reply is passed on, and nobody is given a link to it.
func TestLadenLinkThatLeaves(t *testing.T) {
	ids := new(shard.IDs)
	build := func(replicas int) *shard.Table {
		g := withReplicas(replicas)
		g.Weight = 1
		table, err := shard.Build(shard.Spec{Groups: []shard.Group{g}, IDs: ids})
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	x := newWard(t, 0, PoolOptions{Table: build(1), ReadPolicy: shard.ReplicaOnly})
	c, id := x.reader(t, "GET a")
	x.pw.plain.relieved()
	x.e.pools[0].Publish(build(0))
	x.run()
	if x.pw.table.Server(int32(id)) != nil {
		t.Fatal("the server is in the table; want it to have left")
	}
	reply := "$" + decimal(100<<20) + "\r\n" + strings.Repeat("x", passOn)
	x.servers[id].arrive(reply)
	x.run()
	if got := c.take(); got != reply {
		t.Errorf("got %d bytes; want %d", len(got), len(reply))
	}
	if l := x.pw.plain.relief.made(int32(id), 0); l != nil {
		t.Errorf("got a relief in state %d; want none", l.state)
	}
}
