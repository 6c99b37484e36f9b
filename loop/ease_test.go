package loop

import (
	"testing"
	"time"

	"huntaway/shard"
)

// TestEase: a replica that has come back gets a tenth of its share at first and all of it
// after easeTime, whatever the costs are, and none is lost: what it does not get the other
// replica does, or the master when there is no other.
func TestEase(t *testing.T) {
	for _, replicas := range []int{1, 2} {
		table := testTable(t, withReplicas(replicas))
		st := newTestWorker(t, PoolOptions{Table: table, ReadPolicy: shard.PreferReplica})
		pw := st.e.workers[0].pools[0]
		for age, want := range map[time.Duration]float64{0: 0.1, 5 * time.Second: 0.55, 11 * time.Second: 1} {
			const back = 1
			pw.table.Vitals(1).ReturnedAt.Store(back)
			pw.tickEase()
			pw.w.now = back + int64(age)
			const n = 20_000
			counts := map[int32]int{}
			s := &session{w: pw.w, pw: pw}
			for range n {
				counts[pw.pick(s, &entry{marks: viaRead, group: pw.refTo(0)})]++
			}
			full := float64(n) / float64(replicas)
			if share := float64(counts[1]) / full; share < want-0.05 || share > want+0.05 {
				t.Errorf("%d replicas, back for %v: got %.2f of its share; want %.2f", replicas, age, share, want)
			}
			if rest := n - counts[1] - counts[0] - counts[2]; rest != 0 || replicas == 2 && counts[0] > 0 {
				t.Errorf("%d replicas: got %v; want reads at the replicas as far as there are others", replicas, counts)
			}
		}
	}
}

// withReplicas is a group of a master, ID 0, and so many replicas.
func withReplicas(n int) shard.Group {
	g := shard.Group{Name: "g1", Servers: []shard.Server{{Addr: "127.0.0.1:7000", Role: shard.Master, Weight: 1}}}
	for i := range n {
		g.Servers = append(g.Servers, shard.Server{Addr: "127.0.0.1:" + decimal(7001+i), Role: shard.Replica, Weight: 1})
	}
	return g
}
