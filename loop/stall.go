package loop

import "time"

// stallTime is how long a server that owes replies may say nothing before that is told.
const stallTime = 300 * time.Millisecond

// stall reports once that the server owes replies and has been silent, on a link on which it
// is expected to answer. After a time without ticks it is this process that was silent:
// replies may be waiting to be read.
func (l *link) stall() {
	if l.stalled == l.heard || l.w.now-l.heard <= int64(stallTime) || l.w.late {
		return
	}
	if l.patient || l.tap != nil || l.wire == nil || !l.owes() {
		return
	}
	l.stalled = l.heard
	l.w.engine.report.Stalled(l.pw.opt.Name, l.server.ID)
}
