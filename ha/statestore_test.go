package ha

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

func TestStateStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	v := &stateStore{dir: dir, pool: "p/../q"}
	want := failover.Intent{Group: "g h", Epoch: 7, Master: "a:1", Begun: "freezing"}
	if got, err := v.load(want.Group); got != (failover.Intent{}) || err != nil {
		t.Errorf("before anything was kept: got %+v, %v; want nothing", got, err)
	}
	if err := v.prepare(want)(); err != nil {
		t.Fatal(err)
	}
	if got, err := v.load(want.Group); got != want || err != nil {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, v.path(want.Group): 0o600} {
		if got, err := os.Stat(path); err != nil || got.Mode().Perm() != want {
			t.Errorf("mode of %s: got %v, %v; want %v", path, got, err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("got %v left behind; want nothing", left)
	}
	other := &stateStore{dir: dir, pool: "p/../q"}
	if err := other.open(); err == nil || !strings.Contains(err.Error(), "state_dir of its own") {
		t.Errorf("a second one: got %v; want a refusal that says what helps", err)
	}
	id := v.id
	v.close()
	if err := other.open(); err != nil || other.id != id {
		t.Errorf("after the first has closed: got %q, %v; want the same name %q", other.id, err, id)
	}
	other.close()
}

// TestStateStoreOrder: whoever writes last, the newest intent is what stays.
func TestStateStoreOrder(t *testing.T) {
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	defer v.close()
	var saves []func() error
	for epoch := range uint64(20) {
		saves = append(saves, v.prepare(failover.Intent{Group: "g", Epoch: epoch}))
	}
	slices.Reverse(saves)
	var wg sync.WaitGroup
	for _, save := range saves {
		wg.Go(func() {
			if err := save(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := v.load("g"); got.Epoch != 19 || err != nil {
		t.Errorf("got epoch %d, %v; want 19", got.Epoch, err)
	}
}

// TestStateStoreHangs: while the disk hangs nothing that a watch calls waits for it, a write fails in
// time and says why, and keeps no other group from being written. What it had begun ends later,
// and never over something newer.
func TestStateStoreHangs(t *testing.T) {
	t.Parallel()
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	v.opening.Lock() // every write stops in open
	begun, watch := time.Now(), rig.StartWatch()
	first := make(chan error, 1)
	save := v.prepare(failover.Intent{Group: "g", Epoch: 1})
	go func() { first <- save() }()
	for v.isIdle("g") && time.Since(begun) < time.Minute {
		time.Sleep(time.Millisecond)
	}
	second := v.prepare(failover.Intent{Group: "g", Epoch: 2})
	if name := v.name(); name != "" || len(first) > 0 {
		t.Errorf("prepare and name: got %q, and a write that has ended: %t; want nothing, while it hangs", name, len(first) > 0)
	}
	for i, err := range []error{<-first, second()} {
		if err == nil || !strings.Contains(err.Error(), "p@g.json: the disk has not answered for ") {
			t.Errorf("write %d: got %v; want that the disk does not answer, and the path", i, err)
		}
	}
	if least, most := time.Since(begun), watch.Took(); least < diskPatience || most > 3*diskPatience {
		t.Errorf("both took %v, %v of it their own; want about %v each", least, most, diskPatience)
	}
	v.opening.Unlock()
	if err := v.prepare(failover.Intent{Group: "g", Epoch: 3})(); err != nil {
		t.Error(err)
	}
	v.close()
	if got, err := v.load("g"); got.Epoch != 3 || err != nil {
		t.Errorf("got epoch %d, %v; want 3, the newest", got.Epoch, err)
	}
	if v.isOpen() {
		t.Error("the lock is kept after close; want it given back")
	}
}

// isIdle tells whether nothing of the group is being written.
func (v *stateStore) isIdle(group string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stateFile(group).since == 0
}

// TestStateStoreOneHangs: a group whose write hangs keeps no other group from being written.
func TestStateStoreOneHangs(t *testing.T) {
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	v.stateFile("g").turn <- struct{}{} // as if a write of g's were under way
	if err := v.prepare(failover.Intent{Group: "h", Epoch: 2})(); err != nil {
		t.Error(err)
	}
	if got, err := v.load("h"); got.Epoch != 2 || err != nil {
		t.Errorf("got epoch %d, %v; want 2", got.Epoch, err)
	}
	v.close()
}

// TestStateStoreReadHangs: a read that hangs is given up, and while it hangs others are not tried.
func TestStateStoreReadHangs(t *testing.T) {
	t.Parallel()
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	if err := syscall.Mkfifo(v.path("g"), 0o600); err != nil { // opening it waits for somebody who writes
		t.Fatal(err)
	}
	for i := range 3 {
		got, err := v.load("g")
		if err == nil || got != (failover.Intent{}) {
			t.Errorf("got %+v, %v; want an error and nothing", got, err)
		}
		if waited := strings.Contains(fmt.Sprint(err), "has not answered for"); waited != (i == 0) {
			t.Errorf("read %d: got %v; want the first alone to be waited for", i+1, err)
		}
	}
	f, err := os.OpenFile(v.path("g"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for end := time.Now().Add(diskPatience); v.reading.Load() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// TestStateStoreTrustsNobody: a directory that everybody may write to is not used, links in it are not
// followed, and a file of any length is not read whole.
func TestStateStoreTrustsNobody(t *testing.T) {
	open := &stateStore{dir: t.TempDir(), pool: "p"}
	if err := os.Chmod(open.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := open.open(); err == nil || !strings.Contains(err.Error(), "chmod o-w") {
		t.Errorf("a directory of mode 0777: got %v; want it refused with what would be right", err)
	}
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	linked := &stateStore{dir: t.TempDir(), pool: "p"}
	if err := os.Symlink(victim, filepath.Join(linked.dir, "p.lock")); err != nil {
		t.Fatal(err)
	}
	if err := linked.open(); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a lock that is a link: got %v; want it refused", err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("the file behind the link has %q; want it untouched", text)
	}
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	if err := v.open(); err != nil {
		t.Fatal(err)
	}
	defer v.close()
	if err := os.Symlink(victim, v.path("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.path("long"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(v.path("long"), 3<<30); err != nil { // a hole: it takes no room
		t.Fatal(err)
	}
	for group, want := range map[string]string{"link": syscall.ELOOP.Error(), "long": "no state has more than"} {
		if got, err := v.load(group); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v; want %q", group, got, err, want)
		}
	}
}

// TestStateStoreErrors: what went wrong is told with the file that it is about.
func TestStateStoreErrors(t *testing.T) {
	dir := t.TempDir()
	v := &stateStore{dir: filepath.Join(dir, "s"), pool: "p"}
	if err := v.open(); err != nil {
		t.Fatal(err)
	}
	defer v.close()
	if err := os.Rename(v.dir, filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	err := v.prepare(failover.Intent{Group: "g"})()
	if want := "writing " + v.path("g") + ": the state directory is gone"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v; want %q, and what to do", err, want)
	}
}

// TestStateStoreTimes: when failovers were made is kept by the calendar, for a process that has
// another clock; a calendar that jumps forbids nothing for longer than an hour.
func TestStateStoreTimes(t *testing.T) {
	const s = int64(time.Second)
	wall := time.Unix(1_000_000, 0)
	kept := toWall(failover.Intent{Group: "g", Recent: fmt.Sprintf("%d %d", 1000*s, 2000*s)}, wall, 2060*s)
	if want := "998940 999940"; kept.Recent != want {
		t.Errorf("kept: got %q; want %q", kept.Recent, want)
	}
	for _, c := range []struct {
		since time.Duration // by the calendar
		want  []int64       // on the clock of a process that is 5 s old
	}{
		{10 * time.Second, []int64{5*s - 1070*s, 5*s - 70*s}},
		{0, []int64{5*s - 1060*s, 5*s - 60*s}},
		{-100 * time.Second, []int64{5*s - 960*s, 5 * s}},
		{-1000 * time.Hour, []int64{5 * s, 5 * s}},
		{45 * time.Minute, []int64{5*s - 3600*s, 5*s - 2760*s}},
		{1000 * time.Hour, []int64{5*s - 3600*s, 5*s - 3600*s}},
	} {
		want := fmt.Sprintf("%d %d", c.want[0], c.want[1])
		if got := fromWall(kept, wall.Add(c.since), 5*s); got.Recent != want || got.Group != "g" {
			t.Errorf("after %v: got %q; want %q", c.since, got.Recent, want)
		}
	}
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	defer v.close()
	now := perf.Now()
	if err := v.prepare(failover.Intent{Group: "g", Recent: fmt.Sprint(now - 90*s)})(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(v.path("g"))
	if year := fmt.Sprintf(`"recent":"%.5s`, fmt.Sprint(time.Now().Unix()-90)); err != nil || !strings.Contains(string(text), year) {
		t.Errorf("the file: got %s, %v; want %s... in it", text, err, year)
	}
	in, err := v.load("g")
	var at int64
	if fmt.Sscan(in.Recent, &at); err != nil || now-at < 88*s || now-at > 98*s {
		t.Errorf("loaded: got %q, %v; want about 90 s before %d", in.Recent, err, now)
	}
}

func TestStateStoreDamaged(t *testing.T) {
	good, err := seal(failover.Intent{Group: "g", Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := seal(failover.Intent{Group: "h", Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	v := &stateStore{dir: t.TempDir(), pool: "p"}
	for name, text := range map[string]string{
		"empty": "", "cut off": string(good[:len(good)/2]), "changed": strings.Replace(string(good), `"epoch":1`, `"epoch":2`, 1),
		"no sum": `{"intent":{"group":"g"}}`, "another group's": string(foreign),
	} {
		if err := os.WriteFile(v.path("g"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := v.load("g"); err == nil || got != (failover.Intent{}) {
			t.Errorf("%s: got %+v, %v; want an error and nothing", name, got, err)
		}
	}
}

// TestLocalRefused: what mode local cannot work with is refused at once.
func TestLocalRefused(t *testing.T) {
	tcp := shard.Server{Addr: "127.0.0.1:1", Role: shard.Master, Weight: 1}
	unix := shard.Server{Addr: "/tmp/s", Role: shard.Replica, Weight: 1}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		servers   []shard.Server
		dir, want string
	}{
		{[]shard.Server{tcp, unix}, t.TempDir(), "unix socket"},
		{[]shard.Server{tcp}, "", "no state directory"},
		{[]shard.Server{tcp}, filepath.Join(file, "x"), "making the state directory"},
	} {
		b := &board{}
		b.Publish(tableOf(t, nil, shard.Group{Name: "g", Weight: 1, Servers: tc.servers}))
		err := NewMonitor(Options{}).Watch(PoolOptions{Name: "p", Publisher: b, StateDir: tc.dir,
			Failover: failover.Options{Mode: failover.Local}})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v; want %q", err, tc.want)
		}
	}
}
