package ha

import (
	"context"
	"sync"
	"time"

	"huntaway/shard"
)

// A ProfilePool is a pool whose servers are compared with what failover needs of them.
type ProfilePool struct {
	Name           string
	Mode           string        // who decides: observe, local, sentinel, cluster
	Groups         []shard.Group // as configured: addresses and roles
	Access         Access        // as the monitor has it
	DownAfter      time.Duration // a master silent for so long is dead
	DownMisconf    time.Duration // one that cannot save its data for so long is given up; 0 where nobody has set that
	HoldTimeout    time.Duration // how long writes wait for a master
	ConfigRewrite  bool          // the monitor will ask for CONFIG REWRITE
	Sentinels      []string      // host:port each
	SentinelAccess Access
}

// Weight says what a finding means.
type Weight uint8

// The weights.
const (
	Doubtful Weight = iota // it works, worse than it could
	Fatal                  // it does not work like this
)

// String returns the word that stands before a finding.
func (w Weight) String() string { return [...]string{"warning", "error"}[w] }

// A Finding is one thing that is not as it should be. Immutable.
type Finding struct {
	Weight Weight
	Pool   string
	Group  string // "" for what concerns the whole pool
	Server string // an address, also of a Sentinel; "" for what concerns the whole group
	Is     string // what is
	Should string // what should be, and why
	Do     string // the command that does it; "" when no single one does
}

// looksMost is how many servers are asked at the same time.
const looksMost = 16

// Profile asks every server of a pool, and every Sentinel, what it is and how it is set up,
// and returns what is not as failover needs it: first what concerns groups in their order,
// then the pool. It changes nothing on any server. Each of them has Access.Timeout to answer in.
func Profile(ctx context.Context, p ProfilePool) []Finding {
	silenceLibrary()
	p.Access, p.SentinelAccess = p.Access.complete(), p.SentinelAccess.complete()
	j := &judgement{pool: &p, same: func(a, b string) bool { return sameServer(ctx, a, b) }}
	j.named = func(master, replica *testimony) error { return p.listed(ctx, master, replica) }
	told := p.hear(ctx)
	for i := range p.Groups {
		j.group(&p.Groups[i], told[i])
	}
	j.shared(told)
	j.alike(told)
	if p.Mode == "sentinel" {
		j.sentinels(p.askSentinels(ctx))
	}
	return j.found
}

// hear asks all servers, by group and in the order of its servers.
func (p *ProfilePool) hear(ctx context.Context) [][]*testimony {
	var asking sync.WaitGroup
	turn := make(chan struct{}, looksMost)
	all := make([][]*testimony, len(p.Groups))
	for i := range p.Groups {
		g := &p.Groups[i]
		for k := range g.Servers {
			s := &testimony{server: &g.Servers[k], group: g.Name}
			all[i] = append(all[i], s)
			asking.Go(func() {
				turn <- struct{}{}
				defer func() { <-turn }()
				s.look(ctx, p)
			})
		}
	}
	asking.Wait()
	return all
}

// A judgement collects findings about one pool.
type judgement struct {
	pool  *ProfilePool
	same  func(a, b string) bool                 // whether two addresses are of one server
	named func(master, replica *testimony) error // why the one cannot be told to hand over to the other; nil: it can
	found []Finding
}

// note adds a finding about a server; do may be "".
func (j *judgement) note(w Weight, s *testimony, is, should, do string) {
	j.found = append(j.found, Finding{w, j.pool.Name, s.group, s.server.Addr, is, should, do})
}

// noteGroup adds a finding about a whole group.
func (j *judgement) noteGroup(w Weight, group, is, should string) {
	j.found = append(j.found, Finding{Weight: w, Pool: j.pool.Name, Group: group, Is: is, Should: should})
}

// decided tells whether servers are promoted by somebody who goes by the pool's replicas.
func (p *ProfilePool) decided() bool { return p.Mode == "local" || p.Mode == "sentinel" }
