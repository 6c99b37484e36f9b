package loop

import (
	"bytes"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop/netio"
	"huntaway/perf/invariant"
	"huntaway/shard"
)

// step runs the tasks that are posted now, and not those that they post: as one round of an
// event loop does, if what a turn brings is counted as one of its events.
func (st *stage) step() {
	tasks := st.tasks
	st.tasks = nil
	for _, task := range tasks {
		task()
	}
}

// packet is as many copies of a request as one read of a socket brings, or as most.
func packet(most int, args ...string) (frames []byte, n int) {
	one := codec.AppendCommand(nil, args...)
	n = min(netio.ReadBuffer/len(one), most)
	return bytes.Repeat(one, n), n
}

// repliesIn counts the whole replies in b.
func repliesIn(t *testing.T, b []byte) (n int) {
	t.Helper()
	for len(b) > 0 {
		size := codec.Size(b)
		if size == 0 {
			t.Fatalf("got %.60q behind %d replies; want another one", b, n)
		}
		b, n = b[size:], n+1
	}
	return n
}

// TestWorkPerEventIsBounded: whatever a client fills a packet with, one event makes no more of
// it than a budget allows, others are served between any two, and in the end all is answered.
func TestWorkPerEventIsBounded(t *testing.T) {
	for _, args := range [][]string{
		{"COMMAND"}, {"COMMAND", "DOCS"}, {"COMMAND", "INFO"}, {"COMMAND", "LIST"}, {"COMMAND", "COUNT"},
		{"COMMAND", "LIST", "FILTERBY", "ACLCAT", "nothing"}, {"COMMAND", "LIST", "FILTERBY", "PATTERN", "x*"},
		{"ACL", "CAT"}, {"ACL", "CAT", "stream"}, {"ACL", "GENPASS", "4096"}, {"CONFIG", "GET", "*"}, {"CONFIG", "GET", "x"},
		{"CLIENT", "INFO"}, {"CLIENT", "HELP"}, {"CLIENT", "LIST"}, {"CLIENT", "KILL", "ADDR", "1.2.3.4:5"},
		{"CLIENT", "UNBLOCK", "77"}, {"CLIENT", "UNPAUSE"}, {"INFO"}, {"INFO", "everything"}, {"LOLWUT"},
		{"PING"}, {"ECHO", strings.Repeat("x", 8<<10)}, {"NONSENSE"}, {"GET"}, {"DISCARD"}, {"MULTI"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) { testWork(t, args) })
	}
}

func testWork(t *testing.T, args []string) {
	st := newTestWorker(t, PoolOptions{})
	one := len(st.client(0, 0).say(args...))
	attacker, victim := st.client(0, 0), st.client(0, 0)
	if args[0] == "MULTI" {
		attacker.say("MULTI")
	}
	frames, n := packet(2<<20/one, args...)
	attacker.arrive(string(frames))
	got := 0
	for turn := 0; ; turn++ {
		said := attacker.take()
		if most := mostWork / clientShare; len(said) > most+2*one {
			t.Fatalf("one event made %d bytes of replies; want no more than %d and one reply of %d", len(said), most, one)
		}
		if got += repliesIn(t, []byte(said)); got == n {
			break
		}
		if turn > 5*n || len(st.tasks) == 0 {
			t.Fatalf("got %d replies after %d turns; want %d", got, turn, n)
		}
		if pong := func() string { victim.arrive("PING\r\n"); return victim.take() }(); pong != "+PONG\r\n" {
			t.Fatalf("the other client got %q; want a PONG between two turns", pong)
		}
		st.step()
	}
	st.run()
	if w := st.e.workers[0]; len(w.turns.tired)+len(w.turns.chores) != 0 || attacker.paused {
		t.Errorf("got %d clients and %d chores left, paused %v; want none and reading", len(w.turns.tired), len(w.turns.chores), attacker.paused)
	}
}

// TestFramesPerEventAreBounded: of what a client fills a packet with, one event takes no more
// frames than its budget has room for if each costs what the least of them does, whether they are
// requests, are answered, or are nothing; others are served before it goes on.
func TestFramesPerEventAreBounded(t *testing.T) {
	for _, tc := range []struct {
		name, first, frame string
		least              int // units of work
	}{
		{"blank lines", "", "\r\n", workFrame},
		{"line feeds", "", "\n", workFrame},
		{"spaces", "", "  \r\n", workFrame},
		{"empty multibulks", "", "*0\r\n", workFrame},
		{"negative multibulks", "", "*-1\r\n", workFrame},
		{"PING", "", "PING\r\n", workAnswer},
		{"silence", "", "CLIENT REPLY OFF\r\n", workFrame},
		{"PING in silence", "CLIENT REPLY OFF\r\n", "PING\r\n", workAnswer},
		{"skips", "", "CLIENT REPLY SKIP\r\n", workFrame},
		{"HELLO", "", "HELLO\r\n", workAnswer + 120},
		{"passwords", "", "ACL GENPASS 4096\r\n", workAnswer + 1024 + 512*workDraw},
		{"lines", "", "CLIENT INFO\r\n", workAnswer + workLine},
		{"patterns", "", "CONFIG GET maxclients maxclients timeout timeout\r\n", 4 * workMatch},
		{"words", "", "PING" + strings.Repeat(" a", 99) + "\r\n", workAnswer + 100*workWord},
		{"words that are bulks", "", "*40\r\n$4\r\nPING\r\n" + strings.Repeat("$0\r\n\r\n", 39), workAnswer + 40*workWord},
		{"orders", "", "UNSUBSCRIBE\r\n", workAnswer},
		{"errors", "", "NONSENSE\r\n", workAnswer},
		{"wrong numbers", "", "GET\r\n", workAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{})
			attacker, victim := st.client(0, 0), st.client(0, 0)
			attacker.arrive(tc.first)
			attacker.arrive(strings.Repeat(tc.frame, netio.ReadBuffer/len(tc.frame)))
			left := netio.ReadBuffer / len(tc.frame) * len(tc.frame)
			for turn := 0; left > 0; turn++ {
				was := left
				if left = 0; attacker.s.input.tail != nil {
					left = attacker.s.input.tail.buf.Len() - attacker.s.input.tail.used
				}
				most := mostWork/clientShare/tc.least + 1
				if n := (was - left) / len(tc.frame); n > most {
					t.Fatalf("turn %d took %d frames; want at most %d", turn, n, most)
				}
				victim.arrive("PING\r\n")
				if got := victim.take(); got != "+PONG\r\n" {
					t.Fatalf("the other client got %q; want a PONG between two turns", got)
				}
				attacker.take()
				st.step()
			}
			if st.run(); attacker.paused {
				t.Error("it is not read from in the end; want it to be")
			}
		})
	}
}

// TestTiredClientsShareTurns: however many clients fill their packets, one turn works for a few
// of them, and all are served in the end.
func TestTiredClientsShareTurns(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	frames, _ := packet(8, "COMMAND")
	one := len(st.client(0, 0).say("COMMAND"))
	clients := make([]*memClient, 20)
	for i := range clients {
		clients[i] = st.client(0, 0)
		clients[i].arrive(string(frames))
	}
	got := make([]int, len(clients))
	for first := true; len(st.tasks) > 0 || first; first = false {
		bytes := 0
		for i, c := range clients {
			said := c.take()
			bytes += len(said)
			got[i] += repliesIn(t, []byte(said))
		}
		if most := tiredPerTurn * (mostWork/clientShare + 2*one); !first && bytes > most {
			t.Fatalf("one turn made %d bytes; want at most %d", bytes, most)
		}
		st.step()
	}
	for i, c := range clients {
		if got[i] += repliesIn(t, []byte(c.take())); got[i] != 8 {
			t.Errorf("client %d got %d replies; want 8", i, got[i])
		}
	}
}

// TestUnreadRepliesStopRequests: of a client that reads nothing no more requests are answered
// than fit the limit, for answers made here, and it goes on where it was when it reads.
func TestUnreadRepliesStopRequests(t *testing.T) {
	for _, args := range [][]string{{"COMMAND"}, {"INFO", "everything"}, {"CLIENT", "LIST"}, {"ECHO", strings.Repeat("x", 30<<10)}} {
		t.Run(args[0], func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{})
			one := len(st.client(0, 0).say(args...))
			for range 2000 {
				st.client(0, 0)
			}
			c := st.client(0, 0)
			frame := codec.AppendCommand(nil, args...)
			n := invariant.Lighter(200)
			for range n {
				c.arrive(string(frame))
				st.run()
				c.kept = len(c.said)
			}
			list := 1 << 20 // that of so many clients
			if most := pauseOutput + mostWork + 2*one + list; len(c.said)+c.s.output.first.Len() > most {
				t.Errorf("got %d bytes while nothing is read; want at most %d", len(c.said)+c.s.output.first.Len(), most)
			}
			got := 0
			for turn := 0; got < n && turn < 1000*n; turn++ {
				got += repliesIn(t, []byte(c.take()))
				c.kept = 0
				st.e.workers[0].tick()
				st.step()
				c.kept = len(c.said)
			}
			if got != n {
				t.Errorf("got %d replies in the end; want %d", got, n)
			}
		})
	}
}

// TestOneGatherAtATime: a client's questions to all workers are asked one after the other, and
// each looks at a few sessions per turn.
func TestOneGatherAtATime(t *testing.T) {
	const clients = 1000
	st := newStage(t, 2, PoolOptions{})
	for i := range clients {
		st.client(0, i%2)
	}
	asker := st.client(0, 0)
	frames, n := packet(20, "CLIENT", "LIST")
	asker.arrive(string(frames))
	turns, got := 0, 0
	for len(st.tasks) > 0 {
		chores := 0
		for _, w := range st.e.workers {
			chores += len(w.turns.chores)
		}
		if chores > len(st.e.workers) {
			t.Fatalf("got %d chores for one client; want at most one per worker", chores)
		}
		if open := asker.s.window.Len(); open > 1 {
			t.Fatalf("got %d lists in the making; want one", open)
		}
		st.step()
		turns++
		for said := asker.take(); said != ""; said = "" {
			if lines := strings.Count(said, "\nid="); lines != clients+1 {
				t.Fatalf("got a list of %d clients; want %d", lines, clients+1)
			}
			got += repliesIn(t, []byte(said))
		}
	}
	if least := n * clients / 2 / (piecesPerTurn * sessionsPerPiece); got != n || turns < least {
		t.Errorf("got %d lists in %d turns; want %d in at least %d", got, turns, n, least)
	}
}

// TestGatherOfOneThatGoes: what is asked for a client that has gone harms nobody.
func TestGatherOfOneThatGoes(t *testing.T) {
	for _, args := range [][]string{{"CLIENT", "LIST"}, {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"}, {"INFO"}, {"CLIENT", "UNBLOCK", "1"}} {
		for steps := range 5 {
			st := newStage(t, 2, PoolOptions{})
			c, other := st.client(0, 0), st.client(0, 1)
			c.arrive(string(codec.AppendCommand(nil, args...)))
			for range steps {
				st.step()
			}
			c.Close()
			st.run()
			if args[1%len(args)] == "KILL" {
				continue
			}
			if got := other.say("PING"); got != "+PONG\r\n" {
				t.Errorf("%v, gone after %d steps: got %q of another client; want a PONG", args, steps, got)
			}
		}
	}
}

// TestSpreadPartsAreWork: requests that make many parts are charged for them.
func TestSpreadPartsAreWork(t *testing.T) {
	var groups []shard.Group
	for i := range 200 {
		groups = append(groups, shard.Group{Name: "g" + decimal(i), Servers: []shard.Server{
			{Addr: "127.0.0.1:" + decimal(7000+i), Role: shard.Master, Weight: 1}}})
	}
	st := newTestWorker(t, PoolOptions{Table: testTable(t, groups...)})
	c := st.client(0, 0)
	frames, _ := packet(netio.ReadBuffer, "DBSIZE")
	c.arrive(string(frames))
	if got, most := st.e.workers[0].pools[0].counters.Fragments, uint64(mostWork/workPart+200); got > most {
		t.Errorf("one event made %d parts; want at most %d", got, most)
	}
}
