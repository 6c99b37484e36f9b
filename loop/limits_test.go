package loop

import (
	"strings"
	"testing"
)

// TestServerLimits: what the servers would close a shared link for is refused before any of it is
// sent, in their words, and nobody else notices; what they take is sent.
func TestServerLimits(t *testing.T) {
	const bulk, query = 1 << 20, 2 << 20
	const servers, ours = "-ERR Protocol error: invalid bulk length\r\n", "-ERR Protocol error: invalid bulk length, over limits.bulk_bytes\r\n"
	const buffer = "-ERR Protocol error: invalid bulk length, over the server's client-query-buffer-limit\r\n"
	for _, row := range []struct {
		limits ServerLimits
		most   int
		text   string
	}{
		{ServerLimits{BulkBytes: bulk}, bulk, servers},
		{ServerLimits{QueryBytes: query}, query - 2, buffer},
		{ServerLimits{BulkBytes: bulk, QueryBytes: query}, bulk, servers},
		{ServerLimits{BulkBytes: query, QueryBytes: query}, query - 2, buffer},
		{ServerLimits{BulkBytes: 1 << 40, QueryBytes: 1 << 40}, 4 << 20, ours},
		{ServerLimits{}, 4 << 20, ours},
	} {
		opt := PoolOptions{Limits: Limits{BulkBytes: 4 << 20}}
		x := newWard(t, 0, opt)
		p := x.e.pools[0]
		if changed := p.Bound(row.limits); changed != (row.limits != ServerLimits{}) || p.Bound(row.limits) {
			t.Errorf("%+v: got changed %t, or again", row.limits, changed)
		}
		p.Adjust(opt) // what is learnt outlives a reload
		x.run()
		victim, good, bad := x.client(0, 0), x.client(0, 0), x.client(0, 0)
		victim.say("SET", "v", "1")
		x.asked()
		good.say("SET", "k", strings.Repeat("x", row.most))
		if len(x.asked()) != 1 {
			t.Errorf("%+v: %d bytes were not sent; want them sent", row.limits, row.most)
		}
		got(t, "one byte more", bad.ask("PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$"+decimal(row.most+1)+"\r\nxx"), "+PONG\r\n"+row.text)
		if !bad.closed || len(x.asked()) != 0 || x.servers[0].closed {
			t.Errorf("%+v: one byte more: client closed %t, link closed %t; want the client alone, and nothing sent", row.limits, bad.closed, x.servers[0].closed)
		}
		x.servers[0].arrive("+OK\r\n+OK\r\n")
		x.run()
		got(t, "the others", victim.take()+good.take(), "+OK\r\n+OK\r\n")
		got(t, "CONFIG GET", victim.say("CONFIG", "GET", "proto-max-bulk-len"),
			"*2\r\n$18\r\nproto-max-bulk-len\r\n$7\r\n"+decimal(row.most)+"\r\n")
		p.Bound(ServerLimits{})
		x.run()
		victim.say("SET", "k", strings.Repeat("x", row.most))
		if len(x.asked()) != 1 {
			t.Errorf("%+v: not sent when the limit is gone", row.limits)
		}
	}
}

// TestServerLimitsOfTransactions: a queue that a server would close the link for is not sent.
func TestServerLimitsOfTransactions(t *testing.T) {
	x := newWard(t, 0, PoolOptions{})
	x.e.pools[0].Bound(ServerLimits{QueryBytes: 1 << 20})
	x.run()
	c := x.client(0, 0)
	c.say("MULTI")
	part := strings.Repeat("x", 600<<10)
	got(t, "the first", c.say("SET", "k", part), "+QUEUED\r\n")
	if got := c.say("SET", "k", part); !strings.Contains(got, "client-query-buffer-limit") {
		t.Errorf("beyond the limit: got %q; want it refused", got)
	}
	if got := c.say("EXEC"); !strings.HasPrefix(got, "-EXECABORT") || len(x.asked()) != 0 {
		t.Errorf("got %q; want it aborted and nothing sent", got)
	}
}
