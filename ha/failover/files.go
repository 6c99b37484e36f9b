package failover

// handed has the files of both servers rewritten after a switchover by FAILOVER, which changes
// none: the new master's says that it is a replica, the old one's that it is master, and each
// would be that again after a restart.
func (m *Machine) handed(id int32) {
	if !m.round.handed || m.o.Mode != Local {
		return
	}
	if m.round.handed = id == m.round.candidate; m.round.handed {
		m.rewrite(id, -1)
	}
}

// misfiledMost is how often that is tried again, with pauses of retryEvery.
const misfiledMost = 4

// refile tries again what has failed.
func (m *Machine) refile() {
	if m.round.handed && m.round.refileAt != 0 && m.now >= m.round.refileAt && m.round.candidate == m.master {
		m.round.refileAt = 0
		m.rewrite(m.master, -1)
	}
}

// rewrite has a server write into its file what it is: master when it follows nobody.
func (m *Machine) rewrite(server, master int32) {
	m.launch(ofFiles, Action{Kind: Order, Op: Rewrite, Server: server, Target: master, Within: lookTime})
}

// rewritten goes on with the old master's file once the new one's is right. Alone it would be
// worse than none: started together, without a proxy, both would be replicas.
func (m *Machine) rewritten(a await, ev Event) {
	switch {
	case ev.Err != nil && m.round.misfiled < misfiledMost:
		m.round.misfiled, m.round.refileAt = m.round.misfiled+1, m.now+retryEvery
	case ev.Err != nil:
		m.warn("the file of "+m.name(a.server)+" may say what it was before the switchover", ev.Err.Error())
	case a.target < 0 && a.server == m.master && m.round.handed && m.member(m.round.from) != nil:
		m.rewrite(m.round.from, m.master)
	}
}
