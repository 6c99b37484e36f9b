package rig

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needs skips a test whose programs are not installed; make test installs them.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("NOT TESTED: %s is not installed (make test installs it)", p)
		}
	}
}

func newRig(t *testing.T) *Rig {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestProxyReachesEveryServer(t *testing.T) {
	needs(t, "redis-server", "nutcracker")
	r, ctx := newRig(t), context.Background()
	pool := Pool{Timeout: time.Second}
	for range 2 {
		s, err := r.Redis(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
		port := s.Addr[strings.IndexByte(s.Addr, ':'):]
		pool.Servers = append(pool.Servers, "127.0.0.1"+port+":1", "127.0.0.2"+port+":1")
	}
	p, err := r.Nutcracker(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if got, err := Call(p.Addr, time.Second, "SET", key, "1"); got != "OK" || err != nil {
			t.Errorf("SET %s = %q, %v; want OK, nil", key, got, err)
		}
	}
}

func TestKilledServerRestartsWhereItWas(t *testing.T) {
	needs(t, "redis-server")
	r, ctx := newRig(t), context.Background()
	s, err := r.Redis(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := s.PID()
	s.Kill()
	if s.Alive() || Ping(s.Addr) == nil {
		t.Error("the server answers after Kill; want it gone")
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if s.PID() == before || Ping(s.Addr) != nil {
		t.Errorf("after Restart: process %d (was %d), Ping = %v; want another process that answers",
			s.PID(), before, Ping(s.Addr))
	}
}

func TestCloseEndsAPausedProcess(t *testing.T) {
	needs(t, "redis-server")
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Redis(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Pause()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(s.PID(), 0); err != syscall.ESRCH {
		t.Errorf("signal 0 after Close = %v; want ESRCH", err)
	}
	if _, err := os.Stat(r.dir); !os.IsNotExist(err) {
		t.Errorf("scratch directory after Close: %v; want it gone", err)
	}
}

func TestStartTellsWhyAProcessEnded(t *testing.T) {
	r := newRig(t)
	l := Launch{Path: "sh", Args: []string{"-c", "echo the port is taken; exit 1"}, Addr: "127.0.0.1:1"}
	_, err := r.Start(context.Background(), l)
	if err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Errorf("Start = %v; want an error with the end of the log", err)
	}
}

func TestReadScalar(t *testing.T) {
	for _, tc := range []struct{ in, want, err string }{
		{in: "+PONG\r\n", want: "PONG"},
		{in: ":42\r\n", want: "42"},
		{in: "$5\r\na\r\nbc\r\n", want: "a\r\nbc"},
		{in: "$-1\r\n"},
		{in: "-ERR no\r\n", err: "error reply: ERR no"},
		{in: "*1\r\n", err: `got reply line "*1"; want a string or a number`},
		{in: "$x\r\n", err: `got bulk length "x"; want a number`},
		{in: "+PO", err: "EOF"},
	} {
		got, err := readScalar(bufio.NewReader(strings.NewReader(tc.in)))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != tc.want || text != tc.err {
			t.Errorf("readScalar(%q) = %q, %q; want %q, %q", tc.in, got, text, tc.want, tc.err)
		}
	}
}
