package loop

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// TestLargeRepliesAreNotCopiedAtOnce: of a large reply that comes early, or that many servers have a
// part in, no event copies all, or gives all of it to the client; what the client gets is the same.
func TestLargeRepliesAreNotCopiedAtOnce(t *testing.T) {
	const size, many = 12 << 20, 100_000
	bulk := func(n int) string { return string(codec.AppendBulk(nil, strings.Repeat("v", n))) }
	for _, tc := range []struct {
		name    string
		ask     func(a, b string) []byte // about keys of both servers
		replies [2]string
		want    string
	}{
		{"early", func(a, b string) []byte {
			return codec.AppendCommand(codec.AppendCommand(nil, "GET", a), "GET", b)
		}, [2]string{bulk(3), bulk(size)}, bulk(3) + bulk(size)},
		{"MGET of large values", func(a, b string) []byte { return codec.AppendCommand(nil, "MGET", b, a, b) },
			[2]string{"*1\r\n" + bulk(size), "*2\r\n" + bulk(7) + bulk(size)}, "*3\r\n" + bulk(7) + bulk(size) + bulk(size)},
		{"MGET of many", func(a, b string) []byte {
			return codec.AppendCommand(nil, slices.Concat([]string{"MGET"}, slices.Repeat([]string{a, b}, many/2))...)
		}, [2]string{"*50000\r\n" + strings.Repeat(bulk(1), many/2), "*50000\r\n" + strings.Repeat(bulk(2), many/2)},
			"*100000\r\n" + strings.Repeat(bulk(1)+bulk(2), many/2)},
		{"KEYS", func(a, b string) []byte { return codec.AppendCommand(nil, "KEYS", "*") },
			[2]string{"*100000\r\n" + strings.Repeat(bulk(9), many), "*100000\r\n" + strings.Repeat(bulk(8), many)},
			"*200000\r\n" + strings.Repeat(bulk(9), many) + strings.Repeat(bulk(8), many)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st, servers := joinedGroups(t)
			w, c := st.e.workers[0], st.client(0, 0).known()
			table := st.e.pools[0].Table()
			var keys [2]string
			for i := range 100 {
				keys[table.Locate([]byte("k"+decimal(i)))] = "k" + decimal(i)
			}
			most, given := 0, 0
			event := func(f func()) {
				kept := func() int { return st.collected() + c.s.output.parked.Len() + c.s.output.first.Len() }
				before, said := kept(), len(c.said)
				f()
				most, given = max(most, kept()-before), max(given, len(c.said)-said)
			}
			for in := range slices.Chunk(tc.ask(keys[0], keys[1]), netio.ReadBuffer) {
				c.arrive(string(in))
			}
			st.run()
			for _, i := range []int{1, 0} {
				for in := range slices.Chunk([]byte(tc.replies[i]), netio.ReadBuffer) {
					event(func() { servers[i].owner.Arrived(in) })
				}
			}
			for c.s.window.Len() > 0 || len(c.s.output.rest.lots) > 0 {
				if len(st.tasks) == 0 {
					t.Fatalf("got %d bytes said, and nothing that goes on; want %d", len(c.said), len(tc.want))
				}
				event(st.step)
			}
			if got := c.take(); got != tc.want {
				t.Errorf("got %d bytes %.60q; want %d bytes %.60q", len(got), got, len(tc.want), tc.want)
			}
			if want := mostWork/clientShare*bytesPerWork + 4*netio.ReadBuffer + mergeAtOnce + memory.LeastRegion; most > want {
				t.Errorf("got %d bytes copied in an event; want at most %d", most, want)
			}
			if given > mostGiven+memory.LeastRegion+2*netio.ReadBuffer {
				t.Errorf("got %d bytes given to the client in an event; want at most %d and a little", given, mostGiven)
			}
			if regionsOf(w)+len(c.s.output.early)+c.s.output.earlyLive != 0 {
				t.Errorf("got %d regions and %d replies that are parked in the end; want none", regionsOf(w), len(c.s.output.early))
			}
		})
	}
}

// TestMergedInPiecesIsTheWhole: however little of it is done in a turn, what many servers have said is
// put together as in one piece, and an element that is missing is found.
func TestMergedInPiecesIsTheWhole(t *testing.T) {
	for _, work := range []int{1 << 10, 64 << 10, mostWork} {
		st, servers := joinedGroups(t)
		st.e.workers[0].mostWork = work
		table := st.e.pools[0].Table()
		for _, lacks := range []int{0, 1} {
			c := st.client(0, 0).known()
			args, want := []string{"MGET"}, codec.AppendArray(nil, 6000)
			var counts [2]int
			replies := [2][]byte{}
			for i := range 6000 {
				key := "key:" + decimal(i)
				at := table.Locate([]byte(key))
				args = append(args, key)
				value := strings.Repeat(decimal(i), i%50)
				want = codec.AppendBulk(want, value)
				replies[at] = codec.AppendBulk(replies[at], value)
				counts[at]++
			}
			c.say(args...)
			for i, server := range servers {
				n := counts[i]
				if i == 1 && lacks == 1 {
					n, replies[i] = 1, codec.AppendBulk(nil, "x")
				}
				server.arrive(string(append(codec.AppendArray(nil, n), replies[i]...)))
			}
			st.run()
			got := c.take()
			switch {
			case lacks == 1 && !strings.HasPrefix(got, "-"):
				t.Errorf("work of %d: got %.60q for an element that is missing; want an error", work, got)
			case lacks == 0 && !bytes.Equal([]byte(got), want):
				t.Errorf("work of %d: got %d bytes %.60q; want %d", work, len(got), got, len(want))
			}
		}
	}
}
