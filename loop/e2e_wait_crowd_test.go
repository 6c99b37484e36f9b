package loop_test

import (
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// TestWaitInACrowd: 300 clients wait for nine replicas, which there will never be. Another's WAIT
// for the one that there is does not wait for them: of ten, most take no longer than it takes to
// ask twenty times without the crowd.
func TestWaitInACrowd(t *testing.T) {
	servers := startServers(t, 2)
	onServer(t, servers[1].Addr, "REPLICAOF", "127.0.0.1", portOf(servers[0].Addr))
	st := play(t, scene{groups: alone(servers[0]), options: loop.PoolOptions{Timeout: patience}, engine: loop.Options{Workers: 1}})
	c := st.dial()
	ask := func(n int) time.Duration {
		begun := time.Now()
		for range n {
			c.want(t, "1", "WAIT", "1", "20000")
		}
		return time.Since(begun)
	}
	c.want(t, "OK", "SET", "k", "v")
	ask(1)
	quiet := ask(20)
	for range 300 {
		if err := st.dial().send(rig.AppendCommand(nil, "WAIT", "9", "0")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they all wait", func() bool { return st.counters().Blocked >= 300 })
	if busy := ask(10); busy > 20*quiet+2*time.Second {
		t.Errorf("ten WAITs took %v with the crowd; without it twenty took %v", busy, quiet)
	}
}
