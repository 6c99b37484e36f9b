//go:build !linux

package loop

// Huntaway runs on Linux only: it suspends reading with epoll_ctl, which gnet has no call for, and
// its sockets have options that other systems lack. The first error of a build for another
// system shall say so.
var _ = huntaway_runs_on_Linux_only__build_it_with_GOOS_linux
