package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"huntaway/ha"
	"huntaway/ha/failover"
	"huntaway/shard"
)

// troubled is a page on which every kind of trouble stands once, and every field.
func troubled() *statusPage {
	up := func(addr, role string) statusServer {
		return statusServer{Addr: addr, Role: role, State: "in", Since: 7200, Reads: role != "master", Lag: new(float64), LagBytes: new(int64)}
	}
	dead := statusServer{Addr: "10.0.0.1:6379", Role: "master", State: "out", Reason: "down", Since: 3.21, Error: "connection refused"}
	late, bytes := 9.5, int64(123456)
	lagging := statusServer{Addr: "10.0.0.3:6379", Role: "replica", State: "out", Reason: "lagging", Since: 65, Lag: &late, LagBytes: &bytes, Unfit: "too far behind"}
	page := &statusPage{Version: statusVersion, Huntaway: "test", Pools: []statusPool{
		{Name: "alpha", Mode: "local", Epoch: 7, Room: 1000, TurnedAway: 1, TurnedAgo: 3600, Groups: []statusGroup{
			{Name: "one", State: "healthy", Since: 7200, Master: "10.0.0.4:6379", Epoch: 5, Failovers: 1, Servers: []statusServer{up("10.0.0.4:6379", "master"), up("10.0.0.5:6379", "secondary")}},
			{Name: "two", State: "suspect", Since: 3.2, Master: "10.0.0.1:6379", Epoch: 7, Held: true, Forbidden: "the last failover was 12 s ago",
				Servers: []statusServer{dead, up("10.0.0.2:6379", "secondary"), lagging}},
			{Name: "three", State: "stuck", Since: 90, Master: "10.0.0.6:6379", Held: true, Latched: "3 failovers within an hour",
				Alarms: []string{"10.0.0.7:6379 holds a stranger's data"}, Servers: []statusServer{up("10.0.0.6:6379", "master")}},
			{Name: "four", State: "settling", Since: 1, Master: "10.0.0.8:6379", Servers: []statusServer{up("10.0.0.8:6379", "master")}},
		}},
		{Name: "beta", Mode: "observe", Epoch: 1, Room: 5, TurnedAway: 45, TurnedAgo: 2.5, Groups: []statusGroup{
			{Name: "five", State: "healthy", Since: 200000, Servers: []statusServer{{Addr: "/run/redis.sock", Role: "replica", State: "in", Ejected: true}}},
			{Name: "seven", State: "healthy", Servers: []statusServer{up("h:2", "replica")}},
			{Name: "six", Master: "h:1", Held: true, Servers: []statusServer{{Addr: "h:1", Role: "master", State: "unknown"}}},
		}},
	}}
	page.judge()
	page.sort()
	return page
}

// TestStatusPageForm pins the page for programs, whose fields are promised, and for people.
func TestStatusPageForm(t *testing.T) {
	page := troubled()
	text, err := json.MarshalIndent(page, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json.golden", string(text)+"\n")
	var b strings.Builder
	if err := page.write(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "status.golden", b.String())
}

// TestStatusOfAnEjectedGroup: it says what its server suffers from, and not that requests fail,
// for they go to the others.
func TestStatusOfAnEjectedGroup(t *testing.T) {
	s := statusServer{Addr: "h:1", Role: "master", State: "out", Reason: "error", Since: 3, Error: "ERR max number of clients reached", Ejected: true}
	page := &statusPage{Pools: []statusPool{{Name: "a", Mode: "observe", Groups: []statusGroup{
		{Name: "g", State: "suspect", Since: 3, Master: "h:1", Servers: []statusServer{s}}}}}}
	page.judge()
	if len(page.Problems) != 1 {
		t.Fatalf("got %+v; want one problem", page.Problems)
	}
	what := page.Problems[0].What
	mentions(t, "the problem", what, "master is out: error, for 3s (ERR max number of clients reached)", "off the ring", "until it answers")
	if strings.Contains(what, "requests fail") {
		t.Errorf("got %q; no request fails", what)
	}
}

// TestLagOfUnmeasured: of a server of which nobody knows how far it is behind none is shown.
func TestLagOfUnmeasured(t *testing.T) {
	for _, c := range []struct {
		st        ha.ServerStatus
		want, has string
	}{
		{ha.ServerStatus{State: ha.Out, Reason: ha.ReasonDown}, "-", ""},
		{ha.ServerStatus{State: ha.In, Measured: true}, "0", `"lag":0,"lag_bytes":0`},
		{ha.ServerStatus{State: ha.In, Measured: true, Lag: 2e9, LagBytes: 7}, "2s, 7 B", `"lag":2,"lag_bytes":7`},
	} {
		s := statusOf(&shard.Server{Addr: "a:1", Role: shard.Replica}, &c.st, &ha.GroupStatus{}, false)
		text, err := json.Marshal(s)
		if s.lag() != c.want || err != nil || !strings.Contains(string(text), c.has) || c.has == "" && strings.Contains(string(text), "lag") {
			t.Errorf("%+v: got %q and %s, %v; want %q and %s", c.st, s.lag(), text, err, c.want, c.has)
		}
	}
}

// TestStatusSaysTheWorstFirst: what waits for an operator, then errors; and nothing of what is well.
func TestStatusSaysTheWorstFirst(t *testing.T) {
	page := troubled()
	if page.OK || len(page.Problems) == 0 {
		t.Fatalf("got %+v; want problems", page.Problems)
	}
	waits := slices.IndexFunc(page.Problems, func(x statusProblem) bool { return !x.helpless })
	for i, x := range page.Problems {
		if x.helpless != (i < waits) || x.helpless != (strings.Contains(x.What, "automatic failover is off") || strings.Contains(x.What, "(stuck for")) {
			t.Errorf("problem %d: got %+v; want first what waits for an operator", i, x)
		}
	}
	for _, some := range [][]statusProblem{page.Problems[:waits], page.Problems[waits:]} {
		if !slices.IsSortedFunc(some, func(a, b statusProblem) int { return strings.Compare(a.Severity, b.Severity) }) {
			t.Errorf("got %+v; want errors before warnings", some)
		}
	}
	latched := statusGroup{Name: "g", State: "suspect", Master: "a:1", Held: true, Latched: "3 failovers within an hour",
		Servers: []statusServer{{Addr: "a:1", Role: "master", State: "out", Reason: "down"}, {Addr: "b:1", Role: "replica", State: "in"}}}
	first := &statusPage{Pools: []statusPool{{Name: "a", Mode: "local", Groups: []statusGroup{latched}}}}
	first.judge()
	if first.sort(); !strings.HasPrefix(first.Problems[0].What, "automatic failover is off") {
		t.Errorf("got %+v; want first that nobody fails over", first.Problems)
	}
	for _, p := range page.Problems {
		if p.Group == "one" || p.Group == "four" {
			t.Errorf("a problem of a group that is well: %+v", p)
		}
	}
	well := &statusPage{Pools: []statusPool{{Name: "a", Groups: page.Pools[0].Groups[:1]}}}
	well.judge()
	well.sort()
	if !well.OK {
		t.Errorf("a page of a healthy group: %+v; want no problem", well.Problems)
	}
}

// TestStatusSaysWhatEndsIt: what does not end by itself comes with what to do.
func TestStatusSaysWhatEndsIt(t *testing.T) {
	for reason, want := range map[string]string{"auth-failed": "server_password", "busy": "SCRIPT KILL", "down": "start it", "wrong-role": "REPLICAOF"} {
		g := statusGroup{Name: "g", State: "healthy", Master: "a:1", Servers: []statusServer{{Addr: "a:1", Role: "master", State: "in"},
			{Addr: "b:1", Role: "replica", State: "out", Reason: reason}}}
		page := &statusPage{Pools: []statusPool{{Name: "p", Mode: "local", Groups: []statusGroup{g}}}}
		if page.judge(); len(page.Problems) != 1 || !strings.Contains(page.Problems[0].Advice, want) {
			t.Errorf("%s: got %+v; want the advice %q", reason, page.Problems, want)
		}
	}
	for _, alarm := range []string{"", "data were lost; huntaway resolve --group g --master a:1 says that this is known"} {
		g := statusGroup{Name: "g", State: "healthy", Master: "a:1", Alarms: []string{alarm}, Servers: []statusServer{{Addr: "b:1", Role: "replica", State: "out", Reason: "wrong-role"}}}
		if got := g.remedyFor(&g.Servers[0]); strings.Contains(got, "REPLICAOF") != (alarm == "") || !strings.Contains(got, "throws away what it has") {
			t.Errorf("with the alarm %q: got the advice %q; want one to overwrite only where nothing is to be resolved, and that it does", alarm, got)
		}
	}
	back := statusServer{State: "warming", Reason: "stale-link", Since: 4}
	if got := back.trouble("replica") + ": " + back.remedy(); got != "replica is warming after it was out (stale-link), for 4s: "+back.remedy() || strings.Contains(got, "masterauth") {
		t.Errorf("one that is well again: got %q; want no advice about what is over", got)
	}
	s := statusServer{Reason: "auth-failed", Error: "NOPERM this user has no permissions to run the 'info' command"}
	if got := s.remedy(); !strings.Contains(got, "+info") || strings.Contains(got, "password") {
		t.Errorf("a right is missing: got the advice %q; want it to be given", got)
	}
}

// TestStatusOfAGroupOfOne: nobody can take the place of its server, and nothing is said to wait
// for that; nor is the same thing said twice.
func TestStatusOfAGroupOfOne(t *testing.T) {
	g := statusGroup{Name: "g", State: "suspect", Since: 3, Master: "a:1", Alarms: []string{"a:1 is out (down)"},
		Servers: []statusServer{{Addr: "a:1", Role: "master", State: "out", Reason: "down", Error: "connection refused"}}}
	for _, mode := range []string{"observe", "local", "sentinel"} {
		page := &statusPage{Pools: []statusPool{{Name: "p", Mode: mode, Groups: []statusGroup{g}}}}
		page.judge()
		if len(page.Problems) != 2 || !strings.Contains(page.Problems[0].What, "its only server does not answer; requests fail") ||
			strings.Contains(page.Problems[0].Advice, "failover") || page.Problems[1].Server != "a:1" {
			t.Errorf("%s: got %+v; want that requests fail, and what is wrong with the server", mode, page.Problems)
		}
	}
	g.Servers = append(g.Servers, statusServer{Addr: "b:1", Role: "replica", State: "in"})
	page := &statusPage{Pools: []statusPool{{Name: "p", Mode: "local", Groups: []statusGroup{g}}}}
	if page.judge(); !strings.Contains(page.Problems[0].What, "writes wait") {
		t.Errorf("of two: got %+v; want that writes wait", page.Problems)
	}
}

// TestGroupEpoch: the epoch on the page is that of the group's events, whatever the table's, and
// a group that nobody would publish has none.
func TestGroupEpoch(t *testing.T) {
	two := []failover.ServerStatus{{ID: 0}, {ID: 1}}
	for _, c := range []struct {
		care ha.GroupStatus
		want uint64
	}{
		{ha.GroupStatus{Status: failover.Status{Epoch: 3, Servers: two}}, 3},
		{ha.GroupStatus{Status: failover.Status{Epoch: 3, Servers: two[:1]}}, 0},
		{ha.GroupStatus{Status: failover.Status{Epoch: 3, Servers: two}, Cluster: true}, 0},
	} {
		var g statusGroup
		if g.take(&c.care); g.Epoch != c.want {
			t.Errorf("%+v: got epoch %d; want %d", c.care, g.Epoch, c.want)
		}
	}
}

// TestReadiness: a failover that is under way keeps a pool ready, one that will not happen does not.
func TestReadiness(t *testing.T) {
	lost := statusServer{Addr: "a", State: "out", Reason: "down"}
	mute := statusServer{Addr: "c", State: "out", Reason: "silent"}
	dead, only := []statusServer{lost, {Addr: "c", State: "in"}}, []statusServer{lost}
	for _, c := range []struct {
		mode  string
		g     statusGroup
		ready bool
	}{
		{"local", statusGroup{State: "healthy", Master: "a", Servers: []statusServer{{Addr: "a", State: "in"}}}, true},
		{"observe", statusGroup{State: "", Master: "a", Servers: []statusServer{{Addr: "a", State: "unknown"}}}, true},
		{"local", statusGroup{State: "suspect", Master: "a", Servers: dead}, true},
		{"local", statusGroup{State: "suspect", Master: "a", Servers: only}, false},
		{"local", statusGroup{State: "suspect", Master: "a", Servers: dead, Latched: "by hand"}, false},
		{"local", statusGroup{State: "suspect", Master: "a", Servers: dead, Forbidden: "too soon"}, false},
		{"observe", statusGroup{State: "suspect", Master: "a", Servers: dead}, false},
		{"local", statusGroup{State: "suspect", Master: "a", Servers: []statusServer{lost, mute}}, false},
		{"sentinel", statusGroup{State: "suspect", Master: "a", Servers: []statusServer{lost, mute}}, false},
		{"local", statusGroup{State: "selecting", Master: "a", Servers: []statusServer{lost, mute}}, false},
		{"local", statusGroup{State: "suspect", Master: "a", Servers: []statusServer{lost, {Addr: "c", State: "out", Reason: "lagging"}}}, true},
		{"sentinel", statusGroup{State: "suspect", Master: "a", Servers: dead, Held: true, HeldFor: 7.4, hold: 2.5}, true},
		{"sentinel", statusGroup{State: "suspect", Master: "a", Servers: dead, Held: true, HeldFor: 7.6, hold: 2.5}, false},
		{"local", statusGroup{State: "promoting", Master: "a", Servers: dead, Held: true, HeldFor: 7.6, hold: 2.5}, false},
		{"sentinel", statusGroup{State: "suspect", Master: "c", Servers: dead, Held: true, HeldFor: 7.6, hold: 2.5}, false},
		{"observe", statusGroup{State: "suspect", Master: "c", Servers: dead, Held: true, HeldFor: 7.6, hold: 2.5}, false},
		{"local", statusGroup{State: "promoting", Master: "a", Servers: dead}, true},
		{"local", statusGroup{State: "stuck", Master: "a", Servers: dead}, false},
		{"local", statusGroup{State: "ambiguous", Master: "a"}, false},
		{"sentinel", statusGroup{State: "healthy"}, false},
	} {
		p := statusPool{Name: "p", Mode: c.mode, Groups: []statusGroup{c.g}}
		if v := p.verdict(); (v.bad == "") != c.ready {
			t.Errorf("%s, %+v: verdict %+v; want ready %t", c.mode, c.g, v, c.ready)
		}
		p.Groups = append(p.Groups, statusGroup{Name: "well", Master: "b", Servers: []statusServer{{Addr: "b", State: "in"}}})
		if v := p.verdict(); v.bad != "" || (v.note == "") != c.ready {
			t.Errorf("%s, %+v beside a group that is well: verdict %+v; want ready, with a note: %t", c.mode, c.g, v, !c.ready)
		}
	}
}

// TestReadinessOfRefusedWrites: a master's own word that it takes no writes is told, and sends nobody away: every proxy hears it,
// and reads are served.
func TestReadinessOfRefusedWrites(t *testing.T) {
	for _, code := range []string{"OOM", "MISCONF", "NOREPLICAS"} {
		p := statusPool{Name: "p", Mode: "local", Groups: []statusGroup{{Name: "g", State: "healthy", Master: "a", Servers: []statusServer{{Addr: "a", State: "in", Refuses: code}}}}}
		if v := p.verdict(); v.bad != "" || v.note != "ok, but a of g refuses writes: "+code {
			t.Errorf("got %+v; want ready, and that it refuses writes", v)
		}
	}
}

// TestEventLines words the two kinds of transitions.
func TestEventLines(t *testing.T) {
	group := lineOf(ha.Transition{What: "failover", Pool: "p", Group: "g", Failover: &failover.Transition{
		From: failover.Verifying, To: failover.Settling, What: "published b", Why: "it took a write", Loss: 12}})
	unknown := lineOf(ha.Transition{What: "failover", Pool: "p", Group: "g", Failover: &failover.Transition{
		From: failover.Healthy, To: failover.Healthy, What: "a is back", Loss: -1, Lossy: true}})
	least := lineOf(ha.Transition{What: "failover", Pool: "p", Group: "g", Failover: &failover.Transition{
		From: failover.Verifying, To: failover.Settling, What: "published b", Loss: -1, Lossy: true, Least: 7}})
	found := lineOf(ha.Transition{What: "failover", Pool: "p", Group: "g", Failover: &failover.Transition{
		From: failover.Following, To: failover.Settling, What: "b is master", Loss: -1, Found: true}})
	server := lineOf(ha.Transition{What: "server", Pool: "p", Group: "g", Addr: "a:1", From: ha.In, To: ha.Out, Reason: ha.ReasonDown, Cause: "refused"})
	ring := lineOf(ha.Transition{What: "ejected", Pool: "p", Group: "g"})
	for _, c := range []struct {
		e    eventLine
		want string
	}{
		{group, "p/g  verifying -> settling  published b (it took a write); 12 bytes of the old master's stream are lost"},
		{unknown, "p/g  healthy -> healthy  a is back; how many bytes of the old master's stream are lost is not known"},
		{least, "p/g  verifying -> settling  published b; at least 7 bytes of the old master's stream are lost, how many more is not known"},
		{found, "p/g  following -> settling  b is master"},
		{server, "p/g  a:1  in -> out  server (down: refused)"},
		{ring, "p/g  ejected"},
	} {
		if got := c.e.text(); !strings.HasSuffix(got, "  "+c.want) {
			t.Errorf("got %q; want %q at the end", got, c.want)
		}
	}
}
