package ha

import "huntaway/ha/vital"

// own is which data are a group's, for whoever decides who its master is. The process that answers at the master's address
// may be another one, with other data or none, and replicas copy it by themselves.
type own struct {
	lineage string // "": nobody says
	before  string // the one that it carries on, "" for none
}

// Own says which data are a group's. It lasts until it is said again, and appends what has to be done at once.
func (d *Detector) Own(group int, lineage, before string, now int64, acts []Action) []Action {
	if group < 0 || group >= len(d.groups) || d.groups[group].own == (own{lineage, before}) {
		return acts
	}
	d.now, d.acts = max(d.now, now), acts
	g := d.groups[group]
	g.own = own{lineage, before}
	d.regroup(g)
	return d.handOver()
}

// foreign tells whether a server has said that its data are others than the group's: neither those, nor those that they carry
// on, nor what carries them on.
func (g *group) foreign(r *vital.Replication) bool {
	own := g.own.lineage
	return own != "" && r.ID != "" && r.ID != own && r.ID != g.own.before && r.SecondID != own
}

// inspected takes what a server has answered to an order: one that turns out to have other data serves no reads any more. What
// else it says is for probes to tell.
func (d *Detector) inspected(s *server, ev Event) {
	if s.post == takesWrites || s.heir || ev.Sent < max(s.askedAt, s.born) || !s.group.foreign(&ev.Repl) {
		return
	}
	s.record(ev)
	d.cover(s, 0)
	reason := ReasonWrongMaster
	if !ev.Repl.Replica {
		reason = ReasonRole
	}
	d.apply(s, verdict{condemned, reason})
}
