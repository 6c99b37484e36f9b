// Package rig starts and ends the real processes that a measurement or a soak needs:
// redis-server, nutcracker and huntaway, on free ports of the loopback network.
//
// A Rig owns a scratch directory and every process started in it. Close ends them by
// their process id, the newest first, so that a proxy goes before its servers, and removes
// the directory. Should the program itself be killed, the kernel ends the processes
// (PR_SET_PDEATHSIG).
//
// Start returns when the process answers PING, and fails with the tail of its log when it
// ends first or stays silent. Nothing here waits by guessing: every wait polls and has a
// deadline.
//
// The package refuses addresses outside 127.0.0.0/8: whatever it starts listens on the
// loopback network only, unless the caller names a network namespace that it has made.
//
// A Rig may be used from several goroutines; a Child belongs to one at a time.
package rig
