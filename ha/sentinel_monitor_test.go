package ha

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"huntaway/ha/failover"
	"huntaway/shard"
)

// A fenceLedger is a Publisher that writes down what it was told to do.
type fenceLedger struct {
	board
	mu    sync.Mutex
	lines []string
}

func (l *fenceLedger) write(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if line := fmt.Sprintf(format, args...); len(l.lines) == 0 || l.lines[len(l.lines)-1] != line {
		l.lines = append(l.lines, line)
	}
}

func (l *fenceLedger) Publish(t *shard.Table) {
	g := &t.Groups[0]
	l.write("master %d epoch %d held %v", g.Master, t.Epoch, g.Held)
	l.board.Publish(t)
}

func (l *fenceLedger) Fence(_ context.Context, server int32) error {
	l.write("fence %d", server)
	return nil
}

func (l *fenceLedger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// bySentinels watches a flock's group with a monitor that follows its Sentinels.
func bySentinels(t *testing.T, f *flock, name string) (*trial, *fenceLedger) {
	t.Helper()
	l := &fenceLedger{}
	l.board.Publish(tableOf(t, nil, groupOf(name, f.all...)).WithReaders(0, nil))
	tr := &trial{t: t, m: NewMonitor(Options{}), board: &l.board}
	if err := tr.m.Watch(PoolOptions{
		Name: "p", Publisher: l, ProbeInterval: 200 * time.Millisecond, Sentinels: f.addrs(), StateDir: t.TempDir(),
		Failover: failover.Options{Mode: failover.Sentinel},
	}); err != nil {
		t.Fatal(err)
	}
	tr.run()
	eventually(t, "a healthy group with readers", func() bool {
		all := tr.m.Groups()
		return len(all) == 1 && all[0].State == failover.Healthy && len(tr.Table().Groups[0].Readers) == len(f.all)-1
	})
	return tr, l
}

// TestMonitorFollowsSentinels: when the master crashes, writes are held, the old master is fenced off,
// the promoted server is published once, and the others are its readers. A doubt that lasts may have
// fenced the old master off once before anything was held.
func TestMonitorFollowsSentinels(t *testing.T) {
	flock := launchFlock(t, "g")
	tr, l := bySentinels(t, flock, "g")
	before, epoch := len(l.all()), tr.Table().Epoch
	flock.all[0].kill()
	heir := flock.promoted()
	want := int32(slices.Index(flock.all, heir))
	within(t, 30*time.Second, "the promoted server is published", func() bool { return tr.Table().Groups[0].Master == want })
	within(t, 30*time.Second, "the other replica serves reads", func() bool {
		return slices.Contains(tr.Table().Groups[0].Readers, 3-want) && !tr.Table().Groups[0].Held
	})
	lines := l.all()[before:]
	find := func(part string) int {
		return slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, part) })
	}
	held := find(fmt.Sprintf("master 0 epoch %d held true", epoch))
	heirs := find(fmt.Sprintf("master %d epoch %d held false", want, epoch+1))
	fence := held + slices.Index(lines[max(held, 0):], "fence 0")
	if held < 0 || fence < held || heirs < fence || find(fmt.Sprintf("epoch %d ", epoch+2)) >= 0 {
		t.Errorf("got\n%s\nwant held, fence of 0, master %d, in this order and once%s", strings.Join(lines, "\n"), want, tr.describe())
	}
	for _, line := range lines[max(heirs, 0):] {
		if strings.HasPrefix(line, "master 0") {
			t.Errorf("got %q after the publication; want never the old master again", line)
		}
	}
}

// TestMonitorKeepsMasterWithoutSentinels: with two of three Sentinels dead, and with all of them, the master stays
// and is not held.
func TestMonitorKeepsMasterWithoutSentinels(t *testing.T) {
	flock := launchFlock(t, "g")
	tr, l := bySentinels(t, flock, "g")
	before, want := len(l.all()), fmt.Sprintf("master 0 epoch %d held false", tr.Table().Epoch)
	within(t, 20*time.Second, "all Sentinels answer", func() bool { // a group is healthy before the last has been asked
		return !slices.ContainsFunc(tr.m.Sentinels("p"), func(s SentinelStatus) bool { return !s.Asked || !s.Answers || s.Cause != "" })
	})
	for _, s := range flock.sentinels {
		s.kill()
	}
	within(t, 20*time.Second, "all are missed", func() bool {
		for _, e := range tr.m.Events() {
			if strings.HasPrefix(e.What, "no sentinel answers") {
				return true
			}
		}
		return false
	})
	for i, s := range tr.m.Sentinels("p") {
		if !s.Asked || s.Answers || s.Cause == "" || s.Addr != flock.addrs()[i] {
			t.Errorf("got %+v; want %s, which does not answer, and why", s, flock.addrs()[i])
		}
	}
	if all := tr.m.Sentinels("q"); all != nil {
		t.Errorf("got %+v of a pool that is not watched", all)
	}
	for _, line := range l.all()[before:] {
		if line != want {
			t.Errorf("got %q; want the master as it was%s", line, tr.describe())
		}
	}
}
