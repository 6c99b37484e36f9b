// Command bench is what "make bench" runs: it measures Huntaway against no proxy at all
// and against Debian's nutcracker, and prints and saves one Markdown report.
//
// Two cores are shared by the load generator, the servers and the proxy, so requests per
// second say as much about redis-benchmark as about the proxy. The figures that count are
// the proxy's CPU time per request (/proc/PID/stat before and after) and ratios between
// subjects that ran in the same round, minutes apart at most:
//
//	for each round                          the order of the subjects is turned
//	    for each load
//	        for each subject                direct, nutcracker, nutcracker-v5, huntaway1, huntaway2
//	            start everything anew, put every key in place
//	            warm up, and learn how many requests fill the measuring time
//	            redis-benchmark, between two looks at /proc
//	            ask the servers whether they executed it all
//
// A measurement is refused, and the program fails, when the servers executed fewer
// commands than were counted or missed a key: an error reply is quick, and redis-benchmark
// counts it as a success.
//
// Modes beside the matrix: groups and clients (is the cost per request flat?), idle (heap
// per idle connection), burst (does memory come back?), pauses (does the collector stop
// the world?). See -h.
//
// Everything started is ended by process id, also on Ctrl-C; what was measured until then
// is still reported. There are no goroutines but those that wait for processes.
//
// The package refuses to measure on its own: load comes from redis-benchmark, and system
// calls are counted by strace in a pass of their own, because it slows what it watches.
package main
