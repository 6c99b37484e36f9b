package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gomodule/redigo/redis"

	"huntaway/perf/bench/rig"
)

// A plan is what a case needs to stand.
type plan struct {
	program   string   // path of huntaway
	env       []string // of the proxies
	mode      string   // failover = ...
	groups    int
	servers   int // of each group: a master, a secondary, and replicas
	proxies   int
	sentinels int
	wired     bool     // a wire in front of every server
	split     bool     // master, secondary and first proxy in one half of a network, the others in the other
	beside    int      // Sentinels in the half of the master
	distant   bool     // a wire between the second proxy and each Sentinel
	failpoint string   // what happens at the fail point that the seed draws: exit or stop; "": nothing
	named     bool     // servers have names, which a DNS server of the case's own knows
	clocks    bool     // servers and Sentinels have calendars of their own, which can jump
	comesBack bool     // clients go on elsewhere when a connection ends between two replies
	pool      []string // more lines of the pool's configuration
	redis     []string // more lines of every server's
}

// A group is servers that hold the same data.
type group struct {
	name    string
	servers []*server // as configured: master, secondary, replicas
	post    post
}

// A field is every process of one run. Owner: the run; close ends them.
type field struct {
	plan      plan
	rig       *rig.Rig
	dir       string  // scratch: configurations, logs, data
	halves    *halves // nil: everything is on the loopback network
	groups    []*group
	sentinels []*sentinel
	proxies   []*proxy
	dns       *nameServer // nil: servers have no names
}

// newField starts everything and returns when every replica is in step and every group is served.
func newField(ctx context.Context, p plan) (*field, error) {
	r, err := rig.New()
	if err != nil {
		return nil, err
	}
	f := &field{plan: p, rig: r}
	if err := f.start(ctx); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *field) start(ctx context.Context) error {
	marker, err := f.rig.WriteFile("readme", "processes of one run of chaos\n")
	if err != nil {
		return err
	}
	f.dir = filepath.Dir(marker)
	if f.plan.named {
		if f.dns, err = newNameServer(f.dir); err != nil {
			return err
		}
	}
	if f.plan.split {
		if f.halves, err = newHalves(); err != nil {
			return err
		}
	}
	for g := range f.plan.groups {
		if err := f.startGroup(ctx, fmt.Sprintf("g%d", g+1)); err != nil {
			return err
		}
	}
	for n := range f.plan.sentinels {
		if err := f.startSentinel(ctx, n+1); err != nil {
			return err
		}
	}
	if err := f.sentinelsAgree(ctx); err != nil {
		return fmt.Errorf("Sentinels do not find each other and the replicas: %w", err)
	}
	for n := range f.plan.proxies {
		p, err := f.startProxy(ctx, fmt.Sprintf("p%d", n+1))
		if err != nil {
			return err
		}
		f.proxies = append(f.proxies, p)
	}
	return f.settle(ctx)
}

// startGroup starts a master and those that follow it.
func (f *field) startGroup(ctx context.Context, name string) error {
	g := &group{name: name}
	where := site{wired: f.plan.wired, lines: f.plan.redis}
	for i := range f.plan.servers {
		where.name = fmt.Sprintf("%s-%c%d", name, "mns"[min(i, 2)], i)
		where.number = 10*(len(f.groups)+1) + i
		where.place = f.place(i / 2)
		s, err := f.startServer(ctx, where)
		if err != nil {
			return err
		}
		g.servers = append(g.servers, s)
		where.master = g.servers[0].at
	}
	f.groups = append(f.groups, g)
	return nil
}

// place is where processes stand: with halves in one of them, 0 or 1; what is above counts as 1.
func (f *field) place(half int) place {
	if f.halves == nil {
		return here()
	}
	return f.halves.each[min(half, 1)]
}

// settle waits until replicas are in step, and finds out which keys belong to which group.
func (f *field) settle(ctx context.Context) error {
	for _, g := range f.groups {
		for _, s := range g.servers[1:] {
			if err := await(ctx, 20*time.Second, func() bool { return s.follows(g.servers[0]) }); err != nil {
				return fmt.Errorf("%s does not follow its master: %w", s.name, err)
			}
		}
	}
	if len(f.proxies) == 0 {
		return nil
	}
	if err := await(ctx, 10*time.Second, func() bool { return f.findPosts() == nil }); err != nil {
		return fmt.Errorf("looking for keys of every group: %w (%w)", err, f.findPosts())
	}
	return f.openBanks(ctx)
}

// findPosts writes keys through the first proxy until every group has one.
func (f *field) findPosts() error {
	found := 0
	for n := 0; found < len(f.groups) && n < 64; n++ {
		tag := fmt.Sprintf("t%d", n)
		if _, err := rig.Call(f.proxies[0].Addr, 3*time.Second, "SET", "where:{"+tag+"}", "1"); err != nil {
			return err
		}
		for _, g := range f.groups {
			if got, err := g.servers[0].call("EXISTS", "where:{"+tag+"}"); err == nil && got == "1" && g.post.tag == "" {
				g.post = post{g.name, tag}
				found++
			}
		}
	}
	for _, g := range f.groups {
		if g.post.tag == "" {
			return fmt.Errorf("no key of 64 belongs to %s", g.name)
		}
	}
	return nil
}

// openBanks gives every account what it holds in the beginning, and writes what never changes;
// the replicas have it when it returns.
func (f *field) openBanks(ctx context.Context) error {
	for _, g := range f.groups {
		for n := range accounts {
			if _, err := g.servers[0].call("SET", account(g.post, n), fmt.Sprint(opening)); err != nil {
				return err
			}
		}
		if _, err := g.servers[0].call("SET", known(g.post), known(g.post)); err != nil {
			return err
		}
		for _, s := range g.servers {
			if err := await(ctx, 5*time.Second, func() bool { got, _ := s.call("EXISTS", known(g.post)); return got == "1" }); err != nil {
				return fmt.Errorf("%s lacks what the master has: %w", s.name, err)
			}
		}
	}
	return nil
}

// close ends every process and wire, and removes the scratch directory.
func (f *field) close() error {
	err := f.rig.Close()
	if f.dns != nil {
		err = errors.Join(err, f.dns.conn.Close())
	}
	for _, g := range f.groups {
		for _, s := range g.servers {
			if s.wire != nil {
				s.wire.close()
			}
		}
	}
	for _, s := range f.sentinels {
		if s.wire != nil {
			s.wire.close()
		}
	}
	if f.halves != nil {
		err = errors.Join(err, f.halves.close())
	}
	return err
}

// posts returns where keys are.
func (f *field) posts() (all []post) {
	for _, g := range f.groups {
		all = append(all, g.post)
	}
	return all
}

// master returns the one server of the group that says it is master and that others
// follow, or, with none that follow, the only one that says so; nil when that is not clear.
func (g *group) master() *server {
	var found *server
	for _, s := range g.servers {
		if !s.Alive() || !s.isMaster() {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}

// byPort finds the server that calls itself so; nil when it is a stranger.
func (g *group) byPort(port string) *server {
	for _, s := range g.servers {
		if s.port == port {
			return s
		}
	}
	return nil
}

// direct connects to a server itself, to read what a case left.
func (s *server) direct() (redis.Conn, error) {
	return redis.Dial("tcp", s.Addr, redis.DialConnectTimeout(3*time.Second), redis.DialReadTimeout(10*time.Second))
}

// await polls until the condition holds.
func await(ctx context.Context, within time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		if holds() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", within, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
