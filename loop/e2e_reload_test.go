package loop_test

import (
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// TestReloadUnderRefusal: the server of the last group keeps a write waiting, a reload takes
//
//	the group away, and then the server refuses the write. The client is answered by the
//
// group that its key belongs to now.
func TestReloadUnderRefusal(t *testing.T) {
	for name, refuse := range map[string][]string{
		"READONLY":   {"REPLICAOF", "127.0.0.1", "1"},
		"NOREPLICAS": {"CONFIG", "SET", "min-replicas-to-write", "5"},
	} {
		t.Run(name, func(t *testing.T) {
			servers := startServers(t, 2)
			st := play(t, scene{groups: alone(servers...),
				options: loop.PoolOptions{HoldTimeout: 10 * time.Second, Timeout: 10 * time.Second}})
			key := st.keyOf(1, "k")
			c := st.dial()
			c.want(t, "OK", "SET", key, "0")
			direct := func(args ...string) {
				t.Helper()
				if _, err := rig.Call(servers[1].Addr, patience, args...); err != nil {
					t.Fatal(err)
				}
			}
			direct("CLIENT", "PAUSE", "100000", "WRITE")
			if err := c.send(rig.AppendCommand(nil, "SET", key, "1")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the write is in flight", func() bool { return st.server(servers[1].Addr).InFlight > 0 })
			left, err := shard.Build(shard.Spec{Groups: alone(servers[0]), HashTag: "{}"})
			if err != nil {
				t.Fatal(err)
			}
			st.pool.Publish(left)
			direct(refuse...)
			direct("CLIENT", "UNPAUSE")
			if got, err := c.text(); got != "OK" || err != nil {
				t.Errorf("got %q, %v; want OK from the group that is left", got, err)
			}
			c.want(t, "1", "GET", key)
		})
	}
}
