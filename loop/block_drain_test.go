package loop

import (
	"strings"
	"testing"
	"time"
)

// TestDrainEndsWaits: nobody has unblocked who waits while the process goes down. The
// connection ends, as a server's would, once it is known that nothing was executed; what the
// server has given away just then arrives.
func TestDrainEndsWaits(t *testing.T) {
	const ours = "-" + textUnblocked + "\r\n"
	for _, tc := range []struct {
		name, ask, says, want string
	}{
		{"sent nowhere", "BLPOP l 0", "", ""},
		{"nothing came", "BLPOP l 0", ours, ""},
		{"a read", "XREAD BLOCK 0 STREAMS l $", ours, ""},
		{"a move", "BRPOPLPUSH l m 0", ours, ""},
		{"an element came", "BLPOP l 0", poppedL, poppedL},
		{"demoted", "BLPOP l 0", "-" + textStateChanged + "\r\n", ""},
		{"replicas", "WAIT 1 0", "", ""},
	} {
		f := newVigil(t, PoolOptions{}, strings.Fields(tc.ask)...)
		var server *memConn
		if tc.says != "" {
			server = f.connect(strings.Fields(tc.ask)...)
			server.arrive(":17\r\n")
		}
		f.c.ask(frames("PING"))
		f.w.begin()
		f.w.drain(0)
		f.w.end()
		f.run()
		if server != nil {
			if f.c.closed {
				t.Errorf("%s: the connection ends before the server has said what became of it", tc.name)
			}
			server.arrive(tc.says)
			f.run()
		}
		want := tc.want
		if want != "" {
			want += "+PONG\r\n"
		}
		got(t, tc.name, f.c.take(), want)
		if !f.c.closed {
			t.Errorf("%s: the connection is open; want it closed", tc.name)
		}
		f.idle()
	}
}

// TestDrainEndsAWaitGivenBack: the server cannot serve the wait, and the process goes down.
func TestDrainEndsAWaitGivenBack(t *testing.T) {
	f := newVigil(t, PoolOptions{HoldTimeout: time.Minute}, popL...)
	server := f.connect(popL...)
	server.arrive(":17\r\n")
	f.w.begin()
	f.w.drain(0)
	f.w.end()
	server.arrive("-LOADING Redis is loading the dataset in memory\r\n")
	f.tick()
	got(t, "the last word", f.c.take(), "")
	if !f.c.closed {
		t.Error("the connection is open; want it closed")
	}
	f.idle()
}

// TestDisplacedWatcher: a client that waits on the link over which it watches is moved like
// any other, and its watch is lost, for nobody can say what the new master would have seen.
func TestDisplacedWatcher(t *testing.T) {
	for said, back := range map[string]bool{"-" + textUnblocked + "\r\n": false, "-" + textStateChanged + "\r\n": false, "-" + textUnblocked + "\r\n ": true} {
		table := testTable(t, withReplicas(1))
		f := newVigil(t, PoolOptions{Table: table, HoldTimeout: time.Minute}, "WATCH", "k")
		pin := f.reconnect(f.c.s.pin)
		pin.take()
		pin.arrive("+OK\r\n")
		f.run()
		f.c.take()
		f.c.ask(frames("BLPOP l 0"))
		pin.arrive(":17\r\n")
		f.e.pools[0].Publish(table.WithMaster(0, 1))
		f.run()
		want := "*-1\r\n"
		if back {
			f.e.pools[0].Publish(table.WithReaders(0, nil))
			f.run()
			want = "*0\r\n"
		}
		pin.take()
		pin.arrive(strings.TrimSpace(said) + "\r\n")
		f.run()
		got(t, "the client", f.c.take(), "")
		if back {
			got(t, "at the same master", pin.take(), frames("BLPOP l 0"))
			pin.arrive(poppedL)
		} else {
			f.connect("BLPOP", "l", "0").arrive(":3\r\n" + poppedL)
		}
		f.run()
		got(t, "the reply", f.c.take(), poppedL)
		said := f.c.ask(frames("MULTI;GET k;EXEC"))
		if back {
			pin.arrive("+OK\r\n+QUEUED\r\n*0\r\n")
			f.run()
			said += f.c.take()
		}
		got(t, "EXEC", said, "+OK\r\n+QUEUED\r\n"+want)
	}
}
