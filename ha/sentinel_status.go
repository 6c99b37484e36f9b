package ha

import (
	"sync"
	"time"

	"huntaway/perf"
)

// A SentinelStatus is whether one Sentinel of a pool answers. A copy.
type SentinelStatus struct {
	Addr    string        // as configured
	Asked   bool          // it has been asked once at least; until then nothing is known
	Answers bool          //
	For     time.Duration // since when that is so
	Cause   string        // of the last question that had no answer; "" when it answers
}

// Sentinels returns whether the Sentinels of a pool answer, in the order of the configuration; nil for a pool that has none.
func (m *Monitor) Sentinels(pool string) []SentinelStatus {
	w := (*m.pools.Load())[pool]
	if w == nil {
		return nil
	}
	s, is := w.arbiter.(*sentinels)
	if !is {
		return nil
	}
	return s.roll.status(s.o.Sentinels, perf.Now())
}

// A roll is which Sentinels answer. Any goroutine may use it.
type roll struct {
	mu    sync.Mutex // guards calls; held for no longer than a copy takes
	calls []call     // one for each Sentinel, in the order of the configuration
}

// A call is what came of asking one.
type call struct {
	heard hearing
	since int64  // when that became so
	cause string // of the last time that it did not answer
}

// note takes what came of asking Sentinel i, and returns what was the case before and how many are not known
// to be silent now.
func (r *roll) note(i int, now hearing, cause string) (was hearing, answer int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.calls[i]
	if was = c.heard; was != now {
		c.heard, c.since = now, perf.Now()
	}
	c.cause = cause
	for _, c := range r.calls {
		if c.heard != mute {
			answer++
		}
	}
	return was, answer
}

// status is what is known of the Sentinels at addrs.
func (r *roll) status(addrs []string, now int64) []SentinelStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]SentinelStatus, len(r.calls))
	for i, c := range r.calls {
		all[i] = SentinelStatus{Addr: addrs[i], Asked: c.heard != unasked, Answers: c.heard == spoke, Cause: c.cause}
		if all[i].Asked {
			all[i].For = time.Duration(now - c.since)
		}
	}
	return all
}
