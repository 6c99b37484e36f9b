package ha

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/shard"
)

// A board is a Publisher that keeps a table.
type board struct{ table atomic.Pointer[shard.Table] }

func (b *board) Publish(t *shard.Table) { b.table.Store(t) }
func (b *board) Table() *shard.Table    { return b.table.Load() }

func (*board) Fence(context.Context, int32) error { return nil }
func (*board) Drain(context.Context, int32) error { return nil }

// An instance is a redis-server process of this test, in a directory of its own.
type instance struct {
	t    *testing.T
	host string // what addr calls it, "" for 127.0.0.1
	port string
	args []string
	cmd  *exec.Cmd
	*redis.Client
}

// launch starts a redis-server on a free port; it is gone when the test is.
func launch(t *testing.T, args ...string) *instance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	i := &instance{t: t, port: port, args: append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--daemonize", "no",
		"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
	}, args...)}
	i.Client = redis.NewClient(&redis.Options{Addr: i.addr(), Protocol: 2, DisableIdentity: true, PoolSize: 4})
	t.Cleanup(func() { i.Client.Close(); i.kill() })
	i.start()
	return i
}

func (i *instance) addr() string { return cmp.Or(i.host, "127.0.0.1") + ":" + i.port }

// start starts the process and waits until it accepts connections, not until it has loaded.
func (i *instance) start() {
	i.t.Helper()
	i.cmd = exec.Command("redis-server", i.args...)
	// What it forks to save or to rewrite its log is killed with it, and Wait, which reads what they print to its end, waits for
	// them, too: one that lived on would write into a directory that is being removed, or that the next start reads.
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	i.cmd.Stdout = struct{ io.Writer }{io.Discard}
	if err := i.cmd.Start(); err != nil {
		i.t.Fatalf("redis-server is needed: %v", err)
	}
	eventually(i.t, i.addr()+" accepts", func() bool {
		c, err := net.Dial("tcp", i.addr())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (i *instance) kill() {
	if i.cmd != nil && i.cmd.Process != nil {
		_ = syscall.Kill(-i.cmd.Process.Pid, syscall.SIGKILL)
		_ = i.cmd.Wait()
		i.cmd = nil
	}
}

func (i *instance) signal(s syscall.Signal) {
	i.t.Helper()
	if err := i.cmd.Process.Signal(s); err != nil {
		i.t.Fatal(err)
	}
}

// must runs a command on the instance.
func (i *instance) must(args ...any) any {
	i.t.Helper()
	v, err := i.Client.Do(context.Background(), args...).Result()
	if err != nil {
		i.t.Fatalf("%v on %s: %v", args, i.addr(), err)
	}
	return v
}

// follows makes i a replica of m and waits until they are linked.
func (i *instance) follows(m *instance) *instance {
	i.t.Helper()
	i.must("REPLICAOF", "127.0.0.1", m.port)
	i.linked()
	return i
}

func (i *instance) linked() {
	i.t.Helper()
	eventually(i.t, i.addr()+" is linked to its master", func() bool {
		text, _ := i.Client.Info(context.Background(), "replication").Result()
		return strings.Contains(text, "master_link_status:up")
	})
}

// eventually polls until cond holds, for ten seconds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	within(t, 10*time.Second, what, cond)
}

// busy is how much longer than on an idle machine something may take before a test gives it up.
const busy = 6

func within(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	limit *= busy
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; <-tick.C {
		if cond() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got no: %s, within %v", what, limit)
		}
	}
}

// A trial is a monitor over real servers.
type trial struct {
	t *testing.T
	m *Monitor
	*board
}

// groupOf describes a group whose first instance is the master.
func groupOf(name string, all ...*instance) shard.Group {
	g := shard.Group{Name: name, Weight: 1}
	for i, each := range all {
		role := shard.Replica
		if i == 0 {
			role = shard.Master
		}
		g.Servers = append(g.Servers, shard.Server{Addr: each.addr(), Role: role, Weight: 1})
	}
	return g
}

// tableOf builds a table of groups, whose servers have their numbers from ids if that is not nil.
func tableOf(t *testing.T, ids *shard.IDs, groups ...shard.Group) *shard.Table {
	t.Helper()
	table, err := shard.Build(shard.Spec{Groups: groups, IDs: ids})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// watching starts a monitor of a pool named "p"; options left empty are short for tests.
func watching(t *testing.T, o PoolOptions, groups ...shard.Group) *trial {
	t.Helper()
	table := tableOf(t, nil, groups...)
	for i := range table.Groups {
		table = table.WithReaders(i, nil) // whoever becomes one is the monitor's doing
	}
	tr := &trial{t: t, m: NewMonitor(Options{}), board: &board{}}
	tr.Publish(table)
	o.Name, o.Publisher = "p", tr.board
	if o.ProbeInterval == 0 {
		o.ProbeInterval, o.Access.Timeout = 100*time.Millisecond, 250*time.Millisecond
	}
	if err := tr.m.Watch(o); err != nil {
		t.Fatal(err)
	}
	tr.run()
	return tr
}

// run runs the monitor until the test ends, and has it end before the servers do.
func (tr *trial) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { tr.m.Run(ctx) })
	tr.t.Cleanup(func() { cancel(); wg.Wait() })
}

// readers returns the IDs that may serve reads of the first group, besides its master.
func (tr *trial) readers() string { return fmt.Sprint(tr.Table().Groups[0].Readers) }

// reads waits until exactly these may serve reads.
func (tr *trial) reads(limit time.Duration, want string) {
	tr.t.Helper()
	end := time.Now().Add(limit)
	within(tr.t, limit+time.Second, "readers "+want, func() bool {
		if time.Now().After(end) && tr.readers() != want {
			tr.t.Fatalf("got readers %s; want %s within %v: %s", tr.readers(), want, limit, tr.describe())
		}
		return tr.readers() == want
	})
}

func (tr *trial) describe() string {
	var b strings.Builder
	for _, s := range tr.m.Status() {
		fmt.Fprintf(&b, "\n%d %s %v %v lag=%v bytes=%d %s", s.ID, s.Addr, s.State, s.Reason, s.Lag, s.LagBytes, s.Cause)
	}
	for _, e := range tr.m.Events() {
		fmt.Fprintf(&b, "\n%v %s", time.Duration(e.At), e)
	}
	return b.String()
}

// because waits until the server has been out for the reason.
func (tr *trial) because(id int32, want Reason) {
	tr.t.Helper()
	eventually(tr.t, fmt.Sprintf("server %d went out as %v", id, want), func() bool {
		addr := tr.Table().Server(id).Addr
		for _, e := range tr.m.Events() {
			if e.Addr == addr && e.To == Out && e.Reason == want {
				return true
			}
		}
		return false
	})
}

// socketArgs makes a redis-server listen on a unix socket only.
func socketArgs(t *testing.T) (path string, args []string) {
	dir, err := os.MkdirTemp("", "ha")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "s")
	return path, []string{"--unixsocket", path}
}
