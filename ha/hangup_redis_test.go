package ha

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"huntaway/ha/vital"
	"huntaway/shard"
)

// TestServerWithTooManyClients: such a server says so and hangs up, before or after it is asked
// something; probes and profiles tell what it has said, and not that it is silent.
func TestServerWithTooManyClients(t *testing.T) {
	const words = "ERR max number of clients reached"
	full := launch(t, "--maxclients", "1", "--requirepass", "secret")
	var first net.Conn // who is in
	eventually(t, "somebody is in", func() bool {
		c, err := net.Dial("tcp", full.addr())
		if err != nil {
			return false
		}
		said := make([]byte, 99)
		_, _ = io.WriteString(c, "PING\r\n")
		if n, _ := c.Read(said); !strings.HasPrefix(string(said[:n]), "-NOAUTH") {
			c.Close()
			return false
		}
		first = c
		return true
	})
	defer first.Close()
	// late gives the connection out when the server has hung up, and early at once.
	late := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			awaitEnd(t, c)
		}
		return c, err
	}
	for name, a := range map[string]Access{
		"early": {}, "early, with a password": {Password: "secret"},
		"late": {Dial: late}, "late, with a password": {Password: "secret", Dial: late},
	} {
		a.Timeout = 10 * time.Second
		for range 3 {
			p := &prober{network: "tcp", addr: full.addr(), access: a}
			ev := p.probe(t.Context())
			p.hangUp()
			if ev.Fault != vital.FaultOther || ev.Cause != words {
				t.Fatalf("%s: a probe got %v, %q; want %v, %q", name, ev.Fault, ev.Cause, vital.FaultOther, words)
			}
			s := &testimony{server: &shard.Server{Network: "tcp", Addr: full.addr()}}
			if s.look(t.Context(), &ProfilePool{Access: a}); s.err == nil || s.err.Error() != words {
				t.Fatalf("%s: a profile got %v; want %q", name, s.err, words)
			}
		}
	}
}

// awaitEnd waits until the kernel has heard that the other side has closed its half.
func awaitEnd(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for range 100 { // it may be interrupted
			if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}, 100); n > 0 {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
