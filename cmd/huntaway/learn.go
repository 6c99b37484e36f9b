package main

import (
	"context"
	"reflect"
	"time"

	"huntaway/codec"
	"huntaway/ha"
	"huntaway/shard"
)

// How often servers are asked what they know: until one has told, and from then on, because
// servers are upgraded while proxies run.
const (
	learnSoon  = time.Second
	learnAgain = time.Minute
)

// learn keeps a pool's table of commands, and the version and the keyspace events that
// clients are told of, up to date until ctx is over. Servers that cannot be asked are no
// reason not to serve: what the program itself knows of commands is enough for those of
// Redis 7 and 8 and Valkey.
func (p *proxy) learn(ctx context.Context, s *served, a ha.Access) {
	var known []codec.CommandSpec
	doubted, bounds := "", serverBounds{}
	for wait := time.Duration(0); rest(ctx, wait); {
		wait = learnSoon
		p.bound(ctx, s, a, bounds)
		servers := masters(s.pool.Table())
		specs, err := ha.LearnCommands(ctx, members(s.pool.Table()), a)
		doubted = p.doubt(s, err, doubted)
		if specs == nil {
			continue
		}
		wait = learnAgain
		if !reflect.DeepEqual(specs, known) {
			known = specs
			s.pool.Learn(specs)
			p.log.Info("commands learnt", "pool", s.name, "commands", len(specs))
		}
		if v, err := ha.LearnVersion(ctx, servers, a); err == nil {
			s.pool.SetServerVersion(v)
		}
		if flags, err := ha.LearnKeyspaceEvents(ctx, servers, a); err == nil {
			s.pool.SetKeyspaceEvents(flags)
		}
	}
}

// doubt says what was wrong with servers that were asked for their commands, when that is not
// what was said before, and returns it.
func (p *proxy) doubt(s *served, err error, before string) (text string) {
	if err != nil {
		text = err.Error()
	}
	if err != nil && text != before {
		p.log.Info("commands not learnt of all servers", "pool", s.name, "err", err)
	}
	return text
}

// members returns all servers of a table: whoever serves a read must know its command too.
func members(t *shard.Table) (servers []shard.Server) {
	for g := range t.Groups {
		for _, s := range t.Groups[g].Servers {
			servers = append(servers, s)
		}
	}
	return servers
}

// masters returns the servers that take a table's writes.
func masters(t *shard.Table) (servers []shard.Server) {
	for g := range t.Groups {
		if s := t.Server(t.Groups[g].Master); s != nil {
			servers = append(servers, *s)
		}
	}
	return servers
}

// rest waits; false when ctx is over.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
