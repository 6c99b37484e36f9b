package loop

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"huntaway/perf/repeat"
)

// A journal is what an engine under test has written about what repeats itself: from the test's
// goroutine, and from timers.
type journal struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write appends what a logger writes.
func (j *journal) Write(b []byte) (n int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// journalOf makes an engine write into a journal of the test's own. In a bubble of synctest the
// gaps between its lines pass at once.
func journalOf(t *testing.T, e *Engine) *journal {
	j := &journal{}
	e.often = repeat.New(slog.New(slog.NewTextHandler(j, nil)))
	t.Cleanup(e.often.Close)
	return j
}

// take returns the lines since the last call.
func (j *journal) take() (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		lines = append(lines, line)
	}
	j.text.Reset()
	return lines
}

// TestLostLinksAreLoggedTogether: a server that dies with many links, of all workers, is one line
// at once, then counts at growing intervals, and one line when it is back; another server has
// its own.
func TestLostLinksAreLoggedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, 4, PoolOptions{Table: twoGroups(t)})
		log := journalOf(t, st.e)
		fail := func() {
			for _, w := range st.e.workers {
				w.begin()
				l := w.pools[0].link(0, 0)
				if l.state == linkCooling {
					l.on(evRested)
				}
				l.warm()
				w.end()
				l.refuse()
			}
		}
		addr := st.e.workers[0].pools[0].table.Server(0).Addr
		fail()
		lines := log.take()
		if len(lines) != 1 || !strings.Contains(lines[0], `msg="link down"`) || !strings.Contains(lines[0], addr) {
			t.Fatalf("four workers lose the server: got %q; want one line that names it", lines)
		}
		for range 3600 { // an hour in which every worker tries once a second
			time.Sleep(time.Second)
			fail()
		}
		synctest.Wait() // for a timer of this very moment
		lines = log.take()
		if len(lines) > 15 || !strings.Contains(lines[0], "again=") {
			t.Errorf("in an hour: got %d lines, the first %q; want at most 15 that count", len(lines), lines[0])
		}
		for _, w := range st.e.workers {
			w.pools[0].link(0, 0).welcome()
		}
		if lines = log.take(); len(lines) != 1 || !strings.Contains(lines[0], `msg="link up"`) {
			t.Errorf("it is back: got %q; want one line", lines)
		}
	})
}
