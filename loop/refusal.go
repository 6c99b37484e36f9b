package loop

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"huntaway/codec"
	"huntaway/perf"
	"huntaway/perf/repeat"
)

// refusalEvery is how often a link notes that its server refuses writes, and for how long it must not have before it takes them
// again.
const refusalEvery = time.Second

// refusalsMost is how many refusals of a pool are kept.
const refusalsMost = 20

// A Refusal is a time in which a server has refused what clients write, for a cause that lasts until an operator ends it. A copy.
type Refusal struct {
	Server int32     // in the pool's table
	Addr   string    // its address
	Code   string    // OOM, MISCONF or NOREPLICAS
	Begun  time.Time // when the first write was refused
	Ended  time.Time // when it took a command again that it had refused; zero: it has not yet
	Count  int       // writes refused, those of the last second perhaps not all

	last int64 // perf.Now of the last one that was noted
}

// A refusalLog has the last refusals of a pool. The zero value is ready.
type refusalLog struct {
	lasting atomic.Int32 // the command that was refused last, and one more; 0: no refusal lasts

	mu   sync.Mutex // guards the following
	kept []Refusal  // the latest, in the order of their beginnings; where there are too many those that are over go first
}

// lastingCodes are how servers refuse writes as long as nobody makes room or starts a replica.
var lastingCodes = []string{"OOM", "MISCONF", "NOREPLICAS"}

// noteRefusal notes and logs that an error reply is one. What a script makes up is none.
func (l *link) noteRefusal(e *entry, b []byte) {
	if e.marks.has(isScript) {
		return
	}
	said := codec.ErrorCode(b)
	for _, code := range lastingCodes {
		if string(said) != code {
			continue
		}
		l.health.refusals++
		if l.health.refusedAt != 0 && l.w.now-l.health.refusedAt < int64(refusalEvery) {
			return
		}
		l.pw.pool.refusals.note(&Refusal{Server: l.server.ID, Addr: l.server.Addr, Code: code, Count: l.health.refusals, last: l.w.now}, e.cmd)
		l.health.refusedAt, l.health.refusals = l.w.now, 0
		l.w.engine.often.Say(slog.LevelWarn, l.refusing(code), "server", l.server.Addr, "pool", l.pw.opt.Name, "reply", wordsOf(b))
	}
}

// refusing is what lines about a server's refusals are counted together for.
func (l *link) refusing(code string) repeat.Subject {
	return repeat.Subject{What: "server refuses writes", Whom: l.pw.opt.Name + " " + l.server.Addr + " " + code, Until: "server takes writes again"}
}

// noteRelented notes and logs that the server takes writes again, when it has just taken one of the kind that was refused last.
func (l *link) noteRelented(e *entry) {
	all := &l.pw.pool.refusals
	if all.lasting.Load() != int32(e.cmd)+1 || l.w.now-max(l.health.refusedAt, l.health.takenAt) < int64(refusalEvery) {
		return
	}
	for _, r := range all.over(l.server.ID, l.health.refusals, l.w.now) {
		l.w.engine.often.Over(l.refusing(r.Code), "server", l.server.Addr, "pool", l.pw.opt.Name, "code", r.Code, "refused", r.Count)
	}
	l.health.takenAt, l.health.refusals = l.w.now, 0
}

// note adds what was refused to the server's refusal that lasts, or begins one.
func (r *refusalLog) note(what *Refusal, cmd uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lasting.Store(int32(cmd) + 1)
	for i := range r.kept {
		if k := &r.kept[i]; k.Server == what.Server && k.Code == what.Code && k.Ended.IsZero() {
			k.Count, k.last = k.Count+what.Count, what.last
			return
		}
	}
	what.Begun = time.Now()
	if len(r.kept) >= refusalsMost {
		old := max(0, slices.IndexFunc(r.kept, func(k Refusal) bool { return !k.Ended.IsZero() }))
		r.kept = slices.Delete(r.kept, old, old+1)
	}
	r.kept = append(r.kept, *what)
}

// over ends what the server has refused, unless it has just refused more, and returns it; so many more are not noted yet.
func (r *refusalLog) over(server int32, more int, now int64) (ended []Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := false // another one lasts
	for i := range r.kept {
		k := &r.kept[i]
		switch {
		case !k.Ended.IsZero():
		case k.Server == server && now-k.last >= int64(refusalEvery):
			k.Ended, k.Count = time.Now(), k.Count+more
			ended, more = append(ended, *k), 0
		default:
			last = true
		}
	}
	if !last {
		r.lasting.Store(0)
	}
	return ended
}

// Refused returns with which code a server refuses clients' writes for want of memory, disk or replicas, and how long ago it
// last did, to about a second; "" when it does not, or has taken one since.
func (p *Pool) Refused(server int32) (code string, ago time.Duration) {
	p.refusals.mu.Lock()
	defer p.refusals.mu.Unlock()
	last := int64(0)
	for i := range p.refusals.kept {
		if k := &p.refusals.kept[i]; k.Server == server && k.Ended.IsZero() && k.last >= last {
			code, last = k.Code, k.last
		}
	}
	if code == "" {
		return "", 0
	}
	return code, time.Duration(perf.Now() - last)
}

// Refusals returns the last times in which servers refused writes, in the order in which they began.
func (p *Pool) Refusals() []Refusal {
	p.refusals.mu.Lock()
	defer p.refusals.mu.Unlock()
	return slices.Clone(p.refusals.kept)
}
