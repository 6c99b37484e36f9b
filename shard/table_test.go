package shard

import (
	"slices"
	"strings"
	"testing"
)

// trio is a group with a master, a secondary and a replica.
func trio(name string, hosts ...string) Group {
	g := Group{Name: name, Weight: 1}
	for i, host := range hosts {
		g.Servers = append(g.Servers, Server{Addr: host + ":1", Role: []Role{Master, Secondary, Replica}[i], Weight: 1})
	}
	return g
}

func twoTrios(t *testing.T) *Table {
	return build(t, Spec{Groups: []Group{trio("one", "a", "b", "c"), trio("two", "d", "e", "f")}})
}

func wantRoles(t *testing.T, g *Group, master int32, readers ...int32) {
	t.Helper()
	if g.Master != master || !slices.Equal(g.Readers, readers) {
		t.Errorf("group %s: got master %d, readers %v; want %d, %v", g.Name, g.Master, g.Readers, master, readers)
	}
}

func TestBuild(t *testing.T) {
	table := twoTrios(t)
	wantRoles(t, &table.Groups[0], 0, 1, 2)
	wantRoles(t, &table.Groups[1], 3, 4, 5)
	if table.Servers() != 6 || table.Epoch != 0 {
		t.Errorf("got %d servers, epoch %d; want 6, 0", table.Servers(), table.Epoch)
	}
	for id := range int32(6) {
		s := table.Server(id)
		if s.ID != id || table.GroupOf(id) != int(id)/3 || s.Name != s.Addr || s.Network != "tcp" || table.Vitals(id) == nil {
			t.Errorf("got %+v in group %d; want ID %d, group %d, name and network filled in", s, table.GroupOf(id), id, id/3)
		}
	}
	for _, id := range []int32{-1, 6} {
		if table.Server(id) != nil || table.GroupOf(id) != -1 {
			t.Errorf("ID %d: got a server; want none", id)
		}
	}
	if got := table.Groups[0].Label; got != "one" {
		t.Errorf("got label %q; want the name", got)
	}
}

// TestBuildCopies changes the Spec after Build.
func TestBuildCopies(t *testing.T) {
	spec := Spec{Groups: []Group{trio("one", "a", "b", "c")}}
	table := build(t, spec)
	spec.Groups[0].Name, spec.Groups[0].Servers[0].Addr = "x", "x"
	if table.Groups[0].Name != "one" || table.Server(0).Addr != "a:1" {
		t.Errorf("got %+v; want it untouched", table.Groups[0])
	}
}

// TestBuildRefuses has all faults in one Spec: each must be named.
func TestBuildRefuses(t *testing.T) {
	ids := new(IDs)
	twice := trio("twice", "a", "a")
	bad := Group{Name: "bad", Label: "twice", Weight: -1, Servers: []Server{{Role: 'x', Weight: 0}, {Addr: "m", Role: Master, Weight: 1}, {Addr: "n", Role: Master, Weight: 1}}}
	_, err := Build(Spec{
		Hash: "md6", HashTag: "{", Distribution: "ketema", IDs: ids,
		Groups: []Group{twice, bad, {Name: "twice", Weight: 1}, {Weight: 1}, trio("shared", "x", "a")},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		`unknown hash "md6" (did you mean "md5"?) (one of one_at_a_time, md5,`,
		`hash tag "{" has 1 bytes, want two, such as "{}", or none`,
		`unknown distribution "ketema" (did you mean "ketama"?) (one of ketama, modula, random, rendezvous)`,
		`group "twice": server a:1 is listed twice`,
		`group "bad": its label "twice" is also that of group "twice", so both would claim the same keys`,
		`group "bad": weight -1, want 1 to 1048576`,
		`group "bad": a server has no address`,
		`group "bad": server : weight 0, want 1 to 1048576`,
		`group "bad": server : role 'x', want m (master), n (secondary) or s (replica)`,
		`group "bad": 2 servers with role m, want one; the others are n or s`,
		`group "twice": the name is given twice, want a different one for each group`,
		`group "twice" has 0 servers, want 1 to 1024`,
		`group 4 has no name`,
		`group "shared": server a:1 is also in group "twice"; only groups of one server may share it`,
	} {
		if !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("got\n%v\nwant also %s", err, want)
		}
	}
	if len(ids.vitals) != 0 {
		t.Errorf("got %d IDs given; want none from a Spec that was refused", len(ids.vitals))
	}
}

func TestBuildRefusesSizes(t *testing.T) {
	for want, spec := range map[string]Spec{
		"no groups, want one at least":            {},
		"65537 groups, want at most 65536":        {Groups: make([]Group, 65537)},
		"weights add up to more than 4194304":     {Distribution: "modula", Groups: groupsOf(5, 1<<20)},
		"hash tag \"abc\" has 3 bytes, want two,": {HashTag: "abc", Groups: groupsOf(1, 1)},
	} {
		if _, err := Build(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %s", err, want)
		}
	}
}

// TestSharedServer puts several names on one server, as twemproxy's lines may.
func TestSharedServer(t *testing.T) {
	groups := groupsOf(3, 1)
	groups[1].Servers[0].Addr = groups[0].Servers[0].Addr
	ids := new(IDs)
	table := build(t, Spec{Groups: groups, IDs: ids})
	again := build(t, Spec{Groups: groups, IDs: ids})
	for i := range groups {
		if id := table.Groups[i].Master; table.GroupOf(id) != i || again.Groups[i].Master != id {
			t.Errorf("group %d: got server %d of group %d, then %d; want its own and the same", i, id, table.GroupOf(id), again.Groups[i].Master)
		}
	}
}

// TestIDsStay reloads with servers gone, new and back again.
func TestIDsStay(t *testing.T) {
	ids := new(IDs)
	first := build(t, Spec{IDs: ids, Groups: []Group{trio("one", "a", "b"), trio("two", "c")}})
	second := build(t, Spec{IDs: ids, Groups: []Group{trio("new", "d"), trio("one", "b")}})
	third := build(t, Spec{IDs: ids, Groups: []Group{trio("one", "c", "b", "a")}})
	if got := []int32{second.Groups[0].Master, second.Groups[1].Master}; !slices.Equal(got, []int32{3, 1}) {
		t.Errorf("got %v; want d to be 3 and b to be 1", got)
	}
	wantRoles(t, &third.Groups[0], 2, 1, 0)
	if second.Server(0) != nil || second.GroupOf(0) != -1 || second.Servers() != 4 || first.Servers() != 3 {
		t.Errorf("got %d and %d servers, a = %v; want 3, 4 and a gone", first.Servers(), second.Servers(), second.Server(0))
	}
	if first.Vitals(1) != second.Vitals(1) || second.Vitals(0) == nil {
		t.Error("got other vitals for the same server; want the same in every table")
	}
}

func TestWithMaster(t *testing.T) {
	table := twoTrios(t)
	next := table.WithMaster(1, 4)
	wantRoles(t, &next.Groups[1], 4, 5)
	wantRoles(t, &next.Groups[0], 0, 1, 2)
	none := next.WithMaster(1, -1)
	wantRoles(t, &none.Groups[1], -1, 5)
	wantRoles(t, &table.Groups[1], 3, 4, 5)
	if table.Epoch != 0 || next.Epoch != 1 || none.Epoch != 2 {
		t.Errorf("got epochs %d, %d, %d; want 0, 1, 2", table.Epoch, next.Epoch, none.Epoch)
	}
	if got := none.Groups[1].Reader(ReadMaster, nil, 0); got != -1 {
		t.Errorf("got reader %d; want -1 without a master", got)
	}
}

func TestWithReaders(t *testing.T) {
	table := twoTrios(t)
	next := table.WithReaders(0, []int32{2, 0, 5, 2, -1, 99})
	wantRoles(t, &next.Groups[0], 0, 2)
	wantRoles(t, &table.Groups[0], 0, 1, 2)
	none := next.WithReaders(0, nil)
	wantRoles(t, &none.Groups[0], 0)
	if next.Epoch != 0 {
		t.Errorf("got epoch %d; want 0", next.Epoch)
	}
	if got := none.Groups[0].Reader(ReplicaOnly, nil, 0); got != -1 {
		t.Errorf("got reader %d; want -1", got)
	}
}

// TestInherit reloads after a failover: b, not the configured a, must stay master.
func TestInherit(t *testing.T) {
	ids := new(IDs)
	spec := Spec{IDs: ids, Groups: []Group{trio("one", "a", "b", "c"), trio("two", "d", "e"), trio("three", "g", "h")}}
	old := build(t, spec).WithMaster(0, 1).WithMaster(1, -1).WithReaders(1, []int32{4})
	spec.Groups = []Group{trio("two", "d", "e", "new"), trio("renamed", "a", "b", "c"), trio("three", "h"), trio("fresh", "x", "y")}
	next := build(t, spec).Inherit(old)
	wantRoles(t, &next.Groups[0], -1, 4)
	wantRoles(t, &next.Groups[1], 1, 2)
	wantRoles(t, &next.Groups[2], 6)
	wantRoles(t, &next.Groups[3], 8, 9)
	if next.Epoch != old.Epoch+1 {
		t.Errorf("got epoch %d; want %d, as masters changed", next.Epoch, old.Epoch+1)
	}
	if same := build(t, spec).Inherit(next); same.Epoch != next.Epoch {
		t.Errorf("got epoch %d; want %d, as nothing changed", same.Epoch, next.Epoch)
	}
}

func TestLabel(t *testing.T) {
	for _, c := range []struct{ name, addr, want string }{
		{"s1", "10.0.0.1:11211", "s1"}, {"", "10.0.0.1:6379", "10.0.0.1:6379"},
		{"", "10.0.0.1:11211", "10.0.0.1"}, {"", "/tmp/redis.sock", "/tmp/redis.sock"},
		{"", "/tmp/s:11211", "/tmp/s:11211"}, {"", "10.0.0.1:1121", "10.0.0.1:1121"},
	} {
		if got := Label(c.name, c.addr); got != c.want {
			t.Errorf("%q, %q: got %q; want %q", c.name, c.addr, got, c.want)
		}
	}
}

func TestWithHold(t *testing.T) {
	table := twoTrios(t)
	held := table.WithHold(0)
	if !held.Groups[0].Held || held.Groups[1].Held || table.Groups[0].Held || held.Epoch != 0 {
		t.Errorf("got held %v %v, before %v, epoch %d; want only group 0 of the new table, epoch 0",
			held.Groups[0].Held, held.Groups[1].Held, table.Groups[0].Held, held.Epoch)
	}
	wantRoles(t, &held.Groups[0], 0, 1, 2)
	for roll := range uint64(64) {
		roll <<= 58
		if got := held.Groups[0].Reader(Nearest, nil, roll|roll>>32); got == 0 {
			t.Fatal("nearest chose the master of a group that is held")
		}
	}
	if got := held.Groups[0].Reader(ReadMaster, nil, 0); got != -1 {
		t.Errorf("got reader %d; want -1 while the group is held", got)
	}
	if got := held.WithReaders(0, nil).Groups[0].Reader(PreferReplica, nil, 0); got != -1 {
		t.Errorf("got reader %d; want -1 without readers while the group is held", got)
	}
	if next := table.Inherit(held); !next.Groups[0].Held {
		t.Error("a reload ended the hold")
	}
	if next := held.WithMaster(0, 1); next.Groups[0].Held || next.Groups[0].Reader(ReadMaster, nil, 0) != 1 {
		t.Error("a new master did not end the hold")
	}
	if next := held.WithoutHold(0); next.Groups[0].Held || next.Groups[0].Reader(ReadMaster, nil, 0) != 0 {
		t.Error("the hold did not end")
	}
}
