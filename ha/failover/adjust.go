package failover

// Adjust puts other options in force, from the next event on: a configuration was read again.
// What is under way goes on by the new times.
func (m *Machine) Adjust(o Options) { m.o = o.Defaults() }
