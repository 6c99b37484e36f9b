package shard

import "sync/atomic"

// Vitals are what probes learnt of one server. Counted: one writer (the monitor), any
// reader; a reader may see a value that is one probe old. The pointer is shared by every
// table in which the server stands.
type Vitals struct {
	// CoveredAt is a monotonic time in nanoseconds (loop and monitor share one clock, see
	// perf.Now): every write that its master had acknowledged by then is in this server's
	// data. 0 while unknown. For a master it has no meaning.
	CoveredAt atomic.Int64

	// ReturnedAt is when, on the same clock, the server came back into service after it had
	// been out of it; 0 while it never was. What it gets to do may be ramped up from then.
	ReturnedAt atomic.Int64
}
