package ha

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"huntaway/shard"
)

// A view is what one node of a Redis Cluster says of all of them. Immutable.
type view struct {
	from  string // the address that was asked
	err   error  // why there is no view
	nodes map[string]*clusterNode
	self  *clusterNode // the one that was asked
	top   uint64       // the highest epoch in it
	down  bool         // cluster_state:fail: it refuses requests, be it only by its own view
}

// A clusterNode is one line of CLUSTER NODES (redis.io/docs/latest/commands/cluster-nodes).
// Immutable.
type clusterNode struct {
	id     string
	addr   string // host:port to connect to; "" when it is not known
	said   string // host:port as the cluster's redirections spell it
	of     string // of a replica: its master's id
	master bool
	failed bool   // a majority of masters gave it up
	epoch  uint64 // of its claim to its slots
	slots  [][2]int
	losing bool // some of its slots are being moved away; only the node itself says so
}

// parseView reads the answer of the node at an address.
func parseView(from, text string) (view, error) {
	v := view{from: from, nodes: map[string]*clusterNode{}}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 8 {
			return v, fmt.Errorf("CLUSTER NODES has a line of %d words, want 8 or more: %q", len(fields), line)
		}
		n, err := parseNode(from, fields)
		if err != nil {
			return v, err
		}
		v.nodes[n.id] = n
		v.top = max(v.top, n.epoch)
		if hasFlag(fields[2], "myself") {
			v.self = n
		}
	}
	if v.self == nil {
		return v, errors.New("CLUSTER NODES does not say which line is the node's own")
	}
	return v, nil
}

// hasFlag tells whether a list of flags has one.
func hasFlag(flags, flag string) bool {
	for f := range strings.SplitSeq(flags, ",") {
		if f == flag {
			return true
		}
	}
	return false
}

// parseNode reads one line:
//
//	id ip:port@bus[,hostname] flags master ping pong epoch link [slot or range]...
func parseNode(from string, fields []string) (*clusterNode, error) {
	n := &clusterNode{id: fields[0], master: hasFlag(fields[2], "master"), failed: hasFlag(fields[2], "fail")}
	if fields[3] != "-" {
		n.of = fields[3]
	}
	var err error
	if n.epoch, err = strconv.ParseUint(fields[6], 10, 64); err != nil {
		return nil, fmt.Errorf("node %s has the epoch %q, want a number", n.id, fields[6])
	}
	if !hasFlag(fields[2], "noaddr") && !hasFlag(fields[2], "handshake") {
		n.locate(from, fields[1])
	}
	for _, text := range fields[8:] {
		if strings.HasPrefix(text, "[") {
			n.losing = n.losing || strings.Contains(text, "->-")
			continue
		}
		first, last, ranged := strings.Cut(text, "-")
		if !ranged {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA != nil || errB != nil || a < 0 || b < a || b >= shard.Slots {
			return nil, fmt.Errorf("node %s has the slots %q, want a slot or a range below %d", n.id, text, shard.Slots)
		}
		n.slots = append(n.slots, [2]int{a, b})
	}
	return n, nil
}

// locate reads the address. A node that does not know its own host is reached where it was
// asked; one that announces a name is redirected to by that name.
func (n *clusterNode) locate(from, text string) {
	text, names, _ := strings.Cut(text, ",")
	text, _, _ = strings.Cut(text, "@")
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return
	}
	host, port := text[:i], text[i+1:]
	name, _, _ := strings.Cut(names, ",") // of Redis 7.2 more follows it
	n.said = text
	if name != "" && !strings.Contains(name, "=") {
		n.said = name + ":" + port
	}
	if host == "" && name != "" && !strings.Contains(name, "=") {
		host = name
	}
	if host == "" {
		host, _, _ = net.SplitHostPort(from)
	}
	if port == "0" || port == "" {
		return
	}
	n.addr = net.JoinHostPort(host, port)
}
