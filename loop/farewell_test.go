package loop

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"huntaway/loop/netio"
	"huntaway/perf"
)

// halfClosed is a client of a stage that has closed its half when a reply of that many bytes began
// to come; it reads from the descriptor.
func halfClosed(t *testing.T, size int, now func() int64) (c *memClient, server *memConn, fd int) {
	st := newTestWorker(t, PoolOptions{})
	server, c = st.linkTo(0, 0, 0), st.client(0, 0)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	c.last = netio.NewFarewell(fds[0], c.owner, now)
	c.say("GET", "k")
	c.owner.Closed(nil, true)
	server.arrive(fmt.Sprintf("$%d\r\n", size))
	return c, server, fds[1]
}

// drink reads what there is.
func drink(t *testing.T, fd int) (n int, ended bool) {
	b := make([]byte, 1<<20)
	for {
		got, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return n, false
		case err != nil:
			t.Fatal(err)
		case got == 0:
			return n, true
		}
		if len(bytes.Trim(b[:got], "x$0123456789\r\n")) > 0 {
			t.Fatal("got other bytes than were said")
		}
		n += got
	}
}

// TestHalfClosedClientIsWrittenTo: what is owed to a half-closed client is written as it comes,
// and nothing of it is kept that the client has taken, or that is not on the session's account.
func TestHalfClosedClientIsWrittenTo(t *testing.T) {
	const piece, pieces = 1 << 20, 64
	c, server, fd := halfClosed(t, piece*pieces, perf.Now)
	had, most := 0, int64(0)
	for range pieces {
		server.arrive(strings.Repeat("x", piece))
		charged := c.s.unread()
		if kept := c.last.(*netio.Farewell).Holds(); kept < charged || kept > 0 && charged == 0 {
			t.Fatalf("%d bytes are kept, and the session is charged %d", kept, charged)
		}
		most = max(most, c.s.holds())
		for c.last.Backlog() > 0 {
			n, _ := drink(t, fd)
			had += n
		}
	}
	if most > 3*piece {
		t.Errorf("got %d bytes kept for a client that reads, want %d at most", most, 3*piece)
	}
	server.arrive("\r\n")
	n, ended := drink(t, fd)
	if had += n; had != piece*pieces+len("$67108864\r\n\r\n") || !ended || c.s.state != sessionGone {
		t.Errorf("got %d bytes, ended %v, state %d; want the whole reply, and the end", had, ended, c.s.state)
	}
}

// TestHalfClosedClientIsGivenUp: one that goes altogether, or reads nothing for too long, is
// closed while its reply is still coming, and nothing is kept.
func TestHalfClosedClientIsGivenUp(t *testing.T) {
	const piece = 1 << 20
	for name, leave := range map[string]func(now *int64, fd int){
		"gone":          func(_ *int64, fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) },
		"reads nothing": func(now *int64, _ int) { *now += int64(netio.FarewellTime) + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			now := int64(1)
			c, server, fd := halfClosed(t, 100*piece, func() int64 { return now })
			for range 4 {
				server.arrive(strings.Repeat("x", piece))
			}
			if c.s.state == sessionGone || c.s.unread() < piece {
				t.Fatalf("state %d with %d bytes unread; want a client that is behind", c.s.state, c.s.unread())
			}
			leave(&now, fd)
			c.s.w.tick()
			server.arrive("x")
			if f := c.last.(*netio.Farewell); c.s.state != sessionGone || f.Holds() != 0 {
				t.Errorf("got state %d, %d bytes kept; want it gone", c.s.state, f.Holds())
			}
		})
	}
}
