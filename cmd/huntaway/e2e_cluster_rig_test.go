package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/perf/bench/rig"
)

// nodeTimeout is the cluster's: a master that is silent for so long is given up.
const nodeTimeout = 2 * time.Second

// A node is one redis-server of a cluster.
type node struct {
	*rig.Child
	c    *redis.Client
	id   string
	port string
	bus  string
}

// A hive is a Redis Cluster of three masters, each with a replica: node i+3 follows node i.
type hive struct {
	t     *testing.T
	nodes []*node
}

// newHive starts a cluster and waits until every node thinks well of it.
func newHive(t *testing.T) *hive {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED LOUDLY: no redis-server on PATH; nothing is tested over a Redis Cluster")
	}
	r, err := rig.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &hive{t: t}
	for i := range 6 {
		h.nodes = append(h.nodes, h.startNode(r, i))
	}
	h.form()
	return h
}

// startNode starts a node that knows no other yet.
func (h *hive) startNode(r *rig.Rig, i int) *node {
	h.t.Helper()
	bus, err := rig.FreePorts(1)
	if err != nil {
		h.t.Fatal(err)
	}
	n := &node{bus: strconv.Itoa(bus[0])}
	if n.Child, err = r.Redis(context.Background(), 1, "--cluster-enabled", "yes", "--cluster-port", n.bus,
		"--cluster-config-file", fmt.Sprintf("nodes-%d.conf", i), "--repl-diskless-sync-delay", "0",
		"--cluster-node-timeout", strconv.Itoa(int(nodeTimeout/time.Millisecond))); err != nil {
		h.t.Fatal(err)
	}
	n.c = client(h.t, n.Addr)
	_, n.port, _ = net.SplitHostPort(n.Addr)
	n.id = h.must(n, "CLUSTER", "MYID").(string)
	return n
}

// must gives a node a command that has to succeed.
func (h *hive) must(n *node, args ...any) any {
	h.t.Helper()
	reply, err := n.c.Do(h.t.Context(), args...).Result()
	if err != nil {
		h.t.Fatalf("%v to %s: %v", args, n.Addr, err)
	}
	return reply
}

// form makes one cluster of the nodes.
func (h *hive) form() {
	h.t.Helper()
	for i, n := range h.nodes {
		h.must(n, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		h.must(h.nodes[0], "CLUSTER", "MEET", "127.0.0.1", n.port, n.bus)
	}
	for i := range 3 {
		h.must(h.nodes[i], "CLUSTER", "ADDSLOTSRANGE", i*16384/3+min(i, 1), (i+1)*16384/3-1+min(2-i, 1)*1)
	}
	eventually(h.t, "nodes that know each other", func() bool { return h.all("cluster_known_nodes:6") })
	for i := range 3 {
		h.must(h.nodes[i+3], "CLUSTER", "REPLICATE", h.nodes[i].id)
	}
	eventually(h.t, "a cluster that is well", func() bool { return h.all("cluster_state:ok") && h.replicating() })
}

// all tells whether every node that runs says so in CLUSTER INFO.
func (h *hive) all(words string) bool {
	for _, n := range h.nodes {
		if !n.Alive() {
			continue
		}
		if text, err := n.c.ClusterInfo(h.t.Context()).Result(); err != nil || !strings.Contains(text, words) {
			return false
		}
	}
	return true
}

// replicating tells whether the replicas' links are up.
func (h *hive) replicating() bool {
	for _, n := range h.nodes[3:] {
		if text, err := n.c.Info(h.t.Context(), "replication").Result(); err != nil || !strings.Contains(text, "master_link_status:up") {
			return false
		}
	}
	return true
}

// owner returns which node has the slot: the one that says so of itself. Nodes hear of a move
// at different times, and for a moment two may claim a slot, or none.
func (h *hive) owner(slot int) (owner *node) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("one owner of slot %d", slot), func() bool {
		claims := 0
		for _, n := range h.nodes {
			if n.Alive() && h.claims(n, slot) {
				owner = n
				claims++
			}
		}
		return claims == 1
	})
	return owner
}

// claims tells whether the node says that it has the slot.
func (h *hive) claims(n *node, slot int) bool {
	h.t.Helper()
	return slices.ContainsFunc(h.ranges(n), func(r redis.ClusterSlot) bool {
		return slot >= r.Start && slot <= r.End && r.Nodes[0].ID == n.id
	})
}

func (h *hive) ranges(n *node) []redis.ClusterSlot {
	h.t.Helper()
	ranges, err := n.c.ClusterSlots(h.t.Context()).Result()
	if err != nil {
		h.t.Fatal(err)
	}
	return ranges
}

// agree tells whether all nodes that run name the same owners, each with an epoch of its own.
func (h *hive) agree() bool {
	h.t.Helper()
	first := ""
	for _, n := range h.nodes {
		if !n.Alive() {
			continue
		}
		claims, distinct := h.claimsBy(n)
		if first == "" {
			first = claims
		}
		if !distinct || claims != first {
			return false
		}
	}
	return true
}

// claimsBy returns who owns which slots by which epoch as a node has it, and whether the epochs
// are all different.
func (h *hive) claimsBy(n *node) (claims string, distinct bool) {
	h.t.Helper()
	var all []string
	epochs := map[string]bool{}
	for line := range strings.Lines(h.must(n, "CLUSTER", "NODES").(string)) {
		fields := strings.Fields(line) // id, address, flags, master, ping, pong, epoch, link, slots
		if !strings.Contains(fields[2], "master") || strings.Contains(fields[2], "fail") {
			continue
		}
		slots := slices.DeleteFunc(fields[8:], func(s string) bool { return s[0] == '[' }) // being moved
		all = append(all, fmt.Sprint(fields[0], fields[6], slots))
		epochs[fields[6]] = true
	}
	slices.Sort(all)
	return strings.Join(all, " "), len(epochs) == len(all)
}

// move moves a slot from its owner to another master, a few keys at a time, as redis-cli does,
// and returns how many keys that were.
//
// The new owner makes its claim with the highest epoch that it has heard of, plus one. If another
// node has a higher one by then, an old message of that node takes the slot away again, and
// Redis deletes the keys: seen on a busy machine. So a move begins when all agree.
func (h *hive) move(slot int, to *node) (keys int) {
	h.t.Helper()
	eventually(h.t, "nodes that agree", h.agree)
	from := h.owner(slot)
	if from == to {
		return 0
	}
	h.must(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
	h.must(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
	for {
		some := h.must(from, "CLUSTER", "GETKEYSINSLOT", slot, 20).([]any)
		if len(some) == 0 {
			break
		}
		h.must(from, append([]any{"MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS"}, some...)...)
		keys += len(some)
	}
	for _, n := range []*node{to, from, h.nodes[0], h.nodes[1], h.nodes[2]} {
		if n.Alive() {
			h.must(n, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
		}
	}
	return keys
}

// serve starts a proxy in front of two nodes of the cluster and returns its address.
func (h *hive) serve(more string) (p *process, addr string) {
	h.t.Helper()
	addr = free(h.t)
	file := written(h.t, "cluster.toml", fmt.Sprintf(`admin.http = "off"
log.format = "text"
[pools.alpha]
listen = %q
failover = "cluster"
servers = ["%s:1", "%s:1"]
timeout = "5s"
hold_timeout = "15s"
%s`, addr, h.nodes[1].Addr, h.nodes[5].Addr, more))
	p = start(h.t, program(h.t, "run", "-c", file))
	p.says("ready")
	return p, addr
}
