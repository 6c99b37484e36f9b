package shard

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slotted builds the table of a cluster with groups of a master and a replica each, between
// whom the slots are divided evenly.
func slotted(t *testing.T, ids *IDs, groups int) Spec {
	t.Helper()
	spec := Spec{Slots: NoSlots(), IDs: ids}
	for g := range groups {
		spec.Groups = append(spec.Groups, Group{Name: fmt.Sprintf("g%d", g), Weight: 1, Servers: []Server{
			{Addr: fmt.Sprintf("10.0.0.1:%d", 7000+g), Role: Master, Weight: 1},
			{Addr: fmt.Sprintf("10.0.0.2:%d", 7000+g), Role: Replica, Weight: 1}}})
	}
	for slot := range spec.Slots {
		spec.Slots[slot] = int32(slot * groups / Slots)
	}
	return spec
}

func mustBuild(t *testing.T, spec Spec) *Table {
	t.Helper()
	table, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestSlotsOfTheSpecification: what the cluster specification and its users can check by hand.
func TestSlotsOfTheSpecification(t *testing.T) {
	table := mustBuild(t, slotted(t, nil, 3))
	for key, want := range map[string]int{
		"123456789": 0x31c3, // the check value of CRC-16/XMODEM
		"":          0, "foo": 12182, "{foo}bar": 12182, "bar{foo}{baz}": 12182, "a{foo": table.Slot([]byte("a{foo")),
	} {
		if got := table.Slot([]byte(key)); got != want {
			t.Errorf("slot of %q: got %d; want %d", key, got, want)
		}
	}
	if table.Slot([]byte("{}foo")) == table.Slot([]byte("foo")) {
		t.Error("an empty hash tag counts; want the whole key")
	}
	for _, key := range []string{"a", "b", "foo", "x{y}"} {
		if got, want := table.Locate([]byte(key)), table.Slot([]byte(key))*3/Slots; got != want {
			t.Errorf("group of %q: got %d; want %d", key, got, want)
		}
	}
}

// TestSlotsOfRedis holds the slots of keys of all kinds against a real server's.
func TestSlotsOfRedis(t *testing.T) {
	ask := keySlots(t)
	table := mustBuild(t, slotted(t, nil, 1))
	random := rand.New(rand.NewPCG(1, 16384))
	const alphabet = "{{{}}}ab\x00\xff\r\n1"
	for range 20_000 {
		key := make([]byte, random.IntN(24))
		for i := range key {
			key[i] = alphabet[random.IntN(len(alphabet))]
		}
		if got, want := table.Slot(key), ask(key); got != want {
			t.Fatalf("slot of %q: got %d; want %d, which redis-server says", key, got, want)
		}
	}
}

// keySlots starts a redis-server and returns what asks it for CLUSTER KEYSLOT.
func keySlots(t *testing.T) func(key []byte) int {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED, NOTHING COMPARED: redis-server is not installed")
	}
	dir := t.TempDir()
	socket := dir + "/s"
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "",
		"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)), "--bind", "127.0.0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var c net.Conn
	for end := time.Now().Add(time.Minute); c == nil; {
		var err error
		if c, err = net.Dial("unix", socket); err != nil && time.Now().After(end) {
			t.Fatalf("redis-server does not answer: %v", err)
		}
	}
	t.Cleanup(func() { c.Close() })
	in := bufio.NewReader(c)
	return func(key []byte) int {
		fmt.Fprintf(c, "*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n$%d\r\n%s\r\n", len(key), key)
		n, err := number(in, ':')
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestSlotsRefuse(t *testing.T) {
	one := slotted(t, nil, 1)
	for want, spoil := range map[string]func(*Spec){
		"3 slots, want 16384":                 func(s *Spec) { s.Slots = s.Slots[:3] },
		"slot 7 is of group 1, want -1 to 0":  func(s *Spec) { s.Slots = slices.Clone(s.Slots); s.Slots[7] = 1 },
		"slot 7 is of group -2, want -1 to 0": func(s *Spec) { s.Slots = slices.Clone(s.Slots); s.Slots[7] = -2 },
		`hash "md5"`:                          func(s *Spec) { s.Hash = "md5" },
		`distribution "ketama"`:               func(s *Spec) { s.Distribution = "ketama" },
		`hash tag "{}"`:                       func(s *Spec) { s.HashTag = "{}" },
	} {
		spec := one
		spoil(&spec)
		if _, err := Build(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v; want one with %q", err, want)
		}
	}
}

// TestSlotsWithoutOwner: before the cluster was asked, and for slots that nobody has.
func TestSlotsWithoutOwner(t *testing.T) {
	spec := slotted(t, nil, 2)
	spec.Slots = NoSlots()
	table := mustBuild(t, spec)
	if got := table.Locate([]byte("foo")); got != -1 {
		t.Errorf("got group %d; want -1", got)
	}
	x := table.Explain([]byte("{foo}bar"))
	if x.Group != -1 || x.Tag != "foo" || x.Place != "slot 12182 of 16384" {
		t.Errorf("got %+v; want slot 12182, of no group, by the tag foo", x)
	}
	if table.Alone() || !table.Slotted() {
		t.Error("got a table that is alone, or not slotted; want the contrary")
	}
}

// TestSlotsInherit: a refreshed table says who is master; readers stay those that probes have
// found fit, and the places are the same only if owners and masters are.
func TestSlotsInherit(t *testing.T) {
	var ids IDs
	spec := slotted(t, &ids, 2)
	old := mustBuild(t, spec).WithReaders(0, nil)
	same := mustBuild(t, spec).Inherit(old)
	if !same.SamePlaces(old) || same.Epoch != old.Epoch {
		t.Error("got other places or another epoch for the same cluster")
	}
	if len(same.Groups[0].Readers) != 0 || len(same.Groups[1].Readers) != 1 {
		t.Errorf("got readers %v and %v; want none and one", same.Groups[0].Readers, same.Groups[1].Readers)
	}

	moved := spec
	moved.Slots = slices.Clone(spec.Slots)
	moved.Slots[0] = 1
	if next := mustBuild(t, moved).Inherit(old); next.SamePlaces(old) || next.Epoch != old.Epoch || next.Owner(0) != 1 {
		t.Error("a slot has moved: want other places, the same epoch")
	}

	failed := slotted(t, &ids, 2)
	failed.Groups[1].Servers[0].Role, failed.Groups[1].Servers[1].Role = Replica, Master
	next := mustBuild(t, failed).Inherit(old)
	if next.SamePlaces(old) || next.Epoch != old.Epoch+1 {
		t.Error("a master has changed: want other places and the next epoch")
	}
	if g := &next.Groups[1]; g.Master != old.Groups[1].Readers[0] || len(g.Readers) != 0 {
		t.Errorf("got master %d and readers %v; want the replica, and nobody before probes say so", g.Master, g.Readers)
	}
	if got := next.Find("10.0.0.2:7001"); got != next.Groups[1].Master {
		t.Errorf("found %d; want the new master's ID", got)
	}
	if got := next.Find("10.0.0.9:1"); got != -1 {
		t.Errorf("found %d; want -1", got)
	}
}

// TestMovingReadsAtMaster: replicas of a group whose slots are being moved deny keys that are
// elsewhere already.
func TestMovingReadsAtMaster(t *testing.T) {
	spec := slotted(t, nil, 1)
	for _, moving := range []bool{false, true} {
		spec.Groups[0].Moving = moving
		table := mustBuild(t, spec)
		g := &table.Groups[0]
		for _, p := range []ReadPolicy{PreferReplica, ReplicaOnly} {
			want := g.Readers[0]
			if moving {
				want = g.Master
			}
			if got := g.Reader(p, nil, 1); got != want {
				t.Errorf("moving %v, %s: got server %d; want %d", moving, p, got, want)
			}
		}
	}
}
