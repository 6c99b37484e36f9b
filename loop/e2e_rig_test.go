package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// patience bounds every wait of these tests. It is far over what anything takes, because
// the machine may be busy with something else.
const patience = 2 * time.Minute

// A stage is an engine with one pool on real sockets, in front of servers of the test's own.
type stage struct {
	t      testing.TB
	engine *loop.Engine
	pool   *loop.Pool
	addr   string // where clients connect
	served chan error
}

// A scene says how to set a stage.
type scene struct {
	groups  []shard.Group
	options loop.PoolOptions
	engine  loop.Options
	unix    string // listen on this path instead of a TCP port
}

// newRig makes a rig whose servers end with the test.
func newRig(t testing.TB) *rig.Rig {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED, NOTHING TESTED: redis-server is not installed")
	}
	r, err := rig.New()
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

// startServers starts n redis-servers that end with the test.
func startServers(t testing.TB, n int, args ...string) []*rig.Child {
	t.Helper()
	r := newRig(t)
	servers := make([]*rig.Child, n)
	for i := range servers {
		var err error
		all := append([]string{"--enable-debug-command", "yes"}, args...)
		if servers[i], err = r.Redis(context.Background(), 1, all...); err != nil {
			t.Fatal(err)
		}
	}
	return servers
}

// alone makes one group of each server.
func alone(servers ...*rig.Child) (groups []shard.Group) {
	for i, s := range servers {
		groups = append(groups, group(fmt.Sprintf("g%d", i), s.Addr))
	}
	return groups
}

// group makes one group: the first address is the master, the others are replicas.
func group(name string, addrs ...string) shard.Group {
	g := shard.Group{Name: name, Weight: 1}
	for i, addr := range addrs {
		role := shard.Replica
		if i == 0 {
			role = shard.Master
		}
		g.Servers = append(g.Servers, shard.Server{Addr: addr, Role: role, Weight: 1})
	}
	return g
}

// play sets the stage; it is torn down with the test.
func play(t testing.TB, sc scene) *stage {
	t.Helper()
	table, err := shard.Build(shard.Spec{Groups: sc.groups, HashTag: "{}"})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, served: make(chan error, 1)}
	if sc.engine.Workers == 0 {
		sc.engine.Workers = 2
	}
	if st.engine, err = loop.New(sc.engine); err != nil {
		t.Fatal(err)
	}
	sc.options.Name, sc.options.Table, sc.options.Commands = "alpha", table, codec.Default()
	if sc.options.Timeout == 0 && sc.options.ConnectTimeout == 0 {
		sc.options.ConnectTimeout = patience // a second is little where the machine is busy
	}
	if st.pool, err = st.engine.AddPool(sc.options); err != nil {
		t.Fatal(err)
	}
	if err := st.engine.Start(); err != nil {
		t.Fatal(err)
	}
	st.listen(sc.unix)
	t.Cleanup(st.stop)
	return st
}

// listen serves a free port, or a unix socket.
func (st *stage) listen(path string) {
	network, addr := "tcp", "127.0.0.1:0"
	if path != "" {
		network, addr = "unix", path
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		st.t.Fatal(err)
	}
	st.addr = ln.Addr().String()
	go func() { st.served <- st.pool.Serve(ln) }()
}

// stop tears the stage down; a second call does nothing.
func (st *stage) stop() {
	if st.served == nil {
		return
	}
	if n := st.counters().Bugs; n != 0 {
		st.t.Errorf("got %d broken invariants; want 0", n)
	}
	if err := st.engine.Stop(); err != nil {
		st.t.Error(err)
	}
	if err := <-st.served; err != nil {
		st.t.Errorf("Serve = %v; want nil after Stop", err)
	}
	st.served = nil
}

// snapshot copies the counters.
func (st *stage) snapshot() perf.PoolSnapshot {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := st.engine.Snapshot(ctx)
	if err != nil {
		st.t.Fatal(err)
	}
	return s.Pools[0]
}

// counters are those of the pool.
func (st *stage) counters() *perf.PoolCounters {
	s := st.snapshot()
	return &s.Counters
}

// server finds a server's counters by its address.
func (st *stage) server(addr string) *perf.ServerCounters {
	st.t.Helper()
	for _, g := range st.snapshot().Groups {
		for i := range g.Servers {
			if g.Servers[i].Addr == addr {
				return &g.Servers[i].Counters
			}
		}
	}
	st.t.Fatalf("no server %s in the snapshot", addr)
	return nil
}

// keyOf returns a key that lives in the group: the prefix and a number behind it.
func (st *stage) keyOf(group int, prefix string) string {
	for i := 0; ; i++ {
		key := prefix + strconv.Itoa(i)
		if st.pool.Table().Locate([]byte(key)) == group {
			return key
		}
	}
}

// eventually polls until ok, and fails with what was awaited.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("still not so after %v: %s", patience, what)
		}
		<-tick.C
	}
}

// A client is a connection that sends and receives RESP2 frames with deadlines.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial connects to the stage; the connection ends with the test.
func (st *stage) dial() *client {
	st.t.Helper()
	c, err := st.connect()
	if err != nil {
		st.t.Fatal(err)
	}
	st.t.Cleanup(func() { c.conn.Close() })
	return c
}

// connect is dial for goroutines that are not the test's.
func (st *stage) connect() (*client, error) {
	network := "tcp"
	if strings.HasPrefix(st.addr, "/") {
		network = "unix"
	}
	return connectTo(network, st.addr)
}

func connectTo(network, addr string) (*client, error) {
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(3 * patience))
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, err
}

// send writes frames.
func (c *client) send(frames []byte) error {
	_, err := c.conn.Write(frames)
	return err
}

// reply reads one reply, framing included.
func (c *client) reply() ([]byte, error) { return appendReply(nil, c.in) }

// do sends one command and returns its reply as text: without type byte and CRLF for
// strings and numbers, whole for everything else. Errors keep their '-'.
func (c *client) do(args ...string) (string, error) {
	if err := c.send(rig.AppendCommand(nil, args...)); err != nil {
		return "", err
	}
	return c.text()
}

// text reads one reply as do returns it.
func (c *client) text() (string, error) {
	b, err := c.reply()
	if err != nil {
		return "", err
	}
	switch b[0] {
	case '+', ':':
		return string(b[1 : len(b)-2]), nil
	case '-':
		return string(b[:len(b)-2]), nil
	case '$':
		if bytes.HasPrefix(b, []byte("$-1")) {
			return "(nil)", nil
		}
		return string(b[bytes.IndexByte(b, '\n')+1 : len(b)-2]), nil
	}
	return string(b), nil
}

// must is do on the test's goroutine.
func (c *client) must(t testing.TB, args ...string) string {
	t.Helper()
	got, err := c.do(args...)
	if err != nil {
		t.Fatalf("%.60q: %v", args, err)
	}
	return got
}

// want is must with a check.
func (c *client) want(t testing.TB, want string, args ...string) {
	t.Helper()
	if got := c.must(t, args...); got != want {
		t.Fatalf("%.60q: got %.200q; want %.200q", args, got, want)
	}
}

// appendReply appends one RESP2 reply, the obvious way.
func appendReply(dst []byte, in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return dst, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return dst, fmt.Errorf("reply line %.80q; want one that ends with CRLF", line)
	}
	dst = append(dst, line...)
	switch line[0] {
	case '+', '-', ':':
		return dst, nil
	case '$', '*':
	default:
		return dst, fmt.Errorf("reply line %.80q; want a RESP2 type", line)
	}
	n, err := strconv.Atoi(string(line[1 : len(line)-2]))
	switch {
	case err != nil || n < 0:
		return dst, err
	case line[0] == '$':
		at := len(dst)
		dst = append(dst, make([]byte, n+2)...)
		_, err := io.ReadFull(in, dst[at:])
		return dst, err
	}
	for range n {
		if dst, err = appendReply(dst, in); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// value returns n bytes that belong to the token and to nobody else.
func value(token string, n int) string {
	if n <= len(token) {
		return token
	}
	return strings.Repeat(token+"/", n/(len(token)+1)+1)[:n]
}

// together runs f n times at once and joins what they return.
func together(n int, f func(i int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	var all []error
	for range n {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// newRand returns a source whose seed is told when the test fails.
func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, seed))
}
