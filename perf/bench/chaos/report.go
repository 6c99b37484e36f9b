package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"huntaway/perf/bench/history"
)

// campaign makes all runs and prints what came of them; false when one failed.
func campaign(ctx context.Context, set settings, jobs []job) bool {
	var done []outcome
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		out, err := attempt(ctx, j.fault, j.seed, set)
		out.fault, out.seed = j.fault.name, j.seed
		if err != nil {
			out.failed = append(out.failed, "could not be run: "+err.Error())
		}
		fmt.Print(out.line())
		done = append(done, out)
	}
	fmt.Print("\n", table(done))
	for i := range done {
		if !done[i].passed() {
			return false
		}
	}
	return len(done) == len(jobs)
}

func (o *outcome) passed() bool { return len(o.failed) == 0 && !o.vacuous }

// line is one run in a few lines.
func (o *outcome) line() string {
	var b strings.Builder
	word := "passed"
	switch {
	case len(o.failed) > 0:
		word = "FAILED"
	case o.vacuous:
		word = "VACUOUS"
	}
	fmt.Fprintf(&b, "%-7s %-6s seed %d in %.1f s: %d ok, %d not executed, %d unknown, %d acknowledged and lost in the window\n",
		word, o.fault, o.seed, o.took.Seconds(), o.verdict.All(history.OK), o.verdict.All(history.Fail),
		o.verdict.All(history.Unknown), o.verdict.Lost)
	for _, bite := range o.bites {
		fmt.Fprintf(&b, "        bit: %s\n", bite)
	}
	for _, name := range slices.Sorted(maps.Keys(o.figures)) {
		fmt.Fprintf(&b, "        %s: %.3f\n", name, o.figures[name])
	}
	for _, f := range o.failed {
		fmt.Fprintf(&b, "        FAILED: %s\n", f)
	}
	for _, n := range o.notes {
		fmt.Fprintf(&b, "        %s\n", n)
	}
	return b.String()
}

// table has a row for each case.
func table(done []outcome) string {
	var b strings.Builder
	b.WriteString("| case | runs | passed | failed | vacuous | ok | not executed | unknown | lost in window | what |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range faults {
		var n, passed, failed, vacuous, lost int
		var classes [4]int
		for i := range done {
			o := &done[i]
			if o.fault != f.name {
				continue
			}
			n++
			switch {
			case len(o.failed) > 0:
				failed++
			case o.vacuous:
				vacuous++
			default:
				passed++
			}
			for c := range classes {
				classes[c] += o.verdict.All(history.Class(c))
			}
			lost += o.verdict.Lost
		}
		if n > 0 {
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s |\n", f.name, n, passed, failed, vacuous,
				classes[history.OK], classes[history.Fail], classes[history.Unknown], lost, f.what)
		}
	}
	return b.String()
}

// seconds is a duration for people.
func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }
