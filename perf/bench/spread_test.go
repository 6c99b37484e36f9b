package main

import "testing"

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		in   []float64
		want spread
		text string
	}{
		{nil, spread{}, "-"},
		{[]float64{2}, spread{2, 2, 2}, "2.00 (2.00-2.00)"},
		{[]float64{3, 1, 2}, spread{1, 2, 3}, "2.00 (1.00-3.00)"},
		{[]float64{4, 1, 2, 3}, spread{1, 2.5, 4}, "2.50 (1.00-4.00)"},
	} {
		if got := spreadOf(tc.in); got != tc.want || got.ratio() != tc.text {
			t.Errorf("spreadOf(%v) = %v, %q; want %v, %q", tc.in, got, got.ratio(), tc.want, tc.text)
		}
	}
}

// Round 0 is twice as fast as round 1 for both: only ratios within a round see that a is
// always three times b.
func TestRatiosStayWithinARound(t *testing.T) {
	all := []sample{
		{Load: "get", Subject: "a", Round: 0, Rate: 600}, {Load: "get", Subject: "b", Round: 0, Rate: 200},
		{Load: "get", Subject: "a", Round: 1, Rate: 300}, {Load: "get", Subject: "b", Round: 1, Rate: 100},
		{Load: "get", Subject: "a", Round: 2, Rate: 900}, // b is missing
		{Load: "set", Subject: "b", Round: 0, Rate: 1},
	}
	a, b := filter{load: "get", subject: "a"}, filter{load: "get", subject: "b"}
	if got, want := ratios(all, a, b, rateOf), (spread{3, 3, 3}); got != want {
		t.Errorf("ratios of the rate = %v; want %v", got, want)
	}
	if got, want := ratios(all, a, b, cpuOf), (spread{}); got != want {
		t.Errorf("ratios of a figure that b lacks = %v; want %v", got, want)
	}
	if got, want := figures(all, a, rateOf), (spread{300, 600, 900}); got != want {
		t.Errorf("figures = %v; want %v", got, want)
	}
}

func TestOrderTurnsEachRound(t *testing.T) {
	p := plan{loads: []load{named("get")}, groups: []int{2}, subjects: []subject{{name: "a"}, {name: "b"}, {name: "c"}}}
	for round, want := range []string{"abc", "bca", "cab", "abc"} {
		got := ""
		for _, task := range p.order(round) {
			got += task.subject.name
		}
		if got != want {
			t.Errorf("order of round %d = %s; want %s", round, got, want)
		}
	}
}
