package repeat

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An ear is where a test's lines go.
type ear struct {
	*Log
	text strings.Builder
}

func newEar() *ear {
	e := &ear{}
	e.Log = New(slog.New(slog.NewTextHandler(&e.text, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
	return e
}

// lines takes the lines that have been written since it was last called.
func (e *ear) lines() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.text.Reset()
	return strings.Split(strings.TrimSuffix(e.text.String(), "\n"), "\n")
}

// open returns how many subjects there are.
func (e *ear) open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runs)
}

var down = Subject{What: "link down", Whom: "127.0.0.1:1", Until: "link up"}

// virtually runs f in a bubble with a clock of its own.
func virtually(t *testing.T, f func(*ear)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		e := newEar()
		f(e)
		e.Close()
	})
}

// What lasts and is tried for hours is some lines, and one when it is over.
func TestWhatLastsIsSaidAtGrowingIntervals(t *testing.T) {
	virtually(t, func(e *ear) {
		for range 10_000 {
			e.Say(slog.LevelWarn, down, "cause", "refused")
			time.Sleep(700 * time.Millisecond)
		}
		lines := e.lines()
		if want := "level=WARN msg=\"link down\" cause=refused"; lines[0] != want {
			t.Errorf("first: got %q; want %q", lines[0], want)
		}
		if want := "level=WARN msg=\"link down\" again=1 cause=refused"; lines[1] != want {
			t.Errorf("after a second: got %q; want %q", lines[1], want)
		}
		if len(lines) > 20 {
			t.Errorf("got %d lines in two hours; want at most 20", len(lines))
		}
		e.Over(down, "server", "s")
		e.Over(down, "server", "s")
		if got, want := e.lines(), `level=INFO msg="link up" after=1h56m40s count=10000 server=s`; len(got) != 1 || got[0] != want {
			t.Errorf("over: got %q; want %q", got, want)
		}
	})
}

// What is over after one time is said to be, and what nobody knew to be wrong is not.
func TestOverIsSaidOnce(t *testing.T) {
	virtually(t, func(e *ear) {
		e.Over(down)
		e.Say(slog.LevelWarn, down)
		time.Sleep(time.Hour)
		e.Over(down)
		e.Over(down)
		time.Sleep(time.Hour)
		if got := len(e.lines()); got != 2 {
			t.Errorf("got %d lines; want one when it went and one when it was back", got)
		}
		e.Say(slog.LevelWarn, down)
		if got := e.lines(); !strings.HasSuffix(got[0], `msg="link down"`) {
			t.Errorf("got %q; want the next time said at once", got)
		}
	})
}

// What comes and goes is bounded whatever its rhythm, and the last word is the truth.
func TestWhatComesAndGoesIsBounded(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 2 * time.Second, 15 * time.Second, 29 * time.Second} {
		virtually(t, func(e *ear) {
			for begun := time.Now(); time.Since(begun) < 2*time.Hour; {
				e.Say(slog.LevelWarn, down)
				time.Sleep(every / 2)
				e.Over(down)
				time.Sleep(every / 2)
			}
			time.Sleep(2 * lastGap)
			lines := e.lines()
			if len(lines) > 30 {
				t.Errorf("every %v: got %d lines in two hours; want at most 30", every, len(lines))
			}
			if last := lines[len(lines)-1]; !strings.Contains(last, "link up") {
				t.Errorf("every %v: the last line is %q; want it back", every, last)
			}
		})
	}
}

// After it was over, and is not, that is said within the gap although nobody tries again.
func TestTheLastWordIsTrue(t *testing.T) {
	virtually(t, func(e *ear) {
		e.Say(slog.LevelWarn, down)
		e.Over(down)
		e.Say(slog.LevelWarn, down)
		time.Sleep(2 * calmGap)
		lines := e.lines()
		if last := lines[len(lines)-1]; len(lines) != 3 || !strings.Contains(last, "link down") {
			t.Errorf("got %q; want down, up, down", lines)
		}
		time.Sleep(time.Hour)
		e.Over(down)
		time.Sleep(time.Hour)
		if got := e.lines(); len(got) != 1 || !strings.Contains(got[0], "link up") {
			t.Errorf("got %q; want it back, once", got)
		}
	})
}

// What passes by itself is forgotten when it has not happened for a gap.
func TestWhatPassesIsForgotten(t *testing.T) {
	guess := Subject{What: "wrong password", Whom: "127.0.0.1"}
	virtually(t, func(e *ear) {
		e.Say(slog.LevelWarn, guess)
		time.Sleep(2 * firstGap)
		if n := e.open(); n != 0 {
			t.Errorf("got %d runs; want none", n)
		}
	})
}

// However many subjects somebody makes up, memory and lines are bounded.
func TestSubjectsAreBounded(t *testing.T) {
	virtually(t, func(e *ear) {
		for i := range 10_000 {
			e.Say(slog.LevelWarn, Subject{What: "wrong password", Whom: fmt.Sprint(i)})
		}
		if got := e.open(); got > mostRuns+1 {
			t.Errorf("got %d runs; want at most %d", got, mostRuns+1)
		}
		time.Sleep(firstGap)
		synctest.Wait()
		if got := e.lines(); len(got) != mostRuns+2 || !strings.Contains(got[mostRuns+1], "again=") {
			t.Errorf("got %d lines, the last %q; want %d, the last with the count of the others", len(got), got[len(got)-1], mostRuns+2)
		}
	})
}

// Subjects that last and of which nothing is heard make room for others.
func TestSilentSubjectsMakeRoom(t *testing.T) {
	virtually(t, func(e *ear) {
		for i := range 2 * mostRuns {
			e.Say(slog.LevelWarn, Subject{What: "link down", Whom: fmt.Sprint(i), Until: "link up"})
			time.Sleep(2 * firstGap)
		}
		if got := len(e.lines()); got != 2*mostRuns {
			t.Errorf("got %d lines; want %d", got, 2*mostRuns)
		}
	})
}
