package ha

import "slices"

// A Layout is what the Detector needs to know of a routing table: who belongs
// together. Immutable.
type Layout struct {
	Groups  []Members // in the order of the table
	Ejected []int     // indexes of the groups that are off the ring, ascending
}

// Members are the servers of one group. Immutable.
type Members struct {
	Name    string   // the group's
	Master  int32    // -1 while there is none
	Held    bool     // what only the master may take waits
	Servers []Member // in the order of the table
	Readers []int32  // who may serve reads, as the table has it
}

// post returns what a member is for.
func (m *Members) post(id int32) post {
	if id == m.Master {
		return takesWrites
	}
	return follows
}

// A post is what a server is for in its group.
type post uint8

const (
	follows     post = iota // the master
	takesWrites             // is the master
)

// A Member is one server. Immutable.
type Member struct {
	ID   int32  // stays with the address for as long as the pool lives
	Addr string // for logs, and to notice when an ID changes hands
}

// Adopt makes l the layout that the detector works on, and appends what has to be done to
// bring the table in line with what is known already. A server that stays keeps its state,
// a group keeps its history while its master stays.
func (d *Detector) Adopt(l Layout, now int64, acts []Action) []Action {
	d.now, d.acts = now, acts
	old := d.groups
	known := d.servers
	d.groups, d.servers = nil, make(map[int32]*server)
	for i, m := range l.Groups {
		d.groups = append(d.groups, d.adoptGroup(i, m, old, known))
	}
	for _, g := range d.groups {
		d.regroup(g)
	}
	d.announceEjected(l.Ejected)
	return d.handOver()
}

// adoptGroup makes group i out of m and of what was known of it and its servers.
func (d *Detector) adoptGroup(i int, m Members, old []*group, known map[int32]*server) *group {
	g := &group{index: i, name: m.Name, readers: slices.Clone(m.Readers), unsettled: m.Held}
	for _, member := range m.Servers {
		s := d.adoptServer(member, known[member.ID], m.post(member.ID))
		s.group = g
		g.members = append(g.members, s)
		d.servers[s.id] = s
		if s.id == m.Master {
			g.master = s
		}
	}
	g.inherit(old, d.limits.History)
	return g
}

// adoptServer returns s, what is known of the member, if that still applies. Of one that has
// become or ceased to be master nothing does but that a probe may be out.
func (d *Detector) adoptServer(m Member, s *server, p post) *server {
	if s != nil && s.addr == m.Addr && s.post == p {
		s.heir = false
		return s
	}
	fresh := &server{id: m.ID, addr: m.Addr, post: p, born: d.now, since: d.now, dueAt: d.now}
	if s != nil && s.addr == m.Addr {
		fresh.flying, fresh.sentAt = s.flying, s.sentAt
	}
	d.act(Action{Kind: SetCovered, Server: m.ID}) // its vitals may be from another life
	return fresh
}

// inherit takes over the evidence about the master, if g still has the same one.
func (g *group) inherit(old []*group, size int) {
	for _, o := range old {
		if o.name == g.name && !o.unsettled {
			g.unsettled = false
		}
		if o.name == g.name {
			g.own = o.own
		}
		if o.name == g.name && o.master == g.master && g.master != nil {
			g.masterLife, g.samples, g.ejection = o.masterLife, o.samples, o.ejection
			return
		}
	}
	g.samples = newHistory(size)
	for _, s := range g.members {
		s.linkDownAt, s.strangerAt = 0, 0
	}
}
