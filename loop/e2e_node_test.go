package loop_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// nodes starts a Redis Cluster of a master with all slots and its replica.
func nodes(t *testing.T) (master, replica *rig.Child) {
	t.Helper()
	r := newRig(t)
	bus, err := rig.FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	var both [2]*rig.Child
	for i := range both {
		if both[i], err = r.Redis(context.Background(), 1, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus[i]),
			"--cluster-config-file", fmt.Sprintf("nodes-%d.conf", i), "--repl-diskless-sync-delay", "0",
			"--cluster-node-timeout", "2000"); err != nil {
			t.Fatal(err)
		}
	}
	m, f := straight(t, both[0]), straight(t, both[1])
	m.want(t, "OK", "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	host, port, _ := net.SplitHostPort(both[1].Addr)
	m.want(t, "OK", "CLUSTER", "MEET", host, port, strconv.Itoa(bus[1]))
	id := m.must(t, "CLUSTER", "MYID")
	eventually(t, "a replica", func() bool { return f.must(t, "CLUSTER", "REPLICATE", id) == "OK" })
	eventually(t, "a replica that has its data", func() bool {
		return strings.Contains(f.must(t, "INFO", "replication"), "master_link_status:up") &&
			strings.Contains(f.must(t, "CLUSTER", "INFO"), "cluster_state:ok") &&
			strings.Contains(m.must(t, "CLUSTER", "INFO"), "cluster_state:ok")
	})
	return both[0], both[1]
}

// playNodes is play for a Redis Cluster of one group.
func playNodes(t *testing.T, g shard.Group, opt loop.PoolOptions) *stage {
	t.Helper()
	slots := shard.NoSlots()
	for i := range slots {
		slots[i] = 0
	}
	table, err := shard.Build(shard.Spec{Groups: []shard.Group{g}, Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, served: make(chan error, 1)}
	if st.engine, err = loop.New(loop.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	opt.Name, opt.Table, opt.Commands = "alpha", table, codec.Default()
	if st.pool, err = st.engine.AddPool(opt); err != nil {
		t.Fatal(err)
	}
	if err := st.engine.Start(); err != nil {
		t.Fatal(err)
	}
	st.listen("")
	t.Cleanup(st.stop)
	return st
}

// gets returns how many GETs a server has executed.
func gets(t *testing.T, c *client) int {
	t.Helper()
	_, rest, found := strings.Cut(c.must(t, "INFO", "commandstats"), "cmdstat_get:calls=")
	if !found {
		return 0
	}
	digits, _, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFormerMasterIsNotBelieved: a node that the table still calls the master, and that is a replica now, answers no
// read that the master must answer: it names the master. Reads that a replica may answer it does answer.
func TestFormerMasterIsNotBelieved(t *testing.T) {
	master, replica := nodes(t)
	m, f := straight(t, master), straight(t, replica)
	st := playNodes(t, group("g0", replica.Addr, master.Addr), loop.PoolOptions{ReadPolicy: shard.PreferReplica, ReadYourWrites: true})
	c := st.dial()
	c.want(t, "OK", "SET", "k", "v")
	c.want(t, "v", "GET", "k")
	if n := gets(t, f); n != 0 {
		t.Errorf("the former master has executed %d GETs of a client that wrote; want none", n)
	}
	if n := gets(t, m); n != 1 {
		t.Errorf("the master has executed %d GETs; want 1", n)
	}

	st = playNodes(t, group("g0", master.Addr, replica.Addr), loop.PoolOptions{ReadPolicy: shard.PreferReplica, ReadYourWrites: true})
	eventually(t, "a value at the replica", func() bool { return st.dial().must(t, "GET", "k") == "v" && gets(t, f) > 0 })
}
