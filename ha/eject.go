package ha

import (
	"slices"

	"huntaway/ha/vital"
)

// ejectedText is what the log says when a group leaves the ring.
const ejectedText = "group ejected"

// ejection is what auto_eject_hosts knows of a group. As in twemproxy (0.5.0,
// notes/recommendation.md) failures in a row of the group's server take it off the ring for
// server_retry_timeout; unlike there it returns only after a good probe, so that no
// client's request has to find out that the server is still dead.
//
// Owner: the Detector.
type ejection struct {
	failures  int   // in a row
	countedAt int64 // when the last one was counted
	ejected   bool
	until     int64 // with ejected: it returns no earlier
}

// count takes the result of a probe of a group's master.
func (d *Detector) count(s *server, f vital.Fault) {
	switch f {
	case vital.FaultNone, vital.FaultBusy:
		d.succeeded(s)
		d.readmit(s.group)
	case vital.FaultRefused, vital.FaultTimeout, vital.FaultName:
		s.group.countedAt = d.now
		d.failedOnce(s.group)
	}
}

// failed takes a failure the data path reports. One event breaks the links of every
// worker, so those within a fast interval count once.
func (d *Detector) failed(s *server) {
	g := s.group
	if s != g.master || g.countedAt != 0 && d.now-g.countedAt < d.limits.FastInterval {
		return
	}
	g.countedAt = d.now
	d.failedOnce(g)
}

// succeeded ends a row of failures.
func (d *Detector) succeeded(s *server) {
	if s == s.group.master {
		s.group.failures = 0
	}
}

// failedOnce counts one failure and ejects the group if it was one too many. The last group
// stays: a ring without any would fail the keys of all, as it does now.
func (d *Detector) failedOnce(g *group) {
	g.failures++
	if !d.limits.AutoEject || g.ejected || g.failures < d.limits.FailureLimit || d.onRing() < 2 {
		return
	}
	g.ejected, g.until = true, d.now+d.limits.RetryTimeout
	d.changeRing(g, ejectedText)
}

// readmit puts an ejected group back when it has sat out its time.
func (d *Detector) readmit(g *group) {
	if g.ejected && d.now >= g.until {
		g.ejected = false
		d.changeRing(g, "group readmitted")
	}
}

// changeRing publishes who is off the ring and reports why.
func (d *Detector) changeRing(g *group, what string) {
	d.act(Action{Kind: SetEjected, Groups: d.offRing()})
	d.act(Action{Kind: Report, Transition: Transition{At: d.now, What: what, Group: g.name}})
}

// onRing returns how many groups are not ejected.
func (d *Detector) onRing() int { return len(d.groups) - len(d.offRing()) }

// offRing returns the indexes of the ejected groups.
func (d *Detector) offRing() []int {
	var off []int
	for _, g := range d.groups {
		if g.ejected {
			off = append(off, g.index)
		}
	}
	return off
}

// announceEjected brings a table that knows of other ejections than we do in line.
func (d *Detector) announceEjected(inTable []int) {
	if off := d.offRing(); !slices.Equal(off, inTable) {
		d.act(Action{Kind: SetEjected, Groups: off})
	}
}
