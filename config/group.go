package config

import (
	"fmt"
	"strconv"
	"strings"
)

// A groupDraft is a group while its members are being gathered.
type groupDraft struct {
	group   Group
	members []member
	at      span   // where it is first spoken of
	path    string // its key, for problems
	partial bool   // some of its lines were refused, perhaps the master's
}

// gather makes groups of server lines: a line without gid, or with gid 0, is a group of
// its own; equal gids are one group, in the place of its first line.
func gather(members []member, path string) []*groupDraft {
	var drafts []*groupDraft
	byGID := map[int]*groupDraft{}
	for _, m := range members {
		d := byGID[m.gid]
		if d == nil || m.gid == 0 {
			d = &groupDraft{group: Group{GID: m.gid, Weight: m.share}, at: m.at, path: path}
			drafts = append(drafts, d)
			byGID[m.gid] = d
		}
		d.members = append(d.members, m)
	}
	return drafts
}

// settle names the group and fixes its members. labels is the pool's ring_labels.
func (d *groupDraft) settle(labels string) {
	g := &d.group
	for _, m := range d.members {
		g.Servers = append(g.Servers, m.server)
	}
	last := ""
	if n := len(d.members); n > 0 {
		last = d.members[n-1].label
	}
	if g.Name == "" {
		g.Name = last
		if g.GID > 0 {
			g.Name = strconv.Itoa(g.GID)
		}
	}
	if g.Label == "" {
		g.Label = g.Name
		if labels == "seed" && last != "" {
			g.Label = last
		}
	}
}

// judgeGroups reports what contradicts itself within and between the groups of a pool.
func (r *reader) judgeGroups(drafts []*groupDraft) {
	for _, d := range drafts {
		r.judgeRoles(d)
		r.judgeShares(d)
	}
	r.judgeAddresses(drafts)
	r.judgeNames(drafts)
}

// judgeRoles wants exactly one master.
func (r *reader) judgeRoles(d *groupDraft) {
	var master *member
	for i := range d.members {
		m := &d.members[i]
		switch {
		case m.server.Role != RoleMaster:
		case master == nil:
			master = m
		default:
			r.fail(m.at, d.path, fmt.Sprintf("%s has two masters, %s and %s", d.title(),
				master.server.Addr, m.server.Addr), r.first(master.at)+"; the second in line has role n")
		}
	}
	if master != nil || len(d.members) == 0 || d.partial {
		return
	}
	m := d.members[0]
	if d.group.GID == 0 && len(d.members) == 1 && m.roled {
		r.fail(m.at, d.path, fmt.Sprintf("%s stands alone (gid 0) with role %c", m.server.Addr, m.server.Role),
			"give it role m, or the gid of its master")
		return
	}
	r.fail(m.at, d.path, d.title()+" has no master", "give one of its servers role m")
}

// judgeShares wants one weight and one gid from all lines of a group.
func (r *reader) judgeShares(d *groupDraft) {
	for _, m := range d.members {
		if !m.roled {
			continue
		}
		if m.share != d.group.Weight {
			r.fail(m.at, d.path, fmt.Sprintf("%s has two weights, %d and %d", d.title(), d.group.Weight, m.share), r.first(d.at))
		}
		if m.gid != d.group.GID {
			r.fail(m.at, d.path, fmt.Sprintf("gid %d in a group of gid %d", m.gid, d.group.GID), r.first(d.at))
		}
	}
}

// Most servers of one group; package shard refuses more.
const mostServers = 1 << 10

// judgeAddresses wants each address once in a pool. Groups of one server may share theirs,
// as twemproxy's named lines may (a server that is to be split later), but that is told.
func (r *reader) judgeAddresses(drafts []*groupDraft) {
	type place struct {
		d  *groupDraft
		at span
	}
	type alias struct {
		name string
		at   span
	}
	seen, local := map[string]place{}, map[string]alias{}
	for _, d := range drafts {
		if len(d.members) > mostServers {
			r.fail(d.at, d.path, fmt.Sprintf("%s has %d servers", d.title(), len(d.members)), fmt.Sprintf("at most %d", mostServers))
		}
		for _, m := range d.members {
			key := strings.ToLower(m.server.Addr)
			other, twice := seen[key]
			if !twice {
				seen[key] = place{d, m.at}
			}
			own := strings.Replace(key, "localhost:", "127.0.0.1:", 1)
			if where, is := local[own]; strings.HasPrefix(own, "127.0.0.1:") && is && where.name != key {
				r.warn(m.at, d.path, fmt.Sprintf("server %s is mostly the same as %s", m.server.Addr, where.name), r.first(where.at)+"; one server under two names counts once")
			} else if !is {
				local[own] = alias{key, m.at}
			}
			text := fmt.Sprintf("server %s is given twice", m.server.Addr)
			switch {
			case !twice:
			case other.d.group.Label == d.group.Label && other.d != d: // judgeNames tells
			case other.d != d && len(d.members) == 1 && len(other.d.members) == 1:
				r.warn(m.at, d.path, text, r.first(other.at)+"; right only if it is meant to be two groups in one server")
			default:
				r.fail(m.at, d.path, text, r.first(other.at))
			}
		}
	}
}

// judgeNames wants names, labels and gids that tell the groups apart.
func (r *reader) judgeNames(drafts []*groupDraft) {
	names, labels, gids := map[string]span{}, map[string]span{}, map[int]span{}
	for _, d := range drafts {
		g := d.group
		if at, twice := gids[g.GID]; twice && g.GID > 0 {
			r.fail(d.at, d.path, fmt.Sprintf("two groups have gid %d", g.GID), r.first(at))
			continue
		}
		gids[g.GID] = d.at
		if at, twice := names[g.Name]; twice {
			r.fail(d.at, d.path, fmt.Sprintf("two groups are named %q", g.Name), r.first(at))
			continue
		}
		names[g.Name] = d.at
		if at, twice := labels[g.Label]; twice {
			r.fail(d.at, d.path, fmt.Sprintf("two groups have the ring label %q", g.Label), r.first(at))
			continue
		}
		labels[g.Label] = d.at
	}
}

// title names a group in problems.
func (d *groupDraft) title() string {
	switch g := d.group; {
	case g.Name != "" && g.Name != strconv.Itoa(g.GID):
		return fmt.Sprintf("group %q", g.Name)
	case g.GID > 0:
		return fmt.Sprintf("group %d", g.GID)
	}
	return "the group"
}

// first words the place of an earlier, contradicting line.
func (r *reader) first(at span) string {
	line, _ := r.src.position(at.from)
	return fmt.Sprintf("first on line %d", line)
}
