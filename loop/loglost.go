package loop

import (
	"log/slog"

	"huntaway/perf/repeat"
)

// outage is what lines about a server's lost links are counted together for: when a server dies
// every worker loses its link, every session that waited or watched loses one of its own, and
// every retry fails.
func (l *link) outage() repeat.Subject {
	return repeat.Subject{What: "link down", Whom: l.pw.opt.Name + " " + l.server.Addr, Until: "link up"}
}

// logLost logs that the link is down.
func (l *link) logLost(cause error) {
	l.w.engine.often.Say(slog.LevelWarn, l.outage(), "server", l.server.Addr, "pool", l.pw.opt.Name,
		"cause", cause, "unanswered", l.queue.fifo.Len()-l.queue.expired, "retry", age(l.redial.at-l.w.now).String())
}

// welcome logs that the server is there again, if it was said to be gone.
func (l *link) welcome() {
	l.w.engine.often.Over(l.outage(), "server", l.server.Addr, "pool", l.pw.opt.Name)
	l.w.log.Debug("link ready", "server", l.server.Addr, "pool", l.pw.opt.Name)
}

// complain logs what a server has said to one of its links. It chooses how often: lines about one
// server are counted together.
func (l *link) complain(level slog.Level, what string, args ...any) {
	l.w.engine.often.Say(level, repeat.Subject{What: what, Whom: l.pw.opt.Name + " " + l.server.Addr},
		append([]any{"server", l.server.Addr, "pool", l.pw.opt.Name}, args...)...)
}
