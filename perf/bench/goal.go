package main

import "fmt"

// A goal is a figure that was asked for, beside the one that was measured.
type goal struct {
	what string // is asked for, and of whom
	want string // a limit with its direction
	got  string // in the same unit
	met  string // "met", "within 10 %", "missed"
}

// slack is how far the product, with everything on, may stay behind the trial that the
// design quotes.
const slack = 1.1

// atMost judges a figure that should not exceed a limit.
func atMost(what, format string, got, limit float64) goal {
	g := goal{what: what, want: "<= " + fmt.Sprintf(format, limit), got: fmt.Sprintf(format, got)}
	switch {
	case got <= limit:
		g.met = "met"
	case got <= limit*slack:
		g.met = "within 10 %"
	default:
		g.met = "missed"
	}
	return g
}

// atLeast judges a figure that should reach a limit.
func atLeast(what, format string, got, limit float64) goal {
	g := goal{what: what, want: ">= " + fmt.Sprintf(format, limit), got: fmt.Sprintf(format, got)}
	switch {
	case got >= limit:
		g.met = "met"
	case got*slack >= limit:
		g.met = "within 10 %"
	default:
		g.met = "missed"
	}
	return g
}

// trial is what the trial of the design measured with one event loop against a nutcracker
// started afresh: the weaker end of its ranges.
var trial = []struct {
	load      string
	cpu, rate float64 // times nutcracker's
}{
	{"get", 0.95, 1.0},
	{"get-p16", 0.4, 1.6},
	{"get-p100", 0.10, 3.8},
	{"get-c1", 1.15, 1.05},
}

// trialCalls is how many system calls per request the trial made without a pipeline.
const trialCalls = 2.8

// judgeMatrix compares the matrix with the trial, where both subjects were measured.
func (b *bench) judgeMatrix() {
	for _, t := range trial {
		ours, peer := filter{load: t.load, subject: "huntaway1"}, filter{load: t.load, subject: "nutcracker"}
		cpu, rate := ratios(b.samples, ours, peer, cpuOf), ratios(b.samples, ours, peer, rateOf)
		if rate == (spread{}) {
			continue
		}
		title := named(t.load).title
		b.goals = append(b.goals,
			atMost(title+": CPU per request, x nutcracker", "%.2f", cpu.median, t.cpu),
			atLeast(title+": requests/s, x nutcracker", "%.2f", rate.median, t.rate))
	}
	for _, c := range b.calls {
		if c.Subject == "huntaway1" {
			b.goals = append(b.goals,
				atMost(named(c.Load).title+": system calls per request", "%.2f", c.perRequest(), trialCalls))
		}
	}
}

func goalSection(goals []goal) section {
	s := section{
		title: "Goals",
		notes: []string{"\"within 10 %\" is the slack that the design leaves between its trial and the product."},
		head:  []string{"goal", "wanted", "measured", ""},
	}
	for _, g := range goals {
		s.rows = append(s.rows, []string{g.what, g.want, g.got, g.met})
	}
	return s
}
