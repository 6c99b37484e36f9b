package loop_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// childEnv makes the test binary run one test's proxy as a process of its own.
const childEnv = "HUNTAWAY_TEST_FEW_DESCRIPTORS"

// TestFewDescriptors has its proxy in a process with a low limit of descriptors: clients
// come until none is left; who is served goes on being served, and when some leave, others
// are taken.
func TestFewDescriptors(t *testing.T) {
	if addr := os.Getenv(childEnv); addr != "" {
		serveWithFewDescriptors(t, addr)
		return
	}
	st := &stage{t: t}
	log := st.playInChild(startServers(t, 1)[0].Addr)
	served := st.dial()
	served.want(t, "OK", "SET", "k", "v")
	var crowd []*client
	for range 200 {
		c := st.dial()
		if err := c.send([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, c)
	}
	log.await(t, "client turned away")
	for range 50 {
		served.want(t, "v", "GET", "k")
	}
	for _, c := range crowd {
		c.conn.Close()
	}
	servesNewcomers(t, st)
	served.want(t, "v", "GET", "k")
}

// TestFewDescriptorsAreSharedOut has more clients wait than there are descriptors for: those beyond
// are told so, and others come in, ask and are answered; a crowd that takes all that is left is
// turned away, and when it has gone others are taken.
func TestFewDescriptorsAreSharedOut(t *testing.T) {
	if addr := os.Getenv(childEnv); addr != "" {
		serveWithFewDescriptors(t, addr)
		return
	}
	const limit = 64
	st := &stage{t: t}
	log := st.playInChild(startServers(t, 1)[0].Addr)
	var crowd []*client
	come := func(request, want string) {
		t.Helper()
		c := st.dial()
		crowd = append(crowd, c)
		if err := c.send([]byte(request)); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			return
		}
		if got, err := c.reply(); err != nil || !strings.HasPrefix(string(got), want) {
			t.Fatalf("client %d: %s: got %q, %v; want %q", len(crowd), request, got, err, want)
		}
	}
	const waits = (limit - limit/2) * 2 / 5
	for range waits {
		come("BLPOP q 0\r\n", "")
	}
	come("SET k v\r\n", "+OK")
	eventually(t, "all of them wait", func() bool {
		return strings.Contains(crowd[waits].must(t, "INFO", "clients"), "blocked_clients:"+strconv.Itoa(waits)+"\r\n")
	})
	come("BLPOP q 0\r\n", "-ERR max number of blocked clients reached")
	for len(crowd) < limit-limit/2-waits {
		come("GET k\r\n", "$1\r\nv")
	}
	for range 100 {
		come("GET k\r\n", "-ERR max number of clients reached")
	}
	log.await(t, "client turned away")
	for _, c := range crowd[waits+1:] {
		c.conn.Close()
	}
	servesNewcomers(t, st)
}

// servesNewcomers waits until a client that comes is served; k is v.
func servesNewcomers(t *testing.T, st *stage) {
	t.Helper()
	eventually(t, "newcomers are served", func() bool {
		c, err := st.connect()
		if err != nil {
			return false
		}
		defer c.conn.Close()
		got, err := c.do("GET", "k")
		return err == nil && got == "v"
	})
}

// serveWithFewDescriptors is the child: it tells its address and serves until its standard
// input ends. When it serves more clients than it has descriptors for, that is by surprise.
func serveWithFewDescriptors(t *testing.T, server string) {
	few := func() {
		limit := unix.Rlimit{Cur: 64, Max: 64}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	surprise := t.Name() == "TestFewDescriptors"
	if !surprise {
		few()
	}
	sc := scene{groups: one(group("g", server))}
	sc.engine = loop.Options{Workers: 1, MaxClients: 10_000, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	st := play(t, sc)
	if surprise {
		few()
	}
	fmt.Fprintln(os.Stderr, "listening on", st.addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// lines are what the child says.
type lines struct{ in *bufio.Scanner }

// await reads until a line contains the text, and returns what stands behind it.
func (l *lines) await(t *testing.T, text string) string {
	t.Helper()
	for l.in.Scan() {
		if _, rest, ok := strings.Cut(l.in.Text(), text); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("the child ended without saying %q: %v", text, l.in.Err())
	return ""
}

// playInChild runs the calling test in a child that serves, and finds out where.
func (st *stage) playInChild(server string) *lines {
	child := exec.Command(os.Args[0], "-test.run=^"+st.t.(*testing.T).Name()+"$", "-test.timeout=60s")
	child.Env = append(os.Environ(), childEnv+"="+server)
	hold, err1 := child.StdinPipe()
	said, err2 := child.StderrPipe()
	if err := errors.Join(err1, err2, child.Start()); err != nil {
		st.t.Fatal(err)
	}
	log := &lines{bufio.NewScanner(said)}
	st.t.Cleanup(func() {
		hold.Close()
		for log.in.Scan() { // or it could not end for want of a reader
		}
		if err := child.Wait(); err != nil {
			st.t.Errorf("the child: %v", err)
		}
	})
	st.addr = log.await(st.t.(*testing.T), "listening on")
	return log
}

func TestMaxClients(t *testing.T) {
	sc := scene{groups: alone(startServers(t, 1)...)}
	sc.options.ClientConnections = 2
	st := play(t, sc)
	first, second := st.dial(), st.dial()
	first.want(t, "OK", "SET", "k", "v")
	second.want(t, "v", "GET", "k")
	third := st.dial()
	if got, err := third.text(); err != nil || got != "-ERR max number of clients reached" {
		t.Errorf("got %q, %v; want what Redis says", got, err)
	}
	second.conn.Close()
	eventually(t, "there is room again", func() bool {
		c, err := st.connect()
		if err != nil {
			return false
		}
		defer c.conn.Close()
		got, err := c.do("GET", "k")
		return err == nil && got == "v"
	})
	if st.counters().RejectedClients == 0 {
		t.Error("got no rejected client; want them counted")
	}
}

func TestUnixSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "hw") // t.TempDir can exceed the 107 bytes of a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "redis")
	startServers(t, 1, "--unixsocket", path)
	st := play(t, scene{groups: one(group("g", path)), unix: filepath.Join(dir, "proxy")})
	err = together(10, func(i int) error {
		c, err := st.connect()
		if err != nil {
			return err
		}
		defer c.conn.Close()
		key := fmt.Sprint("k", i)
		for n := range 50 {
			want := value(fmt.Sprint(key, n), 5000)
			if got, err := c.do("SET", key, want); err != nil || got != "OK" {
				return fmt.Errorf("SET: got %q, %w", got, err)
			}
			if got, err := c.do("GET", key); err != nil || got != want {
				return fmt.Errorf("GET: got %.50q, %w; want %.50q", got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestHandshake: links log in and select their database; a password that the server does
// not take fails requests with the reason, and is no reason any more once it is put right.
func TestHandshake(t *testing.T) {
	server := withPassword(t, "right horse")
	sc := scene{groups: alone(server)}
	sc.options.ServerPassword, sc.options.DB = "right horse", 3
	st := play(t, sc)
	c := st.dial()
	c.want(t, "OK", "SET", "k", "v")
	direct, err := connectTo("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.conn.Close()
	direct.want(t, "OK", "AUTH", "right horse")
	direct.want(t, "OK", "SELECT", "3")
	direct.want(t, "v", "GET", "k")

	setPassword(t, server.Addr, "right horse", "another")
	direct.want(t, "1", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	var refused string
	eventually(t, "the password is refused", func() bool {
		refused = c.must(t, "SET", "k", "w")
		return notRun(refused) && strings.Contains(refused, "credentials")
	})
	for range 5 {
		if got := c.must(t, "GET", "k"); !notRun(got) || !strings.Contains(got, "credentials") {
			t.Errorf("got %q; want the reason every time, not just at the first", got)
		}
	}
	direct.want(t, "OK", "CONFIG", "SET", "requirepass", "right horse")
	eventually(t, "the password is taken", func() bool { return c.must(t, "SET", "k", "w") == "OK" })
}

func TestStopLeavesNothing(t *testing.T) {
	servers := startServers(t, 2)
	silent, err := rig.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	before, ignore := descriptors(t), goleak.IgnoreCurrent()
	for range 3 {
		sc := scene{groups: append(alone(servers...), group("dead", fmt.Sprintf("127.0.0.1:%d", silent[0])))}
		sc.options.Preconnect = true
		st := play(t, sc)
		cr := st.work(4, 0, 5)
		cr.after(t, 20)
		st.stop()
		if err := <-cr.done; err == nil {
			t.Error("got no error from the writers; want their connections closed")
		}
		for _, w := range cr.writers {
			w.c.conn.Close()
		}
	}
	// gnet's pool of goroutines is the process's and keeps idle ones for a while.
	if err := goleak.Find(ignore, goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1")); err != nil {
		t.Error(err)
	}
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
}

// descriptors counts what this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// withPassword is a server that asks for one; rig's own PING must get through, so the
// password is set after the start.
func withPassword(t testing.TB, password string) *rig.Child {
	t.Helper()
	server := startServers(t, 1)[0]
	setPassword(t, server.Addr, "", password)
	return server
}

// setPassword changes a server's password.
func setPassword(t testing.TB, addr, from, to string) {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	if from != "" {
		c.want(t, "OK", "AUTH", from)
	}
	c.want(t, "OK", "CONFIG", "SET", "requirepass", to)
}
