package netio

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkPost posts a task to an event loop and waits for it, as every flush of a busy
// link does (without the wait).
func BenchmarkPost(b *testing.B) {
	r, err := NewReactor(1, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Stop() })
	ran := make(chan struct{})
	task := func() { ran <- struct{}{} }
	for name, post := range map[string]func(){"poster": r.Poster(0, task), "execute": func() { r.Post(0, task) }} {
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
	r, err := NewReactor(1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	if pollerOf(r.loops[0]) == nil {
		t.Fatal("got no poller in gnet's event loop; want one in its field poller")
	}
	ran := make(chan struct{})
	r.Poster(0, func() { close(ran) })()
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

// A talker is an endpoint that says all it has when it is opened, and says goodbye when its peer
// has closed its half.
type talker struct {
	said  []byte
	conn  Conn
	ended chan Conn // what is left to speak on, nil for nothing
}

func (e *talker) Opened(w Conn) {
	e.conn = w
	for b := e.said; len(b) > 0; b = b[min(len(b), 48<<10):] {
		w.Write(b[:min(len(b), 48<<10)])
	}
}

func (e *talker) Arrived([]byte) {}

func (e *talker) Closed(_ error, polite bool) {
	var last Conn
	if polite && e.conn != nil {
		last = e.conn.Linger()
	}
	e.conn = nil
	e.ended <- last
}

// TestLingerKeepsWhatWaits: what gnet keeps to be written when the peer closes its half is said
// on the connection that lingers, in order and before what comes after.
func TestLingerKeepsWhatWaits(t *testing.T) {
	r, err := NewReactor(1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	theirs, ours, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	said := make([]byte, 4<<20)
	for i := range said {
		said[i] = byte(i>>8 ^ i)
	}
	e := &talker{said: said, ended: make(chan Conn, 1)}
	if err := r.Enroll(0, ours, e); err != nil {
		t.Fatal(err)
	}
	if err := unix.Shutdown(int(theirs.Fd()), unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	last := <-e.ended
	if last == nil {
		t.Fatal("nothing lingers; want a connection with what was not written")
	}
	if last.Backlog() == 0 {
		t.Fatal("nothing is left to be written of 4 MiB; the test has nothing to see")
	}
	last.Write([]byte("end"))
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(theirs)
		got <- b
	}()
	for until := time.Now().Add(10 * time.Second); last.Backlog() > 0; {
		if time.Now().After(until) {
			t.Fatalf("%d bytes are left after 10 s; want all taken", last.Backlog())
		}
	}
	last.Close()
	if b := <-got; !bytes.Equal(b, append(said, "end"...)) {
		t.Errorf("got %d bytes, or others; want the %d that were said", len(b), len(said)+3)
	}
}
