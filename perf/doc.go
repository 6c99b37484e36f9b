// Package perf says what the proxy costs and what it did: counters, histograms, the one
// clock, and the table from which every way of showing them is made.
//
// # Who counts
//
// A worker owns its counters (PoolCounters, ServerCounters) and adds to them with plain
// integer instructions; there is no atomic and no lock. Whoever wants to read asks the
// workers for copies, adds the copies up with Add and gets a Snapshot. A Snapshot belongs
// to whoever asked for it; it shares no memory with a worker.
//
//	worker 1 ── PoolCounters ──┐
//	worker 2 ── PoolCounters ──┼─ Add ─▶ Snapshot ──▶ Families ──▶ /metrics   (perf/export)
//	worker n ── PoolCounters ──┘                        │     ──▶ stats JSON (AppendStats)
//	                                                    └───────▶ listing    (WriteListing)
//
// # One table
//
// Families (metrics.go) names every figure once: its Prometheus name, kind, help, labels,
// the key that twemproxy's statistics have for it, and how it is read from a Snapshot. A
// counter without a row there fails TestEveryCounterHasARow.
//
// # Histograms
//
// A Histogram has 64 fixed buckets, two to an octave: 192 ns, 256 ns, 384 ns, 512 ns … up
// to 412 s, the last one open. A bucket is at most 1.5 times as wide as it is low, so a
// quantile, estimated at a bucket's geometric middle, is off by 23 % at worst. Histograms
// of the same thing add up without loss, which averages and percentiles do not.
//
// # What it refuses
//
// perf starts no goroutine and opens no socket; perf/export does, for the process. It
// labels nothing by key, client address or unknown command name, so the number of series
// is bounded by the configuration. It knows nothing of the other packages.
package perf
