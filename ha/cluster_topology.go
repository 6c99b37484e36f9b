package ha

import (
	"cmp"
	"fmt"
	"slices"

	"huntaway/shard"
)

// A topology is what is known of a Redis Cluster over all surveys. Its merge is pure.
//
// Whom it believes: a node about itself; about one that does not answer, the answering node
// that most of those that answer belong to. A slot is its whose claim has the highest
// configuration epoch, which is the cluster's own rule; and never whose claim is older
// than one that was believed before, unless who made that one says that it is over.
type topology struct {
	owners [shard.Slots]claim // by slot, as believed last
	addrs  []string           // of all nodes of the last chart
	names  map[string]string  // by id: the group that the node is or was in
	order  []string           // groups, as they were first seen
}

// A claim is a node's word that it owns a slot.
type claim struct {
	id    string // "" when there is none
	epoch uint64
}

// A chart is what one survey has found. Immutable.
type chart struct {
	groups []chartGroup
	slots  []int32 // by slot: an index into groups, or shard.Unowned
	silent bool    // some master with slots did not answer
	plight ClusterStatus
}

// A chartGroup is a master and its replicas.
type chartGroup struct {
	name     string
	master   *clusterNode
	replicas []*clusterNode
}

// String says how much of the cluster there is, and who is master.
func (c chart) String() string {
	replicas, owned := 0, 0
	for _, g := range c.groups {
		replicas += len(g.replicas)
	}
	for _, g := range c.slots {
		if g >= 0 {
			owned++
		}
	}
	text := fmt.Sprintf("%d masters, %d replicas, %d of %d slots owned;", len(c.groups), replicas, owned, shard.Slots)
	for _, g := range c.groups {
		text += " " + g.name + "=" + g.master.addr
	}
	return text
}

// merge makes a chart of what nodes have said. It fails when none has.
func (a *topology) merge(views []view) (chart, error) {
	lead := leading(views)
	if lead == nil {
		return chart{}, failures(views)
	}
	nodes, answered := known(lead, views)
	a.believe(nodes, answered)
	c := chart{slots: shard.NoSlots()}
	a.group(&c, nodes, answered)
	c.plight = a.plight(nodes, views)
	return c, nil
}

// leading returns the view in which most of the nodes that answered are listed, of several one that
// knows who has slots, then the one with the highest epoch: a node that was sent away, or belongs to
// another cluster, lists fewer, and where each lists itself alone it has none. nil: none answered.
func leading(views []view) (lead *view) {
	most, id := -1, ""
	for i := range views {
		v := &views[i]
		if v.err != nil {
			continue
		}
		listed := 0 // twice as many as are, and one more when some of them have slots
		for j := range views {
			if views[j].err == nil && v.nodes[views[j].self.id] != nil {
				listed += 2
			}
		}
		if v.landed() {
			listed++
		}
		if listed > most || listed == most && (v.top > lead.top || v.top == lead.top && v.self.id < id) {
			most, lead, id = listed, v, v.self.id
		}
	}
	return lead
}

// landed tells whether the view has somebody with slots.
func (v *view) landed() bool {
	for _, n := range v.nodes {
		if len(n.slots) > 0 {
			return true
		}
	}
	return false
}

// known returns every node of the leading view, in its own words where it answered.
func known(lead *view, views []view) (nodes map[string]*clusterNode, answered map[string]bool) {
	nodes, answered = map[string]*clusterNode{}, map[string]bool{}
	for id, n := range lead.nodes {
		nodes[id] = n
	}
	for i := range views {
		if v := &views[i]; v.err == nil && nodes[v.self.id] != nil {
			nodes[v.self.id], answered[v.self.id] = v.self, true
		}
	}
	return nodes, answered
}

// believe settles who owns each slot.
func (a *topology) believe(nodes map[string]*clusterNode, answered map[string]bool) {
	var next [shard.Slots]claim
	for id, n := range nodes {
		if !n.master || n.addr == "" {
			continue
		}
		for _, r := range n.slots {
			for slot := r[0]; slot <= r[1]; slot++ {
				if c := next[slot]; c.id == "" || n.epoch > c.epoch || n.epoch == c.epoch && id < c.id {
					next[slot] = claim{id, n.epoch}
				}
			}
		}
	}
	for slot, was := range a.owners {
		owner := nodes[was.id]
		if next[slot].epoch < was.epoch && owner != nil && owner.master && !answered[was.id] {
			next[slot] = was // older news; who owned it last has not said that it is over
		}
	}
	a.owners = next
}

// group puts the nodes into groups: masters with slots, other masters that are well, which may
// be about to get some, and their replicas.
func (a *topology) group(c *chart, nodes map[string]*clusterNode, answered map[string]bool) {
	owns := map[string]bool{}
	for _, o := range a.owners {
		owns[o.id] = true
	}
	var masters, idle []*clusterNode
	for _, n := range nodes {
		switch {
		case n.addr == "":
		case owns[n.id]:
			masters = append(masters, n)
		case n.master && !n.failed:
			idle = append(idle, n)
		}
	}
	slices.SortFunc(masters, byID)
	slices.SortFunc(idle, byID)
	taken := map[string]bool{}
	for _, m := range append(masters, idle...) {
		g := chartGroup{name: a.nameOf(m.id, taken), master: m, replicas: replicasOf(m.id, nodes)}
		taken[g.name] = true
		c.groups = append(c.groups, g)
		c.silent = c.silent || owns[m.id] && !answered[m.id]
	}
	a.arrange(c)
}

func byID(x, y *clusterNode) int { return cmp.Compare(x.id, y.id) }

// replicasOf returns a master's replicas that have not been given up, by their ids.
func replicasOf(id string, nodes map[string]*clusterNode) (replicas []*clusterNode) {
	for _, n := range nodes {
		if !n.master && n.of == id && n.addr != "" && !n.failed {
			replicas = append(replicas, n)
		}
	}
	slices.SortFunc(replicas, byID)
	return replicas
}

// nameOf returns the name of a master's group: that of the group it was last seen in, so that
// a failover changes none, or the beginning of its id.
func (a *topology) nameOf(id string, taken map[string]bool) string {
	short := id[:min(8, len(id))]
	for _, name := range []string{a.names[id], short, id} {
		if name != "" && !taken[name] {
			return name
		}
	}
	return id
}

// arrange gives the groups the places that they had before, behind which new ones come, and
// remembers where everybody was seen.
func (a *topology) arrange(c *chart) {
	for _, g := range c.groups {
		if !slices.Contains(a.order, g.name) {
			a.order = append(a.order, g.name)
		}
	}
	slices.SortFunc(c.groups, func(x, y chartGroup) int {
		return cmp.Compare(slices.Index(a.order, x.name), slices.Index(a.order, y.name))
	})
	a.names, a.addrs, a.order = map[string]string{}, nil, a.order[:0]
	group := map[string]int32{}
	for i, g := range c.groups {
		group[g.master.id] = int32(i)
		a.order = append(a.order, g.name)
		for _, n := range append([]*clusterNode{g.master}, g.replicas...) {
			a.names[n.id] = g.name
			a.addrs = append(a.addrs, n.addr)
		}
	}
	for slot, o := range a.owners {
		if g, known := group[o.id]; known {
			c.slots[slot] = g
		}
	}
}

// spec is what a table is built from that says what the chart says.
func (c chart) spec(ids *shard.IDs) shard.Spec {
	spec := shard.Spec{Slots: c.slots, IDs: ids}
	for _, g := range c.groups {
		group := shard.Group{Name: g.name, Weight: 1, Moving: g.master.losing,
			Servers: []shard.Server{g.master.server(shard.Master)}}
		for _, n := range g.replicas {
			group.Servers = append(group.Servers, n.server(shard.Replica))
		}
		spec.Groups = append(spec.Groups, group)
	}
	return spec
}

// server is the node as a table has it; its name is what redirections call it.
func (n *clusterNode) server(r shard.Role) shard.Server {
	return shard.Server{Addr: n.addr, Name: n.said, Role: r, Weight: 1}
}
