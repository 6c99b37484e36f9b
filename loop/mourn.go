package loop

import (
	"time"

	"huntaway/perf"
)

// mournTime is for how long a server's first lost link is the only one that is logged.
const mournTime = time.Second

// A mourning is what a worker has not said yet of a server's lost links. When a server dies
// every session that waited or watched loses a link of its own, and every retry fails: a
// line for each would hide the rest of the log. Owner: the worker.
type mourning struct {
	l     *link // the one that was lost last
	cause error // why
	more  int   // lost, or not dialed, since the last line
	until int64 // when the next line may be written
}

// mourn logs that the link is down: at once when it is the server's first in a while, and
// otherwise together with others.
func (l *link) mourn(cause error) {
	if m := l.w.mournings[l.count]; m != nil {
		m.l, m.cause = l, cause
		m.more++
		return
	}
	if l.w.mournings == nil {
		l.w.mournings = make(map[*perf.ServerCounters]*mourning)
	}
	l.w.mournings[l.count] = &mourning{l: l, until: l.w.now + int64(mournTime)}
	l.w.log.Warn("link down", "server", l.server.Addr, "pool", l.pw.opt.Name, "cause", cause,
		"unanswered", l.fifo.len()-l.expired, "retry", age(l.retryAt-l.w.now).String())
}

// tickMournings logs what has come together, one line per server and second.
func (w *worker) tickMournings() {
	for server, m := range w.mournings {
		switch {
		case w.now < m.until:
		case m.more == 0:
			delete(w.mournings, server)
		default:
			w.log.Warn("more links down", "server", m.l.server.Addr, "pool", m.l.pw.opt.Name,
				"count", m.more, "cause", m.cause)
			m.more, m.until = 0, w.now+int64(mournTime)
		}
	}
}
