package ha

import (
	"fmt"
	"testing"
)

// TestUnmarkedMasterReturns: the mark is deleted, and the master is killed before it is put right and comes back from its
// append-only file, under a replication id that nobody knows: it follows, for it has the group's keys. Other data
// at that address are left alone, however many keys there are.
func TestUnmarkedMasterReturns(t *testing.T) {
	for _, c := range []struct {
		name, returns string
		follows       bool
	}{{"with our keys", "key", true}, {"with others'", "other", false}} {
		t.Run(c.name, func(t *testing.T) {
			all := []*instance{launch(t, "--appendonly", "yes")}
			all = append(all, launch(t).follows(all[0]), launch(t).follows(all[0]))
			tr := castOf(t, all, nil)
			tr.settled(0, "[1 2]")
			tr.await("the mark", func() bool { return tr.state().EpochLeft })
			for k := range 40 {
				all[0].must("SET", fmt.Sprint("key", k), "x")
			}
			all[0].replicated(2)
			for k := range 40 {
				if c.returns != "key" {
					all[0].must("RENAME", fmt.Sprint("key", k), fmt.Sprint(c.returns, k))
				}
			}
			all[0].replicated(2)
			all[0].must("ACL", "SETUSER", "default", "-set") // so that it is not put right before the end
			all[0].must("DEL", markerKey("g"))
			all[0].kill()
			tr.await("another master", func() bool { g := tr.Table().Groups[0]; return g.Master > 0 && !g.Held })
			id := tr.Table().Groups[0].Master
			if c.returns != "key" { // what came back is not what the group has
				tr.all[id].must("FLUSHALL")
				for k := range 40 {
					tr.all[id].must("SET", fmt.Sprint("key", k), "x")
				}
			}
			all[0].start()
			if c.follows {
				tr.settled(id, map[int32]string{1: "[0 2]", 2: "[0 1]"}[id])
				all[0].must("CONFIG", "SET", "appendonly", "no") // or its child writes on when it is killed
				return
			}
			tr.said(all[0].addr() + " holds the data of somebody else and is left alone")
			if got := all[0].must("ROLE").([]any)[0]; got != "master" || !tr.alarmed(all[0].addr()+" holds the data of somebody else") {
				t.Errorf("got a %v and the alarms %q; want it left alone", got, tr.state().Alarms)
			}
		})
	}
}
