//go:build !race

package loop

import (
	"bytes"
	"strings"
	"testing"
)

// TestGuardedAllocatesNothing: neither the guard nor what it waits for costs memory.
func TestGuardedAllocatesNothing(t *testing.T) {
	p := newPuppet(t)
	c := p.client(0, 0)
	frame := []byte(command("EVALSHA", strings.Repeat("0", 40), "0") + command("GET", "k"))
	reply := make([]byte, 0, 256)
	trip := func() {
		p.server.said, c.said = p.server.said[:0], c.said[:0]
		c.memConn.owner.Arrived(frame)
		p.run()
		at := bytes.Index(p.server.said, []byte(canaryWord))
		reply = append(reply[:0], "+OK\r\n$25\r\n"...)
		reply = append(reply, p.server.said[at:at+len(canaryWord)+18]...)
		reply = append(reply, "$1\r\nv\r\n"...)
		p.server.owner.Arrived(reply)
		p.run()
	}
	for range 100 {
		trip()
	}
	if got, want := string(c.said), "+OK\r\n$1\r\nv\r\n"; got != want {
		t.Fatalf("got %q; want %q", got, want)
	}
	if n := testing.AllocsPerRun(1000, trip); n > 0 {
		t.Errorf("got %v allocations; want none", n)
	}
}
