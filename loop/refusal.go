package loop

import (
	"log/slog"
	"sync"
	"time"

	"huntaway/codec"
	"huntaway/perf"
)

// refusalEvery is how often a link notes that its server refuses writes.
const refusalEvery = time.Second

// A refusalLog is when each server of a pool last refused a write for a cause that lasts, and nobody but an operator ends. The
// zero value is ready.
type refusalLog struct {
	mu   sync.Mutex // guards the following
	last map[int32]refusal
}

// A refusal is one such answer.
type refusal struct {
	code string
	at   int64 // perf.Now
}

// lastingCodes are how servers refuse writes as long as nobody makes room or starts a replica.
var lastingCodes = []string{"OOM", "MISCONF", "NOREPLICAS"}

// noteRefusal notes and logs that an error reply is one. What a script makes up is none.
func (l *link) noteRefusal(e *entry, b []byte) {
	if e.marks.has(isScript) || l.refusedAt != 0 && l.w.now-l.refusedAt < int64(refusalEvery) {
		return
	}
	said := codec.ErrorCode(b)
	for _, code := range lastingCodes {
		if string(said) == code {
			l.refusedAt = l.w.now
			l.pw.pool.refusals.note(l.server.ID, refusal{code, l.w.now})
			l.complain(slog.LevelWarn, "server refuses writes", "reply", wordsOf(b))
		}
	}
}

func (r *refusalLog) note(server int32, what refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = make(map[int32]refusal)
	}
	r.last[server] = what
}

// Refused returns with which code a server last refused a client's write for want of memory, disk or replicas, and how
// long ago, to about a second; "" when it never has.
func (p *Pool) Refused(server int32) (code string, ago time.Duration) {
	p.refusals.mu.Lock()
	defer p.refusals.mu.Unlock()
	if last, has := p.refusals.last[server]; has {
		return last.code, time.Duration(perf.Now() - last.at)
	}
	return "", 0
}
