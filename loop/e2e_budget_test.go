package loop_test

import (
	"fmt"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/perf/invariant"
)

// TestManyUnfinishedRequests: clients that send large requests and never the end of them. The
// heap stays near the bound, those that hold most are closed, and another client is served.
func TestManyUnfinishedRequests(t *testing.T) {
	const clients, each, most = 64, 10 << 20, 24 << 20
	sc := scene{groups: alone(startServers(t, 1)...), engine: loop.Options{MaxMemory: most}}
	st := play(t, sc)
	other := st.dial()
	other.want(t, "OK", "SET", "k", "v")
	frames := []byte(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", 100<<20) + strings.Repeat("x", each))
	before := heap()
	done := make(chan error, 1)
	go func() {
		done <- together(clients, func(int) error {
			c, err := st.connect()
			if err != nil {
				return err
			}
			defer c.conn.Close()
			_ = c.send(frames)     // it may be closed meanwhile
			_, _ = c.in.ReadByte() // until it is, or the test ends
			return nil
		})
	}()
	peak := int64(0)
	eventually(t, "so many are closed that the others fit", func() bool {
		other.want(t, "v", "GET", "k")
		peak = max(peak, heap()-before)
		now := st.counters()
		return now.ClosedMemory >= clients-most/each-1 && now.HeldBytes <= most
	})
	if peak > 8*most { // with what the collector has not seen die; they send more than three times that
		t.Errorf("got a heap of %d MiB at most; want it near %d", peak>>20, most>>20)
	}
	if n := st.counters(); n.ClosedMemory >= clients {
		t.Errorf("got all %d closed; want those left that fit", n.ClosedMemory)
	}
	st.stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLargeTrafficLeavesNothing: after large requests and replies of every kind the memory is
// given back, though the clients stay.
func TestLargeTrafficLeavesNothing(t *testing.T) {
	const clients = 2
	sc := scene{groups: alone(startServers(t, 2)...)}
	sc.options.ConnectTimeout = patience // as in TestLargeValuesPassThrough
	st := play(t, sc)
	keys := []string{st.keyOf(0, "a"), st.keyOf(1, "b")}
	large := value("large", invariant.Lighter(8<<20))
	all := make([]*client, clients)
	for i := range all {
		all[i] = st.dial()
	}
	before := heap()
	err := together(clients, func(i int) error {
		c := all[i]
		for _, args := range [][]string{
			{"MSET", keys[0], large, keys[1], large}, {"GET", keys[0]}, {"MGET", keys[0], keys[1]},
			{"EVAL", "return {redis.call('get', KEYS[1]), ARGV[1]}", "1", keys[0], large}, {"MULTI"}, {"SET", keys[0], large},
			{"GET", keys[0]}, {"EXEC"},
		} {
			if err := c.send(rig.AppendCommand(nil, args...)); err != nil {
				return err
			}
			if reply, err := c.reply(); err != nil || reply[0] == '-' {
				return fmt.Errorf("%s: got %.80q, %v", args[0], reply, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the memory is given back", func() bool { return heap()-before < 8<<20 })
}

// TestDefaultsAreNotBelowRedis: what redis-server takes without being configured is taken.
func TestDefaultsAreNotBelowRedis(t *testing.T) {
	st := play(t, scene{groups: alone(startServers(t, 1)...)})
	c := st.dial()
	const most = 1 << 20
	frame := codec.AppendArray(nil, most)
	frame = codec.AppendBulk(frame, "DEL")
	for i := range most - 1 {
		frame = codec.AppendBulk(frame, "k"+fmt.Sprint(i%1000))
	}
	if err := c.send(frame); err != nil {
		t.Fatal(err)
	}
	if got, err := c.text(); got != "0" || err != nil {
		t.Errorf("DEL with %d arguments: got %q, %v; want 0", most, got, err)
	}
	large := strings.Repeat("x", 70<<20)
	c.want(t, "OK", "SET", "large", large)
	c.want(t, fmt.Sprint(70<<20), "STRLEN", "large")
}
