package loop

import (
	"strings"
	"testing"
)

// saver is a client that has sent four GETs, two to each of two servers, in turns; another
// client's request has posted a flush that has not run yet.
func saver(t *testing.T) (c *memClient, servers []*memConn) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	servers = []*memConn{st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)}
	table := st.e.pools[0].Table()
	keys := make([][]string, 2)
	for i := 0; len(keys[0]) < 2 || len(keys[1]) < 2; i++ {
		g := table.Locate([]byte(decimal(i)))
		keys[g] = append(keys[g], decimal(i))
	}
	c = st.client(0, 0)
	for i := range 4 {
		c.say("GET", keys[i%2][i/2])
	}
	st.client(0, 0).arrive("*2\r\n$3\r\nGET\r\n$1\r\n0\r\n")
	if !c.s.w.flushes.armed {
		t.Fatal("a request to a busy link has posted no flush")
	}
	c.writes = 0
	return c, servers
}

// TestSaving: replies that several servers give in one turn to a client which is owed more
// leave with one write, that of the posted flush, in the order of its requests.
func TestSaving(t *testing.T) {
	c, servers := saver(t)
	servers[0].arrive("+0\r\n+2\r\n")
	if c.writes != 0 {
		t.Fatalf("written %q while a flush is posted and more is owed", c.take())
	}
	servers[1].arrive("+1\r\n")
	if c.writes != 0 {
		t.Fatalf("written %q while a flush is posted and more is owed", c.take())
	}
	c.st.run()
	if got := c.take(); got != "+0\r\n+1\r\n+2\r\n" || c.writes != 1 {
		t.Errorf("the posted flush wrote %q with %d writes; want three replies with one", got, c.writes)
	}
	servers[1].arrive("+3\r\n")
	if got := c.take(); got != "+3\r\n" {
		t.Errorf("without a posted flush the event's end wrote %q; want +3", got)
	}
}

// TestSavingEnds: what waits no longer than it must is written at once, behind what was saved.
func TestSavingEnds(t *testing.T) {
	const large = mostSaved
	for name, tc := range map[string]struct {
		after func(c *memClient, servers []*memConn)
		want  string
	}{
		"nothing more is owed": {func(_ *memClient, servers []*memConn) {
			servers[1].arrive("+1\r\n+3\r\n")
		}, "+0\r\n+1\r\n+2\r\n+3\r\n"},
		"much has been saved": {func(_ *memClient, servers []*memConn) {
			servers[1].arrive("+" + strings.Repeat("x", large) + "\r\n")
		}, "+0\r\n+" + strings.Repeat("x", large) + "\r\n+2\r\n"},
		"the last word is said": {func(c *memClient, _ []*memConn) {
			c.arrive("*x\r\n")
		}, "+0\r\n"},
		"the client is gone": {func(c *memClient, _ []*memConn) {
			c.Close()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, servers := saver(t)
			servers[0].arrive("+0\r\n+2\r\n")
			if c.writes != 0 {
				t.Fatalf("written %q while a flush is posted and more is owed", c.take())
			}
			tc.after(c, servers)
			if got := c.take(); got != tc.want {
				t.Errorf("the event's end wrote %.60q; want %.60q", got, tc.want)
			}
			c.st.run()
			if more := c.take(); more != "" {
				t.Errorf("the posted flush wrote %.60q more", more)
			}
			if w := c.s.w; len(w.flushes.saving) > 0 || c.s.output.saving {
				t.Error("the session is saving after the posted flush")
			}
		})
	}
}
