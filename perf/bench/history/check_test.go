package history

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// TestCorrectHistoriesPass includes some that lose what a window forgives.
func TestCorrectHistoriesPass(t *testing.T) {
	lost := 0
	for seed := range uint64(200) {
		v := Check(generate(seeded(seed), 4, 600, int(seed%4)))
		if len(v.Violations) > 0 {
			t.Fatalf("seed %d: got %v; want none", seed, v.Violations)
		}
		lost += v.Lost
	}
	if lost == 0 {
		t.Error("no history lost an acknowledged append; want some that a window forgives")
	}
}

// TestSpoiledHistoriesAreCaught is the proof of every rule: histories that break it, and
// nothing else, must be told of it.
func TestSpoiledHistoriesAreCaught(t *testing.T) {
	for _, s := range spoilers {
		t.Run(s.name, func(t *testing.T) {
			done := 0
			for seed := range uint64(60) {
				run := generate(seeded(seed), 4, 600, int(seed%4))
				if !s.spoil(seeded(seed+1000), run) {
					continue
				}
				done++
				if v := Check(run); !tells(v, s.rules) {
					t.Fatalf("seed %d: got %v; want a violation of %v", seed, v.Violations, s.rules)
				}
			}
			if done < 5 {
				t.Errorf("only %d histories could be spoiled so; want 5 at least", done)
			}
		})
	}
}

func tells(v Verdict, rules []string) bool {
	return slices.ContainsFunc(v.Violations, func(each Violation) bool { return slices.Contains(rules, each.Rule) })
}

// TestAnySpoilerOfAnyHistory draws sizes as well.
func TestAnySpoilerOfAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		clients, ops := rapid.IntRange(1, 8).Draw(t, "clients"), rapid.IntRange(50, 500).Draw(t, "operations")
		run := generate(seeded(seed), clients, ops, rapid.IntRange(0, 3).Draw(t, "failovers"))
		if v := Check(run); len(v.Violations) > 0 {
			t.Fatalf("correct: got %v; want none", v.Violations)
		}
		s := rapid.SampledFrom(spoilers).Draw(t, "spoiler")
		if s.spoil(seeded(seed+1), run) {
			if v := Check(run); !tells(v, s.rules) {
				t.Fatalf("%s: got %v; want a violation of %v", s.name, v.Violations, s.rules)
			}
		}
	})
}

// TestWindowsForgiveOnlyTheirOwn moves a window away from the loss it was declared for.
func TestWindowsForgiveOnlyTheirOwn(t *testing.T) {
	seen := false
	for seed := range uint64(100) {
		run := generate(seeded(seed), 4, 600, 1)
		if Check(run).Lost == 0 {
			continue
		}
		seen = true
		other := *run
		other.Windows = []Window{{"other", run.Windows[0].From, run.Windows[0].To}}
		if v := Check(&other); !tells(v, []string{"I6a"}) {
			t.Fatalf("seed %d, window of another group: got %v; want I6a", seed, v.Violations)
		}
	}
	if !seen {
		t.Error("no history lost anything")
	}
}

// TestSplitForgivesOneHalfForItsTime has both halves of a group take writes; what s0 took from
// client 0 gives way.
func TestSplitForgivesOneHalfForItsTime(t *testing.T) {
	push := func(client, seq int, server string, at int64) Op {
		return Op{Client: client, Seq: seq, Kind: Append, Group: "g", Key: "l", Value: fmt.Sprint(client, ".", seq),
			Server: server, Invoked: at, Completed: at + 1}
	}
	for _, tc := range []struct {
		name string
		ops  []Op
		of   []int // clients of the half that gives way
		want []string
	}{
		{"within its time", []Op{push(0, 1, "s0", 10), push(1, 1, "s1", 20), push(0, 2, "s0", 30), push(1, 2, "s1", 60)}, []int{0}, nil},
		{"of the other half", []Op{push(0, 1, "s0", 10), push(1, 1, "s1", 20)}, []int{1}, []string{"I6a"}},
		{"behind its time", []Op{push(1, 1, "s1", 20), push(1, 2, "s1", 55), push(0, 2, "s0", 60)}, []int{0}, []string{"I6a", "I8"}},
	} {
		run := &Run{Ops: tc.ops, Reigns: []Reign{{"g", "s0", 0}, {"g", "s1", -1}},
			Splits: []Split{{Group: "g", From: 5, To: 50, Clients: tc.of}}, Final: Final{Lists: map[string][]string{}}}
		for _, op := range tc.ops {
			if op.Server == "s1" {
				run.Final.Lists["l"] = append(run.Final.Lists["l"], op.Value)
			}
		}
		v := Check(run)
		var got []string
		for _, each := range v.Violations {
			got = append(got, each.Rule)
		}
		if slices.Sort(got); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v; want %v", tc.name, v.Violations, tc.want)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Class
	}{
		{"TRYAGAIN huntaway: no master (group g, pool p); not executed", Fail},
		{"ERR huntaway: connection lost to 127.0.0.1:1 (group g, pool p); the command may have been executed", Unknown},
		{"READONLY You can't write against a read only replica.", Fail},
		{"OOM command not allowed when used memory > 'maxmemory'.", Fail},
		{"MISCONF Redis is configured to save RDB snapshots", Fail},
		{"EXECABORT Transaction discarded because of previous errors.", Fail},
		{"ERR max number of clients reached", Fail},
		{"TRYAGAIN", Fail},
		{"ERR unknown command 'X'", Wrong},
		{"OOMPH", Wrong},
		{"TRYAGAIN huntaway: no master; not executed, perhaps", Fail}, // Redis's own code, whatever the text
		{"ERR huntaway: timed out", Wrong},
		{"MOVED 1 127.0.0.1:1", Wrong},
	} {
		if got := Classify(tc.text); got != tc.want {
			t.Errorf("Classify(%q) = %v; want %v", tc.text, got, tc.want)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	l := NewLog(3)
	l.Add(Op{Seq: 1}, Op{Seq: 2})
	if l.Full() {
		t.Error("Full after two of three; want false")
	}
	l.Add(Op{Seq: 3}, Op{Seq: 4})
	ops, _ := l.Snapshot()
	if len(ops) != 3 || !l.Full() {
		t.Errorf("got %d operations, full %v; want 3, true", len(ops), l.Full())
	}
	if since, n := l.Since(2); len(since) != 1 || since[0].Seq != 3 || n != 3 {
		t.Errorf("Since(2) = %v, %d; want the third operation, 3", since, n)
	}
}

func TestDumpHasEverything(t *testing.T) {
	run := generate(seeded(1), 2, 50, 1)
	var text strings.Builder
	if err := Dump(&text, run); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if want := 1 + len(run.Conns) + len(run.Ops); len(lines) != want {
		t.Errorf("got %d lines; want %d", len(lines), want)
	}
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("got a line that is no JSON: %s", l)
		}
	}
}
