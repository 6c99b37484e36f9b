package loop

import (
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// unblock17 and unblock3 are what servers are asked whose numbers for the link are these.
var (
	unblock17 = frames("CLIENT UNBLOCK 17 ERROR")
	unblock3  = frames("CLIENT UNBLOCK 3 ERROR")
)

// A removal is a client that waits at server 0, and a table by which that is the wrong one.
type removal struct {
	*vigil
	pw    *poolWorker
	table *shard.Table
	old   *memConn // where it waits
}

// newRemoval has the client wait; numbered says that the server has told its number.
func newRemoval(t *testing.T, numbered bool) *removal {
	table := testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}})
	r := &removal{vigil: newVigil(t, PoolOptions{Table: table}, popL...), table: table}
	r.pw = r.w.pools[0]
	if r.old = r.connect(popL...); numbered {
		r.old.arrive(":17\r\n")
	}
	return r
}

// publish makes a server the master, by a table of its own each time.
func (r *removal) publish(master int32) {
	r.table = r.table.WithMaster(0, master).WithReaders(0, nil)
	r.e.pools[0].Publish(r.table)
	r.run()
}

// errand connects the link on which a server is asked, and returns what it was asked.
func (r *removal) errand(server int32) (m *memConn, asked string) {
	r.t.Helper()
	er := r.pw.errands[server]
	if er == nil {
		r.t.Fatalf("server %d is asked nothing", server)
	}
	asked = string(er.link.queue.log.Small())
	return r.reconnect(er.link), asked
}

// waitsAt checks that the client has been told nothing and waits at a server, and returns where.
func (r *removal) waitsAt(server int32) *memConn {
	r.t.Helper()
	got(r.t, "the client", r.c.take(), "")
	if at := r.link().server.ID; at != server {
		r.t.Fatalf("it waits at server %d; want %d", at, server)
	}
	return r.connect(popL...)
}

// TestDisplacedAndMovedBack: a table by which the client waits in the right place again comes
// before the server has ended its wait, or while that is on its way: the client hears nothing
// of it and waits on.
func TestDisplacedAndMovedBack(t *testing.T) {
	for moves := range 4 {
		r := newRemoval(t, true)
		r.publish(1)
		for i := range moves {
			r.publish(int32(i % 2))
		}
		_, asked := r.errand(0)
		got(t, "asked", asked, unblock17)
		r.old.arrive("-" + textUnblocked + "\r\n")
		r.run()
		m := r.waitsAt(int32((moves + 1) % 2))
		m.arrive(":3\r\n" + poppedL)
		r.run()
		got(t, "the reply", r.c.take(), poppedL)
	}
}

// TestDisplacedAskedInVain: the server says that nobody waits there, because its answer to the
// client is on the way or it has ended the wait before. It is asked again for as long as the
// client waits on that link, and the next server is never asked for it.
func TestDisplacedAskedInVain(t *testing.T) {
	for _, first := range []string{"unblocked", "not blocked"} {
		r := newRemoval(t, true)
		r.publish(1)
		er, _ := r.errand(0)
		er.take()
		if first == "unblocked" {
			r.old.arrive("-" + textUnblocked + "\r\n")
			er.arrive(":0\r\n")
		} else {
			er.arrive(":0\r\n")
			r.tick()
			got(t, "asked again", er.take(), unblock17)
			er.arrive(":0\r\n")
			r.old.arrive("-" + textUnblocked + "\r\n")
		}
		r.run()
		m := r.waitsAt(1)
		m.arrive(":3\r\n")
		for range mostAsks + 1 {
			r.tick()
		}
		if asked := er.take(); r.pw.errands[1] != nil || asked != "" {
			t.Errorf("%s first: the next server was asked: %v, the former: %q; want neither", first, r.pw.errands[1] != nil, asked)
		}
		m.arrive(poppedL)
		r.run()
		got(t, "the reply", r.c.take(), poppedL)
	}
}

// TestDisplacedBeforeItsNumber: the link is displaced, and lost, before its server has told its
// number: the next one's number is none to be unblocked.
func TestDisplacedBeforeItsNumber(t *testing.T) {
	r := newRemoval(t, false)
	r.publish(1)
	r.publish(0)
	r.publish(1)
	r.old.arrive(":17\r\n")
	r.tick()
	_, asked := r.errand(0)
	got(t, "asked when it is known", asked, unblock17)
	r.old.arrive("-" + textUnblocked + "\r\n")
	r.run()
	m := r.waitsAt(1)
	m.arrive(":3\r\n")
	r.tick()
	if r.pw.errands[1] != nil {
		t.Error("the next server was asked; want nothing")
	}
}

// TestDisplacedTwice: a client that has been moved is moved again.
func TestDisplacedTwice(t *testing.T) {
	r := newRemoval(t, true)
	r.publish(1)
	r.old.arrive("-" + textUnblocked + "\r\n")
	r.run()
	m := r.waitsAt(1)
	m.arrive(":3\r\n")
	r.publish(0)
	_, asked := r.errand(1)
	got(t, "asked", asked, unblock3)
	m.arrive("-" + textUnblocked + "\r\n")
	r.run()
	r.waitsAt(0)
}

// TestDisplacedAndUnblocked: another client unblocks the one that is being moved: it hears that,
// in the way that was asked for, wherever it waits by then.
func TestDisplacedAndUnblocked(t *testing.T) {
	for reason, want := range map[string]string{"TIMEOUT": "*-1\r\n", "ERROR": "-" + textUnblocked + "\r\n"} {
		r := newRemoval(t, true)
		other := r.client(0, 0)
		r.publish(1)
		got(t, "CLIENT UNBLOCK", other.say("CLIENT", "UNBLOCK", strconv.Itoa(int(r.c.s.client.id)), reason), "")
		er, asked := r.errand(0)
		if !strings.HasPrefix(asked, unblock17) || !strings.HasSuffix(asked, string(codec.AppendCommand(nil, "CLIENT", "UNBLOCK", "17", reason))) {
			t.Fatalf("asked %q; want both", asked)
		}
		r.old.arrive("-" + textUnblocked + "\r\n") // by our own order, which came first
		er.arrive(":1\r\n:0\r\n")
		r.run()
		if reason == "TIMEOUT" {
			m := r.waitsAt(1)
			m.arrive(":3\r\n")
			r.tick()
			_, asked = r.errand(1)
			got(t, "asked", asked, frames("CLIENT UNBLOCK 3 TIMEOUT"))
			m.arrive("*-1\r\n")
			r.run()
		}
		got(t, reason, r.c.take(), want)
	}
}

// TestUnblockMeetsNobodyElse: a wait has ended by itself before the server has answered to CLIENT
// UNBLOCK, a client's or our own. The next client that waits there waits on another connection,
// where it cannot meet the one before.
func TestUnblockMeetsNobodyElse(t *testing.T) {
	for _, ours := range []bool{true, false} {
		for _, answered := range []bool{false, true} {
			r := newRemoval(t, true)
			other := r.client(0, 0)
			if ours {
				r.publish(1)
			} else {
				other.say("CLIENT", "UNBLOCK", strconv.Itoa(int(r.c.s.client.id)))
			}
			er, _ := r.errand(0)
			if answered {
				er.arrive(":0\r\n")
			}
			r.old.arrive(poppedL)
			r.run()
			got(t, "the reply", r.c.take(), poppedL)
			if r.old.closed == answered {
				t.Errorf("ours: %v, answered: %v: the link is closed: %v; want it kept only when nothing is on its way", ours, answered, r.old.closed)
			}
			r.publish(0)
			next := r.client(0, 0)
			next.say(popL...)
			if b := next.s.blocked(); b == nil || b.link == nil || (b.link.lease.number == 17) != answered {
				t.Errorf("ours: %v, answered: %v: got %+v; want the next client on the same link only then", ours, answered, b)
			}
		}
	}
}
