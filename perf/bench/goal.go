package main

import "fmt"

// A goal is a figure that was asked for, beside the one that was measured.
type goal struct {
	what string // is asked for, and of whom
	want string // a limit with its direction
	got  string // in the same unit
	met  string // "met", "within 10 %", "missed"
}

// slack separates what is nearly there from what is missed.
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

// floors are what one event loop must reach against a nutcracker started afresh in the same
// run: the most CPU per request, and the least throughput.
var floors = []struct {
	load      string
	cpu, rate float64 // times nutcracker's
}{
	{"get", 0.90, 1.05},
	{"set", 0.90, 1.05},
	{"get-p16", 0.40, 1.6},
	{"get-p100", 0.12, 3.3},
	{"get-c1", 1.05, 1.1},
	{"set-1k", 0.92, 1.05},
	{"set-16k", 1.0, 1.0},
	{"get-16k", 1.0, 1.0},
	{"get-c1000", 0.80, 1.05},
	{"mget", 0.6, 1.5},
}

// fewestCalls is how many system calls a request may cost without a pipeline; two are the
// least there can be, one read and one write.
const fewestCalls = 2.5

// ofDirect is the least throughput with a pipeline of 100, times that of no proxy.
const ofDirect = 0.8

// worse is how much more CPU time a request may cost than with an earlier build.
const worse = 1.02

// judgeBefore compares the matrix with that of an earlier build, if there is one.
func (b *bench) judgeBefore() {
	for _, l := range loads {
		ours, was := filter{load: l.name, subject: "huntaway1"}, filter{load: l.name, subject: "before1"}
		if cpu := ratios(b.samples, ours, was, cpuOf); cpu != (spread{}) {
			b.goals = append(b.goals, atMost(l.title+": CPU per request, x before", "%.3f", cpu.median, worse))
		}
	}
}

// beforeSection shows the matrix beside that of an earlier build, false without one.
func (b *bench) beforeSection() (s section, any bool) {
	s = section{
		title: "Against the build before",
		notes: []string{"Medians (min-max) of the ratios, pair by pair within a round; one event loop."},
		head:  []string{"load", "requests/s, x before", "CPU per request, x before"},
	}
	for _, l := range loads {
		ours, was := filter{load: l.name, subject: "huntaway1"}, filter{load: l.name, subject: "before1"}
		if cpu := ratios(b.samples, ours, was, cpuOf); cpu != (spread{}) {
			s.rows = append(s.rows, []string{l.title, ratios(b.samples, ours, was, rateOf).ratio(), cpu.ratio()})
		}
	}
	return s, len(s.rows) > 0
}

// judgeMatrix compares the matrix with the floors, where both subjects were measured.
func (b *bench) judgeMatrix() {
	for _, t := range floors {
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
	ours, direct := filter{load: "get-p100", subject: "huntaway1"}, filter{load: "get-p100", subject: "direct"}
	if r := ratios(b.samples, ours, direct, rateOf); r != (spread{}) {
		b.goals = append(b.goals, atLeast(named("get-p100").title+": requests/s, x direct", "%.2f", r.median, ofDirect))
	}
	for _, c := range b.calls {
		if c.Subject == "huntaway1" {
			b.goals = append(b.goals,
				atMost(named(c.Load).title+": system calls per request", "%.2f", c.perRequest(), fewestCalls))
		}
	}
}

func goalSection(goals []goal) section {
	s := section{
		title: "Goals",
		notes: []string{"Medians of the ratios, pair by pair within a round. \"within 10 %\" is not met, but nearly."},
		head:  []string{"goal", "wanted", "measured", ""},
	}
	for _, g := range goals {
		s.rows = append(s.rows, []string{g.what, g.want, g.got, g.met})
	}
	return s
}
