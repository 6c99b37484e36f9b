package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// frames is several requests in multi-bulk form: arguments separated by spaces, requests
// by ';'.
func frames(requests string) string {
	var all []byte
	for _, r := range strings.Split(requests, ";") {
		all = codec.AppendCommand(all, strings.Fields(r)...)
	}
	return string(all)
}

// keysOf returns a key of each of a table's two groups.
func keysOf(t testing.TB, table *shard.Table) (keys [2]string) {
	t.Helper()
	for i := 0; keys[0] == "" || keys[1] == ""; i++ {
		key := "k" + decimal(i)
		keys[table.Locate([]byte(key))] = key
	}
	return keys
}

// got compares what was said.
func got(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %.400q; want %.400q", what, got, want)
	}
}

const (
	queued1   = "+OK\r\n+QUEUED\r\n"
	queued2   = "+OK\r\n+QUEUED\r\n+QUEUED\r\n"
	execAbort = "-EXECABORT Transaction discarded because of previous errors.\r\n"
)

func TestTransactionIsOneFrame(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c, other := st.client(0, 0), st.client(0, 0)
	got(t, "queued", c.ask(frames("MULTI;INCR a;GET a")), queued2)
	got(t, "to the server before EXEC", link.take(), "")
	other.ask(frames("INCR a"))
	got(t, "EXEC", c.ask(frames("EXEC;GET b")), "")
	other.ask(frames("INCR a"))
	got(t, "to the server", link.take(), frames("INCR a;MULTI;INCR a;GET a;EXEC;GET b;INCR a"))

	for _, b := range ":1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n$1\r\n2\r\n$-1\r\n:3\r\n" {
		link.arrive(string(b)) // in the smallest pieces
	}
	got(t, "the transaction's client", c.take(), "*2\r\n:2\r\n$1\r\n2\r\n$-1\r\n")
	got(t, "the other client", other.take(), ":1\r\n:3\r\n")
	if n := st.e.workers[0].pools[0].commands[execID].Calls; n != 1 {
		t.Errorf("got %d calls of EXEC; want 1", n)
	}
	if p := &st.e.workers[0].pools[0].counters; p.Requests != p.Replies {
		t.Errorf("got %d requests, %d replies; want as many", p.Requests, p.Replies)
	}
}

func TestEmptyTransactionIsAnsweredHere(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	got(t, "replies", st.client(0, 0).ask(frames("MULTI;EXEC;EXEC;UNWATCH")),
		"+OK\r\n*0\r\n-ERR EXEC without MULTI\r\n+OK\r\n")
	got(t, "to the server", link.take(), "")
}

// TestTransactionOfOneGroup: the first key decides; another group's spoils it.
func TestTransactionOfOneGroup(t *testing.T) {
	table := twoGroups(t)
	st := newTestWorker(t, PoolOptions{Table: table})
	links := []*memConn{st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)}
	k := keysOf(t, table)
	cross := "-" + textCrossSlot + "\r\n"
	c := st.client(0, 0)
	got(t, "crossing", c.ask(frames("MULTI;SET "+k[0]+" 1;SET "+k[1]+" 1;SET "+k[0]+" 2;EXEC")),
		queued1+cross+"+QUEUED\r\n"+execAbort)
	got(t, "crossing in one", c.ask(frames("MULTI;MSET "+k[0]+" 1 "+k[1]+" 1;EXEC")), "+OK\r\n"+cross+execAbort)
	got(t, "to the servers", links[0].take()+links[1].take(), "")
	if n := st.e.workers[0].pools[0].counters.CrossSlot; n != 2 {
		t.Errorf("got %d counted as crossing; want 2", n)
	}

	c.ask(frames("MULTI;PING;PUBLISH " + k[1] + " x;MGET " + k[1] + " " + k[1] + ";EXEC"))
	got(t, "to the second group", links[1].take(), frames("MULTI;PING;PUBLISH "+k[1]+" x;MGET "+k[1]+" "+k[1]+";EXEC"))
	links[1].arrive(queued2 + "+QUEUED\r\n*0\r\n")
	got(t, "its reply", c.take(), "*0\r\n")
	got(t, "a channel of the other group", c.ask(frames("MULTI;PUBLISH "+k[0]+" x;INCR "+k[1]+";EXEC")), queued1+cross+execAbort)
	c.ask(frames("MULTI;PING;EXEC"))
	got(t, "without a key, to the first", links[0].take(), frames("MULTI;PING;EXEC"))
}

func TestWhatATransactionRefuses(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	c := st.client(0, 0)
	for request, want := range map[string]string{
		"CLIENT REPLY off": textMuteInside,
		"SENTINEL masters": "ERR unknown command 'SENTINEL', with args beginning with: 'masters' ",
		"MONITOR":          refusedText(codec.Default().Lookup([]byte("monitor"))),
		"DBSIZE":           notServed(codec.Keyless),
		"SCRIPT LOAD x":    notServed(codec.Keyless),
		"EVAL x 5 a":       "ERR Number of keys can't be greater than number of args",
		"SORT k BY w_*":    textSortBy,
	} {
		got(t, request, c.ask(frames("MULTI;"+request+";EXEC")), "+OK\r\n-"+want+"\r\n"+execAbort)
	}
}

// TestOperatorsTransaction: where operators' commands pass, they do inside MULTI.
func TestOperatorsTransaction(t *testing.T) {
	st := newTestWorker(t, PoolOptions{AdminCommands: true})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	got(t, "queued", c.ask(frames("MULTI;CONFIG SET a b;FLUSHALL;DEBUG SLEEP 0;EXEC")), queued2+"+QUEUED\r\n")
	got(t, "to the server", link.take(), frames("MULTI;CONFIG SET a b;FLUSHALL;DEBUG SLEEP 0;EXEC"))
	link.arrive(queued2 + "+QUEUED\r\n*0\r\n")
	c.take()
	got(t, "refused", c.ask(frames("MULTI;MONITOR;EXEC")), "+OK\r\n-"+refusedText(codec.Default().Lookup([]byte("monitor")))+"\r\n"+execAbort)

	st = newTestWorker(t, PoolOptions{})
	got(t, "by default", st.client(0, 0).ask(frames("MULTI;FLUSHALL;EXEC")),
		"+OK\r\n-"+refusedText(codec.Default().Lookup([]byte("flushall")))+"\r\n"+execAbort)
}

// TestTransactionInClientList: its count and its flag.
func TestTransactionInClientList(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	c, other := st.client(0, 0), st.client(0, 0)
	c.ask(frames("MULTI;GET a;GET b"))
	list := other.say("CLIENT", "LIST")
	if !strings.Contains(list, " flags=x ") || !strings.Contains(list, " multi=2 ") || strings.Count(list, " multi=-1 ") != 1 {
		t.Errorf("got %q; want flags=x and multi=2 for one client, multi=-1 for the other", list)
	}
}

// TestTransactionBringsItsScripts: a digest inside is of no use when the server lacks the
// script, and between MULTI and EXEC nobody could bring it.
func TestTransactionBringsItsScripts(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.say("EVAL", "return 1", "0")
	link.take()
	link.arrive(":1\r\n")
	c.take()
	digest := "e0e1f9fabfc9d4800c877a703b823ac0578ff8db" // of "return 1"
	c.ask(frames("MULTI;EVALSHA " + digest + " 1 a;EVALSHA " + digest + " 1 a;EXEC"))
	load := string(codec.AppendCommand(nil, "SCRIPT", "LOAD", "return 1"))
	got(t, "to the server", link.take(), load+frames("MULTI;EVALSHA "+digest+" 1 a;EVALSHA "+digest+" 1 a;EXEC"))
	link.arrive("$40\r\n" + digest + "\r\n" + queued2 + "*2\r\n:1\r\n:1\r\n")
	got(t, "replies", c.take(), "*2\r\n:1\r\n:1\r\n")
}

func TestTransactionLimits(t *testing.T) {
	opt := PoolOptions{}
	opt.Limits.QueuedBytes = 1000
	st := newTestWorker(t, opt)
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	got(t, "too big", c.ask(frames("MULTI;GET a;SET a "+strings.Repeat("x", 1000)+";GET a;EXEC")),
		queued1+"-ERR huntaway: a transaction may hold at most 1000 bytes, see limits.transaction_bytes\r\n+QUEUED\r\n"+execAbort)
	got(t, "to the server", link.take(), "")

	st = newTestWorker(t, PoolOptions{})
	link = st.linkTo(0, 0, 0)
	c = st.client(0, 0)
	for _, n := range []int{mostLeads - 2, mostLeads - 1, mostLeads, mostLeads + 1, 3 * mostLeads} { // an entry has 16 bits
		many, queued := strings.Repeat(frames("PING"), n), strings.Repeat("+QUEUED\r\n", n)
		got(t, "many", c.ask(frames("MULTI")+many), "+OK\r\n"+queued)
		c.ask(frames("EXEC;GET a"))
		got(t, "to the server", link.take(), frames("MULTI")+many+frames("EXEC;GET a"))
		link.arrive("+OK\r\n" + queued[:len(queued)/2+3])
		link.arrive(queued[len(queued)/2+3:] + "*0\r\n$1\r\nx\r\n")
		got(t, "EXEC and GET", c.take(), "*0\r\n$1\r\nx\r\n")
	}
}

// TestLateTransactionIsSwallowed: after a time-out all its replies belong to nobody.
func TestLateTransactionIsSwallowed(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Timeout: time.Nanosecond})
	w := st.e.workers[0]
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	got(t, "queued", c.ask(frames("MULTI;GET a;EXEC")), queued1)
	link.arrive("+OK\r\n+QUEU")
	w.tick()
	if reply := c.take(); !strings.HasPrefix(reply, "-ERR huntaway: timed out") || !strings.Contains(reply, "may have been executed") {
		t.Fatalf("got %q; want a time-out of unknown outcome", reply)
	}
	c.ask(frames("GET b"))
	link.arrive("ED\r\n*1\r\n$200000\r\n" + strings.Repeat("x", 150_000))
	link.arrive(strings.Repeat("x", 50_000) + "\r\n$1\r\nb\r\n")
	got(t, "the next", c.take(), "$1\r\nb\r\n")
}

// TestBigResultPassesThrough: the reply of EXEC is passed on as it comes.
func TestBigResultPassesThrough(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.ask(frames("MULTI;GET a;EXEC"))
	c.take()
	half := strings.Repeat("x", passOn)
	link.arrive("+OK\r\n+QUEUED\r\n*1\r\n$131072\r\n" + half)
	got(t, "the first half", c.take(), "*1\r\n$131072\r\n"+half)
	link.arrive(half + "\r\n")
	got(t, "the second half", c.take(), half+"\r\n")
}

// TestRefusedTransactionIsSentAgain: an abort that says "not now" is no answer yet.
func TestRefusedTransactionIsSentAgain(t *testing.T) {
	for _, code := range []string{"LOADING Redis is loading the dataset in memory", "READONLY You can't write against a read only replica.",
		"NOREPLICAS Not enough good replicas to write."} {
		st := newTestWorker(t, PoolOptions{HoldTimeout: time.Minute})
		w := st.e.workers[0]
		link := st.linkTo(0, 0, 0)
		c := st.client(0, 0)
		got(t, "queued", c.ask(frames("MULTI;INCR a;EXEC")), queued1)
		link.take()
		link.arrive("+OK\r\n-" + code + "\r\n" + execAbort)
		got(t, "refused with "+code, c.take(), "")
		w.pools[0].holds[0].nextTry = 0
		w.tick()
		st.run()
		got(t, "sent again", link.take(), frames("MULTI;INCR a;EXEC"))
		link.arrive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
		got(t, "answered", c.take(), "*1\r\n:1\r\n")
	}
}

// TestAbortSaysWhy: the client has not seen what its server said when it queued.
func TestAbortSaysWhy(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: time.Minute})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.ask(frames("MULTI;SET a 1;SET b 1;EXEC;MULTI;GET a;EXEC"))
	c.take()
	link.arrive("+OK\r\n-OOM no memory\r\n-NOPERM no right\r\n" + execAbort)
	got(t, "the first reason", c.take(), "-EXECABORT Transaction discarded because of: OOM no memory\r\n"+queued1)
	link.arrive("+OK\r\n+QUEUED\r\n-EXECABORT other\r\n")
	got(t, "of another transaction", c.take(), "-EXECABORT other\r\n")
	c.ask(frames("MULTI;GET a;EXEC"))
	c.take()
	link.arrive("-NOPERM no right to MULTI\r\n$1\r\n1\r\n-ERR EXEC without MULTI\r\n")
	got(t, "without MULTI", c.take(), "-"+textNoTransaction+"NOPERM no right to MULTI\r\n")
}

// TestLostTransaction: what was sent may have run; what was not is sent again.
func TestLostTransaction(t *testing.T) {
	st := newTestWorker(t, PoolOptions{HoldTimeout: time.Minute})
	link := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.ask(frames("MULTI;INCR a;EXEC"))
	c.take()
	link.Close()
	st.run()
	if reply := c.take(); !strings.HasPrefix(reply, "-ERR huntaway: connection lost") || !strings.Contains(reply, "may have been executed") {
		t.Errorf("got %q; want that it may have been executed", reply)
	}
	w := st.e.workers[0]
	shared := w.pools[0].link(0, 0)
	shared.refuse()
	got(t, "while the link is down", c.ask(frames("MULTI;INCR a;EXEC")), queued1)
	w.begin()
	shared.on(evRested)
	w.end()
	link = st.reconnect(shared)
	got(t, "sent when it is up", link.take(), frames("MULTI;INCR a;EXEC"))
}

// reconnect connects a link that waits for its dialer, and answers its handshake.
func (st *stage) reconnect(l *link) *memConn {
	st.t.Helper()
	st.e.workers[0].begin()
	l.warm()
	st.e.workers[0].end()
	c := &call{l: l}
	m := st.server(c, l.server.Addr)
	c.Opened(m)
	m.take()
	_, replies := greeting(&l.pw.opt.PoolOptions, l.kind.dialect, false)
	for range replies {
		m.arrive("+OK\r\n")
	}
	st.run()
	return m
}

// TestHeldTransactionFollowsItsKeys: a table with another ring finds a new place for it.
func TestHeldTransactionFollowsItsKeys(t *testing.T) {
	two := twoGroups(t)
	k := keysOf(t, two)
	st := newTestWorker(t, PoolOptions{Table: two, HoldTimeout: time.Minute})
	links := []*memConn{st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)}
	c, late := st.client(0, 0), st.client(0, 0)
	links[1].Close()
	got(t, "held", c.ask(frames("MULTI;INCR "+k[1]+";GET "+k[1]+";EXEC")), queued2)
	got(t, "open", late.ask(frames("MULTI;INCR "+k[1])), queued1)

	alone := testTable(t, shard.Group{Name: "g1", Servers: two.Groups[0].Servers})
	st.e.pools[0].Publish(alone)
	st.run()
	st.e.workers[0].tick()
	got(t, "sent to the other group", links[0].take(), frames("MULTI;INCR "+k[1]+";GET "+k[1]+";EXEC"))
	late.ask(frames("INCR " + k[0] + ";EXEC"))
	got(t, "and what was still open", links[0].take(), frames("MULTI;INCR "+k[1]+";INCR "+k[0]+";EXEC"))
}
