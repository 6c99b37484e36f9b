package ha

import (
	"fmt"
	"testing"
)

// TestUnmarkedMasterReturns: a server without the mark and with a replication id that nobody knows answers where the master was.
// It is left alone with what it has, although its keys are called as the group's are: they may be another
// environment's, or those of the old master, which was killed before a deleted mark was put right and has started from its
// append-only file. Made empty by an operator it follows.
func TestUnmarkedMasterReturns(t *testing.T) {
	for name, value := range map[string]string{"the old master": "ours", "another environment": "theirs"} {
		t.Run(name, func(t *testing.T) {
			all := []*instance{launch(t, "--appendonly", "yes", "--appendfsync", "always")} // or the mark may be in the file still
			all = append(all, launch(t).follows(all[0]), launch(t).follows(all[0]))
			tr := castOf(t, all, nil)
			tr.settled(0, "[1 2]")
			tr.await("the mark", func() bool { return tr.state().EpochLeft })
			for k := range 40 {
				all[0].must("SET", fmt.Sprint("key", k), "ours")
			}
			all[0].replicated(2)
			all[0].must("ACL", "SETUSER", "default", "-set") // so that it is not put right before the end
			all[0].must("DEL", markerKey("g"))
			all[0].kill()
			tr.await("another master", func() bool { g := tr.Table().Groups[0]; return g.Master > 0 && !g.Held })
			id := tr.Table().Groups[0].Master
			all[0].args = append(all[0].args, "--requirepass", "closed") // until it has its data
			all[0].Client.Options().Password = "closed"
			all[0].start()
			for k := range 40 {
				all[0].must("SET", fmt.Sprint("key", k), value)
			}
			all[0].must("CONFIG", "SET", "requirepass", "")
			const left = " holds data of which nothing shows that they are this group's"
			tr.said(all[0].addr() + left)
			tr.await("an alarm", func() bool { return tr.alarmed(all[0].addr() + left) })
			if role, key := all[0].must("ROLE").([]any)[0], all[0].must("GET", "key7"); role != "master" || key != value {
				t.Errorf("got a %v with %v; want it left alone with %s", role, key, value)
			}
			all[0].must("FLUSHALL")
			tr.settled(id, map[int32]string{1: "[0 2]", 2: "[0 1]"}[id])
			all[0].must("CONFIG", "SET", "appendonly", "no") // or its child writes on when it is killed
		})
	}
}
