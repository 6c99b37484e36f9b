package ha

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"huntaway/codec"
)

// mostSaid bounds a server's answer to one question, as it comes and as it is announced: ten
// times the largest honest one, the slots of a cluster in as many pieces as there can be.
// A line is an error, for events and logs, or a word.
const (
	mostSaid = 32 << 20
	mostLine = 16 << 10
)

// errSaidTooMuch ends a connection on which an answer is longer than mostSaid.
var errSaidTooMuch = errors.New("the server's answer is too long")

// A wary is a connection whose server may have gone mad, or be somebody else's. The library
// behind it makes room for whatever is announced, and reads lines of any length: it gets to
// read what is bounded and RESP, and an error otherwise.
type wary struct {
	net.Conn
	scan codec.ReplyScanner
	size int   // bytes of the answer that is coming
	err  error // what has ended it
}

// Read implements net.Conn.
func (c *wary) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(b)
	for rest := b[:n]; len(rest) > 0; {
		used, done, bad := c.scan.Next(rest)
		rest = rest[used:]
		if c.size += used; done {
			c.size = 0
		}
		switch {
		case bad != nil:
			c.err = bad
		case c.size > mostSaid, c.size > mostLine && (c.scan.Kind() == '-' || c.scan.Kind() == '+'):
			c.err = errSaidTooMuch
		default:
			continue
		}
		return 0, c.err
	}
	return n, err
}

// SyscallConn implements syscall.Conn, by which the library looks whether an idle connection is
// still good.
func (c *wary) SyscallConn() (syscall.RawConn, error) {
	if inner, ok := c.Conn.(syscall.Conn); ok && c.err == nil {
		return inner.SyscallConn()
	}
	return nil, net.ErrClosed
}

// turnedAway returns what a server says to whoever connects before it hangs up, as one that has
// too many clients does; nil: nothing. It is for those whom a server has hung up on: what it
// said is lost when it meets a question on its way.
func (a Access) turnedAway(ctx context.Context, network, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	c, err := a.dial(ctx, network, addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	if c.SetReadDeadline(time.Now().Add(a.Timeout)) != nil {
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(c, mostLine)) // what ends it is known
	if line, _, whole := strings.Cut(string(said), codec.CRLF); whole && strings.HasPrefix(line, "-") {
		return replyError(line[1:])
	}
	return nil
}

// dial opens a connection that is wary of its server.
func (a Access) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := a.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: a.Timeout}).DialContext
	}
	c, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &wary{Conn: c, scan: codec.ReplyScanner{Most: mostSaid}}, nil
}
