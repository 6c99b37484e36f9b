package ha

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/vital"
	"huntaway/shard"
)

// How a handover is timed.
const (
	reportEvery  = time.Second             // a replica tells its master how far it is
	approachPoll = 5 * time.Millisecond    // between two looks for that
	approachLead = 60 * time.Millisecond   // before the next report writes begin to be held
	approachMost = 1200 * time.Millisecond // a report is waited for: without traffic none shows, nor is one needed
)

// approach returns shortly before the target tells the master how far it is, which it does
// once a second, and which FAILOVER waits for with all writes held: a switchover that begins
// then holds them for a tenth of a second instead of up to one. WAIT does not help, for the
// question it sends to replicas is itself what they have not acknowledged then. It is no more
// than good timing: whatever goes wrong, it returns and the switchover goes on.
func (p *place) approach(ctx context.Context, from, to int32) {
	master, target := p.server(from), p.server(to)
	if master == nil || target == nil {
		return
	}
	c := p.watch.o.Access.open(master.Network, master.Addr)
	defer c.Close()
	if !seesReport(ctx, c, target.Addr) {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(reportEvery - approachLead):
	}
}

// seesReport waits for the next report of the replica at addr to the master behind c, and tells
// whether one came.
func seesReport(ctx context.Context, c *redis.Client, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, approachMost)
	defer cancel()
	tick := time.NewTicker(approachPoll)
	defer tick.Stop()
	for last := int64(-1); ; {
		r, err := inquire(ctx, c)
		if err != nil {
			return false
		}
		now, listed := reported(&r, addr)
		if !listed || last >= 0 && now != last {
			return listed
		}
		last = now
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// reported returns the offset that the replica at addr has last told its master. A replica
// that is listed under another address is known when it is the only one.
func reported(r *vital.Replication, addr string) (offset int64, listed bool) {
	i := slices.IndexFunc(r.Followers, func(f vital.Follower) bool { return f.Addr == addr })
	if i < 0 && len(r.Followers) == 1 {
		i = 0
	}
	if i < 0 {
		return 0, false
	}
	return r.Followers[i].Offset, true
}

// server returns a member of the group.
func (p *place) server(id int32) *shard.Server {
	for i := range p.group.Servers {
		if p.group.Servers[i].ID == id {
			return &p.group.Servers[i]
		}
	}
	return nil
}
