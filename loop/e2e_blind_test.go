package loop_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// TestWithoutBackPressure: an engine that cannot suspend reading says so once when it starts.
// Who sends without reading is cut off then, and others are served.
func TestWithoutBackPressure(t *testing.T) {
	var log bytes.Buffer
	st := play(t, scene{groups: alone(startServers(t, 1)[0]),
		engine:  loop.Blind(loop.Options{Workers: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))}),
		options: loop.PoolOptions{Limits: loop.Limits{RequestBytes: 4 << 20, BulkBytes: 1 << 20, OutputBytes: 16 << 20}}})
	if st.engine.Suspends() {
		t.Error("got that it can suspend reading; want that it cannot")
	}
	st.dial().want(t, "OK", "SET", "k", strings.Repeat("x", 100_000))
	greedy, other := st.dial(), st.dial()
	sent := make(chan error, 1)
	go func() {
		gets := bytes.Repeat(rig.AppendCommand(nil, "GET", "k"), 10_000)
		for range 1000 {
			if err := greedy.send(gets); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	ended := false
	for end := time.Now().Add(patience); !ended && time.Now().Before(end); {
		other.want(t, "1", "EXISTS", "k")
		select {
		case err := <-sent:
			if ended = true; err == nil {
				t.Error("got all taken; want who does not read cut off")
			}
		default:
		}
	}
	if !ended {
		t.Error("the client that does not read was not cut off in time")
	}
	greedy.conn.Close()
	if _, err := io.Copy(io.Discard, greedy.in); err == nil {
		t.Error("got the end of all replies; want the connection closed")
	}
	st.stop()
	if n := strings.Count(log.String(), "cannot be suspended"); n != 1 {
		t.Errorf("got %d warnings; want one", n)
	}
}

// TestBackPressure: with gnet as it is, reading can be suspended.
func TestBackPressure(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)[0])})
	st.dial().want(t, "PONG", "PING") // it serves before it is stopped
	if !st.engine.Suspends() {
		t.Error("got that reading cannot be suspended; want it: gnet has changed")
	}
}
