package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// detachedFile is a nutcracker.yml for one server, and where it listens.
func detachedFile(t *testing.T) (file, listen string) {
	t.Helper()
	listen = free(t)
	return written(t, "nutcracker.yml", fmt.Sprintf("alpha:\n  listen: %s\n  redis: true\n  timeout: 400\n  servers:\n   - %s:1\n", listen, free(t))), listen
}

// TestDetaches: -d returns when the proxy serves, in a session of its own; the pid file is there
// then, and is gone with the process.
func TestDetaches(t *testing.T) {
	file, listen := detachedFile(t)
	dir := t.TempDir()
	pidFile, log := filepath.Join(dir, "pid"), filepath.Join(dir, "log")
	got := huntaway(t, "-d", "-c", file, "-p", pidFile, "-o", log, "-s", free(t)[len("127.0.0.1:"):], "-a", "127.0.0.1")
	text, err := os.ReadFile(pidFile)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if got.status != exitOK || err != nil || pid <= 0 {
		t.Fatalf("status %d, pid file %q, %v\n%s; want 0 and a process id", got.status, text, err, got.stderr)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	if !dials(listen) {
		t.Error("it does not listen when -d has returned")
	}
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("session %d, %v; want one of its own, %d", session, err, pid)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the process and of its pid file", func() bool {
		_, err := os.Lstat(pidFile)
		return os.IsNotExist(err) && !dials(listen)
	})
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), `"msg":"ready"`) || !strings.Contains(string(text), `"msg":"stopped"`) {
		t.Errorf("the log has %q, %v; want it from ready to stopped", text, err)
	}
}

// TestDetachedFailure: what keeps the proxy from serving is said where -d was typed.
func TestDetachedFailure(t *testing.T) {
	file, listen := detachedFile(t)
	opened(t, tcpDoor(listen))
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	got := huntaway(t, "-d", "-c", file, "-p", pidFile)
	if got.status != exitFailed || !strings.Contains(got.stderr, "address already in use") {
		t.Errorf("a taken port: status %d\n%s; want 1 and the reason", got.status, got.stderr)
	}
	if _, err := os.Lstat(pidFile); !os.IsNotExist(err) {
		t.Errorf("the pid file: %v; want none", err)
	}
	file, _ = detachedFile(t)
	got = huntaway(t, "-d", "-c", file, "-p", filepath.Join(dir, "no", "pid"))
	if got.status != exitFailed || !strings.Contains(got.stderr, "runtime.pid_file or -p") {
		t.Errorf("a pid file that cannot be written: status %d\n%s; want 1 and the reason", got.status, got.stderr)
	}
}

// TestPIDFileIsOurs: links are not followed, and nothing else than a plain file is written to.
func TestPIDFileIsOurs(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	for name, plant := range map[string]func(string) error{
		"symbolic link": func(at string) error { return os.Symlink(victim, at) },
		"dangling link": func(at string) error { return os.Symlink(filepath.Join(dir, "none"), at) },
		"hard link":     func(at string) error { return os.Link(victim, at) },
		"named pipe":    func(at string) error { return unix.Mkfifo(at, 0o600) },
		"directory":     func(at string) error { return os.Mkdir(at, 0o700) },
	} {
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, "pid")
		if err := plant(at); err != nil {
			t.Fatal(err)
		}
		if _, err := writePID(at); err == nil {
			t.Errorf("%s: written to; want it refused", name)
		}
		if text, _ := os.ReadFile(victim); string(text) != "precious" {
			t.Errorf("%s: the file it leads to has %q; want it untouched", name, text)
		}
		if _, err := os.Lstat(filepath.Join(dir, "none")); err == nil {
			t.Errorf("%s: a file was made at its end", name)
		}
		os.Remove(at)
	}
	at := filepath.Join(dir, "pid")
	if err := os.WriteFile(at, []byte("123456789 of a process that crashed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	remove, err := writePID(at)
	if text, _ := os.ReadFile(at); err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Fatalf("a file that a crash has left: %v, %q; want the process id", err, text)
	}
	if remove(); !missing(at) {
		t.Error("the file is still there; want it removed")
	}
}

// missing tells whether there is nothing at path.
func missing(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}
