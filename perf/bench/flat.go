package main

import (
	"context"
	"fmt"
)

// flat is how much the dearest may cost over the cheapest for a cost to be called flat.
const flat = 1.3

// groupCounts and clientCounts are what the cost per request should not depend on.
var (
	groupCounts  = []int{2, 4, 8, 16, 32, 64}
	clientCounts = []int{50, 500, 5000}
)

// groups measures the cost per request behind more and more groups.
func (b *bench) groups(ctx context.Context) error {
	counts := groupCounts
	if b.mode == "all" {
		counts = []int{2, 8, 64}
	}
	ls := []load{named("get"), named("get-p16")}
	got, err := b.interleave(ctx, plan{min(b.rounds, 3), ls, counts, b.proxies()})
	if err != nil {
		return err
	}
	s := section{
		title: "Cost per request and number of groups",
		notes: []string{"Up to four groups have a redis-server each; more share four, under other loopback " +
			"addresses. With more servers, fewer requests share a write to one of them."},
		head: []string{"load", "subject", "groups", "requests/s", "CPU us/request", "x fewest groups"},
	}
	for _, l := range ls {
		for _, p := range b.proxies() {
			for _, n := range counts {
				f := filter{load: l.name, subject: p.name, groups: n}
				s.rows = append(s.rows, []string{l.title, p.name, fmt.Sprint(n),
					fmt.Sprintf("%.0f", figures(got, f, rateOf).median),
					fmt.Sprintf("%.2f", figures(got, f, cpuOf).median),
					ratios(got, f, filter{l.name, p.name, counts[0]}, cpuOf).ratio()})
			}
			b.judgeFlat(p, fmt.Sprintf("%s: CPU per request behind %d groups, x %d groups", l.title, counts[len(counts)-1], counts[0]),
				ratios(got, filter{l.name, p.name, counts[len(counts)-1]}, filter{l.name, p.name, counts[0]}, cpuOf))
		}
	}
	b.sections = append(b.sections, s)
	b.extra = append(b.extra, got...)
	return nil
}

// clients measures the cost per request from more and more connections.
func (b *bench) clients(ctx context.Context) error {
	var ls []load
	for _, n := range clientCounts {
		ls = append(ls, named("get").withClients(n))
	}
	got, err := b.interleave(ctx, plan{min(b.rounds, 3), ls, []int{2}, b.proxies()})
	if err != nil {
		return err
	}
	s := section{
		title: "Cost per request and number of clients",
		head:  []string{"subject", "clients", "requests/s", "p99 ms", "CPU us/request", "x fewest clients", "RSS MiB"},
	}
	for _, p := range b.proxies() {
		fewest := filter{load: ls[0].name, subject: p.name}
		for _, l := range ls {
			f := filter{load: l.name, subject: p.name}
			s.rows = append(s.rows, []string{p.name, fmt.Sprint(l.clients),
				fmt.Sprintf("%.0f", figures(got, f, rateOf).median),
				fmt.Sprintf("%.3f", figures(got, f, p99Of).median),
				fmt.Sprintf("%.2f", figures(got, f, cpuOf).median),
				ratios(got, f, fewest, cpuOf).ratio(),
				fmt.Sprintf("%.1f", figures(got, f, rssOf).median)})
		}
		most := filter{load: ls[len(ls)-1].name, subject: p.name}
		b.judgeFlat(p, fmt.Sprintf("CPU per request of %d clients, x %d clients", clientCounts[len(clientCounts)-1], clientCounts[0]),
			ratios(got, most, fewest, cpuOf))
	}
	b.sections = append(b.sections, s)
	b.extra = append(b.extra, got...)
	return nil
}

// judgeFlat sets a goal for Huntaway; other subjects are shown, not judged.
func (b *bench) judgeFlat(s subject, what string, got spread) {
	if s.kind == huntaway {
		b.goals = append(b.goals, atMost(s.name+": "+what, "%.2f", got.median, flat))
	}
}
