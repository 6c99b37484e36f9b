package ha

import (
	"slices"
	"time"

	"huntaway/perf"
)

// lostLong is how long a server may have been out of reach to count as one that this process
// might be cut off from. What has been gone for longer is simply gone: a group that has lost its
// servers one after another still has a right to its last one.
const lostLong = int64(10 * time.Second)

// A contact is what the newest probe of a server says of the way there.
type contact struct {
	reached bool  // something answered or refused there: both take a network that works
	lostAt  int64 // since when not; 0 while reached
}

// meet notes the end of a probe.
func (w *watch) meet(ev Event) {
	if !ev.Fault.Silent() {
		w.contacts[ev.Server] = contact{reached: true}
		return
	}
	if c, known := w.contacts[ev.Server]; c.reached || !known {
		w.contacts[ev.Server] = contact{lostAt: ev.At}
	}
}

// reach returns how many servers of the pool other than this one, whose life is in question,
// can be reached, and of how many.
func (w *watch) reach(master int32) (reached, others int) {
	now := perf.Now()
	for id := range int32(w.seen.Servers()) {
		c := w.contacts[id]
		if id == master || w.seen.Server(id) == nil || w.alias(id) || c.lostAt != 0 && now-c.lostAt > lostLong {
			continue
		}
		others++
		if c.reached {
			reached++
		}
	}
	return reached, others
}

// alias tells whether a server is another one of its group under a second name.
func (w *watch) alias(id int32) bool {
	return slices.ContainsFunc(w.groupDrivers, func(s *groupDriver) bool { return s.machine != nil && s.machine.Alias(id) })
}
