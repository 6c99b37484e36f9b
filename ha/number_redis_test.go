package ha

import (
	"fmt"
	"testing"
	"time"

	"huntaway/ha/failover"
)

// TestSecondMonitorHasTheEpoch: a monitor that was not there when another one made a master has that one's epoch, whatever its own
// state, however often each of them is started again; and so has the mark.
func TestSecondMonitorHasTheEpoch(t *testing.T) {
	acting := cast(t, 2, nil)
	acting.settled(0, "[1 2]")
	acting.await("that it says that it is active", func() bool { return acting.all[0].must("EXISTS", beatKey("g")) == int64(1) })
	old := castOf(t, acting.all, nil)
	old.await("that it stands down", func() bool { return old.alarmed("another monitor is active") })
	old.stop()
	for _, to := range []int32{1, 2} {
		from := acting.state().Master
		acting.await("a switchover", func() bool {
			s := acting.state()
			if s.State == failover.Healthy && s.Master == from {
				_, _ = acting.m.Switchover(t.Context(), SwitchoverOrder{Pool: "p", Group: "g", To: acting.all[to].addr(), Expect: acting.all[from].addr(), By: "op"})
			}
			return acting.state().Master == to
		})
	}
	acting.settled(2, "[0 1]")
	agree := func(all ...*troupe) {
		t.Helper()
		for _, tr := range all {
			tr.settled(2, "[0 1]")
			tr.await("epoch 3", func() bool { return tr.state().Epoch == 3 })
		}
		acting.await("the mark 3", func() bool { return acting.all[2].must("GET", markerKey("g")) == "3" })
	}
	old.begin()
	lost := castOf(t, acting.all, nil)
	agree(acting, old, lost)
	for _, tr := range []*troupe{lost, old, acting} {
		tr.stop()
		tr.begin()
		agree(acting, old, lost)
	}
}

// TestStoodDownTakesTheMark: beside an active monitor the mark that this one keeps is the epoch, also when it is an earlier one; not
// what a client writes there in between.
func TestStoodDownTakesTheMark(t *testing.T) {
	all := []*instance{launch(t)}
	all = append(all, launch(t).follows(all[0]))
	all[0].replicated(1)
	other := listening(t, all[0], nameA)
	other.active("at the start")
	tr := castOf(t, all, nil)
	tr.settled(0, "[1]")
	tr.await("that it stands down", func() bool { return tr.alarmed("another monitor is active") })
	for _, epoch := range []uint64{7, 4} {
		all[0].must("SET", markerKey("g"), epoch)
		tr.await(fmt.Sprintf("epoch %d", epoch), func() bool { other.takes(); return tr.state().Epoch == epoch })
	}
	for n := range 20 {
		for _, mark := range []int{4, 900 + n} {
			all[0].must("SET", markerKey("g"), mark)
			for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if got := tr.state().Epoch; got != 4 {
					t.Fatalf("got epoch %d beside the mark %d; want 4", got, mark)
				}
			}
		}
		other.takes()
	}
}

// TestMarkOfAPromotion: who is made master gets a mark above the one that it has copied, unless it is certain that a client has written
// that, or no monitor can have.
func TestMarkOfAPromotion(t *testing.T) {
	i := launch(t)
	c := i.Client.Conn()
	defer c.Close()
	for _, each := range []struct {
		found   string
		certain bool
		want    uint64
	}{{"", false, 5}, {"3", false, 5}, {"5", false, 6}, {"9", false, 10}, {"9", true, 5}, {"99999999999", false, 5}, {"x", false, 5}} {
		i.must("DEL", markerKey("g"))
		if each.found != "" {
			i.must("SET", markerKey("g"), each.found)
		}
		var ev failover.Event
		tk := task{ctx: t.Context(), c: c, ev: &ev, order: &order{group: "g", Action: failover.Action{Epoch: 5, Anew: true, Certain: each.certain}}}
		err := tk.verify()
		if got := i.must("GET", markerKey("g")); err != nil || ev.Mark.Epoch != each.want || got != fmt.Sprint(each.want) {
			t.Errorf("found %q, certain %v: got the mark %v, told %d, %v; want %d", each.found, each.certain, got, ev.Mark.Epoch, err, each.want)
		}
	}
}
