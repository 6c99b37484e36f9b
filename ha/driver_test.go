package ha

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"huntaway/codec"
	"huntaway/ha/vital"
	"huntaway/perf"
	"huntaway/shard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trio is a master with two replicas, watched; the readers are 1 and 2.
func trio(t *testing.T, o PoolOptions, args ...string) (tr *trial, master, one, two *instance) {
	t.Helper()
	master = launch(t, args...)
	one, two = launch(t, args...).follows(master), launch(t, args...).follows(master)
	tr = watching(t, o, groupOf("g", master, one, two))
	tr.reads(3*time.Second, "[1 2]")
	return tr, master, one, two
}

// chain is a trio whose second replica follows the first.
func chain(t *testing.T, o PoolOptions) (tr *trial, master, one *instance) {
	t.Helper()
	master = launch(t)
	one = launch(t).follows(master)
	tr = watching(t, o, groupOf("g", master, one, launch(t).follows(one)))
	tr.reads(3*time.Second, "[1 2]")
	return tr, master, one
}

func TestReplicaKilled(t *testing.T) {
	tr, _, one, _ := trio(t, PoolOptions{})
	one.kill()
	tr.reads(time.Second, "[2]")
	tr.because(1, ReasonDown)
	one.start()
	one.must("REPLICAOF", "127.0.0.1", tr.masterPort())
	tr.reads(5*time.Second, "[1 2]")
}

// masterPort returns the port of the first group's master.
func (tr *trial) masterPort() string {
	addr := tr.Table().Server(tr.Table().Groups[0].Master).Addr
	return addr[strings.LastIndexByte(addr, ':')+1:]
}

// With the timers of production a hanging replica has to be gone within a second.
func TestReplicaHangs(t *testing.T) {
	tr, _, one, _ := trio(t, PoolOptions{ProbeInterval: 500 * time.Millisecond})
	one.signal(syscall.SIGSTOP)
	tr.reads(1500*time.Millisecond, "[2]")
	one.signal(syscall.SIGCONT)
	tr.reads(3*time.Second, "[1 2]")
}

func TestReplicaSleeps(t *testing.T) {
	tr, _, _, two := trio(t, PoolOptions{})
	slept := make(chan struct{})
	go func() {
		defer close(slept)
		two.Client.Do(context.Background(), "DEBUG", "SLEEP", "1.2")
	}()
	tr.reads(time.Second, "[1]")
	tr.because(2, ReasonSilent)
	<-slept
	tr.reads(2*time.Second, "[1 2]")
}

// A replica of a replica that is stopped: alive, its link is up, and it falls behind.
func TestReplicaLags(t *testing.T) {
	tr, master, one := chain(t, PoolOptions{MaxLag: 500 * time.Millisecond})
	one.signal(syscall.SIGSTOP)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				master.Client.Set(context.Background(), "k", n, 0)
			}
		}
	}()
	tr.because(2, ReasonLagging)
	tr.reads(time.Second, "[]")
	close(stop)
	<-stopped
	one.signal(syscall.SIGCONT)
	tr.reads(5*time.Second, "[1 2]")
}

func TestReplicaLagsInBytes(t *testing.T) {
	tr, master, one := chain(t, PoolOptions{MaxLagBytes: 10_000})
	one.signal(syscall.SIGSTOP)
	master.must("SET", "k", strings.Repeat("x", 20_000))
	tr.because(2, ReasonLagging)
	one.signal(syscall.SIGCONT)
	tr.reads(5*time.Second, "[1 2]")
}

func TestReplicaLoads(t *testing.T) {
	tr, _, one, _ := trio(t, PoolOptions{}, "--loading-process-events-interval-bytes", "1024")
	pipe := one.Client.Pipeline()
	pipe.Do(context.Background(), "REPLICAOF", "NO", "ONE")
	pipe.Do(context.Background(), "DEBUG", "POPULATE", "2000", "key", "64")
	pipe.Do(context.Background(), "SAVE")
	if _, err := pipe.Exec(context.Background()); err != nil {
		t.Fatal(err)
	}
	one.kill()
	one.args = append(one.args, "--key-load-delay", "500", "--replicaof", "127.0.0.1 "+tr.masterPort())
	one.start()
	tr.because(1, ReasonLoading)
	tr.reads(15*time.Second, "[1 2]")
}

func TestReplicaOfElsewhere(t *testing.T) {
	tr, master, one, _ := trio(t, PoolOptions{})
	one.follows(launch(t))
	tr.reads(2*time.Second, "[2]")
	tr.because(1, ReasonWrongMaster)
	one.must("REPLICAOF", "NO", "ONE")
	tr.because(1, ReasonRole)
	one.must("CONFIG", "SET", "replica-read-only", "no")
	one.follows(master)
	tr.because(1, ReasonWritable)
	one.must("CONFIG", "SET", "replica-read-only", "yes")
	tr.reads(15*time.Second, "[1 2]")
}

func TestWrongPassword(t *testing.T) {
	master := launch(t)
	replica := launch(t).follows(master)
	replica.must("CONFIG", "SET", "requirepass", "right")
	tr := watching(t, PoolOptions{Access: Access{Password: "wrong"}}, groupOf("g", master, replica))
	tr.because(1, ReasonAuth)
	if got := tr.readers(); got != "[]" {
		t.Errorf("readers: got %s; want none", got)
	}
	if cause := tr.m.Status()[1].Cause; !strings.Contains(cause, "WRONGPASS") {
		t.Errorf("cause: got %q; want the server's WRONGPASS", cause)
	}
	replica.Client.Options().Password = "right"
	replica.must("CONFIG", "SET", "requirepass", "wrong")
	tr.reads(3*time.Second, "[1]")
}

// TestMasterKilled: reads go on from the replicas, without a moment in which one is missing.
func TestMasterKilled(t *testing.T) {
	tr, master, one, two := trio(t, PoolOptions{MaxLag: 300 * time.Millisecond})
	master.kill()
	eventually(t, "the master is out", func() bool { return tr.m.Status()[0].State == Out })
	dead := perf.Now()
	eventually(t, "both replicas were asked for a second", func() bool {
		if got := tr.readers(); got != "[1 2]" {
			t.Fatalf("readers: got %s; want [1 2]: %s", got, tr.describe())
		}
		return perf.Now()-dead > int64(time.Second)
	})
	master.start()
	one.linked()
	two.linked()
	tr.reads(5*time.Second, "[1 2]")
}

// TestCovered: a replica whose covered time has passed the time at which a write was
// acknowledged always has that write.
func TestCovered(t *testing.T) {
	tr, master, one, _ := trio(t, PoolOptions{ProbeInterval: 10 * time.Millisecond, Access: Access{Timeout: time.Second}})
	ctx := context.Background()
	vitals := tr.Table().Vitals(1)
	for n := range 200 {
		if n%20 == 10 { // keeps it from applying for a moment
			one.must("DEBUG", "SLEEP", "0.03")
		}
		want := fmt.Sprint(n)
		if err := master.Client.Set(ctx, "k", want, 0).Err(); err != nil {
			t.Fatal(err)
		}
		acked := perf.Now()
		eventually(t, "the write is covered", func() bool { return vitals.CoveredAt.Load() > acked })
		if got, err := one.Client.Get(ctx, "k").Result(); got != want || err != nil {
			t.Fatalf("GET from the covered replica: got %q, %v; want %q", got, err, want)
		}
	}
}

func TestAutoEject(t *testing.T) {
	a, b, c := launch(t), launch(t), launch(t)
	tr := watching(t, PoolOptions{AutoEject: true, RetryTimeout: time.Second},
		groupOf("a", a), groupOf("b", b), groupOf("c", c))
	eventually(t, "all are in", func() bool {
		in := 0
		for _, s := range tr.m.Status() {
			if s.State == In {
				in++
			}
		}
		return in == 3
	})
	b.kill()
	killed := perf.Now()
	within(t, time.Second, "b is ejected", func() bool { return fmt.Sprint(tr.Table().Ejected()) == "[1]" })
	b.start()
	eventually(t, "b is back", func() bool { return len(tr.Table().Ejected()) == 0 })
	if after := time.Duration(perf.Now() - killed); after < time.Second {
		t.Errorf("readmitted after %v; want RetryTimeout (1s) at least", after)
	}
}

// TestReports: the data path's report makes the monitor look at once, however rarely it probes.
func TestReports(t *testing.T) {
	master := launch(t)
	replica := launch(t).follows(master)
	tr := watching(t, PoolOptions{ProbeInterval: 3 * time.Second, Rejoin: 1}, groupOf("g", master, replica))
	tr.reads(5*time.Second, "[1]")
	replica.kill()
	eventually(t, "a report helps", func() bool {
		tr.m.LinkFailed("p", 1, errors.New("connection reset"))
		return tr.readers() == "[]"
	})
	replica.start()
	replica.must("REPLICAOF", "127.0.0.1", master.port)
	replica.linked()
	eventually(t, "a report helps", func() bool {
		tr.m.LinkUp("p", 1)
		return tr.readers() == "[1]"
	})
	tr.m.Demoted("nobody", 1)
	tr.m.Demoted("p", 99)
	if tr.Table().Epoch != 0 {
		t.Errorf("epoch: got %d; want 0: the monitor names no masters", tr.Table().Epoch)
	}
}

func TestReportsDropped(t *testing.T) {
	m := NewMonitor(Options{})
	b := &board{}
	b.Publish(tableOf(t, nil, shard.Group{Name: "g", Weight: 1,
		Servers: []shard.Server{{Addr: "127.0.0.1:1", Role: shard.Master, Weight: 1}}}))
	if err := m.Watch(PoolOptions{Name: "p", Publisher: b}); err != nil {
		t.Fatal(err)
	}
	for range reportsMost + 10 { // nobody takes them: the monitor does not run
		m.LinkFailed("p", 0, nil)
	}
	if got := m.Dropped(); got != 10 {
		t.Errorf("Dropped() = %d; want 10", got)
	}
	if m.Change("p", func(*shard.Table) *shard.Table { return nil }) {
		t.Error("Change on a monitor that does not run: got true; want false")
	}
}

// TestChange: a reload goes through the watch; the new server is looked at before it serves.
func TestChange(t *testing.T) {
	master, one, two := launch(t), launch(t), launch(t)
	one.follows(master)
	var ids shard.IDs
	build := func(all ...*instance) *shard.Table {
		return tableOf(t, &ids, groupOf("g", all...))
	}
	tr := &trial{t: t, m: NewMonitor(Options{}), board: &board{}}
	tr.Publish(build(master, one).WithReaders(0, nil))
	o := PoolOptions{Name: "p", Publisher: tr.board, ProbeInterval: 50 * time.Millisecond}
	tr.run()
	if err := tr.m.Watch(o); err != nil {
		t.Fatal(err)
	}
	tr.reads(3*time.Second, "[1]")
	change := func(all ...*instance) {
		table := build(all...)
		eventually(t, "the watch takes the change", func() bool {
			return tr.m.Change("p", func(old *shard.Table) *shard.Table { return table.Inherit(old) })
		})
	}
	change(master, one, two)
	tr.because(2, ReasonRole) // it follows nobody yet
	two.follows(master)
	tr.reads(3*time.Second, "[1 2]")
	change(master, two)
	tr.reads(time.Second, "[2]")
	if err := tr.m.Watch(o); err != nil { // replaced while it runs
		t.Fatal(err)
	}
	eventually(t, "the new watch has looked", func() bool { return tr.m.Status()[1].State == In })
	tr.reads(time.Second, "[2]")
	tr.m.Forget("p")
	if got := tr.m.Status(); got != nil {
		t.Errorf("Status after Forget = %v; want nothing", got)
	}
}

func TestUnixSocket(t *testing.T) {
	master := launch(t)
	path, args := socketArgs(t)
	launch(t, args...).follows(master)
	g := groupOf("g", master)
	g.Servers = append(g.Servers, shard.Server{Addr: path, Role: shard.Replica, Weight: 1})
	tr := watching(t, PoolOptions{}, g)
	tr.reads(3*time.Second, "[1]")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	// The connection that is open goes on; a new one is what fails.
	if got := tr.readers(); got != "[1]" {
		t.Errorf("readers: got %s; want [1]", got)
	}
	if got := classify(os.ErrNotExist); got != vital.FaultRefused {
		t.Errorf("a missing socket: got %v; want refused", got)
	}
}

// TestUnresolved: a server whose name leads nowhere is not silent: it could not be asked, and status names DNS.
func TestUnresolved(t *testing.T) {
	master := launch(t)
	g := groupOf("g", master)
	g.Servers = append(g.Servers, shard.Server{Addr: "nosuch.invalid:6379", Role: shard.Replica, Weight: 1})
	tr := watching(t, PoolOptions{Access: Access{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "nosuch.") {
			return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: "nosuch.invalid", IsNotFound: true}}
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}}, g)
	eventually(t, "a server that could not be asked", func() bool {
		all := tr.m.Status()
		return len(all) == 2 && all[1].Reason.String() == "unresolved" && strings.Contains(all[1].Cause, "no such host")
	})
}

func TestLearnCommands(t *testing.T) {
	s := launch(t, "--requirepass", "secret")
	servers := []shard.Server{{Addr: "127.0.0.1:1", Network: "tcp"}, {Addr: s.addr(), Network: "tcp"}}
	specs, err := LearnCommands(context.Background(), servers, Access{Password: "secret"})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v; want that one server is not there", err)
	}
	found := false
	for _, spec := range specs {
		found = found || spec.Name == "get" && spec.Arity == 2
	}
	if !found {
		t.Errorf("COMMAND: got %d commands and no get with arity 2; want it", len(specs))
	}
	if got, least := codec.Default().Learn(specs).Len(), codec.Default().Len(); got < least {
		t.Errorf("after Learn: got %d commands; want the %d known before, at least", got, least)
	}
	if _, err = LearnCommands(context.Background(), nil, Access{}); err == nil {
		t.Error("without servers: got no error; want one")
	}
	_, err = LearnCommands(context.Background(), servers, Access{Password: "wrong"})
	if err == nil || !strings.Contains(err.Error(), "WRONGPASS") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("with a wrong password: got %v; want what was wrong with either server", err)
	}
}

// TestLog: each transition is one line, with fixed text and keys.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	m := NewMonitor(Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	for range journalMost + 5 {
		m.note(Transition{What: "server state", Pool: "p", Group: "g", Addr: "a:1", From: In, To: Out, Reason: ReasonDown, Cause: "dial"})
	}
	const want = "level=WARN msg=\"server state\" pool=p group=g server=a:1 from=in to=out reason=down err=dial\n"
	if line, _, _ := strings.Cut(out.String(), "\n"); !strings.HasSuffix(line+"\n", want) {
		t.Errorf("log: got %q; want it to end in %q", line, want)
	}
	if got := len(m.Events()); got != journalMost {
		t.Errorf("Transitions: got %d; want the last %d", got, journalMost)
	}
}
