package loop

import (
	"strings"
	"testing"

	"huntaway/shard"
)

// A fan is a client of a pool with some groups, and the pool's servers.
type fan struct {
	*memClient
	st      *stage
	servers []*memConn
}

// newFan connects a client and every server of a pool of n groups.
func newFan(t *testing.T, n int, opt PoolOptions) *fan {
	t.Helper()
	opt.Table = manyGroups(t, n)
	f := &fan{st: newTestWorker(t, opt)}
	for i := range n {
		f.servers = append(f.servers, f.st.linkTo(0, 0, int32(i)))
	}
	f.memClient = f.st.client(0, 0)
	return f
}

// round sends a request, wants it at every server, and returns what the client gets for
// the servers' replies.
func (f *fan) round(t *testing.T, request string, replies ...string) string {
	t.Helper()
	args := strings.Fields(request)
	if got := f.say(args...); got != "" {
		t.Fatalf("%s: got %q before the servers have answered", request, got)
	}
	for i, s := range f.servers {
		if got := s.take(); got != command(args...) {
			t.Fatalf("%s: got %q sent to server %d; want the same", request, got, i)
		}
	}
	for i := range f.servers { // the last group answers first
		at := len(replies) - 1 - i
		f.servers[at].arrive(replies[at])
	}
	f.st.run()
	return f.take()
}

const misfitted = "-ERR huntaway: the parts of the reply do not fit together (group g0, pool alpha); the command may have been executed\r\n"

// TestJoins pins what becomes of the replies of three groups.
func TestJoins(t *testing.T) {
	f := newFan(t, 3, PoolOptions{AdminCommands: true})
	const a, b = "$1\r\na\r\n", "$1\r\nb\r\n"
	const idle = "-NOTBUSY No scripts in execution right now.\r\n"
	for _, row := range []struct {
		request string
		replies [3]string
		want    string
	}{
		{"DBSIZE", [3]string{":1\r\n", ":20\r\n", ":300\r\n"}, ":321\r\n"},
		{"DBSIZE", [3]string{":1\r\n", "-ERR x\r\n", ":300\r\n"}, "-ERR x\r\n"},
		{"DBSIZE", [3]string{"+x\r\n", ":1\r\n", ":300\r\n"}, misfitted},
		{"KEYS *", [3]string{"*1\r\n" + a, "*0\r\n", "*2\r\n" + b + a}, "*3\r\n" + a + b + a},
		{"KEYS *", [3]string{"*0\r\n", "*0\r\n", "*0\r\n"}, "*0\r\n"},
		{"KEYS *", [3]string{"+x\r\n", "*0\r\n", "*0\r\n"}, misfitted},
		{"FLUSHALL", [3]string{"+OK\r\n", "+OK\r\n", "+OK\r\n"}, "+OK\r\n"},
		{"FLUSHALL", [3]string{"+OK\r\n", "-ERR x\r\n", "+OK\r\n"}, "-ERR x\r\n"},
		{"FLUSHDB ASYNC", [3]string{"+OK\r\n", "+OK\r\n", "+OK\r\n"}, "+OK\r\n"},
		{"FUNCTION LOAD x", [3]string{a, a, a}, a},
		{"FUNCTION LOAD x", [3]string{a, b, a}, misfitted},
		{"FUNCTION LOAD x", [3]string{a, "-ERR Library 'a' already exists\r\n", a}, "-ERR Library 'a' already exists\r\n"},
		{"SCRIPT EXISTS x y z", [3]string{"*3\r\n:1\r\n:1\r\n:0\r\n", "*3\r\n:1\r\n:0\r\n:0\r\n", "*3\r\n:1\r\n:1\r\n:0\r\n"}, "*3\r\n:1\r\n:0\r\n:0\r\n"},
		{"SCRIPT EXISTS x", [3]string{"*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n", "*1\r\n:1\r\n"}, misfitted},
		{"SCRIPT EXISTS x", [3]string{"*1\r\n:1\r\n", "*1\r\n+1\r\n", "*1\r\n:1\r\n"}, misfitted},
		{"SCRIPT FLUSH", [3]string{"+OK\r\n", "+OK\r\n", "+OK\r\n"}, "+OK\r\n"},
		{"SCRIPT FLUSH", [3]string{"+OK\r\n", "+OK\r\n", "-ERR x\r\n"}, "-ERR x\r\n"},
	} {
		if got := f.round(t, row.request, row.replies[:]...); got != row.want {
			t.Errorf("%s, servers say %q: got %q; want %q", row.request, row.replies, got, row.want)
		}
	}
	// SCRIPT KILL goes over links of its own.
	f.servers = f.servers[:0]
	pw := f.st.e.workers[0].pools[0]
	for id := range int32(3) {
		f.servers = append(f.servers, f.st.connect(pw.linkSetOf(dialect{2, noDatabase}).link(id, 0)))
	}
	for _, row := range []struct {
		replies [3]string
		want    string
	}{
		{[3]string{idle, idle, idle}, idle},
		{[3]string{idle, "+OK\r\n", idle}, "+OK\r\n"},
		{[3]string{"-UNKILLABLE x\r\n", "+OK\r\n", idle}, "+OK\r\n"},
		{[3]string{idle, "-UNKILLABLE x\r\n", idle}, "-UNKILLABLE x\r\n"},
	} {
		for _, request := range []string{"SCRIPT KILL", "FUNCTION KILL"} {
			if got := f.round(t, request, row.replies[:]...); got != row.want {
				t.Errorf("%s, servers say %q: got %q; want %q", request, row.replies, got, row.want)
			}
		}
	}
}

// connect connects a link that is not a plain one, and answers its handshake.
func (st *stage) connect(l *link) *memConn {
	l.w.begin()
	l.warm()
	l.w.end()
	c := &call{l: l}
	m := st.server(c, l.server.Addr)
	c.Opened(m)
	_, replies := greeting(&l.pw.opt.PoolOptions, l.kind.dialect, false)
	for range len(replies) - 1 {
		m.arrive("+OK\r\n")
	}
	m.arrive("-BUSY Redis is busy running a script.\r\n") // it is there, which is enough
	st.run()
	m.take()
	return m
}

// TestDraw pins the two steps of RANDOMKEY, and what happens when a group was emptied
// between them or cannot be asked.
func TestDraw(t *testing.T) {
	f := newFan(t, 3, PoolOptions{})
	dbsize, random := command("DBSIZE"), command("RANDOMKEY")
	sizes := func(replies ...string) {
		t.Helper()
		f.say("RANDOMKEY")
		for i, s := range f.servers {
			if got := s.take(); got != dbsize {
				t.Fatalf("got %q sent to server %d; want DBSIZE", got, i)
			}
			s.arrive(replies[i])
		}
		f.st.run()
	}
	want := func(reply string) {
		t.Helper()
		f.st.run()
		if got := f.take(); got != reply {
			t.Errorf("got %q; want %q", got, reply)
		}
	}
	sizes(":0\r\n", ":0\r\n", ":0\r\n")
	want("$-1\r\n")
	sizes(":0\r\n", ":7\r\n", ":0\r\n")
	if got := f.servers[1].take(); got != random {
		t.Fatalf("got %q sent to the group with keys; want RANDOMKEY", got)
	}
	f.servers[1].arrive("$1\r\nk\r\n")
	want("$1\r\nk\r\n")
	sizes(":0\r\n", "-ERR x\r\n", ":0\r\n")
	want("-ERR x\r\n")
	sizes(":5\r\n", "-ERR x\r\n", ":0\r\n")
	f.servers[0].take()
	f.servers[0].arrive("$1\r\nk\r\n")
	want("$1\r\nk\r\n")

	sizes(":5\r\n", ":5\r\n", ":5\r\n")
	for range f.servers { // each in turn has been emptied meanwhile
		for _, s := range f.servers {
			if s.take() == random {
				s.arrive("$-1\r\n")
			}
		}
	}
	want("$-1\r\n")
}

// TestDrawFollowsWeights: the first key of a group with nine times the keys is drawn about
// nine times as often.
func TestDrawFollowsWeights(t *testing.T) {
	j := join{counts: []int64{10, 0, 90}}
	var drawn [3]int
	for i := range uint64(1000) {
		drawn[j.heaviest(i)]++
	}
	if drawn != [3]int{100, 0, 900} {
		t.Errorf("got %v; want 100, 0 and 900", drawn)
	}
	if got := (&join{counts: []int64{0, 0}}).heaviest(5); got != -1 {
		t.Errorf("of empty groups: got %d; want none", got)
	}
}

// TestFanOutLeavesEjectedOut: what is off the ring is not asked; with nothing on it there
// is nobody to ask.
func TestFanOutLeavesEjectedOut(t *testing.T) {
	f := newFan(t, 3, PoolOptions{})
	table := f.st.e.pools[0].Table()
	eject := func(groups ...int) {
		f.st.e.pools[0].Publish(table.WithEjected(groups))
		f.st.run()
	}
	eject(0)
	f.say("DBSIZE")
	if got := f.servers[0].take(); got != "" {
		t.Errorf("got %q sent to the ejected group; want nothing", got)
	}
	f.servers[1].arrive(":2\r\n")
	f.servers[2].arrive(":3\r\n")
	if got := f.take(); got != ":5\r\n" {
		t.Errorf("DBSIZE: got %q; want 5", got)
	}
	f.servers[1].take()
	f.say("SCAN", "0")
	if got := f.servers[1].take(); got != command("SCAN", "0") {
		t.Errorf("SCAN 0: got %q sent to the first group on the ring; want it", got)
	}
	f.servers[1].arrive("*2\r\n$1\r\n0\r\n*0\r\n")
	if got := f.take(); got != "*2\r\n$1\r\n2\r\n*0\r\n" {
		t.Errorf("SCAN 0: got %q; want the cursor of the third group", got)
	}
	f.say("EVAL", "return 1", "0")
	if got := f.servers[1].take(); got != command("EVAL", "return 1", "0") {
		t.Errorf("EVAL without keys: got %q sent to the first group on the ring; want it", got)
	}
	f.servers[1].arrive(":1\r\n")
	f.take()
	eject(0, 1, 2)
	for _, request := range []string{"DBSIZE", "KEYS *", "RANDOMKEY", "SCRIPT LOAD x", "SCRIPT EXISTS x", "FUNCTION LIST", "EVAL x 0"} {
		if got := f.say(strings.Fields(request)...); got != "-TRYAGAIN huntaway: no group is in the ring (pool alpha); not executed\r\n" {
			t.Errorf("%s: got %q; want that there is no group", request, got)
		}
	}
	if got := f.say("SCAN", "5"); got != scanEnd {
		t.Errorf("SCAN: got %q; want the end", got)
	}
}

// TestReplicasAreForGoodMeasure: what goes wrong at a replica does not make a SCRIPT LOAD
// fail, whether it refuses, is lost, or has been down all along.
func TestReplicasAreForGoodMeasure(t *testing.T) {
	group := shard.Group{Name: "g1", Servers: []shard.Server{{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1},
		{Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}}
	st := newTestWorker(t, PoolOptions{Table: testTable(t, group), ReadPolicy: shard.PreferReplica})
	master, replica, c := st.linkTo(0, 0, 0), st.linkTo(0, 0, 1), st.client(0, 0)
	const body = "return 1"
	for what, fails := range map[string]func(){
		"refused":   func() { replica.arrive("-LOADING Redis is loading the dataset in memory\r\n") },
		"agrees":    func() { replica.arrive(loadReply(body)) },
		"is broken": func() { replica.arrive("-ERR x\r\n") },
	} {
		c.say("SCRIPT", "LOAD", body)
		fails()
		master.arrive(loadReply(body))
		if got := c.take(); got != loadReply(body) {
			t.Errorf("replica %s: got %q; want the digest", what, got)
		}
	}
	for range 2 { // lost, then down
		c.say("SCRIPT", "LOAD", body)
		master.arrive(loadReply(body))
		replica.Close()
		st.run()
		if l := st.e.workers[0].pools[0].link(1, 0); l.state == linkDialing {
			l.refuse()
			st.run()
		}
		if got := c.take(); got != loadReply(body) {
			t.Errorf("replica lost: got %q; want the digest", got)
		}
	}
	c.say("SCRIPT", "LOAD", body)
	master.arrive("-ERR x\r\n")
	if got := c.take(); got != "-ERR x\r\n" {
		t.Errorf("master refused: got %q; want its words", got)
	}
}

// TestSwapCountsFromThePoolsDatabase: clients count databases from the pool's.
func TestSwapCountsFromThePoolsDatabase(t *testing.T) {
	f := newFan(t, 2, PoolOptions{AdminCommands: true, DB: 5, Databases: 3})
	for args, want := range map[string]string{
		"a 1": "-ERR invalid first DB index\r\n", "1 b": "-ERR invalid second DB index\r\n",
		"0 3": "-ERR DB index is out of range\r\n", "-1 0": "-ERR DB index is out of range\r\n",
	} {
		if got := f.say(strings.Fields("SWAPDB " + args)...); got != want {
			t.Errorf("SWAPDB %s: got %q; want %q", args, got, want)
		}
	}
	f.say("SWAPDB", "0", "2")
	for i, s := range f.servers {
		if got := s.take(); got != command("SWAPDB", "5", "7") {
			t.Errorf("got %q sent to server %d; want SWAPDB 5 7", got, i)
		}
		s.arrive("+OK\r\n")
	}
	if got := f.take(); got != "+OK\r\n" {
		t.Errorf("got %q; want OK", got)
	}
}

// TestPartlyExecuted: what has changed one group and has not reached the other is not said to be not
// executed; what only asks is.
func TestPartlyExecuted(t *testing.T) {
	const partly = "-ERR huntaway: parts of the command could not be sent (pool alpha); the command may have been executed\r\n"
	for _, row := range []struct{ request, reply, want string }{
		{"SCRIPT LOAD x", loadReply("x"), partly},
		{"SCRIPT FLUSH", "+OK\r\n", partly},
		{"FUNCTION FLUSH", "+OK\r\n", partly},
		{"DBSIZE", ":1\r\n", "-TRYAGAIN huntaway: cannot connect to 127.0.0.1:7002 (group g2, pool alpha); not executed\r\n"},
		{"SCRIPT EXISTS x", "*1\r\n:1\r\n", "-TRYAGAIN huntaway: cannot connect to 127.0.0.1:7002 (group g2, pool alpha); not executed\r\n"},
	} {
		st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
		up, pw, c := st.linkTo(0, 0, 0), st.e.workers[0].pools[0], st.client(0, 0)
		c.say(strings.Fields(row.request)...)
		up.arrive(row.reply)
		pw.link(1, 0).refuse()
		st.run()
		if got := c.take(); got != row.want {
			t.Errorf("%s: got %q; want %q", row.request, got, row.want)
		}
	}
}
