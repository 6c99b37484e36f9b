package shard

import (
	"bufio"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/perf/invariant"
)

// placementKeys is how many keys each pool is asked for: 20 000, or 1 000 with -short and with the
// checks of invariant, beside the race detector: one goroutine computes, and all keys of a run
// without these take the same code.
func placementKeys() int {
	if testing.Short() || invariant.On {
		return 1_000
	}
	return 20_000
}

// A line is one of nutcracker's server lines, "host:port:weight name".
type line struct {
	addr, name string
	weight     int
}

func (l line) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s:%d %s", l.addr, l.weight, l.name))
}

// A family is pools whose server lines are of one kind.
type family struct {
	name  string
	tag   string
	lines []line
}

// families makes server lines that differ in what the labels are made of. The addresses are
// free ports, so each run draws other rings.
func families(t *testing.T, r *rand.Rand) []family {
	var plain, named, weighted, tagged, many []line
	f := newFleet(t, anyAddrs(31)...)
	for i := range 7 {
		name := strings.Repeat("n", 1+r.IntN(20)) + fmt.Sprint(r.IntN(100), "-", i)
		plain = append(plain, line{f.addr(i), "", 1})
		named = append(named, line{f.addr(i), name, 1 + i%2})
		weighted = append(weighted, line{f.addr(i), "", 1 + r.IntN(9)})
		tagged = append(tagged, line{f.addr(i), name, 1})
	}
	named[0].name = strings.Repeat("long", 40)
	for i := range f {
		many = append(many, line{f.addr(i), "", 1 + r.IntN(1000)})
	}
	return []family{
		{"plain", "", plain},
		{"names", "", named},
		{"weights", "", weighted},
		{"port 11211", "", portFamily(t, r)},
		{"hash tag", "{}", tagged},
		{"hash tag of one letter", "::", tagged},
		{"two servers", "", weighing(plain, 7, 3)},
		{"rounding", "", weighing(plain, 1, 2, 3, 6, 13)},
		{"one server", "", plain[:1]},
		{"31 servers", "", many},
	}
}

// weighing gives weights to the first lines. Those above are where ketama's point counts
// come out differently in exact arithmetic, or in 64 bits, than in C's float.
func weighing(lines []line, weights ...int) []line {
	lines = slices.Clone(lines[:len(weights)])
	for i, w := range weights {
		lines[i].weight = w
	}
	return lines
}

// portFamily makes servers of which all but one listen on port 11211, on a loopback network
// where nobody else does.
func portFamily(t *testing.T, r *rand.Rand) []line {
	network := fmt.Sprintf("127.%d.%d.", 1+r.IntN(254), r.IntN(256))
	addrs := []string{network + "9:0"}
	for i := range 5 {
		addrs = append(addrs, network+fmt.Sprint(20*i+1)+":11211")
	}
	f := newFleet(t, addrs...)
	lines := make([]line, len(f))
	for i := range f {
		lines[i] = line{f.addr(i), "", 1}
	}
	return lines
}

// table builds what Huntaway makes of the lines: each a group of its own.
func (f family) table(t *testing.T, hash, distribution string) *Table {
	t.Helper()
	spec := Spec{Hash: hash, HashTag: f.tag, Distribution: distribution}
	for _, l := range f.lines {
		spec.Groups = append(spec.Groups, Group{
			Name: cmp.Or(l.name, l.addr), Label: Label(l.name, l.addr), Weight: l.weight,
			Servers: []Server{{Addr: l.addr, Name: l.name, Role: Master, Weight: 1}},
		})
	}
	table, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func (f family) conf(hash, distribution string) poolConf {
	p := poolConf{hash: hash, tag: f.tag, distribution: distribution}
	for _, l := range f.lines {
		p.servers = append(p.servers, l.String())
	}
	return p
}

func randomKeys(r *rand.Rand, n int, special string) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = randomKey(r, []byte(special))
	}
	return keys
}

// compare fails when table places a key elsewhere than nutcracker did.
func compare(t *testing.T, table *Table, keys [][]byte, want []int) {
	t.Helper()
	wrong := 0
	for i, key := range keys {
		if got := table.Locate(key); got != want[i] {
			if wrong++; wrong <= 3 {
				t.Errorf("key %q: got group %d; want %d\n%v", key, got, want[i], table.Explain(key))
			}
		}
	}
	if wrong > 0 {
		t.Errorf("got %d of %d keys in another group than nutcracker's; want 0", wrong, len(keys))
	}
}

// TestPlacement compares where keys go with where the real nutcracker 0.5.0 sends them, for
// each of its hashes under ketama and modula, over each family of server lines. The keys
// are drawn anew in each run.
func TestPlacement(t *testing.T) {
	needNutcracker(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d keys a pool", seed, placementKeys())
	r := rand.New(rand.NewPCG(seed, 0))
	kinds := families(t, r)
	for _, hash := range twemproxyHashes() {
		t.Run(hash, func(t *testing.T) {
			keys := randomKeys(r, placementKeys(), "{}:")
			var pools []poolConf
			for _, f := range kinds {
				pools = append(pools, f.conf(hash, "ketama"), f.conf(hash, "modula"))
			}
			sockets := startNutcracker(t, pools)
			for i, p := range pools {
				f := kinds[i/2]
				t.Run(p.distribution+" "+f.name, func(t *testing.T) {
					compare(t, f.table(t, hash, p.distribution), keys, placed(t, sockets[i], keys))
				})
			}
		})
	}
}

// TestPlacementEjected compares the rings that are left when nutcracker, under
// auto_eject_hosts, has thrown out a server that does not listen.
func TestPlacementEjected(t *testing.T) {
	needNutcracker(t)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	addrs := anyAddrs(6)
	f := newFleet(t, addrs...)
	fam := family{name: "ejected"}
	for i := range f {
		fam.lines = append(fam.lines, line{f.addr(i), "", 1 + r.IntN(5)})
	}
	const dead = 2
	f[dead].Close()
	var pools []poolConf
	for _, distribution := range []string{"ketama", "modula"} {
		p := fam.conf("fnv1a_64", distribution)
		p.more = []string{"auto_eject_hosts: true", "server_failure_limit: 1", "server_retry_timeout: 600000"}
		pools = append(pools, p)
	}
	keys := randomKeys(r, placementKeys(), "")
	for i, socket := range startNutcracker(t, pools) {
		t.Run(pools[i].distribution, func(t *testing.T) {
			table := fam.table(t, "fnv1a_64", pools[i].distribution)
			refused(t, socket, keyOf(table, keys, dead))
			compare(t, table.WithEjected([]int{dead}), keys, placed(t, socket, keys))
		})
	}
}

// keyOf returns a key that the table places in the group.
func keyOf(table *Table, keys [][]byte, group int) []byte {
	for _, key := range keys {
		if table.Locate(key) == group {
			return key
		}
	}
	panic("no key belongs to the group")
}

// refused asks nutcracker for a key whose server does not listen.
func refused(t *testing.T, socket string, key []byte) {
	t.Helper()
	c := dial(t, socket)
	c.Write(pipeline([][]byte{key}))
	reply, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(reply, "-") {
		t.Fatalf("key %q: got %q, %v; want an error reply", key, reply, err)
	}
}
