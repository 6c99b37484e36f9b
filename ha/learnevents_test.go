package ha

import (
	"context"
	"testing"

	"huntaway/shard"
)

// TestLearnKeyspaceEvents: what all servers publish counts, and one that cannot be asked
// leaves it open.
func TestLearnKeyspaceEvents(t *testing.T) {
	one := launch(t, "--notify-keyspace-events", "KEA")
	two := launch(t, "--notify-keyspace-events", "Egx")
	a, b := shard.Server{Addr: one.addr(), Network: "tcp"}, shard.Server{Addr: two.addr(), Network: "tcp"}
	for _, row := range []struct {
		servers []shard.Server
		want    string
	}{
		{[]shard.Server{a}, "AKE"},
		{[]shard.Server{a, a}, "AKE"},
		{[]shard.Server{a, b}, "gxE"},
		{[]shard.Server{b, a}, "gxE"},
	} {
		got, err := LearnKeyspaceEvents(context.Background(), row.servers, Access{})
		if err != nil || got != row.want {
			t.Errorf("%d servers: got %q, %v; want %q", len(row.servers), got, err, row.want)
		}
	}
	for _, servers := range [][]shard.Server{nil, {a, {Addr: "127.0.0.1:1", Network: "tcp"}}} {
		if got, err := LearnKeyspaceEvents(context.Background(), servers, Access{}); err == nil {
			t.Errorf("%d servers: got %q; want an error", len(servers), got)
		}
	}
}
