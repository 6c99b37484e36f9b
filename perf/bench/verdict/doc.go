// Command verdict reads what "go test -json" says on standard input and tells a reader what
// matters: a line per package as it ends, what is still running when nothing has ended for a
// while, and last what was skipped, what failed with its output, and one line that counts:
//
//	ok    huntaway/codec                      2.1s   312 passed
//	FAIL  huntaway/ha                        41.0s   201 passed, 1 failed
//	...   still running: huntaway/loop 1m0s
//	...
//	514 passed, 1 failed
//
// Lines that are no events, such as the headings that .ci/test prints between two runs, pass
// through. The exit status is 0 when something was run, all of it ended, and nothing failed.
// The exit status of go test itself is the caller's to look at (pipefail): what go says without
// an event, of a package that it cannot find for instance, is on its standard error.
//
// # Rules
//
// One goroutine reads and one prints; the tally belongs to the latter. The output of a test is
// kept until it has passed, so memory is bounded by what the tests that run say.
package main
