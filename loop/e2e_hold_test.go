package loop_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// A writer appends numbers to a list of its own and remembers what became of them.
type writer struct {
	c        *client
	key      string
	depth    int // appended per pipeline
	next     int
	accepted []int  // answered with a length
	unknown  []int  // answered with an error that says so
	lost     string // the last such error
	refused  []string
}

// round sends one pipeline and reads its replies.
func (w *writer) round() error {
	var frames []byte
	for i := range w.depth {
		frames = rig.AppendCommand(frames, "RPUSH", w.key, strconv.Itoa(w.next+i))
	}
	if err := w.c.send(frames); err != nil {
		return err
	}
	for range w.depth {
		got, err := w.c.text()
		if err != nil {
			return err
		}
		switch _, bad := strconv.Atoi(got); {
		case bad == nil:
			w.accepted = append(w.accepted, w.next)
		case mayHaveRun(got):
			w.unknown, w.lost = append(w.unknown, w.next), got
		default:
			w.refused = append(w.refused, got)
		}
		w.next++
	}
	return nil
}

// A crew is writers at work.
type crew struct {
	writers []*writer
	stop    atomic.Bool
	rounds  atomic.Int64
	done    chan error
}

// work starts n writers to keys of the group.
func (st *stage) work(n, group, depth int) *crew {
	cr := &crew{done: make(chan error, 1)}
	for i := range n {
		w := &writer{c: st.dial(), key: st.keyOf(group, fmt.Sprintf("w%d:", i)), depth: depth}
		cr.writers = append(cr.writers, w)
	}
	go func() {
		cr.done <- together(n, func(i int) error {
			for !cr.stop.Load() {
				if err := cr.writers[i].round(); err != nil {
					return fmt.Errorf("writer %d: %w", i, err)
				}
				cr.rounds.Add(1)
			}
			return nil
		})
	}()
	return cr
}

// after waits for some more rounds.
func (cr *crew) after(t testing.TB, rounds int64) {
	t.Helper()
	if !reaches(&cr.rounds, cr.rounds.Load()+rounds) {
		t.Fatalf("no %d rounds within %v", rounds, patience)
	}
}

// end stops the writers and waits for them.
func (cr *crew) end(t testing.TB) {
	t.Helper()
	cr.stop.Store(true)
	if err := <-cr.done; err != nil {
		t.Fatal(err)
	}
}

// list reads what a server has of a writer's list.
func list(t testing.TB, addr, key string) (found []int) {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	n, err := strconv.Atoi(c.must(t, "LLEN", key))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.send(rig.AppendCommand(nil, "LRANGE", key, "0", "-1")); err != nil {
		t.Fatal(err)
	}
	reply, err := c.reply()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(reply), "\r\n")
	for i := range n {
		each, err := strconv.Atoi(lines[2+2*i])
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, each)
	}
	return found
}

// check wants every accepted number exactly once, no number twice, none that was
// refused, and all in the order in which they were sent.
func (w *writer) check(t testing.TB, found []int) {
	t.Helper()
	may := map[int]bool{}
	for _, n := range w.unknown {
		may[n] = true
	}
	for _, n := range w.accepted {
		may[n] = true
	}
	count := map[int]int{}
	for i, n := range found {
		count[n]++
		if !may[n] || count[n] > 1 {
			t.Errorf("%s: %d is there %d times; want only what was accepted, once", w.key, n, count[n])
		}
		if i > 0 && n < found[i-1] {
			t.Errorf("%s: %d stands behind %d; want the order of sending", w.key, n, found[i-1])
		}
	}
	for _, n := range w.accepted {
		if count[n] != 1 {
			t.Errorf("%s: accepted %d is there %d times; want once", w.key, n, count[n])
		}
	}
}

// TestHoldBridgesARestart: the server keeps an append-only file, so what it accepted is
// there again.
func TestHoldBridgesARestart(t *testing.T) {
	servers := startServers(t, 1, "--appendonly", "yes", "--appendfsync", "always")
	sc := scene{groups: alone(servers...)}
	sc.options = loop.PoolOptions{HoldTimeout: 15 * time.Second, Timeout: 10 * time.Second}
	st := play(t, sc)
	cr := st.work(8, 0, 5)
	cr.after(t, 50)
	servers[0].Kill()
	if err := servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	cr.after(t, 200)
	cr.end(t)
	unknown := 0
	for _, w := range cr.writers {
		if len(w.refused) > 0 {
			t.Errorf("%s: got %q; want the restart bridged", w.key, w.refused)
		}
		unknown += len(w.unknown)
		w.check(t, list(t, servers[0].Addr, w.key))
	}
	if most := 8 * 5; unknown > most {
		t.Errorf("got %d of unknown outcome; want at most the %d in flight", unknown, most)
	}
	if st.counters().Held == 0 {
		t.Error("got no request held; want the outage bridged by holding")
	}
}

func TestHoldBridgesADemotion(t *testing.T) {
	servers := startServers(t, 1)
	sc := scene{groups: one(group("g", servers[0].Addr))}
	sc.options = loop.PoolOptions{HoldTimeout: 5 * time.Second, Timeout: 2 * time.Second}
	st := play(t, sc)
	cr := st.work(6, 0, 4)
	for range 5 {
		cr.after(t, 20)
		demote(t, servers[0].Addr)
		errors := st.server(servers[0].Addr).Errors
		eventually(t, "writes are refused", func() bool { return st.server(servers[0].Addr).Errors > errors })
		promote(t, servers[0].Addr)
	}
	cr.after(t, 20)
	cr.end(t)
	if st.counters().Held == 0 {
		t.Error("got no request held; want the demotions bridged by holding")
	}
	for _, w := range cr.writers {
		if len(w.refused)+len(w.unknown) > 0 {
			t.Errorf("%s: got %q, unknown %v (%s); want the demotion bridged", w.key, w.refused, w.unknown, w.lost)
		}
		found := list(t, servers[0].Addr, w.key)
		if len(found) != len(w.accepted) {
			t.Errorf("%s: got %d in the list; want the %d accepted", w.key, len(found), len(w.accepted))
		}
		count := map[int]int{}
		for _, n := range found {
			count[n]++
		}
		for _, n := range w.accepted {
			if count[n] != 1 {
				t.Errorf("%s: accepted %d is there %d times; want once", w.key, n, count[n])
			}
		}
	}
}

// demote makes a server refuse writes. It never syncs with its master, a port that nobody
// listens on, and so keeps its data.
func demote(t testing.TB, addr string) {
	t.Helper()
	if _, err := rig.Call(addr, patience, "REPLICAOF", "127.0.0.1", "1"); err != nil {
		t.Fatal(err)
	}
}

func promote(t testing.TB, addr string) {
	t.Helper()
	if _, err := rig.Call(addr, patience, "REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
}

func TestDemotionWithoutHoldPassesTheServersWords(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...)})
	c := st.dial()
	c.want(t, "OK", "SET", "k", "v")
	demote(t, servers[0].Addr)
	c.want(t, "-READONLY You can't write against a read only replica.", "SET", "k", "w")
	promote(t, servers[0].Addr)
	c.want(t, "OK", "SET", "k", "w")
}

// TestHoldEnds: an outage longer than the hold fails what waits, once, and later requests
// at once.
func TestHoldEnds(t *testing.T) {
	servers := startServers(t, 1)
	sc := scene{groups: alone(servers...)}
	sc.options.HoldTimeout = 300 * time.Millisecond
	st := play(t, sc)
	c := st.dial()
	c.want(t, "OK", "SET", "k", "v")
	servers[0].Kill()
	began, watch := time.Now(), rig.StartWatch()
	var frames []byte
	for range 50 {
		frames = rig.AppendCommand(frames, "SET", "k", "w")
	}
	if err := c.send(frames); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if got, err := c.text(); err != nil || !notRun(got) && !mayHaveRun(got) {
			t.Fatalf("got %q, %v; want an error", got, err)
		}
	}
	if least, most := time.Since(began), watch.Took(); least < 200*time.Millisecond || most > 3*time.Second {
		t.Errorf("50 requests failed after %v, %v of it their own; want about 300 ms for all of them together", least, most)
	}
	watch = rig.StartWatch()
	for range 50 {
		if got := c.must(t, "SET", "k", "w"); !notRun(got) {
			t.Fatalf("got %q; want a refusal", got)
		}
	}
	if took := watch.Took(); took > 2*time.Second {
		t.Errorf("50 more requests, one by one, took %v; want each refused at once", took)
	}
	if err := servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "writes are taken again", func() bool { return c.must(t, "SET", "k", "x") == "OK" })
}

// TestPublishUnderLoad moves a group's master to and fro a thousand times between two
// servers that share nothing. Each number must arrive once, on one of them. All numbers are
// taken from one list per server, and every writer counts upwards: what a server has of a
// writer must be in order, and a swap must not let a later number overtake an earlier one,
// which the stamp of the server's own clock shows.
func TestPublishUnderLoad(t *testing.T) {
	for _, links := range []int{1, 2} {
		t.Run(fmt.Sprintf("links=%d", links), func(t *testing.T) {
			servers := startServers(t, 2)
			sc := scene{groups: one(group("g", servers[0].Addr, servers[1].Addr))}
			sc.options = loop.PoolOptions{HoldTimeout: 5 * time.Second, ServerConnections: links}
			st := play(t, sc)
			cr := st.workStamped(8, 6)
			for i := range 1000 {
				st.pool.Publish(st.pool.Table().WithMaster(0, int32((i+1)%2)))
				if i%5 == 0 { // in turn with the one and with the other
					cr.after(t, 1)
				}
			}
			cr.end(t)
			if st.snapshot().Epoch != 1000 {
				t.Errorf("got epoch %d; want 1000", st.snapshot().Epoch)
			}
			used := 0
			for _, w := range cr.writers {
				used += w.checkSwaps(t, stamped(t, servers[0].Addr, w.key), stamped(t, servers[1].Addr, w.key))
			}
			if used <= len(cr.writers) {
				t.Errorf("got %d lists that hold something; want both servers used", used)
			}
		})
	}
}

// stampScript appends its number with the server's time: both servers run on this machine's
// clock.
const stampScript = "local t = redis.call('TIME') return redis.call('RPUSH', KEYS[1], ARGV[1] .. '@' .. string.format('%s%06d', t[1], t[2]))"

// workStamped is work with stamps.
func (st *stage) workStamped(n, depth int) *crew {
	cr := &crew{done: make(chan error, 1)}
	for i := range n {
		cr.writers = append(cr.writers, &writer{c: st.dial(), key: fmt.Sprintf("w%d", i), depth: depth})
	}
	go func() {
		cr.done <- together(n, func(i int) error {
			w := cr.writers[i]
			for !cr.stop.Load() {
				var frames []byte
				for k := range depth {
					frames = rig.AppendCommand(frames, "EVAL", stampScript, "1", w.key, strconv.Itoa(w.next+k))
				}
				if err := w.c.send(frames); err != nil {
					return err
				}
				for range depth {
					if got, err := w.c.text(); err != nil || strings.HasPrefix(got, "-") {
						return errors.Join(err, fmt.Errorf("%s: got %q; want no error at a swap", w.key, got))
					}
					w.next++
				}
				cr.rounds.Add(1)
			}
			return nil
		})
	}()
	return cr
}

// A stamp is a number and when its server took it, in microseconds.
type stamp struct{ n, at int }

// stamped reads a list of stamps.
func stamped(t testing.TB, addr, key string) (stamps []stamp) {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	if err := c.send(rig.AppendCommand(nil, "LRANGE", key, "0", "-1")); err != nil {
		t.Fatal(err)
	}
	reply, err := c.reply()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(reply), "\r\n") {
		number, at, ok := strings.Cut(line, "@")
		if !ok {
			continue
		}
		n, err1 := strconv.Atoi(number)
		when, err2 := strconv.Atoi(at)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		stamps = append(stamps, stamp{n, when})
	}
	return stamps
}

// checkSwaps wants each of the writer's numbers once, in order within a list, and in order
// between the lists by time. It returns how many lists are not empty.
func (w *writer) checkSwaps(t testing.TB, lists ...[]stamp) (used int) {
	t.Helper()
	at := make([]int, w.next) // when each number was taken; 0: never
	for _, l := range lists {
		if len(l) > 0 {
			used++
		}
		for i, s := range l {
			if i > 0 && s.n <= l[i-1].n {
				t.Errorf("%s: %d stands behind %d; want the order of sending", w.key, s.n, l[i-1].n)
			}
			if s.n >= w.next || at[s.n] != 0 {
				t.Errorf("%s: %d is there twice, or was never sent", w.key, s.n)
				continue
			}
			at[s.n] = s.at
		}
	}
	for n := range at {
		if at[n] == 0 {
			t.Errorf("%s: %d was accepted and is nowhere", w.key, n)
		} else if n > 0 && at[n] < at[n-1] {
			t.Errorf("%s: %d ran %d µs before %d; want a swap to keep their order", w.key, n, at[n-1]-at[n], n-1)
		}
	}
	return used
}
