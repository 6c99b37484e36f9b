package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"huntaway/perf/bench/rig"
)

// calmWithin is how soon after the last fault every client must be served again.
const calmWithin = 10 * time.Second

// A field is the servers and what stands in front of them. Owner: soak.
type field struct {
	rig     *rig.Rig     // owns the processes
	servers []*rig.Child // group by group, the master first; the nemesis's while it runs
	proxy   *rig.Child   // nil when clients talk to a server
	addr    string       // where clients connect
}

// soak runs once and returns why it failed; the error is for what kept it from running.
func soak(ctx context.Context, s settings, say func(string, ...any)) (why []string, err error) {
	p, err := profileNamed(s.proxy, s.program, s.loops)
	if err != nil {
		return nil, err
	}
	clients, t, err := newClients(s, p)
	if err != nil {
		return nil, err
	}
	r, err := rig.New()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f := &field{rig: r}
	if err := f.start(ctx, s, p); err != nil {
		return nil, err
	}
	say("seed %d: %d clients, %d of them malicious, through %s to %d servers for %v", s.seed, s.clients, s.malicious, s.proxy, len(f.servers), s.duration)
	n := &nemesis{servers: f.servers, random: seeded(s.seed, nemesisStream), tally: t, say: say}
	g := siege{f, clients, newVillains(s, t), n, t, s.peace, say}
	why = besiege(ctx, s.duration, g)
	say("%s%-20s %d, felt by clients %d\n%-20s %d", t.report(), "faults", n.done, n.bit, "attacks answered", g.attacks())
	why = append(why, t.failures()...)
	if f.proxy != nil && !f.proxy.Alive() {
		why = append(why, "the proxy has ended")
	}
	return why, n.failed
}

// nemesisStream is the nemesis's sequence of random numbers; clients have theirs by number.
const nemesisStream = 1 << 32

// seeded returns the sequence of that number under the seed.
func seeded(seed, number uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, number)) }

// newClients makes the clients and the tally that they share.
func newClients(s settings, p profile) ([]*client, *tally, error) {
	if s.verbs == "" {
		s.verbs = p.verbs
	}
	verbs, err := verbsNamed(s.verbs)
	if err != nil {
		return nil, nil, err
	}
	t := &tally{}
	var all []*client
	for i := range s.clients - s.malicious {
		all = append(all, &client{profile: p, tally: t, script: script{
			run: s.seed, client: i, verbs: verbs, random: seeded(s.seed, uint64(i))}})
	}
	return all, t, nil
}

// start starts groups of servers and the proxy in front of them.
func (f *field) start(ctx context.Context, s settings, p profile) (err error) {
	if p.start == nil {
		s.groups = 1
	}
	pool := rig.Pool{Timeout: serverTimeout}
	if s.peace {
		pool.Timeout = peaceTimeout
	}
	for g := 1; g <= s.groups; g++ {
		lines, err := f.group(ctx, g, s)
		if err != nil {
			return err
		}
		pool.Servers = append(pool.Servers, lines...)
	}
	f.addr = f.servers[0].Addr
	if p.start == nil {
		return nil
	}
	if f.proxy, err = p.start(ctx, f.rig, pool); err == nil {
		f.addr = f.proxy.Addr
	}
	return err
}

// group starts a master, and for huntaway its replicas: the first a secondary, the others
// plain. It returns the lines of the configuration.
func (f *field) group(ctx context.Context, gid int, s settings) ([]string, error) {
	debug := []string{"--enable-debug-command", "local"}
	master, err := f.rig.Redis(ctx, 1, debug...)
	if err != nil {
		return nil, err
	}
	f.servers = append(f.servers, master)
	if s.proxy != "huntaway" {
		return []string{master.Addr + ":1"}, nil
	}
	lines := []string{fmt.Sprintf("%s:1|%d:1:m", master.Addr, gid)}
	host, port, _ := strings.Cut(master.Addr, ":")
	for i := range s.replicas {
		replica, err := f.rig.Redis(ctx, 1, append(debug, "--replicaof", host, port)...)
		if err != nil {
			return nil, err
		}
		f.servers = append(f.servers, replica)
		lines = append(lines, fmt.Sprintf("%s:1|%d:1:%c", replica.Addr, gid, "ns"[min(i, 1)]))
	}
	return lines, nil
}

// A siege is everything that takes part in a run.
type siege struct {
	field   *field
	clients []*client
	evil    []*villain
	nemesis *nemesis
	tally   *tally               // of the clients
	peace   bool                 // the nemesis rests
	say     func(string, ...any) // prints a line
}

// besiege lets the clients run, hurts servers for that long, and waits until every client
// is served again.
func besiege(ctx context.Context, d time.Duration, g siege) (why []string) {
	running, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, c := range g.clients {
		c.addr = g.field.addr
		all.Go(func() { c.run(running) })
	}
	for _, v := range g.evil {
		v.addr = g.field.addr
		all.Go(func() { v.run(running) })
	}
	all.Go(func() { progress(running, g) })
	g.hurt(ctx, d)
	if !g.calm(ctx) {
		why = append(why, fmt.Sprintf("not every client had %d replies in a row without an error within %v of the last fault",
			calmReplies, calmWithin))
	}
	stop()
	all.Wait()
	if ctx.Err() != nil {
		why = append(why, "interrupted")
	}
	return append(why, g.judge()...)
}

// hurt lets the nemesis do its work for that long, if there is not to be peace.
func (g siege) hurt(ctx context.Context, d time.Duration) {
	ctx, heal := context.WithTimeout(ctx, d)
	defer heal()
	if g.peace {
		<-ctx.Done()
		return
	}
	g.nemesis.run(ctx)
}

// judge says what a run has failed to show, or shown against the proxy, beside replies.
func (g siege) judge() (why []string) {
	if g.nemesis.bit == 0 && !g.peace {
		why = append(why, "vacuous: no client felt a fault")
	}
	if len(g.evil) > 0 && g.attacks() == 0 {
		why = append(why, "vacuous: no attack was answered")
	}
	if n := g.tally.errors.Load(); g.peace && n > 0 {
		why = append(why, fmt.Sprintf("%d errors although no server was hurt", n))
	}
	return why
}

// attacks returns how many attacks were answered. The villains are done.
func (g siege) attacks() (n int) {
	for _, v := range g.evil {
		n += v.attacks
	}
	return n
}

// calm waits until each client has been served calmReplies times in a row from now on.
func (g siege) calm(ctx context.Context) bool {
	for _, c := range g.clients {
		c.calm.Store(0)
	}
	ctx, cancel := context.WithTimeout(ctx, calmWithin)
	defer cancel()
	for _, c := range g.clients {
		for c.calm.Load() < calmReplies {
			if !pause(ctx, 10*time.Millisecond) {
				return false
			}
		}
	}
	return true
}

// progress says every ten seconds how far the run is.
func progress(ctx context.Context, g siege) {
	for pause(ctx, 10*time.Second) {
		g.say("%d replies checked, %d errors", g.tally.replies(), g.tally.errors.Load())
	}
}
