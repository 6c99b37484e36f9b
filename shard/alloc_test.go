//go:build !race

package shard

import "testing"

// TestAllocs: what runs for each request allocates nothing.
func TestAllocs(t *testing.T) {
	key := []byte("prefix:{user:1000}:suffix that is longer than one md5 block of sixty-four bytes")
	for _, h := range hashes {
		if n := testing.AllocsPerRun(100, func() { h.Sum(key) }); n != 0 {
			t.Errorf("%s: got %v allocations; want 0", h.Name, n)
		}
		for _, d := range DistributionNames() {
			table := build(t, Spec{Hash: h.Name, HashTag: "{}", Distribution: d, Groups: groupsOf(10, 1, 2)})
			if n := testing.AllocsPerRun(100, func() { table.Locate(key) }); n != 0 {
				t.Errorf("Locate, %s, %s: got %v allocations; want 0", d, h.Name, n)
			}
		}
	}
	table := twoTrios(t)
	cost := make([]uint64, table.Servers())
	for p := ReadMaster; p <= Nearest; p++ {
		if n := testing.AllocsPerRun(100, func() { table.Groups[1].Reader(p, cost, 1<<63) }); n != 0 {
			t.Errorf("Reader, %v: got %v allocations; want 0", p, n)
		}
	}
}

func TestSlotAllocatesNothing(t *testing.T) {
	table, key := mustBuild(t, slotted(t, nil, 3)), []byte("{user}:1234567890")
	if n := testing.AllocsPerRun(100, func() { table.Locate(key); table.Slot(key) }); n != 0 {
		t.Errorf("got %v allocations; want 0", n)
	}
}
