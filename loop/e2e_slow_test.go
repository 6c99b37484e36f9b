package loop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/perf/invariant"
)

// A pacer reads from a connection at most so many bytes per second.
type pacer struct {
	conn net.Conn
	each int // bytes per millisecond
	tick *time.Ticker
}

func (p *pacer) Read(b []byte) (int, error) {
	if p.each == 0 {
		return p.conn.Read(b)
	}
	<-p.tick.C
	return p.conn.Read(b[:min(len(b), p.each)])
}

// paced makes the client read at most so many bytes per millisecond; 0: as fast as it can.
func (c *client) paced(t *testing.T, each int) {
	t.Helper()
	if each > 0 {
		if err := c.conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(time.Millisecond)
	t.Cleanup(tick.Stop)
	c.in.Reset(&pacer{c.conn, each, tick})
}

// TestSlowReadersGetEverything: large replies and long pipelines of them, to clients that read
// slowly for several times the soft limit's time, or at full speed after they have sent all. All
// arrives, nobody is closed, what waits in the proxy is bounded, and another client is served.
func TestSlowReadersGetEverything(t *testing.T) {
	const kb = 1000
	for _, tc := range []struct {
		name          string
		args          []string
		n, size, each int
		most          int64 // bytes of heap
	}{
		{"one LRANGE of 200 x 100 KB", []string{"LRANGE", "list", "0", "-1"}, 1, 0, 10 * kb, 64 << 20},
		{"20 GETs of 1 MB", []string{"GET", "mega"}, 20, 1000 * kb, 10 * kb, 16 << 20},
		{"100 GETs of 1 MB at full speed", []string{"GET", "mega"}, 100, 1000 * kb, 0, 24 << 20},
		{"1000 GETs of 100 KB at full speed", []string{"GET", "large"}, 1000, 100 * kb, 0, 24 << 20},
		{"200 GETs of 100 KB", []string{"GET", "large"}, 200, 100 * kb, 10 * kb, 16 << 20},
		{"1000 GETs of 10 KB", []string{"GET", "some"}, 1000, 10 * kb, 5 * kb, 16 << 20},
		{"20 transactions of 1 MB", []string{"EVAL", "return redis.call('get', KEYS[1])", "1", "mega"}, 20, 1000 * kb, 10 * kb, 48 << 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.n = invariant.Lighter(tc.n)
			sc := scene{groups: alone(startServers(t, 1)...), engine: loop.Options{Workers: 1}}
			sc.options.Limits = loop.Limits{OutputSoftBytes: 64 << 10, OutputSoftTime: 500 * time.Millisecond}
			st := play(t, sc)
			setup, other, c := st.dial(), st.dial(), st.dial()
			for key, size := range map[string]int{"mega": 1000 * kb, "large": 100 * kb, "some": 10 * kb} {
				setup.want(t, "OK", "SET", key, value(key, size))
			}
			var list []byte
			for i := range 200 {
				setup.want(t, strconv.Itoa(i+1), "RPUSH", "list", value(strconv.Itoa(i), 100*kb))
				list = codec.AppendBulk(list, value(strconv.Itoa(i), 100*kb))
			}
			want := codec.AppendBulk(nil, value(tc.args[len(tc.args)-1], tc.size))
			if tc.size == 0 {
				want = append(codec.AppendArray(nil, 200), list...)
			}
			c.paced(t, tc.each)
			before := heap()
			sent := make(chan error, 1)
			go func() { sent <- c.send(bytes.Repeat(rig.AppendCommand(nil, tc.args...), tc.n)) }()
			read := make(chan error, 1)
			go func() { read <- c.readAll(want, tc.n) }()
			st.watch(t, other, read, before+tc.most)
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if n := st.counters(); n.ClosedOutput != 0 {
				t.Errorf("got %d closed for their output; want none", n.ClosedOutput)
			}
		})
	}
}

// readAll reads the same reply n times.
func (c *client) readAll(want []byte, n int) error {
	got := make([]byte, len(want))
	for i := range n {
		if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := io.ReadFull(c.in, got); err != nil || !bytes.Equal(got, want) {
			return errors.Join(fmt.Errorf("reply %d of %d: got %.40q; want %.40q", i, n, got, want), err)
		}
	}
	return nil
}

// watch has another client ask until the reader is done, and looks at the heap.
func (st *stage) watch(t *testing.T, other *client, read <-chan error, most int64) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		other.want(t, "PONG", "PING")
		other.want(t, value("some", 10000), "GET", "some")
		if now := heap(); now > most {
			t.Errorf("got a heap of %d MiB; want at most %d", now>>20, most>>20)
			most = now
		}
		select {
		case err := <-read:
			if err != nil {
				t.Fatal(err)
			}
			return
		case <-tick.C:
		}
	}
}

// TestWhoReadsNothingIsClosed: over the soft limit, once nothing has been read for its time.
func TestWhoReadsNothingIsClosed(t *testing.T) {
	sc := scene{groups: alone(startServers(t, 1)...)}
	sc.options.Limits = loop.Limits{OutputSoftBytes: 64 << 10, OutputSoftTime: 100 * time.Millisecond}
	st := play(t, sc)
	c := st.dial()
	c.want(t, "OK", "SET", "k", value("k", 16<<20))
	if err := c.send(rig.AppendCommand(nil, "GET", "k")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is closed", func() bool { return st.counters().ClosedOutput == 1 })
}
