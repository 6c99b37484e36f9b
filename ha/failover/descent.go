package failover

import "huntaway/ha/vital"

// A descent is which lineages are known to carry on the master's, each by an answer of a server
// that had both. A proxy that hears of two promotions at once can tell so that the second
// master has the group's data: it has seen the first.
type descent struct {
	of  string          // the lineage that they carry on
	all map[string]bool // never more than the probes of one reign bring
}

// trace takes what a server says of its lineage.
func (m *Machine) trace(r *vital.Replication) {
	d := &m.descent
	if d.of != m.known.Lineage {
		*d = descent{of: m.known.Lineage}
	}
	if d.of == "" || r.ID == d.of || r.SecondID == "" || r.SecondID != d.of && !d.all[r.SecondID] {
		return
	}
	if d.all == nil {
		d.all = map[string]bool{}
	}
	d.all[r.ID] = true
}

// carriesOn tells whether the data of a server carry on the master's, as far as is known.
func (m *Machine) carriesOn(r *vital.Replication) bool {
	d := &m.descent
	return r.Kin(m.known.Lineage) || d.of == m.known.Lineage && (d.all[r.ID] || d.all[r.SecondID])
}
