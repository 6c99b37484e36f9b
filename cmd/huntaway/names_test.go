package main

import (
	"context"
	"errors"
	"huntaway/perf/bench/rig"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A zone is what a test's resolver knows.
type zone struct {
	mu    sync.Mutex // guards the following
	addrs []string
	err   error
	mute  bool // looks end with their context
	looks int
}

func (z *zone) set(addrs []string, err error, mute bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.addrs, z.err, z.mute = addrs, err, mute
}

func (z *zone) lookup(ctx context.Context, _ string) ([]string, error) {
	z.mu.Lock()
	addrs, err, mute := append([]string(nil), z.addrs...), z.err, z.mute
	z.looks++
	z.mu.Unlock()
	if mute {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return addrs, err
}

// TestDirectory: a name that does not resolve leads where it led last, whatever DNS says; a
// new address is used, those who are connected are told, and the monitor's connections end.
func TestDirectory(t *testing.T) {
	var ports []string
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		at := host + ":0"
		if len(ports) > 0 {
			at = net.JoinHostPort(host, ports[0])
		}
		ln, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		ports = append(ports, port)
	}
	z := &zone{addrs: []string{"127.0.0.1"}}
	moved := make(chan string, 8)
	d := newDirectory(slog.New(slog.DiscardHandler), func(addr string) { moved <- addr })
	d.lookup = z.lookup
	addr := net.JoinHostPort("one.test", ports[0])
	dial := func(want string) net.Conn {
		t.Helper()
		c, err := d.dialTracked(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatalf("dial: %v; want a connection to %s", err, want)
		}
		t.Cleanup(func() { c.Close() })
		if got, _, _ := net.SplitHostPort(c.RemoteAddr().String()); got != want {
			t.Errorf("connected to %s; want %s", got, want)
		}
		return c
	}
	old := dial("127.0.0.1")
	for _, how := range []func(){
		func() { z.set(nil, errors.New("no such host"), false) },
		func() { z.set(nil, nil, true) },
	} {
		how()
		d.age()
		watch := rig.StartWatch()
		dial("127.0.0.1")
		if took := watch.Took(); took > 5*lookWait {
			t.Errorf("took %v while DNS is out of order; want at most %v", took, lookWait)
		}
	}
	if _, err := old.Write([]byte("x")); err != nil {
		t.Errorf("the old connection: %v; want it left alone", err)
	}
	z.set(nil, errors.New("no such host"), false)
	eventually(t, "the name among those that are not resolved", func() bool {
		d.age()
		d.mu.Lock()
		d.look(d.names["one.test"])
		d.mu.Unlock()
		all := d.unresolved()
		return len(all) == 1 && strings.HasPrefix(all[0].problem(), "the name one.test has not been resolved for ") &&
			strings.HasSuffix(all[0].problem(), "; where it led last is used, 127.0.0.1, wherever it should lead by now")
	})
	z.set([]string{"127.0.0.2"}, nil, false)
	eventually(t, "the new address in use", func() bool {
		d.age()
		c, err := d.dial(t.Context(), &net.Dialer{}, "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		return got == "127.0.0.2"
	})
	if all := d.unresolved(); len(all) != 0 {
		t.Errorf("got %+v unresolved; want none any more", all)
	}
	if got := <-moved; got != addr {
		t.Errorf("told of %s; want %s", got, addr)
	}
	if _, err := old.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write to the old address: %v; want it refused", err)
	}
}

// age makes every look old.
func (d *directory) age() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.names {
		n.fresh = time.Time{}
	}
}

// TestDirectoryUnknown: a name that never resolved is an error, at the latest when the caller's
// time is over.
func TestDirectoryUnknown(t *testing.T) {
	z := &zone{err: errors.New("no such host")}
	d := newDirectory(slog.New(slog.DiscardHandler), func(string) {})
	d.lookup = z.lookup
	if c, err := d.dial(t.Context(), &net.Dialer{}, "tcp", "one.test:1"); err == nil {
		c.Close()
		t.Error("connected to a name that does not exist")
	}
	z.set(nil, nil, true)
	var unknown *net.DNSError
	if c, err := d.dial(t.Context(), &net.Dialer{Timeout: 50 * time.Millisecond}, "tcp", "two.test:1"); err == nil {
		c.Close()
		t.Error("connected to a name that nobody knows")
	} else if !errors.As(err, &unknown) || unknown.Name != "two.test" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want that the name could not be looked up in time", err)
	}
	if c, err := d.dial(t.Context(), &net.Dialer{}, "tcp", "127.0.0.1:1"); err == nil {
		c.Close()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.looks != 2 {
		t.Errorf("looked %d times; want 2: an address is none to look up", z.looks)
	}
}
