package loop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// A cluster is a worker in front of two masters of a Redis Cluster, whose replies the test
// gives. The first has the lower half of the slots.
type cluster struct {
	*stage
	a, b *memConn
	c    *memClient
	ids  *shard.IDs
	sent int // Moved reports
}

// Keys of slots of the first and of the second master; the last two share a slot.
const (
	keyOfA, keyOfB = "{b}", "{a}" // slots 3300 and 15495
	twoOfA, alsoA  = "{b}1", "{b}2"
)

func clusterSpec(ids *shard.IDs, border int) shard.Spec {
	spec := shard.Spec{Slots: shard.NoSlots(), IDs: ids}
	for i, port := range []string{"7001", "7002"} {
		spec.Groups = append(spec.Groups, shard.Group{Name: "g" + decimal(i), Weight: 1, Servers: []shard.Server{
			{Addr: "10.0.0.1:" + port, Role: shard.Master, Weight: 1}}})
	}
	for slot := range spec.Slots {
		if slot >= border {
			spec.Slots[slot] = 1
		} else {
			spec.Slots[slot] = 0
		}
	}
	return spec
}

func clusterTable(t testing.TB, ids *shard.IDs, border int) *shard.Table {
	t.Helper()
	table, err := shard.Build(clusterSpec(ids, border))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	x := &cluster{ids: new(shard.IDs)}
	x.stage = newStage(t, 1, PoolOptions{Table: clusterTable(t, x.ids, shard.Slots/2), HoldTimeout: time.Minute})
	x.e.report = x
	x.a, x.b, x.c = x.linkTo(0, 0, 0), x.linkTo(0, 0, 1), x.client(0, 0)
	if table := x.e.pools[0].Table(); table.Locate([]byte(keyOfA)) != 0 || table.Locate([]byte(keyOfB)) != 1 {
		t.Fatal("the keys of this test are in other slots than it says")
	}
	return x
}

func (x *cluster) LinkUp(string, int32)            {}
func (x *cluster) LinkFailed(string, int32, error) {}
func (x *cluster) Demoted(string, int32)           {}
func (x *cluster) Stalled(string, int32)           {}
func (x *cluster) Exchanged(string, int32)         {}
func (x *cluster) Moved(string)                    { x.sent++ }

// answer is one event with a server's reply, after which everything that follows happens.
func (x *cluster) answer(m *memConn, reply string) {
	m.arrive(reply)
	x.run()
}

// wait lets what was put off be tried again.
func (x *cluster) wait() {
	w := x.e.workers[0]
	for _, s := range w.pools[0].redirects {
		s.retryAt = 0
	}
	w.tick()
	x.run()
}

// follow publishes a table with another border between the two.
func (x *cluster) follow(border int) {
	old := x.e.pools[0].Table()
	x.e.pools[0].Publish(clusterTable(x.t, x.ids, border).Inherit(old))
	x.run()
}

const (
	movedToB = "-MOVED 3300 10.0.0.1:7002\r\n"
	movedToA = "-MOVED 3300 10.0.0.1:7001\r\n"
	askB     = "-ASK 3300 10.0.0.1:7002\r\n"
	tryAgain = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
	downNow  = "-CLUSTERDOWN The cluster is down\r\n"
)

func TestMovedIsFollowed(t *testing.T) {
	x := newCluster(t)
	got(t, "while it is asked", x.c.say("GET", keyOfA), "")
	got(t, "to the first", x.a.take(), frames("GET "+keyOfA))
	x.answer(x.a, movedToB)
	got(t, "to the second", x.b.take(), frames("GET "+keyOfA))
	x.answer(x.b, "$1\r\nv\r\n")
	got(t, "reply", x.c.take(), "$1\r\nv\r\n")
	if x.sent != 1 {
		t.Errorf("got %d reports; want one", x.sent)
	}
}

func TestAskIsFollowed(t *testing.T) {
	x := newCluster(t)
	x.c.say("SET", keyOfA, "1")
	x.a.take()
	x.answer(x.a, askB)
	got(t, "to the second, in one piece", x.b.take(), frames("ASKING")+frames("SET "+keyOfA+" 1"))
	x.answer(x.b, "+OK\r\n+OK\r\n")
	got(t, "reply", x.c.take(), "+OK\r\n")
	if x.sent != 0 {
		t.Errorf("got %d reports; want none, the slot is still the first one's", x.sent)
	}
	x.c.say("SET", keyOfA, "2")
	got(t, "the next, to the first", x.a.take(), frames("SET "+keyOfA+" 2"))
}

// TestRedirectedOrder: requests of one client for one key, in flight together, follow the slot
// in their order; what the client says later waits.
func TestRedirectedOrder(t *testing.T) {
	for _, r := range []struct{ name, reply, ahead, ok string }{
		{"moved", movedToB, "", ""}, {"ask", askB, frames("ASKING"), "+OK\r\n"}} {
		x := newCluster(t)
		x.c.ask(frames("RPUSH " + keyOfA + " 1;RPUSH " + keyOfA + " 2"))
		x.a.take()
		x.answer(x.a, r.reply)
		got(t, r.name+": said later", x.c.say("RPUSH", keyOfA, "3"), "")
		got(t, r.name+": it is not sent", x.a.take(), "")
		x.answer(x.a, r.reply)
		got(t, r.name+": in order", x.b.take(),
			r.ahead+frames("RPUSH "+keyOfA+" 1")+r.ahead+frames("RPUSH "+keyOfA+" 2"))
		x.answer(x.b, r.ok+":1\r\n"+r.ok+":2\r\n")
		got(t, r.name+": replies", x.c.take(), ":1\r\n:2\r\n")
		got(t, r.name+": then it goes", x.a.take(), frames("RPUSH "+keyOfA+" 3"))
	}
}

// TestTableBeforeRefusal: the new table comes before the refusal of what is in flight. What the
// client says then must not get to the new owner first.
func TestTableBeforeRefusal(t *testing.T) {
	x := newCluster(t)
	x.c.say("RPUSH", keyOfA, "1")
	x.a.take()
	x.follow(0)
	got(t, "said under the new table", x.c.say("RPUSH", keyOfA, "2"), "")
	got(t, "it waits", x.b.take(), "")
	x.answer(x.a, movedToB)
	got(t, "the first to the new owner", x.b.take(), frames("RPUSH "+keyOfA+" 1"))
	x.answer(x.b, ":1\r\n")
	got(t, "reply", x.c.take(), ":1\r\n")
	got(t, "the second behind it", x.b.take(), frames("RPUSH "+keyOfA+" 2"))
}

// TestRedirectionsGoRound: servers that name each other are not asked for ever without a pause,
// and the client hears in the end that nothing was executed.
func TestRedirectionsGoRound(t *testing.T) {
	x := newCluster(t)
	x.c.say("GET", keyOfA)
	for range 2 {
		if x.a.take() == "" {
			t.Fatal("nothing sent to the first")
		}
		x.answer(x.a, movedToB)
		if x.b.take() == "" {
			break
		}
		x.answer(x.b, movedToA)
	}
	got(t, "put off", x.a.take()+x.b.take()+x.c.take(), "")
	x.wait()
	got(t, "tried again", x.a.take(), frames("GET "+keyOfA))
	pw := x.e.workers[0].pools[0]
	for _, s := range pw.redirects {
		s.since -= int64(time.Hour)
	}
	x.answer(x.a, tryAgain)
	got(t, "when the time is over", x.c.take(),
		"-TRYAGAIN huntaway: its keys are being moved (group g0, pool alpha); not executed\r\n")
	x.wait()
	if len(pw.redirects) != 0 || pw.redirectBytes != 0 {
		t.Errorf("got %d sessions and %d bytes put off; want none", len(pw.redirects), pw.redirectBytes)
	}
}

// TestPutOff: TRYAGAIN, CLUSTERDOWN, and servers nobody knows, are for the proxy to wait out.
func TestPutOff(t *testing.T) {
	for _, reply := range []string{tryAgain, downNow, "-MOVED 3300 10.9.9.9:1\r\n", "-ASK 3300 10.9.9.9:1\r\n"} {
		x := newCluster(t)
		x.c.ask(frames("SET " + keyOfA + " 1;SET " + keyOfA + " 2"))
		x.a.take()
		x.answer(x.a, reply+reply)
		got(t, reply+": nothing is said", x.c.take(), "")
		x.wait()
		got(t, reply+": again, in order", x.a.take(), frames("SET "+keyOfA+" 1;SET "+keyOfA+" 2"))
		x.answer(x.a, "+OK\r\n+OK\r\n")
		got(t, reply+": replies", x.c.take(), "+OK\r\n+OK\r\n")
	}
}

// TestPutOffBehindAnother: what was put off is not sent again before what came earlier is
// answered.
func TestPutOffBehindAnother(t *testing.T) {
	x := newCluster(t)
	x.c.ask(frames("SET " + keyOfB + " 1;SET " + keyOfA + " 2"))
	x.a.take()
	x.b.take()
	x.answer(x.a, tryAgain)
	x.wait()
	got(t, "before the first is answered", x.a.take(), "")
	x.answer(x.b, "+OK\r\n")
	x.wait()
	got(t, "after", x.a.take(), frames("SET "+keyOfA+" 2"))
}

// TestUnownedSlot: a slot without an owner may get one.
func TestUnownedSlot(t *testing.T) {
	x := newCluster(t)
	spec := clusterSpec(x.ids, shard.Slots/2)
	spec.Slots[3300] = shard.Unowned
	table, err := shard.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	x.e.pools[0].Publish(table.Inherit(x.e.pools[0].Table()))
	x.run()
	for _, request := range [][]string{{"GET", keyOfA}, {"MGET", twoOfA, keyOfB}, {"BLPOP", keyOfA, "0"}} {
		c := x.client(0, 0)
		got(t, "it waits", c.say(request...), "")
	}
	x.b.take()
	x.answer(x.b, "*1\r\n$1\r\nb\r\n")
	x.follow(shard.Slots / 2)
	x.wait()
	sent := x.a.take()
	for _, want := range []string{frames("GET " + keyOfA), frames("MGET " + twoOfA)} {
		if !strings.Contains(sent, want) {
			t.Errorf("to the new owner: got %q; want %q in it", sent, want)
		}
	}
}

// TestSplitBySlot: a cluster's servers refuse two slots in one command, even both their own.
func TestSplitBySlot(t *testing.T) {
	x := newCluster(t)
	other := ""
	table := x.e.pools[0].Table()
	for i := 0; other == ""; i++ {
		if k := fmt.Sprintf("{x%d}", i); table.Locate([]byte(k)) == 0 && table.Slot([]byte(k)) != 3300 {
			other = k
		}
	}
	x.c.say("MGET", twoOfA, keyOfB, other, alsoA)
	got(t, "to the first", x.a.take(), frames("MGET "+twoOfA+" "+alsoA+";MGET "+other))
	got(t, "to the second", x.b.take(), frames("MGET "+keyOfB))
	x.answer(x.a, askB) // one part is redirected, the others are not
	got(t, "the part to the second", x.b.take(), frames("ASKING")+frames("MGET "+twoOfA+" "+alsoA))
	x.answer(x.a, "*1\r\n$1\r\no\r\n")
	x.answer(x.b, "*1\r\n$1\r\nb\r\n+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n")
	got(t, "reply", x.c.take(), "*4\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\no\r\n$1\r\n2\r\n")

	got(t, "what cannot be split", x.c.say("SINTER", keyOfA, other), "-"+textCrossSlot+"\r\n")
	x.c.say("SINTER", twoOfA, alsoA)
	got(t, "one slot", x.a.take(), frames("SINTER "+twoOfA+" "+alsoA))
}

// TestTransactionRedirected: the requests of a transaction are refused one by one, and it goes
// elsewhere as a whole.
func TestTransactionRedirected(t *testing.T) {
	whole := frames("MULTI;INCR " + twoOfA + ";INCR " + alsoA + ";EXEC")
	for _, r := range []struct{ name, reply, ahead, ok string }{
		{"moved", movedToB, "", ""}, {"ask", askB, frames("ASKING"), "+OK\r\n"}} {
		x := newCluster(t)
		x.c.ask(frames("MULTI;INCR " + twoOfA + ";INCR " + alsoA + ";EXEC"))
		x.c.take()
		got(t, r.name+": to the first", x.a.take(), whole)
		x.answer(x.a, "+OK\r\n"+r.reply+r.reply+"-EXECABORT Transaction discarded because of previous errors.\r\n")
		got(t, r.name+": to the second", x.b.take(), r.ahead+whole)
		x.answer(x.b, r.ok+"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n")
		got(t, r.name+": reply", x.c.take(), "*2\r\n:1\r\n:1\r\n")
	}
	x := newCluster(t)
	got(t, "two slots", x.c.ask(frames("MULTI;INCR "+keyOfA+";INCR "+keyOfB+";EXEC")),
		"+OK\r\n+QUEUED\r\n-"+textCrossSlot+"\r\n-"+textAborted+"\r\n")
}

// TestScriptRedirected: a script is loaded before ASKING, which holds for one command.
func TestScriptRedirected(t *testing.T) {
	x := newCluster(t)
	x.c.say("EVAL", "return 1", "1", keyOfA)
	x.a.take()
	x.answer(x.a, ":1\r\n")
	x.c.take()
	const body = "return 1"
	run, load := command("EVALSHA", sha(body), "1", keyOfA), command("SCRIPT", "LOAD", body)
	for _, reply := range []string{askB, movedToB} {
		x.c.ask(run)
		sent := x.a.take()
		lead := ""
		if strings.HasPrefix(sent, load) {
			lead = loadReply(body)
		}
		x.answer(x.a, lead+reply)
		got(t, "asked whether it is so", x.a.take(), frames("EXISTS "+keyOfA))
		x.answer(x.a, reply)
		want, replies := load+frames("ASKING")+run, loadReply(body)+"+OK\r\n:1\r\n"
		if reply == movedToB {
			want, replies = load+run, loadReply(body)+":1\r\n"
		}
		got(t, "to the second", x.b.take(), want)
		x.answer(x.b, replies)
		got(t, "reply", x.c.take(), ":1\r\n")
	}
}

// TestWatchRedirected: what is watched elsewhere counts as changed, and nothing leaks.
func TestWatchRedirected(t *testing.T) {
	x := newCluster(t)
	x.c.say("WATCH", keyOfA)
	pin := x.lendTo(0)
	x.answer(pin, movedToB)
	got(t, "WATCH", x.c.take(), "+OK\r\n")
	got(t, "the transaction", x.c.ask(frames("MULTI;INCR "+keyOfA+";EXEC")), "+OK\r\n+QUEUED\r\n*-1\r\n")

	x.c.say("WATCH", keyOfA)
	pin = x.lendTo(0)
	x.answer(pin, "+OK\r\n")
	x.c.ask(frames("MULTI;INCR " + keyOfA + ";EXEC"))
	pin.take()
	x.answer(pin, "+OK\r\n"+movedToB+"-EXECABORT Transaction discarded because of previous errors.\r\n")
	got(t, "moved since", x.c.take(), "*-1\r\n")
	got(t, "two slots", x.c.say("WATCH", keyOfA, "other"), "-"+textCrossSlot+"\r\n")
}

// lendTo connects the newest private link, which leads to a server.
func (x *cluster) lendTo(server int32) *memConn {
	x.t.Helper()
	links := x.e.workers[0].pools[0].private.links
	l := links[len(links)-1]
	if l.server.ID != server {
		x.t.Fatalf("the newest private link leads to server %d; want %d", l.server.ID, server)
	}
	if l.conn != nil {
		m := l.conn.(*memConn)
		m.take()
		return m
	}
	m := x.greet(l)
	m.take()
	return m
}

// TestBlockedRedirected: who waits for a key waits where it is.
func TestBlockedRedirected(t *testing.T) {
	for _, r := range []struct{ name, reply, ahead, ok string }{
		{"moved", movedToB, "", ""}, {"ask", askB, frames("ASKING"), "+OK\r\n"}} {
		x := newCluster(t)
		x.c.say("BLPOP", keyOfA, "0")
		x.answer(x.lendTo(0), ":7\r\n"+r.reply)
		got(t, r.name+": nothing is said", x.c.take(), "")
		l := x.e.workers[0].pools[0].blocked[x.c.s.index].link
		if l == nil || l.server.ID != 1 {
			t.Fatalf("%s: it does not wait at the second server", r.name)
		}
		m := x.greet(l)
		got(t, r.name+": to the second", m.take(), string(frameNumber)+r.ahead+frames("BLPOP "+keyOfA+" 0"))
		x.answer(m, ":8\r\n"+r.ok+"*2\r\n$3\r\n{b}\r\n$1\r\nv\r\n")
		got(t, r.name+": reply", x.c.take(), "*2\r\n$3\r\n{b}\r\n$1\r\nv\r\n")
	}
}

// TestTopicsOfCluster: the nodes pass on to each other what is published, so one of them is
// enough; channels of shards are where their slot is.
func TestTopicsOfCluster(t *testing.T) {
	x := newCluster(t)
	board := x.e.workers[0].pools[0].topicRegistry()
	for _, tc := range []struct {
		kind topicKind
		name string
		want int
	}{{channelTopic, keyOfA, 1}, {patternTopic, "news.*", 1}, {shardTopic, keyOfB, 1},
		{patternTopic, "__keyevent@0__:*", 2}, {channelTopic, "__keyevent@0__:del", 2}} {
		if ids := board.serversOf(&topic{kind: tc.kind, name: tc.name}); len(ids) != tc.want {
			t.Errorf("%s: got servers %v; want %d", tc.name, ids, tc.want)
		}
	}
}
