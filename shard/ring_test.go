package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// someMembers draws groups with different labels, in the order of byLabel.
func someMembers(rt *rapid.T) []member {
	labels := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9:.]{1,20}`), 2, 70, rapid.ID[string]).Draw(rt, "labels")
	heaviest := rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "heaviest")
	members := make([]member, len(labels))
	for i, label := range labels {
		members[i] = member{i, label, rapid.IntRange(1, heaviest).Draw(rt, "weight")}
	}
	slices.SortFunc(members, byLabel)
	return members
}

// halving is the obvious search of a ketama ring.
func halving(k *ketama, value uint32) int {
	points := k.points[:len(k.points)-1]
	i, _ := slices.BinarySearchFunc(points, value, func(p point, v uint32) int {
		return int(int64(p.value) - int64(v))
	})
	return int(points[i%len(points)].group)
}

// TestKetamaSearch compares the accelerated search with halving: for random values and for
// those beside each point, which are the ones that could go wrong.
func TestKetamaSearch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := newKetama(someMembers(rt)).(*ketama)
		values := []uint32{0, 1, 1<<32 - 1}
		for _, p := range k.points {
			values = append(values, p.value-1, p.value, p.value+1, p.value*2654435761)
		}
		for _, v := range values {
			if got, want := k.place(uint64(v)), halving(k, v); got != want {
				rt.Fatalf("value %#x: got group %d; want %d", v, got, want)
			}
		}
	})
}

// TestKetamaEqualPoints gives two groups points of one value: the first in the order of
// the labels has it, whatever was given first.
func TestKetamaEqualPoints(t *testing.T) {
	k := indexed([]point{{5, 1}, {5, 0}, {7, 0}})
	for value, want := range map[uint64]int{4: 1, 5: 1, 6: 0, 7: 0, 8: 1} {
		if got := k.place(value); got != want {
			t.Errorf("value %d: got group %d; want %d", value, got, want)
		}
	}
}

func TestKetamaDigests(t *testing.T) {
	for _, c := range []struct {
		weight, total float32
		groups, want  int
	}{
		{1, 2, 2, 40}, {1, 3, 3, 40}, {1, 7, 7, 40}, {2, 3, 2, 53}, {1, 3, 2, 26},
		{1, 1000, 2, 0}, {999, 1000, 2, 79},
		{7, 10, 2, 56}, {19, 20, 2, 76}, // 64 bits would say 55 and 75
		{1, 25, 5, 7}, {6, 25, 5, 47}, {29, 60, 3, 57}, // exactly 8, 48 and 58
	} {
		if got := ketamaDigests(c.weight/c.total, c.groups); got != c.want {
			t.Errorf("weight %v of %v over %d groups: got %d; want %d", c.weight, c.total, c.groups, got, c.want)
		}
	}
}

// TestRingsIgnoreOrder turns the groups of the configuration around: every key stays with
// its label, under each distribution that looks at keys.
func TestRingsIgnoreOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, d := range distributions {
		if !d.keyed {
			continue
		}
		spec := Spec{Distribution: d.name, Groups: groupsOf(9, 1, 2, 3)}
		table := build(t, spec)
		slices.Reverse(spec.Groups)
		turned := build(t, spec)
		for range 5000 {
			key := randomKey(r, nil)
			got, want := turned.Groups[turned.Locate(key)].Label, table.Groups[table.Locate(key)].Label
			if got != want {
				t.Fatalf("%s: key %q: got %s; want %s", d.name, key, got, want)
			}
		}
	}
}

// TestRandom draws many times: the key and the weights do not matter.
func TestRandom(t *testing.T) {
	table := build(t, Spec{Distribution: "random", Groups: groupsOf(4, 1, 100)})
	var got [4]int
	for range 40_000 {
		got[table.Locate([]byte("key"))]++
	}
	for group, n := range got {
		if n < 9_500 || n > 10_500 {
			t.Errorf("group %d: got %d of 40000; want about a quarter", group, n)
		}
	}
}

// groupsOf returns n groups of one server, with these weights in turn.
func groupsOf(n int, weights ...int) []Group {
	groups := make([]Group, n)
	for i := range groups {
		groups[i] = Group{
			Name: fmt.Sprintf("g%d", i), Weight: weights[i%len(weights)],
			Servers: []Server{{Addr: fmt.Sprintf("10.0.0.%d:6379", i), Role: Master, Weight: 1}},
		}
	}
	return groups
}

func build(t testing.TB, spec Spec) *Table {
	t.Helper()
	table, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestSpreadWeights checks that a group's share of the buckets is that of its weight.
func TestSpreadWeights(t *testing.T) {
	groups := groupsOf(12, 1, 2, 5, 10)
	r := newRendezvous(membersOf(copied(groups))).(*rendezvous)
	counts := make([]int, len(groups))
	for _, g := range r.winners {
		counts[g]++
	}
	for i, g := range groups {
		want := float64(rendezvousBuckets) * float64(g.Weight) / (3 * 18)
		if off := float64(counts[i])/want - 1; off < -0.12 || off > 0.12 {
			t.Errorf("weight %d: got %d buckets; want %.0f within 12 %%", g.Weight, counts[i], want)
		}
	}
}

// TestEjectReturns takes groups off each ring: the others keep their keys under rendezvous,
// nobody gets a key who is out, and all is as before when they return.
func TestEjectReturns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, name := range []string{"ketama", "modula", "rendezvous"} {
		full := build(t, Spec{Distribution: name, Groups: groupsOf(5, 1, 3)})
		two := full.WithEjected([]int{3, 1, 3})
		if got, want := two.Ejected(), []int{1, 3}; !slices.Equal(got, want) {
			t.Errorf("got ejected %v; want %v", got, want)
		}
		back := two.WithEjected(nil)
		for range 5000 {
			key := randomKey(r, nil)
			was, is := full.Locate(key), two.Locate(key)
			if is == 1 || is == 3 {
				t.Fatalf("%s: key %q is at the ejected group %d", name, key, is)
			}
			if name == "rendezvous" && was != 1 && was != 3 && is != was {
				t.Fatalf("key %q: got group %d; want it to stay at %d", key, is, was)
			}
			if got := back.Locate(key); got != was {
				t.Fatalf("%s: key %q after return: got group %d; want %d", name, key, got, was)
			}
		}
		if got := two.WithEjected([]int{0, 1, 2, 3, 4}).Locate([]byte("a")); got != -1 {
			t.Errorf("%s: all ejected: got group %d; want -1", name, got)
		}
		if got := two.WithEjected([]int{0, 1, 3, 4}).Locate([]byte("a")); got != 2 {
			t.Errorf("%s: all but 2 ejected: got group %d; want 2", name, got)
		}
	}
}

func TestHashTag(t *testing.T) {
	for _, c := range []struct{ tag, key, want string }{
		{"{}", "{user}:1", "user"}, {"{}", "a{b}c{d}", "b"}, {"{}", "a{b}}", "b"}, {"{}", "{{b}}", "{b"},
		{"{}", "a}b{c}", "c"}, {"{}", "{}abc", "{}abc"}, {"{}", "{}{b}", "{}{b}"}, {"{}", "{abc", "{abc"},
		{"{}", "abc}", "abc}"}, {"{}", "", ""}, {"{}", "{", "{"}, {"{}", "x{\x00}", "\x00"},
		{"::", "a:b:c", "b"}, {"::", "a::c", "a::c"}, {"::", "a:b", "a:b"}, {"", "{a}", "{a}"},
	} {
		tag, err := parseTag(c.tag)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tag.of([]byte(c.key))); got != c.want {
			t.Errorf("tag %q of %q: got %q; want %q", c.tag, c.key, got, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	key := []byte("x{user}y")
	for _, name := range DistributionNames() {
		table := build(t, Spec{Distribution: name, HashTag: "{}", Hash: "murmur", Groups: groupsOf(5, 2)})
		x := table.Explain(key)
		if x.Key != string(key) || x.Tag != "user" || x.Hash != "murmur" || x.Distribution != name {
			t.Errorf("got %+v; want key, tag, hash and distribution as given", x)
		}
		if want := murmur([]byte("user")); x.Value != want {
			t.Errorf("%s: got value %#x; want %#x", name, x.Value, want)
		}
		if name == "random" {
			if x.Group != -1 || x.Label != "" {
				t.Errorf("random: got group %d %q; want -1 and no label", x.Group, x.Label)
			}
			continue
		}
		if want := table.Locate(key); x.Group != want || x.Label != table.Groups[want].Label {
			t.Errorf("%s: got group %d %q; want %d", name, x.Group, x.Label, want)
		}
		for _, part := range []string{x.Place, x.Why, x.Label, `hash tag      "user"`} {
			if part == "" || !strings.Contains(x.String(), part) {
				t.Errorf("%s: got %s; want it to contain %q", name, x, part)
			}
		}
	}
}
