package loop_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// notRun and mayHaveRun are the two classes of the proxy's own errors.
func notRun(reply string) bool {
	return strings.HasPrefix(reply, "-TRYAGAIN huntaway: ") && strings.HasSuffix(reply, "; not executed")
}

func mayHaveRun(reply string) bool {
	return strings.HasPrefix(reply, "-ERR huntaway: ") && strings.HasSuffix(reply, "; the command may have been executed")
}

func TestDeadGroupFailsAtOnce(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{Timeout: 5 * time.Second}})
	dead, alive := st.keyOf(0, "d"), st.keyOf(1, "a")
	c := st.dial()
	c.want(t, "OK", "SET", dead, "1")
	c.want(t, "OK", "SET", alive, "2")
	servers[0].Kill()
	eventually(t, "the group's requests fail", func() bool { return notRun(c.must(t, "GET", dead)) })

	var frames []byte
	for range 200 {
		frames = rig.AppendCommand(frames, "GET", dead)
		frames = rig.AppendCommand(frames, "GET", alive)
		frames = rig.AppendCommand(frames, "MGET", alive, dead)
	}
	watch := rig.StartWatch()
	if err := c.send(frames); err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		got, err := c.text()
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 1 && got != "2" || i%3 != 1 && !notRun(got) {
			t.Fatalf("reply %d: got %q; want an error for the dead group only", i, got)
		}
		if i%3 == 0 && !strings.Contains(got, servers[0].Addr+" (group g0, pool alpha)") {
			t.Fatalf("got %q; want the server, the group and the pool in it", got)
		}
	}
	if took := watch.Took(); took > 2*time.Second {
		t.Errorf("600 replies took %v; want no waiting, least of all one after the other", took)
	}
	if err := servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch = rig.StartWatch()
	eventually(t, "the group serves again", func() bool { return c.must(t, "SET", dead, "3") == "OK" })
	if took := watch.Took(); took > 4*time.Second {
		t.Errorf("recovered after %v; want within the last pause between two dials, 2 s", took)
	}
	if s := st.server(servers[0].Addr); s.EOF == 0 || s.Links == 0 {
		t.Errorf("got %d links ended by the server, %d links; want some of each", s.EOF, s.Links)
	}
}

func TestTimeoutKeepsTheLink(t *testing.T) {
	servers := startServers(t, 1)
	sc := scene{groups: alone(servers...), engine: loop.Options{Workers: 1}}
	sc.options.Timeout = 150 * time.Millisecond
	st := play(t, sc)
	c, other := st.dial(), st.dial()
	c.want(t, "OK", "SET", "k", "v")
	other.want(t, "v", "GET", "k")
	before := *st.server(servers[0].Addr)

	asleep := make(chan error, 1)
	go func() {
		_, err := rig.Call(servers[0].Addr, patience, "DEBUG", "SLEEP", "0.6")
		asleep <- err
	}()
	late := 0
	eventually(t, "the server sleeps", func() bool {
		got := c.must(t, "INCR", "n")
		if !strings.HasPrefix(got, "-") {
			return false
		}
		if !mayHaveRun(got) || !strings.Contains(got, "timed out after ") || !strings.Contains(got, servers[0].Addr) {
			t.Fatalf("got %q; want a time-out", got)
		}
		late++
		return true
	})
	if err := other.send(rig.AppendCommand(rig.AppendCommand(nil, "GET", "k"), "PING", "still here")); err != nil {
		t.Fatal(err)
	}
	if got, err := other.text(); err != nil || !mayHaveRun(got) {
		t.Fatalf("got %q, %v; want a time-out", got, err)
	}
	late++
	if got, err := other.text(); err != nil || got != "still here" {
		t.Fatalf("got %q, %v; want the reply behind the time-out", got, err)
	}
	if err := <-asleep; err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		token := fmt.Sprint("t", i)
		c.want(t, token, "EVAL", "return ARGV[1]", "1", "k", token)
		other.want(t, "v", "GET", "k")
	}
	s := st.server(servers[0].Addr)
	if s.Connects != before.Connects || s.Links != 1 || s.EOF+s.Errs+s.Stalls+s.Desyncs != 0 {
		t.Errorf("got %d connects (before: %d), %d links, %d ended; want the one link kept",
			s.Connects, before.Connects, s.Links, s.EOF+s.Errs+s.Stalls+s.Desyncs)
	}
	if s.TimedOut != uint64(late) || s.Sinks != uint64(late) {
		t.Errorf("got %d time-outs, %d late replies; want %d of each", s.TimedOut, s.Sinks, late)
	}
	if got := st.counters().Unknown; got != uint64(late) {
		t.Errorf("got %d of unknown outcome; want %d", got, late)
	}
}

func TestFrozenServerIsGivenUp(t *testing.T) {
	servers := startServers(t, 2)
	sc := scene{groups: alone(servers...), engine: loop.Options{Workers: 1}}
	sc.options.Timeout, sc.options.ConnectTimeout = 100*time.Millisecond, 200*time.Millisecond
	st := play(t, sc)
	frozen, alive := st.keyOf(0, "f"), st.keyOf(1, "a")
	c, other := st.dial(), st.dial()
	c.want(t, "OK", "SET", frozen, "1")
	other.want(t, "OK", "SET", alive, "2")
	servers[0].Pause()
	defer servers[0].Resume()
	var took []time.Duration
	eventually(t, "the frozen server is given up", func() bool {
		if err := c.send(rig.AppendCommand(nil, "SET", frozen, "lost")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		other.want(t, "2", "GET", alive)
		took = append(took, time.Since(began))
		got, err := c.text()
		if err != nil || !mayHaveRun(got) && !notRun(got) {
			t.Fatalf("got %q, %v; want a time-out or a refusal", got, err)
		}
		return st.server(servers[0].Addr).Stalls > 0 && notRun(got)
	})
	slices.Sort(took)
	if median := took[len(took)/2]; median > 90*time.Millisecond { // one of them may be the machine's fault
		t.Errorf("the other group's replies took %v; want them untouched by the 100 ms of the frozen one", took)
	}
	servers[0].Resume()
	eventually(t, "all is well again", func() bool { return c.must(t, "SET", frozen, "3") == "OK" })
	c.want(t, "3", "GET", frozen)
	other.want(t, "2", "GET", alive)
}

func TestKilledServerWithWritesInFlight(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{Timeout: 5 * time.Second}})
	c := st.dial()
	c.want(t, "OK", "SET", "k", "v")
	servers[0].Pause() // so that requests are sent and not answered
	var frames []byte
	for range 20 {
		frames = rig.AppendCommand(frames, "INCR", "n")
	}
	if err := c.send(frames); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are in flight and written", func() bool {
		s := st.server(servers[0].Addr)
		return s.InFlight == 20 && s.QueueBytes == 0
	})
	servers[0].Kill()
	for i := range 20 {
		got, err := c.text()
		if err != nil || !mayHaveRun(got) || !strings.Contains(got, "connection lost to "+servers[0].Addr) {
			t.Fatalf("reply %d: got %q, %v; want the outcome unknown", i, got, err)
		}
	}
	if n := st.counters(); n.Unknown != 20 || n.Retried != 0 {
		t.Errorf("got %d unknown, %d retried; want 20, 0: a write that was sent is never sent again", n.Unknown, n.Retried)
	}
}

func TestReadsMoveToAnotherMember(t *testing.T) {
	for _, policy := range []shard.ReadPolicy{shard.PreferReplica, shard.Nearest} {
		t.Run(policy.String(), func(t *testing.T) {
			master := startServers(t, 1, "--repl-diskless-sync-delay", "0")[0]
			host, port, _ := strings.Cut(master.Addr, ":")
			replica := startServers(t, 1, "--replicaof", host+" "+port)[0]
			sc := scene{groups: one(group("g", master.Addr, replica.Addr))}
			sc.options = loop.PoolOptions{ReadPolicy: policy, Timeout: 5 * time.Second}
			st := play(t, sc)
			c := st.dial()
			c.want(t, "OK", "SET", "k", "v")
			eventually(t, "the replica has the key", func() bool {
				got, err := rig.Call(replica.Addr, patience, "GET", "k")
				return err == nil && got == "v"
			})
			var stop atomic.Bool
			var reads atomic.Int64
			killed := make(chan error, 1)
			go func() {
				defer stop.Store(true)
				killed <- killWhenRead(st, replica, &reads)
			}()
			err := together(8, func(int) error { return readUntil(st, &stop, &reads) })
			if err = errors.Join(err, <-killed); err != nil {
				t.Error(err)
			}
			n := st.counters()
			if n.ReadsReplica == 0 || n.Retried == 0 || n.ErrorReplies != 0 {
				t.Errorf("got %d reads on the replica, %d retried, %d errors; want some, some, 0",
					n.ReadsReplica, n.Retried, n.ErrorReplies)
			}
		})
	}
}

// one is a pool of one group.
func one(g shard.Group) []shard.Group { return []shard.Group{g} }

// killWhenRead freezes the replica until reads wait on it, kills it, and waits until the
// clients have read on for a while.
func killWhenRead(st *stage, replica *rig.Child, reads *atomic.Int64) error {
	if !reaches(reads, 500) {
		return errors.New("no 500 reads before the kill")
	}
	replica.Pause()
	defer replica.Kill()
	end := time.Now().Add(patience)
	for st.server(replica.Addr).InFlight == 0 {
		if time.Now().After(end) {
			return errors.New("no read in flight on the frozen replica")
		}
	}
	replica.Kill()
	if !reaches(reads, reads.Load()+500) {
		return errors.New("no 500 reads after the kill")
	}
	return nil
}

// reaches polls a count.
func reaches(n *atomic.Int64, want int64) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); n.Load() < want; <-tick.C {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// readUntil reads in pipelines and wants the value every time.
func readUntil(st *stage, stop *atomic.Bool, reads *atomic.Int64) error {
	c, err := st.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	var frames []byte
	for range 10 {
		frames = rig.AppendCommand(frames, "GET", "k")
	}
	for !stop.Load() {
		if err := c.send(frames); err != nil {
			return err
		}
		for range 10 {
			if got, err := c.text(); err != nil || got != "v" {
				return fmt.Errorf("got %q, %v; want the value while a member lives", got, err)
			}
			reads.Add(1)
		}
	}
	return nil
}
