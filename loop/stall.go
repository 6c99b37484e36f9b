package loop

import "time"

// stallTime is how long a server that owes replies may say nothing before that is told.
const stallTime = 300 * time.Millisecond

// stall reports once that the server owes replies and has been silent, on a link on which it
// is expected to answer, and diverts the reads that wait there, at every tick until it says
// something: another member may have become able to serve them only now. After a time
// without ticks it is this process that was silent: replies may be waiting to be read.
func (l *link) stall() {
	l.unavoid()
	if l.quiet() <= int64(stallTime) || l.w.rests.late {
		return
	}
	if l.lease.patient || l.lease.tap != nil || l.conn == nil || !l.owes() {
		return
	}
	if l.health.stalled != l.health.heard {
		l.health.stalled = l.health.heard
		l.w.engine.report.Stalled(l.pw.opt.Name, l.server.ID)
	}
	if l.avoid() && l.divert(false) > 0 {
		l.relieveAll() // who waits for room in its queue has other places to go
	}
}
