package loop

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// plainAt0 is what clients are in that have chosen nothing.
var plainAt0 = backoffID{0, dialect{resp: 2}}

// A closedDoor is a worker whose server has as many clients as it may have, and clients that want to
// wait there. Dials are counted where they would begin.
type closedDoor struct {
	*ward
	room  int // how many more the server lets in
	dials int
	in    []*memConn // the links of those that it has let in, in their order
}

func newClosedDoor(t *testing.T) *closedDoor {
	return &closedDoor{ward: newWard(t, 0, PoolOptions{})}
}

// knock lets everybody in who is being dialed, or turns him away.
func (x *closedDoor) knock() {
	x.t.Helper()
	for _, l := range slices.Clone(x.pw.private.links) {
		if l.state != linkDialing {
			continue
		}
		x.dials++
		if x.room > 0 {
			x.room--
			m := x.reconnect(l)
			x.in = append(x.in, m)
			continue
		}
		c := &call{l: l}
		m := x.server(c, l.server.Addr)
		c.Opened(m)
		m.arrive("-ERR max number of clients reached\r\n")
		x.run()
	}
}

// bide is a tick behind the pause.
func (x *closedDoor) bide() {
	for _, o := range x.pw.backoffs {
		o.retryAt = min(o.retryAt, x.w.now)
	}
	x.tick()
}

// TestBackoff: however many clients want to wait at a server that lets nobody in, it is dialed once
// for each, and then once in a pause; when there is room, those who came first get in first, and
// soon many at a time.
func TestBackoff(t *testing.T) {
	const clients = 100
	x := newClosedDoor(t)
	var all []*memClient
	for i := range clients {
		c := x.client(0, 0)
		all = append(all, c)
		c.say("BLPOP", "list"+decimal(i), "0")
	}
	x.knock()
	if x.dials != clients {
		t.Fatalf("got %d dials at first; want %d, one for each", x.dials, clients)
	}
	const pauses = 20
	x.dials = 0
	for range pauses {
		for range 50 { // ticks within a pause
			x.tick()
			x.knock()
		}
		x.bide()
		x.knock()
	}
	if x.dials > 2*pauses { // a pause may be over by itself meanwhile
		t.Errorf("got %d dials in %d pauses; want one in each", x.dials, pauses)
	}
	late := x.client(0, 0)
	late.say("BLPOP", "late", "0")
	if got := late.say("WATCH", "k"); got != "" {
		t.Errorf("got %q of who waits; want nothing", got)
	}
	x.dials = 0
	watcher := x.client(0, 0)
	for range clients {
		x.pw.backoffs[plainAt0].retryAt = x.w.now + int64(time.Hour)
		if got := watcher.say("WATCH", "k"); !strings.HasPrefix(got, "-TRYAGAIN huntaway: the server has too many clients") {
			t.Fatalf("WATCH: got %q; want it refused", got)
		}
	}
	if x.knock(); x.dials != 0 {
		t.Errorf("got %d dials for WATCHes in a pause; want none", x.dials)
	}

	x.room, x.dials = clients+1, 0
	rounds := 0
	for ; len(x.in) <= clients; rounds++ {
		if rounds > clients {
			t.Fatalf("%d of %d are in after %d rounds; want all", len(x.in), clients+1, rounds)
		}
		x.bide()
		x.knock()
	}
	if rounds > 10 {
		t.Errorf("it took %d rounds to let all in; want the window to grow", rounds)
	}
	for i, m := range x.in {
		key := "late"
		if i < clients {
			key = "list" + decimal(i)
		}
		if got := m.take(); !strings.Contains(got, key+"\r\n") {
			t.Fatalf("the %d. that was let in asks for %q; want %s", i, got, key)
		}
	}
	x.bide()
	if len(x.pw.backoffs) != 0 {
		t.Error("the server is still thought to let nobody in")
	}
	x.in[0].arrive(":17\r\n*2\r\n$5\r\nlist0\r\n$1\r\nv\r\n")
	x.run()
	got(t, "served", all[0].take(), "*2\r\n$5\r\nlist0\r\n$1\r\nv\r\n")
}

// TestBackoffFreeLink: a link that is given back goes to who is first in line.
func TestBackoffFreeLink(t *testing.T) {
	x := newClosedDoor(t)
	x.room = 1
	var all []*memClient
	for i := range 4 {
		c := x.client(0, 0)
		all = append(all, c)
		c.say("BLPOP", "list"+decimal(i), "0")
	}
	x.knock()
	for i := range all {
		x.pw.backoffs[plainAt0].retryAt = x.w.now + int64(time.Hour)
		x.tick()
		m := x.in[0]
		if got := m.take(); !strings.Contains(got, "list"+decimal(i)+"\r\n") {
			t.Fatalf("got %q said; want list%d", got, i)
		}
		if i == 0 {
			m.arrive(":17\r\n")
		}
		m.arrive("*2\r\n$1\r\nl\r\n$1\r\nv\r\n")
		x.run()
		got(t, "answered", all[i].take(), "*2\r\n$1\r\nl\r\n$1\r\nv\r\n")
	}
}

// TestBackoffChurn: clients that come, ask and go make no more dials than those that stay.
func TestBackoffChurn(t *testing.T) {
	x := newClosedDoor(t)
	c := x.client(0, 0)
	c.say("BLPOP", "l", "0")
	x.knock()
	c.Close()
	x.run()
	x.dials = 0
	begun := 0
	for range 100 {
		c := x.client(0, 0)
		c.say("BLPOP", "l", "0")
		x.tick()
		for _, l := range x.pw.private.links {
			if l.state == linkDialing {
				begun++
			}
		}
		c.Close()
		x.run()
	}
	if begun > 10 { // the time that this takes may be a few pauses
		t.Errorf("got %d dials of clients that come and go; want few", begun)
	}
}

// TestBackoffErrands: questions of our own are bounded likewise, and answered all the same.
func TestBackoffErrands(t *testing.T) {
	x := newClosedDoor(t)
	x.client(0, 0)
	for n := range 50 {
		heard := 0
		x.pw.ask(x.pw.table.Server(0), func(reply []byte) {
			if reply == nil {
				heard++
			}
		}, "PING")
		x.knock()
		x.run()
		if heard != 1 {
			t.Fatalf("question %d: heard %d times that there is no answer; want once", n, heard)
		}
		x.pw.backoffs[backoffID{0, errandDialect}].retryAt = x.w.now + int64(time.Hour)
	}
	if x.dials != 1 {
		t.Errorf("got %d dials; want 1", x.dials)
	}
}

// TestBackoffOfADatabase: that a server refuses a database is no reason to make those wait who
// want another.
func TestBackoffOfADatabase(t *testing.T) {
	x := newClosedDoor(t)
	far, near := x.client(0, 0), x.client(0, 0)
	got(t, "SELECT", far.say("SELECT", "5"), "+OK\r\n")
	far.say("BLPOP", "l", "0")
	x.knock()
	near.say("BLPOP", "l", "0")
	x.room, x.dials = 1, 0
	x.knock()
	if x.dials != 1 || len(x.in) != 1 {
		t.Errorf("got %d dials, %d let in; want one", x.dials, len(x.in))
	}
}
