package ha

import (
	"context"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/vital"
	"huntaway/shard"
)

// An Identity is what tells a process from others. Immutable.
type Identity struct {
	RunID  string // "" when it has not said
	Master bool   // it says that it is one
}

// LearnIdentities asks servers, all at once, who they are. Each has Access.Timeout to answer in; who does not has
// the zero Identity. In the order of the servers.
func LearnIdentities(ctx context.Context, servers []shard.Server, a Access) []Identity {
	return askEach(ctx, servers, a, identityOf)
}

// identityOf asks one server.
func identityOf(ctx context.Context, c *redis.Client) Identity {
	var text string
	for _, section := range []string{"server", "replication"} {
		part, err := c.Info(ctx, section).Result()
		if err != nil {
			return Identity{}
		}
		text += part + "\r\n"
	}
	r, ok := vital.ParseReplication(text)
	if !ok {
		return Identity{}
	}
	return Identity{RunID: r.RunID, Master: !r.Replica}
}
