package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A sample is one measurement: one subject under one load in one round.
type sample struct {
	Load     string  // its name
	Subject  string  // its name
	Groups   int     // behind the subject
	Round    int     // from 0
	Requests int     // that were measured, without the warm-up
	Rate     float64 // requests per second
	P50, P99 float64 // milliseconds, as redis-benchmark sees them
	CPU      float64 // microseconds of the proxy per request; 0 without a proxy
	RSS      int64   // bytes of the proxy afterwards; 0 without a proxy
}

// A plan is every combination of its loads, numbers of groups and subjects.
type plan struct {
	rounds   int       // how often each combination is measured
	loads    []load    //
	groups   []int     // behind the subject
	subjects []subject // in the order of the first round
}

// A task is one combination; it has its place in every round.
type task struct {
	load    load
	groups  int // behind the subject
	subject subject
}

// bench is one run of the program and what it found. Owner: the main goroutine.
type bench struct {
	settings
	env      environment
	samples  []sample
	extra    []sample    // of the modes groups and clients
	calls    []callCount // system calls, from the pass with strace
	sections []section   // of the report, beside the matrix
	goals    []goal      // what was asked for beside what was measured
	ended    error       // why it ended early, nil when it did not
}

func newBench(s settings) *bench {
	return &bench{settings: s, env: lookAround(s)}
}

// matrix runs every load on every subject, round by round.
func (b *bench) matrix(ctx context.Context) error {
	var wanted []load
	for _, l := range loads {
		if b.settings.loads.MatchString(l.name) {
			wanted = append(wanted, l)
		}
	}
	if len(wanted) == 0 {
		return fmt.Errorf("-loads %q selects none of the loads", b.settings.loads)
	}
	got, err := b.interleave(ctx, plan{b.rounds, wanted, []int{2}, b.present()})
	b.samples = got
	return err
}

// present returns the subjects that can be measured here.
func (b *bench) present() []subject {
	return slices.DeleteFunc(slices.Clone(b.subjects), func(s subject) bool { return s.missing != "" })
}

// proxies returns the present subjects that have a process of their own.
func (b *bench) proxies() []subject {
	return slices.DeleteFunc(b.present(), func(s subject) bool { return s.kind == direct })
}

// interleave measures every task of the plan once per round. Within a round the subjects of one
// load follow each other directly, so that they meet the same weather; the order of the
// subjects is turned by one from round to round. What was measured before an error is
// returned with it.
func (b *bench) interleave(ctx context.Context, p plan) ([]sample, error) {
	var got []sample
	for round := range p.rounds {
		for _, t := range p.order(round) {
			s, err := b.measureFresh(ctx, t)
			if err != nil {
				return got, fmt.Errorf("round %d, %s, %s: %w", round+1, t.load.name, t.subject.name, err)
			}
			s.Round = round
			got = append(got, s)
			fmt.Fprintf(b.progress, "round %d/%d  %-10s %-11s groups=%-2d %9.0f/s  p99 %.3f ms  CPU %6.2f us\n",
				round+1, p.rounds, s.Load, s.Subject, s.Groups, s.Rate, s.P99, s.CPU)
		}
	}
	return got, nil
}

// order lists the tasks of one round.
func (p plan) order(round int) []task {
	var tasks []task
	for _, l := range p.loads {
		for _, g := range p.groups {
			for i := range p.subjects {
				tasks = append(tasks, task{l, g, p.subjects[(i+round)%len(p.subjects)]})
			}
		}
	}
	return tasks
}

// measureFresh starts everything that the task needs, measures, and ends everything.
func (b *bench) measureFresh(ctx context.Context, t task) (s sample, err error) {
	st, err := newStand(ctx, t.subject, t.groups)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	n, err := b.prepare(ctx, st, t.load)
	if err != nil {
		return s, err
	}
	return st.measure(ctx, t.load, n)
}

// prepare fills the servers, warms the subject up and returns how many requests to measure.
func (b *bench) prepare(ctx context.Context, st *stand, l load) (int, error) {
	if err := st.fill(l); err != nil {
		return 0, err
	}
	warm := l.warm
	if b.requests > 0 {
		warm = min(warm, b.requests)
	}
	fig, err := l.run(ctx, st.addr, warm)
	if err != nil || b.requests > 0 {
		return b.requests, err
	}
	return l.lasting(b.length, fig.rate), nil
}

// lasting returns how many requests take about that long at that rate: whole pipelines,
// forty per client at the least, or opening the connections would weigh in the figure.
func (l load) lasting(d time.Duration, rate float64) int {
	turn := l.clients * l.pipeline
	return turn * max(40, int(rate*d.Seconds())/turn)
}

// measure runs n requests between two looks at the proxy's times, and lets the servers
// confirm them.
func (st *stand) measure(ctx context.Context, l load, n int) (sample, error) {
	s := sample{Load: l.name, Subject: st.subject.name, Groups: st.groups, Requests: n}
	done, err := st.executed()
	if err != nil {
		return s, err
	}
	before, err := st.cpuTime()
	if err != nil {
		return s, err
	}
	fig, err := l.run(ctx, st.addr, n)
	if err != nil {
		return s, err
	}
	after, err := st.cpuTime()
	if err != nil {
		return s, err
	}
	s.Rate, s.P50, s.P99 = fig.rate, fig.p50, fig.p99
	s.CPU = float64((after - before).Microseconds()) / float64(n)
	return s, errors.Join(st.confirm(done+n*l.keys), st.memory(&s))
}

// confirm fails unless the servers have executed at least that much.
func (st *stand) confirm(want int) error {
	got, err := st.executed()
	if err == nil && got < want {
		err = fmt.Errorf("the servers executed %d of %d; want all: some requests were answered with errors", got, want)
	}
	return err
}

// cpuTime is the proxy's, 0 without one.
func (st *stand) cpuTime() (time.Duration, error) {
	if st.proxy == nil {
		return 0, nil
	}
	return cpuTime(st.proxy.PID())
}

func (st *stand) memory(s *sample) (err error) {
	if st.proxy != nil {
		s.RSS, err = status(st.proxy.PID(), "VmRSS")
	}
	return err
}
