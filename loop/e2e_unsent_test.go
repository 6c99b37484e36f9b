package loop_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// TestUnknownIsNotExecutedLater: a request that has run out of time, of which the server has read a part, is not delivered
// when the server reads on: what its client has said since over another connection would be overwritten.
func TestUnknownIsNotExecutedLater(t *testing.T) {
	const size = 300 << 10 // the kernel takes all of it, and the server's window none of the rest
	var nth atomic.Int32
	failed, read := make(chan struct{}), make(chan int64, 1)
	l := lie(t, func(conn net.Conn, in *bufio.Reader) {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		if !requests(in, 1) {
			return
		}
		io.WriteString(conn, "+PONG\r\n")
		if nth.Add(1) > 1 {
			requests(in, 1)
			return
		}
		if _, err := in.Peek(1); err != nil {
			return
		}
		<-failed
		n, _ := io.Copy(io.Discard, in)
		read <- n
	})
	st := play(t, scene{groups: one(group("g", l.addr)), engine: loop.Options{Workers: 1}, options: loop.PoolOptions{Timeout: 300 * time.Millisecond}})
	c := st.dial()
	frame := rig.AppendCommand(nil, "SET", "k", value("large", size))
	if err := c.send(frame); err != nil {
		t.Fatal(err)
	}
	if got, err := c.text(); err != nil || !strings.Contains(got, "may have been executed") {
		t.Fatalf("got %q, %v; want that nobody knows", got, err)
	}
	other := st.dial()
	eventually(t, "the link is given up", func() bool {
		_, _ = other.do("GET", "k")
		return nth.Load() > 1
	})
	close(failed)
	if n := <-read; n >= int64(len(frame)) {
		t.Errorf("the server got %d bytes after the time was over; want less than the request of %d", n, len(frame))
	}
}
