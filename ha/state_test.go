package ha

import (
	"os"
	"strings"
	"testing"
)

// TestStateTable compares the table in the comment of State with nextState.
func TestStateTable(t *testing.T) {
	text, err := os.ReadFile("state.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "//"))
		if len(words) != 5 || !strings.HasPrefix(line, "//\t") {
			continue
		}
		state, known := stateNamed(words[0])
		if !known {
			t.Fatalf("got state %q in the comment of State; want one of %v", words[0], stateNames)
		}
		rows++
		for event, name := range words[1:] {
			want, _ := stateNamed(name)
			if got := nextState[state][event]; got != want {
				t.Errorf("%v on event %d: code says %d, comment says %s", state, event, got, name)
			}
		}
	}
	if rows != len(nextState) {
		t.Errorf("got %d rows in the comment of State; want %d", rows, len(nextState))
	}
}

func stateNamed(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return never, name == "-"
}

func TestHistory(t *testing.T) {
	h := newHistory(3)
	add := func(lineage string, at, offset int64) { h.add(lineage, sample{at, at + 1, offset}) }
	covered := func(offset, want int64) {
		t.Helper()
		if got := h.covered(h.lineage, offset); got != want {
			t.Errorf("covered(%d) = %d; want %d", offset, got, want)
		}
	}
	covered(1000, 0) // nothing is known
	add("A", 10, 100)
	add("A", 20, 100) // idle: the same offset covers more
	covered(99, 0)
	covered(100, 20)
	if s, ok := h.reachedBy(11); !ok || s.offset != 100 {
		t.Errorf("reachedBy(11) = %v, %v; want offset 100: it was in hand at 11", s, ok)
	}
	add("A", 30, 200)
	add("A", 40, 300)
	covered(250, 30)
	add("A", 50, 400) // forgets the oldest
	covered(100, 0)
	covered(200, 30)
	covered(1<<60, 50)
	if got := h.covered("B", 1000); got != 0 {
		t.Errorf("covered of another lineage = %d; want 0", got)
	}
	add("A", 60, 50) // an offset that falls is another data set
	covered(49, 0)
	covered(400, 60)
	add("B", 70, 60)
	covered(60, 70)
}

func TestComplete(t *testing.T) {
	pub := &board{}
	for _, o := range []PoolOptions{
		{}, {Publisher: pub, ProbeInterval: -1}, {Publisher: pub, MaxLag: -1}, {Publisher: pub, MaxLagBytes: -1},
		{Publisher: pub, Rejoin: -1}, {Publisher: pub, Access: Access{Timeout: -1}},
	} {
		if err := NewMonitor(Options{}).Watch(o); err == nil {
			t.Errorf("Watch(%+v) = nil; want an error", o)
		}
	}
	o, err := PoolOptions{Publisher: pub, MaxLag: 1}.complete()
	if err != nil || o.MaxLag != 2*o.ProbeInterval || o.limits().History != historyLeast {
		t.Errorf("complete: got MaxLag %v, history %d, %v; want two probe intervals, %d, nil",
			o.MaxLag, o.limits().History, err, historyLeast)
	}
	o.MaxLag = 1 << 50
	if got := o.limits().History; got != historyMost {
		t.Errorf("history for a huge MaxLag: got %d; want %d", got, historyMost)
	}
}
