package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/perf"
	"huntaway/shard"
)

// A ward is a worker with a master, ID 0, and replicas behind it, all linked.
type ward struct {
	*stage
	w       *worker
	pw      *poolWorker
	servers []*memConn
}

func newWard(t *testing.T, replicas int, opt PoolOptions) *ward {
	t.Helper()
	if opt.Table == nil {
		opt.Table = testTable(t, withReplicas(replicas))
	}
	if opt.HoldTimeout == 0 {
		opt.HoldTimeout = time.Minute
	}
	x := &ward{stage: newTestWorker(t, opt)}
	x.w = x.e.workers[0]
	x.pw = x.w.pools[0]
	for id := range opt.Table.Servers() {
		x.servers = append(x.servers, x.linkTo(0, 0, int32(id)))
	}
	return x
}

// pass lets time pass, in which nobody says anything, and ticks at its end. The time is
// taken from what the links remember, because the worker's clock cannot be set.
func (x *ward) pass(d time.Duration) {
	x.pw.everyLink(func(l *link) {
		l.health.heard -= int64(d)
		l.health.stalled -= int64(d)
		if l.health.progress.begun != 0 {
			l.health.progress.begun -= int64(d)
		}
		if l.health.remindAt != 0 {
			l.health.remindAt -= int64(d)
		}
		for p := l.queue.fifo.First(); p != l.queue.fifo.Behind(); p++ {
			l.queue.fifo.At(p).sent -= int64(d)
		}
	})
	x.tick()
}

// tick is one, in time.
func (x *ward) tick() {
	x.w.gauges.beat.Store(perf.Now())
	x.w.tick()
	x.run()
}

// asked returns who was sent something, and forgets what.
func (x *ward) asked() (ids []int) {
	for id, m := range x.servers {
		if m.take() != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// reader sends a request of its own and returns its client and the replica that got it.
func (x *ward) reader(t *testing.T, request string) (*memClient, int) {
	t.Helper()
	c := x.client(0, 0)
	c.ask(frames(request))
	ids := x.asked()
	if len(ids) != 1 {
		t.Fatalf("%s went to %v; want one server", request, ids)
	}
	return c, ids[0]
}

// nothing checks that no server was sent anything.
func (x *ward) nothing(t *testing.T, what string) {
	t.Helper()
	for id, m := range x.servers {
		if said := m.take(); said != "" {
			t.Errorf("%s: server %d got %q; want nothing", what, id, said)
		}
	}
}

const stallEnd = stallTime + 10*time.Millisecond

// TestDivert: the reads of a replica that has stalled are answered by the other one, new ones
// avoid it until it has answered what it owes, and nobody gets what it says late.
func TestDivert(t *testing.T) {
	x := newWard(t, 2, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c, sick := x.reader(t, "GET a")
	well := 3 - sick
	second, at := x.reader(t, "GET b")
	for at != sick {
		x.servers[at].arrive("$1\r\n-\r\n")
		second, at = x.reader(t, "GET b")
	}
	x.pass(stallTime / 2)
	x.nothing(t, "in time")
	x.pass(stallEnd - stallTime/2)
	got(t, "to the other one", x.servers[well].take(), frames("GET a;GET b"))
	x.nothing(t, "to others")
	for range 20 {
		if _, at := x.reader(t, "GET c"); at != well {
			t.Fatalf("a new read went to server %d; want %d", at, well)
		}
	}
	x.servers[well].arrive("$1\r\n1\r\n$1\r\n2\r\n" + strings.Repeat("$1\r\n3\r\n", 20))
	x.run()
	got(t, "reply", c.take(), "$1\r\n1\r\n")
	got(t, "reply", second.take(), "$1\r\n2\r\n")
	x.servers[sick].arrive("$1\r\n8\r\n")
	x.tick()
	if _, at := x.reader(t, "GET d"); at != well {
		t.Error("a read went where diverted ones are still being answered")
	}
	x.servers[sick].arrive("$1\r\n9\r\n")
	x.tick()
	got(t, "late", c.take()+second.take(), "")
	seen := map[int]bool{}
	for range 100 {
		_, at := x.reader(t, "GET e")
		seen[at] = true
	}
	if !seen[sick] {
		t.Error("the server that answers again got none of 100 reads; want some")
	}
	n, count := &x.pw.counters, x.pw.servers[sick]
	if n.Retried != 2 || n.ErrorReplies != 0 || count.Sinks != 2 || count.TimedOut != 0 || x.servers[sick].closed {
		t.Errorf("got %d sent again, %d errors, %d late replies, %d timed out, closed %t; want 2, 0, 2, 0, false",
			n.Retried, n.ErrorReplies, count.Sinks, count.TimedOut, x.servers[sick].closed)
	}
}

// TestDivertKeepsOrder: in a pipeline with writes each reply comes in its place, though the
// diverted ones come last.
func TestDivertKeepsOrder(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c := x.client(0, 0)
	c.ask(frames("GET a;SET a 1;GET b;INCR n;GET c;PING"))
	got(t, "to the master", x.servers[0].take(), frames("SET a 1;INCR n"))
	got(t, "to the replica", x.servers[1].take(), frames("GET a;GET b;GET c"))
	x.servers[0].arrive("+OK\r\n")
	x.servers[1].arrive("$1\r\na\r\n")
	x.run()
	got(t, "what is next", c.take(), "$1\r\na\r\n+OK\r\n")
	x.pass(stallTime / 2)
	x.servers[0].arrive(":5\r\n")
	x.pass(stallEnd)
	got(t, "diverted", x.servers[0].take(), frames("GET b;GET c"))
	x.servers[1].arrive("$1\r\nx\r\n")
	x.servers[0].arrive("$1\r\nb\r\n$1\r\nc\r\n")
	x.servers[1].arrive("$1\r\ny\r\n")
	x.run()
	got(t, "in order", c.take(), "$1\r\nb\r\n:5\r\n$1\r\nc\r\n+PONG\r\n")
	if x.servers[0].closed || x.servers[1].closed {
		t.Error("a link was closed; want both in step")
	}
}

// TestDivertNowhere: reads that nobody else may serve stay, time out as ever, and their
// server is not avoided.
func TestDivertNowhere(t *testing.T) {
	for name, row := range map[string]struct {
		replicas int
		opt      PoolOptions
		setup    string // said by the client before
		ask      string
		edit     func(*shard.Table) *shard.Table
		at       int
	}{
		"replica-only, one replica": {replicas: 1, opt: PoolOptions{ReadPolicy: shard.ReplicaOnly}, ask: "GET a", at: 1},
		"master policy":             {replicas: 2, opt: PoolOptions{ReadPolicy: shard.ReadMaster}, ask: "GET a", at: 0},
		"no replica":                {replicas: 0, opt: PoolOptions{ReadPolicy: shard.PreferReplica}, ask: "GET a", at: 0},
		"the group is held": {replicas: 1, opt: PoolOptions{ReadPolicy: shard.PreferReplica}, ask: "GET a", at: 1,
			edit: func(t *shard.Table) *shard.Table { return t.WithHold(0) }},
		"its own write": {replicas: 2, opt: PoolOptions{ReadPolicy: shard.Nearest, ReadYourWrites: true},
			setup: "SET a 1", ask: "GET a", at: 0},
		"a cursor": {replicas: 2, opt: PoolOptions{ReadPolicy: shard.PreferReplica}, ask: "HSCAN a 0", at: 0},
		"a write":  {replicas: 2, opt: PoolOptions{ReadPolicy: shard.PreferReplica}, ask: "INCR a", at: 0},
	} {
		t.Run(name, func(t *testing.T) {
			row.opt.Timeout = time.Second
			x := newWard(t, row.replicas, row.opt)
			c := x.client(0, 0)
			if row.setup != "" {
				c.ask(frames(row.setup))
				x.servers[0].arrive("+OK\r\n")
				x.run()
				c.take()
				x.asked()
			}
			c.ask(frames(row.ask))
			got(t, "first", x.servers[row.at].take(), frames(row.ask))
			if row.edit != nil {
				x.e.pools[0].Publish(row.edit(x.pw.table))
				x.run()
			}
			x.pass(stallEnd)
			x.nothing(t, "after the stall")
			if l := x.pw.link(int32(row.at), 0); l.health.avoided != 0 && name != "its own write" && row.replicas < 2 {
				t.Error("its server is avoided; want it used, there is no other")
			}
			x.pass(time.Second)
			if said := c.take(); !strings.HasPrefix(said, "-ERR huntaway: timed out after 1") {
				t.Errorf("got %q; want a time-out", said)
			}
			if n := x.pw.counters.Retried; n != 0 {
				t.Errorf("got %d sent again; want none", n)
			}
		})
	}
}

// TestDivertLater: what could go nowhere when its server stalled goes when somebody else may
// serve it.
func TestDivertLater(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	table := x.pw.table
	c, _ := x.reader(t, "GET a")
	x.e.pools[0].Publish(table.WithHold(0))
	x.run()
	x.pass(stallEnd)
	x.nothing(t, "while the master is held")
	x.e.pools[0].Publish(table.WithoutHold(0))
	x.run()
	x.tick()
	got(t, "to the master", x.servers[0].take(), frames("GET a"))
	x.servers[0].arrive("$1\r\n1\r\n")
	x.run()
	got(t, "reply", c.take(), "$1\r\n1\r\n")
}

// TestDivertStalledProcess: after a time without ticks it was this process that was silent.
func TestDivertStalledProcess(t *testing.T) {
	x := newWard(t, 2, PoolOptions{ReadPolicy: shard.PreferReplica})
	c, at := x.reader(t, "GET a")
	x.pw.everyLink(func(l *link) { l.health.heard -= int64(time.Second) })
	x.w.gauges.beat.Store(perf.Now() - int64(time.Second))
	x.w.tick()
	x.run()
	x.nothing(t, "in the first tick")
	x.servers[at].arrive("$1\r\n1\r\n")
	x.tick()
	got(t, "reply", c.take(), "$1\r\n1\r\n")
	if n := x.pw.counters.Retried; n != 0 {
		t.Errorf("got %d sent again; want none", n)
	}
}

// TestDivertFlowing: a reply that is being passed on comes from where it began; what waits
// behind it goes elsewhere.
func TestDivertFlowing(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c := x.client(0, 0)
	c.ask(frames("GET a;GET b"))
	x.asked()
	const size = 2 * passOn
	head := "$131072\r\n" + strings.Repeat("x", passOn+1)
	x.servers[1].arrive(head)
	x.pass(stallEnd)
	got(t, "diverted", x.servers[0].take(), frames("GET b"))
	x.servers[0].arrive("$1\r\nb\r\n")
	rest := strings.Repeat("x", size-passOn-1) + "\r\n"
	x.servers[1].arrive(rest + "$1\r\nz\r\n")
	x.run()
	if said := c.take(); said != head+rest+"$1\r\nb\r\n" {
		t.Errorf("got %d bytes, ending %q; want the reply whole and the other behind it", len(said), said[max(len(said)-20, 0):])
	}

	// One of which a small part has come is asked for again when no more comes until its time is
	// over, and its rest swallowed.
	x.tick()
	c.ask(frames("GET a"))
	x.asked()
	x.servers[1].arrive("$5\r\nhe")
	x.pass(stallEnd)
	x.nothing(t, "begun")
	x.pass(time.Second)
	got(t, "begun and over", x.servers[0].take(), frames("GET a"))
	x.servers[0].arrive("$1\r\n1\r\n")
	x.run()
	x.servers[1].arrive("llo\r\n")
	x.run()
	got(t, "begun", c.take(), "$1\r\n1\r\n")
	if x.servers[1].closed {
		t.Error("the link was closed; want it in step")
	}
}

// TestDivertParts: of a split command only the parts that wait at the stalled server go
// elsewhere, and the reply is woven from all.
func TestDivertParts(t *testing.T) {
	group := func(name, port string) shard.Group {
		g := withReplicas(1)
		g.Name = name
		for i := range g.Servers {
			g.Servers[i].Addr = "127.0.0.1:" + port + decimal(i)
		}
		return g
	}
	table := testTable(t, group("g1", "710"), group("g2", "720"))
	x := newWard(t, 0, PoolOptions{Table: table, ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	k := keysOf(t, table)
	c := x.client(0, 0)
	c.ask(frames("MGET " + k[0] + " " + k[1] + " " + k[0]))
	g := table.Groups
	replicaOf := func(i int) *memConn { return x.servers[g[i].Servers[1].ID] }
	got(t, "one part", replicaOf(0).take(), frames("MGET "+k[0]+" "+k[0]))
	got(t, "the other", replicaOf(1).take(), frames("MGET "+k[1]))
	replicaOf(1).arrive("*1\r\n$1\r\n2\r\n")
	x.pass(stallEnd)
	got(t, "diverted", x.servers[g[0].Master].take(), frames("MGET "+k[0]+" "+k[0]))
	x.nothing(t, "besides")
	replicaOf(0).arrive("*2\r\n$1\r\n8\r\n$1\r\n9\r\n")
	x.servers[g[0].Master].arrive("*2\r\n$1\r\n1\r\n$1\r\n3\r\n")
	x.run()
	got(t, "woven", c.take(), "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n")
}

// TestDivertOnce: the second server stalls too: the read is not sent a third time, and fails
// when its own time is over, wherever it is in the queue.
func TestDivertOnce(t *testing.T) {
	x := newWard(t, 3, PoolOptions{ReadPolicy: shard.ReplicaOnly, Timeout: time.Second})
	c, first := x.reader(t, "GET a")
	x.pass(stallEnd)
	to := x.asked()
	if len(to) != 1 || to[0] == first {
		t.Fatalf("diverted from %d to %v; want another", first, to)
	}
	x.pass(stallEnd)
	x.nothing(t, "a second time")
	x.pass(600 * time.Millisecond)
	x.pass(100 * time.Millisecond)
	if said := c.take(); !strings.HasPrefix(said, "-ERR huntaway: timed out after 13") ||
		!strings.Contains(said, x.pw.link(int32(to[0]), 0).server.Addr) {
		t.Errorf("got %q; want a time-out at the second server", said)
	}
	x.nothing(t, "afterwards")
	x.servers[first].arrive("$1\r\n1\r\n")
	x.servers[to[0]].arrive("$1\r\n2\r\n")
	x.run()
	got(t, "late", c.take(), "")
}

// TestDivertAvoidsTheSilent: a read is not sent to a server that has begun to be silent too.
func TestDivertAvoidsTheSilent(t *testing.T) {
	x := newWard(t, 2, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	seen := map[int]bool{}
	for !seen[1] || !seen[2] {
		_, at := x.reader(t, "GET a")
		seen[at] = true
	}
	x.pw.link(2, 0).health.heard += int64(20 * time.Millisecond)
	x.pass(stallEnd)
	if ids := x.asked(); len(ids) != 1 || ids[0] != 0 {
		t.Errorf("diverted to %v; want the master alone", ids)
	}
}

// TestDivertExpired: a read that runs out of time at a server that answers others is sent
// once more, and gets a little time for that; the time-out is the server's alone.
func TestDivertExpired(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c := x.client(0, 0)
	c.ask(frames("GET a;GET b"))
	x.asked()
	slow := func(d time.Duration) {
		x.pw.link(1, 0).health.heard += int64(d)
		x.pass(d)
	}
	slow(time.Second + time.Millisecond) // the requests' own bytes have earned some us
	got(t, "to the master", x.servers[0].take(), frames("GET a;GET b"))
	x.servers[0].arrive("$1\r\n1\r\n")
	x.run()
	slow(200 * time.Millisecond)
	got(t, "the first", c.take(), "$1\r\n1\r\n")
	slow(110 * time.Millisecond)
	if said := c.take(); !strings.HasPrefix(said, "-ERR huntaway: timed out after 13") || !strings.Contains(said, "127.0.0.1:7000") {
		t.Errorf("got %q; want a time-out at the master after 1.3 s", said)
	}
	x.servers[1].arrive("$1\r\n8\r\n$1\r\n9\r\n")
	x.servers[0].arrive("$1\r\n7\r\n")
	x.run()
	x.tick()
	got(t, "late", c.take(), "")
	if k, m := x.pw.servers[1], x.pw.servers[0]; k.TimedOut != 2 || k.Sinks != 2 || m.TimedOut != 1 || x.pw.counters.TimedOut != 1 {
		t.Errorf("got %d and %d timed out, %d late replies, %d answered so; want 2, 1, 2, 1",
			k.TimedOut, m.TimedOut, k.Sinks, x.pw.counters.TimedOut)
	}
	for id := range int32(2) {
		if l := x.pw.link(id, 0); l.busy() || l.queue.expired != 0 || l.health.avoided != 0 || x.servers[id].closed {
			t.Errorf("server %d: got %d in flight, %d expired; want nothing left", id, l.queue.fifo.Len(), l.queue.expired)
		}
	}
}

// TestDivertBehindOthers: a diverted read keeps its own time behind requests that came later.
func TestDivertBehindOthers(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c, other := x.client(0, 0), x.client(0, 0)
	c.ask(frames("GET a"))
	x.pw.link(1, 0).queue.fifo.Front().sent -= int64(990 * time.Millisecond)
	other.ask(frames("SET b 1"))
	x.asked()
	x.pass(20 * time.Millisecond)
	got(t, "behind the write", x.servers[0].take(), frames("GET a"))
	x.pass(200 * time.Millisecond)
	x.pass(100 * time.Millisecond)
	if said := c.take(); !strings.HasPrefix(said, "-ERR huntaway: timed out after 13") {
		t.Errorf("got %q; want a time-out after 1.3 s", said)
	}
	x.servers[0].arrive("+OK\r\n$1\r\n1\r\n")
	x.run()
	got(t, "the write", other.take(), "+OK\r\n")
	got(t, "late", c.take(), "")
}

// TestDivertScript: EVALSHA_RO takes its script along to a server that has not loaded it.
func TestDivertScript(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c := x.client(0, 0)
	c.ask(frames("SCRIPT LOAD return"))
	for _, m := range x.servers {
		m.take()
		m.arrive("$40\r\n63143b6f8007b98c53ca2149822777b3566f9241\r\n")
	}
	x.run()
	c.take()
	c.ask(frames("EVALSHA_RO 63143b6f8007b98c53ca2149822777b3566f9241 1 k"))
	loads := x.servers[1].take()
	x.servers[1].arrive(strings.Repeat("+x\r\n", strings.Count(loads, "LOAD")) + "$-1\r\n")
	x.run()
	c.take()
	c.ask(frames("EVALSHA_RO 63143b6f8007b98c53ca2149822777b3566f9241 1 k"))
	got(t, "to the replica", x.servers[1].take(), frames("EVALSHA_RO 63143b6f8007b98c53ca2149822777b3566f9241 1 k"))
	x.pass(stallEnd)
	said := x.servers[0].take()
	if !strings.HasSuffix(said, frames("EVALSHA_RO 63143b6f8007b98c53ca2149822777b3566f9241 1 k")) {
		t.Fatalf("the master got %q; want the script to run there", said)
	}
	x.servers[0].arrive(strings.Repeat("+x\r\n", strings.Count(said, "LOAD")) + "$1\r\n1\r\n")
	x.run()
	got(t, "reply", c.take(), "$1\r\n1\r\n")
}

// TestDivertMoved: with another ring the group is looked for anew.
func TestDivertMoved(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c, _ := x.reader(t, "GET a")
	l := x.pw.link(1, 0)
	l.queue.fifo.Front().group = groupRef{x.pw.laying - 1, 7}
	x.pass(stallEnd)
	got(t, "diverted", x.servers[0].take(), frames("GET a"))
	x.servers[0].arrive("$1\r\n1\r\n")
	x.run()
	got(t, "reply", c.take(), "$1\r\n1\r\n")
}

// TestDivertLost: a stalled link that is given up takes nothing with it that was diverted,
// and the server is not avoided for ever.
func TestDivertLost(t *testing.T) {
	x := newWard(t, 1, PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second})
	c, _ := x.reader(t, "GET a")
	x.pass(stallEnd)
	x.asked()
	l := x.pw.link(1, 0)
	x.servers[1].Close()
	x.tick()
	x.nothing(t, "when the link is lost")
	x.servers[0].arrive("$1\r\n1\r\n")
	x.run()
	got(t, "reply", c.take(), "$1\r\n1\r\n")
	if l.health.avoided != 0 {
		t.Error("the server is avoided; want it used when it is back")
	}
}

// TestDivertRelieves: who waits for room in the queue of a stalled server goes on, because
// reads have other places to go.
func TestDivertRelieves(t *testing.T) {
	opt := PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: time.Second}
	opt.Limits.LinkQueueBytes = 64
	x := newWard(t, 1, opt)
	x.servers[1].kept = handOver + 1
	c := x.client(0, 0)
	c.ask(frames("GET a;GET b;GET c;GET d;GET e"))
	if c.s.stops&stopLink == 0 {
		t.Fatal("the client's requests fit in the queue; want it to wait")
	}
	x.pw.link(1, 0).queue.sent = x.pw.link(1, 0).queue.log.Len() // the kernel has it, and nobody reads it
	x.pass(stallEnd)
	for range 5 {
		x.servers[0].arrive("$1\r\n1\r\n")
		x.run()
	}
	got(t, "replies", c.take(), strings.Repeat("$1\r\n1\r\n", 5))
}
