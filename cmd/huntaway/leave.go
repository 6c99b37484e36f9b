package main

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A leaver is a listener whose address somebody else may have as well (reuse_port). The
// kernel resets those who are connected and not accepted when a listening socket is closed,
// although its successor would have taken them; so Close first lets the acceptor take them.
type leaver struct {
	net.Listener
	raw    syscall.RawConn
	once   sync.Once
	closed error // what Close returns; set once
}

// How long a leaver waits. A handshake that is half done ends within a round trip; a client
// that is not let in any more tries again after a second, and finds the successor.
const (
	calm     = 20 * time.Millisecond  // nobody has been waiting for so long: nobody will
	mostCalm = 250 * time.Millisecond // it closes by then whoever comes
)

// leaving returns ln as one that loses nobody when it closes.
func leaving(ln net.Listener) (net.Listener, error) {
	c, ok := ln.(syscall.Conn)
	if !ok {
		return ln, nil
	}
	raw, err := c.SyscallConn()
	return &leaver{Listener: ln, raw: raw}, err
}

// Close lets nobody in any more and closes when everybody has been accepted.
func (l *leaver) Close() error {
	l.once.Do(func() {
		if l.Addr().Network() == "tcp" {
			_ = l.raw.Control(shutDoor) // without it somebody may come while we wait for calm
		}
		begun := time.Now()
		for last := begun; time.Since(last) < calm && time.Since(begun) < mostCalm; time.Sleep(calm / 10) {
			if l.awaited() {
				last = time.Now()
			}
		}
		l.closed = l.Listener.Close()
	})
	if errors.Is(l.closed, net.ErrClosed) {
		return nil
	}
	return l.closed
}

// reclaim gives a unix socket its place back, see there.
func (l *leaver) reclaim() (done bool) {
	u, is := l.Listener.(*unixListener)
	return is && u.reclaim()
}

// awaited reports whether somebody is connected and not accepted.
func (l *leaver) awaited() (some bool) {
	_ = l.raw.Control(func(fd uintptr) { // fails when it is closed
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		some = n > 0 && err == nil
	})
	return some
}

// noNewcomers is a filter for a listening socket: it drops what begins a connection, a
// segment with SYN and without ACK, and lets handshakes that are under way come to an end.
var noNewcomers = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13}, // the flags of a TCP header
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
}

// shutDoor lets nobody begin to connect any more.
func shutDoor(fd uintptr) {
	program := unix.SockFprog{Len: uint16(len(noNewcomers)), Filter: &noNewcomers[0]}
	_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
}
