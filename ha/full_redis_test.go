package ha

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huntaway/ha/failover"
)

// TestFailoverWithoutMemory: servers that refuse what needs memory are alive. One becomes master, takes the writes that
// need none, and gets the mark once it has room for that.
func TestFailoverWithoutMemory(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	for _, i := range tr.all {
		i.must("CONFIG", "SET", "maxmemory", "1")
	}
	tr.all[0].kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	id := tr.Table().Groups[0].Master
	tr.settled(id, map[int32]string{1: "[2]", 2: "[1]"}[id])
	if s := tr.state(); s.Epoch != 2 || len(s.Recent) != 1 {
		t.Errorf("got epoch %d and %d failovers; want the first candidate published", s.Epoch, len(s.Recent))
	}
	master := tr.all[id]
	if got := master.must("DEL", "none"); got != int64(0) {
		t.Errorf("DEL: got %v; want 0", got)
	}
	master.must("CONFIG", "SET", "maxmemory", "0")
	tr.await("the mark", func() bool { return master.Client.Get(t.Context(), markerKey("g")).Val() == "2" })
}

// TestFailoverWithoutRights: no server takes a write of the monitor's. One that says it is master with all the data is
// master all the same, and that it was not tried is an alarm.
func TestFailoverWithoutRights(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	for _, i := range tr.all[1:] {
		i.must("ACL", "SETUSER", "default", "-set")
	}
	tr.all[0].kill()
	tr.await("another master", func() bool { g := tr.Table().Groups[0]; return g.Master > 0 && !g.Held })
	tr.await("an alarm that it took no mark", func() bool { return tr.alarmed("no mark of epoch 2 could be left: ") })
	tr.await("the group is in line", func() bool { return tr.state().State == failover.Healthy })
	tr.said("does not take the mark of epoch ")
	if s := tr.state(); len(s.Recent) != 1 {
		t.Errorf("got %d failovers; want 1", len(s.Recent))
	}
}

// TestFailoverWithoutDisk: no replica can save its data, and each says MISCONF to PING and to every write. When the master
// dies one becomes master all the same, and says so until it can.
func TestFailoverWithoutDisk(t *testing.T) {
	all := []*instance{launch(t)}
	for range 2 {
		dir := filepath.Join(t.TempDir(), "gone")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		// Without the last of these Redis ends a replica that cannot save at the first write that it is sent, as that of a heartbeat.
		all = append(all, launch(t, "--dir", dir, "--repl-diskless-load", "swapdb", "--replica-ignore-disk-write-errors", "yes").follows(all[0]))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	tr := castOf(t, all, nil)
	tr.settled(0, "[1 2]")
	for _, i := range all[1:] {
		i.must("CONFIG", "SET", "save", "3600 1")
		i.must("BGSAVE")
		tr.await("MISCONF", func() bool { return beginsWith(i.Client.Ping(t.Context()).Err(), "MISCONF ") })
	}
	all[0].kill()
	tr.await("another master", func() bool { g := tr.Table().Groups[0]; return g.Master > 0 && !g.Held })
	master := all[tr.Table().Groups[0].Master]
	tr.said(master.addr() + " cannot save its data (MISCONF)")
	tr.await("that it cannot save", func() bool { return tr.alarmed(master.addr() + ", the master, answers misconf") })
	if !tr.alarmed("was made master because nobody else could be; it refused the write that it was tried with: MISCONF ") {
		t.Errorf("got the alarms %q; want that it took no write", tr.state().Alarms)
	}
	for _, i := range all[1:] {
		i.must("CONFIG", "SET", "save", "")
		i.must("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	}
	tr.await("writes", func() bool { return master.Client.Set(t.Context(), "k", "v", 0).Err() == nil })
	id := tr.Table().Groups[0].Master
	tr.settled(id, map[int32]string{1: "[2]", 2: "[1]"}[id])
	tr.said(master.addr() + " can save its data again")
}

// TestMasterWithoutDisk: a master that cannot save its data and has no replica that could take over stays master. Events and
// status say that it waits for room on its disk, and why nobody takes over.
func TestMasterWithoutDisk(t *testing.T) {
	tr := cast(t, 1, func(o *PoolOptions) { o.Failover.DownMisconf = int64(time.Second) })
	tr.settled(0, "[1]")
	tr.all[1].must("CONFIG", "SET", "replica-priority", "0")
	master := tr.all[0]
	master.must("CONFIG", "SET", "save", "3600 1")
	if err := os.RemoveAll(master.must("CONFIG", "GET", "dir").([]any)[1].(string)); err != nil {
		t.Fatal(err)
	}
	tr.await("a save that fails", func() bool { return master.Client.BgSave(t.Context()).Err() == nil })
	tr.said(master.addr() + " cannot save its data (MISCONF)")
	tr.await("why nobody takes over", func() bool {
		s := tr.state()
		return s.State == failover.Healthy && strings.Contains(s.Forbidden, "its replica-priority is 0") && !tr.alarmed("given up after")
	})
	master.must("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	tr.said(master.addr() + " can save its data again")
	tr.await("nothing to say", func() bool { s := tr.state(); return s.Forbidden == "" && len(s.Alarms) == 0 })
}
