package loop

import (
	"slices"
	"time"

	"huntaway/codec"
	"huntaway/perf"
)

// A report is what one worker says for INFO.
type report struct {
	tally
	masters sighting
	rates   rates
	errors  errorCounts
	told    [][]byte // of the sum: what the masters say, by group; nil when they could not be asked
}

// add adds another worker's.
func (r *report) add(o *report) {
	r.tally.add(&o.tally)
	r.masters.ready = r.masters.ready || o.masters.ready
	r.masters.lost = r.masters.lost || o.masters.lost
	r.rates.requests += o.rates.requests
	r.rates.in += o.rates.in
	r.rates.out += o.rates.out
	r.errors.add(&o.errors)
}

// A sighting is what links tell of the masters.
type sighting struct {
	ready bool // a link to one carries requests
	lost  bool // a link to one waits to be dialed again
}

// loading reports whether no master can be reached, as far as is known: links that nobody
// has needed yet tell nothing.
func (s sighting) loading() bool { return s.lost && !s.ready }

// sight looks at the worker's links to masters.
func (pw *poolWorker) sight() (seen sighting) {
	pw.sharedLinks(func(l *link) {
		g := pw.table.GroupOf(l.server.ID)
		if g < 0 || pw.table.Groups[g].Master != l.server.ID {
			return
		}
		seen.ready = seen.ready || l.state == linkReady
		seen.lost = seen.lost || l.state == linkCooling
	})
	return seen
}

// A sample is what had been counted at some time.
type sample struct {
	at                int64 // perf.Now; 0: never
	requests, in, out uint64
}

// A pace is what INFO tells besides counters: what the rates of the last second or two are
// computed from, and how often which error was said. Owner: the worker.
type pace struct {
	before, last sample
	errors       errorCounts
}

// errorCounts are error replies given to clients, by their code. Errors within a reply, as
// EXEC may have them, are not looked for.
type errorCounts struct {
	total  uint64
	byCode map[string]*uint64 // nil while there is none
}

// mostCodes bounds the codes that are told apart: a script may make up any number.
const mostCodes = 128

// count counts an error reply.
func (c *errorCounts) count(reply []byte) {
	c.total++
	code := codec.ErrorCode(reply)
	if n := c.byCode[string(code)]; n != nil {
		*n++
	} else if len(c.byCode) < mostCodes && isCode(code) {
		*c.of(string(code))++
	}
}

// of returns the counter of a code, which may be new.
func (c *errorCounts) of(code string) *uint64 {
	if c.byCode == nil {
		c.byCode = make(map[string]*uint64)
	}
	n := c.byCode[code]
	if n == nil {
		n = new(uint64)
		c.byCode[code] = n
	}
	return n
}

// isCode reports whether a word can stand in INFO.
func isCode(word []byte) bool {
	const longest = 64
	return len(word) > 0 && len(word) <= longest && !slices.ContainsFunc(word, func(c byte) bool {
		return c <= ' ' || c >= 0x7F || c == ':' || c == '#' || c == '=' || c == ','
	})
}

// add adds another worker's.
func (c *errorCounts) add(o *errorCounts) {
	c.total += o.total
	for code, n := range o.byCode {
		*c.of(code) += *n
	}
}

// rates are per second.
type rates struct{ requests, in, out float64 }

// tickPace takes a sample every second.
func (pw *poolWorker) tickPace() {
	if p := &pw.pace; pw.w.now-p.last.at >= int64(time.Second) {
		p.before, p.last = p.last, sampleOf(&pw.counters, pw.w.now)
	}
}

func sampleOf(c *perf.PoolCounters, now int64) sample {
	return sample{now, c.Requests, c.RequestBytes, c.ReplyBytes}
}

// ratesNow are those since the sample before the last one.
func (pw *poolWorker) ratesNow() rates {
	was, now := pw.pace.before, sampleOf(&pw.counters, pw.w.now)
	span := float64(now.at-was.at) / float64(time.Second)
	if was.at == 0 || span <= 0 {
		return rates{}
	}
	return rates{float64(now.requests-was.requests) / span, float64(now.in-was.in) / span, float64(now.out-was.out) / span}
}
