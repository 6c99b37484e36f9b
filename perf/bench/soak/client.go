package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// patience is how long a pipeline may take; every request in it has a far shorter deadline
// in the proxy, and deadlines do not add up.
const patience = 15 * time.Second

// calmReplies in a row without an error show that a client is served again.
const calmReplies = 10

// A client sends pipelines over one connection after another. Owner: its goroutine.
type client struct {
	script  script
	profile profile       // what it may expect
	addr    string        // of the proxy
	tally   *tally        // shared by all clients
	conn    *net.TCPConn  // nil when the next pipeline must dial
	replies *bufio.Reader // of conn
	turns   int           // pipelines sent on conn
	calm    atomic.Int64  // replies since the last error; others read it
}

// An ending is how a pipeline is sent and left.
type ending string

const (
	readAll   ending = "read to the end"
	abandon   ending = "abandoned" // closed after some of the replies, by a reset half of the time
	halfClose ending = "half-closed"
)

// run sends pipelines until the context ends.
func (c *client) run(ctx context.Context) {
	defer c.hangUp()
	for ctx.Err() == nil {
		if c.conn == nil && !c.dial(ctx) {
			continue
		}
		c.turn()
	}
}

// dial opens a connection. A proxy always takes one; servers that are killed do not.
func (c *client) dial(ctx context.Context) bool {
	d := net.Dialer{Timeout: patience}
	conn, err := d.DialContext(ctx, "tcp", c.addr)
	if err == nil {
		c.script.conn++
		c.turns = 0
		c.conn = conn.(*net.TCPConn)
		c.replies = bufio.NewReaderSize(conn, 64<<10)
		return true
	}
	if ctx.Err() == nil {
		c.lost("could not connect", err)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// turn sends one pipeline and checks its replies.
func (c *client) turn() {
	c.turns++
	requests, frames := c.script.pipeline()
	end := c.ending()
	want := len(requests)
	if end == abandon {
		want = c.script.random.IntN(want)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.lost("could not set a deadline", err)
		return
	}
	written := make(chan error, 1)
	pieces := c.pieces(frames)
	conn := c.conn
	go func() { written <- write(conn, pieces, end) }()
	got, err := c.read(requests[:want])
	c.finish(outcome{end: end, pieces: len(pieces), requests: requests, got: got, read: err}, written)
}

// ending draws how the pipeline will end.
func (c *client) ending() ending {
	switch draw := c.script.random.IntN(100); {
	case draw < 2:
		return abandon
	case draw < 3 && c.profile.halfClose:
		return halfClose
	}
	return readAll
}

// pieces joins the frames, and cuts every fourth pipeline anywhere into up to six writes.
func (c *client) pieces(frames [][]byte) [][]byte {
	whole := bytes.Join(frames, nil)
	if c.script.random.IntN(4) > 0 {
		return [][]byte{whole}
	}
	var cut [][]byte
	for range c.script.random.IntN(6) {
		n := c.script.random.IntN(len(whole))
		cut, whole = append(cut, whole[:n]), whole[n:]
		if len(whole) == 0 {
			return cut
		}
	}
	return append(cut, whole)
}

func write(conn *net.TCPConn, pieces [][]byte, end ending) error {
	for _, p := range pieces {
		if _, err := conn.Write(p); err != nil {
			return err
		}
	}
	if end == halfClose {
		return conn.CloseWrite()
	}
	return nil
}

// read checks one reply for each request and returns how many came.
func (c *client) read(requests []request) (got int, err error) {
	var b batch
	defer func() { c.tally.add(b) }()
	for _, r := range requests {
		v, err := readReply(c.replies)
		if err != nil {
			return got, err
		}
		got++
		class := c.script.check(r, v, c.profile.errors)
		b.count(class, r, v)
		if class == served {
			c.calm.Add(1)
		} else {
			c.calm.Store(0)
		}
	}
	return got, nil
}

// An outcome is how a pipeline was sent and how the reading of its replies ended.
type outcome struct {
	end      ending
	pieces   int       // writes that sent it
	requests []request // all that were sent
	got      int       // replies read
	read     error     // nil when all that were wanted came
}

// finish settles the connection after a pipeline.
func (c *client) finish(o outcome, written <-chan error) {
	if o.read != nil {
		c.failed(o)
		<-written
		return
	}
	switch o.end {
	case abandon:
		c.tally.left()
		if c.script.random.IntN(2) == 0 {
			_ = c.conn.SetLinger(0) // closing sends a reset
		}
		c.hangUp()
		<-written
	case halfClose:
		<-written
		c.tally.halved()
		c.wantEnd()
	default:
		if err := <-written; err != nil {
			c.lost("could not write", err)
		} else if n := c.replies.Buffered(); n > 0 {
			extra, _ := c.replies.Peek(n)
			c.lost("more replies than requests", fmt.Errorf("%q", extra[:min(n, 200)]))
		}
	}
}

// wantEnd reads the end of a connection whose writing side is closed: nothing more may come.
func (c *client) wantEnd() {
	if b, err := c.replies.ReadByte(); err == nil {
		c.lost("a byte behind the last reply", fmt.Errorf("%q", b))
	} else if err != io.EOF {
		c.lost("no clean end after a half-close", err)
	}
	c.hangUp()
}

// failed reports why replies are missing.
func (c *client) failed(o outcome) {
	var timeout net.Error
	reason := "closed by the proxy"
	switch {
	case errors.Is(o.read, errFraming):
		reason = "broken framing"
	case errors.Is(o.read, io.ErrUnexpectedEOF):
		reason = "closed in the midst of a reply"
	case errors.As(o.read, &timeout) && timeout.Timeout():
		reason = "no reply in time"
	}
	missing := o.requests[o.got]
	c.lost(reason, fmt.Errorf("client %d, connection %d, pipeline %d, %s, sent in %d pieces, after %d of %d replies, at %s of keys %v: %w",
		c.script.client, c.script.conn, c.turns, o.end, o.pieces, o.got, len(o.requests), missing.verb, missing.keys, o.read))
}

// lost ends the connection and counts why: excused where the profile allows it. Silence and
// bytes that are no RESP2 are never excused.
func (c *client) lost(reason string, err error) {
	c.calm.Store(0)
	var timeout net.Error
	hung := errors.As(err, &timeout) && timeout.Timeout()
	if c.profile.closes && !hung && !errors.Is(err, errFraming) {
		c.tally.excuse(reason)
	} else {
		c.tally.broke(reason, err.Error())
	}
	c.hangUp()
}

// hangUp closes the connection, if there is one.
func (c *client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close() // it is not used again, whatever this says
		c.conn = nil
	}
}
