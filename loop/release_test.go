package loop

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// A crisis is a stage with one group of a master, ID 0, and a replica, ID 1, both linked.
type crisis struct {
	*stage
	pw      *poolWorker
	table   *shard.Table
	servers [2]*memConn
}

func newCrisis(t *testing.T, opt PoolOptions) *crisis {
	t.Helper()
	opt.Table = testTable(t, withReplicas(1))
	if opt.HoldTimeout == 0 {
		opt.HoldTimeout = time.Minute
	}
	st := newTestWorker(t, opt)
	c := &crisis{stage: st, pw: st.e.workers[0].pools[0], table: opt.Table}
	for id := range c.servers {
		c.servers[id] = st.linkTo(0, 0, int32(id))
	}
	return c
}

// publish puts a table in force and lets everything happen.
func (c *crisis) publish(t *shard.Table) {
	c.e.pools[0].Publish(t)
	c.run()
}

// sets is SETs of k to the numbers from first on.
func sets(first, n int) string {
	var all []string
	for i := range n {
		all = append(all, "SET k "+strconv.Itoa(first+i))
	}
	return frames(strings.Join(all, ";"))
}

// TestHeldGroup: writes to a held group wait, and so does what their session says behind
// them; reads of others go on from the replica. Nothing is sent before the group is held no
// longer, then one request first, the others behind its answer.
func TestHeldGroup(t *testing.T) {
	c := newCrisis(t, PoolOptions{ReadPolicy: shard.PreferReplica})
	writer, reader := c.client(0, 0), c.client(0, 0)
	c.publish(c.table.WithHold(0))
	writer.ask(sets(1, 2) + frames("GET k"))
	reader.ask(frames("GET k"))
	c.e.workers[0].tick()
	got(t, "to the held master", c.servers[0].take(), "")
	got(t, "to the replica", c.servers[1].take(), frames("GET k"))
	if n := c.pw.counters.HeldNow; n != 3 {
		t.Errorf("got %d held; want 3", n)
	}
	c.publish(c.table.WithoutHold(0))
	got(t, "first", c.servers[0].take(), sets(1, 1))
	reader.ask(frames("SET k 3"))
	got(t, "before it is answered", c.servers[0].take(), "")
	c.servers[0].arrive("+OK\r\n")
	c.run()
	got(t, "then", c.servers[0].take(), sets(2, 2))
	got(t, "the read behind the writes", c.servers[1].take(), frames("GET k"))
	if n := c.pw.counters.HeldNow; n != 0 || c.pw.counters.Released != 4 {
		t.Errorf("got %d held, %d released; want 0 and 4", n, c.pw.counters.Released)
	}
	c.servers[0].arrive("+OK\r\n+OK\r\n")
	c.servers[1].arrive("$1\r\n2\r\n$1\r\n2\r\n")
	c.run()
	got(t, "the writer's replies", writer.take(), "+OK\r\n+OK\r\n$1\r\n2\r\n")
	if c.pw.holds[0] != nil {
		t.Error("the group is still held; want it over")
	}
}

// TestHeldReads: with the master's word wanted, reads wait too, and are sent when a replica
// may serve them.
func TestHeldReads(t *testing.T) {
	c := newCrisis(t, PoolOptions{ReadPolicy: shard.ReadMaster})
	c.publish(c.table.WithHold(0))
	cl := c.client(0, 0)
	cl.ask(frames("GET k"))
	got(t, "to the replica", c.servers[1].take(), "")
	c.publish(c.table.WithMaster(0, 1))
	got(t, "to the new master", c.servers[1].take(), frames("GET k"))

	c = newCrisis(t, PoolOptions{ReadPolicy: shard.PreferReplica})
	none := c.table.WithReaders(0, nil).WithHold(0)
	c.publish(none)
	cl, other := c.client(0, 0), c.client(0, 0)
	cl.ask(frames("GET k"))
	other.ask(frames("SET k v;GET k"))
	c.publish(none.WithReaders(0, []int32{1}))
	got(t, "to the replica that came back", c.servers[1].take(), frames("GET k"))
	got(t, "to the held master", c.servers[0].take(), "")

	c = newCrisis(t, PoolOptions{ReadPolicy: shard.PreferReplica, ReadYourWrites: true})
	cl = c.client(0, 0)
	cl.ask(frames("SET k v"))
	c.publish(c.table.WithHold(0))
	cl.ask(frames("GET k"))
	got(t, "its own write is under way", c.servers[1].take(), "")
}

// TestReleaseWindow: one in flight, then 64, then 128; what comes new is sent behind.
func TestReleaseWindow(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	cl := c.client(0, 0).known()
	c.publish(c.table.WithHold(0))
	const n = 300
	cl.ask(sets(0, n))
	c.publish(c.table.WithMaster(0, 1))
	sent, most := 0, []int{}
	for _, want := range []int{1, 64, 128, n - 193 + 1} {
		if sent == 193 {
			cl.arrive(sets(n, 1))
			c.run()
		}
		said := c.servers[1].take()
		count := strings.Count(said, "*3")
		most = append(most, count)
		if said != sets(sent, count) || count > want {
			t.Errorf("behind %d: got %d in flight, in the order of sending: %t; want at most %d", sent, count, said == sets(sent, count), want)
		}
		sent += count
		c.servers[1].arrive(strings.Repeat("+OK\r\n", count))
		c.run()
	}
	for sent < n+1 {
		said := c.servers[1].take()
		count := strings.Count(said, "*3")
		if count == 0 {
			t.Fatalf("got %d sent (%v), then nothing; want all", sent, most)
		}
		if said != sets(sent, count) {
			t.Errorf("behind %d: got another order; want that of sending", sent)
		}
		sent += count
		c.servers[1].arrive(strings.Repeat("+OK\r\n", count))
		c.run()
	}
	got(t, "replies", cl.take(), strings.Repeat("+OK\r\n", n+1))
	if c.pw.holds[0] != nil || c.pw.counters.HeldNow != 0 {
		t.Errorf("got the group still held, %d waiting; want it over", c.pw.counters.HeldNow)
	}
}

// TestReleaseRefused: whatever is refused on the way goes back to its place, and is sent
// again one by one until it is taken. Every write runs once, in order.
func TestReleaseRefused(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	a, b := c.client(0, 0), c.client(0, 0)
	c.publish(c.table.WithHold(0))
	a.ask(sets(0, 40))
	b.ask(sets(1000, 40))
	c.publish(c.table.WithoutHold(0))
	var ran []string
	refusing := false
	for round := 0; len(ran) < 80 && round < 400; round++ {
		said := c.servers[0].take()
		requests := strings.Split(said, "*3\r\n")[1:]
		refusing = round%5 == 1 || round%7 == 2
		for i, r := range requests {
			// The server refuses from the third on, and then all until the next round.
			if refusing && (i > 2 || round%2 == 0) {
				c.servers[0].arrive("-NOREPLICAS Not enough good replicas to write.\r\n")
				continue
			}
			ran = append(ran, r)
			c.servers[0].arrive("+OK\r\n")
		}
		c.run()
		if len(requests) == 0 {
			for _, h := range c.pw.holds {
				if h != nil {
					h.nextTry = 0
				}
			}
			c.e.workers[0].tick()
			c.run()
		}
	}
	next := map[int]int{0: 0, 1: 1000}
	for _, r := range ran {
		parts := strings.Split(r, "\r\n")
		i, _ := strconv.Atoi(parts[5])
		if who := i / 1000; next[who] != i {
			t.Fatalf("%d ran; want %d next", i, next[who])
		}
		next[i/1000]++
	}
	if len(ran) != 80 {
		t.Errorf("got %d run; want 80", len(ran))
	}
	got(t, "replies of a", a.take(), strings.Repeat("+OK\r\n", 40))
	got(t, "replies of b", b.take(), strings.Repeat("+OK\r\n", 40))
}

// TestHoldLimits: what finds no room fails at once, and what waits for too long fails
// together, both as not executed.
func TestHoldLimits(t *testing.T) {
	full := "-TRYAGAIN huntaway: too many requests are waiting (group g1, pool alpha); not executed\r\n"
	c := newCrisis(t, PoolOptions{HoldRequests: 2})
	c.publish(c.table.WithHold(0))
	one, two := c.client(0, 0), c.client(0, 0)
	one.ask(sets(0, 2))
	got(t, "over the number", two.ask(sets(0, 1)), full)
	c = newCrisis(t, PoolOptions{HoldBytes: int64(len(sets(0, 2)))})
	c.publish(c.table.WithHold(0))
	one, two = c.client(0, 0), c.client(0, 0)
	one.ask(sets(0, 2))
	got(t, "over the bytes", two.ask(sets(0, 1)), full)
	if n := c.pw.counters.HoldFull; n != 1 {
		t.Errorf("got %d counted; want 1", n)
	}
	c.pw.holds[0].since -= int64(time.Hour)
	c.e.workers[0].tick()
	late := "-TRYAGAIN huntaway: no server took the request in time (group g1, pool alpha); not executed\r\n"
	got(t, "too late", one.take(), late+late)
	got(t, "and from then on", one.ask(sets(0, 1)), "-TRYAGAIN huntaway: no master (group g1, pool alpha); not executed\r\n")
	if k := &c.pw.counters; k.HeldNow != 0 || k.HeldTooLong != 2 {
		t.Errorf("got %d held, %d too long; want 0 and 2", k.HeldNow, k.HeldTooLong)
	}
	c.publish(c.table.WithMaster(0, 1))
	one.ask(sets(7, 1))
	got(t, "with a new master", c.servers[1].take(), sets(7, 1))
}

// TestReadsOutliveAnOldOutage: when the master has been away for longer than anything is held,
// writes fail at once; a read waits all the same when the last replica is gone for a moment, as
// when a Sentinel has it follow another one, and fails when it stays away.
func TestReadsOutliveAnOldOutage(t *testing.T) {
	noMaster := "-TRYAGAIN huntaway: no master (group g1, pool alpha); not executed\r\n"
	noServer := "-TRYAGAIN huntaway: no server can take the read (group g1, pool alpha); not executed\r\n"
	c := newCrisis(t, PoolOptions{ReadPolicy: shard.PreferReplica})
	reader, writer := c.client(0, 0), c.client(0, 0)
	bare := c.table.WithHold(0).WithReaders(0, nil)
	for _, round := range []string{"first", "second"} { // its end is noticed
		c.publish(c.table.WithHold(0))
		c.pw.holds[0].since -= int64(time.Hour)
		c.e.workers[0].tick()
		c.publish(bare)
		got(t, "two reads in a row, "+round, reader.ask(frames("GET k;GET l")), "")
		got(t, "a write", writer.ask(sets(0, 1)), noMaster)
		c.e.workers[0].tick()
		got(t, "a tick later", reader.take(), "")
		c.publish(c.table.WithHold(0))
		c.run()
		got(t, "to the replica that is back", c.servers[1].take(), frames("GET k;GET l"))
		c.servers[1].arrive("$1\r\n1\r\n$1\r\n2\r\n")
		c.run()
		got(t, "what it says", reader.take(), "$1\r\n1\r\n$1\r\n2\r\n")
		c.e.workers[0].tick()
	}
	c.publish(bare)
	got(t, "a third", reader.ask(frames("GET k")), "")
	c.pw.holds[0].mute -= int64(time.Hour)
	c.e.workers[0].tick()
	got(t, "when it stays away", reader.take(), noServer)
	got(t, "and from then on", reader.ask(frames("GET k")), noServer)
}

// TestNoHoldTimeout: a pool that holds nothing says at once that the group has no master.
func TestNoHoldTimeout(t *testing.T) {
	c := newCrisis(t, PoolOptions{HoldTimeout: time.Nanosecond})
	c.publish(c.table.WithHold(0))
	c.e.workers[0].tick()
	cl := c.client(0, 0)
	got(t, "a write", cl.ask(sets(0, 1)), "-TRYAGAIN huntaway: no master (group g1, pool alpha); not executed\r\n")
}

// TestGateOfAPin: what a client that watches has written is awaited as well before the new
// master gets its next write.
func TestGateOfAPin(t *testing.T) {
	c := newCrisis(t, PoolOptions{})
	cl := c.client(0, 0)
	cl.ask(frames("WATCH a"))
	pin := c.reconnect(cl.s.pin)
	pin.arrive("+OK\r\n")
	cl.ask(frames("SET a 1"))
	c.publish(c.table.WithMaster(0, 1))
	cl.ask(frames("SET a 2"))
	got(t, "to the new master", c.servers[1].take(), "")
	pin.arrive("+OK\r\n")
	c.e.workers[0].tick()
	c.run()
	got(t, "behind the answer", c.servers[1].take(), frames("SET a 2"))
}

// TestHeldExec: EXEC behind WATCH waits, and runs when the master is who it was; when it is
// not, or the time is over, the client hears that what it watched may have changed.
func TestHeldExec(t *testing.T) {
	for _, end := range []string{"same", "other", "late"} {
		c := newCrisis(t, PoolOptions{})
		f := &watching{st: c.stage, shared: c.servers[0], c: c.client(0, 0), pw: c.pw}
		f.c.ask(frames("WATCH a"))
		f.pin = c.reconnect(f.c.s.pin)
		f.pin.take()
		f.pin.arrive("+OK\r\n")
		c.publish(c.table.WithHold(0))
		f.c.ask(frames("MULTI;INCR a;EXEC;PING"))
		got(t, end+": to the pin while held", f.pin.take(), "")
		f.c.take()
		switch end {
		case "same":
			c.publish(c.table.WithoutHold(0))
			got(t, end, f.pin.take(), frames("MULTI;INCR a;EXEC"))
			f.pin.arrive(queued1 + "*1\r\n:1\r\n")
			c.run()
			got(t, end, f.c.take(), "*1\r\n:1\r\n+PONG\r\n")
		case "other":
			c.publish(c.table.WithMaster(0, 1))
		case "late":
			c.pw.holds[0].since -= int64(time.Hour)
			c.e.workers[0].tick()
			c.run()
		}
		if end != "same" {
			got(t, end, f.c.take(), "*-1\r\n+PONG\r\n")
			got(t, end, f.pin.take(), frames("UNWATCH"))
			f.pin.arrive("+OK\r\n")
		}
		f.noneLent(t)
	}
}

// TestReadBehindRefusedWrite: a read that was sent to the master behind a write of its session
// is answered after it, although the server refused the write and answered the read.
func TestReadBehindRefusedWrite(t *testing.T) {
	for _, opt := range []PoolOptions{
		{ReadPolicy: shard.ReadMaster},
		{ReadPolicy: shard.PreferReplica, ReadYourWrites: true},
	} {
		c := newCrisis(t, opt)
		cl, other := c.client(0, 0), c.client(0, 0)
		cl.ask(frames("SET k 2;GET k;GET k"))
		got(t, "to the master", c.servers[0].take(), frames("SET k 2;GET k;GET k"))
		if opt.ReadPolicy == shard.ReadMaster {
			other.ask(frames("GET k"))
			got(t, "of another client", c.servers[0].take(), frames("GET k"))
		}
		c.servers[0].arrive("-READONLY You can't write against a read only replica.\r\n$1\r\n1\r\n$1\r\n1\r\n")
		c.run()
		got(t, "the client", cl.take(), "")
		if opt.ReadPolicy == shard.ReadMaster {
			c.servers[0].arrive("$1\r\n1\r\n")
			c.run()
			got(t, "the other client, whose read is behind no write of its own", other.take(), "$1\r\n1\r\n")
		}
		c.publish(c.table.WithMaster(0, 1))
		got(t, "to the new master", c.servers[1].take(), frames("SET k 2"))
		c.servers[1].arrive("+OK\r\n")
		c.run()
		got(t, "behind it", c.servers[1].take(), frames("GET k;GET k"))
		c.servers[1].arrive("$1\r\n2\r\n$1\r\n2\r\n")
		c.run()
		got(t, "the client's replies", cl.take(), "+OK\r\n$1\r\n2\r\n$1\r\n2\r\n")
		if n := c.pw.counters.HeldNow; n != 0 {
			t.Errorf("got %d held at the end; want 0", n)
		}
	}
}

// TestWritesDoNotWaitForReads: replicas that refuse every read, and are thought well of all the
// same because other connections to them do better, delay writes of others by no more than one
// look at what is held.
func TestWritesDoNotWaitForReads(t *testing.T) {
	const refusal, steps, most = "-LOADING Redis is loading the dataset in memory\r\n", 300, 3
	opt := PoolOptions{ReadPolicy: shard.ReplicaOnly, HoldTimeout: time.Minute, Table: testTable(t, withReplicas(2))}
	st := newTestWorker(t, opt)
	w, pw := st.e.workers[0], st.e.workers[0].pools[0]
	var servers []*memConn
	for id := range int32(3) {
		servers = append(servers, st.linkTo(0, 0, id))
	}
	reader, writer := st.client(0, 0), st.client(0, 0)
	reader.say("GET", "k")
	refused, written, longest, waits := 0, 0, 0, 0
	writer.say("SET", "k", "v")
	for range steps {
		for id := 1; id < 3; id++ {
			l := pw.link(int32(id), 0)
			l.health.avoided = 0
			l.rate()
			if servers[id].take() != "" {
				refused++
				servers[id].arrive(refusal)
			}
		}
		for n := strings.Count(servers[0].take(), "SET"); n > 0; n-- {
			servers[0].arrive("+OK\r\n")
		}
		w.begin()
		w.now += int64(probePause)
		pw.tickHolds()
		w.end()
		st.run()
		if waits++; writer.take() == "" {
			continue
		}
		written, longest, waits = written+1, max(longest, waits), 0
		writer.say("SET", "k", "v")
	}
	if longest = max(longest, waits); refused == 0 || written < steps/most || longest > most {
		t.Errorf("got %d writes, one after %d looks, beside %d refused reads; want %d and at most %d looks", written, longest, refused, steps/most, most)
	}
}
