package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needs skips a test whose programs are not installed; make test installs them.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("NOT TESTED: %s is not installed (make test installs it)", p)
		}
	}
}

// A whole run in small: every load once, without a proxy and with nutcracker.
func TestReportHasEveryLoad(t *testing.T) {
	needs(t, "redis-server", "redis-benchmark", "nutcracker")
	out := t.TempDir()
	s, err := parse([]string{"-mode", "matrix", "-rounds", "1", "-requests", "1000", "-loads", "mget|p16|16k",
		"-subjects", "direct,nutcracker", "-out", out})
	if err != nil {
		t.Fatal(err)
	}
	s.report, s.progress = io.Discard, io.Discard
	if err := run(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range loads {
		if !s.loads.MatchString(l.name) {
			continue
		}
		for _, subject := range s.subjects {
			if row := "| " + l.title + " | " + subject.name + " |"; !strings.Contains(string(text), row) {
				t.Errorf("the report has no row %q:\n%s", row, text)
			}
		}
	}
}

func TestInterruptedRunReportsWhatItHas(t *testing.T) {
	needs(t, "redis-server", "redis-benchmark")
	out := t.TempDir()
	s, err := parse([]string{"-mode", "matrix", "-subjects", "direct", "-out", out})
	if err != nil {
		t.Fatal(err)
	}
	s.report, s.progress = io.Discard, io.Discard
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := run(ctx, s); err == nil || !strings.Contains(err.Error(), "ended early") {
		t.Errorf("run = %v; want an error that says it ended early", err)
	}
	text, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil || !strings.Contains(string(text), "**Incomplete**") {
		t.Errorf("report = %q, %v; want one that says it is incomplete", text, err)
	}
}

// A measurement whose keys do not exist is refused.
func TestMissedKeysAreRefused(t *testing.T) {
	needs(t, "redis-server", "redis-benchmark")
	st, err := newStand(context.Background(), subject{name: "direct"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	_, err = st.measure(context.Background(), named("get"), 1000)
	if err == nil || !strings.Contains(err.Error(), "missed") {
		t.Errorf("measure of an empty server = %v; want an error that speaks of missed keys", err)
	}
}

func TestGoals(t *testing.T) {
	for _, tc := range []struct {
		got  goal
		want string
	}{
		{atMost("x", "%.1f", 1.0, 1.0), "met"},
		{atMost("x", "%.1f", 1.05, 1.0), "within 10 %"},
		{atMost("x", "%.1f", 1.2, 1.0), "missed"},
		{atLeast("x", "%.1f", 1.0, 1.0), "met"},
		{atLeast("x", "%.1f", 0.95, 1.0), "within 10 %"},
		{atLeast("x", "%.1f", 0.8, 1.0), "missed"},
	} {
		if tc.got.met != tc.want {
			t.Errorf("%+v: got %s; want %s", tc.got, tc.got.met, tc.want)
		}
	}
}
