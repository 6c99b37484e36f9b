package ha

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"huntaway/ha/failover"
)

// TestMasterCrash: the master is killed, a replica takes its place, and the old master joins it
// when it is back.
func TestMasterCrash(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].must("SET", "k", "before")
	tr.all[0].replicated(2)
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	id := tr.Table().Groups[0].Master
	if got := tr.fenced; len(got) == 0 || got[0] != 0 {
		t.Errorf("fenced: got %v; want the old master, 0", got)
	}
	if got := tr.all[id].must("GET", "k"); got != "before" {
		t.Errorf("GET at the new master: got %v; want before", got)
	}
	tr.all[id].must("SET", "k", "after")
	tr.all[0].start()
	readers := map[int32]string{1: "[0 2]", 2: "[0 1]"}[id]
	tr.settled(id, readers)
	if got := tr.all[0].must("GET", "k"); got != "after" {
		t.Errorf("GET at the old master: got %v; want after", got)
	}
	if tr.Table().Epoch != 1 {
		t.Errorf("epoch: got %d; want 1", tr.Table().Epoch)
	}
}

// TestMasterHangs: a stopped master is replaced, and demoted as soon as it goes on.
func TestMasterHangs(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].signal(syscall.SIGSTOP)
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	tr.all[0].signal(syscall.SIGCONT)
	id := tr.Table().Groups[0].Master
	tr.settled(id, map[int32]string{1: "[0 2]", 2: "[0 1]"}[id])
}

// TestShortStall: a master that stands still for less than DownSilence keeps its place.
func TestShortStall(t *testing.T) {
	tr := cast(t, 2, func(o *PoolOptions) { o.Failover.DownSilence = int64(10 * time.Second) })
	tr.settled(0, "[1 2]")
	tr.all[0].signal(syscall.SIGSTOP)
	tr.await("the group is held", func() bool { return tr.Table().Groups[0].Held })
	tr.all[0].signal(syscall.SIGCONT)
	tr.settled(0, "[1 2]")
	if len(tr.masters) != 1 || len(tr.fenced) != 0 {
		t.Errorf("got masters %v and fences %v; want only the first master and none", tr.masters, tr.fenced)
	}
}

// at has f called, once, when the driver passes a point.
func at(t *testing.T, point string, f func()) {
	t.Helper()
	var once sync.Once
	was := passing
	passing = func(p string) {
		if p == point {
			once.Do(f)
		}
	}
	t.Cleanup(func() { passing = was })
}

// TestCandidateDies: the one that is about to be promoted dies, and the other one is.
func TestCandidateDies(t *testing.T) {
	var tr *troupe
	var died int32
	at(t, pointPromoting, func() {
		for _, e := range tr.m.Events() {
			for id, each := range tr.all {
				if e.Failover != nil && strings.HasPrefix(e.Failover.What, each.addr()+" is chosen") {
					died = int32(id)
				}
			}
		}
		tr.all[died].kill()
	})
	tr = cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	if got := tr.Table().Groups[0].Master; died == 0 || got != 3-died {
		t.Errorf("master: got %d after the candidate %d died; want %d", got, died, 3-died)
	}
}

// TestMonitorDies: the monitor ends at each step of a failover, and the next one finishes it.
func TestMonitorDies(t *testing.T) {
	for _, point := range []string{pointFrozen, pointPromoting, pointPromoted, pointPublished} {
		t.Run(point, func(t *testing.T) {
			var tr *troupe
			passed := make(chan struct{})
			at(t, point, func() { tr.end(); close(passed) })
			tr = cast(t, 2, nil)
			tr.settled(0, "[1 2]")
			tr.all[0].must("SET", "k", "v")
			tr.all[0].replicated(2)
			tr.all[0].kill()
			<-passed
			tr.ran.Wait()
			fresh := tr.Table().WithReaders(0, nil)
			if point != pointPublished {
				fresh = fresh.WithoutHold(0)
			}
			tr.Publish(fresh) // as a new process would have it
			tr.begin()
			tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
			id := tr.Table().Groups[0].Master
			tr.settled(id, map[int32]string{1: "[2]", 2: "[1]"}[id])
			if got := tr.all[id].must("GET", "k"); got != "v" {
				t.Errorf("GET at the new master: got %v; want v", got)
			}
			tr.all[0].start()
			tr.settled(id, map[int32]string{1: "[0 2]", 2: "[0 1]"}[id])
		})
	}
}

// TestEmptyRestart: a master that comes back without its data is replaced by one that has them, before
// the replicas have thrown theirs away.
func TestEmptyRestart(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].must("SET", "k", "v")
	tr.all[0].replicated(2)
	tr.all[0].kill()
	tr.all[0].args = append(tr.all[0].args, "--repl-diskless-sync-delay", "2")
	tr.all[0].start()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	id := tr.Table().Groups[0].Master
	tr.settled(id, map[int32]string{1: "[0 2]", 2: "[0 1]"}[id])
	for i, each := range tr.all {
		if got := each.must("GET", "k"); got != "v" {
			t.Errorf("GET at server %d: got %v; want v", i, got)
		}
	}
}

// TestForeignServer: another server with data of its own on the master's port is neither used nor
// touched.
func TestForeignServer(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].must("SET", "k", "v")
	tr.all[0].replicated(2)
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	tr.all[0].args = append(tr.all[0].args, "--requirepass", "closed") // until it has its data
	tr.all[0].Client.Options().Password = "closed"
	tr.all[0].start()
	tr.all[0].must("SET", "theirs", "1")
	tr.all[0].must("CONFIG", "SET", "requirepass", "")
	id := tr.Table().Groups[0].Master
	tr.said("holds data of which nothing shows that they are this group's")
	tr.settled(id, map[int32]string{1: "[2]", 2: "[1]"}[id])
	if got := tr.all[0].must("GET", "theirs"); got != "1" {
		t.Errorf("the stranger's key: got %v; want 1", got)
	}
}

// TestSwitchover: clients that write without a rest notice nothing, whichever way it is done.
func TestSwitchover(t *testing.T) {
	for name, fast := range map[string]bool{"failover": false, "fast": true} {
		t.Run(name, func(t *testing.T) {
			tr := cast(t, 2, nil)
			tr.settled(0, "[1 2]")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			wrote := make(chan writer)
			go func() { wrote <- tr.write(ctx) }()
			var plan []string
			o := SwitchoverOrder{Group: "g", To: tr.all[2].addr(), Expect: tr.all[0].addr(), Fast: fast, DryRun: true, By: "test"}
			tr.await("a plan", func() (ok bool) {
				var err error
				plan, err = tr.m.Switchover(ctx, o)
				return err == nil
			})
			if len(plan) < 3 || tr.Table().Groups[0].Master != 0 {
				t.Errorf("dry run: got %q and master %d; want steps and master 0", plan, tr.Table().Groups[0].Master)
			}
			o.DryRun = false
			if _, err := tr.m.Switchover(ctx, o); err != nil {
				t.Fatal(err, tr.describe())
			}
			if got := tr.Table().Groups[0].Master; got != 2 {
				t.Errorf("master: got %d; want 2", got)
			}
			tr.settled(2, "[0 1]")
			cancel()
			w := <-wrote
			if len(w.failed) > 0 || len(w.acked) == 0 {
				t.Errorf("got %d failed writes, %d acknowledged; the first: %v", len(w.failed), len(w.acked), w.failed)
			}
			if got := tr.all[2].list(); !slices.Equal(got, w.acked) {
				t.Errorf("got a list of %d; want the %d writes that were acknowledged, in their order", len(got), len(w.acked))
			}
			if _, err := tr.m.Switchover(context.Background(), o); err == nil || !strings.Contains(err.Error(), "expected") {
				t.Errorf("with the wrong expectation: got %v; want a refusal", err)
			}
		})
	}
}

// TestStartAfterSwitchover: a process that starts with a file that names the former master calls no server's role wrong
// before it has found out who is master; one whose role is wrong then is told as ever.
func TestStartAfterSwitchover(t *testing.T) {
	tr := cast(t, 2, nil)
	configured := tr.Table()
	tr.settled(0, "[1 2]")
	tr.await("a switchover", func() bool {
		_, err := tr.m.Switchover(t.Context(), SwitchoverOrder{Group: "g", To: tr.all[2].addr(), By: "test"})
		return err == nil
	})
	tr.settled(2, "[0 1]")
	tr.stop()
	tr.relay.Publish(configured)
	tr.begin()
	tr.settled(2, "[0 1]")
	for _, e := range tr.m.Events() {
		if e.Reason == ReasonRole {
			t.Errorf("got %+v; want no role that is wrong%s", e, tr.describe())
		}
	}
	tr.all[1].must("REPLICAOF", "NO", "ONE")
	tr.await("a role that is wrong", func() bool {
		return slices.ContainsFunc(tr.m.Events(), func(e Transition) bool { return e.Reason == ReasonRole && e.Addr == tr.all[1].addr() })
	})
}

// TestSwitchoverByName: servers that are configured by their names, which the master does not
// know: it lists its replicas by address. Who is demoted writes that into its file.
func TestSwitchoverByName(t *testing.T) {
	file := t.TempDir() + "/redis.conf"
	if err := os.WriteFile(file, []byte("repl-backlog-size 1mb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	all := []*instance{launch(t), launch(t)}
	all[1].kill()
	all[1].args = append([]string{file}, all[1].args...)
	all[1].start()
	all[1].follows(all[0])
	all[0].host, all[1].host = "localhost", "localhost"
	all[0].replicated(1)
	tr := castOf(t, all, nil)
	tr.settled(0, "[1]")
	turn := func(o SwitchoverOrder) {
		tr.await("a switchover", func() bool {
			_, err := tr.m.Switchover(context.Background(), o)
			if err != nil && !strings.Contains(err.Error(), "not linked") && !strings.Contains(err.Error(), "list") {
				t.Fatal(err, tr.describe())
			}
			return err == nil
		})
	}
	turn(SwitchoverOrder{Group: "g", To: all[1].addr(), Expect: all[0].addr(), By: "test"})
	tr.settled(1, "[0]")
	turn(SwitchoverOrder{Group: "g", To: all[0].addr(), Expect: all[1].addr(), Fast: true, By: "test"})
	tr.settled(0, "[1]")
	eventually(t, "the old master's file says that it is a replica", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), "\nreplicaof ")
	})
}

// TestFilesAfterSwitchover: both servers write down what they have become, so that each is that again
// when it is killed and started anew at once, and nothing has to be repaired. A server without a file
// is none the worse.
func TestFilesAfterSwitchover(t *testing.T) {
	all := []*instance{launch(t), launch(t), launch(t)}
	files := []string{t.TempDir() + "/0.conf", t.TempDir() + "/1.conf"}
	for i, file := range files {
		text := "repl-backlog-size 1mb\n"
		if i > 0 {
			text += "replicaof 127.0.0.1 " + all[0].port + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		all[i].kill()
		all[i].args = append([]string{file}, all[i].args...)
		all[i].start()
	}
	all[1].linked()
	all[2].follows(all[0])
	all[0].replicated(2)
	tr := castOf(t, all, func(o *PoolOptions) { o.Failover.DownRefused = int64(5 * time.Second) })
	tr.settled(0, "[1 2]")
	tr.await("a switchover", func() bool {
		_, err := tr.m.Switchover(t.Context(), SwitchoverOrder{Group: "g", To: all[1].addr(), Expect: all[0].addr(), By: "test"})
		return err == nil
	})
	tr.settled(1, "[0 2]")
	says := func(file string) bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), "\nreplicaof ")
	}
	eventually(t, "the files say who is master", func() bool { return says(files[0]) && !says(files[1]) })
	for _, each := range all { // nothing is written, nor told the replicas, between the copy and the end
		each.must("CONFIG", "SET", "repl-ping-replica-period", "3600")
	}
	all[1].must("CLIENT", "PAUSE", "5000", "WRITE")
	all[1].must("SAVE")
	all[1].kill()
	all[1].start()
	for _, each := range all {
		each.must("CONFIG", "SET", "repl-ping-replica-period", "1")
	}
	if role := all[1].must("ROLE").([]any)[0]; role != "master" {
		t.Errorf("the new master after a restart: got %v; want a master", role)
	}
	tr.settled(1, "[0 2]")
	all[0].kill()
	all[0].start()
	role := all[0].must("ROLE").([]any)
	if role[0] != "slave" || fmt.Sprint(role[2]) != all[1].port {
		t.Errorf("the old master after a restart: got %v; want a replica of %s", role, all[1].port)
	}
	tr.settled(1, "[0 2]")
	if got := tr.masters; !slices.Equal(got, []int32{0, 1}) {
		t.Errorf("masters: got %v; want [0 1]%s", got, tr.describe())
	}
	for _, e := range tr.m.Events() {
		if e.Failover != nil && (e.Failover.To == failover.Freezing || e.Failover.To == failover.Following) {
			t.Errorf("got %v; want nothing repaired", e)
		}
	}
}

// TestRival: of two monitors one acts, and a dead master is left to that one.
func TestRival(t *testing.T) {
	one := cast(t, 2, nil)
	one.settled(0, "[1 2]")
	one.await("a heartbeat", func() bool { return one.all[0].Client.Exists(context.Background(), beatKey("g")).Val() == 1 })
	two := castOf(t, one.all, nil)
	two.settled(0, "[1 2]")
	two.await("that it has heard the other", func() bool {
		return slices.ContainsFunc(two.state().Alarms, func(a string) bool {
			return strings.HasPrefix(a, "another monitor is active: ") && strings.HasSuffix(a, ", by its connection to "+one.all[0].addr())
		})
	})
	one.all[0].kill()
	one.await("another master", func() bool { return one.Table().Groups[0].Master > 0 })
	two.await("the same master", func() bool { return two.Table().Groups[0].Master == one.Table().Groups[0].Master })
	for _, e := range two.m.Events() {
		if e.Failover != nil && e.Failover.To == failover.Freezing {
			t.Errorf("got %v; want it to follow", e)
		}
	}
}

// TestHeartbeat: the monitor says that it is active, under a name that a restart keeps.
func TestHeartbeat(t *testing.T) {
	tr := cast(t, 1, nil)
	name := func() string {
		s, _ := tr.all[0].Client.Get(context.Background(), beatKey("g")).Result()
		name, _, _ := strings.Cut(s, beatClient)
		return name
	}
	tr.await("a heartbeat", func() bool { return name() != "" })
	first := name()
	if ttl := tr.all[0].Client.PTTL(context.Background(), beatKey("g")).Val(); ttl <= 0 || ttl > beatLasts {
		t.Errorf("the heartbeat lasts %v; want at most %v", ttl, beatLasts)
	}
	tr.stop()
	eventually(t, "end of the named connection", func() bool {
		return !strings.Contains(tr.all[0].Client.ClientList(context.Background()).Val(), "huntaway:")
	})
	tr.all[0].must("DEL", beatKey("g"))
	tr.begin()
	tr.await("a heartbeat", func() bool { return name() != "" })
	if got := name(); got != first {
		t.Errorf("name after a restart: got %q; want %q", got, first)
	}
}

// TestStateFileDamaged: what cannot be read is reported and not used.
func TestStateFileDamaged(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.stop()
	path := (&stateStore{dir: tr.o.StateDir, pool: "p"}).path("g")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(`"epoch":1`), []byte(`"epoch":7`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	tr.Publish(tr.Table().WithReaders(0, nil))
	tr.begin()
	tr.said("state file not used")
	tr.settled(0, "[1 2]")
}

// TestMisconf: a master that cannot save its data serves reads as before and is given up in time.
func TestMisconf(t *testing.T) {
	tr := cast(t, 1, func(o *PoolOptions) { o.Failover.DownMisconf = int64(time.Second) })
	tr.settled(0, "[1]")
	tr.all[0].must("CONFIG", "SET", "save", "3600 1")
	if err := os.RemoveAll(tr.all[0].must("CONFIG", "GET", "dir").([]any)[1].(string)); err != nil {
		t.Fatal(err)
	}
	tr.await("a save that fails", func() bool { // not while a replica's copy is being made
		return tr.all[0].Client.BgSave(context.Background()).Err() == nil
	})
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master == 1 })
	for _, e := range tr.m.Events() {
		if e.Addr == tr.all[0].addr() && e.To == Out && e.Reason == ReasonOther {
			t.Errorf("got %v; want the detector to go by INFO", e)
		}
	}
}

// TestOrders: what operators may order besides, and how it is refused.
func TestOrders(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	ctx := context.Background()
	if err := tr.m.Latch(ctx, "p", "g", "test"); err != nil {
		t.Fatal(err)
	}
	if tr.state().Latched == "" {
		t.Error("latched: got no; want why")
	}
	tr.all[0].kill()
	tr.await("it is forbidden to act", func() bool { return strings.Contains(tr.state().Forbidden, "latched") })
	if err := tr.m.Release(ctx, "", "", "test"); err != nil {
		t.Fatal(err)
	}
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	for _, err := range []error{
		tr.m.Latch(ctx, "q", "g", "test"), tr.m.Release(ctx, "p", "h", "test"),
		tr.m.Resolve(ctx, "p", "g", "127.0.0.1:1", "test"),
	} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v; want ErrUnknown and what there is", err)
		}
	}
}

// TestWatchReplaced: a reload takes the machine over, with what it knows.
func TestWatchReplaced(t *testing.T) {
	tr := cast(t, 2, func(o *PoolOptions) { o.Failover.MinInterval = int64(time.Hour) })
	tr.settled(0, "[1 2]")
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	if err := tr.m.Watch(tr.o); err != nil {
		t.Fatal(err)
	}
	tr.await("the new watch runs", func() bool { return tr.state().Epoch > 0 })
	if got := len(tr.state().Recent); got != 1 {
		t.Errorf("failovers remembered: got %d; want 1", got)
	}
	o := tr.o
	o.Failover.HourlyCap, o.Failover.MinInterval = 1, 1
	if err := tr.m.Watch(o); err != nil {
		t.Fatal(err)
	}
	id := tr.Table().Groups[0].Master
	tr.settled(id, map[int32]string{1: "[2]", 2: "[1]"}[id])
	tr.all[id].kill()
	tr.await("the new cap forbids it", func() bool { return strings.Contains(tr.state().Forbidden, "latched") })
}

// TestReserved: a group is held from the moment it is to be watched until its master is known, which
// is not the configured one after a failover.
func TestReserved(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	id := tr.Table().Groups[0].Master
	tr.settled(id, map[int32]string{1: "[2]", 2: "[1]"}[id])
	tr.stop()
	tr.all[0].start() // a master by its own word
	tr.Publish(tableOf(t, nil, groupOf("g", tr.all...)))
	tr.masters = nil
	tr.begin()
	if !tr.Table().Groups[0].Held && tr.Table().Groups[0].Master == 0 {
		t.Error("the configured master takes writes at the start; want it held until it has been asked")
	}
	tr.settled(id, map[int32]string{1: "[0 2]", 2: "[0 1]"}[id])
}
