package config

import (
	"fmt"
	"strings"
)

// FailoverCluster is the failover of a pool whose servers are a Redis Cluster.
const FailoverCluster = "cluster"

// clusterOnly says which keys have no say in a pool of a Redis Cluster, and why.
var clusterOnly = []struct{ key, why string }{
	{"hash", "a Redis Cluster places keys by a hash of its own (CRC-16 modulo 16384 slots)"},
	{"hash_tag", `the hash tag of a Redis Cluster is "{}"`},
	{"distribution", "which node has which slot the cluster decides"},
	{"ring_labels", "a Redis Cluster has no ring"},
	{"groups", "which nodes hold the same data the cluster says: name some of them in servers"},
	{"sentinels", "a Redis Cluster fails over by itself"},
}

// judgeCluster checks a pool of a Redis Cluster, whose servers are no more than the nodes that
// are asked first.
func (r *reader) judgeCluster(d *poolDraft) {
	if d.pool.Failover != FailoverCluster {
		return
	}
	for _, x := range clusterOnly {
		if e := d.known[x.key]; e != nil {
			r.fail(e.value.at, join(d.path, x.key), fmt.Sprintf("%s in a pool with failover = %q", x.key, FailoverCluster), x.why+"; leave it out")
		}
	}
	if d.pool.DB != 0 {
		r.fail(d.spot(d.known, "db"), join(d.path, "db"), fmt.Sprintf("db %d of a Redis Cluster", d.pool.DB), "it has database 0 alone")
	}
	if d.pool.Databases > 1 {
		r.fail(d.spot(d.known, "databases"), join(d.path, "databases"), fmt.Sprintf("%d databases of a Redis Cluster", d.pool.Databases), "it has one")
	}
	for _, g := range d.groups {
		for _, m := range g.members {
			r.judgeNode(m, join(d.path, "servers"))
		}
	}
}

// judgeNode checks one entry point.
func (r *reader) judgeNode(m member, key string) {
	switch {
	case m.roled:
		r.fail(m.at, key, fmt.Sprintf("%s has a gid and a role", m.server.Addr),
			"who is master of what the cluster says: write \""+m.server.Addr+":1\"")
	case strings.HasPrefix(m.server.Addr, "/"):
		r.fail(m.at, key, fmt.Sprintf("%s is a unix socket", m.server.Addr), "nodes of a Redis Cluster name each other by host and port")
	case m.server.Weight != 1:
		r.warn(m.at, key, fmt.Sprintf("%s has the weight %d, which means nothing to a Redis Cluster", m.server.Addr, m.server.Weight), "write 1")
	}
}
