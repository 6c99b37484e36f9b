package loop

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop/netio"
	"huntaway/shard"
)

// oneOf returns the table of a reload that leaves only one group of another table.
func oneOf(t *testing.T, table *shard.Table, group int) *shard.Table {
	t.Helper()
	return testTable(t, shard.Group{Name: table.Groups[group].Name, Servers: table.Groups[group].Servers})
}

// notExecutedReplies are what servers say when they have not executed a request.
var notExecutedReplies = []string{
	"-READONLY You can't write against a read only replica.\r\n",
	"-NOREPLICAS Not enough good replicas to write.\r\n",
	"-LOADING Redis is loading the dataset in memory\r\n",
	"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
	"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
	"-CLUSTERDOWN The cluster is down\r\n",
}

// TestRefusedAfterReload: a reload takes the group away of a request that is in flight, and
// then its server refuses it. It goes to the group that its key belongs to now.
func TestRefusedAfterReload(t *testing.T) {
	two := twoGroups(t)
	k := keysOf(t, two)
	requests := map[string]string{
		"SET " + k[1] + " v": "+OK\r\n", "GET " + k[1]: "$1\r\nv\r\n",
		"MULTI;INCR " + k[1] + ";EXEC": "*1\r\n:1\r\n",
	}
	for request, ok := range requests {
		for _, refusal := range notExecutedReplies {
			st := newTestWorker(t, PoolOptions{Table: two, HoldTimeout: time.Minute})
			first, second, c := st.linkTo(0, 0, 0), st.linkTo(0, 0, 1), st.client(0, 0)
			c.ask(frames(request))
			got(t, "to the second group", second.take(), frames(request))
			st.e.pools[0].Publish(oneOf(t, two, 0))
			st.run()
			if strings.HasPrefix(request, "MULTI") {
				refusal = "+OK\r\n" + refusal + "-EXECABORT Transaction discarded because of previous errors.\r\n"
			}
			second.arrive(refusal)
			for range 3 {
				st.e.workers[0].tick()
				st.run()
			}
			got(t, request+" refused with "+refusal, first.take(), frames(request))
			if strings.HasPrefix(request, "MULTI") {
				first.arrive(queued1)
			}
			first.arrive(ok)
			st.run()
			got(t, request+" refused with "+refusal, c.take(), ok)
		}
	}
}

// TestGroupsBecomeOneWhileHeld: what waited in two groups waits in one after a reload. There it is in
// the order in which the client said it; and however it came to stand, a read that was answered
// ahead of a write is not let go in front of it again and again.
func TestGroupsBecomeOneWhileHeld(t *testing.T) {
	two := twoGroups(t)
	k := keysOf(t, two)
	requests := []string{"SET " + k[1] + " v", "GET " + k[0], "SET " + k[0] + " v"}
	ok := []string{"+OK\r\n", "$1\r\nv\r\n", "+OK\r\n"}
	for name, order := range map[string][]int{"as they were said": {0, 1, 2}, "the first last": {1, 2, 0}} {
		t.Run(name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{Table: two, HoldTimeout: time.Minute})
			first, c := st.linkTo(0, 0, 0), st.client(0, 0)
			shut := oneOf(t, two, 0).WithHold(0)
			st.e.pools[0].Publish(two.WithHold(0).WithHold(1))
			st.run()
			for _, r := range requests {
				c.ask(frames(r))
			}
			st.e.pools[0].Publish(shut)
			st.run()
			h := st.e.workers[0].pools[0].holds[0]
			for i := range h.queue {
				if want := c.s.window.First() + uint32(i); h.queue[i].e.seq != want {
					t.Errorf("place %d: got request %d; want %d", i, h.queue[i].e.seq, want)
				}
			}
			h.queue = []held{h.queue[order[0]], h.queue[order[1]], h.queue[order[2]]}
			st.e.pools[0].Publish(shut.WithoutHold(0))
			st.run()
			for range 10 {
				for i, r := range requests {
					for strings.HasPrefix(string(first.said), frames(r)) {
						first.said = first.said[len(frames(r)):]
						first.arrive(ok[i])
						st.run()
					}
				}
				st.e.workers[0].tick()
				st.run()
			}
			got(t, "the replies", c.take(), strings.Join(ok, ""))
		})
	}
}

// TestRefusedAfterShift: a reload gives the groups other indexes. What is refused then neither
// holds nor counts for the group that has the index now.
func TestRefusedAfterShift(t *testing.T) {
	two := twoGroups(t)
	k := keysOf(t, two)
	ids := new(shard.IDs)
	build := func(groups ...shard.Group) *shard.Table {
		table, err := shard.Build(shard.Spec{Groups: groups, IDs: ids})
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	straight := build(two.Groups...)
	shifted := build(two.Groups[1], two.Groups[0])
	st := newTestWorker(t, PoolOptions{Table: straight, HoldTimeout: time.Minute})
	first, second := st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)
	a, b := st.client(0, 0), st.client(0, 0)
	a.say("SET", k[0], "1")
	first.take()
	st.e.pools[0].Publish(shifted)
	st.run()
	first.arrive(notExecutedReplies[0])
	st.run()
	got(t, "sent again, to the same server", first.take(), frames("SET "+k[0]+" 1"))
	first.arrive(notExecutedReplies[0])
	st.run()
	got(t, "held now", a.take(), "")
	b.say("SET", k[1], "2")
	got(t, "the other group's write", second.take(), frames("SET "+k[1]+" 2"))
	if pw := st.e.workers[0].pools[0]; pw.holds[0] != nil || pw.holds[1] == nil || len(pw.holds[1].queue) != 1 {
		t.Errorf("got holds %v; want one, of the second group, with one request", pw.holds)
	}
}

// TestUnblockedAfterReload: a client waits for keys that a reload gives to different groups,
// and its own group is gone. It is told so when the server ends the wait.
func TestUnblockedAfterReload(t *testing.T) {
	three := testTable(t, soloGroups(3)...)
	two := testTable(t, soloGroups(2)...)
	apart := func(a, b string) bool {
		return three.Locate([]byte(a)) == 2 && three.Locate([]byte(b)) == 2 && two.Locate([]byte(a)) != two.Locate([]byte(b))
	}
	one, other := "", ""
	for i := 0; one == ""; i++ {
		if a, b := "l"+decimal(i), "l"+decimal(i+1); apart(a, b) {
			one, other = a, b
		}
	}
	st := newTestWorker(t, PoolOptions{Table: three, HoldTimeout: time.Minute})
	c := st.client(0, 0)
	got(t, "it waits", c.say("BLPOP", one, other, "0"), "")
	m := st.reconnect(c.s.blocked().link)
	m.arrive(":17\r\n")
	st.e.pools[0].Publish(two)
	st.run()
	m.arrive("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
	st.run()
	got(t, "reply", c.take(), "-TRYAGAIN huntaway: its keys have moved to several groups (pool alpha); not executed\r\n")
}

// soloGroups makes n groups of one server each.
func soloGroups(n int) (groups []shard.Group) {
	for i := range n {
		groups = append(groups, shard.Group{Name: "g" + decimal(i), Servers: []shard.Server{
			{Addr: "127.0.0.1:" + decimal(7000+i), Role: shard.Master, Weight: 1}}})
	}
	return groups
}

// TestRandomKeyAfterReload: between the two steps of RANDOMKEY the group that was to be asked
// goes away. No other is asked in its name, and the client does not hear that there is no key.
func TestRandomKeyAfterReload(t *testing.T) {
	three := testTable(t, soloGroups(3)...)
	st := newTestWorker(t, PoolOptions{Table: three})
	servers := []*memConn{st.linkTo(0, 0, 0), st.linkTo(0, 0, 1), st.linkTo(0, 0, 2)}
	c := st.client(0, 0)
	c.say("RANDOMKEY")
	servers[0].arrive(":0\r\n")
	servers[1].arrive(":0\r\n")
	st.e.pools[0].Publish(testTable(t, soloGroups(2)...))
	st.run()
	servers[2].take()
	servers[2].arrive(":5\r\n")
	st.run()
	got(t, "reply", c.take(), "-TRYAGAIN huntaway: its keys have moved to several groups (pool alpha); not executed\r\n")
}

// TestOutageOutlivesReload: a reload does not give an outage more time, and a former master
// that still owes replies is awaited across it.
func TestOutageOutlivesReload(t *testing.T) {
	ids := new(shard.IDs)
	build := func(groups ...shard.Group) *shard.Table {
		table, err := shard.Build(shard.Spec{Groups: groups, IDs: ids})
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	pair := withReplicas(1)
	pair.Weight = 1
	extra := shard.Group{Name: "extra", Weight: 1, Servers: []shard.Server{{Addr: "127.0.0.1:9999", Role: shard.Master, Weight: 1}}}
	before := build(pair)
	st := newTestWorker(t, PoolOptions{Table: before, HoldTimeout: time.Minute})
	old, fresh := st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)
	pw := st.e.workers[0].pools[0]
	after := build(pair, extra)
	key := ""
	for i := 0; key == ""; i++ {
		if k := "k" + decimal(i); after.Locate([]byte(k)) == 0 {
			key = k
		}
	}
	c := st.client(0, 0)
	c.say("SET", key, "1")
	old.take()
	st.e.pools[0].Publish(before.WithMaster(0, 1))
	st.run()
	st.e.pools[0].Publish(after.Inherit(st.e.pools[0].Table()))
	st.run()
	c.say("SET", key, "2")
	got(t, "to the new master while the old one owes a reply", fresh.take(), "")
	old.arrive("+OK\r\n")
	st.e.workers[0].tick()
	st.run()
	got(t, "then", fresh.take(), frames("SET "+key+" 2"))
	fresh.arrive("+OK\r\n")
	st.run()

	now := st.e.pools[0].Table()
	st.e.pools[0].Publish(now.WithHold(0))
	st.run()
	pw.holds[0].since -= int64(30 * time.Second)
	since := pw.holds[0].since
	st.e.pools[0].Publish(build(extra, pair).Inherit(st.e.pools[0].Table()))
	st.run()
	if h := pw.holds[1]; h == nil || !h.shut || h.since != since {
		t.Errorf("got the hold %+v; want it shut since %d", h, since)
	}
}

// TestGroupRefsAreOpaque: an index of a group is taken from a reference in one file only, where
// it is asked whether it is stale.
func TestGroupRefsAreOpaque(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if name == "group.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.SelectorExpr:
				if x.Sel.Name == "ordinal" {
					t.Errorf("%s looks into a groupRef; want it to ask group.go", name)
				}
			case *ast.CompositeLit:
				if of, ok := x.Type.(*ast.Ident); ok && of.Name == "groupRef" && len(x.Elts) > 0 {
					t.Errorf("%s makes a groupRef; want it to ask group.go", name)
				}
			}
			return true
		})
	}
}

// A shuffle is a worker whose table is exchanged at random while all kinds of requests are in
// flight.
type shuffle struct {
	*stage
	r       *rand.Rand
	w       *worker
	pw      *poolWorker
	ids     *shard.IDs
	conns   map[*link]*memConn
	clients []*shuffled
	calm    bool // servers refuse nothing and links do not fail
	slotted bool // the servers are a Redis Cluster
}

// A shuffled is one of its clients.
type shuffled struct {
	*memClient
	owed int    // requests that have not been answered
	in   string // bytes of replies that are not complete
	last string // what it said last
}

// shuffledRequests are templates; %[1]s and %[2]s are keys.
var shuffledRequests = []string{
	"SET %[1]s v", "GET %[1]s", "GET %[1]s", "INCR %[1]s", "MGET %[1]s %[2]s", "MSET %[1]s v %[2]s v", "DEL %[1]s %[2]s",
	"MULTI;SET %[1]s v;GET %[1]s;EXEC", "WATCH %[1]s;MULTI;INCR %[1]s;EXEC", "WATCH %[1]s;UNWATCH", "BLPOP %[1]s 0",
	"BLPOP {x}%[1]s {x}%[2]s 0", "SCAN 0", "RANDOMKEY", "DBSIZE", "EVAL script 1 %[1]s", "EVALSHA 0123456789012345678901234567890123456789 1 %[1]s",
	"SCRIPT LOAD x", "SCRIPT KILL", "PUBLISH %[1]s m", "WAIT 0 10", "KEYS *", "SINTER {x}%[1]s {x}%[2]s", "MULTI;SET %[1]s v",
	"EXEC", "DISCARD", "FLUSHALL",
}

// table makes one of some of the groups, in any order, each with any of its servers as master.
func (x *shuffle) table() *shard.Table {
	spec := shard.Spec{IDs: x.ids}
	for _, g := range x.r.Perm(4)[:1+x.r.IntN(4)] {
		group := shard.Group{Name: "g" + decimal(g), Weight: 1}
		for i := range 2 {
			role := shard.Replica
			if i == 0 {
				role = shard.Master
			}
			group.Servers = append(group.Servers, shard.Server{Addr: fmt.Sprintf("10.0.%d.%d:6379", g, i), Role: role, Weight: 1})
		}
		spec.Groups = append(spec.Groups, group)
	}
	if x.slotted {
		spec.Slots = shard.NoSlots()
		for slot := range spec.Slots {
			spec.Slots[slot] = int32(slot % len(spec.Groups))
		}
		if !x.calm {
			copy(spec.Slots[:x.r.IntN(1000)], shard.NoSlots())
		}
	}
	table, err := shard.Build(spec)
	if err != nil {
		x.t.Fatal(err)
	}
	return table
}

// another derives a table from the present one, or takes one from a reload.
func (x *shuffle) another() *shard.Table {
	now := x.e.pools[0].Table()
	g := x.r.IntN(len(now.Groups))
	switch n := x.r.IntN(7); {
	case n == 0:
		return now.WithHold(g)
	case n == 1:
		return now.WithoutHold(g)
	case x.slotted:
		return x.table().Inherit(now)
	case n == 2:
		return now.WithMaster(g, now.Groups[g].Servers[x.r.IntN(2)].ID)
	case n == 3:
		return now.WithMaster(g, -1)
	case n == 4:
		return now.WithEjected(x.r.Perm(len(now.Groups))[:x.r.IntN(len(now.Groups))])
	default:
		return x.table().Inherit(now)
	}
}

// speak has a client say something.
func (x *shuffle) speak() {
	c := x.clients[x.r.IntN(len(x.clients))]
	if c.owed > 30 || c.s.state != sessionOpen {
		return
	}
	template := shuffledRequests[x.r.IntN(len(shuffledRequests))]
	request := template
	if strings.Contains(template, "%") {
		request = fmt.Sprintf(template, "k"+decimal(x.r.IntN(12)), "k"+decimal(x.r.IntN(12)))
		request, _, _ = strings.Cut(request, "%!(EXTRA")
	}
	c.owed += strings.Count(request, ";") + 1
	c.last = request
	c.arrive(frames(request))
	x.run()
}

// listen takes what clients were sent.
func (x *shuffle) listen() {
	for _, c := range x.clients {
		c.in += c.take()
		for n := codec.Size([]byte(c.in)); n > 0; n = codec.Size([]byte(c.in)) {
			c.in = c.in[n:]
			if c.owed--; c.owed < 0 {
				x.t.Fatalf("a client got more replies than it sent requests, at last %q", c.last)
			}
		}
	}
}

// connect lets dials end.
func (x *shuffle) connect() {
	var dialing []*link
	x.pw.everyLink(func(l *link) {
		switch l.state {
		case linkDialing:
			dialing = append(dialing, l)
		case linkCooling:
			l.redial.at = 0
		}
	})
	for _, l := range dialing {
		if l.state != linkDialing {
			continue
		}
		if !x.calm && x.r.IntN(4) == 0 {
			l.refuse()
			x.run()
			continue
		}
		x.conns[l] = x.reconnect(l)
	}
}

// serve has servers answer some of what they were sent.
func (x *shuffle) serve() {
	for l, m := range x.conns {
		switch {
		case m.closed || l.conn != netio.Conn(m):
			delete(x.conns, l)
			continue
		case !x.calm && x.r.IntN(40) == 0:
			m.Close()
			x.run()
			continue
		}
		said := m.said
		for len(said) > 0 && !m.closed {
			n := codec.Size(said)
			reply := x.reply(string(said[:n]), m)
			if reply == "" || !x.calm && x.r.IntN(3) == 0 {
				break
			}
			said = said[n:]
			m.said = append(m.said[:0], said...)
			said = m.said
			m.arrive(reply)
			x.run()
			said = m.said
		}
	}
}

// reply is what a server says; "": not yet.
func (x *shuffle) reply(request string, m *memConn) string {
	words := strings.Split(request, "\r\n")
	name := strings.ToUpper(words[2])
	switch {
	case name == "ECHO":
		return words[3] + "\r\n" + words[4] + "\r\n"
	case name == "CLIENT" && words[4] == "ID":
		return ":17\r\n"
	case name == "BLPOP" && !x.calm && x.r.IntN(2) == 0:
		return ""
	case name == "BLPOP" && !x.calm && x.r.IntN(2) == 0:
		return "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
	case name == "EXEC":
		return "*0\r\n"
	case !x.calm && x.r.IntN(4) == 0 && name != "CLIENT" && name != "INFO":
		return x.refusal()
	}
	switch name {
	case "INFO":
		text := "role:master\r\nconnected_slaves:0\r\nmaster_repl_offset:10\r\n"
		return fmt.Sprintf("$%d\r\n# Replication\r\n%s\r\n", len(text)+15, text)
	case "GET", "RANDOMKEY":
		return "$1\r\nv\r\n"
	case "SCRIPT":
		return "+OK\r\n"
	case "SCAN":
		return "*2\r\n$1\r\n0\r\n*0\r\n"
	case "MGET":
		n := 0
		fmt.Sscanf(words[0], "*%d", &n)
		return fmt.Sprintf("*%d\r\n", n-1) + strings.Repeat("$-1\r\n", n-1)
	case "KEYS", "SINTER", "BLPOP":
		return "*0\r\n"
	case "INCR", "DEL", "DBSIZE", "EVAL", "EVALSHA", "PUBLISH", "WAIT", "CLIENT":
		return ":1\r\n"
	}
	return "+OK\r\n"
}

// refusal is what a server says that has not executed a request.
func (x *shuffle) refusal() string {
	if x.slotted && x.r.IntN(2) == 0 {
		word := []string{"MOVED", "ASK"}[x.r.IntN(2)]
		return fmt.Sprintf("-%s 17 10.0.%d.%d:6379\r\n", word, x.r.IntN(4), x.r.IntN(2))
	}
	return notExecutedReplies[x.r.IntN(len(notExecutedReplies))]
}

// check wants what is held to be counted, under groups of the present table.
func (x *shuffle) check() {
	n := int64(0)
	if len(x.pw.holds) != len(x.pw.table.Groups) {
		x.t.Fatalf("got %d holds for %d groups", len(x.pw.holds), len(x.pw.table.Groups))
	}
	for g, h := range x.pw.holds {
		if h == nil {
			continue
		}
		n += int64(len(h.queue))
		for i := range h.queue {
			if x.pw.indexOf(h.queue[i].e.group) != g {
				x.t.Fatalf("what waits in group %d is of group %d", g, x.pw.indexOf(h.queue[i].e.group))
			}
		}
	}
	if x.pw.counters.HeldNow != n {
		x.t.Fatalf("got %d counted as held; want %d", x.pw.counters.HeldNow, n)
	}
}

// hurry ends every pause.
func (x *shuffle) hurry() {
	for _, b := range x.pw.blocked {
		b.retryAt = 0
	}
	for _, h := range x.pw.holds {
		if h != nil {
			h.nextTry = 0
		}
	}
	x.pw.sharedLinks(func(l *link) { l.health.avoided = min(l.health.avoided, 1) })
}

// settle lets everything be answered.
func (x *shuffle) settle() {
	x.calm = true
	now := x.table()
	x.e.pools[0].Publish(now)
	x.run()
	owed := func() bool {
		return slices.ContainsFunc(x.clients, func(c *shuffled) bool { return c.owed != 0 && c.s.state == sessionOpen })
	}
	for deadline := time.Now().Add(20 * time.Second); owed() && time.Now().Before(deadline); {
		x.hurry()
		x.connect()
		x.serve()
		x.w.tick()
		x.run()
		x.listen()
	}
	if owed() {
		x.report()
	}
	for i, c := range x.clients {
		if c.owed != 0 && c.s.state == sessionOpen {
			x.t.Errorf("client %d is owed %d replies; want none. It said %q last, blocked %+v", i, c.owed, c.last, c.s.blocked())
		}
	}
}

// report logs what waits for what.
func (x *shuffle) report() {
	commands := x.pw.opt.Commands.All()
	for i, c := range x.clients {
		s := c.s
		x.t.Logf("client %d: state %d stops %b window %d of %d hungry %v mode %b lease %v pin %v held %d tail %v in %q",
			i, s.state, s.stops, s.window.Len(), s.pace.allowed, s.input.hungry, s.mode, s.pace.lease != nil, s.pin != nil, s.writes.held, s.input.tail, c.in)
	}
	x.pw.everyLink(func(l *link) {
		m := x.conns[l]
		x.t.Logf("link to %d, nth %d, private %v, relief %v: state %d connection %v known %v fifo %d sinks %d log %d sent %d occupied %v laden %v shunned %d waiters %d dropped %v lent %v",
			l.server.ID, l.kind.nth, l.kind.private, l.isRelief(), l.state, l.conn != nil, m != nil, l.queue.fifo.Len(), l.queue.expired, l.queue.log.Len(), l.queue.sent, l.health.occupied, l.queue.laden, l.health.avoided, len(l.queue.waiters), l.lease.dropped, l.lease.lent)
		for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
			e := l.queue.fifo.At(p)
			x.t.Logf("  %s marks %b session %d", commands[e.cmd].Name, e.marks, e.session)
		}
		if m != nil {
			x.t.Logf("  said %q", m.said)
		}
	})
	for g, h := range x.pw.holds {
		if h != nil {
			x.t.Logf("hold %d: %+v", g, *h)
		}
	}
	x.t.Logf("drains %d blocked %d turns %d inquiries %d chores %v master of groups: %+v", len(x.pw.drains), len(x.pw.blocked), len(x.pw.turns), len(x.pw.inquiries), x.w.turns.chores, x.pw.table.Groups)
}

// TestTableSwaps exchanges tables at random while everything is in flight: groups go, come
// back, change places and masters, are held and ejected; servers refuse, close and are silent.
// Nothing dies of it, every request is answered once, and what is held is counted.
func TestTableSwaps(t *testing.T) {
	for seed := range uint64(24) {
		x := &shuffle{slotted: seed%4 > 1, r: rand.New(rand.NewPCG(seed, 1)), ids: new(shard.IDs), conns: map[*link]*memConn{}}
		x.stage = &stage{t: t}
		policy := []shard.ReadPolicy{shard.ReadMaster, shard.PreferReplica}[seed%2]
		x.stage = newTestWorker(t, PoolOptions{Table: x.table(), HoldTimeout: time.Minute, ReadPolicy: policy, AdminCommands: true})
		x.w = x.e.workers[0]
		x.pw = x.w.pools[0]
		for range 6 {
			x.clients = append(x.clients, &shuffled{memClient: x.client(0, 0)})
		}
		for range 600 {
			switch n := x.r.IntN(20); {
			case n < 10:
				x.speak()
			case n < 13:
				x.connect()
			case n < 17:
				x.serve()
			case n < 19:
				x.w.tick()
				x.run()
			default:
				x.e.pools[0].Publish(x.another())
				x.run()
			}
			x.listen()
			x.check()
		}
		x.settle()
		if bugs := x.pw.counters.Bugs; bugs != 0 || t.Failed() {
			t.Fatalf("seed %d: got %d broken invariants; want none", seed, bugs)
		}
	}
}
