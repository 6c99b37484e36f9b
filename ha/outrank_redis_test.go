package ha

import (
	"strconv"
	"testing"
	"time"

	"huntaway/ha/failover"
)

// TestOutrankedMaster: the monitor that is active makes another server master in a later epoch, as it does not reach the old one,
// which answers this monitor all the same. That one goes over as soon as the other is active there, and not before: the writes
// wait. A client that writes the heartbeat on the old master changes nothing.
func TestOutrankedMaster(t *testing.T) {
	all := []*instance{launch(t)}
	all = append(all, launch(t).follows(all[0]), launch(t).follows(all[0]))
	all[0].replicated(2)
	other := listening(t, all[0], nameA)
	other.look.others = []string{all[1].addr(), all[2].addr()}
	other.active("at the start")
	tr := castOf(t, all, nil)
	tr.settled(0, "[1 2]")
	tr.await("that it stands down", func() bool { return tr.alarmed("another monitor is active") })
	epoch := tr.state().Epoch

	all[2].must("REPLICAOF", "NO", "ONE")
	all[2].must("SET", markerKey("g"), strconv.FormatUint(epoch+1, 10))
	tr.await("held writes", func() bool { return tr.state().State == failover.Suspect && tr.Table().Groups[0].Held })
	for range 5 { // somebody else's heartbeat, and the other monitor's, who uses its connection no more
		all[0].must("SET", beatKey("g"), nameC, "EX", 9)
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if g := tr.Table().Groups[0]; !g.Held || g.Master != 0 {
				t.Fatalf("got master %d, held %v; want that it waits", g.Master, g.Held)
			}
		}
	}
	other.look.master, other.look.others = all[2].addr(), []string{all[1].addr()}
	other.look.heart.lose()
	tr.await("the later master", func() bool {
		other.takes()
		g := tr.Table().Groups[0]
		return g.Master == 2 && !g.Held
	})
	if got := tr.state().Epoch; got != epoch+1 {
		t.Errorf("got epoch %d; want the other's, %d", got, epoch+1)
	}
	all[1].must("REPLICAOF", "127.0.0.1", all[2].port)
	all[0].must("REPLICAOF", "127.0.0.1", all[2].port)
	tr.settled(2, "[0 1]")
}
