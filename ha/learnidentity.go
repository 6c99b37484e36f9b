package ha

import (
	"context"
	"sync"

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
	a = a.complete()
	all := make([]Identity, len(servers))
	var asked sync.WaitGroup
	for i := range servers {
		asked.Go(func() { all[i] = a.identity(ctx, &servers[i]) })
	}
	asked.Wait()
	return all
}

// identity asks one server.
func (a Access) identity(ctx context.Context, s *shard.Server) Identity {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	c := a.open(s.Network, s.Addr)
	defer c.Close()
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
