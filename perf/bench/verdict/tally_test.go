package main

import (
	"strings"
	"testing"
	"time"
)

// heard has a tally hear the events, one to a line, and returns what it said and whether it is
// a success.
func heard(t *testing.T, events ...string) (string, bool) {
	t.Helper()
	var out strings.Builder
	tally := newTally(&out)
	follow(tally, lines(strings.NewReader(strings.Join(events, "\n"))), nil)
	well := tally.conclude()
	return out.String(), well
}

// last returns the last line of a text.
func last(text string) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return all[len(all)-1]
}

func TestVerdict(t *testing.T) {
	const (
		passed  = `{"Action":"pass","Package":"p","Test":"TestA"}`
		skipped = `{"Action":"output","Package":"p","Test":"TestS","Output":"    a_test.go:3: needs gcc\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"TestS"}`
		said    = `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: got 1; want 2\n"}`
		failed  = `{"Action":"fail","Package":"p","Test":"TestB"}`
		begun   = `{"Action":"run","Package":"p","Test":"TestC"}`
		panics  = `{"Action":"output","Package":"p","Test":"TestC","Output":"panic: boom\n"}`
		ended   = `{"Action":"pass","Package":"p","Elapsed":1.5}`
		broken  = `{"Action":"fail","Package":"p","Elapsed":1.5}`
		raced   = `{"Action":"output","Package":"p","Output":"exit status 66\n"}`
		built   = `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: undefined: x\n"}`
		unbuilt = `{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`
	)
	for _, tc := range []struct {
		name   string
		events []string
		well   bool
		last   string
		words  []string // in what is said
	}{
		{"all pass", []string{passed, ended}, true, "1 passed, 0 failed", []string{"ok    p ", "1.5s"}},
		{"one skipped", []string{passed, skipped, ended}, true, "1 passed, 0 failed, 1 skipped", []string{"p TestS: a_test.go:3: needs gcc"}},
		{"one fails", []string{passed, said, failed, broken}, false, "1 passed, 1 failed", []string{"FAIL  p ", "== failed: p TestB\n    b_test.go:7: got 1; want 2", "failed:\n  p TestB"}},
		{"one does not end", []string{passed, begun, panics, broken}, false, "1 passed, 1 failed", []string{"== failed: p TestC\nit did not end:\npanic: boom"}},
		{"the package fails", []string{passed, raced, broken}, false, "1 passed, 0 failed", []string{"exit status 66", "1 of the packages failed as a whole"}},
		{"it does not build", []string{built, unbuilt}, false, "0 passed, 0 failed", []string{"p.go:1: undefined: x", "failed:\n  p "}},
		{"the stream breaks off", []string{passed}, false, "0 passed, 0 failed", []string{"== failed: p \nit did not end"}},
		{"nothing runs", nil, false, "0 passed, 0 failed", nil},
		{"two runs of one package", []string{passed, ended, "== race", passed, ended}, true, "2 passed, 0 failed", []string{"== race\n"}},
		{"one run of two fails", []string{said, failed, broken, passed, ended}, false, "1 passed, 1 failed", []string{"ok    p ", "FAIL  p "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, well := heard(t, tc.events...)
			if got := last(text); got != tc.last || well != tc.well {
				t.Errorf("got %q, %v; want %q, %v", got, well, tc.last, tc.well)
			}
			for _, w := range tc.words {
				if !strings.Contains(text, w) {
					t.Errorf("got\n%s\nwant %q in it", text, w)
				}
			}
		})
	}
}

// What a passing test says is not repeated, and lines of any length are read.
func TestVerdictKeepsWhatFailedOnly(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	text, _ := heard(t,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"`+long+`\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA"}`, `{"Action":"pass","Package":"p"}`)
	if len(text) > 200 {
		t.Errorf("got %d bytes; want a line for the package and the count", len(text))
	}
}

// While nothing ends it is said what runs, and only then.
func TestVerdictSaysWhatRuns(t *testing.T) {
	var out strings.Builder
	tally, begun := newTally(&out), time.Now()
	in, ticks, done := make(chan []byte), make(chan time.Time), make(chan bool)
	go func() { follow(tally, in, ticks); close(done) }()
	in <- []byte(`{"Action":"start","Package":"p","Time":"` + begun.Format(time.RFC3339Nano) + `"}`)
	ticks <- begun.Add(time.Minute)
	in <- []byte(`{"Action":"pass","Package":"p"}`)
	ticks <- begun.Add(2 * time.Minute)
	close(in)
	<-done
	if got := strings.Count(out.String(), "still running: p 1m0s"); got != 1 {
		t.Errorf("got\n%s\nwant what runs once", out.String())
	}
}
