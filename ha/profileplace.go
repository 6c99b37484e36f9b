package ha

import (
	"fmt"
	"net"

	"huntaway/shard"
)

// A host is a machine with what runs there.
type host struct {
	name               string
	sentinels, servers int
}

// placed judges where the Sentinels of a group run. Some cuts of the network leave a majority of
// them with few of the servers: they promote one that lacks the replicas to take writes, while
// the rest go on taking them under the old master, which is demoted when the network is whole.
// Groups of two have no half that is safe from that.
func (j *judgement) placed(g *shard.Group) {
	hosts := j.hosts(g)
	n, majority := len(g.Servers), len(j.pool.Sentinels)/2+1
	if hosts == nil || n < 3 {
		return
	}
	if with := fewestWith(hosts, majority); n-with > n/2 {
		j.noteGroup(Doubtful, g.Name, fmt.Sprintf("a cut network can leave %d of %d Sentinels with %d of its %d servers", majority, len(j.pool.Sentinels), with, n),
			"one Sentinel on the host of each server: such a majority promotes a master that may take no write, and what the other servers take meanwhile is lost when the network is whole again")
	}
}

// hosts returns where a group's servers and the Sentinels run, nil when an address does not tell.
func (j *judgement) hosts(g *shard.Group) (all []host) {
	at := func(addr string) *host {
		name, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil
		}
		for i := range all {
			if j.same(net.JoinHostPort(all[i].name, "0"), net.JoinHostPort(name, "0")) {
				return &all[i]
			}
		}
		all = append(all, host{name: name})
		return &all[len(all)-1]
	}
	for i := range g.Servers {
		h := at(g.Servers[i].Addr)
		if h == nil {
			return nil
		}
		h.servers++
	}
	for _, addr := range j.pool.Sentinels {
		h := at(addr)
		if h == nil {
			return nil
		}
		h.sentinels++
	}
	return all
}

// fewestWith returns the number of servers on those hosts that have so many Sentinels together,
// when the hosts are picked for as few servers as can be.
func fewestWith(hosts []host, sentinels int) int {
	const none = 1 << 30
	fewest := make([]int, sentinels+1) // by the number of Sentinels picked so far, the last for more
	for i := range fewest[1:] {
		fewest[i+1] = none
	}
	for _, h := range hosts {
		if h.sentinels == 0 {
			continue
		}
		for k := sentinels; k >= 0; k-- {
			to := min(sentinels, k+h.sentinels)
			fewest[to] = min(fewest[to], fewest[k]+h.servers)
		}
	}
	return fewest[sentinels]
}
