package loop_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"huntaway/perf/bench/rig"
)

// TestDrainAnswersThePaused: requests that wait under CLIENT PAUSE when the process is told to
// end run when the pause is over, or are refused as not executed when the drain must end
// before; the connection closes behind the last of them.
func TestDrainAnswersThePaused(t *testing.T) {
	const late = "-TRYAGAIN huntaway: shutting down while clients are paused (pool alpha); not executed"
	for name, row := range map[string]struct {
		pause string        // CLIENT PAUSE
		drain time.Duration // how long the drain may take; 0: for ever
		want  []string      // replies to what waits
		value string        // of the key afterwards
	}{
		"over in time":       {"500", patience, []string{"OK", "1", "v", "PONG"}, "v"},
		"over, no time-out":  {"500", 0, []string{"OK", "1", "v", "PONG"}, "v"},
		"not over in time":   {"600000", 2 * time.Second, []string{late, late, late, late}, "(nil)"},
		"not over, at once":  {"600000", time.Millisecond, []string{late, late, late, late}, "(nil)"},
		"writes, not over":   {"600000 WRITE", time.Second, []string{late, late, "(nil)", "PONG"}, "(nil)"},
		"writes and waiting": {"300 WRITE", patience, []string{"OK", "1", "v", "PONG"}, "v"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startServers(t, 1)[0]
			st := play(t, scene{groups: alone(server)})
			c, idle, operator := st.dial(), st.dial(), st.dial()
			c.want(t, "PONG", "PING")
			idle.want(t, "PONG", "PING")
			began := time.Now()
			operator.want(t, "OK", words("CLIENT PAUSE " + row.pause)[0]...)
			var all []byte
			for _, args := range words("SET paused v; RPUSH paused:l x; GET paused; PING") {
				all = rig.AppendCommand(all, args...)
			}
			if err := c.send(all); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the request waits", func() bool { return st.counters().Paused > 0 })
			ctx, cancel := context.WithCancel(context.Background())
			if row.drain > 0 {
				ctx, cancel = context.WithTimeout(ctx, row.drain)
			}
			defer cancel()
			drained := make(chan error, 1)
			go func() { drained <- st.engine.Drain(ctx) }()
			if row.drain > time.Millisecond || row.drain == 0 {
				if _, err := idle.reply(); !errors.Is(err, io.EOF) {
					t.Errorf("a client that waits for nothing: got %v; want its connection closed", err)
				}
			}
			for i, want := range row.want {
				if got, err := c.text(); got != want || err != nil {
					t.Errorf("reply %d: got %q, %v; want %q", i, got, err, want)
				}
			}
			if _, err := c.reply(); !errors.Is(err, io.EOF) {
				t.Errorf("behind the last reply: got %v; want the connection closed", err)
			}
			// Whether all have gone before the time is over, which is told a quarter of it before, is
			// the machine's word where the pause does not end by itself.
			if err := <-drained; err != nil && (row.drain == 0 || row.drain == patience) {
				t.Errorf("Drain = %v after %v; want nil", err, time.Since(began))
			}
			if got := straight(t, server).must(t, "GET", "paused"); got != row.value {
				t.Errorf("at the server: got %q; want %q", got, row.value)
			}
		})
	}
}
