package loop

import (
	"bytes"
	"fmt"
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

// TestNonsenseIsLoggedTogether: whatever a server says that is a line of the log, a thousand times
// of it are a few lines, which count.
func TestNonsenseIsLoggedTogether(t *testing.T) {
	for what, tc := range map[string]struct {
		greet, ask, say string // what the handshake, a client and the server say
		line            string
	}{
		"surplus":     {"+OK\r\n", "GET", "+OK\r\n+OK\r\n", "server out of step"},
		"no RESP":     {"+OK\r\n", "GET", "?\r\n", "server out of step"},
		"canary":      {"+OK\r\n", "ECHO", "$3\r\nabc\r\n", "replies are out of step"},
		"no ECHO":     {"+OK\r\n", "ECHO", "-NOPERM no\r\n", "server refuses ECHO"},
		"refused":     {"-NOAUTH no\r\n", "", "", "server refused the handshake"},
		"long refuse": {"-NOAUTH " + strings.Repeat("x", 60000) + "\r\n", "", "", "server refused the handshake"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const times = 1000
				st := newStage(t, 1, PoolOptions{})
				log, w := journalOf(t, st.e), st.e.workers[0]
				w.log = slog.New(slog.NewTextHandler(log, nil))
				l := w.pools[0].link(0, 0)
				for range times {
					if l.state == linkCooling {
						l.on(evRested)
					}
					w.begin()
					l.health.downAt = 0
					l.warm()
					w.end()
					m := &memConn{owner: &call{l: l}}
					m.owner.(*call).Opened(m)
					m.arrive(tc.greet)
					c := st.client(0, 0)
					switch tc.ask {
					case "GET":
						c.say("GET", "k")
					case "ECHO":
						w.begin()
						l.putCanary(0)
						l.press()
						w.end()
						st.run()
					}
					m.arrive(tc.say)
					c.Close()
					if l.conn != nil {
						w.begin()
						l.breakUp(faultReply)
						w.end()
					}
					st.run()
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				lines, counted, bytes := 0, 0, 0
				all := log.take()
				for _, line := range all {
					bytes += len(line)
					if !strings.Contains(line, `msg="`+tc.line) {
						continue
					}
					var again int
					if _, more, found := strings.Cut(line, " again="); found {
						fmt.Sscan(more, &again)
					} else {
						again = 1
					}
					lines, counted = lines+1, counted+again
				}
				if lines > 4 || counted != times || bytes > 8<<10 {
					t.Errorf("got %d lines that count %d, all of %d bytes; want at most 4 that count %d", lines, counted, bytes, times)
				}
			})
		})
	}
}
