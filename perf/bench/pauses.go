package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pauses measures how long the collector stops the world while the proxy works as hard as
// it can.
func (b *bench) pauses(ctx context.Context) error {
	l := named("get-p16")
	s := section{
		title: fmt.Sprintf("Pauses of the collector, %v at full load (%s)", b.hold, l.title),
		notes: []string{"Stop-the-world time of each collection, its pauses added up (runtime.MemStats.PauseNs). " +
			"It is wall time: where cores are short, it contains waiting for one."},
		head: []string{"subject", "requests", "collections", "median us", "longest us"},
	}
	err := b.each(ctx, l, func(st *stand) error {
		requests, got, err := b.pausesUnder(ctx, st, l)
		if err != nil {
			return err
		}
		longest, median := time.Duration(0), time.Duration(0)
		if slices.Sort(got); len(got) > 0 {
			longest, median = got[len(got)-1], got[len(got)/2]
		}
		s.rows = append(s.rows, []string{st.subject.name, fmt.Sprint(requests), fmt.Sprint(len(got)),
			microseconds(median), microseconds(longest)})
		b.goals = append(b.goals, atMost(st.subject.name+": longest pause of the collector, us", "%.0f",
			float64(longest.Nanoseconds())/1e3, float64(pauseMost.Microseconds())))
		return nil
	})
	b.sections = append(b.sections, s)
	return err
}

// pausesUnder loads the proxy for b.hold, in pieces short enough for the runtime's ring of
// 256 pauses, and returns the requests sent and every pause.
func (b *bench) pausesUnder(ctx context.Context, st *stand, l load) (int, []time.Duration, error) {
	h, err := heapOf(st.proxy.Admin, "0")
	if err != nil {
		return 0, nil, err
	}
	requests, rate, seen := 0, 100000.0, h.cycles
	var all []time.Duration
	for start := time.Now(); time.Since(start) < b.hold; {
		n := l.lasting(min(b.hold, 5*time.Second), rate)
		fig, err := l.run(ctx, st.addr, n)
		if err != nil {
			return requests, all, err
		}
		if h, err = heapOf(st.proxy.Admin, "0"); err != nil {
			return requests, all, err
		}
		all = append(all, h.since(seen)...)
		if h.cycles-seen > len(h.pauses) {
			return requests, all, fmt.Errorf("%d collections in one piece of load; only %d pauses are remembered",
				h.cycles-seen, len(h.pauses))
		}
		requests, rate, seen = requests+n, fig.rate, h.cycles
	}
	return requests, all, nil
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f", float64(d.Nanoseconds())/1e3)
}
