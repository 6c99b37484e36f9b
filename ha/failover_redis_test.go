package ha

import (
	"testing"
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
