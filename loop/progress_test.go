package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/perf"
)

// progressLimit is far over what a step of these tests takes, because most of the time that
// passes in them is not real.
const progressLimit = 4 * time.Second

// timedOut is how replies begin that say so.
const timedOut = "-ERR huntaway: timed out"

// twoWards is a worker in front of two groups, with a time-out.
func twoWards(t *testing.T) (x *ward, keys [2]string) {
	table := twoGroups(t)
	return newWard(t, 0, PoolOptions{Table: table, Timeout: progressLimit}), keysOf(t, table)
}

// TestReplyThatArrives: a reply that is coming is not late, however it is kept until it is
// whole: as part of a joined one, because it is early, or passed on; and what stands behind it is not
// late either. When it stops coming all of it is.
func TestReplyThatArrives(t *testing.T) {
	const size, pieces = 16 << 20, 20
	value := strings.Repeat("x", size)
	x, k := twoWards(t)
	for name, request := range map[string]string{
		"joined":    "MGET " + k[1] + " " + k[0],
		"early":     "GET " + k[1] + ";GET " + k[0],
		"passed on": "GET " + k[0],
	} {
		for _, ends := range []bool{true, false} {
			x, _ = twoWards(t)
			c, behind := x.client(0, 0), x.client(0, 0)
			c.ask(frames(request))
			behind.ask(frames("SET " + k[0] + " w"))
			reply := "$" + decimal(size) + "\r\n" + value + "\r\n"
			if strings.HasPrefix(request, "MGET") {
				reply = "*1\r\n" + reply
			}
			said := 0
			for range pieces {
				next := min(said+len(reply)/pieces, len(reply)-10)
				x.servers[0].arrive(reply[said:next])
				said = next
				x.pass(progressLimit / 8)
				// The other server is asked something meanwhile, and answers.
				if request[0] == 'M' || strings.Contains(request, ";") {
					x.pw.link(1, 0).health.heard = x.w.now
					x.pw.link(1, 0).queue.fifo.Front().sent = x.w.now
				}
			}
			if got := c.take() + behind.take(); strings.Contains(got, timedOut) {
				t.Fatalf("%s: got a time-out in the middle of the reply; want none", name)
			}
			if !ends {
				x.pass(2 * progressLimit)
				if got := behind.take(); !strings.HasPrefix(got, timedOut) {
					t.Errorf("%s: what is behind a reply that does not go on: got %.60q; want a time-out", name, got)
				}
				continue
			}
			x.servers[0].arrive(reply[said:] + "+OK\r\n")
			x.run()
			got(t, name+": behind it", behind.take(), "+OK\r\n")
		}
	}
}

// TestReplyThatDrips: a server that says a byte now and then is late all the same, and so is a
// queue that it works off too slowly.
func TestReplyThatDrips(t *testing.T) {
	x := newWard(t, 0, PoolOptions{Timeout: progressLimit})
	c, behind := x.client(0, 0), x.client(0, 0)
	c.ask(frames("GET a"))
	behind.ask(frames("GET b"))
	for range 4 {
		x.servers[0].arrive("$")
		x.servers[0].owner.(*call).l.coming.scan.Reset() // it begins again: no reply of that length is needed
		x.pass(progressLimit / 3)
	}
	for _, cl := range []*memClient{c, behind} {
		if got := cl.take(); !strings.HasPrefix(got, timedOut) {
			t.Errorf("got %.60q; want a time-out", got)
		}
	}

	x = newWard(t, 0, PoolOptions{Timeout: progressLimit})
	c, behind = x.client(0, 0), x.client(0, 0)
	c.ask(frames("GET a"))
	behind.ask(frames("SET b v"))
	x.servers[0].arrive("$1000000\r\n" + strings.Repeat("x", passOn))
	x.pass(progressLimit / 2)
	for range 8 { // 64 KiB and a little have earned about 60 ms
		x.servers[0].arrive("x")
		x.pass(progressLimit / 8)
	}
	if got := behind.take(); !strings.HasPrefix(got, timedOut) {
		t.Errorf("behind a large reply that drips: got %.60q; want a time-out", got)
	}
	if !x.servers[0].closed || !c.closed {
		t.Errorf("given up %t, who has had the beginning closed %t; want both", x.servers[0].closed, c.closed)
	}
}

// drip has the server say one byte every half second, for a while, until its link is given up.
func (x *ward) drip(d time.Duration) {
	for passed := time.Duration(0); passed < d && !x.servers[0].closed; passed += time.Second / 2 {
		x.servers[0].arrive("x")
		x.pass(time.Second / 2)
	}
}

// TestDrippingReplyEndsTheLink: who is behind a reply that comes byte by byte fails at its own
// time-out; soon the link is given up, what has not run out of time then is settled as of any link
// that is lost, and what comes later is served.
func TestDrippingReplyEndsTheLink(t *testing.T) {
	for what, begun := range map[string]string{
		"kept": "$100\r\n", "passed on": "$1000000\r\n" + strings.Repeat("x", passOn), "an error": "-ERR ", "in a transaction": "+OK\r\n+QUE",
	} {
		x := newWard(t, 0, PoolOptions{Timeout: progressLimit})
		c, behind := x.client(0, 0), x.client(0, 0)
		request := frames("GET a")
		if what == "in a transaction" {
			request = frames("MULTI;GET a;EXEC")
		}
		c.ask(request)
		x.servers[0].arrive(begun)
		behind.ask(frames("SET b v"))
		x.drip(progressLimit - time.Second)
		read, write := x.client(0, 0), x.client(0, 0)
		read.ask(frames("GET c"))
		write.ask(frames("SET d v"))
		x.drip(8 * progressLimit)
		l := x.pw.link(0, 0)
		if l.conn != nil || l.count.Drips != 1 || l.count.Stalls != 0 {
			t.Fatalf("%s: given up %t, %d and %d counted; want it given up, once", what, l.conn == nil, l.count.Drips, l.count.Stalls)
		}
		if got := behind.take(); !strings.HasPrefix(got, timedOut) {
			t.Errorf("%s: behind it: got %.60q; want a time-out", what, got)
		}
		got(t, what+": a write that has time left", write.take(), string(appendFault(nil, faultDrips, x.pw.place(x.pw.refTo(0), l))))
		got(t, what+": a read that has time left", read.take(), "")
		l.redial.at = 0
		x.tick()
		m := x.reconnect(l)
		got(t, what+": the read, sent again", m.take(), frames("GET c"))
	}
}

// TestSlowReplyGoesOn: a reply is not taken for one that drips while it comes at the rate of a bad
// network, while nobody has run out of time behind it, or because the server was long about it before
// it began.
func TestSlowReplyGoesOn(t *testing.T) {
	stays := func(what string, x *ward) {
		t.Helper()
		if x.servers[0].closed {
			t.Errorf("%s: the link was given up; want the reply to go on", what)
		}
	}
	x := newWard(t, 0, PoolOptions{Timeout: progressLimit})
	c, behind := x.client(0, 0), x.client(0, 0)
	c.ask(frames("GET a"))
	behind.ask(frames("SET b v"))
	x.servers[0].arrive("$80000000\r\n")
	for range 60 {
		x.servers[0].arrive(strings.Repeat("x", dripRate))
		x.pass(time.Second)
	}
	stays("at the least rate", x)
	if got := behind.take(); !strings.HasPrefix(got, timedOut) {
		t.Errorf("behind it: got %.60q; want a time-out", got)
	}
	x.drip(60 * time.Second)
	if !x.servers[0].closed {
		t.Error("the link goes on when that rate is no more; want it given up")
	}

	x = newWard(t, 0, PoolOptions{Timeout: progressLimit})
	x.client(0, 0).ask(frames("GET a"))
	x.servers[0].arrive("$80000000\r\n" + strings.Repeat("x", passOn))
	x.pw.link(0, 0).putCanary(0)
	x.drip(time.Minute)
	stays("alone but for a canary", x)
	x.client(0, 0).ask(frames("SET b v"))
	x.drip(2 * progressLimit)
	if !x.servers[0].closed {
		t.Error("the link goes on when somebody has run out of time behind it; want it given up")
	}

	x = newWard(t, 0, PoolOptions{Timeout: progressLimit})
	c, behind = x.client(0, 0), x.client(0, 0)
	c.ask(frames("KEYS *"))
	behind.ask(frames("SET b v"))
	x.pass(2 * progressLimit)
	x.servers[0].arrive("*100\r\n$1\r\nx\r\n")
	x.pass(time.Second)
	stays("begun late", x)
}

// TestRequestThatIsTaken: while the server takes a large request nothing is late and it is not
// said to be stalled; when it stops taking it, all is.
func TestRequestThatIsTaken(t *testing.T) {
	x := newWard(t, 0, PoolOptions{Timeout: progressLimit})
	c, behind := x.client(0, 0), x.client(0, 0)
	l, m := x.pw.link(0, 0), x.servers[0]
	c.say("SET", "a", strings.Repeat("x", 4<<20))
	m.kept, l.health.progress.given = 64<<20, 64<<20
	behind.ask(frames("SET b w"))
	l.health.heard = perf.Now() // however long it took to say so much
	x.tick()
	for range 8 {
		m.kept -= 4 << 20
		x.pass(progressLimit / 2)
	}
	if got := c.take() + behind.take(); got != "" || l.health.stalled == l.health.heard {
		t.Fatalf("while it is taken: got %.60q, told to be stalled %t; want neither", got, l.health.stalled == l.health.heard)
	}
	l.health.progress.takenAt -= int64(2 * progressLimit)
	x.pass(2 * progressLimit)
	for _, cl := range []*memClient{c, behind} {
		if got := cl.take(); !strings.HasPrefix(got, timedOut) {
			t.Errorf("when it stops: got %.60q; want a time-out", got)
		}
	}
}

// TestTimeoutAfterAPause: the process has been stopped for longer than the time-out. What has
// come meanwhile is read before anything is said to be late.
func TestTimeoutAfterAPause(t *testing.T) {
	x := newWard(t, 0, PoolOptions{Timeout: progressLimit})
	c := x.client(0, 0)
	c.ask(frames("GET a"))
	x.w.gauges.beat.Store(x.w.gauges.beat.Load() - int64(time.Minute))
	l := x.pw.link(0, 0)
	l.health.heard -= int64(time.Minute)
	l.queue.fifo.Front().sent -= int64(time.Minute)
	x.w.tick()
	got(t, "at the first tick", c.take(), "")
	x.tick()
	if got := c.take(); !strings.HasPrefix(got, timedOut) {
		t.Errorf("at the next: got %.60q; want a time-out", got)
	}
}

// TestBlockedReplyArrives: the time of a blocking command ends while its reply is coming.
func TestBlockedReplyArrives(t *testing.T) {
	f := newVigil(t, PoolOptions{Timeout: progressLimit}, "BLPOP", "l", "1")
	m := f.connect("BLPOP", "l", "1")
	m.arrive(":17\r\n*2\r\n$1\r\nl\r\n$5\r\nva")
	f.c.s.blocked().deadline = 1
	f.tick()
	got(t, "while it comes", f.c.take(), "")
	m.arrive("lue\r\n")
	f.run()
	got(t, "reply", f.c.take(), "*2\r\n$1\r\nl\r\n$5\r\nvalue\r\n")
}

// TestGivenUpIsNoTimeout: when a link is given up because its server is silent, those whose time
// is not over hear that, and not that it is.
func TestGivenUpIsNoTimeout(t *testing.T) {
	x, k := twoWards(t)
	old, young := x.client(0, 0), x.client(0, 0)
	old.ask(frames("SET " + k[0] + " v"))
	x.pass(silences*progressLimit - progressLimit/2)
	got(t, "who has waited longer than the timeout", old.take()[:len(timedOut)], timedOut)
	young.ask(frames("SET " + k[0] + " w"))
	x.pass(progressLimit * 3 / 4)
	got(t, "who has not", young.take(),
		"-ERR huntaway: the server has been silent for too long on 127.0.0.1:7001 (group g1, pool alpha); the command may have been executed\r\n")
}
