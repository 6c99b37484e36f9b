package ha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"huntaway/ha/failover"
	"huntaway/shard"
)

// A GroupStatus is what the monitor thinks of one group, and of who may be its master. A copy.
type GroupStatus struct {
	failover.Status
	Pool       string
	Mode       failover.Mode
	Cluster    bool          // the servers are a Redis Cluster, which decides; Mode means nothing
	MasterAddr string        // of the table's master; "": there is none
	For        time.Duration // how long State has held
	Hold       time.Duration // how long writes wait at most while the group has no master that is well (hold_timeout)
}

// A SwitchoverOrder is an operator's wish for another master.
type SwitchoverOrder struct {
	Pool   string // may be "" when only one pool has such a group
	Group  string // its name; may be "" when the pool has only one group
	To     string // the address, or the name, of the member that shall be master
	Expect string // likewise of who is master now; anybody else is not replaced. "": whoever it is
	Fast   bool   // by offsets under CLIENT PAUSE instead of FAILOVER, for servers older than 6.2
	DryRun bool   // only say what would be done
	By     string // who wants it, for the log
}

// ErrUnknown is in the errors of orders that name a pool, a group or a server that does not
// exist.
var ErrUnknown = errors.New("unknown")

// Groups returns what is thought of every group of every running pool, the pools in the
// order of their names and the groups in that of the tables.
func (m *Monitor) Groups() []GroupStatus {
	var all []GroupStatus
	pools := *m.pools.Load()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		all = append(all, pools[name].groups()...)
	}
	sayShared(all)
	return all
}

// Events returns the last hundred changes of servers and the last hundred of groups, merged,
// oldest first.
func (m *Monitor) Events() []Transition {
	all := append(m.servers.all(), m.decisions.all()...)
	slices.SortFunc(all, func(a, b Transition) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.noted, b.noted)) })
	for i := 1; i < len(all); i++ { // each was told on its own what time it is
		if all[i].Time.Before(all[i-1].Time) {
			all[i].Time = all[i-1].Time
		}
	}
	return all
}

// Switchover makes another member the group's master, without a failed request, and returns
// when that is over, or the plan when only that is wanted. The error says why it was refused
// or given up; the master is then who it was. When ctx ends first the switchover goes on.
func (m *Monitor) Switchover(ctx context.Context, o SwitchoverOrder) (plan []string, err error) {
	p, err := m.find(o.Pool, o.Group)
	if err != nil {
		return nil, err
	}
	wish := failover.Wish{Kind: failover.WishSwitchover, Fast: o.Fast, DryRun: o.DryRun, By: o.By, Expect: p.group.Master}
	if wish.To, err = p.member(o.To); err != nil {
		return nil, err
	}
	if o.Expect != "" {
		if wish.Expect, err = p.member(o.Expect); err != nil {
			return nil, err
		}
	}
	mode := p.watch.o.Failover.Mode
	if mode == failover.Sentinel && !o.DryRun {
		return p.switchByArbiter(ctx, wish)
	}
	if plan, err = p.plan(ctx, wish); err != nil || o.DryRun {
		return plan, err
	}
	if mode == failover.Local && !o.Fast {
		p.approach(ctx, wish.Expect, wish.To)
	}
	return p.watch.order(ctx, p.group.Name, wish)
}

// plan returns the steps of a switchover, or why it would be refused.
func (p *place) plan(ctx context.Context, wish failover.Wish) ([]string, error) {
	wish.DryRun = true
	steps, err := p.watch.order(ctx, p.group.Name, wish)
	if err == nil {
		err = p.permitted(ctx, wish)
	}
	switch mode := p.watch.o.Failover.Mode; {
	case err != nil:
	case mode == failover.Sentinel:
		err = p.askArbiter(ctx, wish)
	case mode == failover.Local && !wish.Fast:
		err = p.listed(ctx, wish, steps)
	}
	if err != nil {
		steps = nil // none of them would be taken
	}
	return steps, err
}

// listed looks whether the master can be told to hand over to the target, and has the steps say as whom it knows that
// one.
func (p *place) listed(ctx context.Context, wish failover.Wish, steps []string) error {
	master, target := p.server(wish.Expect), p.server(wish.To)
	if master == nil || target == nil {
		return nil // the plan would have been refused
	}
	access := p.watch.o.Access
	c := access.open(master.Network, master.Addr)
	defer c.Close()
	r, err := inquire(ctx, c)
	if err != nil {
		return fmt.Errorf("the master %s does not say whom it lists as replicas: %w", master.Addr, err)
	}
	l := listing{master: c, repl: &r, addr: master.Addr, target: target.Addr, access: access}
	addr, err := l.proven(ctx)
	if err != nil || addr == target.Addr {
		return err
	}
	for i := range steps {
		steps[i] = strings.Replace(steps[i], "FAILOVER TO "+target.Addr, "FAILOVER TO "+addr+", as which the master lists "+target.Addr+",", 1)
	}
	return nil
}

// Resolve names the master of a group whatever the evidence, for one that cannot be decided.
func (m *Monitor) Resolve(ctx context.Context, pool, group, master, by string) error {
	p, err := m.find(pool, group)
	if err != nil {
		return err
	}
	wish := failover.Wish{Kind: failover.WishResolve, By: by}
	if wish.To, err = p.member(master); err != nil {
		return err
	}
	_, err = p.watch.order(ctx, p.group.Name, wish)
	return err
}

// Latch switches automatic failover of a group off until Release.
func (m *Monitor) Latch(ctx context.Context, pool, group, by string) error {
	return m.simple(ctx, pool, group, failover.Wish{Kind: failover.WishLatch, By: by})
}

// Release switches automatic failover of a group on again.
func (m *Monitor) Release(ctx context.Context, pool, group, by string) error {
	return m.simple(ctx, pool, group, failover.Wish{Kind: failover.WishRelease, By: by})
}

func (m *Monitor) simple(ctx context.Context, pool, group string, w failover.Wish) error {
	p, err := m.find(pool, group)
	if err != nil {
		return err
	}
	_, err = p.watch.order(ctx, p.group.Name, w)
	return err
}

// A place is a group that was found by its name.
type place struct {
	watch *watch
	group *shard.Group
}

// find returns the group of that name.
func (m *Monitor) find(pool, group string) (place, error) {
	var found []place
	var known []string
	pools := *m.pools.Load()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		t := pools[name].o.Publisher.Table()
		for i := range t.Groups {
			known = append(known, name+"/"+t.Groups[i].Name)
			if (pool == "" || pool == name) && (group == "" || group == t.Groups[i].Name) {
				found = append(found, place{pools[name], &t.Groups[i]})
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return place{}, fmt.Errorf("%w group %q of pool %q; there are (as pool/group): %s",
			ErrUnknown, group, pool, strings.Join(known, " "))
	}
	return place{}, fmt.Errorf("%w: %d groups answer to group %q of pool %q; name the pool and the group, of these (as pool/group): %s",
		ErrUnknown, len(found), group, pool, strings.Join(known, " "))
}

// member returns the ID of the member with that address or name.
func (p place) member(name string) (int32, error) {
	var known []string
	for i := range p.group.Servers {
		s := &p.group.Servers[i]
		if s.Addr == name || s.Name == name {
			return s.ID, nil
		}
		known = append(known, s.Addr)
	}
	return -1, fmt.Errorf("%w server %q in group %s; its members are %s", ErrUnknown, name, p.group.Name, strings.Join(known, " "))
}
