package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"huntaway/perf/bench/rig"
)

func TestHalvesAreCutAndHealed(t *testing.T) {
	for _, program := range []string{"ip", "redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err != nil || os.Getuid() != 0 {
			t.Skipf("NOT TESTED: it takes root and %s (make chaos installs it)", program)
		}
	}
	h, err := newHalves()
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	r, err := rig.New()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := h.each[1]
	s, err := r.Start(context.Background(), rig.Launch{Path: "redis-server", Addr: b.at(7000), Namespace: b.namespace,
		Args: []string{"--port", "7000", "--bind", b.host, "--protected-mode", "no", "--save", ""}})
	if err != nil {
		t.Fatal(err)
	}
	across := func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		text, _ := exec.CommandContext(ctx, "ip", "netns", "exec", h.each[0].namespace, "redis-cli", "-h", b.host, "-p", "7000", "PING").Output()
		return string(text) == "PONG\n"
	}
	want := func(when string, passes bool) {
		t.Helper()
		if err := await(context.Background(), 10*time.Second, func() bool { return across() == passes }); err != nil {
			t.Errorf("%s: packets pass: got %v; want %v", when, !passes, passes)
		}
		if err := rig.Ping(s.Addr); err != nil {
			t.Errorf("%s: this program cannot reach the half: %v", when, err)
		}
	}
	want("whole", true)
	if err := h.cut(); err != nil {
		t.Fatal(err)
	}
	want("cut", false)
	if err := h.heal(); err != nil {
		t.Fatal(err)
	}
	want("healed", true)
	s.Stop()
	if err := h.close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob("/run/netns/" + h.name + "*"); len(left) > 0 {
		t.Errorf("left after close: %v; want nothing", left)
	}
}

func TestDelayedReadsTheTrace(t *testing.T) {
	for _, tc := range []struct {
		trace string
		want  time.Duration
	}{
		{"21905 fdatasync(7) = 0 <0.000306>\n21905 fdatasync(7) = 0 (DELAYED) <1.000687>\n", 1000687 * time.Microsecond},
		{"21905 fdatasync(7) = 0 <0.000306>\n", 0},
		{"21905 fdatasync(7 <unfinished ...>", 0},
	} {
		path := filepath.Join(t.TempDir(), "trace")
		if err := os.WriteFile(path, []byte(tc.trace), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := delayed(path); got != tc.want {
			t.Errorf("delayed(%q) = %v; want %v", tc.trace, got, tc.want)
		}
	}
}
