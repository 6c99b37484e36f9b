package loop

import (
	"strings"
	"testing"
	"time"
)

// A waitingRoom is a worker with one client that has connected, whose limits are tried.
type waitingRoom struct {
	*stage
	w      *worker
	server *memConn
	c      *memClient
}

func newWaitingRoom(t *testing.T, opt PoolOptions) *waitingRoom {
	t.Helper()
	x := &waitingRoom{stage: newTestWorker(t, opt)}
	x.w, x.server, x.c = x.e.workers[0], x.linkTo(0, 0, 0), x.client(0, 0)
	return x
}

// later lets time pass for the client, and has it looked at.
func (x *waitingRoom) later(d time.Duration) {
	s := x.c.s
	s.account.active -= int64(d)
	s.auth.since -= int64(d)
	if s.input.tail != nil {
		s.input.tail.born -= int64(d)
	}
	if s.output.softSince != 0 {
		s.output.softSince -= int64(d)
	}
	x.w.begin()
	s.inspect()
	x.w.drainSlow()
	x.w.end()
	x.run()
}

// stays and ends check whether the client was cut off, and as what.
func (x *waitingRoom) stays(what string) {
	x.t.Helper()
	if x.c.closed {
		x.t.Errorf("%s: closed as %q; want it to stay", what, endingNames[x.c.s.ending])
	}
}

func (x *waitingRoom) ends(what string, why ending) {
	x.t.Helper()
	if !x.c.closed || x.c.s.ending != why {
		x.t.Errorf("%s: got closed %t, %q; want it cut off as %q", what, x.c.closed, endingNames[x.c.s.ending], endingNames[why])
	}
}

// TestIdleTime: idle is who neither says anything nor is told anything, and owes and is owed
// nothing. What a client waited for begins its idle time anew.
func TestIdleTime(t *testing.T) {
	const idle = time.Second
	opt := PoolOptions{Limits: Limits{IdleTime: idle}, HoldTimeout: time.Minute}
	for _, end := range []struct {
		what string
		wait func(x *waitingRoom) // a wait that is longer than the idle time, and its end
	}{
		{"a blocking command", func(x *waitingRoom) {
			x.c.say("BLPOP", "l", "0")
			m := x.reconnect(x.c.s.blocked().link)
			x.later(3 * idle)
			m.arrive(":17\r\n*2\r\n$1\r\nl\r\n$1\r\nv\r\n")
		}},
		{"a slow server", func(x *waitingRoom) {
			x.c.say("GET", "k")
			x.later(3 * idle)
			x.server.arrive("$1\r\nv\r\n")
		}},
		{"an outage", func(x *waitingRoom) {
			table := x.e.pools[0].Table()
			x.e.pools[0].Publish(table.WithHold(0))
			x.run()
			x.c.say("SET", "k", "v")
			x.later(3 * idle)
			x.e.pools[0].Publish(table)
			x.run()
			x.server.arrive("+OK\r\n")
		}},
		{"messages", func(x *waitingRoom) {
			x.c.say("SUBSCRIBE", "ch")
			m := x.reconnect(x.w.pools[0].private.links[0])
			m.arrive("*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n")
			x.run()
			x.later(3 * idle)
			m.arrive("*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n")
			x.run()
			x.c.s.account.active -= int64(3 * idle)
			m.arrive("*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n")
			x.run()
		}},
		{"a client that reads slowly", func(x *waitingRoom) {
			x.c.say("GET", "k")
			x.c.kept = 1 << 20
			x.server.arrive("$1\r\nv\r\n")
			x.run()
			x.later(3 * idle)
			x.later(3 * idle)
			x.c.kept = 0
			x.w.tick()
		}},
		{"CLIENT PAUSE", func(x *waitingRoom) {
			x.client(0, 0).say("CLIENT", "PAUSE", "100000")
			x.c.say("SET", "k", "v")
			x.later(3 * idle)
			x.client(0, 0).say("CLIENT", "UNPAUSE")
			x.server.arrive("+OK\r\n")
		}},
	} {
		x := newWaitingRoom(t, opt)
		end.wait(x)
		x.run()
		x.stays(end.what)
		x.later(idle / 2)
		x.stays(end.what + ", a moment later")
		if x.c.s.sub == nil {
			x.later(2 * idle)
			x.ends(end.what+", when it has been idle", endIdle)
		}
	}
	x := newWaitingRoom(t, opt)
	x.later(2 * idle)
	x.ends("a client that never said anything", endIdle)
}

// TestAuthTime: who does not authenticate in time is cut off, whatever else it says; who does
// stays.
func TestAuthTime(t *testing.T) {
	opt := PoolOptions{Password: "secret", Limits: Limits{AuthTime: time.Second}}
	x := newWaitingRoom(t, opt)
	x.later(500 * time.Millisecond)
	x.stays("before its time is over")
	x.c.say("PING")
	x.later(600 * time.Millisecond)
	x.ends("after it", endAuth)
	if n := x.w.pools[0].counters.ClosedAuth; n != 1 {
		t.Errorf("got %d counted; want 1", n)
	}
	x = newWaitingRoom(t, opt)
	x.c.say("AUTH", "secret")
	x.later(time.Hour)
	x.stays("authenticated")
	opt.Limits.AuthTime = -1
	x = newWaitingRoom(t, opt)
	x.later(time.Hour)
	x.stays("without a limit")
}

// TestRequestTime: a request must be complete in time, and a large one make progress; what has
// to wait here does not count.
func TestRequestTime(t *testing.T) {
	const limit = 20 * time.Second
	opt := PoolOptions{Limits: Limits{RequestTime: limit}}
	half := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n"
	x := newWaitingRoom(t, opt)
	x.c.ask(half + strings.Repeat("x", 100))
	x.later(limit - time.Second)
	x.stays("a small one that is slow")
	x.c.ask("x")
	x.later(2 * time.Second)
	x.ends("one that is not complete in time", endIdle)

	x = newWaitingRoom(t, opt)
	x.c.ask(half + strings.Repeat("x", slowSize+1))
	x.later(slowBody - time.Second)
	x.stays("a large one, at first")
	x.later(limit - slowBody)
	x.ends("a large one without progress", endIdle)

	x = newWaitingRoom(t, opt)
	x.c.ask(half + strings.Repeat("x", 60_000))
	x.later(limit - time.Second)
	x.stays("a large one with progress")
	x.c.ask(strings.Repeat("x", 40_000) + "\r\n")
	x.later(time.Hour)
	x.stays("one that is complete")
	opt.Limits.RequestTime = -1
	x = newWaitingRoom(t, opt)
	x.c.ask(half)
	x.later(time.Hour)
	x.stays("without a limit")
}
