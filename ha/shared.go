package ha

import (
	"fmt"
	"slices"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
)

// sayShared has groups say that a server of theirs is the same process as one of another group, by an address that does
// not tell it, or the file would be refused. Each of the two decides by itself whom that one follows, and what is written by
// way of one the other may have overwritten. Within a pool both send it writes, whoever decides; a pool that only
// watches beside one that decides is as it should be, and so are two groups of one server each.
func sayShared(all []GroupStatus) {
	type place struct {
		g    *GroupStatus
		addr string
	}
	seen := map[string][]place{}
	for i := range all {
		g := &all[i]
		for _, s := range g.Servers {
			if id := s.Repl.RunID; id != "" && s.Fault == vital.FaultNone && !g.Cluster {
				seen[id] = append(seen[id], place{g, s.Addr})
			}
		}
	}
	for i := range all {
		g := &all[i]
		for _, s := range g.Servers {
			for _, other := range seen[s.Repl.RunID] {
				if s.Fault != vital.FaultNone || !g.quarrels(other.g) {
					continue
				}
				text := fmt.Sprintf("%s is %s of group %s in pool %s under another name, and both groups decide about it; take it out of one of them in the file and reload",
					s.Addr, other.addr, other.g.Group, other.g.Pool)
				if !slices.Contains(g.Alarms, text) {
					g.Alarms = append(g.Alarms, text)
				}
			}
		}
	}
}

// quarrels tells whether two groups must not share a server.
func (g *GroupStatus) quarrels(o *GroupStatus) bool {
	decides := func(g *GroupStatus) bool { return g.Mode != failover.Observe && len(g.Servers) > 1 }
	switch {
	case g == o || g.Cluster || o.Cluster:
		return false
	case g.Pool == o.Pool:
		return len(g.Servers) > 1 || len(o.Servers) > 1
	}
	return decides(g) && decides(o) && (g.Mode != o.Mode || g.Mode == failover.Local)
}
