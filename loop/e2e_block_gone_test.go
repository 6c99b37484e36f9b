package loop_test

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"huntaway/perf/bench/rig"
)

// TestBlockedClientThatGoesBehindMuch: a client that has sent more than is read while it waits,
// so that the rest stays in the kernel, is noticed when it goes all the same: its place at
// the server is free at once, not when something is pushed some day.
func TestBlockedClientThatGoesBehindMuch(t *testing.T) {
	const gets = 3000 // 105 kB: over what is read ahead, and less than fits in a socket's buffer besides
	behind := bytes.Repeat(rig.AppendCommand(nil, "GET", "blocked:nothing"), gets)
	ends := map[string]func(net.Conn) error{
		"closed": net.Conn.Close,
		"closed its half": func(c net.Conn) error {
			return c.(interface{ CloseWrite() error }).CloseWrite()
		},
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), "s")} {
		st, server := playBlocking(t, func(sc *scene) { sc.unix = path })
		for how, end := range ends {
			c := st.dial()
			c.begin(t, "BLPOP", "nothing", "0")
			awaitBlocked(t, server.Addr, 1)
			if err := c.send(behind); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := end(c.conn); err != nil {
				t.Fatal(err)
			}
			awaitBlocked(t, server.Addr, 0)
			t.Logf("%s, socket %q: noticed after %v", how, path, time.Since(began).Round(time.Millisecond))
			eventually(t, "the session is gone", func() bool { return st.counters().ClientConnections == 0 })
		}
	}
}

// TestBlockedReadsOnBehindMuch: what stayed in the kernel while its client waited is read and
// answered afterwards, also when further waits come in between and when the client has closed
// its half as soon as its last wait was over.
func TestBlockedReadsOnBehindMuch(t *testing.T) {
	const rounds, each = 4, 3000
	st, server := playBlocking(t, nil)
	c, other := st.dial(), st.dial()
	var all []byte
	for r := range rounds {
		all = rig.AppendCommand(all, "BLPOP", fmt.Sprint("l", r), "0")
		for i := range each {
			all = rig.AppendCommand(all, "ECHO", value(fmt.Sprint(r, ".", i), 40))
		}
	}
	sent := make(chan error, 1)
	go func() { sent <- c.send(all) }()
	for r := range rounds {
		awaitBlocked(t, server.Addr, 1)
		other.want(t, "1", "RPUSH", fmt.Sprint("l", r), "v")
		if r == rounds-1 {
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			c.hears(t, fmt.Sprintf("*2\r\n$2\r\nl%d\r\n$1\r\nv\r\n", r))
			if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		} else {
			c.hears(t, fmt.Sprintf("*2\r\n$2\r\nl%d\r\n$1\r\nv\r\n", r))
		}
		for i := range each {
			want := value(fmt.Sprint(r, ".", i), 40)
			if got, err := c.text(); err != nil || got != want {
				t.Fatalf("round %d, reply %d: got %.60q, %v; want %q", r, i, got, err, want)
			}
		}
	}
}
