package main

import (
	"fmt"
	"slices"
)

// A spread is the smallest, the median and the largest of some figures.
type spread struct{ min, median, max float64 }

// spreadOf returns the zero spread for no figures.
func spreadOf(figures []float64) spread {
	if len(figures) == 0 {
		return spread{}
	}
	f := slices.Sorted(slices.Values(figures))
	mid := len(f) / 2
	median := f[mid]
	if len(f)%2 == 0 {
		median = (f[mid-1] + f[mid]) / 2
	}
	return spread{f[0], median, f[len(f)-1]}
}

// ratio prints as "0.91 (0.88-0.95)", and as "-" when nothing was measured.
func (s spread) ratio() string {
	if s == (spread{}) {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", s.median, s.min, s.max)
}

// A filter selects samples.
type filter struct {
	load    string
	subject string
	groups  int // 0: any
}

func (f filter) matches(s sample) bool {
	return s.Load == f.load && s.Subject == f.subject && (f.groups == 0 || s.Groups == f.groups)
}

// A measure is one figure of a sample.
type measure func(sample) float64

func rateOf(s sample) float64 { return s.Rate }
func p50Of(s sample) float64  { return s.P50 }
func p99Of(s sample) float64  { return s.P99 }
func cpuOf(s sample) float64  { return s.CPU }
func rssOf(s sample) float64  { return float64(s.RSS) / (1 << 20) }

// figures returns one measure of the selected samples, over all rounds.
func figures(all []sample, f filter, m measure) spread {
	var got []float64
	for _, s := range all {
		if f.matches(s) {
			got = append(got, m(s))
		}
	}
	return spreadOf(got)
}

// ratios divides round by round: a's figure by b's of the same round, and never a median
// by a median. Rounds in which either is missing or b's figure is 0 do not count.
func ratios(all []sample, a, b filter, m measure) spread {
	var got []float64
	for _, over := range all {
		if !a.matches(over) {
			continue
		}
		for _, under := range all {
			if b.matches(under) && under.Round == over.Round && m(under) > 0 {
				got = append(got, m(over)/m(under))
			}
		}
	}
	return spreadOf(got)
}
