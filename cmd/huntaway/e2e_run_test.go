package main

import (
	"encoding/json"
	"fmt"
	"huntaway/perf/bench/rig"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A stage is a running proxy over real servers.
type stage struct {
	*process
	cast          *cast
	listen, sock  string // of the pool
	admin, stats  string
	file, logFile string
	notifications *net.UnixConn // where systemd would listen
	groups        int           // of the cast that the file names
}

// text returns the configuration with the first n groups.
func (s *stage) config(n int, level string) string {
	text := fmt.Sprintf("[log]\nlevel = %q\nformat = \"json\"\noutput = %q\n\n[admin]\nhttp = %q\nstats = %q\n\n"+
		"[runtime]\ndrain_timeout = \"10s\"\n\n[pools.alpha]\nlisten = [%q, \"unix:%s?mode=0660\"]\ntimeout = \"10s\"\nread_policy = \"prefer-replica\"\nread_your_writes = true\n",
		level, s.logFile, s.admin, s.stats, s.listen, s.sock)
	for i, members := range s.cast.groups[:n] {
		text += fmt.Sprintf("\n[[pools.alpha.groups]]\nname = \"g%d\"\nmaster = %q\nsecondary = %q\nreplicas = %q\n",
			i+1, members[0], members[1], members[2])
	}
	return text
}

// write writes the configuration.
func (s *stage) write(n int, level string) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(s.config(n, level)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// log returns what stands in the log.
func (s *stage) log() string {
	text, _ := os.ReadFile(s.logFile) // none yet: nothing in it
	return string(text)
}

// logs waits until the log has words in it.
func (s *stage) logs(words string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%q in the log", words), func() bool { return strings.Contains(s.log(), words) })
}

// notified waits for systemd's next message that has words in it.
func (s *stage) notified(words string) {
	s.t.Helper()
	b := make([]byte, 4096)
	s.notifications.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := s.notifications.Read(b)
		if err != nil {
			s.t.Fatalf("systemd was not told %q: %v", words, err)
		}
		if strings.Contains(string(b[:n]), words) {
			return
		}
	}
}

// perform starts a proxy with n groups and waits until it is ready.
func perform(t *testing.T, n int) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{cast: troupe(t), listen: free(t), sock: filepath.Join(dir, "alpha.sock"), admin: free(t), stats: free(t),
		file: filepath.Join(dir, "huntaway.toml"), logFile: filepath.Join(dir, "log"), groups: n}
	s.process = &process{t: t}
	s.write(n, "info")
	notify := filepath.Join(dir, "notify")
	var err error
	s.notifications, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.notifications.Close() })
	cmd := program(t, "run", "-c", s.file)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+notify, "WATCHDOG_USEC=200000")
	s.process = start(t, cmd)
	s.notified("READY=1")
	return s
}

// TestRunServes looks at everything that a running proxy shows.
func TestRunServes(t *testing.T) {
	s := perform(t, 2)
	for i := range 20 {
		roundTrip(t, client(t, s.listen), fmt.Sprintf("user:%d", i))
	}
	roundTrip(t, client(t, s.sock), "by-socket")
	if there, err := os.Stat(s.sock); err != nil || there.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v; want mode 0660", there, err)
	}
	s.notified("WATCHDOG=1")

	base := "http://" + s.admin
	for url, want := range map[string]string{
		"/livez": "ok", "/healthz": "ok", "/readyz?verbose": "[+] pool alpha: ok", "/": "/metrics",
		"/metrics":                       `huntaway_commands_total{command="set",outcome="ok",pool="alpha"} 21`,
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		status, text := page(t, base+url)
		if status != 200 {
			t.Errorf("%s: status %d; want 200", url, status)
		}
		mentions(t, url, text, want)
	}
	if status, _ := page(t, base+"/nothing"); status != 404 {
		t.Errorf("/nothing: status %d; want 404", status)
	}
	s.checkStats()

	s.signal(syscall.SIGTERM)
	s.notified("STOPPING=1")
	s.ends(exitOK)
	if _, err := os.Lstat(s.sock); err == nil {
		t.Error("the unix socket is still there")
	}
	mentions(t, "log", s.log(), `"msg":"ready"`, `"msg":"draining"`, `"msg":"stopped"`)
}

// checkStats reads twemproxy's statistics: two groups, three servers in each.
func (s *stage) checkStats() {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.stats)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	var top struct {
		Alpha map[string]any
	}
	if err := json.Unmarshal(text, &top); err != nil {
		s.t.Fatalf("not JSON: %v\n%s", err, text)
	}
	requests := 0.0
	for _, name := range []string{"g1", "g2"} {
		group, _ := top.Alpha[name].(map[string]any)
		if _, has := group[s.cast.groups[0][0]]; name == "g1" && !has {
			s.t.Errorf("group g1 has no server %s in it: %v", s.cast.groups[0][0], group)
		}
		n, _ := group["requests"].(float64)
		requests += n
	}
	if requests < 42 {
		s.t.Errorf("the groups got %v requests together; want the 42 that were made at least", requests)
	}
}

// TestSignalsWhileServing: log levels, status, a log that is moved away, and a second
// configuration, none of which a client notices.
func TestSignalsWhileServing(t *testing.T) {
	s := perform(t, 1)
	c := client(t, s.listen)
	roundTrip(t, c, "before")

	s.signal(syscall.SIGTTIN)
	s.logs(`"level":"DEBUG"}`)
	s.signal(syscall.SIGTTOU)
	s.logs(`"level":"INFO"}`)
	s.signal(syscall.SIGUSR1)
	s.logs(`"of":"pool alpha"`)
	mentions(t, "log", s.log(), `"server":"`+s.cast.groups[0][2]+`"`)

	if err := os.Rename(s.logFile, s.logFile+".1"); err != nil {
		t.Fatal(err)
	}
	s.write(2, "warn")
	s.signal(syscall.SIGHUP)
	eventually(t, "the group g2 in the statistics", func() bool {
		_, text := page(t, "http://"+s.stats+"/")
		return strings.Contains(text, `"g2"`)
	})
	added, probes := client(t, s.cast.groups[1][0]), 0 // the statistics know the table before every event loop does
	eventually(t, "a key in the new group", func() bool {
		probes++
		c.Set(t.Context(), "probe:"+strconv.Itoa(probes), "", 0)
		n, _ := added.DBSize(t.Context()).Result()
		return n > 0
	})
	for i := range 20 {
		roundTrip(t, c, "after:"+strconv.Itoa(i))
	}

	if err := os.WriteFile(s.file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	s.logs("the old one stays in force")
	if _, text := page(t, "http://"+s.admin+"/metrics"); !strings.Contains(text, "huntaway_config_last_reload_successful 0") {
		t.Error("the metrics do not say that the reload was refused")
	}
	roundTrip(t, c, "still")
	s.signal(syscall.SIGTERM)
	s.ends(exitOK)
}

// TestDrainDeliversWhatIsOwed stops the proxy while a server is slow: the reply must come,
// new clients must not.
func TestDrainDeliversWhatIsOwed(t *testing.T) {
	s := perform(t, 1)
	c := client(t, s.listen)
	roundTrip(t, c, "k")
	master := client(t, s.cast.groups[0][0])
	if err := master.ClientPause(t.Context(), time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	reply := make(chan error, 1)
	go func() { reply <- c.Set(t.Context(), "k", "late", 0).Err() }()
	eventually(t, "the request on its way", func() bool {
		_, text := page(t, "http://"+s.admin+"/metrics")
		return strings.Contains(text, `huntaway_backend_inflight_requests{group="g1",pool="alpha",server="`+s.cast.groups[0][0]+`"} 1`)
	})
	s.signal(syscall.SIGTERM)
	s.notified("STOPPING=1")
	if status, text := page(t, "http://"+s.admin+"/readyz"); status != 503 || !strings.Contains(text, "draining") {
		t.Errorf("/readyz while draining: %d %q; want 503 and draining", status, text)
	}
	eventually(t, "the listener closed", func() bool { return !dials(s.listen) })
	if err := <-reply; err != nil {
		t.Errorf("the request under way got %v; want its reply", err)
	}
	s.ends(exitOK)
}

// TestSecondSignalStopsAtOnce does not wait for a server that will not answer.
func TestSecondSignalStopsAtOnce(t *testing.T) {
	s := perform(t, 1)
	if err := client(t, s.cast.groups[0][0]).ClientPause(t.Context(), time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request on its way", func() bool {
		_, text := page(t, "http://"+s.admin+"/metrics")
		return strings.Contains(text, `huntaway_requests_total{pool="alpha"} 1`)
	})
	s.signal(syscall.SIGTERM)
	s.notified("STOPPING=1")
	<-time.After(2 * twice) // what comes sooner counts as the same signal
	watch := rig.StartWatch()
	s.signal(syscall.SIGTERM)
	s.ends(exitFailed)
	if took := watch.Took(); took > 5*time.Second {
		t.Errorf("the second signal took %v; want at once", took)
	}
	mentions(t, "output", s.text(), errHurried.Error())
}

// TestBareCommandLine runs the program as nutcracker is run.
func TestBareCommandLine(t *testing.T) {
	c := troupe(t)
	listen, stats := free(t), free(t)
	_, port, _ := net.SplitHostPort(stats) // from net.Listen
	file := written(t, "nutcracker.yml", fmt.Sprintf("alpha:\n  listen: %s\n  redis: true\n  timeout: 400\n  servers:\n   - %s:1 one\n   - %s:1 two\n",
		listen, c.groups[0][0], c.groups[1][0]))
	dir := t.TempDir()
	log, pid := filepath.Join(dir, "log"), filepath.Join(dir, "pid")
	cmd := program(t, "-c", file, "-o", log, "-v", "6", "-p", pid, "-s", port, "-a", "127.0.0.1", "-m", "16384")
	cmd.Env = append(cmd.Env, "HUNTAWAY_ADMIN_HTTP="+free(t))
	p := start(t, cmd)
	p.says("-m (mbuf-size) is ignored")
	eventually(t, "the listener", func() bool { return dials(listen) })
	roundTrip(t, client(t, listen), "k")
	if text, err := os.ReadFile(pid); err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(p.cmd.Process.Pid) {
		t.Errorf("pid file: %q, %v; want %d", text, err, p.cmd.Process.Pid)
	}
	if status, text := page(t, "http://"+stats+"/"); status != 200 || !strings.Contains(text, `"one": {"server_eof"`) {
		t.Errorf("statistics: %d %s; want the server one in its pool", status, text)
	}
	p.signal(syscall.SIGHUP)
	eventually(t, "the reload", func() bool {
		text, _ := os.ReadFile(log) // none yet: nothing in it
		return strings.Contains(string(text), "configuration reloaded")
	})
	if text, err := os.ReadFile(log); err != nil || strings.Contains(string(text), "need a restart") {
		t.Errorf("the log has\n%s, %v; want options to stay in force in a reload", text, err)
	}
	p.signal(syscall.SIGINT)
	p.ends(exitOK)
	if _, err := os.Stat(pid); err == nil {
		t.Error("the pid file is still there")
	}
}

// TestRunFailsWhole: a port that is taken must not leave half a proxy.
func TestRunFailsWhole(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := written(t, "huntaway.toml", fmt.Sprintf("[admin]\nhttp = %q\n[pools.alpha]\nlisten = [%q, %q]\nservers = [%q]\n",
		free(t), free(t), taken.Addr(), free(t)+":1"))
	got := huntaway(t, "run", "-c", file)
	if got.status != exitFailed {
		t.Errorf("status %d; want 1", got.status)
	}
	mentions(t, "standard error", got.stderr, "pool alpha", taken.Addr().String(), "address already in use", "another address")
}
