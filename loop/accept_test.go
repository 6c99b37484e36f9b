package loop

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestTurnedAway: clients for whom there is no room are told, counted, and one line of the log
// whatever their number; whichever limit it was, the room that others leave is there again.
func TestTurnedAway(t *testing.T) {
	for _, row := range []struct {
		what       string
		pool       int // its own limit
		there, all int // clients of the pool, and of all pools
		room       int
	}{
		{"the pool is full", 5, 5, 5, 5},
		{"all pools are full", 0, 0, 1000, 1000},
		{"all pools are full before this one is", 2000, 0, 1000, 1000},
	} {
		st := newTestWorker(t, PoolOptions{ClientConnections: row.pool})
		log := journalOf(t, st.e)
		p := st.e.pools[0]
		p.clients.Store(int64(row.there))
		st.e.clients.Store(int64(row.all))
		for range 45 {
			ours, theirs := net.Pipe()
			said := make(chan string, 1)
			go func() {
				b := make([]byte, 100)
				n, _ := theirs.Read(b)
				said <- string(b[:n])
			}()
			if err := p.admit(ours); err != nil {
				t.Fatalf("%s: %v", row.what, err)
			}
			if got := <-said; got != "-"+textMaxClients+"\r\n" {
				t.Fatalf("%s: the client hears %q; want that there is no room", row.what, got)
			}
		}
		if n, ago := p.TurnedAway(); n != 45 || ago < 0 || ago > time.Minute || p.Room() != row.room {
			t.Errorf("%s: got %d turned away, the last %v ago, room for %d; want 45, just now, %d", row.what, n, ago, p.Room(), row.room)
		}
		if got, all := p.clients.Load(), st.e.clients.Load(); got != int64(row.there) || all != int64(row.all) {
			t.Errorf("%s: got %d clients of the pool and %d of all; want %d and %d as before", row.what, got, all, row.there, row.all)
		}
		if lines := log.take(); len(lines) != 1 || !strings.Contains(lines[0], "client turned away") {
			t.Errorf("%s: got %q; want one line", row.what, lines)
		}
	}
}
