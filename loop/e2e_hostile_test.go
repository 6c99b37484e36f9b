package loop_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// TestBrokenFramingIsAnsweredAndClosed sends each input behind a good request, in one piece
// and cut at every byte: the good one is answered, the error told, the connection closed.
// The scanner's own test has the full list.
func TestBrokenFramingIsAnsweredAndClosed(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)...)})
	for _, tc := range []struct{ in, want string }{
		{"*1x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"*2\r\n$3\r\nGET\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"},
		{"*2\r\n$3\r\nGET\r\n$18446744073709551615\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"*1\r\n$4\r\nPINGxx", "-ERR Protocol error: expected CRLF after an argument\r\n"},
		{"SET \"k\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k evil\r\n", ""},
		{"\x16\x03\x01\x02\x00", ""},
	} {
		for cut := range len(tc.in) {
			got, want := st.abuse(tc.in, cut), "+OK\r\n"+tc.want
			if tc.want == "" && got == "" {
				continue // closed before the server had answered the good request
			}
			if got != want {
				t.Errorf("%q cut at %d: got %q; want %q", tc.in, cut, got, want)
			}
		}
	}
	c := st.dial()
	c.want(t, "good", "GET", "k")
	if n := st.counters(); n.ClosedProtocol == 0 || n.ClosedProtocol != n.Accepted-1 {
		t.Errorf("got %d closed for their framing of %d accepted; want all but the last", n.ClosedProtocol, n.Accepted)
	}
}

// abuse sends a good request and then the input in two pieces, and returns all that comes
// back until the connection is closed.
func (st *stage) abuse(in string, cut int) string {
	c := st.dial()
	defer c.conn.Close()
	if err := c.send(append(rig.AppendCommand(nil, "SET", "k", "good"), in[:cut]...)); err != nil {
		return err.Error()
	}
	first := make([]byte, 5) // the proxy has read the first piece when this is here
	if n, err := io.ReadFull(c.in, first); err != nil {
		return string(first[:n])
	}
	_ = c.send([]byte(in[cut:])) // it may be closed already
	rest, _ := io.ReadAll(c.in)  // EOF, or a reset because it did not read all
	return string(first) + string(rest)
}

// A liar is a server that does what no redis-server does.
type liar struct {
	addr string
	ln   net.Listener
}

// lie starts one; talk has a connection to itself and returns to close it.
func lie(t *testing.T, talk func(conn net.Conn, in *bufio.Reader)) *liar {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				talk(conn, bufio.NewReader(conn))
			}()
		}
	}()
	return &liar{ln.Addr().String(), ln}
}

// requests reads n requests; false when the peer is gone first.
func requests(in *bufio.Reader, n int) bool {
	for range n {
		if _, err := appendReply(nil, in); err != nil { // a request is framed like an array
			return false
		}
	}
	return true
}

// TestServerThatSpeaksNonsense: each lie follows the reply to a first GET, and two more
// requests wait for theirs. Nobody may get anything of it.
func TestServerThatSpeaksNonsense(t *testing.T) {
	for _, lied := range []string{
		"hello\r\n", "*1234567890123456789\r\n", "$-2\r\n", "$+1\r\n", "%1\r\n+a\r\n+b\r\n", ">2\r\n+push\r\n+x\r\n", "_\r\n",
		"$3\r\nabcde", ":1x\r\n", "\x00\x00\x00", "*1\r\n*1\r\n!3\r\nabc\r\n", ":1\rb\r\n",
	} {
		l := lie(t, func(conn net.Conn, in *bufio.Reader) {
			if requests(in, 1) {
				io.WriteString(conn, "+PONG\r\n")
			}
			if requests(in, 1) {
				io.WriteString(conn, "$5\r\nfirst\r\n")
			}
			if requests(in, 2) {
				io.WriteString(conn, lied)
				requests(in, 1)
			}
		})
		st := play(t, scene{groups: one(group("g", l.addr)), engine: loop.Options{Workers: 1}})
		c := st.dial()
		c.want(t, "first", "GET", "k")
		if err := c.send(rig.AppendCommand(rig.AppendCommand(nil, "SET", "k", "1"), "INCR", "n")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := c.text()
			if err != nil || !mayHaveRun(got) || !strings.Contains(got, "the server's reply makes no sense") {
				t.Errorf("%.20q: got %q, %v; want the outcome unknown", lied, got, err)
			}
		}
		if s := st.server(l.addr); s.Desyncs != 1 {
			t.Errorf("%.20q: got %d desyncs; want 1", lied, s.Desyncs)
		}
		st.stop()
	}
}

// TestServerThatSpeaksUnasked: bytes on an idle link, or behind the handshake, belong to no
// request, and must not become the reply to the next.
func TestServerThatSpeaksUnasked(t *testing.T) {
	for _, tc := range []struct{ name, greeting, answers string }{
		{"idle", "+PONG\r\n", "+TRUE\r\n+LIE\r\n"},
		{"handshake", "+PONG\r\n+LIE\r\n", "+TRUE\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lie(t, func(conn net.Conn, in *bufio.Reader) {
				if !requests(in, 1) {
					return
				}
				io.WriteString(conn, tc.greeting)
				for requests(in, 1) {
					io.WriteString(conn, tc.answers)
				}
			})
			st := play(t, scene{groups: one(group("g", l.addr)), engine: loop.Options{Workers: 1}})
			c := st.dial()
			eventually(t, "the lies are noticed", func() bool {
				if got := c.must(t, "GET", "k"); got != "TRUE" && !notRun(got) && !mayHaveRun(got) {
					t.Fatalf("got %q; want a true reply or an error", got)
				}
				return st.server(l.addr).Desyncs >= 2
			})
		})
	}
}

// TestServerThatEndsInTheMiddle: the client has got half of a large reply when the server
// goes; what comes next on its connection could only be misread, so it is closed.
func TestServerThatEndsInTheMiddle(t *testing.T) {
	l := lie(t, func(conn net.Conn, in *bufio.Reader) {
		if requests(in, 1) {
			io.WriteString(conn, "+PONG\r\n")
		}
		if requests(in, 1) {
			io.WriteString(conn, "$1000000\r\n"+strings.Repeat("x", 500_000))
		}
	})
	st := play(t, scene{groups: one(group("g", l.addr))})
	c := st.dial()
	if err := c.send(rig.AppendCommand(rig.AppendCommand(nil, "GET", "k"), "PING")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c.in)
	if err != nil || !bytes.HasPrefix(got, []byte("$1000000\r\nx")) || len(got) > 600_000 || bytes.Contains(got, []byte("PONG")) {
		t.Errorf("got %d bytes, %v; want a part of the reply and nothing behind it", len(got), err)
	}
}

// TestServerThatNeverGreets accepts and says nothing: it is not taken for alive.
func TestServerThatNeverGreets(t *testing.T) {
	l := lie(t, func(_ net.Conn, in *bufio.Reader) { requests(in, 1000) })
	sc := scene{groups: one(group("g", l.addr))}
	sc.options.ConnectTimeout = 100 * time.Millisecond
	st := play(t, sc)
	c := st.dial()
	if got := c.must(t, "SET", "k", "v"); !notRun(got) {
		t.Errorf("got %q; want it not executed", got)
	}
	if s := st.server(l.addr); s.Requests != 0 && s.Replies != 0 {
		t.Errorf("got %d replies; want none", s.Replies)
	}
}
