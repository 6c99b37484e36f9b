package ha

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/shard"
)

// launchSentinel starts a Sentinel that watches masters by name, with a quorum of 2; it is gone
// when the test is.
func launchSentinel(t *testing.T, masters map[string]*instance, more ...string) *instance {
	t.Helper()
	port := freePort(t)
	dir := t.TempDir()
	conf := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\n", port, dir)
	for name, m := range masters {
		conf += fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 2\nsentinel down-after-milliseconds %[1]s 1000\n"+
			"sentinel failover-timeout %[1]s 10000\nsentinel parallel-syncs %[1]s 5\n", name, m.port)
	}
	path := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(path, []byte(conf+strings.Join(more, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, port: port, args: []string{path, "--sentinel"}}
	i.Client = redis.NewClient(&redis.Options{Addr: i.addr(), Protocol: 2, DisableIdentity: true, PoolSize: 2})
	t.Cleanup(func() { i.Client.Close(); i.kill() })
	i.start()
	return i
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// A flock is a group with the Sentinels that watch it.
type flock struct {
	all       []*instance // the first is the master at the start
	sentinels []*instance
}

// launchFlock starts a master, two replicas and three Sentinels that know each other and them.
func launchFlock(t *testing.T, name string) *flock {
	t.Helper()
	f := &flock{}
	m := launch(t)
	f.all = []*instance{m, launch(t).follows(m), launch(t).follows(m)}
	for range 3 {
		f.sentinels = append(f.sentinels, launchSentinel(t, map[string]*instance{name: m}))
	}
	f.settled(name)
	return f
}

// settled waits until every Sentinel knows two replicas and two others.
func (f *flock) settled(name string) {
	t := f.all[0].t
	t.Helper()
	for _, s := range f.sentinels {
		within(t, 30*time.Second, s.addr()+" knows everybody", func() bool {
			field, err := s.Do(context.Background(), "SENTINEL", "MASTER", name).StringSlice()
			text := strings.Join(field, " ")
			return err == nil && strings.Contains(text, "num-slaves 2") && strings.Contains(text, "num-other-sentinels 2")
		})
	}
}

func (f *flock) addrs() (addrs []string) {
	for _, s := range f.sentinels {
		addrs = append(addrs, s.addr())
	}
	return addrs
}

// turn is the change from the first server to the second.
func (f *flock) turn(group string) change {
	return change{group: group, from: f.all[0].addr(), to: f.all[1].addr()}
}

// A follow is a follower of Sentinels whose words are kept.
type follow struct {
	t *testing.T
	s *sentinels
	*board

	mu    sync.Mutex
	told  []arbiterEvent
	notes []Transition
}

// following starts a follower over a table of the groups.
func following(t *testing.T, addrs []string, access Access, groups ...shard.Group) *follow {
	t.Helper()
	silenceLibrary()
	f := &follow{t: t, board: &board{}}
	f.Publish(tableOf(t, nil, groups...))
	f.s = newSentinels(PoolOptions{Name: "p", Publisher: f.board, Sentinels: addrs, SentinelAccess: access.complete()}, func(n Transition) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.notes = append(f.notes, n)
	})
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan arbiterEvent)
	var wg sync.WaitGroup
	wg.Go(func() { f.s.run(ctx, out); close(out) })
	wg.Go(func() {
		for ev := range out {
			f.mu.Lock()
			f.told = append(f.told, ev)
			f.mu.Unlock()
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return f
}

// heard returns all that was told so far, one after the other, the repeated once.
func (f *follow) heard() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range f.told {
		if s := ev.group + " " + spell([]failover.Event{ev.ev}); len(all) == 0 || all[len(all)-1] != s {
			all = append(all, s)
		}
	}
	return all
}

// noted returns all that was noted so far.
func (f *follow) noted() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, n := range f.notes {
		fmt.Fprintf(&b, "%s [%s] %s\n", n.What, n.Group, n.Cause)
	}
	return b.String()
}

// hears waits until something that begins with each of the texts was told, in this order.
func (f *follow) hears(texts ...string) {
	f.t.Helper()
	end := time.Now().Add(busy * 20 * time.Second)
	within(f.t, 21*time.Second, fmt.Sprint(texts), func() bool {
		rest := texts
		for _, h := range f.heard() {
			if len(rest) > 0 && strings.HasPrefix(h, rest[0]) {
				rest = rest[1:]
			}
		}
		if len(rest) > 0 && time.Now().After(end) {
			f.t.Fatalf("got no %q of %q in\n%s\nnotes:\n%s", rest[0], texts, strings.Join(f.heard(), "\n"), f.noted())
		}
		return len(rest) == 0
	})
}

// notes waits until a note contains text.
func (f *follow) notesThat(text string) {
	f.t.Helper()
	end := time.Now().Add(busy * 20 * time.Second)
	within(f.t, 21*time.Second, "note "+text, func() bool {
		ok := strings.Contains(f.noted(), text)
		if !ok && time.Now().After(end) {
			f.t.Fatalf("got no %q in\n%s", text, f.noted())
		}
		return ok
	})
}

// rising fails the test when an epoch fell, or one names two masters.
func (f *follow) rising() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	last, named := map[string]uint64{}, map[string]string{}
	for _, ev := range f.told {
		key := fmt.Sprint(ev.group, " ", ev.ev.Epoch)
		if ev.ev.Epoch < last[ev.group] || named[key] != "" && named[key] != ev.ev.Addr {
			f.t.Errorf("got %s@%d of %s after epoch %d and %q; want epochs that rise and name one", ev.ev.Addr, ev.ev.Epoch, ev.group, last[ev.group], named[key])
		}
		last[ev.group], named[key] = ev.ev.Epoch, ev.ev.Addr
	}
}

// A parrot is a Sentinel that says what the test puts into its mouth.
type parrot struct {
	t  *testing.T
	ln net.Listener

	mu       sync.Mutex
	masters  []map[string]string // of SENTINEL MASTERS
	current  string              // of SENTINEL GET-MASTER-ADDR-BY-NAME, host:port
	replicas []string            // of SENTINEL REPLICAS, host:port
	known    []map[string]string // likewise, all that is said of them
	failover string              // of SENTINEL FAILOVER; "": it does not know it
	tilt     bool
	torn     bool       // answers with what is no RESP
	subs     []net.Conn // who subscribed
	asked    int        // SENTINEL MASTERS so far

	onFailover func() // happens with SENTINEL FAILOVER, mu held; nil: nothing
}

func newParrot(t *testing.T) *parrot {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &parrot{t: t, ln: ln}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() { ln.Close() })
	return p
}

func (p *parrot) addr() string { return p.ln.Addr().String() }

// says sets what it says of one master, at an address under an epoch; more is names and values.
func (p *parrot) says(name, addr string, epoch int, more ...string) {
	host, port, _ := net.SplitHostPort(addr)
	m := map[string]string{"name": name, "ip": host, "port": port, "flags": "master", "config-epoch": strconv.Itoa(epoch)}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.masters = []map[string]string{m}
}

// set changes what it says otherwise.
func (p *parrot) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// publish sends everybody who subscribed a message.
func (p *parrot) publish(channel, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.subs {
		fmt.Fprintf(c, "*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(channel), channel, len(text), text)
	}
}

func (p *parrot) serve(c net.Conn) {
	defer c.Close()
	for in := bufio.NewReader(c); ; {
		args, err := readCommand(in)
		if err != nil {
			return
		}
		p.mu.Lock()
		text := p.answer(c, args)
		p.mu.Unlock()
		if _, err := c.Write([]byte(text)); err != nil {
			return
		}
	}
}

// answer words the reply. The caller holds mu.
func (p *parrot) answer(c net.Conn, args []string) string {
	switch strings.ToUpper(strings.Join(args[:min(2, len(args))], " ")) {
	case "SENTINEL MASTERS":
		p.asked++
		if p.torn {
			return ":1\r\n"
		}
		return pairsOf(p.masters)
	case "SENTINEL REPLICAS":
		all := slices.Clone(p.known)
		for _, r := range p.replicas {
			host, port, _ := net.SplitHostPort(r)
			all = append(all, map[string]string{"ip": host, "port": port})
		}
		return pairsOf(all)
	case "SENTINEL MASTER":
		return strings.TrimPrefix(pairsOf(p.masters[:1]), "*1\r\n")
	case "SENTINEL CKQUORUM":
		return "+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n"
	case "SENTINEL FAILOVER":
		if p.failover != "" {
			if p.onFailover != nil {
				p.onFailover()
			}
			return p.failover
		}
	case "SENTINEL GET-MASTER-ADDR-BY-NAME":
		host, port, _ := net.SplitHostPort(p.current)
		return fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(host), host, len(port), port)
	case "INFO SENTINEL":
		text := "# Sentinel\r\nsentinel_tilt:0\r\n"
		if p.tilt {
			text = "# Sentinel\r\nsentinel_tilt:1\r\n"
		}
		return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	}
	if strings.EqualFold(args[0], "SUBSCRIBE") {
		p.subs = append(p.subs, c)
		var b strings.Builder
		for i, ch := range args[1:] {
			fmt.Fprintf(&b, "*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:%d\r\n", len(ch), ch, i+1)
		}
		return b.String()
	}
	return "-ERR unknown command\r\n"
}

// pairsOf writes maps as RESP2 lists of names and values.
func pairsOf(all []map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(all))
	for _, m := range all {
		fmt.Fprintf(&b, "*%d\r\n", 2*len(m))
		for k, v := range m {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n$%d\r\n%s\r\n", len(k), k, len(v), v)
		}
	}
	return b.String()
}

// readCommand reads one RESP request.
func readCommand(in *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number()
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		for read := 0; read < len(text); {
			k, err := in.Read(text[read:])
			if err != nil {
				return nil, err
			}
			read += k
		}
		args[i] = string(text[:size])
	}
	return args, nil
}
