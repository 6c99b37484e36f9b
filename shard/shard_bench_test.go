package shard

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchKeys are 16 384 keys of 16 bytes, so that neither the branch predictor nor the first
// cache knows the answers.
func benchKeys() [][]byte {
	keys := make([][]byte, 1<<14)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user:%011d", i*7919)
	}
	return keys
}

// BenchmarkLocate is a key's whole way to its group, with the hash each distribution is
// mostly used with.
func BenchmarkLocate(b *testing.B) {
	keys := benchKeys()
	for _, c := range []struct{ distribution, hash string }{
		{"ketama", "fnv1a_64"}, {"modula", "fnv1a_64"}, {"random", "fnv1a_64"}, {"rendezvous", "xxh3"},
	} {
		for _, n := range []int{2, 8, 64} {
			table := build(b, Spec{Hash: c.hash, Distribution: c.distribution, HashTag: "{}", Groups: groupsOf(n, 1)})
			b.Run(fmt.Sprintf("%s/groups=%d", c.distribution, n), func(b *testing.B) {
				b.ReportAllocs()
				i, sum := 0, 0
				for b.Loop() {
					sum += table.Locate(keys[i&(1<<14-1)])
					i++
				}
				sink = sum
			})
		}
	}
}

// sink keeps results alive.
var sink int

// BenchmarkKetamaSearch compares the two ways to find a value's point.
func BenchmarkKetamaSearch(b *testing.B) {
	values := make([]uint32, 1<<14)
	for i := range values {
		values[i] = rand.Uint32()
	}
	for _, n := range []int{2, 64} {
		k := newKetama(membersOf(copied(groupsOf(n, 1)))).(*ketama)
		for name, search := range map[string]func(uint32) int{
			"halving": func(v uint32) int { return halving(k, v) },
			"indexed": func(v uint32) int { return k.place(uint64(v)) },
		} {
			b.Run(fmt.Sprintf("%s/groups=%d", name, n), func(b *testing.B) {
				i, sum := 0, 0
				for b.Loop() {
					sum += search(values[i&(1<<14-1)])
					i++
				}
				sink = sum
			})
		}
	}
}

func BenchmarkHash(b *testing.B) {
	key := []byte("user:00000001000")
	for _, h := range hashes {
		b.Run(h.Name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(key)))
			var sum uint64
			for b.Loop() {
				sum += h.Sum(key)
			}
			sink = int(sum)
		})
	}
}

// BenchmarkReader chooses among a master and five replicas.
func BenchmarkReader(b *testing.B) {
	g := Group{Name: "g", Weight: 1}
	for i := range 6 {
		g.Servers = append(g.Servers, Server{Addr: string(rune('a' + i)), Role: Replica, Weight: 1 + i%2})
	}
	g.Servers[0].Role = Master
	table := build(b, Spec{Groups: []Group{g}})
	cost := []uint64{5, 3, 8, 1, Unusable, 2}
	for p := ReadMaster; p <= Nearest; p++ {
		b.Run(p.String(), func(b *testing.B) {
			b.ReportAllocs()
			roll, sum := uint64(1), 0
			for b.Loop() {
				roll = roll*6364136223846793005 + 1442695040888963407
				sum += int(table.Groups[0].Reader(p, cost, roll))
			}
			sink = sum
		})
	}
}

// BenchmarkBuild is what a reload or an ejection costs, off the data path.
func BenchmarkBuild(b *testing.B) {
	for _, d := range []string{"ketama", "rendezvous"} {
		for _, weights := range [][]int{{1}, {1, 2, 3}} {
			spec := Spec{Distribution: d, Groups: groupsOf(100, weights...)}
			b.Run(fmt.Sprintf("%s/groups=100/weights=%d", d, len(weights)), func(b *testing.B) {
				for b.Loop() {
					build(b, spec)
				}
			})
		}
	}
}
