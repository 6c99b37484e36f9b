package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// An event is one line of go test -json; "go doc test2json" says what its fields mean.
type event struct {
	Time        time.Time
	Action      string
	Package     string
	ImportPath  string // of a build
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string // of a package that failed because this could not be built
}

// A tally is what has been heard.
type tally struct {
	out      io.Writer
	packages map[string]*suite
	builds   map[string]*strings.Builder // what the compiler said, by what it compiled
	failures []failure                   // in the order in which they came
	skips    []string                    // likewise, in words
	counts   counts
	ended    int // packages
	broken   int // packages of which no test failed, and which failed
}

// A suite is one package under test.
type suite struct {
	begun  time.Time
	output strings.Builder             // of no test
	tests  map[string]*strings.Builder // output of the tests that have not ended
	counts counts
}

// counts are how many tests came to which end.
type counts struct{ passed, failed, skipped int }

// A failure is a test that failed, or a package if test is "".
type failure struct{ pkg, test, output string }

func newTally(out io.Writer) *tally {
	return &tally{out: out, packages: map[string]*suite{}, builds: map[string]*strings.Builder{}}
}

// line takes one line of the stream; one that is no event is printed.
func (t *tally) line(text []byte) {
	var e event
	if err := json.Unmarshal(text, &e); err != nil || e.Action == "" {
		t.out.Write(text)
		return
	}
	switch {
	case e.ImportPath != "":
		t.build(&e)
	case e.Test != "":
		t.test(&e)
	default:
		t.suite(&e)
	}
}

// build takes what the compiler says.
func (t *tally) build(e *event) {
	if t.builds[e.ImportPath] == nil {
		t.builds[e.ImportPath] = &strings.Builder{}
	}
	t.builds[e.ImportPath].WriteString(e.Output)
}

// of returns the suite of a package.
func (t *tally) of(e *event) *suite {
	s := t.packages[e.Package]
	if s == nil {
		s = &suite{begun: e.Time, tests: map[string]*strings.Builder{}}
		t.packages[e.Package] = s
	}
	return s
}

// test takes an event of one test.
func (t *tally) test(e *event) {
	s := t.of(e)
	said := s.tests[e.Test]
	if said == nil {
		said = &strings.Builder{}
		s.tests[e.Test] = said
	}
	switch e.Action {
	case "output":
		if !chatter(e.Output) {
			said.WriteString(e.Output)
		}
		return
	case "pass":
		s.counts.passed++
	case "skip":
		s.counts.skipped++
		t.skips = append(t.skips, e.Package+" "+e.Test+": "+strings.Join(strings.Fields(said.String()), " "))
	case "fail":
		s.counts.failed++
		t.failures = append(t.failures, failure{e.Package, e.Test, said.String()})
	default:
		return
	}
	delete(s.tests, e.Test)
}

// chatter tells whether a line of output is one with which go test frames the others.
func chatter(line string) bool {
	for _, frame := range []string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME"} {
		if strings.HasPrefix(line, frame) {
			return true
		}
	}
	return false
}

// suite takes an event of a package as a whole.
func (t *tally) suite(e *event) {
	s := t.of(e)
	switch e.Action {
	case "output":
		s.output.WriteString(e.Output)
	case "pass":
		t.end(e, s, "ok")
	case "skip":
		t.end(e, s, "none") // it has no tests
	case "fail":
		t.unended(e, s)
		t.end(e, s, "FAIL")
	}
}

// unended makes failures of the tests that a package left when it failed: a panic, a time-out
// and os.Exit end no test. Where no test is to blame the package is.
func (t *tally) unended(e *event, s *suite) {
	for _, name := range names(s.tests) {
		s.counts.failed++
		t.failures = append(t.failures, failure{e.Package, name, "it did not end:\n" + s.tests[name].String()})
	}
	if s.counts.failed > 0 {
		return
	}
	t.broken++
	said := s.output.String()
	if b := t.builds[e.FailedBuild]; b != nil {
		said = b.String() + said
	}
	t.failures = append(t.failures, failure{e.Package, "", said})
}

// end prints the line of a package and forgets it: the next run may have it again.
func (t *tally) end(e *event, s *suite, word string) {
	t.ended++
	took := time.Duration(e.Elapsed * float64(time.Second)).Round(100 * time.Millisecond)
	fmt.Fprintf(t.out, "%-5s %-36s %8s   %s\n", word, e.Package, took, s.counts)
	t.counts.passed += s.counts.passed
	t.counts.failed += s.counts.failed
	t.counts.skipped += s.counts.skipped
	delete(t.packages, e.Package)
}

// running says which packages have begun and not ended.
func (t *tally) running(now time.Time) {
	var all []string
	for _, name := range names(t.packages) {
		all = append(all, fmt.Sprintf("%s %s (%s)", name,
			now.Sub(t.packages[name].begun).Round(time.Second), t.packages[name].counts))
	}
	if all == nil {
		all = []string{"the compiler"}
	}
	fmt.Fprintf(t.out, "...   still running: %s\n", strings.Join(all, ", "))
}

// conclude says what was skipped, what failed, and how many came to which end. It reports
// whether that is a success.
func (t *tally) conclude() bool {
	for _, name := range names(t.packages) {
		t.broken++
		t.failures = append(t.failures, failure{name, "", "it did not end\n" + t.packages[name].output.String()})
	}
	if len(t.skips) > 0 {
		fmt.Fprintf(t.out, "\nskipped:\n  %s\n", strings.Join(t.skips, "\n  "))
	}
	for _, f := range t.failures {
		fmt.Fprintf(t.out, "\n== failed: %s %s\n%s\n", f.pkg, f.test, strings.TrimRight(f.output, "\n"))
	}
	if len(t.failures) > 0 {
		fmt.Fprintln(t.out, "\nfailed:")
		for _, f := range t.failures {
			fmt.Fprintf(t.out, "  %s %s\n", f.pkg, f.test)
		}
	}
	if t.broken > 0 {
		fmt.Fprintf(t.out, "\n%d of the packages failed as a whole\n", t.broken)
	}
	fmt.Fprintf(t.out, "\n%s\n", t.counts)
	return len(t.failures) == 0 && t.counts.passed > 0
}

// String counts: "3 passed, 0 failed", with what was skipped if there is any.
func (c counts) String() string {
	text := fmt.Sprintf("%d passed, %d failed", c.passed, c.failed)
	if c.skipped > 0 {
		text += fmt.Sprintf(", %d skipped", c.skipped)
	}
	return text
}

// names returns the keys of m in order.
func names[V any](m map[string]V) []string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
