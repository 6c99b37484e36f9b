package failover

// A Machine is the failover state machine of one group.
//
// Owner: the goroutine that feeds it.
//
// Invariants: the epoch only rises; a Promote is ordered only after the Fence of the old master is
// done; what was begun ends in Publish or Release; every state has an exit.
type Machine struct {
	o Options
}

// New returns the machine of a group, which has yet to look at its servers. intent is what the
// state file holds of the group, its zero value when there is nothing.
func New(o Options, l Layout, intent Intent, now int64) *Machine {
	return &Machine{o: o.Defaults()}
}

// Adopt makes l what the machine knows of the table, after somebody else has published one.
func (m *Machine) Adopt(l Layout, now int64, acts []Action) []Action { return acts }

// Step takes one event and appends what is to be done because of it.
func (m *Machine) Step(ev Event, acts []Action) []Action { return acts }

// Next returns when the next Tick is wanted, on the clock of the events.
func (m *Machine) Next() int64 { return 0 }

// Status returns what the machine thinks of its group.
func (m *Machine) Status() Status { return Status{} }
