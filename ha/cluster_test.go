package ha

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"huntaway/shard"
)

// A said is what one node of a made-up cluster says of another: flags, master, epoch, slots.
type said struct{ id, flags, of, epoch, slots string }

// viewOf makes the view of the node that is asked, by its id.
func viewOf(t *testing.T, asked string, lines ...said) view {
	t.Helper()
	var text strings.Builder
	from := ""
	for _, l := range lines {
		flags := l.flags
		addr := "10.0.0." + l.id + ":6379"
		if l.id == asked {
			flags = "myself," + flags
			from = addr
		}
		fmt.Fprintf(&text, "%s %s@16379 %s %s 0 0 %s connected %s\n", l.id, addr, flags, l.of, l.epoch, l.slots)
	}
	v, err := parseView(from, text.String())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// merged merges views into a topology.
func merged(t *testing.T, a *topology, views ...view) chart {
	t.Helper()
	c, err := a.merge(views)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ownerOf names the node that a chart says owns a slot, "" when nobody does.
func (c chart) ownerOf(slot int) string {
	if g := c.slots[slot]; g >= 0 {
		return c.groups[g].master.id
	}
	return ""
}

var (
	masterOne = said{"1", "master", "-", "1", "0-8191"}
	masterTwo = said{"2", "master", "-", "2", "8192-16383"}
	replica3  = said{"3", "slave", "1", "1", ""}
)

func TestParseView(t *testing.T) {
	v, err := parseView("10.9.9.9:7000", "a :7000@17000 myself,master - 0 0 7 connected 0-5 9 [100->-b] [101-<-c]\n"+
		"b 10.0.0.2:7001@17001,two.example slave a 0 0 7 connected\n"+
		"c ::1:7002@17002 master,fail? - 0 0 3 connected 6\n"+
		"d 10.0.0.4:0@0 master,noaddr - 0 0 0 disconnected\n"+
		"e 10.0.0.5:7003@17003,,shard-id=1 master,fail - 0 0 2 connected\n")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]clusterNode{
		"a": {id: "a", addr: "10.9.9.9:7000", said: ":7000", master: true, epoch: 7, slots: [][2]int{{0, 5}, {9, 9}}, losing: true},
		"b": {id: "b", addr: "10.0.0.2:7001", said: "two.example:7001", of: "a", epoch: 7},
		"c": {id: "c", addr: "[::1]:7002", said: "::1:7002", master: true, epoch: 3, slots: [][2]int{{6, 6}}},
		"d": {id: "d", master: true},
		"e": {id: "e", addr: "10.0.0.5:7003", said: "10.0.0.5:7003", master: true, failed: true, epoch: 2},
	} {
		if got := fmt.Sprintf("%+v", *v.nodes[id]); got != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %s\nwant %+v", got, want)
		}
	}
	if v.self != v.nodes["a"] || v.top != 7 {
		t.Errorf("got self %v and top %d; want a and 7", v.self, v.top)
	}
	for text, want := range map[string]string{
		"":                       "own",
		"a 1.1.1.1:1@2 master\n": "3 words",
		"a 1.1.1.1:1@2 myself,master - 0 0 x connected\n":         `epoch "x"`,
		"a 1.1.1.1:1@2 myself,master - 0 0 1 connected 5-99999\n": `slots "5-99999"`,
		"a 1.1.1.1:1@2 master - 0 0 1 connected 5\n":              "own",
	} {
		if _, err := parseView("1.1.1.1:1", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v; want one with %q", text, err, want)
		}
	}
}

// TestTopologyBelievesNodesAboutThemselves: the new owner knows before the others do.
func TestTopologyBelievesNodesAboutThemselves(t *testing.T) {
	var a topology
	takes := said{"2", "master", "-", "5", "0 8192-16383"}
	gives := said{"1", "master", "-", "1", "1-8191"}
	c := merged(t, &a, viewOf(t, "1", masterOne, masterTwo, replica3), viewOf(t, "2", gives, takes, replica3),
		viewOf(t, "3", masterOne, masterTwo, replica3))
	if got := c.ownerOf(0); got != "2" {
		t.Errorf("slot 0: got owner %q; want 2, whose epoch is higher", got)
	}
	if c.ownerOf(1) != "1" || c.ownerOf(16383) != "2" || c.silent {
		t.Errorf("got %s, silent %v; want the other slots where they were, nobody silent", c, c.silent)
	}
	// Only those who have not heard of it answer now.
	c = merged(t, &a, viewOf(t, "3", masterOne, masterTwo, replica3))
	if got := c.ownerOf(0); got != "2" || !c.silent {
		t.Errorf("slot 0: got owner %q, silent %v; want 2 as before, and silent masters", got, c.silent)
	}
	// It goes back, and who gives it up says so, although the epoch is lower.
	c = merged(t, &a, viewOf(t, "1", masterOne, masterTwo, replica3), viewOf(t, "2", masterOne, masterTwo, replica3))
	if got := c.ownerOf(0); got != "1" {
		t.Errorf("slot 0: got owner %q; want 1 again", got)
	}
}

// TestTopologyFollowsFailover: the group keeps its name and place, the dead master is in none.
func TestTopologyFollowsFailover(t *testing.T) {
	var a topology
	before := merged(t, &a, viewOf(t, "1", masterOne, masterTwo, replica3), viewOf(t, "2", masterOne, masterTwo, replica3))
	dead := said{"1", "master,fail", "-", "1", ""}
	heir := said{"3", "master", "-", "6", "0-8191"}
	c := merged(t, &a, viewOf(t, "2", dead, masterTwo, heir), viewOf(t, "3", dead, masterTwo, heir))
	if len(c.groups) != 2 || c.groups[0].name != before.groups[0].name || c.groups[0].master.id != "3" || len(c.groups[0].replicas) != 0 {
		t.Fatalf("got %s; want two groups as before, the first with the heir alone", c)
	}
	back := said{"1", "slave", "3", "6", ""}
	c = merged(t, &a, viewOf(t, "1", back, masterTwo, heir), viewOf(t, "2", back, masterTwo, heir), viewOf(t, "3", back, masterTwo, heir))
	if len(c.groups[0].replicas) != 1 || c.groups[0].replicas[0].id != "1" {
		t.Errorf("got replicas %v; want the former master", c.groups[0].replicas)
	}
	if !slices.Equal(a.addrs, []string{"10.0.0.3:6379", "10.0.0.1:6379", "10.0.0.2:6379"}) {
		t.Errorf("got addresses %v; want the nodes of both groups", a.addrs)
	}
}

// TestTopologyStaleMaster: a master that was cut off still claims its slots, with an older epoch.
func TestTopologyStaleMaster(t *testing.T) {
	var a topology
	heir := said{"3", "master", "-", "6", "0-8191"}
	c := merged(t, &a, viewOf(t, "1", masterOne, masterTwo, replica3), viewOf(t, "2", said{"1", "master,fail", "-", "1", ""}, masterTwo, heir),
		viewOf(t, "3", said{"1", "master,fail", "-", "1", ""}, masterTwo, heir))
	if got := c.ownerOf(0); got != "3" {
		t.Errorf("got owner %q; want the heir", got)
	}
}

// TestTopologyStrangers: nodes that belong to another cluster, or were sent away, count for less
// than those that belong together; and an importing master without slots is in the table.
func TestTopologyStrangers(t *testing.T) {
	var a topology
	stranger := viewOf(t, "9", said{"9", "master", "-", "99", "0-16383"})
	idle := said{"4", "master", "-", "0", "[5-<-1]"}
	c := merged(t, &a, stranger, viewOf(t, "1", masterOne, masterTwo, idle), viewOf(t, "2", masterOne, masterTwo, idle),
		view{from: "10.0.0.8:1", err: errors.New("refused")})
	if got := c.ownerOf(0); got != "1" || len(c.groups) != 3 {
		t.Errorf("got owner %q in %s; want 1, and three masters", got, c)
	}
	if _, err := a.merge([]view{{err: errors.New("one is down")}}); err == nil || !strings.Contains(err.Error(), "one is down") {
		t.Errorf("got error %v; want one that says why nobody answered", err)
	}
}

// TestChartSpec: a table can be built from every chart, and says the same.
func TestChartSpec(t *testing.T) {
	var a topology
	var ids shard.IDs
	gives := said{"1", "master", "-", "1", "0-8191 [7->-2]"}
	c := merged(t, &a, viewOf(t, "1", gives, masterTwo, replica3), viewOf(t, "2", gives, masterTwo, replica3))
	table, err := shard.Build(c.spec(&ids))
	if err != nil {
		t.Fatal(err)
	}
	if g := &table.Groups[0]; !g.Moving || len(g.Servers) != 2 || table.Owner(0) != 0 || table.Owner(16383) != 1 {
		t.Errorf("got %+v; want a group of two that gives slots away, and the slots divided", g)
	}
	first, err := shard.Build(ClusterSpec([]string{"10.0.0.1:6379", "10.0.0.3:6379"}, &ids))
	if err != nil {
		t.Fatal(err)
	}
	if first.Owner(0) != -1 || first.Groups[0].Master != -1 || table.Find("10.0.0.3:6379") != first.Find("10.0.0.3:6379") {
		t.Error("got a first table with owners or masters, or other IDs; want none, and the same")
	}
}

// TestRolePokes: a node that is not what the table says is a reason to survey the cluster at once.
func TestRolePokes(t *testing.T) {
	s := newSurvey(PoolOptions{}, nil)
	w := &watch{o: PoolOptions{Cluster: true}, arbiter: s, note: func(Transition) {}}
	for reason, want := range map[Reason]int{ReasonSilent: 0, ReasonRole: 1} {
		w.marked(Action{Transition: Transition{From: In, To: Out, Reason: reason}})
		if got := len(s.pokes); got != want {
			t.Errorf("%v: got %d surveys asked for; want %d", reason, got, want)
		}
		for len(s.pokes) > 0 {
			<-s.pokes
		}
	}
}
