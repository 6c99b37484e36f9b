package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/perf/bench/history"
)

// settingsFor builds the program under test.
func settingsFor(t *testing.T) settings {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT TESTED with -short: it takes a minute")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("NOT TESTED: redis-server is not installed (make test installs it)")
	}
	program := filepath.Join(t.TempDir(), "huntaway")
	build := exec.Command("go", "build", "-o", program, "huntaway/cmd/huntaway")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building huntaway: %v\n%s", err, text)
	}
	return settings{program: program, clients: 6, rate: 400, keep: t.TempDir()}
}

// TestShortOfChaos is the part of make chaos that every change has to pass.
func TestShortOfChaos(t *testing.T) {
	set := settingsFor(t)
	for _, name := range []string{"F1", "F2", "F13", "F17", "F32", "F32fo", "F32o"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chosen, err := faultsNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			out, err := attempt(context.Background(), chosen[0], 1, set)
			if err != nil {
				t.Error(err)
			} else if !out.passed() {
				t.Error(out.line())
			}
		})
	}
}

// TestChaosCatchesWhatItMust runs cases whose fault is done behind the proxy's back, and one
// without a fault.
func TestChaosCatchesWhatItMust(t *testing.T) {
	set := settingsFor(t)
	for _, tc := range []struct {
		fault fault
		want  string // in one of the failures; "vacuous" for that
	}{
		{fault{name: "nothing", inject: func(*attack) error { return nil }}, "vacuous"},
		{fault{name: "lost", inject: loseAppends}, "I6a"},
		{fault{name: "robbed", inject: robBank}, "I11"},
	} {
		t.Run(tc.fault.name, func(t *testing.T) {
			t.Parallel()
			out, err := attempt(context.Background(), &tc.fault, 1, set)
			if err != nil {
				t.Fatal(err)
			}
			told := tc.want == "vacuous" && out.vacuous && len(out.failed) == 0 ||
				slices.ContainsFunc(out.failed, func(f string) bool { return strings.HasPrefix(f, tc.want) })
			if !told || out.passed() {
				t.Errorf("got %q, vacuous %v; want %s", out.failed, out.vacuous, tc.want)
			}
		})
	}
}

// loseAppends takes the newest values of a list away, on the master itself.
func loseAppends(a *attack) error {
	a.bit("by the test")
	_, err := a.groups[0].servers[0].call("LTRIM", "l:{"+a.groups[0].post.tag+"}:shared", "0", "-4")
	return err
}

// robBank takes money out of an account, on the master itself.
func robBank(a *attack) error {
	a.bit("by the test")
	_, err := a.groups[0].servers[0].call("DECRBY", account(a.groups[0].post, 0), "5")
	return err
}

func TestStepsRefuseForeignReplies(t *testing.T) {
	c := &client{posts: []post{{"g", "t"}}, random: newRandom(1)}
	for _, tc := range []struct {
		name  string
		make  maker
		reply any
		want  history.Class
	}{
		{"SET", set, "OK", history.OK},
		{"SET", set, []byte("OK?"), history.Wrong},
		{"INCR", count, int64(3), history.OK},
		{"INCR", count, []byte("3"), history.Wrong},
		{"GET", get, nil, history.OK},
		{"GET", get, []byte("r:{t}:0|7|xx"), history.OK},
		{"GET", get, []byte("r:{t}:0|7|xx!"), history.Wrong},
		{"BLPOP", pop, []any{[]byte("q:{t}"), []byte("1")}, history.OK},
		{"BLPOP", pop, []any{[]byte("q:{other}"), []byte("1")}, history.Wrong},
	} {
		s := tc.make(c)
		s.settle([]any{tc.reply})
		if s.op.Class != tc.want {
			t.Errorf("%s answered %q: got class %v; want %v", tc.name, tc.reply, s.op.Class, tc.want)
		}
	}
	if s := transfer(c); true {
		s.settle([]any{"OK", "QUEUED", "QUEUED", []any{int64(1)}})
		if s.op.Class != history.Wrong {
			t.Errorf("half an EXEC: got class %v; want %v", s.op.Class, history.Wrong)
		}
	}
}

func TestQuantiles(t *testing.T) {
	values := []float64{1, 2, 3, 4}
	for q, want := range map[float64]float64{0.5: 2, 0.99: 4, 0.25: 1} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile(%v, %v) = %v; want %v", values, q, got, want)
		}
	}
	r := row{"m", "f", target{p50: none, p99: 3, most: none}}
	if line, met := r.compare(values); met || !strings.Contains(line, "NO") {
		t.Errorf("compare = %q, %v; want a target that is missed", line, met)
	}
	if _, met := r.compare([]float64{1, 2}); !met {
		t.Error("compare of values below the target: got false; want true")
	}
	if _, met := r.compare(nil); met {
		t.Error("compare of nothing: got true; want false")
	}
}

func TestEveryFaultHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults {
		if seen[f.name] || f.what == "" || f.inject == nil {
			t.Errorf("%s stands twice, or lacks what it needs", f.name)
		}
		seen[f.name] = true
	}
	if _, err := faultsNamed("F1,F0"); err == nil || !strings.Contains(err.Error(), "F0") {
		t.Errorf("faultsNamed(F1,F0) = %v; want an error that names F0", err)
	}
}

func TestMeasureTakesRowsByName(t *testing.T) {
	_, todo, err := parse([]string{"-measure", "-faults", "busy,crash-s", "-times", "0.5"})
	if err != nil || len(todo.rows) != 2 || todo.rows[0].fault.name != "busy" || todo.rows[1].fault.name != "crash-s" || todo.times != 0.5 {
		t.Errorf("got %d rows, times %v, %v; want busy, crash-s, 0.5, nil", len(todo.rows), todo.times, err)
	}
	if _, todo, err := parse([]string{"-measure"}); err != nil || len(todo.rows) != len(measurements) {
		t.Errorf("without -faults: got %d rows, %v; want all %d", len(todo.rows), err, len(measurements))
	}
	for _, tc := range []struct{ args, want string }{
		{"-measure -faults busy,F1", `"F1" is unknown; want one of crash, crash-s, stop, switchover, fast, stalls, busy, blind`},
		{"-faults busy", `"busy" is unknown; want one of F1, F1s,`},
		{"-measure -times 0", "-times: 0 is not above 0"},
	} {
		if _, _, err := parse(strings.Fields(tc.args)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("parse(%s) = %v; want an error with %s", tc.args, err, tc.want)
		}
	}
}

func TestAwaitGivesUp(t *testing.T) {
	if err := await(context.Background(), 30*time.Millisecond, func() bool { return false }); err == nil {
		t.Error("await of what never holds: got nil; want an error")
	}
}
