package main

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"
)

// parrot answers every line with "+line".
func parrot(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					fmt.Fprintf(c, "+%s\r\n", lines.Text())
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// newTestWire stands in front of a parrot.
func newTestWire(t *testing.T) *wire {
	t.Helper()
	w, err := newWire("127.0.0.1:0", parrot(t))
	if err != nil {
		t.Fatal(err)
	}
	w.addr = w.ln.Addr().String()
	t.Cleanup(w.close)
	return w
}

// from dials the wire from a source address.
func from(t *testing.T, w *wire, source string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a line; "" means that no answer came in time, and an error's text that the
// connection ended.
func ask(t *testing.T, c net.Conn, line string, within time.Duration) string {
	t.Helper()
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return "ended"
	}
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	n, err := c.Read(answer)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return ""
	}
	if err != nil {
		return "ended"
	}
	return string(answer[:n])
}

const soon, long = 50 * time.Millisecond, 5 * time.Second

func TestWireTellsSidesApart(t *testing.T) {
	w := newTestWire(t)
	proxy, replica := from(t, w, "127.0.0.1"), from(t, w, "127.0.1.5")
	for _, c := range []net.Conn{proxy, replica} {
		if got := ask(t, c, "a", long); got != "+a\r\n" {
			t.Fatalf("got %q; want +a", got)
		}
	}
	w.set(silent, replicas)
	if got := ask(t, replica, "b", soon); got != "" {
		t.Errorf("a replica got %q through a cut wire; want nothing", got)
	}
	if got := ask(t, proxy, "b", long); got != "+b\r\n" {
		t.Errorf("a proxy got %q; want +b: its side is not cut", got)
	}
	if w.bites.Load() == 0 {
		t.Error("nothing was counted as swallowed")
	}
	w.set(clear, replicas)
	if got := ask(t, replica, "c", long); got != "ended" {
		t.Errorf("got %q on a connection that lost bytes; want its end", got)
	}
	if got := ask(t, from(t, w, "127.0.1.5"), "d", long); got != "+d\r\n" {
		t.Errorf("got %q on a new connection; want +d", got)
	}
}

func TestWireWeathers(t *testing.T) {
	for _, tc := range []struct {
		sky  weather
		want string
	}{{clear, "+a\r\n"}, {silent, ""}, {mute, ""}, {deaf, ""}, {garbled, "xa\r\n"}, {refused, "ended"}} {
		w := newTestWire(t)
		w.set(tc.sky, proxies)
		within := long
		if tc.want == "" {
			within = soon
		}
		if got := ask(t, from(t, w, "127.0.0.1"), "a", within); got != tc.want {
			t.Errorf("weather %d: got %q; want %q", tc.sky, got, tc.want)
		}
	}
}

func TestWireStrandsOldConnectionsOnly(t *testing.T) {
	w := newTestWire(t)
	old := from(t, w, "127.0.0.1")
	if got := ask(t, old, "a", long); got != "+a\r\n" {
		t.Fatalf("got %q; want +a", got)
	}
	w.strand(proxies)
	if got := ask(t, old, "b", soon); got != "" {
		t.Errorf("got %q on a stranded connection; want nothing", got)
	}
	if got := ask(t, from(t, w, "127.0.0.1"), "c", long); got != "+c\r\n" {
		t.Errorf("got %q on a new connection; want +c", got)
	}
}

func TestWireTripsOnce(t *testing.T) {
	w := newTestWire(t)
	tripped := 0
	w.setTrip("NO", func() { tripped++ })
	c := from(t, w, "127.0.0.1")
	for _, tc := range []struct {
		line, want string
		within     time.Duration
	}{{"a", "+a\r\n", long}, {"NO ONE", "", soon}, {"NO ONE", "+NO ONE\r\n", long}} {
		if got := ask(t, c, tc.line, tc.within); got != tc.want {
			t.Errorf("%s: got %q; want %q", tc.line, got, tc.want)
		}
	}
	if tripped != 1 {
		t.Errorf("tripped %d times; want 1", tripped)
	}
}
