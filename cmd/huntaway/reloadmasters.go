package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"huntaway/ha"
	"huntaway/shard"
)

// A rename is that a group's master goes by another address in the next table.
type rename struct{ from, to int32 } // server IDs

// firstWord is how long a reload waits for a group whose master has yet to be found after a start.
const firstWord = 3 * time.Second

// An asker asks servers who they are.
type asker func([]shard.Server) []ha.Identity

// keepMasters refuses tables, by pool, that take the writes from a group: where this process
// decides, those go on at the master of the moment, whoever the file names, until it has failed. It returns
// which masters the tables have under another name.
func (p *proxy) keepMasters(tables map[int]*shard.Table) (map[int][]rename, error) {
	var errs []error
	all := map[int][]rename{}
	for i, next := range tables {
		s := p.pools[i]
		if p.cfg.Pools[i].Failover != "local" {
			continue
		}
		p.awaitFirstWord(s)
		access := s.watchOptions(&p.cfg.Pools[i]).Access
		ask := func(servers []shard.Server) []ha.Identity { return ha.LearnIdentities(p.ctx, servers, access) }
		renames, err := s.keepMasters(s.pool.Table(), next, p.states(), ask)
		all[i], errs = renames, append(errs, err)
	}
	return all, errors.Join(errs...)
}

// awaitFirstWord waits until it is known who is master in every group of a pool after a start, but no
// longer than firstWord: until then the table names whom the file does.
func (p *proxy) awaitFirstWord(s *served) {
	ctx, cancel := context.WithTimeout(p.grace, firstWord)
	defer cancel()
	for s.ledger.opening() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// keepMasters refuses to have a table followed by one that leaves out the master of a group whose
// other servers stay. Of a master that is not well it is for the failover to find another, and
// where the whole group goes nobody is to take its place. One that another address leads to stays.
func (s *served) keepMasters(old, next *shard.Table, states map[member]ha.ServerStatus, ask asker) (renames []rename, err error) {
	var errs []error
	for i := range old.Groups {
		g := &old.Groups[i]
		m := old.Server(g.Master)
		if m == nil || next.Server(m.ID) != nil {
			continue
		}
		others := possible(g, old, next)
		who := ask(append([]shard.Server{*m}, others...))
		if to := sameAs(who[0], others, who[1:]); to >= 0 {
			renames = append(renames, rename{m.ID, to})
			continue
		}
		state := states[member{s.name, g.Name, m.Addr}].State
		well := state == ha.In || state == ha.Unknown && who[0].Master
		if stay := staying(g, next); stay != nil && well {
			errs = append(errs, fmt.Errorf("pool %s, group %s: the file leaves out %s, which is its master, is well and takes its writes; "+
				"make another one master first: huntaway switchover --pool %s --group %s --to ADDRESS (%s), and reload then",
				s.name, g.Name, m.Addr, s.name, g.Name, strings.Join(stay, " or ")))
		}
	}
	return renames, errors.Join(errs...)
}

// possible returns the servers of next that a server of g may be under another name: those that are not in old, and
// the others of g.
func possible(g *shard.Group, old, next *shard.Table) (all []shard.Server) {
	for i := range next.Groups {
		for _, each := range next.Groups[i].Servers {
			if old.Server(each.ID) == nil || g.Has(each.ID) {
				all = append(all, each)
			}
		}
	}
	return all
}

// sameAs returns the ID of the server that is this process, -1 when none is.
func sameAs(is ha.Identity, all []shard.Server, who []ha.Identity) int32 {
	for i := range all {
		if is.RunID != "" && who[i].RunID == is.RunID {
			return all[i].ID
		}
	}
	return -1
}

// staying returns the addresses of a group's servers that are in next.
func staying(g *shard.Group, next *shard.Table) (all []string) {
	for _, each := range g.Servers {
		if next.Server(each.ID) != nil {
			all = append(all, each.Addr)
		}
	}
	return all
}

// renamed returns t, which is to follow old, with the masters of old under their new names.
func renamed(t, old *shard.Table, all []rename) *shard.Table {
	for _, r := range all {
		was, now := old.GroupOf(r.from), t.GroupOf(r.to)
		if was >= 0 && now >= 0 && old.Groups[was].Master == r.from && t.Groups[now].Master != r.to {
			t = t.WithMaster(now, r.to)
		}
	}
	return t
}
