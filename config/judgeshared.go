package config

import (
	"fmt"
	"net"
	"strings"
)

// judgeOwn refuses pools that would be their own clients: a server that is an address on which
// this process itself listens. Another pool may be one, as long as no request goes round.
func (r *reader) judgeOwn(c *Config, drafts []*poolDraft) {
	admin := c.adminListeners()
	next := map[*poolDraft][]*poolDraft{}
	for _, s := range servers(drafts) {
		at := place{s.m.server.Addr, s.g.path, s.m.at}
		for _, l := range admin {
			if l.serves(s.m.server) {
				r.fail(at.at, at.key, fmt.Sprintf("server %s is %s of this very file", at.addr, l.key), "the address of a Redis server")
			}
		}
		if to := listensAs(drafts, s.m.server); to != nil {
			next[s.d] = append(next[s.d], to)
			r.judgeRound(s.d, to, next, at)
		}
	}
}

// servers returns every server of every pool, in the order of the file.
func servers(drafts []*poolDraft) (all []shared) {
	for _, d := range drafts {
		for _, g := range d.groups {
			for _, m := range g.members {
				all = append(all, shared{d, g, m})
			}
		}
	}
	return all
}

// A place is a server in the file.
type place struct {
	addr, key string
	at        span
}

// judgeRound refuses a server of d that is the pool to, if a request can come back from there.
func (r *reader) judgeRound(d, to *poolDraft, next map[*poolDraft][]*poolDraft, s place) {
	if !leads(to, d, next, map[*poolDraft]bool{}) {
		return
	}
	whose := "this pool listens"
	if to != d {
		whose = fmt.Sprintf("pool %q listens, whose requests come here", to.pool.Name)
	}
	r.fail(s.at, s.key, fmt.Sprintf("server %s is where %s: requests would go round for ever", s.addr, whose), "the address of a Redis server")
}

// leads tells whether requests of one pool reach another.
func leads(from, to *poolDraft, next map[*poolDraft][]*poolDraft, seen map[*poolDraft]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, d := range next[from] {
		if leads(d, to, next, seen) {
			return true
		}
	}
	return false
}

// listensAs returns the pool that listens where a server is said to be, nil if none does.
func listensAs(drafts []*poolDraft, s Server) *poolDraft {
	for _, d := range drafts {
		for _, l := range d.pool.Listen {
			if (listener{Listen: l}).serves(s) {
				return d
			}
		}
	}
	return nil
}

// serves tells whether a connection to s would reach the listener, as far as the text says. One
// for all addresses is reached by loopback.
func (l listener) serves(s Server) bool {
	if unix := strings.HasPrefix(s.Addr, "/"); unix || l.Network == "unix" {
		return unix && l.Network == "unix" && l.Address == s.Addr
	}
	host, port, _ := net.SplitHostPort(l.Address)
	to, toPort, _ := net.SplitHostPort(s.Addr)
	return port == toPort && (strings.EqualFold(host, to) || loopback(to) && (covers(host, to) || loopback(host) && (to == "localhost" || host == "localhost")))
}

// judgeShared refuses pools that share servers and do not share what is known of them: when one
// of them replaces a master, the other must see it.
func (r *reader) judgeShared(drafts []*poolDraft) {
	before := map[string][]shared{}
	for _, s := range servers(drafts) {
		key := strings.ToLower(s.m.server.Addr)
		for _, other := range before[key] {
			if other.d != s.d {
				r.judgePair(other, s)
			}
		}
		before[key] = append(before[key], s)
	}
}

// A shared is a server in one of the pools that have it.
type shared struct {
	d *poolDraft
	g *groupDraft
	m member
}

// decides tells whether the group's master can be replaced on account of the pool.
func (s shared) decides() bool { return s.d.pool.Failover != "observe" && len(s.g.members) > 1 }

// judgePair judges a server that two pools share. The later one is where the problem stands.
func (r *reader) judgePair(a, b shared) {
	fail := func(text, hint string) {
		r.fail(b.m.at, b.g.path, fmt.Sprintf("pool %q has server %s too (%s): %s", a.d.pool.Name, b.m.server.Addr, r.first(a.m.at), text), hint)
	}
	mode, other := a.d.pool.Failover, b.d.pool.Failover
	if cluster := FailoverCluster; mode == cluster || other == cluster {
		if mode != other {
			fail("it is a node of a Redis Cluster for one of them and a server of its own for the other", `failover = "cluster" in both`)
		}
		return
	}
	decider, follower := a, b
	if !a.decides() {
		decider, follower = b, a
	}
	switch {
	case !decider.decides():
	case follower.d.pool.AutoEjectHosts:
		fail(fmt.Sprintf("its failover is %q, and this one has auto_eject_hosts: a server that is replaced there is taken off the ring here, and back", decider.d.pool.Failover),
			"leave auto_eject_hosts out")
	case !follower.g.has(decider.g):
		fail(fmt.Sprintf("after a failover in pool %q writes of pool %q would still go to the old master", decider.d.pool.Name, follower.d.pool.Name),
			"name all servers of the group in both pools")
	case mode == other && mode != "local":
	case a.decides() && b.decides():
		fail(fmt.Sprintf("failover is %q there and %q here: two would decide about one master", mode, other),
			`failover = "observe" in one of them, which follows what the servers say`)
	}
}

// has tells whether every member of other is a member of d.
func (d *groupDraft) has(other *groupDraft) bool {
	mine := map[string]bool{}
	for _, m := range d.members {
		mine[strings.ToLower(m.server.Addr)] = true
	}
	for _, m := range other.members {
		if !mine[strings.ToLower(m.server.Addr)] {
			return false
		}
	}
	return true
}
