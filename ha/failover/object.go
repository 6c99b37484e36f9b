package failover

// hearObjected takes that the arbiter holds the master for dead, or, when none of its reports
// does, that it does so no more.
func (m *Machine) hearObjected(ev Event) {
	switch {
	case m.o.Mode != Sentinel:
		return
	case ev.Source == 0 && ev.Of > 0:
		m.peers.announced.objected = 0
		return
	case m.memberAt(ev.Addr) != nil && m.name(m.master) != ev.Addr:
		return // we have followed another one meanwhile, and it has yet to say so
	case m.now < m.peers.announced.pardoned && m.fresh(m.member(m.master)):
		return
	}
	m.peers.announced.objected = m.now
	if m.state == Healthy || m.state == Settling {
		m.suspect("the arbiter says that it is down")
	}
}

// isObjected tells whether the arbiter has lately held the master for dead. It may
// promote another one at any moment, whatever the master answers us.
func (m *Machine) isObjected() bool {
	return m.peers.announced.objected != 0 && m.now-m.peers.announced.objected < objectedFor
}

// arbiterFence closes the connections to a master that the arbiter may be replacing,
// once for each doubt: nobody tells us before it promotes another one. While the master
// lives, what is in flight there is awaited first.
func (m *Machine) arbiterFence() {
	if m.o.Mode != Sentinel || m.master < 0 || m.peers.announced.fencedFor == m.doubt.at ||
		!m.isObjected() && m.now-m.clock.since < m.o.Stall {
		return
	}
	if !m.yielded(objectedFor) {
		return
	}
	m.peers.announced.fencedFor = m.doubt.at
	m.warn("the master is fenced off", "the arbiter may be replacing it")
	for _, id := range []int32{m.master, m.table.tabled} {
		m.launch(ofNobody, Action{Kind: Fence, Server: id, Within: fenceTime})
		if m.table.tabled == m.master {
			return
		}
	}
}
