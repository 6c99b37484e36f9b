package loop

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// collected returns how many bytes the worker has collected, in regions and in the slabs of logs,
// but for what sessions keep of their input.
func (st *stage) collected() (n int) {
	w := st.e.workers[0]
	_, n = w.arena.InUse()
	for _, pw := range w.pools {
		pw.everyLink(func(l *link) { n += len(l.queue.log.Small()) })
	}
	for _, s := range w.registry.sessions {
		if s != nil && s.input.tail != nil && s.input.tail.buf.IsLarge() {
			n -= s.input.tail.buf.Len()
		}
	}
	return n
}

// joinedGroups is a stage with two groups, whose links are up.
func joinedGroups(t *testing.T) (st *stage, servers []*memConn) {
	st = newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	for i := range 2 {
		servers = append(servers, st.linkTo(0, 0, int32(i)))
	}
	return st, servers
}

// TestLargeCommandsGoInPieces: no event copies a large command of which parts go to several groups,
// or which is queued in a transaction, and another client is served between any two.
func TestLargeCommandsGoInPieces(t *testing.T) {
	const size = 12 << 20
	var many, values []string
	for i := range 20 {
		values = append(values, "k"+decimal(i), strings.Repeat("v", size/20))
	}
	for i := range 200_000 {
		many = append(many, "key:"+decimal(i))
	}
	for _, tc := range []struct {
		name        string
		frame, head []byte
	}{
		{"MSET", codec.AppendCommand(nil, append([]string{"MSET"}, values...)...), nil},
		{"MSET of one value", codec.AppendCommand(nil, "MSET", "a", strings.Repeat("v", size), "b", "w", "c", "x", "d", "y", "e", "z", "f", "z"), nil},
		{"MGET", codec.AppendCommand(nil, append([]string{"MGET"}, many...)...), nil},
		{"DEL", codec.AppendCommand(nil, append([]string{"DEL"}, many...)...), nil},
		{"MULTI", codec.AppendCommand(nil, "SET", "k", strings.Repeat("v", size)), codec.AppendCommand(nil, "MULTI")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st, _ := joinedGroups(t)
			c, other := st.client(0, 0), st.client(0, 0)
			c.ask(string(tc.head))
			most, events := 0, 0
			event := func(f func()) {
				before := st.collected()
				f()
				most = max(most, st.collected()-before)
				events++
			}
			for in := range slices.Chunk(tc.frame, netio.ReadBuffer) {
				event(func() { c.arrive(string(in)) })
			}
			for c.s.input.unfinished != nil || events == 1 {
				if len(st.tasks) == 0 {
					t.Fatal("got nothing that goes on with the request")
				}
				event(st.step)
				if got := other.ask1(t, "PING\r\n"); got != "+PONG\r\n" {
					t.Fatalf("the other client got %q; want a PONG between two pieces", got)
				}
			}
			want := mostWork / clientShare * bytesPerWork
			if most > want+memory.LeastRegion+2*memory.LeastStretch+2*netio.ReadBuffer { // a region begins with what was in a slab
				t.Errorf("got %d bytes copied in an event; want no more than %d and a little", most, want+memory.LeastRegion)
			}
			if events < len(tc.frame)/want {
				t.Errorf("got %d events; want the work to be divided", events)
			}
		})
	}
}

// TestPiecesAreTheWhole: what servers get of a large command that is admitted in pieces, with small
// ones before and behind it, is what they got of it in one.
func TestPiecesAreTheWhole(t *testing.T) {
	var args []string
	for i := range 3000 {
		args = append(args, fmt.Sprintf("key:%d", i), strings.Repeat(decimal(i), 1+i%100))
	}
	frame := codec.AppendCommand(nil, append([]string{"MSET"}, args...)...)
	play := func(read int, work int) (said []string, got string) {
		st, servers := joinedGroups(t)
		st.e.workers[0].mostWork = work
		c := st.client(0, 0)
		all := slices.Concat([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), frame, []byte("*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"))
		for in := range slices.Chunk(all, read) {
			c.arrive(string(in))
			st.step()
		}
		st.run()
		said = make([]string, len(servers))
		for i := 0; i < 3*len(servers); i++ { // what is behind the large one may wait for its reply
			server := servers[i%len(servers)]
			b := server.take()
			said[i%len(servers)] += b
			var scan codec.Scanner
			var r codec.Request
			for rest := []byte(b); len(rest) > 0; {
				n, err := scan.Next(rest, &r, &codec.Limits{Args: 1 << 20, Bulk: 1 << 30, Request: 1 << 30})
				if err != nil {
					t.Fatalf("got %.80q said to a server; want requests", rest)
				}
				rest = rest[n:]
				reply := "+OK\r\n"
				if bytes.EqualFold(r.Arg(0), []byte("GET")) {
					reply = "$1\r\n" + string(r.Arg(1)) + "\r\n"
				}
				server.arrive(reply)
			}
			st.run()
		}
		if n := regionsOf(st.e.workers[0]); n != 0 {
			t.Errorf("got %d regions in the end; want none", n)
		}
		return said, c.take()
	}
	want, _ := play(1<<30, mostWork) // in one event
	for _, work := range []int{1 << 10, 16 << 10, mostWork} {
		said, got := play(netio.ReadBuffer, work)
		if !slices.Equal(said, want) {
			t.Errorf("work of %d: the servers got other bytes than in one piece", work)
		}
		if got != "$1\r\na\r\n+OK\r\n$1\r\nb\r\n" {
			t.Errorf("work of %d: got %q; want the three replies in order", work, got)
		}
	}
}
