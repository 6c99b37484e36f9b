//go:build !race

package shard

import (
	"fmt"
	"slices"
	"testing"
)

// Figures of what one goroutine computes over very many keys: the race detector has nothing to see
// here, and takes minutes.

// spread counts a million keys and returns the most loaded group's load over the mean.
func spread(table *Table) (maxOverMean float64) {
	const keys = 1_000_000
	counts := make([]int, len(table.Groups))
	key := []byte("user:0000000")
	for i := range keys {
		counts[table.Locate(fmt.Appendf(key[:5], "%07d", i))]++
	}
	return float64(slices.Max(counts)*len(counts)) / keys
}

// TestSpread bounds and prints how unevenly the default distributes, beside ketama.
func TestSpread(t *testing.T) {
	for _, c := range []struct {
		groups int
		most   float64
	}{{2, 1.02}, {10, 1.06}, {100, 1.15}} {
		got := spread(build(t, Spec{Groups: groupsOf(c.groups, 1)}))
		ketama := spread(build(t, Spec{Distribution: "ketama", Hash: "fnv1a_64", Groups: groupsOf(c.groups, 1)}))
		t.Logf("%3d groups: max/mean %.3f (ketama with fnv1a_64: %.3f)", c.groups, got, ketama)
		if got > c.most {
			t.Errorf("%d groups: got max/mean %.3f; want at most %.2f", c.groups, got, c.most)
		}
	}
}

// TestMovement adds a group: only its own share of the keys moves, and only to it.
func TestMovement(t *testing.T) {
	for _, weights := range [][]int{{1}, {1, 2, 3}} {
		for _, n := range []int{2, 10, 100} {
			groups := groupsOf(n+1, weights...)
			before, after := build(t, Spec{Groups: groups[:n]}), build(t, Spec{Groups: groups})
			const keys = 100_000
			moved, total := 0, 0
			for i := range keys {
				key := fmt.Appendf(nil, "user:%d", i)
				was, is := before.Locate(key), after.Locate(key)
				if is != was {
					moved++
				}
				if is != was && is != n {
					t.Fatalf("weights %v: key %q: got group %d, was %d; want to stay or move to %d", weights, key, is, was, n)
				}
			}
			for _, g := range groups {
				total += g.Weight
			}
			want := keys * float64(groups[n].Weight) / float64(total)
			t.Logf("weights %v: group %d added: %d of %d keys moved, ideal %.0f", weights, n+1, moved, keys, want)
			if got := float64(moved); got < 0.85*want || got > 1.15*want {
				t.Errorf("weights %v: got %d keys moved; want %.0f within 15 %%", weights, moved, want)
			}
		}
	}
}
