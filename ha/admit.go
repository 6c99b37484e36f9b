package ha

import (
	"maps"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
	"huntaway/shard"
)

// A newcomer is a process that has answered a probe of a server, of which the table names another
// one, or none: the data path gives it no requests before the table names it.

// introduce notes which process a probe has found.
func (w *watch) introduce(ev Event) {
	g := w.seen.GroupOf(ev.Server)
	if g < 0 || ev.Repl.RunID == "" && ev.Fault != vital.FaultNone {
		return
	}
	runID := ev.Repl.RunID
	if w.o.Cluster || len(w.seen.Groups[g].Servers) < 2 {
		runID = "" // nobody here decides who of several it is
	}
	if runID == w.seen.Process(ev.Server) {
		delete(w.newcomers, ev.Server)
	} else {
		w.newcomers[ev.Server] = runID
	}
}

// callAnew has a server asked and told over new connections: behind those that there are may be another process
// than the one that has just answered the data path.
func (w *watch) callAnew(id int32) {
	if p := w.probers[id]; p != nil {
		p.anew.Store(true)
	}
	if h := w.hands[id]; h != nil {
		h.anew.Store(true)
	}
}

// admit has the table name the newcomers, once what speaks against them has been carried out: those who
// may not serve reads do not stand among the readers any more, and one at the master's address is not
// taken for the master before its group is held no longer.
func (w *watch) admit() {
	if len(w.newcomers) == 0 || w.o.Publisher.Table() != w.seen {
		return
	}
	maps.DeleteFunc(w.newcomers, func(id int32, runID string) bool {
		g := w.seen.GroupOf(id)
		if g < 0 {
			return true
		}
		at := &w.seen.Groups[g]
		if s := groupDriverOf(w.groupDrivers, at.Name); at.Master == id && w.o.Failover.Mode != failover.Observe &&
			(at.Held || s == nil || s.machine == nil || s.machine.Process(id) != runID) {
			return false
		}
		w.publish(func(t *shard.Table) *shard.Table { return t.WithProcess(id, runID) })
		return true
	})
}
