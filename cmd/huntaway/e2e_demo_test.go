package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// rehearse starts a demo whose temporary files are in a directory of the test's own.
func rehearse(t *testing.T, args ...string) (p *process, listen, tmp string) {
	t.Helper()
	listen, tmp = free(t), t.TempDir()
	cmd := program(t, append([]string{"demo", "--listen", listen, "--admin", free(t)}, args...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	return start(t, cmd), listen, tmp
}

// address matches the servers that a demo names.
var address = regexp.MustCompile(`(?m)^  group\d  \w+ +(\S+)$`)

// servers returns the addresses of a demo's servers.
func (p *process) servers() (addrs []string) {
	for _, m := range address.FindAllStringSubmatch(p.text(), -1) {
		addrs = append(addrs, m[1])
	}
	return addrs
}

// gone demands that nothing is left of a demo.
func (p *process) gone(tmp string) {
	p.t.Helper()
	for _, addr := range p.servers() {
		if dials(addr) {
			p.t.Errorf("the server %s is still there", addr)
		}
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "*")); err != nil || left != nil {
		p.t.Errorf("left in the temporary directory: %v, %v; want nothing", left, err)
	}
}

// TestDemoOverProcesses types what the demo says to type.
func TestDemoOverProcesses(t *testing.T) {
	troupe(t).stop() // is there a redis-server?
	p, listen, tmp := rehearse(t)
	p.says("Ctrl-C ends all of it")
	if n := len(p.servers()); n != 6 {
		t.Errorf("%d servers; want 6", n)
	}
	roundTrip(t, client(t, listen), "user:42")
	replica := client(t, p.servers()[2])
	if info, err := replica.Info(context.Background(), "replication").Result(); err != nil || !strings.Contains(info, "master_link_status:up") {
		t.Errorf("a replica says %q, %v; want a link to its master", info, err)
	}
	metrics := regexp.MustCompile(`http://\S+/metrics`).FindString(p.text())
	if status, text := page(t, metrics); status != 200 || !strings.Contains(text, "huntaway_reads_total") {
		t.Errorf("%s: status %d; want the metrics", metrics, status)
	}
	for _, what := range []string{"route", "status", "events"} {
		p.types(what)
	}
	typeReadme(t, listen, regexp.MustCompile(`http://([^/]+)/metrics`).FindStringSubmatch(p.text())[1])
	p.signal(syscall.SIGINT)
	p.ends(exitOK)
	p.gone(tmp)
}

// types types what the demo says to type for a command of ours, letter for letter.
func (p *process) types(what string) {
	p.t.Helper()
	line := regexp.MustCompile(`(?m)^  (\S+ ` + what + ` .*)$`).FindStringSubmatch(p.text())
	if line == nil {
		p.t.Errorf("the demo says nothing to type for %s", what)
		return
	}
	cmd := exec.Command("sh", "-c", line[1])
	cmd.Env = p.cmd.Env
	if got := ran(p.t, cmd); got.status != exitOK {
		p.t.Errorf("%s: status %d\n%s%s", line[1], got.status, got.stdout, got.stderr)
	}
}

// typeReadme types what README says to type first. The demo of the test is at other addresses.
func typeReadme(t *testing.T, listen, admin string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listen)
	there := strings.NewReplacer("-p 22121", "-p "+port, adminDefault, admin)
	_, section, _ := strings.Cut(string(text), "\n## Two commands\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, section, found := strings.Cut(section, "Then:\n")
	typed := regexp.MustCompile(`(?m)^    (.+)$`).FindAllStringSubmatch(section, -1)
	if !found || len(typed) < 4 {
		t.Fatalf("README has %d commands behind \"Then:\"; want the first things to try", len(typed))
	}
	for _, m := range typed {
		if word, _, _ := strings.Cut(m[1], " "); !onPath(word) {
			t.Logf("SKIPPED LOUDLY: no %s on PATH; README's %q is not tried", word, m[1])
			continue
		}
		// In the end, for each command is a client of its own, and a replica may be behind.
		eventually(t, fmt.Sprintf("an answer to README's %q", m[1]), func() bool {
			out, err := exec.Command("sh", "-c", there.Replace(m[1])).CombinedOutput()
			return err == nil && len(strings.TrimSpace(string(out))) > 0 && !strings.HasPrefix(string(out), "ERR")
		})
	}
}

// onPath tells whether there is such a program.
func onPath(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// TestDemoInterruptedWhileItStarts ends with nothing left.
func TestDemoInterruptedWhileItStarts(t *testing.T) {
	troupe(t).stop()
	p, _, tmp := rehearse(t)
	eventually(t, "the first server", func() bool {
		homes, err := filepath.Glob(filepath.Join(tmp, "huntaway-demo-*", "redis-*"))
		return err == nil && homes != nil
	})
	p.signal(syscall.SIGTERM)
	p.ends(exitFailed)
	mentions(t, "output", p.text(), errInterrupted.Error())
	p.gone(tmp)
}

// TestDemoKilled leaves no server: the kernel ends them.
func TestDemoKilled(t *testing.T) {
	troupe(t).stop()
	p, _, _ := rehearse(t)
	p.says("Ctrl-C ends all of it")
	p.signal(syscall.SIGKILL)
	for _, addr := range p.servers() {
		eventually(t, "the end of "+addr, func() bool { return !dials(addr) })
	}
}

// TestDemoWithoutRedis says what it cannot show, and keeps the configuration when asked.
func TestDemoWithoutRedis(t *testing.T) {
	listen, admin, kept := free(t), free(t), filepath.Join(t.TempDir(), "kept")
	cmd := program(t, "demo", "--listen", listen, "--admin", admin, "--keep-config", kept)
	cmd.Env = append(cmd.Env, "PATH=/nonexistent")
	p := start(t, cmd)
	p.says("Ctrl-C ends all of it")
	mentions(t, "output", p.text(), "no redis-server on PATH", "cannot show replication, reads from replicas or failover")
	roundTrip(t, client(t, listen), "user:42")
	// What is in this process is well, and said to be.
	eventually(t, "status 0 over servers in the process", func() bool { return huntaway(t, "status", "--admin", admin).status == exitOK })
	if status, text := page(t, "http://"+admin+"/readyz"); status != 200 {
		t.Errorf("/readyz: %d, %s; want 200", status, text)
	}
	p.signal(syscall.SIGTERM)
	p.ends(exitOK)
	if got := huntaway(t, "check", "-c", filepath.Join(kept, "huntaway.toml")); got.status != exitOK {
		t.Errorf("the kept configuration: %s", got.stderr)
	}
}

// TestDemoWhosePortIsTaken says so before it starts anything.
func TestDemoWhosePortIsTaken(t *testing.T) {
	taken := opened(t, tcpDoor("127.0.0.1:0")).Addr().String()
	got := huntaway(t, "demo", "--listen", taken)
	if got.status != exitFailed {
		t.Errorf("status %d; want 1", got.status)
	}
	mentions(t, "standard error", got.stderr, taken, "address already in use", "--listen")
	got = huntaway(t, "demo", "--listen", free(t), "--admin", taken)
	if got.status != exitFailed {
		t.Errorf("status %d; want 1", got.status)
	}
	mentions(t, "standard error", got.stderr, taken, "address already in use", "--admin")
}
