package failover

import (
	"os"
	"slices"
	"strings"
	"testing"

	"huntaway/ha/vital"
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

// TestCredible: no mark that a client may have written uses up the epochs.
func TestCredible(t *testing.T) {
	for _, c := range []struct {
		mark, epoch uint64
		want        bool
	}{
		{0, 1, true}, {1, 1, true}, {5000, 1, true}, {epochJump + 1, 1, true}, {epochJump + 2, 1, false}, {3, 4, true},
		{EpochMost - 1, EpochMost - 2, true}, {EpochMost, EpochMost - 1, false}, {1<<64 - 1, 1, false}, {EpochMost - 1, 1, false},
	} {
		if got := Credible(c.mark, c.epoch); got != c.want {
			t.Errorf("mark %d by epoch %d: got %v; want %v", c.mark, c.epoch, got, c.want)
		}
	}
	m := New(Options{Mode: Local}, Layout{Group: "g", Master: -1, Members: []Member{{ID: 0, Addr: "a"}}}, Intent{}, 1e9)
	b := m.members[0]
	b.looked, b.mark.Epoch = true, EpochMost-1
	if m.later(b) || m.bearsMark(b) {
		t.Errorf("got a later one %v, our mark %v; want neither by a mark that cannot be", m.later(b), m.bearsMark(b))
	}
	m.catchUp(await{op: Verify, epoch: 1}, Event{Mark: Mark{Epoch: EpochMost - 1}})
	if m.epoch != 1 {
		t.Errorf("got epoch %d; want 1", m.epoch)
	}
}

// TestDescentsKept: what a process has written down of lineages the next one knows: a replica that went over to a
// new lineage far behind has all of the old one that the new one has, and who stayed with an old one is worth what he has of it.
func TestDescentsKept(t *testing.T) {
	l := Layout{Group: "g", Master: 0, Members: []Member{{ID: 0, Addr: "a"}, {ID: 1, Addr: "b"}}}
	m := New(Options{Mode: Local}, l, Intent{Master: "a", Lineage: "A", Offset: 305}, 1e9)
	m.descends("A", descent{"Z", 50, true})
	m.round.candidate, m.round.stand = 1, past{Lineage: "A", Offset: 305}
	for _, id := range []string{"L1", "L2", "L3", "L4", "L5"} {
		m.recordHeir(&vital.Replication{ID: id, Offset: 306, SecondID: "A", SecondOffset: 306})
	}
	if want := "A Z 50 least;L2 A 305;L3 A 305;L4 A 305;L5 A 305"; m.disk.intent.Descents != want {
		t.Errorf("got %q; want the newest, %q", m.disk.intent.Descents, want)
	}
	in := m.disk.intent
	in.Descents += ";x;A B c;"
	m = New(Options{Mode: Local}, l, in, 1e9)
	late := vital.Replication{ID: "L5", Offset: 400, SecondID: "A", SecondOffset: 101, Replica: true}
	m.trace(&late)
	if got := m.share(&late, "A"); got != 305 {
		t.Errorf("got a share of %d; want 305", got)
	}
	if got := m.share(&vital.Replication{ID: "L1", Offset: 400, SecondID: "A", SecondOffset: 101}, "A"); got != 100 {
		t.Errorf("got a share of %d of what nobody remembers; want what it says itself, 100", got)
	}
	if got, want := m.worthOf(&vital.Replication{ID: "Z", Offset: 60}), (worth{50, 60, false}); got != want {
		t.Errorf("got a worth of %v; want %v", got, want)
	}
}

// TestWorth: who has more of the last master's stream is worth more, under whatever name; who may have more than another one is
// worth more, unless that one lacks nothing that the master has said.
func TestWorth(t *testing.T) {
	m := New(Options{Mode: Local}, Layout{Group: "g", Master: -1}, Intent{}, 1e9)
	m.known = past{Lineage: "C", Offset: 300, said: 245}
	m.descends("C", descent{"B", 239, false})
	m.descends("B", descent{"A", 150, true})
	r := func(id string, offset int64, second string, upTo int64, replica bool) vital.Replication {
		return vital.Replication{ID: id, Offset: offset, SecondID: second, SecondOffset: upTo + 1, Replica: replica}
	}
	ascending := []struct {
		what string
		r    vital.Replication
		want worth
	}{
		{"a stranger", r("X", 900, "", -1, true), worth{-1, -1, false}},
		{"what was left first", r("A", 90, "", -1, true), worth{90, 90, false}},
		{"the last one, far behind", r("C", 100, "B", 100, true), worth{100, 100, false}},
		{"somebody's heir", r("D", 130, "A", 100, false), worth{100, 100, false}},
		{"what was left first, and that for sure", r("A", 120, "", -1, true), worth{120, 120, false}},
		{"somebody's heir's replica", r("D", 130, "A", 100, true), worth{100, 130, false}},
		{"what was left first, with all", r("A", 500, "", -1, true), worth{150, 239, false}},
		{"the one before, with all", r("B", 500, "", -1, true), worth{239, 239, false}},
		{"the last one", r("C", 240, "", -1, true), worth{240, 240, false}},
		{"the last one's heir's replica", r("E", 500, "C", 240, true), worth{240, 500, false}},
		{"the last one, with all that it said", r("C", 245, "", -1, true), worth{245, 245, true}},
	}
	for i, c := range ascending {
		got := m.worthOf(&c.r)
		if got != c.want {
			t.Errorf("%s: got a worth of %+v; want %+v", c.what, got, c.want)
		}
		if i > 0 && got.compare(m.worthOf(&ascending[i-1].r)) < 0 {
			t.Errorf("%s: got less than %s; want at least as much", c.what, ascending[i-1].what)
		}
	}
}

// TestReleaseForgetsNothing: a release allows failovers again, and what has happened within the
// hour is still counted, by the next life of this process as well, until the hour is over.
func TestReleaseForgetsNothing(t *testing.T) {
	const minute = 60 * second
	l := Layout{Group: "g", Master: 0, Members: []Member{{ID: 0, Addr: "a"}, {ID: 1, Addr: "b"}}}
	now := int64(100 * minute)
	m := New(Options{Mode: Local}, l, Intent{Recent: spellNumbers([]int64{30 * minute, 90 * minute, 95 * minute, 99 * minute})}, now)
	counted := func(when string, want int) {
		t.Helper()
		if n := len(m.Status().Recent); n != want {
			t.Errorf("%s: got %d failovers within the hour; want %d", when, n, want)
		}
	}
	counted("at the start", 3)
	var kept Intent
	for _, a := range m.Step(Event{Kind: Commanded, At: now, Wish: Wish{Kind: WishRelease, ID: 1, By: "op"}}, nil) {
		if a.Kind == Persist {
			kept = a.Intent
		}
	}
	counted("after the release", 3)
	if why := m.unseemly(); strings.Contains(why, "failover") || m.latched() != "" {
		t.Errorf("after the release: got %q, latched %q; want that none of them forbids another", why, m.latched())
	}
	m = New(Options{Mode: Local}, l, kept.Retimed(func(at int64) int64 { return at + minute }), now+minute)
	counted("in the next life", 3)
	m.now = 154 * minute
	counted("later", 2)
	m.now = 161 * minute
	counted("an hour later", 0)
}

// TestForgedKept: a mark that was found forged is nobody's in the next life either, the newest of many, and only those.
func TestForgedKept(t *testing.T) {
	l := Layout{Group: "g", Master: 0, Members: []Member{{ID: 0, Addr: "a"}, {ID: 1, Addr: "b"}}}
	m := New(Options{Mode: Local}, l, Intent{}, 1e9)
	for mark := range uint64(forgedMost + 2) {
		m.forge(100 + mark)
		m.forge(100 + mark)
	}
	m = New(Options{Mode: Local}, l, Intent{Forged: m.disk.intent.Forged + " x -1"}, 1e9)
	b := m.members[1]
	b.looked = true
	for mark, want := range map[uint64]bool{101: true, 102: false, 100 + forgedMost + 1: false, 100 + forgedMost + 2: true} {
		if b.mark.Epoch = mark; m.later(b) != want {
			t.Errorf("mark %d: got a later one %v; want %v", mark, m.later(b), want)
		}
	}
}

// TestUnsavedIsAlarming: that the state file cannot be written is an alarm in whatever state, and that it can be again is none.
func TestUnsavedIsAlarming(t *testing.T) {
	m := New(Options{Mode: Local}, Layout{Group: "g", Master: -1, Members: []Member{{ID: 0, Addr: "a"}}}, Intent{}, 1e9)
	for _, state := range []State{Healthy, Suspect, Stuck} {
		m.state, m.acts = state, nil
		m.saved(os.ErrPermission)
		m.saved(nil)
		var alarms []bool
		for _, a := range m.acts {
			if a.Kind == Report {
				alarms = append(alarms, a.Transition.Alarm)
			}
		}
		if !slices.Equal(alarms, []bool{true, false}) {
			t.Errorf("%v: got alarms %v; want one, then its end", state, alarms)
		}
	}
}
