package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// A trip is a worker with two servers and a client, driven in memory from the bytes of
// requests to the bytes of replies.
type trip struct {
	st      *stage
	c       *memClient
	servers []*memConn
	in      []byte   // what the client sends
	replies [][]byte // what each server answers to it
}

// twoGroups is a table of two groups with one server each.
func twoGroups(t testing.TB) *shard.Table {
	group := func(name, addr string) shard.Group {
		return shard.Group{Name: name, Servers: []shard.Server{{Addr: addr, Role: shard.Master, Weight: 1}}}
	}
	return testTable(t, group("g1", "127.0.0.1:7001"), group("g2", "127.0.0.1:7002"))
}

// newTrip makes a trip for requests, each of which the server of its key answers with reply.
func newTrip(t testing.TB, reply string, requests ...[]string) *trip {
	table := twoGroups(t)
	p := &trip{st: newTestWorker(t, PoolOptions{Table: table})}
	p.servers = []*memConn{p.st.linkTo(0, 0, 0), p.st.linkTo(0, 0, 1)}
	p.servers[0].echo, p.servers[1].echo = nil, nil
	p.replies = make([][]byte, 2)
	p.c = p.st.client(0, 0)
	for _, r := range requests {
		p.in = append(p.in, codec.AppendCommand(nil, r...)...)
		at := table.Locate([]byte(r[1]))
		p.replies[at] = append(p.replies[at], reply...)
	}
	return p
}

// run is one round: the requests arrive, the posted flush runs, the servers answer.
func (p *trip) run() {
	p.c.owner.Arrived(p.in)
	p.st.run()
	for i, s := range p.servers {
		if len(p.replies[i]) > 0 {
			s.owner.Arrived(p.replies[i])
		}
		if song := songOf(s.said); song != nil {
			s.owner.Arrived(song)
		}
		s.said = s.said[:0]
	}
	p.st.run()
	p.c.said = p.c.said[:0]
}

// songOf returns what the canary at the end of a link's output wants to hear; nil for none.
func songOf(said []byte) []byte {
	const echo, song = "*2\r\n$4\r\nECHO\r\n", len("$25\r\n\r\n") + len(canaryWord) + 16
	at := len(said) - song
	if at < len(echo) || string(said[at-len(echo):at]) != echo {
		return nil
	}
	return said[at:]
}

// gets are n GETs of different keys of 16 bytes.
func gets(n int) (requests [][]string) {
	for i := range n {
		requests = append(requests, []string{"GET", "key:" + strings.Repeat("0", 9) + decimal(100+i)})
	}
	return requests
}

// trips are the kinds of traffic that must make no garbage.
func trips(t testing.TB) map[string]*trip {
	mget := []string{"MGET"}
	for _, r := range gets(20) {
		mget = append(mget, r[1])
	}
	split := newTrip(t, "", mget)
	table := split.st.e.pools[0].Table()
	counts := make([]int, 2)
	for _, k := range mget[1:] {
		counts[table.Locate([]byte(k))]++
	}
	for i, n := range counts {
		split.replies[i] = []byte("*" + decimal(n) + "\r\n" + strings.Repeat("$3\r\nabc\r\n", n))
	}
	return map[string]*trip{
		"GET":              newTrip(t, "$3\r\nabc\r\n", gets(1)...),
		"GET pipeline 16":  newTrip(t, "$3\r\nabc\r\n", gets(16)...),
		"GET pipeline 100": newTrip(t, "$3\r\nabc\r\n", gets(100)...),
		"SET 1 KiB":        newTrip(t, "+OK\r\n", []string{"SET", "key", strings.Repeat("v", 1024)}),
		"SET 16 KiB":       newTrip(t, "+OK\r\n", []string{"SET", "key", strings.Repeat("v", 16<<10)}),
		"MGET 20":          split,
	}
}

// TestTripReplies: the trips that are measured do what they are measured for.
func TestTripReplies(t *testing.T) {
	want := map[string]int{"GET": 9, "GET pipeline 16": 16 * 9, "GET pipeline 100": 100 * 9,
		"SET 1 KiB": 5, "SET 16 KiB": 5, "MGET 20": 5 + 20*9}
	for name, p := range trips(t) {
		p.c.owner.Arrived(p.in)
		p.st.run()
		for i, s := range p.servers {
			if len(p.replies[i]) > 0 {
				s.owner.Arrived(p.replies[i])
			}
		}
		p.st.run()
		if got := p.c.take(); len(got) != want[name] || got[0] == '-' {
			t.Errorf("%s: got %d bytes, %q; want %d", name, len(got), got[:min(60, len(got))], want[name])
		}
	}
}

// BenchmarkTrip is the proxy's own work for one round, without a system call.
func BenchmarkTrip(b *testing.B) {
	for name, p := range trips(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(p.in)))
			for b.Loop() {
				p.run()
			}
		})
	}
}
