package ha

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"huntaway/codec"
	"huntaway/shard"
)

// LearnCommands returns which commands all of the servers have that answer COMMAND, for
// codec.Commands.Learn. Each server has Access.Timeout to answer in. The error joins what was
// wrong with servers, of which nothing is believed then; it is no more than a warning, and comes
// with the commands of the others, if there are any.
func LearnCommands(ctx context.Context, servers []shard.Server, a Access) ([]codec.CommandSpec, error) {
	a = a.complete()
	var replies [][]codec.CommandSpec
	var errs []error
	for i := range servers {
		specs, err := a.commands(ctx, &servers[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("asking %s: %w", servers[i].Addr, err))
		} else {
			replies = append(replies, specs)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(replies) == 0 {
		errs = append([]error{errors.New("no server told its commands")}, errs...)
	}
	return codec.CommonCommands(replies), errors.Join(errs...)
}

// commands asks one server.
func (a Access) commands(ctx context.Context, s *shard.Server) ([]codec.CommandSpec, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	c := a.open(s.Network, s.Addr)
	defer c.Close()
	reply, err := c.Do(ctx, "COMMAND").Result()
	if err != nil {
		return nil, err
	}
	specs, err := codec.ParseCommandReply(reply)
	if err == nil {
		err = codec.CheckCommands(specs)
	}
	return specs, err
}

// LearnVersion returns the lowest redis_version among the servers that answer INFO server.
// Clients choose by it which commands they send, so the lowest is the one that is true of
// all. The error joins what was wrong with the servers; it is nil when one of them answered.
func LearnVersion(ctx context.Context, servers []shard.Server, a Access) (string, error) {
	a = a.complete()
	errs := []error{errors.New("no server told its version")}
	lowest := ""
	for i := range servers {
		v, err := a.version(ctx, &servers[i])
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("asking %s: %w", servers[i].Addr, err))
		case lowest == "" || older(v, lowest):
			lowest = v
		}
		if ctx.Err() != nil {
			break
		}
	}
	if lowest == "" {
		return "", errors.Join(errs...)
	}
	return lowest, nil
}

// version asks one server.
func (a Access) version(ctx context.Context, s *shard.Server) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	c := a.open(s.Network, s.Addr)
	defer c.Close()
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", errors.New("INFO server has no redis_version")
}

// older compares versions number by number; what is no number counts as 0.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if m, n := numberAt(x, i), numberAt(y, i); m != n {
			return m < n
		}
	}
	return false
}

// numberAt returns the number at i, 0 when there is none.
func numberAt(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, _ := strconv.Atoi(parts[i])
	return n
}
