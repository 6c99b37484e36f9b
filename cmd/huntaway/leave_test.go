package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"huntaway/config"
)

// TestLeaverLosesNobody: who is connected when a shared listener closes is accepted, and who
// connects afterwards finds the successor.
func TestLeaverLosesNobody(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			d := door{Listen: config.Listen{Network: network, Address: "127.0.0.1:0"}, ReusePort: true}
			if network == "unix" {
				d.Address = filepath.Join(t.TempDir(), "s")
			}
			old := opened(t, d)
			d.Address = old.Addr().String()
			var waiting []net.Conn
			for range 20 {
				waiting = append(waiting, connected(t, d))
			}
			next := opened(t, d)
			if next.Addr().String() != d.Address {
				t.Fatalf("the successor listens on %s; want %s", next.Addr(), d.Address)
			}
			greeted := make(chan struct{})
			go func() {
				defer close(greeted)
				greetAll(old)
			}()
			if err := old.Close(); err != nil {
				t.Error(err)
			}
			<-greeted
			go greetAll(next)
			for range 20 {
				waiting = append(waiting, connected(t, d))
			}
			for i, c := range waiting {
				c.SetReadDeadline(time.Now().Add(patience))
				if n, err := c.Read(make([]byte, 1)); n != 1 {
					t.Errorf("connection %d: %v; want it accepted", i, err)
				}
			}
		})
	}
}

// connected connects to a door.
func connected(t *testing.T, d door) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(d.Network, d.Address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// greetAll says a byte to everybody whom a listener accepts, until it is closed.
func greetAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		c.Write([]byte("x"))
		c.Close()
	}
}

// TestSuccessorThatEndsFirst: who cannot start, or is taken back, gives a unix socket's place back to the
// process that served it before, and nobody leaves a file behind.
func TestSuccessorThatEndsFirst(t *testing.T) {
	d := door{Listen: config.Listen{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}, ReusePort: true}
	old := opened(t, d)
	go greetAll(old)
	for range 2 {
		next := opened(t, d)
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		c := connected(t, d)
		c.SetReadDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n != 1 {
			t.Fatalf("got %v; want the predecessor to serve again", err)
		}
	}
	next := opened(t, d)
	old.Close()
	left := func() []string {
		names, err := filepath.Glob(d.Address + "*")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if names := left(); len(names) != 1 {
		t.Errorf("got %q when the predecessor had ended; want the successor's socket alone", names)
	}
	next.Close()
	if names := left(); len(names) != 0 {
		t.Errorf("got %q when both had ended; want nothing", names)
	}
}

// TestSuccessorThatIsKilled: it leaves a dead socket in the place it has taken. The predecessor gets
// that back, and leaves it to a third that has come first.
func TestSuccessorThatIsKilled(t *testing.T) {
	for _, third := range []bool{false, true} {
		d := door{Listen: config.Listen{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}, ReusePort: true}
		old := opened(t, d)
		go greetAll(old)
		next := opened(t, d)
		if old.(*leaver).reclaim() {
			t.Fatal("the place of a successor that lives was taken back")
		}
		next.(*leaver).Listener.(*unixListener).UnixListener.Close() // as the kernel does it: the file stays
		if c, err := net.Dial("unix", d.Address); err == nil {
			c.Close()
			t.Fatal("the socket of the dead is served")
		}
		if third {
			ln := opened(t, d)
			go greetAll(ln)
		}
		if got := old.(*leaver).reclaim(); got == third {
			t.Errorf("taken back: %t; a third has come: %t", got, third)
		}
		c := connected(t, d)
		c.SetReadDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n != 1 {
			t.Errorf("got %v; want somebody to serve", err)
		}
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		names, err := filepath.Glob(d.Address + "*")
		if want := map[bool]int{true: 1}[third]; err != nil || len(names) != want {
			t.Errorf("got %q, %v when the predecessor had ended; want %d", names, err, want)
		}
	}
}
