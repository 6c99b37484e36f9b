package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"huntaway/perf"
)

// serve runs a StatsServer on a free port until the test ends, and checks that it ends.
func serve(t *testing.T, source Source) string {
	t.Helper()
	ignored := goleak.IgnoreCurrent()
	ln := listen(t)
	ended := make(chan error)
	go func() { ended <- NewStatsServer(source, "1.2.3").Serve(ln) }()
	t.Cleanup(func() {
		ln.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v; want nil after the listener was closed", err)
		}
		goleak.VerifyNone(t, ignored)
	})
	return ln.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// ask connects, sends what, and reads to the end.
func ask(t *testing.T, addr, what string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, what); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", what, err)
	}
	return answer
}

// decode reads JSON into a map.
func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var top map[string]any
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	return top
}

// TestStatsWithoutAQuestion speaks twemproxy's protocol: connect and read. What is no HTTP
// request is not waited for.
func TestStatsWithoutAQuestion(t *testing.T) {
	addr := serve(t, fixed)
	for _, sent := range []string{"", "stats\r\n", "GE"} {
		top := decode(t, ask(t, addr, sent))
		if top["version"] != "1.2.3" {
			t.Errorf("sent %q: version = %v; want 1.2.3", sent, top["version"])
		}
		if got := top["alpha"].(map[string]any)["client_eof"]; got != 5.0 {
			t.Errorf("sent %q: client_eof = %v; want 5", sent, got)
		}
	}
}

// TestHalfRequestsKeepNobodyOut: connections that begin a request and go silent give their place
// to who asks.
func TestHalfRequestsKeepNobodyOut(t *testing.T) {
	addr := serve(t, fixed)
	for range 4 * MaxAnswers {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "); err != nil {
			t.Fatal(err)
		}
	}
	if top := decode(t, ask(t, addr, "")); top["version"] != "1.2.3" { // in ask's time: else it would wait for them all
		t.Errorf("version = %v; want 1.2.3", top["version"])
	}
}

// TestStatsByHTTP asks as curl and http exporters do.
func TestStatsByHTTP(t *testing.T) {
	addr := serve(t, fixed)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %v, %s, %v; want 200 and application/json", err, response.Status, response.Header)
	}
	decode(t, body)
	head, err := client.Head("http://" + addr + "/")
	if err != nil || head.StatusCode != 200 {
		t.Errorf("HEAD: got %v, %v; want 200", head, err)
	}
	if answer := ask(t, addr, "GET broken\r\n\r\n"); len(answer) != 0 {
		t.Errorf("a broken request got %q; want nothing", answer)
	}
}

// TestStatsWhenTheWorkersAreSilent wants an error by HTTP and a plain end otherwise.
func TestStatsWhenTheWorkersAreSilent(t *testing.T) {
	addr := serve(t, func(context.Context) (perf.Snapshot, error) {
		return perf.Snapshot{}, errors.New("worker 2 is stuck")
	})
	answer := string(ask(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	if !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.Contains(answer, "worker 2 is stuck") {
		t.Errorf("got %q; want status 503 and the cause", answer)
	}
	if answer := ask(t, addr, ""); len(answer) != 0 {
		t.Errorf("got %q; want nothing", answer)
	}
}

// TestStatsServerOutlivesItsClients opens more connections than are answered at once and
// leaves them.
func TestStatsServerOutlivesItsClients(t *testing.T) {
	addr := serve(t, fixed)
	for range 3 * MaxAnswers {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	decode(t, ask(t, addr, ""))
}

// TestStatsAgainstNutcracker lets the real nutcracker write its statistics for the same
// pool, and compares the keys at each level.
func TestStatsAgainstNutcracker(t *testing.T) {
	program, err := exec.LookPath("nutcracker")
	if err != nil {
		t.Skip("SKIPPED LOUDLY: no nutcracker (Debian package) on PATH; the keys of the statistics are not compared with the original's")
	}
	original := decode(t, nutcrackerStats(t, program))
	ours := decode(t, ask(t, serve(t, flat), ""))
	compareKeys(t, "top", ours, original)
	for _, path := range [][]string{{"alpha"}, {"alpha", "one"}} {
		o, n := ours, original
		for _, key := range path {
			o, n = o[key].(map[string]any), n[key].(map[string]any)
		}
		compareKeys(t, strings.Join(path, "."), o, n)
	}
}

// compareKeys demands the same keys, and values of the same JSON type.
func compareKeys(t *testing.T, where string, ours, original map[string]any) {
	t.Helper()
	o, n := slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(original))
	if !slices.Equal(o, n) {
		t.Errorf("%s: keys\n%v; want nutcracker's\n%v", where, o, n)
	}
	for key, value := range original {
		if got, want := fmt.Sprintf("%T", ours[key]), fmt.Sprintf("%T", value); got != want {
			t.Errorf("%s: %s is a %s; want a %s", where, key, got, want)
		}
	}
}

// flat is what Huntaway counts for nutcrackerStats' configuration.
func flat(ctx context.Context) (perf.Snapshot, error) {
	s, err := fixed(ctx)
	s.Pools[0].Groups = s.Pools[0].Groups[:1]
	return s, err
}

// nutcrackerStats starts a nutcracker with the pool alpha and the server one, and returns
// what it writes on its stats port.
func nutcrackerStats(t *testing.T, program string) []byte {
	t.Helper()
	dir := t.TempDir()
	pool, stats, nobody := freePort(t), freePort(t), freePort(t)
	file := filepath.Join(dir, "nutcracker.yml")
	text := fmt.Sprintf("alpha:\n  listen: 127.0.0.1:%d\n  redis: true\n  servers:\n   - 127.0.0.1:%d:1 one\n", pool, nobody)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", file, "-a", "127.0.0.1", "-s", fmt.Sprint(stats),
		"-o", filepath.Join(dir, "log"), "-p", filepath.Join(dir, "pid"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	addr := fmt.Sprintf("127.0.0.1:%d", stats)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return ask(t, addr, "")
		}
	}
	t.Fatal("nutcracker did not open its stats port within 10 s")
	return nil
}

// freePort returns a loopback port that nobody listens on at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	ln := listen(t)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}
