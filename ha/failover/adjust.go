package failover

// Adjust puts other options in force, from the next event on: a configuration was read again.
// What is under way goes on by the new times.
func (m *Machine) Adjust(o Options) { m.o = o.Defaults() }

// Master returns the ID of the server whose life the machine judges: the one of its last
// publication, which the table may not name yet. -1 when there is none.
func (m *Machine) Master() int32 { return m.master }
