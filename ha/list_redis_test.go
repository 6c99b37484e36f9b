package ha

import (
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/ha/failover"
)

// TestLossIsKnownToTheNext: a monitor that decides after another one, which has taken a master without its data, has who comes
// back with them left alone, whether it ran beside that one or began afterwards, and without its state file. Once an operator has
// resolved the group there, it is forgotten everywhere.
func TestLossIsKnownToTheNext(t *testing.T) {
	for _, beside := range []bool{true, false} {
		t.Run(map[bool]string{true: "beside it", false: "after it"}[beside], func(t *testing.T) {
			first := emptied(t, time.Second)
			first.await("the loss", func() bool { return first.alarmed("the master has come back without its data") })
			master := first.all[0]
			first.await("the list", func() bool {
				return strings.HasPrefix(master.Client.Get(t.Context(), failover.LostKey("g")).Val(), "left ")
			})
			if !beside {
				first.stop()
			}
			next := castOf(t, first.all, nil)
			if beside {
				next.await("that it stands down", func() bool { return next.alarmed("another monitor is active") })
				next.await("what was lost", func() bool { return next.alarmed("as another monitor has noted") })
				first.stop()
			}
			next.await("what was lost", func() bool { return next.alarmed("as another monitor has noted") })
			next.await("that it decides", func() bool { return !next.alarmed("another monitor is active") })
			third := castOf(t, first.all, nil)
			third.await("what was lost", func() bool { return third.alarmed("as another monitor has noted") })
			back := next.all[1]
			back.start()
			next.await("an alarm", func() bool { return next.alarmed(back.addr() + " has data that the master was taken without") })
			if got := back.list(); !slices.Equal(got, []string{"a", "b", "c"}) {
				t.Errorf("got the list %v; want what only that server has", got)
			}
			if err := next.m.Resolve(t.Context(), "p", "g", back.addr(), "test"); err != nil {
				t.Fatal(err)
			}
			next.await("the list without anything", func() bool { return back.Client.Get(t.Context(), failover.LostKey("g")).Val() == failover.NothingLost })
			for _, tr := range []*troupe{next, third} {
				tr.settled(1, "[0]")
				tr.await("no alarm", func() bool { return !tr.alarmed("was taken without") })
			}
			next.await("the master's following", func() bool { return slices.Equal(master.list(), []string{"a", "b", "c"}) })
		})
	}
}

// TestListIsPutRight: what a client writes in the place of the list of losses is replaced by what the monitor that acts knows,
// and no monitor is misled by what is no list, or large.
func TestListIsPutRight(t *testing.T) {
	i := launch(t)
	key := failover.LostKey("g")
	a := listening(t, i, nameA)
	a.active("at the start")
	a.look.lost = &failover.Losses{}
	if a.active("before the list is known"); a.look.listed == nil || a.look.listed.Text != "" {
		t.Fatalf("got %+v for the machine; want that there is no list", a.look.listed)
	}
	a.look.lost = &failover.Losses{Known: true}
	if a.active("with nothing lost"); i.must("EXISTS", key) != int64(0) {
		t.Errorf("got the list %v; want none", i.must("GET", key))
	}
	const lost = "left abc 9;lost abc 9"
	a.look.lost.Want = lost
	if a.active("with a loss"); a.odd != "" || i.must("GET", key) != lost {
		t.Errorf("got %q and the list %v; want %s without a word", a.odd, i.must("GET", key), lost)
	}
	for _, each := range [][]any{{"SET", key, "left def 1"}, {"SET", key, failover.NothingLost}, {"SET", key, "x\ny"}, {"DEL", key}, {"FLUSHALL"},
		{"LPUSH", key, 1}, {"SETRANGE", key, 32 << 20, "x"}} {
		if each[0] == "LPUSH" {
			i.must("DEL", key)
		}
		i.must(each...)
		a.active("put right")
		if got := i.must("GET", key); got != lost || !strings.Contains(a.odd, "is not the list of losses that was left there: it was ") || strings.Count(a.odd, "\n") != 1 || len(a.odd) > 400 {
			t.Errorf("%v: got %q and the list %.80v; want it put right and one line", each[0], a.odd, got)
		}
	}
	a.look.lost.Want = ""
	if a.active("with nothing lost any more"); i.must("GET", key) != failover.NothingLost || a.odd != "" {
		t.Errorf("got the list %v, %q; want that it says so", i.must("GET", key), a.odd)
	}

	b := listening(t, i, nameB)
	b.look.lost = &failover.Losses{Known: true}
	for _, each := range [][]any{{"SET", key, lost}, {"SETRANGE", key, 32 << 20, "x"}} {
		i.must(each...)
		b.look.listed = nil
		b.down("beside the one that acts", nameA)
		want := map[bool]string{true: lost, false: noList}[each[0] == "SET"]
		if b.look.listed == nil || b.look.listed.Text != want || b.look.listed.Repl.RunID == "" {
			t.Errorf("%v: got %+v for the machine; want %q of a process", each[0], b.look.listed, want)
		}
	}
	a.look.lost, a.look.process = &failover.Losses{Known: true, Want: lost}, "another"
	if a.active("at another process"); i.must("STRLEN", key) != int64(32<<20+1) {
		t.Errorf("got the list %.80v; want that of another process left alone", i.must("GET", key))
	}
}
