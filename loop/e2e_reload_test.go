package loop_test

import (
	"strconv"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/perf/invariant"
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

// TestReloadsUnderWaits: tables come one behind the other in which keys that clients wait for
// belong to other groups, or groups are gone. Nobody hears of it: everybody gets what is
// pushed to the key in the end, once, and nobody anything else.
func TestReloadsUnderWaits(t *testing.T) {
	const tables = 60
	clients := invariant.Lighter(200)
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{HoldTimeout: patience}})
	ids, order := new(shard.IDs), [][]*rig.Child{
		servers, {servers[1], servers[0], servers[2]}, {servers[2], servers[0]}, {servers[0], servers[2], servers[1]}, {servers[1]},
	}
	var all []*shard.Table
	for _, o := range order {
		table, err := shard.Build(shard.Spec{Groups: alone(o...), HashTag: "{}", IDs: ids})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, table)
	}
	key := func(i int) string { return "k" + strconv.Itoa(i) }
	var waiting []*client
	for i := range clients {
		c := st.dial()
		c.begin(t, "BLPOP", key(i), "0")
		waiting = append(waiting, c)
	}
	eventually(t, "all of them wait", func() bool { return st.counters().Blocked == int64(clients) })
	pusher := st.dial()
	random := newRand(t)
	for i := range tables {
		st.pool.Publish(all[(i+1)%len(all)])
		for range random.IntN(20) {
			pusher.want(t, "0", "EXISTS", "none")
		}
	}
	for i, c := range waiting {
		pusher.must(t, "RPUSH", key(i), "of "+key(i))
		c.hears(t, string(codec.AppendBulk(codec.AppendBulk(codec.AppendArray(nil, 2), key(i)), "of "+key(i))))
		c.want(t, "PONG", "PING")
	}
	eventually(t, "nobody waits", func() bool { return st.counters().Blocked == 0 })
}
