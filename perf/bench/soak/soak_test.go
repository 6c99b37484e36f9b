package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A fake answers ECHO with its argument, in the order that swap makes of a pipeline's
// replies. It stands where a proxy would.
func fake(t *testing.T, swap func(replies [][]byte)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn, swap)
		}
	}()
	return l.Addr().String()
}

// answer reads requests, which are arrays, as replies are read, and answers all that have
// come so far at once.
func answer(conn net.Conn, swap func([][]byte)) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var replies [][]byte
	for {
		v, err := readReply(in)
		if err != nil {
			return
		}
		text := v.items[1].text
		replies = append(replies, fmt.Appendf(nil, "$%d\r\n%s\r\n", len(text), text))
		if in.Buffered() > 0 {
			continue
		}
		swap(replies)
		if _, err := conn.Write(bytes.Join(replies, nil)); err != nil {
			return
		}
		replies = nil
	}
}

// one returns a client of addr that sends nothing but ECHO.
func one(t *testing.T, addr string) *client {
	t.Helper()
	p, err := profileNamed("huntaway", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	p.halfClose = false
	clients, _, err := newClients(settings{clients: 1, seed: 1, verbs: "echo"}, p)
	if err != nil {
		t.Fatal(err)
	}
	clients[0].addr = addr
	return clients[0]
}

func TestOrderedRepliesPass(t *testing.T) {
	c := one(t, fake(t, func([][]byte) {}))
	for range 50 {
		if c.conn == nil && !c.dial(context.Background()) {
			t.Fatal("could not connect")
		}
		c.turn()
	}
	if why := c.tally.failures(); len(why) > 0 {
		t.Errorf("failures = %v; want none\n%s", why, c.tally.report())
	}
}

func TestSwappedRepliesAreCrossed(t *testing.T) {
	c := one(t, fake(t, func(replies [][]byte) {
		if n := len(replies); n > 1 {
			replies[n-2], replies[n-1] = replies[n-1], replies[n-2]
		}
	}))
	for c.tally.replies() < 500 {
		if c.conn == nil && !c.dial(context.Background()) {
			t.Fatal("could not connect")
		}
		c.turn()
	}
	if c.tally.classes[crossed] == 0 || len(c.tally.failures()) == 0 {
		t.Errorf("got %d crossed replies, failures %v; want some of both", c.tally.classes[crossed], c.tally.failures())
	}
}

func TestLostConnectionFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = conn.Write([]byte("$5\r\nab"))
			_, _ = conn.Read(make([]byte, 1))
			conn.Close()
		}
	}()
	c := one(t, l.Addr().String())
	if !c.dial(context.Background()) {
		t.Fatal("could not connect")
	}
	c.turn()
	if len(c.tally.broken) == 0 {
		t.Errorf("a connection closed in a reply was not reported:\n%s", c.tally.report())
	}
}

func TestSoakOfRedisItself(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("NOT TESTED: redis-server is not installed (make test installs it)")
	}
	// Long enough for the second fault, the first that Redis's clients feel.
	s := settings{duration: 5 * time.Second, clients: 4, seed: 3, groups: 1, loops: 1, proxy: "direct"}
	why, err := soak(context.Background(), s, t.Logf)
	if err != nil || len(why) > 0 {
		t.Errorf("soak = %v, %v; want no failure", why, err)
	}
}

func TestSoakWithoutFaultsIsVacuous(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("NOT TESTED: redis-server is not installed (make test installs it)")
	}
	s := settings{duration: time.Millisecond, clients: 2, seed: 3, groups: 1, loops: 1, proxy: "direct"}
	why, err := soak(context.Background(), s, t.Logf)
	if err != nil || len(why) != 1 || !strings.HasPrefix(why[0], "vacuous") {
		t.Errorf("soak = %v, %v; want vacuous as its only failure", why, err)
	}
}
