package loop

import (
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkPost posts a task to an event loop and waits for it, as every flush of a busy
// link does (without the wait).
func BenchmarkPost(b *testing.B) {
	r, err := newReactor(1, gnetLog{slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.stop() })
	ran := make(chan struct{})
	task := func() { ran <- struct{}{} }
	for name, post := range map[string]func(){"poster": r.poster(0, task), "execute": func() { r.post(0, task) }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				post()
				<-ran
			}
		})
	}
}

// TestPollerOf fails when gnet keeps its poller elsewhere: posting works on, but makes
// garbage again.
func TestPollerOf(t *testing.T) {
	r, err := newReactor(1, gnetLog{slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.stop() })
	if pollerOf(r.loops[0]) == nil {
		t.Fatal("got no poller in gnet's event loop; want one in its field poller")
	}
	ran := make(chan struct{})
	r.poster(0, func() { close(ran) })()
	<-ran
}

// TestSend: a socket takes what it has room for, nothing more, and nothing when its peer is gone.
func TestSend(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	if n := send(fds[0], []byte("+OK\r\n")); n != 5 {
		t.Errorf("got %d bytes taken; want 5", n)
	}
	big := make([]byte, 16<<20)
	n := send(fds[0], big)
	if n <= 0 || n == len(big) {
		t.Errorf("got %d of %d bytes taken; want some, not all", n, len(big))
	}
	if again := send(fds[0], big); again != 0 {
		t.Errorf("got %d bytes taken by a full socket; want 0", again)
	}
	unix.Close(fds[1])
	if n := send(fds[0], []byte("x")); n != 0 {
		t.Errorf("got %d bytes taken without a peer; want 0", n)
	}
}
