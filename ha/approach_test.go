package ha

import (
	"context"
	"slices"
	"testing"
	"time"

	"huntaway/ha/vital"
)

// TestSwitchoverIsTimed: replicas report once a second, and FAILOVER waits for that. A
// switchover under writes begins shortly before, so that they are held for a fraction of it.
func TestSwitchoverIsTimed(t *testing.T) {
	tr := cast(t, 2, nil)
	tr.settled(0, "[1 2]")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wrote := make(chan writer)
	go func() { wrote <- tr.write(ctx) }()
	var pauses []time.Duration
	for _, turn := range [][2]int32{{0, 1}, {1, 2}, {2, 1}, {1, 0}, {0, 2}} {
		paused, done := make(chan time.Duration), make(chan struct{})
		go func() { paused <- tr.heldUntil(done) }()
		o := SwitchoverOrder{Group: "g", Expect: tr.all[turn[0]].addr(), To: tr.all[turn[1]].addr(), By: "test"}
		tr.await("a switchover", func() bool {
			_, err := tr.m.Switchover(ctx, o)
			return err == nil
		})
		close(done)
		pauses = append(pauses, <-paused)
	}
	cancel()
	if w := <-wrote; len(w.failed) > 0 || len(w.acked) == 0 {
		t.Errorf("got %d failed writes, %d acknowledged; want none and some", len(w.failed), len(w.acked))
	}
	slices.Sort(pauses)
	t.Log("writes were held for", pauses)
	if median := pauses[len(pauses)/2]; median > 500*time.Millisecond {
		t.Errorf("got pauses of %v; want most of them well under the second between two reports", pauses)
	}
}

// heldUntil returns how long the group was held until done.
func (tr *troupe) heldUntil(done <-chan struct{}) (held time.Duration) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-done:
			return held
		case now := <-tick.C:
			if tr.Table().Groups[0].Held {
				held += now.Sub(last)
			}
			last = now
		}
	}
}

func TestReported(t *testing.T) {
	two := vital.Replication{Followers: []vital.Follower{{Addr: "10.0.0.1:1", Offset: 5}, {Addr: "10.0.0.2:1", Offset: 7}}}
	one := vital.Replication{Followers: two.Followers[:1]}
	for _, tc := range []struct {
		name   string
		r      vital.Replication
		addr   string
		offset int64
		listed bool
	}{
		{"listed", two, "10.0.0.2:1", 7, true},
		{"not listed", two, "replica:1", 0, false},
		{"the only one, under another address", one, "replica:1", 5, true},
		{"none", vital.Replication{}, "replica:1", 0, false},
	} {
		if offset, listed := reported(&tc.r, tc.addr); offset != tc.offset || listed != tc.listed {
			t.Errorf("%s: got %d, %v; want %d, %v", tc.name, offset, listed, tc.offset, tc.listed)
		}
	}
}
