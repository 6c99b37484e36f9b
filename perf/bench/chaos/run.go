package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"huntaway/perf/bench/history"
)

// A fault is one case: what stands, what is done to it, and what must be seen.
type fault struct {
	name   string              // by which -faults and reports know it, such as F1
	what   string              // for people
	plan   func(*plan)         // changes the ordinary plan; nil: nothing
	mix    []maker             // what clients do; nil: ordinary
	inject func(*attack) error // hurts, waits, heals; an error means that it could not be carried out
	free   bool                // the case ends proxies: connections and epochs go with them
	crowd  int                 // clients; 0: as many as the command line says
}

// Settings are what the command line says, for every run.
type settings struct {
	program    string // path of huntaway
	failpoints string // path of huntaway built with -tags failpoints
	clients    int    // connections with pipelines
	rate       int    // operations in a second, of all of them
	keep       string // folder for what failed
	verbose    bool   // print what happens as it does
}

// An attack is one run of a fault. Its fields are set before inject is called; what is
// guarded may be used by several goroutines.
type attack struct {
	*field
	ctx     context.Context
	fault   *fault
	seed    uint64
	set     settings
	random  *rand.Rand // of the fault; clients have their own
	log     *history.Log
	clients []*client
	witness *witness

	mu      sync.Mutex // guards what follows
	windows []history.Window
	splits  []history.Split
	bites   []string // how it is known that the fault bit
	failed  []string // what must not be
	figures map[string][]float64
	notes   []string
}

// An outcome is how a run ended.
type outcome struct {
	fault   string
	seed    uint64
	took    time.Duration
	failed  []string // why it failed; empty: it passed
	vacuous bool     // the fault did not bite
	verdict history.Verdict
	figures map[string][]float64 // what was measured, by its name
	bites   []string
	notes   []string
}

// attempt runs a fault once. The error is for what kept it from running.
func attempt(ctx context.Context, f *fault, seed uint64, set settings) (out outcome, err error) {
	began := time.Now()
	p := plan{program: set.program, mode: "local", groups: 1, servers: 3, proxies: 1}
	if f.plan != nil {
		f.plan(&p)
	}
	if p.failpoint != "" {
		p.program = set.failpoints
		p.env = []string{"HUNTAWAY_FAILPOINT=" + failPoints[seed%uint64(len(failPoints))] + ":" + p.failpoint}
	}
	where, err := newField(ctx, p)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, where.close()) }()
	a := &attack{field: where, ctx: ctx, fault: f, seed: seed, set: set, log: history.NewLog(4 << 20),
		random: newRandom(seed), figures: map[string][]float64{}}
	a.witness = newWitness(a)
	a.gather()
	out.verdict, err = a.besiege()
	a.judge(&out.verdict)
	out.fault, out.seed, out.took = f.name, seed, time.Since(began)
	out.failed, out.bites, out.figures, out.notes = a.failed, a.bites, a.figures, a.notes
	out.vacuous = len(a.bites) == 0
	if err == nil && (len(out.failed) > 0 || out.vacuous) {
		out.notes = append(out.notes, "kept in "+a.keep(&out))
	}
	return out, err
}

// gather makes the clients: those with pipelines of everything, two that only read, and one per
// proxy that pops.
func (a *attack) gather() {
	mix, crowd := a.fault.mix, a.fault.crowd
	if mix == nil {
		mix = ordinary
	}
	if crowd == 0 {
		crowd = a.set.clients
	}
	const most = 8 // of a pipeline, so 4.5 on average
	a.enlist(crowd, trade{mix: mix, most: most, pause: time.Duration(4.5 * float64(crowd) / float64(a.set.rate) * 1e9)})
	a.enlist(2, trade{mix: []maker{lookup}, most: 2, pause: 10 * time.Millisecond})
	a.enlist(len(a.proxies), trade{mix: []maker{pop}, most: 1, pause: 5 * time.Millisecond})
}

// enlist adds n clients of one trade, spread over the proxies.
func (a *attack) enlist(n int, does trade) {
	for range n {
		number := len(a.clients)
		a.clients = append(a.clients, &client{number: number, addr: a.proxies[number%len(a.proxies)].Addr,
			posts: a.posts(), log: a.log, trade: does, closing: a.fault.free, back: comeback{on: a.plan.comesBack},
			random: rand.New(rand.NewPCG(a.seed, uint64(number)))})
	}
}

// besiege lets the clients run, injects the fault, waits until all is well, and judges what the
// clients saw.
func (a *attack) besiege() (v history.Verdict, err error) {
	running, stop := context.WithCancel(a.ctx)
	var all sync.WaitGroup
	for _, c := range a.clients {
		all.Go(func() { c.run(running) })
	}
	all.Go(func() { a.witness.run(running) })
	if err = a.everybodyServed(15 * time.Second); err == nil {
		pauseFor(a.ctx, time.Second)
		before := a.baseline()
		if err = a.fault.inject(a); err == nil {
			a.recover(before)
		}
	}
	stop()
	all.Wait()
	if err != nil {
		return v, err
	}
	return a.verdict()
}

// recover checks liveness (I14), convergence (I15) and resources (I13) behind a fault.
func (a *attack) recover(before []usage) {
	healed := time.Now()
	pauseFor(a.ctx, time.Second)
	if err := a.everybodyServed(5 * time.Second); err != nil {
		a.fail("I14: %v", err)
	}
	if err := await(a.ctx, 15*time.Second, func() bool { return a.apart() == "" }); err != nil {
		a.fail("I15: %s", a.apart())
	}
	a.figure("healed to converged, s", time.Since(healed).Seconds())
	pauseFor(a.ctx, time.Second)
	a.checkUsage(before)
}

// verdict reads back and applies the rules of the history.
func (a *attack) verdict() (v history.Verdict, err error) {
	r := a.history()
	if r.Final, err = a.readBack(); err != nil {
		a.fail("reading back: %v", err)
		return v, nil
	}
	if a.log.Full() {
		a.fail("the history is full and so proves nothing")
	}
	return history.Check(r), nil
}

// history is what was seen, without what the masters hold at the end.
func (a *attack) history() *history.Run {
	r := &history.Run{Banked: accounts * opening, Windows: a.windows, Splits: a.splits, Reigns: a.witness.reigns(),
		Promise: history.Promise{OwnWrites: !a.plan.comesBack, Closes: a.fault.free}}
	r.Ops, r.Conns = a.log.Snapshot()
	a.noteLoss(r.Reigns)
	return r
}

// judge adds what the rules found to what the case did.
func (a *attack) judge(v *history.Verdict) {
	for _, each := range v.Violations {
		a.fail("%s", each)
	}
}

// everybodyServed waits until every client has had replies in a row.
func (a *attack) everybodyServed(within time.Duration) error {
	for _, c := range a.clients {
		c.calm.Store(0)
	}
	left := func() (names []string) {
		for _, c := range a.clients {
			if c.calm.Load() < a.enough(c) {
				names = append(names, fmt.Sprint(c.number))
			}
		}
		return names
	}
	if err := await(a.ctx, within, func() bool { return len(left()) == 0 }); err != nil {
		return fmt.Errorf("clients %s are not served: %w", strings.Join(left(), ", "), err)
	}
	return nil
}

// enough is how many replies in a row show that a client is served: who sends one request at a
// time, or one pipeline a second in a crowd, has fewer in the time there is.
func (a *attack) enough(c *client) int64 {
	if c.most < 8 || c.pause > time.Second/2 {
		return 2
	}
	return calmReplies
}

// pauseFor waits; the end of the context ends it.
func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// newRandom is the sequence of a fault's own decisions under a seed.
func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1<<32)) }
