package ha

import "time"

// A ServerStatus is what the monitor thinks of one server. A copy.
type ServerStatus struct {
	Pool, Group string        // names
	ID          int32         // in the pool's table
	Addr        string        // as configured
	Master      bool          // takes the group's writes
	Reader      bool          // may serve the group's reads besides the master
	Ejected     bool          // the group is off the ring
	State       State         //
	Reason      Reason        // why State is not In
	For         time.Duration // since when State and Reason hold
	Held        time.Duration // a flapping server returns no earlier than this from now
	Measured    bool          // it is known how far it is behind; else the two below mean nothing
	LagBytes    int64         // behind the master, at the last answer
	Lag         time.Duration // likewise; 0 for one that had caught up
	Covered     time.Duration // how long ago its master acknowledged the newest write it surely has; -1 unknown
	Cause       string        // of the last error; "" when the last probe was answered
}

// Status returns what is known of every server, in the order of the layout.
func (d *Detector) Status(now int64) []ServerStatus {
	var all []ServerStatus
	for _, g := range d.groups {
		for _, s := range g.members {
			all = append(all, s.status(now))
		}
	}
	return all
}

func (s *server) status(now int64) ServerStatus {
	st := ServerStatus{
		Group: s.group.name, ID: s.id, Addr: s.addr, Master: s == s.group.master,
		Ejected: s.group.ejected, State: s.state, Reason: s.reason, Cause: s.cause,
		For: time.Duration(now - s.since), Held: time.Duration(max(0, s.holdUntil-now)),
		Measured: s.measured, LagBytes: s.behind, Lag: time.Duration(s.lag), Covered: -1,
	}
	if s.state == In {
		st.Held = 0
	}
	if s.coveredAt != 0 {
		st.Covered = time.Duration(now - s.coveredAt)
	}
	for _, id := range s.group.readers {
		st.Reader = st.Reader || id == s.id
	}
	return st
}
