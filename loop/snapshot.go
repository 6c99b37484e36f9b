package loop

import (
	"slices"

	"huntaway/perf"
)

// A tally is a copy of what one worker counted for one pool.
type tally struct {
	counters perf.PoolCounters
	commands []perf.CommandCounters // by command ID
	servers  []perf.ServerCounters  // by server ID
	roll     roll                   // what sessions are subscribed to; for INFO only
}

// tallies copies the worker's counters. It runs on the worker.
func (w *worker) tallies() []tally {
	all := make([]tally, len(w.pools))
	for i, pw := range w.pools {
		all[i] = tally{counters: pw.counters, commands: slices.Clone(pw.commands)}
		all[i].servers = make([]perf.ServerCounters, len(pw.servers))
		for id, s := range pw.servers {
			all[i].servers[id] = *s
		}
		pw.everyLink(func(l *link) { l.gauge(&all[i].servers[l.server.ID]) })
	}
	return all
}

// gauge adds what a link holds at this moment.
func (l *link) gauge(c *perf.ServerCounters) {
	c.InFlight += int64(l.queue.fifo.Len() - l.queue.expired)
	c.QueueBytes += int64(l.unsent())
}

// add adds another worker's copy.
func (t *tally) add(o *tally) {
	t.counters.Add(&o.counters)
	t.roll.add(&o.roll)
	for len(t.commands) < len(o.commands) {
		t.commands = append(t.commands, perf.CommandCounters{})
	}
	for i := range o.commands {
		t.commands[i].Add(&o.commands[i])
	}
	for len(t.servers) < len(o.servers) {
		t.servers = append(t.servers, perf.ServerCounters{})
	}
	for i := range o.servers {
		t.servers[i].Add(&o.servers[i])
	}
}

// snapshot names what t counted by the pool's present table.
func (p *Pool) snapshot(t *tally) perf.PoolSnapshot {
	table := p.Table()
	s := perf.PoolSnapshot{Name: p.opt.Name, Counters: t.counters, Epoch: table.Epoch}
	s.Counters.RejectedClients += p.rejects.Load()
	for i, cmd := range p.options().Commands.All() {
		if i < len(t.commands) && t.commands[i].Calls > 0 {
			s.Commands = append(s.Commands, perf.CommandCount{Name: cmd.Name,
				Calls: t.commands[i].Calls, Errors: t.commands[i].Errors})
		}
	}
	for g := range table.Groups {
		group := blankGroup(&table.Groups[g])
		for i := range group.Servers {
			if id := int(table.Groups[g].Servers[i].ID); id < len(t.servers) {
				group.Servers[i].Counters = t.servers[id]
			}
			group.Servers[i].State = stateOf(&group.Servers[i].Counters)
			group.Servers[i].Up = group.Servers[i].State == perf.StateIn
		}
		s.Groups = append(s.Groups, group)
	}
	return s
}

// stateOf is what the links alone say of a server; the monitor knows more.
func stateOf(c *perf.ServerCounters) perf.ServerState {
	switch {
	case c.Links > 0:
		return perf.StateIn
	case c.Connects+c.ConnectFails > 0:
		return perf.StateOut
	}
	return perf.StateUnknown
}
