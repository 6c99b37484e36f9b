package ha

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"huntaway/shard"
)

// LearnKeyspaceEvents returns which keyspace events every one of the servers publishes, in
// the letters of notify-keyspace-events. It fails when one of them cannot be asked: what it
// publishes is not known then.
func LearnKeyspaceEvents(ctx context.Context, servers []shard.Server, a Access) (string, error) {
	a = a.complete()
	if len(servers) == 0 {
		return "", errors.New("no server to ask for its events")
	}
	common := ""
	for i := range servers {
		flags, err := a.events(ctx, &servers[i])
		if err != nil {
			return "", fmt.Errorf("asking %s: %w", servers[i].Addr, err)
		}
		if i == 0 {
			common = flags
		}
		common = commonEvents(common, flags)
	}
	return common, nil
}

// events asks one server.
func (a Access) events(ctx context.Context, s *shard.Server) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	c := a.open(s.Network, s.Addr)
	defer c.Close()
	const name = "notify-keyspace-events"
	reply, err := c.ConfigGet(ctx, name).Result()
	return reply[name], err
}

// commonEvents returns the letters that both have. A stands for ten others.
func commonEvents(a, b string) string {
	if a == b {
		return a
	}
	all := strings.NewReplacer("A", "g$lshzxetd")
	b = all.Replace(b)
	return strings.Map(func(letter rune) rune {
		if strings.ContainsRune(b, letter) {
			return letter
		}
		return -1
	}, all.Replace(a))
}
