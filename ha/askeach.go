package ha

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"

	"huntaway/shard"
)

// askEach asks servers, all at once, each over a connection of its own and with Access.Timeout to answer in. In the
// order of the servers.
func askEach[T any](ctx context.Context, servers []shard.Server, a Access, ask func(context.Context, *redis.Client) T) []T {
	a = a.complete()
	all := make([]T, len(servers))
	var asked sync.WaitGroup
	for i := range servers {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, a.Timeout)
			defer cancel()
			c := a.open(servers[i].Network, servers[i].Addr)
			defer c.Close()
			all[i] = ask(ctx, c)
		})
	}
	asked.Wait()
	return all
}
