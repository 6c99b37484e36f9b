package ha

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"huntaway/perf"
	"huntaway/shard"
)

// A ClusterStatus is what is wrong with a Redis Cluster as a whole, or with nodes that are in no group. A copy.
type ClusterStatus struct {
	Down    string        // why all requests fail; "": they do not
	DownFor time.Duration // with Down: for how long
	Part    string        // why requests for some keys fail; "": they do not
	Advice  string        // with Down or Part: what ends it
	Alarms  []string      // what an operator should look at
	since   int64         // with Down or Part: since when
}

// Cluster returns what is wrong with the Redis Cluster of a pool; nothing for a pool that is none, or before the first survey.
func (m *Monitor) Cluster(pool string) (all ClusterStatus) {
	w := (*m.pools.Load())[pool]
	if w == nil {
		return all
	}
	if s, is := w.arbiter.(*survey); is {
		if at := s.plight.Load(); at != nil {
			all = *at
			all.Alarms = slices.Clone(at.Alarms)
			if all.Down != "" {
				all.DownFor = time.Duration(perf.Now() - at.since)
			}
		}
	}
	return all
}

// tell has Cluster return what a survey has found, and notes that the cluster begins or ceases to refuse requests.
func (s *survey) tell(p ClusterStatus) {
	now := perf.Now()
	var was ClusterStatus
	if last := s.plight.Load(); last != nil {
		was = *last
	}
	p.since = was.since
	if p.says() == was.says() {
		s.plight.Store(&p)
		return
	}
	p.since = now
	s.plight.Store(&p)
	t := Transition{At: now, Pool: s.o.Name, What: p.says(), Cause: p.Down + p.Part, Loud: true}
	if t.What == "" {
		t.What, t.Loud = "the Redis Cluster serves all keys again", false
		t.Cause = fmt.Sprintf("%s for %s", was.says(), time.Duration(now-was.since).Round(time.Millisecond))
	}
	s.note(t)
}

// says is the fixed event text of what is wrong with the cluster as a whole; "" when nothing is.
func (p *ClusterStatus) says() string {
	switch {
	case p.Down != "":
		return "the Redis Cluster is down"
	case p.Part != "":
		return "the Redis Cluster serves only some keys"
	}
	return ""
}

// plight works out what is wrong. A slot is served by nobody when nobody owns it, or when the cluster has given its owner
// up. Whether that stops all others as well (cluster-require-full-coverage) the nodes say that answer.
func (a *topology) plight(nodes map[string]*clusterNode, views []view) (p ClusterStatus) {
	unserved := 0
	for _, o := range a.owners {
		if n := nodes[o.id]; n == nil || n.failed {
			unserved++
		}
	}
	answer, down := 0, 0
	for i := range views {
		if v := &views[i]; v.err == nil && nodes[v.self.id] != nil {
			answer++
			if v.down {
				down++
			}
		}
	}
	p.Advice = "start the masters that are gone, or a replica of each; redis-cli --cluster check and fix say more"
	what := fmt.Sprintf("%d of %d slots are served by nobody", unserved, shard.Slots)
	switch {
	case a.landless():
		p.Down, p.Advice = spellLandless(views)
	case down*2 > answer && unserved > 0:
		p.Down = "cluster_state is fail, and all requests are refused: " + what
	case down*2 > answer:
		p.Down = fmt.Sprintf("cluster_state is fail, and all requests are refused, by %d of %d nodes that answer", down, answer)
	case unserved > 0:
		p.Part = what + ", and requests for their keys fail"
	}
	for _, n := range nodes {
		if !n.failed || n.addr == "" {
			continue
		}
		as := "a master"
		if up := nodes[n.of]; !n.master && up != nil {
			as = "a replica of " + up.addr
		}
		p.Alarms = append(p.Alarms, fmt.Sprintf("%s, %s, is given up by the cluster: start it, or have all nodes forget it (redis-cli --cluster del-node)", n.addr, as))
	}
	slices.Sort(p.Alarms)
	return p
}

// landless tells whether nobody is known to own any slot.
func (a *topology) landless() bool { return a.owners == [shard.Slots]claim{} }

// spellLandless says what it means when that is so, and what to do.
func spellLandless(views []view) (what, advice string) {
	var all []string
	for i := range views {
		if views[i].err == nil {
			all = append(all, views[i].from)
		}
	}
	slices.Sort(all)
	what = "has no slots and knows no node that has any: it has left the cluster, or none has been made"
	if len(all) > 1 {
		what = "have no slots and know no node that has any: they have left the cluster, or none has been made"
	}
	return strings.Join(all, ", ") + " " + what, "put nodes of the right cluster into the file, and reload; or make one (redis-cli --cluster create)"
}

// An entrance is what became of asking an entry point the last time that it was asked.
type entrance struct {
	id  string // the node that answered; "": none
	err string // why
}

// strays returns what is wrong with entry points: a start of the proxy needs one that is a node of the cluster. One that is in
// a group is spoken of there, and one that the cluster has given up is.
func (s *survey) strays(views []view, c *chart) (alarms []string) {
	for i := range views {
		v := &views[i]
		switch {
		case !slices.Contains(s.o.Entries, v.from):
		case v.err != nil:
			s.entries[v.from] = entrance{err: v.err.Error()}
		default:
			s.entries[v.from] = entrance{id: v.self.id}
		}
	}
	for _, addr := range s.o.Entries {
		at, asked := s.entries[addr]
		spoken := slices.Contains(s.topology.addrs, addr) || slices.ContainsFunc(c.plight.Alarms, func(a string) bool { return strings.HasPrefix(a, addr+", ") })
		switch {
		case !asked || spoken || at.id != "" && s.topology.landless():
		case at.id == "":
			alarms = append(alarms, fmt.Sprintf("the entry point %s does not answer, and no node of the cluster is known under that address (%s): put another node into the file", addr, at.err))
		case s.topology.names[at.id] == "":
			alarms = append(alarms, fmt.Sprintf("the entry point %s is no node of this cluster any more: put another one into the file", addr))
		}
	}
	return alarms
}
