package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// A watchedGroup is a master, two replicas and three Sentinels that watch them.
type watchedGroup struct {
	t         *testing.T
	servers   []*redisServer // the first is the master at the start
	sentinels []*redisServer
}

// watched starts a group named "g" under three Sentinels. preferred is who of the replicas, 1 or 2, the
// Sentinels would rather promote.
func watched(t *testing.T, preferred int) *watchedGroup {
	t.Helper()
	redisProgram, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED LOUDLY: no redis-server on PATH; Sentinels cannot be followed")
	}
	logging.Disable() // refused connections are what waiting for a server consists of
	g := &watchedGroup{t: t}
	_ = t.TempDir() // what is cleaned up first was made last: the directories have to outlive who writes into them
	t.Cleanup(func() { stopAll(append(slices.Clone(g.servers), g.sentinels...)) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var members []string
	for i := range 3 {
		s, err := startRedis(ctx, redisProgram, t.TempDir(), members)
		if err != nil {
			t.Fatal(err)
		}
		g.servers, members = append(g.servers, s), append(members, s.addr)
		if i == 0 {
			continue
		}
		if err := s.await(ctx, inSync); err != nil {
			t.Fatal(err)
		}
		if i == preferred {
			if err := client(t, s.addr).ConfigSet(ctx, "replica-priority", "1").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		g.sentinels = append(g.sentinels, g.sentinel(redisProgram))
	}
	for _, s := range g.sentinels {
		if err := s.await(ctx, knowsAll); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// knowsAll tells whether a Sentinel knows two replicas and two other Sentinels.
func knowsAll(ctx context.Context, c *redis.Client) bool {
	field, err := c.Do(ctx, "SENTINEL", "MASTER", "g").StringSlice()
	text := strings.Join(field, " ")
	return err == nil && strings.Contains(text, "num-slaves 2") && strings.Contains(text, "num-other-sentinels 2")
}

// sentinel starts one.
func (g *watchedGroup) sentinel(program string) *redisServer {
	g.t.Helper()
	addr := free(g.t)
	_, port, _ := net.SplitHostPort(addr)
	host, masterPort, _ := net.SplitHostPort(g.servers[0].addr)
	dir := g.t.TempDir()
	path := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nlogfile %s/log\nsentinel monitor g %s %s 2\nsentinel down-after-milliseconds g 1000\n"+
		"sentinel failover-timeout g 10000\nsentinel parallel-syncs g 2\n", port, dir, dir, host, masterPort)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command(program, path, "--sentinel")
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	s := &redisServer{addr: addr, cmd: cmd, done: make(chan struct{})}
	go func() { cmd.Wait(); close(s.done) }()
	if err := s.await(g.t.Context(), answers); err != nil {
		g.t.Fatal(err)
	}
	return s
}

// toml writes a configuration that follows the Sentinels at these addresses.
func (g *watchedGroup) toml(listen, admin string, sentinels []string) string {
	return written(g.t, "huntaway.toml", fmt.Sprintf("[admin]\nhttp = %q\n[runtime]\nstate_dir = %q\n[pools.alpha]\nlisten = %q\nhold_timeout = \"25s\"\ntimeout = \"10s\"\nself_fence = true\n"+
		"sentinels = [%s]\n[[pools.alpha.groups]]\nname = \"g\"\nmaster = %q\nreplicas = [%q, %q]\n", admin, g.t.TempDir(), listen,
		`"`+strings.Join(sentinels, `", "`)+`"`, g.servers[0].addr, g.servers[1].addr, g.servers[2].addr))
}

// yaml writes the same as a nutcracker.yml; the group has the name "1" there, which no Sentinel knows.
func (g *watchedGroup) yaml(listen string, sentinels []string) string {
	text := fmt.Sprintf("alpha:\n  listen: %s\n  redis: true\n  timeout: 10000\n  hold_timeout: 20s\n  sentinels:\n", listen)
	for _, s := range sentinels {
		text += "   - " + s + ":1\n"
	}
	text += "  servers:\n"
	for i, s := range g.servers {
		text += fmt.Sprintf("   - %s:1|1:1:%c\n", s.addr, "mss"[i])
	}
	return written(g.t, "nutcracker.yml", text)
}

func (g *watchedGroup) sentinelAddrs() (addrs []string) {
	for _, s := range g.sentinels {
		addrs = append(addrs, s.addr)
	}
	return addrs
}

// serve starts a proxy and waits until it answers.
func (g *watchedGroup) serve(file, listen string) *process {
	g.t.Helper()
	p := start(g.t, program(g.t, "run", "-c", file))
	eventually(g.t, "the proxy at "+listen, func() bool { return dials(listen) })
	return p
}

// heir waits until another server than the first is master, and returns it.
func (g *watchedGroup) heir() (who *redisServer) {
	g.t.Helper()
	eventually(g.t, "a promotion", func() bool {
		for _, s := range g.servers[1:] {
			if text, _ := client(g.t, s.addr).Info(g.t.Context(), "replication").Result(); strings.Contains(text, "role:master") {
				who = s
			}
		}
		return who != nil
	})
	return who
}

// A scribe writes one key after the other through a proxy and keeps what it was told.
type scribe struct {
	name string
	c    *redis.Client
	stop chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex
	acked   []time.Time // when write i was acknowledged; zero: it was not
	failed  []string    // what the others were answered
	longest time.Duration
}

// scribes starts one at each address; they end with the test.
func scribes(t *testing.T, addrs ...string) (all []*scribe) {
	t.Helper()
	for i, addr := range addrs {
		s := &scribe{name: fmt.Sprintf("w%d", i), stop: make(chan struct{}), c: redis.NewClient(&redis.Options{
			Addr: addr, PoolSize: 2, MaxRetries: -1, DisableIdentity: true, Protocol: 2, ReadTimeout: time.Minute})}
		s.done.Go(s.run)
		t.Cleanup(func() { s.end(); s.c.Close() })
		all = append(all, s)
	}
	return all
}

func (s *scribe) run() {
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-s.stop:
			return
		case <-pace.C:
		}
		sent := time.Now()
		err := s.c.Set(context.Background(), s.key(i), i, 0).Err()
		s.mu.Lock()
		now := time.Now()
		s.longest = max(s.longest, now.Sub(sent))
		if err != nil {
			now = time.Time{}
			s.failed = append(s.failed, fmt.Sprintf("%d: %v", i, err))
		}
		s.acked = append(s.acked, now)
		s.mu.Unlock()
	}
}

func (s *scribe) key(i int) string { return fmt.Sprintf("%s:%d", s.name, i) }

func (s *scribe) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.done.Wait()
}

// goesOn waits until n more writes were acknowledged.
func (s *scribe) goesOn(t *testing.T, n int) {
	t.Helper()
	count := func() (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, at := range s.acked {
			if !at.IsZero() {
				n++
			}
		}
		return n
	}
	before := count()
	eventually(t, s.name+" writes", func() bool { return count() >= before+n })
}

// lost returns when those writes were acknowledged that the server does not have.
func (s *scribe) lost(t *testing.T, server string) (all []time.Time) {
	t.Helper()
	c := client(t, server)
	for from := 0; from < len(s.acked); from += 1000 {
		pipe := c.Pipeline()
		var asked []*redis.IntCmd
		till := min(from+1000, len(s.acked))
		for i := from; i < till; i++ {
			asked = append(asked, pipe.Exists(t.Context(), s.key(i)))
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := from; i < till; i++ {
			if !s.acked[i].IsZero() && asked[i-from].Val() == 0 {
				all = append(all, s.acked[i])
			}
		}
	}
	return all
}

// TestSentinelCrash: two proxies, one of them by a nutcracker.yml, follow three Sentinels through the
// death of a master; what was acknowledged is there but for the asynchronous tail; what was not
// says why.
func TestSentinelCrash(t *testing.T) {
	g := watched(t, 0)
	one, two := free(t), free(t)
	g.serve(g.toml(one, free(t), g.sentinelAddrs()), one)
	g.serve(g.yaml(two, g.sentinelAddrs()), two)
	all := scribes(t, one, two)
	for _, s := range all {
		s.goesOn(t, 200)
	}
	dead := time.Now()
	g.servers[0].cmd.Process.Kill()
	heir := g.heir()
	for _, s := range all {
		s.goesOn(t, 200)
		s.end()
		for _, at := range s.lost(t, heir.addr) {
			if at.Before(dead.Add(-time.Second)) || at.After(dead.Add(time.Second)) {
				t.Errorf("%s: a write was lost that was acknowledged %v after the crash", s.name, at.Sub(dead))
			}
		}
		for _, f := range s.failed {
			if !strings.Contains(f, "may have been executed") && !strings.Contains(f, "not executed") {
				t.Errorf("%s: got %q; want failures that say what became of the write", s.name, f)
			}
		}
		t.Logf("%s: %d writes, %d failed %v, longest %v, lost %d", s.name, len(s.acked), len(s.failed), s.failed, s.longest, len(s.lost(t, heir.addr)))
	}
}

// TestSentinelSwitchover: a switchover through one proxy fails no request of its clients, nor of
// the other proxy's.
func TestSentinelSwitchover(t *testing.T) {
	g := watched(t, 2)
	one, two, admin := free(t), free(t), free(t)
	g.serve(g.toml(one, admin, g.sentinelAddrs()), one)
	g.serve(g.toml(two, free(t), g.sentinelAddrs()), two)
	all := scribes(t, one, two)
	for _, s := range all {
		s.goesOn(t, 200)
	}
	eventually(t, "the Sentinels know who is preferred", func() bool {
		for _, s := range g.sentinels {
			text, _ := client(t, s.addr).Do(t.Context(), "SENTINEL", "REPLICAS", "g").Result()
			if !strings.Contains(fmt.Sprint(text), "slave-priority 1 ") {
				return false
			}
		}
		return true
	})
	var got outcome
	eventually(t, "a switchover that is taken up", func() bool {
		got = huntaway(t, "switchover", "--admin", admin, "--group", "g", "--to", g.servers[2].addr, "--expect-master", g.servers[0].addr)
		return got.status == exitOK || !strings.Contains(got.stderr, "needs it healthy")
	})
	if got.status != exitOK {
		t.Errorf("switchover: got %+v; want it done", got)
	}
	if heir := g.heir(); heir != g.servers[2] {
		t.Errorf("got %s as master; want %s", heir.addr, g.servers[2].addr)
	}
	for _, s := range all {
		s.goesOn(t, 200)
		s.end()
		lost := s.lost(t, g.servers[2].addr)
		t.Logf("%s: %d writes, %d failed %v, longest %v, lost %d", s.name, len(s.acked), len(s.failed), s.failed, s.longest, len(lost))
		if len(s.failed) > 0 || len(lost) > 0 {
			t.Errorf("%s: %d failed, %d lost; want none", s.name, len(s.failed), len(lost))
		}
	}
}

// A relay passes connections on to an address until it is cut.
type relay struct {
	addr string
	ln   net.Listener

	mu    sync.Mutex // guards conns
	conns []net.Conn
}

// relayTo starts one; it is gone when the test is.
func relayTo(t *testing.T, to string) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: ln.Addr().String(), ln: ln}
	var passing sync.WaitGroup
	pass := func(from, to net.Conn) {
		io.Copy(to, from) // until either end is closed
		from.Close()
		to.Close()
	}
	passing.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			r.mu.Unlock()
			passing.Go(func() { pass(in, out) })
			passing.Go(func() { pass(out, in) })
		}
	})
	t.Cleanup(func() { r.cut(); passing.Wait() })
	return r
}

// cut ends all connections and refuses new ones.
func (r *relay) cut() {
	r.ln.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
}

// tellsOfSilence looks whether a proxy says on all its pages that none of its Sentinels answers.
func tellsOfSilence(t *testing.T, admin string, sentinels []string) {
	t.Helper()
	got := huntaway(t, "status", "--admin", admin)
	if got.status != exitFailed || !strings.HasPrefix(got.stdout, "warning: pool alpha: no sentinel answers") {
		t.Errorf("status: %d\n%s\nwant %d, and first that no sentinel answers", got.status, got.stdout, exitFailed)
	}
	events := huntaway(t, "events", "--admin", admin).stdout
	for _, addr := range sentinels {
		mentions(t, "status", got.stdout, addr+": ")
		mentions(t, "events", events, "("+addr+": ")
	}
	mentions(t, "events", events, "0 of 3 answer: ")
	_, metrics := page(t, "http://"+admin+"/metrics")
	mentions(t, "metrics", metrics, `huntaway_sentinels{pool="alpha",state="silent"} 3`)
	_, ready := page(t, "http://"+admin+"/readyz?verbose")
	mentions(t, "readyz", ready, "ok, but 3 of 3 sentinels do not answer")
}

// TestSentinelBlindProxy: of two proxies one cannot reach the Sentinels when they fail over from a
// master that lives. It finds out by the servers themselves: no client of it sees a
// READONLY, and what it wrote to the old master is bounded by self_fence. The other one stops
// writing when a Sentinel begins.
func TestSentinelBlindProxy(t *testing.T) {
	g := watched(t, 0)
	one, two := free(t), free(t)
	var relays []*relay
	var addrs []string
	for _, s := range g.sentinels {
		relays = append(relays, relayTo(t, s.addr))
		addrs = append(addrs, relays[len(relays)-1].addr)
	}
	admin := free(t)
	g.serve(g.toml(one, free(t), g.sentinelAddrs()), one)
	blind := g.serve(g.toml(two, admin, addrs), two)
	all := scribes(t, one, two)
	for _, s := range all {
		s.goesOn(t, 200)
	}
	for _, r := range relays {
		r.cut()
	}
	blind.says("no sentinel answers")
	tellsOfSilence(t, admin, addrs)
	before := time.Now()
	if err := client(t, g.sentinels[0].addr).Do(t.Context(), "SENTINEL", "FAILOVER", "g").Err(); err != nil {
		t.Fatal(err)
	}
	heir := g.heir()
	moved := time.Now()
	all[0].goesOn(t, 200)
	eventually(t, "the old master is demoted", func() bool {
		text, _ := client(t, g.servers[0].addr).Info(t.Context(), "replication").Result()
		return strings.Contains(text, "role:slave")
	})
	demoted := time.Now()
	for i, s := range all {
		s.goesOn(t, 200)
		s.end()
		lost := s.lost(t, heir.addr)
		t.Logf("%s: %d writes, %d failed %v, longest %v, lost %d; demoted %v after the promotion", s.name, len(s.acked), len(s.failed), s.failed, s.longest, len(lost), demoted.Sub(moved))
		window := []time.Duration{500 * time.Millisecond, 6 * time.Second}[i]
		for _, at := range lost {
			if at.Before(before) || at.After(moved.Add(window)) {
				t.Errorf("%s: a write was lost that was acknowledged %v after the promotion", s.name, at.Sub(moved))
			}
		}
		for _, f := range s.failed {
			if !strings.Contains(f, "may have been executed") {
				t.Errorf("%s: got %q; want every write taken, or unknown when the old master was fenced off", s.name, f)
			}
		}
	}
}
