package ha

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"huntaway/ha/failover"
)

// spell writes events as "a@3 2/3" for an announcement and "a@3 down 1/3" for an objection.
func spell(evs []failover.Event) string {
	var all []string
	for _, ev := range evs {
		down := ""
		if ev.Kind == failover.Objected {
			down = "down "
		}
		all = append(all, fmt.Sprintf("%s@%d %s%d/%d", ev.Addr, ev.Epoch, down, ev.Source, ev.Of))
	}
	return strings.Join(all, ", ")
}

// TestSentinelTally: three Sentinels are heard one after the other; every line is who (1 to 3) says
// what ("-" for nothing), and what is made known.
func TestSentinelTally(t *testing.T) {
	type step struct {
		who  int
		says string // addr@epoch, with "!" for o_down; "-" is silence
		want string
	}
	for name, steps := range map[string][]step{
		"the first announcement waits for a majority": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {3, "a@1", "a@1 3/3"}, {1, "a@1", ""}},
		"or for the end of the round": {
			{1, "-", ""}, {2, "a@1", ""}, {3, "-", "a@1 1/3"}},
		"nobody answers: nothing is known": {{1, "-", ""}, {2, "-", ""}, {3, "-", ""}},
		"one of a higher epoch is enough": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {3, "b@2", "b@2 1/3"}, {1, "b@2", "b@2 2/3"}, {2, "b@2", "b@2 3/3"}},
		"one that was asleep does not flip it back": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {3, "a@1", "a@1 3/3"}, {3, "-", ""},
			{1, "b@2", "b@2 1/3"}, {2, "b@2", "b@2 2/3"}, {3, "a@1", ""}, {1, "-", ""}, {2, "-", ""}, {3, "a@1", ""}},
		"a liar under an old epoch is not heard": {
			{1, "b@5", ""}, {2, "c@4", "b@5 1/3"}, {3, "b@5", "b@5 2/3"}, {1, "-", ""}, {3, "-", ""}, {2, "c@4", ""}},
		"a liar under the same epoch is outvoted": {
			{1, "c@5", ""}, {2, "b@5", ""}, {3, "b@5", "b@5 2/3"}, {2, "-", ""}, {3, "-", ""}, {1, "c@5", ""}},
		"two masters under one epoch are none": {
			{1, "c@5", ""}, {2, "b@5", ""}, {3, "-", ""}, {1, "b@5", "b@5 2/3"}},
		"fewer voices are no news, more are": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {2, "-", ""}, {2, "a@1", ""}, {3, "a@1", "a@1 3/3"}},
		"two of three down": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {3, "a@1", "a@1 3/3"}, {1, "-", ""}, {2, "-", ""}, {3, "a@1", ""}, {3, "b@2", "b@2 1/3"}},
		"objections come and go": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {1, "a@1!", "a@1 down 1/3"}, {2, "a@1!", "a@1 down 2/3"},
			{1, "a@1", "a@1 down 1/3"}, {2, "-", ""}, {2, "a@1!", "a@1 down 1/3"}},
		"that it is over is told once, when a majority says so": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {1, "a@1!", "a@1 down 1/3"}, {1, "a@1", "a@1 down 0/3"}, {1, "a@1", ""}, {2, "a@1", ""}},
		"silence does not end it, nor the word of a few": {
			{1, "a@1", ""}, {2, "a@1", "a@1 2/3"}, {1, "a@1!", "a@1 down 1/3"}, {2, "-", ""}, {1, "a@1", ""},
			{1, "a@1!", "a@1 down 1/3"}, {1, "-", ""}},
		"the objection to the one before does not stick to the next": {
			{1, "a@1!", ""}, {2, "a@1!", "a@1 2/3, a@1 down 2/3"}, {1, "b@2", "b@2 1/3"}, {3, "a@1!", ""}},
		"epoch 0 is what a new Sentinel has": {
			{1, "a@0", ""}, {2, "a@0", "a@0 2/3"}, {1, "b@1", "b@1 1/3"}, {2, "a@0", ""}},
	} {
		e := newSentinelTally(3)
		for i, s := range steps {
			utter(e, s.who-1, s.says)
			if got := spell(e.decide(nil)); got != s.want {
				t.Errorf("%s, step %d (%d says %s): got %q; want %q", name, i+1, s.who, s.says, got, s.want)
			}
		}
	}
}

// utter has Sentinel i say what a step spells.
func utter(e *sentinelTally, i int, says string) {
	if says == "-" {
		e.hush(i)
		return
	}
	v := sentinelReport{down: strings.HasSuffix(says, "!")}
	v.addr = says[:1]
	fmt.Sscanf(says[2:], "%d", &v.epoch)
	e.hear(i, v)
}

// TestStrange: what an operator is told of reports that do not fit together.
func TestStrange(t *testing.T) {
	for _, tc := range []struct{ says, want string }{
		{"a@1 a@1 a@1", ""},
		{"a@1 b@1 -", "different masters under epoch 1"},
		{"a@3 a@3 a@3 a@1 a@1 a@1", "epoch 1, behind 3"},
		{"a@3 a@3 a@3 b@3 b@3 b@3", "they name b under epoch 3, which stood for a"},
		{"- - -", ""},
	} {
		e := newSentinelTally(3)
		for i, s := range strings.Fields(tc.says) {
			utter(e, i%3, s)
			e.decide(nil)
		}
		if !strings.Contains(e.odd, tc.want) || tc.want == "" && e.odd != "" {
			t.Errorf("%s: got %q; want %q", tc.says, e.odd, tc.want)
		}
	}
}

// TestSentinelTallyProperties: whatever the order of answers, silences and returns of old knowledge,
// and with one Sentinel that makes up what it says of all but the newest epochs: epochs never
// fall, one epoch names one master, a master that truly was one is named, and the truth is
// known when all but the liar have it.
func TestSentinelTallyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 7).Draw(t, "sentinels")
		truth := []string{"a"} // the master under each epoch
		knows := make([]int, n)
		e := newSentinelTally(n)
		last, named := uint64(0), map[uint64]string{}
		say := func(i int) {
			epoch := knows[i]
			addr := truth[epoch]
			if i == 0 && epoch > 0 { // the liar has no part in what is newest
				epoch = rapid.IntRange(0, epoch-1).Draw(t, "old epoch")
				addr = rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "lie")
			}
			e.hear(i, sentinelReport{addr, uint64(epoch), rapid.Bool().Draw(t, "down")})
		}
		check := func(evs []failover.Event) {
			for _, ev := range evs {
				switch before, known := named[ev.Epoch]; {
				case ev.Epoch < last:
					t.Fatalf("got epoch %d after %d; want none that is older", ev.Epoch, last)
				case known && before != ev.Addr:
					t.Fatalf("got %s and %s under epoch %d; want one", before, ev.Addr, ev.Epoch)
				case ev.Of != n || ev.Source > n || ev.Source < 1 && ev.Kind == failover.Announced:
					t.Fatalf("got %d of %d; want at most %d", ev.Source, ev.Of, n)
				}
				last, named[ev.Epoch] = ev.Epoch, ev.Addr
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, n-1).Draw(t, "who")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				truth = append(truth, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "next"))
				knows[i] = len(truth) - 1
			case 1:
				knows[i] = rapid.IntRange(knows[i], len(truth)-1).Draw(t, "learned")
				say(i)
			case 2:
				say(i)
			case 3:
				e.hush(i)
			}
			check(e.decide(nil))
		}
		for i := range n {
			knows[i] = len(truth) - 1
			say(i)
			check(e.decide(nil))
		}
		if want := truth[len(truth)-1]; e.addr != want || e.epoch != uint64(len(truth)-1) {
			t.Fatalf("got %s@%d in the end; want %s@%d", e.addr, e.epoch, want, len(truth)-1)
		}
	})
}
