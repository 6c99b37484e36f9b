package shard

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// eligible is the obvious list of who may serve a read.
func eligible(g *Group, p ReadPolicy, cost []uint64) (ids []int32) {
	var may []int32
	switch p {
	case ReadMaster:
		may = []int32{g.Master}
	case PreferReplica, ReplicaOnly:
		may = g.Readers
	case Nearest:
		may = append([]int32{g.Master}, g.Readers...)
	}
	for _, id := range may {
		if id >= 0 && cost[id] != Unusable {
			ids = append(ids, id)
		}
	}
	if p == PreferReplica && len(ids) == 0 {
		return eligible(g, ReadMaster, cost)
	}
	return ids
}

// someGroup draws a group in any state, and costs for its servers.
func someGroup(rt *rapid.T) (*Group, []uint64) {
	g := Group{Name: "g", Weight: 1}
	n := rapid.IntRange(1, 8).Draw(rt, "servers")
	for i := range n {
		g.Servers = append(g.Servers, Server{Addr: string(rune('a' + i)), Role: Replica, Weight: rapid.IntRange(1, 9).Draw(rt, "weight")})
	}
	table, err := Build(Spec{Groups: []Group{g}})
	if err != nil {
		rt.Fatal(err)
	}
	table = table.WithMaster(0, int32(rapid.IntRange(-1, n-1).Draw(rt, "master")))
	readers := rapid.SliceOfN(rapid.Int32Range(0, int32(n-1)), 0, n).Draw(rt, "readers")
	cost := rapid.SliceOfN(rapid.SampledFrom([]uint64{0, 1, 2, 1 << 40, Unusable}), n, n).Draw(rt, "cost")
	return &table.WithReaders(0, readers).Groups[0], cost
}

// TestReader: whom Reader returns is eligible, it returns -1 only when nobody is, and never
// the most expensive one while two differ.
func TestReader(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g, cost := someGroup(rt)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		for p := ReadMaster; p <= Nearest; p++ {
			may := eligible(g, p, cost)
			slices.SortFunc(may, func(a, b int32) int { return cmp.Compare(cost[a], cost[b]) })
			for range 100 {
				checkReader(rt, p, g.Reader(p, cost, r.Uint64()), may, cost)
			}
		}
	})
}

// checkReader judges one answer; may is who is eligible, the cheapest first.
func checkReader(rt *rapid.T, p ReadPolicy, got int32, may []int32, cost []uint64) {
	last := len(may) - 1
	switch {
	case last < 0 && got != -1:
		rt.Fatalf("%v: got %d; want -1", p, got)
	case last >= 0 && !slices.Contains(may, got):
		rt.Fatalf("%v: got %d; want one of %v", p, got, may)
	case last > 0 && got == may[last] && cost[may[last]] > cost[may[last-1]]:
		rt.Fatalf("%v: got %d, the one most expensive of %v; want a cheaper one", p, got, may)
	}
}

// TestReaderWeights: with equal costs shares are as weights; nobody eligible is starved.
func TestReaderWeights(t *testing.T) {
	g := Group{Name: "g", Weight: 1}
	for i, w := range []int{4, 1, 2, 3} {
		g.Servers = append(g.Servers, Server{Addr: string(rune('a' + i)), Role: Replica, Weight: w})
	}
	g.Servers[0].Role = Master
	group := &build(t, Spec{Groups: []Group{g}}).Groups[0]
	for p, want := range map[ReadPolicy][]float64{
		ReadMaster: {1, 0, 0, 0}, PreferReplica: {0, 1. / 6, 2. / 6, 3. / 6},
		ReplicaOnly: {0, 1. / 6, 2. / 6, 3. / 6}, Nearest: {.4, .1, .2, .3},
	} {
		const draws = 100_000
		var got [4]int
		r := rand.New(rand.NewPCG(9, uint64(p)))
		for range draws {
			got[group.Reader(p, nil, r.Uint64())]++
		}
		for id, n := range got {
			if off := float64(n)/draws - want[id]; off < -.01 || off > .01 {
				t.Errorf("%v: server %d: got %d of %d; want %.2f of them", p, id, n, draws, want[id])
			}
		}
	}
}

// TestReaderShortCost: a server that the cost slice does not reach yet costs nothing.
func TestReaderShortCost(t *testing.T) {
	group := &twoTrios(t).Groups[1]
	if got := group.Reader(ReadMaster, []uint64{Unusable}, 0); got != 3 {
		t.Errorf("got %d; want 3", got)
	}
	if got := group.Reader(ReplicaOnly, []uint64{0, 0, 0, 0, 7}, 0); got != 5 {
		t.Errorf("got %d; want 5, which costs less than 4", got)
	}
}

func TestReadPolicyNames(t *testing.T) {
	for p := ReadMaster; p <= Nearest; p++ {
		if got, err := ParseReadPolicy(p.String()); err != nil || got != p {
			t.Errorf("%v: got %v, %v; want itself", p, got, err)
		}
	}
	_, err := ParseReadPolicy("prefer_replica")
	want := `unknown read policy "prefer_replica" (did you mean "prefer-replica"?) (one of master, prefer-replica, replica-only, nearest)`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v; want %s", err, want)
	}
	if got := ReadPolicy(9).String(); got != "ReadPolicy(9)" {
		t.Errorf("got %q; want ReadPolicy(9)", got)
	}
}
