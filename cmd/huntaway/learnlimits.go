package main

import (
	"context"

	"huntaway/ha"
	"huntaway/loop"
	"huntaway/shard"
)

// serverBounds is what servers have said of how they bound a connection, by address. What one has
// said counts until it says something else: it may be out of reach just now.
type serverBounds map[string]ha.ServerLimits

// bound has clients of a pool refused what one of its servers would close a connection for, and warns
// of servers that close one for what many clients are owed together: that cannot be refused.
func (p *proxy) bound(ctx context.Context, s *served, a ha.Access, known serverBounds) {
	servers := members(s.pool.Table())
	for i, l := range ha.LearnLimits(ctx, servers, a) {
		if l.Known {
			p.warnOfOutput(s.name, servers[i].Addr, l, known[servers[i].Addr])
			known[servers[i].Addr] = l
		}
	}
	if least := known.least(servers); s.pool.Bound(least) {
		p.log.Info("limits of the servers learnt", "pool", s.name, "proto-max-bulk-len", least.BulkBytes, "client-query-buffer-limit", least.QueryBytes)
	}
}

// least returns the limits that hold for requests that may be sent to any of the servers.
func (b serverBounds) least(servers []shard.Server) (all loop.ServerLimits) {
	for i := range servers {
		l := b[servers[i].Addr]
		all.BulkBytes = lesser(all.BulkBytes, l.Bulk)
		all.QueryBytes = lesser(all.QueryBytes, l.Query)
	}
	return all
}

// lesser returns the lesser of two limits, of which 0 is not known.
func lesser(a, b int64) int64 {
	switch {
	case a <= 0:
		return b
	case b <= 0:
		return a
	}
	return min(a, b)
}

// warnOfOutput logs what is new of what a server closes connections for.
func (p *proxy) warnOfOutput(pool, server string, now, before ha.ServerLimits) {
	const closes = "server closes connections that many clients share, when one of them is owed much"
	if now.Output != "" && now.Output != before.Output {
		p.log.Warn(closes, "pool", pool, "server", server, "client-output-buffer-limit", "normal "+now.Output, "want", "normal 0 0 0")
	}
	if now.Subscriptions != "" && now.Subscriptions != before.Subscriptions { // Redis' own default, and no harm without subscribers
		p.log.Info("server closes the connection that all subscriptions share, when more is published at once",
			"pool", pool, "server", server, "client-output-buffer-limit", "pubsub "+now.Subscriptions, "want", "pubsub 0 0 0")
	}
	if now.Memory != "" && now.Memory != before.Memory {
		p.log.Warn(closes, "pool", pool, "server", server, "maxmemory-clients", now.Memory, "want", "0")
	}
}
