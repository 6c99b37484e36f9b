package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"huntaway/config"
)

// unixDoor is the door of a socket in a directory of the test's own.
func unixDoor(t *testing.T, mode fs.FileMode) door {
	t.Helper()
	return door{Listen: config.Listen{Network: "unix", Address: filepath.Join(t.TempDir(), "s"), Mode: mode}}
}

// opened opens a door that must open.
func opened(t *testing.T, d door) net.Listener {
	t.Helper()
	ln, err := d.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// TestUnixSocketHasItsMode: also from the first moment, which a test cannot see, hence umask.
func TestUnixSocketHasItsMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o666} {
		d := unixDoor(t, mode)
		opened(t, d)
		there, err := os.Stat(d.Address)
		if err != nil || there.Mode().Perm() != mode {
			t.Errorf("mode %v, %v; want %v", there.Mode().Perm(), err, mode)
		}
	}
	before := unix.Umask(0o022)
	unix.Umask(before)
	opened(t, unixDoor(t, 0o666))
	after := unix.Umask(before)
	if after != before {
		t.Errorf("umask is %#o after listening; want %#o as before", after, before)
	}
}

// TestUnixSocketIsRemovedByItsOwner, and by nobody else.
func TestUnixSocketIsRemovedByItsOwner(t *testing.T) {
	d := unixDoor(t, 0)
	ln := opened(t, d)
	ln.Close()
	if _, err := os.Lstat(d.Address); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lstat = %v after Close; want no file", err)
	}

	first := opened(t, d)
	os.Remove(d.Address)
	opened(t, d) // a successor takes the path
	first.Close()
	if _, err := os.Lstat(d.Address); err != nil {
		t.Errorf("Lstat = %v; want the successor's socket left alone", err)
	}
}

// TestStaleUnixSocket is one that a killed process left: nobody answers on it.
func TestStaleUnixSocket(t *testing.T) {
	d := unixDoor(t, 0)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.Address, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	opened(t, d)
}

// TestDoorRefuses what would harm somebody else.
func TestDoorRefuses(t *testing.T) {
	served := unixDoor(t, 0)
	opened(t, served)
	file, dir := unixDoor(t, 0), unixDoor(t, 0)
	if err := os.WriteFile(file.Address, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir.Address, 0o700); err != nil {
		t.Fatal(err)
	}
	tcp := tcpDoor("127.0.0.1:0")
	tcp.Address = opened(t, tcp).Addr().String()
	for _, c := range []struct {
		door door
		want string
	}{
		{served, "another process serves this socket"},
		{file, "a file is there and no socket"},
		{dir, "a directory is there and no socket"},
		{tcp, "address already in use; another process serves it"},
	} {
		ln, err := c.door.open()
		if err == nil {
			ln.Close()
			t.Errorf("%s opened; want an error with %q", c.door.Address, c.want)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.door.Address) {
			t.Errorf("got %q; want the address and %q", err, c.want)
		}
	}
	if text, err := os.ReadFile(file.Address); err != nil || string(text) != "precious" {
		t.Errorf("the file is now %q, %v; want it as it was", text, err)
	}
}

// TestBacklogIsSet reads the backlog back from the kernel.
func TestBacklogIsSet(t *testing.T) {
	d := tcpDoor("127.0.0.1:0")
	d.Backlog = 7
	ln := opened(t, d).(*net.TCPListener)
	if got := backlogOf(t, ln); got != 7 {
		t.Errorf("backlog = %d; want 7", got)
	}
}

// backlogOf reads the length of a listener's queue: tcpi_sacked, which holds it in the
// state LISTEN (tcp_get_info in the Linux kernel).
func backlogOf(t *testing.T, ln syscall.Conn) (n int) {
	t.Helper()
	raw, err := ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Error(err)
			return
		}
		n = int(info.Sacked)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestReusePort lets two doors have one address when both say so, and not when one does.
func TestReusePort(t *testing.T) {
	d := tcpDoor("127.0.0.1:0")
	d.ReusePort = true
	d.Address = opened(t, d).Addr().String()
	opened(t, d)
	d.ReusePort = false
	if ln, err := d.open(); err == nil {
		ln.Close()
		t.Error("a door without reuse_port opened on a taken address")
	}
}
