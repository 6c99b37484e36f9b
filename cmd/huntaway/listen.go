package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"huntaway/config"
)

// A door says how a listening socket is opened.
type door struct {
	config.Listen
	Backlog   int  // listen(2); 0: the kernel's bound
	ReusePort bool // SO_REUSEPORT
}

// open opens the listening socket. A stale unix socket in its place is removed, anything
// else there is not.
func (d door) open() (net.Listener, error) {
	if d.Network == "unix" {
		return d.openUnix()
	}
	lc := net.ListenConfig{Control: d.control, KeepAlive: -1} // the pool's option says
	lc.SetMultipathTCP(false)                                 // Redis clients do not speak it, and it costs every accepted socket
	ln, err := lc.Listen(context.Background(), d.Network, d.Address)
	if err != nil {
		return nil, d.explain(err)
	}
	if err := d.shorten(ln.(*net.TCPListener)); err != nil {
		ln.Close()
		return nil, fmt.Errorf("listening on %s: %w", d.Address, err)
	}
	if d.ReusePort {
		return leaving(ln)
	}
	return ln, nil
}

// control sets what must be set before bind(2).
func (d door) control(_, _ string, c syscall.RawConn) error {
	if !d.ReusePort {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}

// shorten sets the backlog: package net always asks for the most the kernel allows, and
// listen(2) on a listening socket only changes that.
func (d door) shorten(ln syscall.Conn) error {
	if d.Backlog <= 0 {
		return nil
	}
	raw, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Listen(int(fd), d.Backlog) })
	return errors.Join(err, failed)
}

// explain adds to a failed bind what can be done about it.
func (d door) explain(err error) error {
	var hint string
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; another process serves it: choose another address, or set reuse_port in both"
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 need CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; no interface of this machine has that address"
	}
	return fmt.Errorf("listening on %s: %w%s", d.Address, err, hint)
}

// openUnix opens a unix socket with its mode from the first moment on. With ReusePort it
// takes the place of a predecessor's in one step: that one serves who has connected there.
func (d door) openUnix() (net.Listener, error) {
	err := removeStale(d.Address)
	if d.ReusePort && errors.Is(err, errServed) {
		return d.replaceUnix()
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", d.Address, err)
	}
	if d.Mode != 0 {
		// The umask is the process's; nothing else makes files while listeners open.
		defer unix.Umask(unix.Umask(0o777 &^ int(d.Mode.Perm())))
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.Address, Net: "unix"})
	if err != nil {
		return nil, d.explain(err)
	}
	ln.SetUnlinkOnClose(false)
	made, err := os.Lstat(d.Address)
	if err = errors.Join(err, d.shorten(ln)); err != nil {
		ln.Close()
		return nil, fmt.Errorf("listening on %s: %w", d.Address, err)
	}
	l := &unixListener{UnixListener: ln, path: d.Address, made: made}
	if d.ReusePort {
		return leaving(l)
	}
	return l, nil
}

// before is what the name of a predecessor's socket ends in while a successor has its place.
const before = ".before"

// replaceUnix opens a unix socket beside a predecessor's and moves it to that one's place. The
// predecessor's keeps another name, by which it gets its place back when this process ends first:
// because it cannot start, or an upgrade is taken back.
func (d door) replaceUnix() (net.Listener, error) {
	beside := d
	beside.Address += ".next"
	ln, err := beside.openUnix()
	if err != nil {
		return nil, err
	}
	os.Remove(d.Address + before)
	_ = os.Link(d.Address, d.Address+before) // a file system without links has no way back
	if err := os.Rename(beside.Address, d.Address); err != nil {
		ln.Close()
		return nil, fmt.Errorf("listening on %s: %w", d.Address, err)
	}
	ln.(*leaver).Listener.(*unixListener).path = d.Address
	return ln, nil
}

// errServed: the socket is in use.
var errServed = errors.New("another process serves this socket")

// removeStale removes the socket that a dead process left at path. It refuses to remove
// what is no socket, and a socket that somebody answers on.
func removeStale(path string) error {
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if there.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s is there and no socket; it stays, move it away", kindOf(there))
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errServed
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("cannot tell whether the socket there is in use: %w", err)
	}
	return os.Remove(path)
}

// kindOf names what stands in a socket's place.
func kindOf(f fs.FileInfo) string {
	switch {
	case f.IsDir():
		return "a directory"
	case f.Mode()&os.ModeSymlink != 0:
		return "a symbolic link"
	default:
		return "a file"
	}
}

// A unixListener removes its socket when it is closed, if the socket there is still its own:
// a successor may have taken the path meanwhile.
type unixListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo // of the socket at path when it was made
}

// Addr returns where clients find it.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close closes the socket and removes it, or gives a predecessor that still serves its place back.
func (l *unixListener) Close() error {
	if l.isAt(l.path + before) {
		os.Remove(l.path + before)
	}
	if l.isAt(l.path) && !reinstated(l.path) {
		os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// isAt reports whether the socket at that path is this one. Inode numbers are used again, hence the time.
func (l *unixListener) isAt(path string) bool {
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(there, l.made) && there.ModTime().Equal(l.made.ModTime())
}

// reclaimEvery is how often a process that has a successor looks whether that has died.
const reclaimEvery = time.Second

// reclaim gives the socket its place back when a successor has it and has died without giving it
// back. The place is left to whoever has taken it meanwhile.
func (l *unixListener) reclaim() (done bool) {
	if l.isAt(l.path) || !l.isAt(l.path+before) || removeStale(l.path) != nil {
		return false
	}
	if os.Link(l.path+before, l.path) != nil {
		return false
	}
	os.Remove(l.path + before)
	return true
}

// reinstated gives path back to the process that served it before, if that still does.
func reinstated(path string) bool {
	return errors.Is(removeStale(path+before), errServed) && os.Rename(path+before, path) == nil
}
