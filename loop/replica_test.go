package loop

import (
	"testing"
	"time"

	"huntaway/shard"
)

// A replicated is a cluster whose first master has a replica, from which reads are served.
type replicated struct {
	*cluster
	r  *memConn
	id int32 // of the replica
}

// replicatedTable has the server at port as the master of all slots, and the other of 7001 and 7003 as its replica.
func replicatedTable(t testing.TB, ids *shard.IDs, port string) *shard.Table {
	t.Helper()
	spec := clusterSpec(ids, shard.Slots)
	other := map[string]string{"7001": "7003", "7003": "7001"}[port]
	spec.Groups[0].Servers = []shard.Server{
		{Addr: "10.0.0.1:" + port, Role: shard.Master, Weight: 1}, {Addr: "10.0.0.1:" + other, Role: shard.Replica, Weight: 1}}
	table, err := shard.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func newReplicated(t *testing.T) *replicated {
	t.Helper()
	x := &replicated{cluster: &cluster{ids: new(shard.IDs)}}
	table := replicatedTable(t, x.ids, "7001")
	x.stage = newTestWorker(t, PoolOptions{Table: table, HoldTimeout: time.Minute, ReadPolicy: shard.PreferReplica, ReadYourWrites: true})
	x.e.report = x
	x.id = table.Find("10.0.0.1:7003")
	x.a, x.b, x.r, x.c = x.linkTo(0, 0, table.Find("10.0.0.1:7001")), x.linkTo(0, 0, table.Find("10.0.0.1:7002")), x.linkTo(0, 0, x.id), x.client(0, 0)
	return x
}

// readAsReplica has the replica answer its first read.
func (x *replicated) readAsReplica() {
	x.t.Helper()
	x.c.say("GET", "k")
	got(x.t, "the first read", x.r.take(), frames("READONLY;GET k"))
	x.answer(x.r, "+OK\r\n$1\r\nv\r\n")
	got(x.t, "its reply", x.c.take(), "$1\r\nv\r\n")
}

// promote publishes a table in which the server at port is the master, and the other of the two serves reads.
func (x *replicated) promote(port string) {
	x.t.Helper()
	table := replicatedTable(x.t, x.ids, port)
	readers := table.Groups[0].Readers
	x.e.pools[0].Publish(table.Inherit(x.e.pools[0].Table()).WithReaders(0, readers))
	x.run()
}

// TestModeOfReads: a replica is told READONLY, once, in front of the first read; and a master never.
func TestModeOfReads(t *testing.T) {
	x := newReplicated(t)
	x.c.say("SET", "k", "v")
	got(t, "a write", x.a.take(), frames("SET k v"))
	x.answer(x.a, "+OK\r\n")
	x.c.take()
	x.c.say("GET", "k")
	got(t, "a read that must see it", x.a.take(), frames("GET k"))
	x.answer(x.a, "$1\r\nv\r\n")
	x.c.take()
	x.c = x.client(0, 0)
	x.readAsReplica()
	x.c.say("GET", "k")
	got(t, "the second read", x.r.take(), frames("GET k"))
}

// TestModeFollowsTable: a server that the table calls master now is told so in front of the first request that the
// master must answer, and one that has become a replica in front of its first read.
func TestModeFollowsTable(t *testing.T) {
	x := newReplicated(t)
	x.readAsReplica()
	x.promote("7003")
	x.c.say("SET", "k", "w")
	got(t, "a write to the new master", x.r.take(), frames("READWRITE;SET k w"))
	x.answer(x.r, "+OK\r\n+OK\r\n")
	got(t, "its reply", x.c.take(), "+OK\r\n")
	x.c.say("GET", "k")
	got(t, "a read to the new master", x.r.take(), frames("GET k"))
	x.answer(x.r, "$1\r\nw\r\n")
	got(t, "its reply", x.c.take(), "$1\r\nw\r\n")
	other := x.client(0, 0)
	other.say("GET", "k")
	got(t, "a read to the former master", x.a.take(), frames("READONLY;GET k"))
	x.answer(x.a, "+OK\r\n$1\r\nw\r\n")
	got(t, "its reply", other.take(), "$1\r\nw\r\n")
}

// TestModeOfWhatIsNamed: a server to which another one sends a request on answers as a master only, whatever
// the table says of it; behind ASKING nothing may come in between.
func TestModeOfWhatIsNamed(t *testing.T) {
	for _, tc := range []struct{ word, ahead, ok string }{{"MOVED", "", ""}, {"ASK", "ASKING;", "+OK\r\n"}} {
		x := newReplicated(t)
		x.readAsReplica()
		x.c.say("INCR", "k")
		x.a.take()
		x.answer(x.a, "-"+tc.word+" 7629 10.0.0.1:7003\r\n")
		got(t, tc.word, x.r.take(), frames("READWRITE;"+tc.ahead+"INCR k"))
		x.answer(x.r, "+OK\r\n"+tc.ok+":1\r\n")
		got(t, tc.word+": reply", x.c.take(), ":1\r\n")
	}
}

// TestModeOfReadThatReturns: what a server that was asked as a replica sends on is answered by a master.
func TestModeOfReadThatReturns(t *testing.T) {
	x := newReplicated(t)
	x.c.say("GET", "k")
	x.r.take()
	x.answer(x.r, "+OK\r\n-MOVED 7629 10.0.0.1:7001\r\n")
	got(t, "to the master", x.a.take(), frames("GET k"))
	x.answer(x.a, "$-1\r\n")
	got(t, "reply", x.c.take(), "$-1\r\n")
	got(t, "the replica is not asked again", x.r.take(), "")
}

// TestModeAfterLoss: a new connection is told READONLY anew.
func TestModeAfterLoss(t *testing.T) {
	x := newReplicated(t)
	x.readAsReplica()
	w := x.e.workers[0]
	l := w.pools[0].link(x.id, 0)
	x.r.Close()
	w.tick()
	x.run()
	if l.state != linkDialing {
		t.Fatalf("got state %d; want it to be dialed", l.state)
	}
	c := &call{l: l}
	x.r = x.server(c, l.server.Addr)
	c.Opened(x.r)
	x.r.arrive("+PONG\r\n")
	x.run()
	got(t, "greeting", x.r.take(), frames("PING"))
	x.readAsReplica()
}

// TestModeRefused: where READWRITE is refused, nothing that was sent behind it is believed; where READONLY is, it is
// asked for again.
func TestModeRefused(t *testing.T) {
	x := newReplicated(t)
	x.readAsReplica()
	x.promote("7003")
	x.c.say("GET", "k") // of one that never wrote: the former master may serve it
	got(t, "to the former master", x.a.take(), frames("READONLY;GET k"))
	x.answer(x.a, "-BUSY Redis is busy running a script.\r\n-MOVED 7629 10.0.0.1:7003\r\n")
	got(t, "to the new master", x.r.take(), frames("READWRITE;GET k"))
	x.r.arrive("-BUSY Redis is busy running a script.\r\n$-1\r\n")
	x.run()
	got(t, "nothing is believed", x.c.take(), "")
	if l := x.e.workers[0].pools[0].link(x.id, 0); l.state == linkReady || !x.r.closed {
		t.Errorf("got state %d; want a connection that was given up", l.state)
	}
	got(t, "it is asked again elsewhere", x.a.take(), frames("READONLY;GET k"))
}

// TestDoubted: what a replica says is not there is asked of the master, once.
func TestDoubted(t *testing.T) {
	x := newReplicated(t)
	master, replica, c, st := x.a, x.r, x.c, x.stage
	x.readAsReplica()
	for _, tc := range []struct {
		request, reply string
		asked          bool
	}{
		{"GET k", "$1\r\nv\r\n", false}, {"GET k", "$-1\r\n", true}, {"STRLEN k", ":0\r\n", true}, {"STRLEN k", ":10\r\n", false},
		{"TTL k", ":-2\r\n", true}, {"TYPE k", "+none\r\n", true}, {"TYPE k", "+hash\r\n", false}, {"LRANGE k 0 1", "*0\r\n", true},
		{"LRANGE k 0 1", "*1\r\n$1\r\nx\r\n", false}, {"HMGET k a b", "*2\r\n$1\r\nx\r\n$-1\r\n", true},
		{"XINFO STREAM k", "-ERR no such key\r\n", true},
	} {
		c.ask(frames(tc.request))
		got(t, tc.request+" to the replica", replica.take(), frames(tc.request))
		replica.arrive(tc.reply)
		st.run()
		if !tc.asked {
			got(t, tc.request+" reply", c.take(), tc.reply)
			continue
		}
		got(t, tc.request+" to the master", master.take(), frames(tc.request))
		master.arrive(tc.reply)
		st.run()
		got(t, tc.request+" reply", c.take(), tc.reply)
	}
	for _, request := range []string{"EXISTS {k}1 {k}2", "SINTER {k}1 {k}2"} {
		c.ask(frames(request))
		got(t, request+" to the master", master.take(), frames(request))
		master.arrive(":0\r\n")
		st.run()
		got(t, request+" reply", c.take(), ":0\r\n")
	}
}
