package failover

import (
	"os"
	"slices"
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
		if len(words) != len(nextState[0])+1 || !strings.HasPrefix(line, "//\t") {
			continue
		}
		state := stateNamed(t, words[0])
		rows++
		for s, name := range words[1:] {
			if got, want := nextState[state][s], stateNamed(t, name); got != want {
				t.Errorf("%v on signal %d: code says %d, comment says %s", state, s, got, name)
			}
		}
	}
	if rows != len(nextState) {
		t.Errorf("got %d rows in the comment of State; want %d", rows, len(nextState))
	}
}

func stateNamed(t *testing.T, name string) State {
	if name == "-" {
		return never
	}
	i := slices.Index(stateNames[:], name)
	if i < 0 {
		t.Fatalf("got state %q in the comment of State; want one of %v", name, stateNames)
	}
	return State(i)
}

// TestExits: every state leads back to Healthy without anybody publishing another master.
func TestExits(t *testing.T) {
	for s := range State(len(nextState)) {
		seen, queue := map[State]bool{s: true}, []State{s}
		for len(queue) > 0 {
			for sig, next := range nextState[queue[0]] {
				if next != never && signal(sig) != reset && !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
			queue = queue[1:]
		}
		if !seen[Healthy] {
			t.Errorf("%v: got no way to healthy; want one", s)
		}
	}
}
