package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A measurement is a few rows of the table that "make failover" prints: one case, made so often,
// and what is read from its figures.
type measurement struct {
	fault *fault
	runs  int // at -times 1
	rows  []row
}

// A row compares one figure with its target.
type row struct {
	metric string
	figure string // of the case
	target target
}

// A target is what figures have to keep below; NaN asks for nothing.
type target struct {
	p50, p99, most float64
	sum            bool // most is about the sum of all
}

var none = math.NaN()

// measurements are in the order of the table. Counts are those of the issue.
var measurements = []measurement{
	{&fault{name: "crash", what: "master killed, local", mix: writing, inject: measureCrash}, 50, []row{
		{"crash to first write, local, s", "fault to first write, s", target{p50: 1.5, p99: 2, most: 3}},
		{"promote phase alone, ms", "promote phase, ms", target{p50: none, p99: 100, most: none}},
		{"reads failed in a master crash", "reads failed", target{p50: none, p99: none, most: 0, sum: true}},
		{"acknowledged appends lost, each crash", "appends lost", target{p50: none, p99: none, most: 20}},
		{"writes of unknown outcome, each crash", "writes unknown", target{p50: none, p99: none, most: none}},
		{"writes not executed, each crash", "writes not executed", target{p50: none, p99: none, most: 0, sum: true}},
	}},
	{&fault{name: "crash-s", what: "master killed, Sentinels with down-after 1000", plan: guarded, mix: writing, inject: measureCrash}, 50, []row{
		{"crash to first write, sentinel, s", "fault to first write, s", target{p50: none, p99: 4.5, most: none}},
		{"reads failed in a master crash, sentinel", "reads failed", target{p50: none, p99: none, most: 0, sum: true}},
		{"acknowledged appends lost, each crash", "appends lost", target{p50: none, p99: none, most: 20}},
	}},
	{&fault{name: "stop", what: "master stopped (SIGSTOP), local", mix: writing, inject: stopMaster}, 10, []row{
		{"stop to first write, local, s", "fault to first write, s", target{p50: none, p99: 6.5, most: none}},
		{"old master back to demoted, s", "back to demoted, s", target{p50: none, p99: 1, most: none}},
		{"reads of readers failed", "lookups failed", target{p50: none, p99: none, most: 0, sum: true}},
		{"acknowledged appends lost, each stop", "appends lost", target{p50: none, p99: none, most: 20}},
	}},
	{&fault{name: "switchover", what: "4 switchovers", inject: switchovers}, 13, []row{
		{"switchover: requests failed or unknown", "failed or unknown", target{p50: none, p99: none, most: 0, sum: true}},
		{"switchover: longest wait of a write, s", "pause, s", target{p50: 0.6, p99: 1.2, most: none}},
		{"switchover: appends lost", "appends lost", target{p50: none, p99: none, most: 0, sum: true}},
	}},
	{&fault{name: "fast", what: "4 switchovers, --fast", inject: fastSwitchovers}, 13, []row{
		{"switchover --fast: requests failed or unknown", "failed or unknown", target{p50: none, p99: none, most: 0, sum: true}},
		{"switchover --fast: longest wait of a write, s", "pause, s", target{p50: 0.05, p99: none, most: none}},
		{"switchover --fast: appends lost", "appends lost", target{p50: none, p99: none, most: 0, sum: true}},
	}},
	{&fault{name: "stalls", what: "10 stalls of 3 s", inject: tenTimes(stallOnce)}, 10, []row{
		{"false failovers, stall of 3 s", "false failovers", target{p50: none, p99: none, most: 0, sum: true}}}},
	{&fault{name: "busy", what: "10 scripts of 6 s", inject: tenTimes(busyOnce)}, 10, []row{
		{"false failovers, busy script", "false failovers", target{p50: none, p99: none, most: 0, sum: true}}}},
	{&fault{name: "blind", what: "10 times a proxy that cannot see the master", plan: wired, inject: tenTimes(blindOnce)}, 10, []row{
		{"false failovers, blind proxy", "false failovers", target{p50: none, p99: none, most: 0, sum: true}}}},
}

// measureCrash kills the master and takes down what it cost.
func measureCrash(a *attack) error {
	if err := killMaster(a); err != nil {
		return err
	}
	if ms, ok := a.promotePhase(a.groups[0]); ok {
		a.figure("promote phase, ms", ms)
	}
	return nil
}

// promotePhase is the time from freezing to the publication, by the proxy's own events.
func (a *attack) promotePhase(g *group) (ms float64, ok bool) {
	var begun time.Time
	for _, c := range a.proxies[0].changes(g.name) {
		switch {
		case c.To == "freezing" && c.From != "freezing":
			begun = c.Time
		case c.To == "settling" && c.From != "settling" && !begun.IsZero():
			return float64(c.Time.Sub(begun).Microseconds()) / 1000, true
		}
	}
	return 0, false
}

// tenTimes repeats what must not cause a failover, and counts those that it caused.
func tenTimes(once func(*attack) error) func(*attack) error {
	return func(a *attack) error {
		g := a.groups[0]
		for range 10 {
			before := g.master()
			if err := once(a); err != nil {
				return err
			}
			a.wait(1500 * time.Millisecond)
			wrong := 0.0
			if g.master() != before {
				wrong = 1
				a.fail("another master: got %s; want %s still", nameOf(g.master()), nameOf(before))
			}
			a.figure("false failovers", wrong)
		}
		a.bitByFailures(g, 0)
		return nil
	}
}

func stallOnce(a *attack) error {
	_, err := a.stall(a.groups[0], 3*time.Second)
	return err
}

func busyOnce(a *attack) error { return a.busy(a.groups[0].servers[0], 6*time.Second) }

func blindOnce(a *attack) error {
	w := a.groups[0].servers[0].wire
	w.set(silent, proxies)
	a.wait(7 * time.Second)
	w.set(clear, proxies)
	return nil
}

// measure makes the measurements and prints the table; false when a target was missed or a run failed.
func measure(ctx context.Context, set settings, todo work) bool {
	good := true
	var text strings.Builder
	text.WriteString("| metric | target | measured | samples | met |\n|---|---|---|---|---|\n")
	for _, m := range todo.rows {
		figures, sound := m.collect(ctx, set, max(1, int(math.Round(float64(m.runs)*todo.times))))
		good = good && sound
		for _, r := range m.rows {
			line, met := r.compare(figures[r.figure])
			text.WriteString(line)
			good = good && met
		}
	}
	made := namesOf(todo.rows, func(m measurement) string { return m.fault.name })
	fmt.Printf("\n%s\nmade with: make failover FAILOVER='-faults %s -times %v -clients %d -rate %d'\n", text.String(),
		strings.Join(made, ","), todo.times, set.clients, set.rate)
	return good
}

// collect makes the runs of one case and puts their figures together.
func (m *measurement) collect(ctx context.Context, set settings, runs int) (figures map[string][]float64, sound bool) {
	figures, sound = map[string][]float64{}, true
	for seed := range uint64(runs) {
		if ctx.Err() != nil {
			return figures, false
		}
		out, err := attempt(ctx, m.fault, seed+1, set)
		out.fault, out.seed = m.fault.name, seed+1
		if err != nil {
			out.failed = append(out.failed, "could not be run: "+err.Error())
		}
		if !out.passed() {
			fmt.Print(out.line())
			sound = false
		}
		if err == nil {
			out.figures["appends lost"] = []float64{float64(out.verdict.Lost + out.count("I6a"))}
		}
		for name, values := range out.figures {
			figures[name] = append(figures[name], values...)
		}
	}
	return figures, sound
}

// count tells how many violations of a rule there are.
func (o *outcome) count(rule string) (n int) {
	for _, v := range o.verdict.Violations {
		if v.Rule == rule {
			n++
		}
	}
	return n
}

// compare writes one line of the table.
func (r *row) compare(values []float64) (line string, met bool) {
	if len(values) == 0 {
		return fmt.Sprintf("| %s | %s | nothing was measured | 0 | NO |\n", r.metric, r.target), false
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	p50, p99, most := quantile(values, 0.5), quantile(values, 0.99), values[len(values)-1]
	measured := fmt.Sprintf("p50 %.3g, p99 %.3g, max %.3g", p50, p99, most)
	if r.target.sum {
		measured, most = fmt.Sprintf("%.0f in all", sum), sum
	}
	met = !(p50 > r.target.p50) && !(p99 > r.target.p99) && !(most > r.target.most) // NaN is never exceeded
	return fmt.Sprintf("| %s | %s | %s | %d | %s |\n", r.metric, r.target, measured, len(values),
		map[bool]string{true: "yes", false: "NO"}[met]), met
}

// quantile of sorted values, without interpolation.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// String is the target for people.
func (t target) String() string {
	var parts []string
	for _, p := range []struct {
		name  string
		bound float64
	}{{"p50 ≤ ", t.p50}, {"p99 ≤ ", t.p99}, {map[bool]string{true: "in all ≤ ", false: "max ≤ "}[t.sum], t.most}} {
		if !math.IsNaN(p.bound) {
			parts = append(parts, fmt.Sprintf("%s%v", p.name, p.bound))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
