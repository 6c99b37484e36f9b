package loop

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestLostLinksAreLoggedTogether: a server that dies with many links is one line at once and
// one per second afterwards, which say how many there were; another server has its own.
func TestLostLinksAreLoggedTogether(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	w := st.e.workers[0]
	pw := w.pools[0]
	var log bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	now := w.now
	tick := func(d time.Duration) (lines []string) {
		w.begin()
		now = max(now, w.now) + int64(d)
		w.now = now
		w.tickMournings()
		w.end()
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "down") {
				lines = append(lines, line)
			}
		}
		log.Reset()
		return lines
	}
	key := "k"
	for pw.table.Locate([]byte(key)) != 0 {
		key += "k"
	}
	var wires []*memWire
	for range 20 {
		c := st.client(0, 0)
		c.say("BLPOP", key, "0")
		l := c.s.blocked().link
		m := &memWire{owner: &call{l: l}}
		m.owner.opened(m)
		m.arrive("+PONG\r\n")
		st.run()
		wires = append(wires, m)
	}
	other := st.linkTo(0, 0, 1)
	for _, m := range wires {
		m.close()
	}
	other.close()
	st.run()
	lines := tick(0)
	if len(lines) != 1 && len(lines) != 2 {
		t.Fatalf("at once: got %d lines, %q; want one, and one of the other server", len(lines), lines)
	}
	if !strings.Contains(lines[0], `msg="link down"`) || !strings.Contains(lines[0], pw.table.Server(0).Addr) {
		t.Errorf("at once: got %q; want the server", lines[0])
	}
	if lines := tick(mournTime); len(lines) != 1 || !strings.Contains(lines[0], `msg="more links down"`) ||
		!strings.Contains(lines[0], "count=19") || !strings.Contains(lines[0], pw.table.Server(0).Addr) {
		t.Errorf("a second later: got %q; want one line that counts 19", lines)
	}
	if lines := tick(mournTime); len(lines) != 0 || len(w.mournings) != 0 {
		t.Errorf("later: got %q and %d servers remembered; want neither", lines, len(w.mournings))
	}
	w.begin()
	pw.link(0, 0).warm()
	w.end()
	pw.link(0, 0).refuse()
	if lines := tick(0); len(lines) != 1 {
		t.Errorf("lost again: got %q; want it logged at once", lines)
	}
}
