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
