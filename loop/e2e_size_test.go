package loop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/perf/bench/rig"
)

// TestHalfClosedClientGetsEverything: a client that closes its half after the last request
// reads all replies, however many of them were still to come and however large.
func TestHalfClosedClientGetsEverything(t *testing.T) {
	for _, size := range []int{10, 3 << 20} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			st := play(t, scene{groups: alone(startServers(t, 2)...)})
			first, second := st.keyOf(0, "a"), st.keyOf(1, "b")
			large := value("large", size)
			setup := st.dial()
			setup.want(t, "OK", "SET", first, large)
			setup.want(t, "OK", "SET", second, "small")
			for range 20 {
				c := st.dial()
				var frames []byte
				for i := range 100 {
					switch {
					case i == 50:
						frames = rig.AppendCommand(frames, "GET", first)
					case i%2 == 0:
						frames = rig.AppendCommand(frames, "GETRANGE", first, "0", strconv.Itoa(i%5))
					default:
						frames = rig.AppendCommand(frames, "MGET", second, "none{"+second+"}")
					}
				}
				if err := errors.Join(c.send(frames), c.conn.(*net.TCPConn).CloseWrite()); err != nil {
					t.Fatal(err)
				}
				for i := range 100 {
					want := codec.AppendNull(codec.AppendBulk(codec.AppendArray(nil, 2), "small"))
					switch {
					case i == 50:
						want = codec.AppendBulk(nil, large)
					case i%2 == 0:
						want = codec.AppendBulk(nil, large[:i%5+1])
					}
					if got, err := c.reply(); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("reply %d: got %.80q, %v; want %.80q", i, got, err, want)
					}
				}
				if _, err := c.in.ReadByte(); err != io.EOF {
					t.Fatalf("behind the last reply: %v; want EOF", err)
				}
			}
			eventually(t, "only the first client is left", func() bool { return st.counters().ClientConnections == 1 })
		})
	}
}

// TestHalfClosedClientGetsItsBacklog: the client has not read for a while, so that some of
// its replies wait in the proxy when it closes its half.
func TestHalfClosedClientGetsItsBacklog(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)...)})
	large := value("large", 256<<10)
	setup := st.dial()
	setup.want(t, "OK", "SET", "k", large)
	want := codec.AppendBulk(nil, large)
	for _, n := range []int{2, 12, 14, 15, 16, 17, 18, 19, 20, 22, 24, 32} {
		c := st.dial()
		if err := c.conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		var frames []byte
		for range n {
			frames = rig.AppendCommand(frames, "GET", "k")
		}
		before := st.counters()
		if err := c.send(frames); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server has answered, or is not asked", func() bool {
			now := st.counters()
			return now.Replies == before.Replies+uint64(n) || now.StoodApart > before.StoodApart || now.Paused > before.Paused
		})
		if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		setup.want(t, "PONG", "PING")
		for i := range n {
			if got, err := c.reply(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("reply %d of %d: got %d bytes, %v; want %d", i, n, len(got), err, len(want))
			}
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			t.Fatalf("behind the last reply: %v; want EOF", err)
		}
	}
}

// TestHalfClosedClientGetsWhatItQueued: more requests than may be in flight wait in the
// proxy when the client closes its half.
func TestHalfClosedClientGetsWhatItQueued(t *testing.T) {
	const requests = 3000
	sc := scene{groups: alone(startServers(t, 2)...)}
	sc.options.Limits.Pipeline = 8
	st := play(t, sc)
	for range 10 {
		c := st.dial()
		var frames []byte
		for i := range requests {
			frames = rig.AppendCommand(frames, "EVAL", "return ARGV[1]", "1", strconv.Itoa(i%7), strconv.Itoa(i))
		}
		if err := errors.Join(c.send(frames), c.conn.(*net.TCPConn).CloseWrite()); err != nil {
			t.Fatal(err)
		}
		for i := range requests {
			if got, err := c.text(); err != nil || got != strconv.Itoa(i) {
				t.Fatalf("reply %d: got %q, %v; want its number", i, got, err)
			}
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			t.Fatalf("behind the last reply: %v; want EOF", err)
		}
	}
}

// heap returns what lives on the heap.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLargeValuesPassThrough: replies of 32 MiB to several clients at once, which are
// thrown away as they come, never stand in memory; small requests to the same server go on.
func TestLargeValuesPassThrough(t *testing.T) {
	const size, clients = 32 << 20, 4
	sc := scene{groups: alone(startServers(t, 1)...)}
	sc.options.ConnectTimeout = patience // on a busy machine one that writes such replies greets later than in a second
	st := play(t, sc)
	large := value("large", size)
	c, small := st.dial(), st.dial()
	c.want(t, "OK", "SET", "large", large)
	c.want(t, "OK", "SET", "small", "s")
	c.want(t, large, "GET", "large")

	before := heap()
	done := make(chan error, 1)
	go func() {
		done <- together(clients, func(int) error {
			c, err := st.connect()
			if err != nil {
				return err
			}
			defer c.conn.Close()
			want := codec.AppendBulk(nil, large)
			for range 4 {
				if err := c.send(rig.AppendCommand(nil, "GET", "large")); err != nil {
					return err
				}
				got, err := io.CopyN(&wanted{rest: want}, c.in, int64(len(want)))
				if err != nil {
					return fmt.Errorf("after %d bytes: %w", got, err)
				}
			}
			return nil
		})
	}()
	var most int64
	smalls := 0
	for running := true; running; smalls++ {
		small.want(t, "s", "GET", "small")
		if smalls%8 == 0 {
			most = max(most, heap()-before)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
	// The wanted bytes of the clients are the test's own memory.
	if most -= clients * size; most > size {
		t.Errorf("the heap grew by %d MiB; want far less than %d replies of 32 MiB", most>>20, clients)
	}
	if smalls < 3 {
		t.Errorf("got %d small replies meanwhile; want the server shared", smalls)
	}
}

// wanted is a writer that compares what it gets.
type wanted struct{ rest []byte }

func (w *wanted) Write(b []byte) (int, error) {
	if len(b) > len(w.rest) || !bytes.Equal(b, w.rest[:len(b)]) {
		return 0, fmt.Errorf("got %d bytes that differ from what is wanted", len(b))
	}
	w.rest = w.rest[len(b):]
	return len(b), nil
}

func TestLargeCollections(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 2)...)})
	c := st.dial()
	args := []string{"RPUSH", "list"}
	want := codec.AppendArray(nil, 100_000)
	for i := range 100_000 {
		args = append(args, strconv.Itoa(i))
		want = codec.AppendBulk(want, strconv.Itoa(i))
	}
	c.want(t, "100000", args...)
	if err := c.send(rig.AppendCommand(nil, "LRANGE", "list", "0", "-1")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.reply(); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("LRANGE: got %d bytes, %v; want %d", len(got), err, len(want))
	}

	args, want = []string{"MGET"}, codec.AppendArray(nil, 16)
	pairs := []string{"MSET"}
	for i := range 16 {
		key := fmt.Sprint("m", i)
		v := value(key, 1<<20)
		args, pairs, want = append(args, key), append(pairs, key, v), codec.AppendBulk(want, v)
	}
	c.want(t, "OK", pairs...)
	if err := c.send(rig.AppendCommand(nil, args...)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.reply(); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("MGET: got %d bytes, %v; want %d", len(got), err, len(want))
	}
	if st.counters().Split != 2 {
		t.Errorf("got %d split; want MSET and MGET", st.counters().Split)
	}
}

// TestSlowReaderIsStopped: for one that does not read at all little is asked of the server. It
// costs no memory, the others do not notice, and when it reads it gets everything.
func TestSlowReaderIsStopped(t *testing.T) {
	sc := scene{groups: alone(startServers(t, 1)...)}
	st := play(t, sc)
	large := value("v", 1<<20)
	other := st.dial()
	other.want(t, "OK", "SET", "large", large)
	other.want(t, "OK", "SET", "small", "s")
	before := heap()
	idle := st.dial()
	var frames []byte
	for range 200 {
		frames = rig.AppendCommand(frames, "GET", "large")
	}
	if err := idle.send(frames); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is stopped", func() bool {
		other.want(t, "s", "GET", "small")
		return st.counters().StoodApart == 1
	})
	for range 100 {
		other.want(t, "s", "GET", "small")
	}
	if n := st.counters(); n.Paused == 0 || n.ClosedOutput != 0 {
		t.Errorf("got %d pauses, %d closed; want some, none", n.Paused, n.ClosedOutput)
	}
	eventually(t, "what waits for it is little", func() bool { return heap()-before < 16<<20 })
	if err := idle.readAll(codec.AppendBulk(nil, large), 200); err != nil {
		t.Error(err)
	}
}

// TestSteadyReaderGetsEverything reads slowly, with a small window, and misses nothing.
func TestSteadyReaderGetsEverything(t *testing.T) {
	sc := scene{groups: alone(startServers(t, 2)...)}
	st := play(t, sc)
	c := st.dial()
	if err := c.conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	keys := []string{st.keyOf(0, "a"), st.keyOf(1, "b")}
	for _, k := range keys {
		c.want(t, "OK", "SET", k, value(k, 300<<10))
	}
	sent := make(chan error, 1)
	go func() {
		var frames []byte
		for i := range 60 {
			frames = rig.AppendCommand(frames, "GET", keys[i%2])
			frames = rig.AppendCommand(frames, "ECHO", strconv.Itoa(i))
		}
		sent <- c.send(frames)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var want strings.Builder
	for i := range 60 {
		want.Write(codec.AppendBulk(codec.AppendBulk(nil, value(keys[i%2], 300<<10)), strconv.Itoa(i)))
	}
	check := &wanted{rest: []byte(want.String())}
	for len(check.rest) > 0 {
		if _, err := io.CopyN(check, c.in, int64(min(len(check.rest), 50_000))); err != nil {
			t.Fatalf("with %d bytes to come: %v", len(check.rest), err)
		}
		<-tick.C
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if n := st.counters(); n.Paused == 0 || n.ClosedOutput != 0 {
		t.Errorf("got %d pauses, %d cut off; want some, 0", n.Paused, n.ClosedOutput)
	}
}
