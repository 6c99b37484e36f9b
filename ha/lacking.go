package ha

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/shard"
)

// A failover finds out which rights are missing when it is too late: a master has been given up by then, and
// who was promoted refuses the group's mark. So the servers are asked for them all the time, and before a switchover.

// rightsEvery is how often the servers of a group are asked what the monitor's user may do there.
const rightsEvery = int64(10 * time.Second)

// decides tells whether servers are told anything for the pool's groups.
func (o *PoolOptions) decides() bool {
	return !o.Cluster && (o.Failover.Mode == failover.Local || o.Failover.Mode == failover.Sentinel)
}

// lookAtRights asks the servers of a group for what nobody can be made master without, on a goroutine of its own.
func (w *watch) lookAtRights(s *groupDriver) {
	s.rightsAt = perf.Now() + rightsEvery
	if s.asking {
		return
	}
	s.asking = true
	ctx, o, servers := w.ctx, w.o, w.seen.Groups[w.index(s.group)].Servers
	w.working.Go(func() {
		lines := lackingOf(ctx, &o, s.group, servers, func(r *right) bool { return r.weight == Fatal })
		select {
		case <-ctx.Done():
		case w.outcomes <- outcome{group: s.group, rights: true, lacking: lines}:
		}
	})
}

// learnt takes which rights are missing, and says of each once that it is.
func (w *watch) learnt(s *groupDriver, lacking []string) {
	s.asking = false
	for _, line := range lacking {
		if !slices.Contains(s.lacking, line) {
			w.remark(s.group, "a right is missing that failovers need", line)
		}
	}
	s.lacking = lacking
}

// lackingOf returns what the monitor's user may not do at servers of a group of what is wanted, and what would give it
// that, a line for each. Servers that do not tell have no line.
func lackingOf(ctx context.Context, o *PoolOptions, group string, servers []shard.Server, wanted func(*right) bool) (lines []string) {
	found := map[string][]string{} // whom it is said of, by what is said
	mode := o.Failover.Mode.String()
	answers := askEach(ctx, servers, o.Access, func(ctx context.Context, c *redis.Client) (all []string) {
		user, lacking, _ := lacksOf(ctx, c, group, func(r *right) bool { return r.asked(mode, !o.NoRewrite) && wanted(r) })
		for _, l := range lacking {
			all = append(all, fmt.Sprintf("%s at %%s: %s; ACL SETUSER %s %s there", l.is(user), l.why, user, l.rule()))
		}
		return all
	})
	for i, all := range answers {
		for _, what := range all {
			if found[what] == nil {
				lines = append(lines, what)
			}
			found[what] = append(found[what], servers[i].Addr)
		}
	}
	for i, what := range lines {
		lines[i] = strings.Replace(what, "%s", strings.Join(found[what], ", "), 1)
	}
	return lines
}

// permitted returns an error when a right is missing for a switchover. A target that does not tell has the group's mark written
// in a way that changes nothing: it is a replica, which refuses that, and mostly has it.
func (p *place) permitted(ctx context.Context, wish failover.Wish) error {
	master, target := p.server(wish.Expect), p.server(wish.To)
	if master == nil || target == nil {
		return nil // the plan would have been refused
	}
	o := &p.watch.o
	pausing := wish.Fast || o.Failover.Mode == failover.Sentinel
	lines := lackingOf(ctx, o, p.group.Name, []shard.Server{*target}, func(r *right) bool { return r.weight == Fatal })
	for _, line := range lackingOf(ctx, o, p.group.Name, []shard.Server{*master}, func(r *right) bool {
		return r.weight == Fatal || r.name == "failover" && !pausing || strings.HasSuffix(r.name, "pause") && pausing
	}) {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 {
		return fmt.Errorf("a right is missing: %s", strings.Join(lines, "; "))
	}
	c := o.Access.open(target.Network, target.Addr)
	defer c.Close()
	err := c.Do(ctx, "SET", markerKey(p.group.Name), 0, "NX", "PX", 1).Err()
	if beginsWith(err, "NOPERM ") {
		return fmt.Errorf("a right is missing at %s, which would have to take the mark %s: %w", target.Addr, markerKey(p.group.Name), err)
	}
	return nil
}
