package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop/memory"
)

// mutedRows are requests around CLIENT REPLY, one per '|'.
var mutedRows = []string{
	"CLIENT REPLY SKIP|ECHO a|ECHO b",
	"CLIENT REPLY SKIP|SELECT 1|ECHO b",
	"CLIENT REPLY SKIP|RESET|ECHO a",
	"CLIENT REPLY SKIP|CLIENT REPLY SKIP|ECHO a|ECHO b",
	"CLIENT REPLY SKIP|CLIENT REPLY ON|ECHO a",
	"CLIENT REPLY SKIP|NOPE|NOPE b",
	"CLIENT REPLY SKIP|CLIENT REPLY maybe|ECHO b",
	"CLIENT REPLY OFF|ECHO a|CLIENT REPLY SKIP|ECHO b|CLIENT REPLY maybe|NOPE|CLIENT REPLY ON|ECHO c",
	"CLIENT REPLY OFF|GET|HELLO 2|CLIENT LIST|INFO|RESET|ECHO a",
	"ECHO a|CLIENT REPLY OFF|PING|CLIENT REPLY ON|CLIENT REPLY ON|PING",
	"CLIENT REPLY SKIP|INFO|ECHO a|CLIENT REPLY SKIP|CLIENT LIST|ECHO b",
}

// TestMuteAgreesWithRedis gives the same pipelines to a real server and to a session.
func TestMuteAgreesWithRedis(t *testing.T) {
	addr := startRedis(t)
	const end = "$3\r\nend\r\n"
	for _, row := range mutedRows {
		requests := strings.ReplaceAll(row, "|", "\r\n") + "\r\nECHO end\r\n"
		want := untilEnd(t, dialRedis(t, addr), requests, end)
		if got := newTestWorker(t, PoolOptions{}).client(0, 0).ask(requests); got != want {
			t.Errorf("%s: got %q; want %q", row, got, want)
		}
	}
}

// untilEnd sends bytes and returns what comes up to the end.
func untilEnd(t *testing.T, c redisConn, requests, end string) string {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte(requests)); err != nil {
		t.Fatal(err)
	}
	var all []byte
	buf := make([]byte, 64<<10)
	for !strings.HasSuffix(string(all), end) {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		all = append(all, buf[:n]...)
	}
	return string(all)
}

// TestMuteServersReplies: what a server answers to a muted request is dropped whole, when it
// is next in order, when it is early, and when it comes in pieces that are passed on.
func TestMuteServersReplies(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.ask("CLIENT REPLY SKIP\r\nGET a\r\nGET b\r\nCLIENT REPLY SKIP\r\nGET c\r\nGET d\r\nCLIENT REPLY OFF\r\nGET e\r\n")
	server.arrive("$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n")
	if got, want := c.take(), "$1\r\nb\r\n$1\r\nd\r\n"; got != want {
		t.Errorf("in order: got %q; want %q", got, want)
	}
	large := "$" + decimal(3*passOn) + "\r\n" + strings.Repeat("x", 3*passOn) + "\r\n"
	c.ask("GET large\r\nCLIENT REPLY ON\r\nGET f\r\n")
	server.arrive(large[:10])
	server.arrive(large[10 : passOn+10])
	server.arrive(large[passOn+10 : 2*passOn])
	server.arrive(large[2*passOn:] + "$1\r\nf\r\n")
	if got, want := c.take(), "+OK\r\n$1\r\nf\r\n"; got != want {
		t.Errorf("in pieces: got %d bytes, %.60q; want %q", len(got), got, want)
	}
	c.ask("GET g\r\nCLIENT REPLY SKIP\r\nECHO early\r\nECHO h\r\n")
	server.arrive("$1\r\ng\r\n")
	if got, want := c.take(), "$1\r\ng\r\n$1\r\nh\r\n"; got != want {
		t.Errorf("early: got %q; want %q", got, want)
	}
}

// TestMuteEarlyBehindRoom: a muted request that was answered early comes to its turn after
// the room of the early replies before it has been let go of.
func TestMuteEarlyBehindRoom(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	early := strings.Repeat("x", 2*memory.KeepSlab)
	c.say("GET", "a")
	c.say("ECHO", early)
	c.ask("GET b\r\nCLIENT REPLY SKIP\r\nECHO muted\r\n")
	server.arrive("$1\r\na\r\n")
	if got, want := c.take(), "$1\r\na\r\n"+string(codec.AppendBulk(nil, early)); got != want {
		t.Fatalf("got %d bytes, %.60q; want the first two replies", len(got), got)
	}
	server.arrive("$1\r\nb\r\n")
	if got, want := c.take(), "$1\r\nb\r\n"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

// TestPause: writes wait while the pool is paused for them, everything while it is paused
// for all, on every worker, for clients that come meanwhile too, and in order.
func TestPause(t *testing.T) {
	st := newStage(t, 2, PoolOptions{})
	server := st.linkTo(0, 0, 0)
	asker, c := st.client(0, 1), st.client(0, 0)
	if got, want := asker.say("CLIENT", "PAUSE", "1000000", "WRITE"), "+OK\r\n"; got != want {
		t.Fatalf("PAUSE: got %q; want %q", got, want)
	}
	late := st.client(0, 0)
	c.ask("GET a\r\nSET a 1\r\nGET b\r\n")
	late.ask("PING\r\nDEL a\r\n")
	if got, want := server.take(), string(codec.AppendCommand(nil, "GET", "a")); got != want {
		t.Errorf("to the server: got %q; want the read alone", got)
	}
	if got, want := late.take()+c.take(), ""; got != want {
		t.Errorf("got %q; want nothing more", got)
	}
	if got := rows(t, asker.say("CLIENT", "LIST", "ID", decimal(int(c.s.client.id)))); got[0]["flags"] != "b" {
		t.Errorf("CLIENT LIST: got flags=%s of who waits; want b", got[0]["flags"])
	}
	if got, want := asker.say("CLIENT", "UNPAUSE"), "+OK\r\n"; got != want {
		t.Errorf("UNPAUSE: got %q; want %q", got, want)
	}
	want := string(codec.AppendCommand(codec.AppendCommand(codec.AppendCommand(nil, "SET", "a", "1"), "GET", "b"), "DEL", "a"))
	if got := server.take(); got != want {
		t.Errorf("afterwards to the server: got %q; want %q", got, want)
	}
	server.arrive("$-1\r\n+OK\r\n$-1\r\n:1\r\n")
	if got, want := c.take(), "$-1\r\n+OK\r\n$-1\r\n"; got != want {
		t.Errorf("afterwards: got %q; want %q", got, want)
	}
}

// TestPauseEnds: a pause for everything ends with its time.
func TestPauseEnds(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c := st.client(0, 0)
	if got, want := c.ask("CLIENT PAUSE 30\r\nECHO a\r\n"), "+OK\r\n"; got != want {
		t.Fatalf("got %q; want %q while it lasts", got, want)
	}
	w := st.e.workers[0]
	if w.tick(); w.gauges.quiet.Load() {
		t.Error("got a worker that ticks rarely; want it to look for the end of the pause")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && len(c.said) == 0; {
		w.tick()
	}
	if got, want := c.take(), "$1\r\na\r\n"; got != want {
		t.Errorf("when it is over: got %q; want %q", got, want)
	}
	if c.s.mode != 0 {
		t.Errorf("got mode %b; want none", c.s.mode)
	}
}
