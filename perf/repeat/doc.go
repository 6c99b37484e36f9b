// Package repeat writes what happens again and again into a log without filling it: the first
// time at once, then how often it happened at growing intervals, and once when it is over.
//
//	10:00:00 WARN link down                       server=… cause="connection refused"
//	10:00:01 WARN link down   again=4             server=… cause="connection refused"
//	10:00:03 WARN link down   again=7             …
//	10:00:07 WARN link down   again=9             …
//	10:04:31 INFO link up     after=4m31s count=121  server=…
//
// # What it is for
//
// Lines that somebody outside can cause: a server that is gone, clients that are turned away,
// guesses at a password, orders that are refused. Whoever causes them decides how many there
// are, so the writer must not write one for each. What happens once and by an operator's will
// (a reload, a failover) is written directly.
//
// # Who may call
//
// Any goroutine, also an event loop: a call takes a mutex for some instructions, and writes at
// most one line. It is not for the path of a request that goes well.
//
// # Owners
//
// A Log owns its runs: one for each subject that has happened lately. There are at most
// mostRuns; what does not fit is counted together, for each kind of line. A run keeps one timer
// of the runtime while there is something to say, and no goroutine.
package repeat
