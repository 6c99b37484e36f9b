package loop_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// A couple is two servers of one group, of which one replicates the other.
type couple struct {
	*stage
	servers []*rig.Child
	master  int
}

func playCouple(t *testing.T) *couple {
	t.Helper()
	servers := startServers(t, 2, "--repl-diskless-sync-delay", "0")
	sc := scene{groups: one(group("g", servers[0].Addr, servers[1].Addr))}
	sc.options = loop.PoolOptions{HoldTimeout: patience, ReadPolicy: shard.ReadMaster}
	p := &couple{stage: play(t, sc), servers: servers}
	p.follow(t)
	return p
}

// follow makes the server that is not the master replicate it, and waits until it does.
func (p *couple) follow(t *testing.T) {
	t.Helper()
	host, port, _ := net.SplitHostPort(p.servers[p.master].Addr)
	askServer(t, p.other(), "REPLICAOF", host, port)
	eventually(t, "the replica is linked", func() bool {
		return strings.Contains(askServer(t, p.other(), "INFO", "replication"), "master_link_status:up")
	})
}

func (p *couple) other() string { return p.servers[1-p.master].Addr }

// askServer sends one command to a server.
func askServer(t testing.TB, addr string, args ...string) string {
	t.Helper()
	got, err := rig.Call(addr, patience, args...)
	if err != nil {
		t.Fatalf("%s: %q: %v", addr, args, err)
	}
	return string(got)
}

// offset is how far a server's replication stream has come.
func offset(t testing.TB, addr string) int {
	t.Helper()
	_, rest, _ := strings.Cut(askServer(t, addr, "INFO", "replication"), "master_repl_offset:")
	text, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// change makes the other server the master. Before it is promoted it has all that the old
// one has, so that nothing may be missing afterwards.
func (p *couple) change(t *testing.T, fence bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	old, next := p.master, 1-p.master
	p.pool.Publish(p.pool.Table().WithHold(0))
	stop := p.pool.Drain
	if fence {
		stop = p.pool.Fence
	}
	if err := stop(ctx, int32(old)); err != nil {
		t.Fatal(err)
	}
	if fence {
		askServer(t, p.servers[old].Addr, "CLIENT", "PAUSE", "60000", "WRITE")
	}
	eventually(t, "the replica has everything", func() bool {
		return offset(t, p.servers[old].Addr) == offset(t, p.servers[next].Addr)
	})
	askServer(t, p.servers[next].Addr, "REPLICAOF", "NO", "ONE")
	p.pool.Publish(p.pool.Table().WithMaster(0, int32(next)))
	if fence {
		askServer(t, p.servers[old].Addr, "CLIENT", "UNPAUSE")
	}
	p.master = next
	p.follow(t)
}

// TestChangesUnderLoad changes the master again and again below writers who send pipelines
// of numbered RPUSHes, each list by one client. Every number that was accepted is there once,
// in the order of sending, none fails, and only a fence makes some unknown: never more than
// were in flight.
func TestChangesUnderLoad(t *testing.T) {
	for _, fence := range []bool{false, true} {
		t.Run(fmt.Sprintf("fence=%t", fence), func(t *testing.T) {
			const writers, depth, changes = 8, 10, 6
			p := playCouple(t)
			cr := p.work(writers, 0, depth)
			for range changes {
				cr.after(t, 3*writers)
				p.change(t, fence)
			}
			cr.after(t, 3*writers)
			cr.end(t)
			unknown := 0
			for _, w := range cr.writers {
				if len(w.refused) > 0 {
					t.Errorf("%s: got %q; want none refused", w.key, w.refused)
				}
				unknown += len(w.unknown)
				w.check(t, list(t, p.servers[p.master].Addr, w.key))
			}
			most := 0
			if fence {
				most = changes * writers * depth
			}
			if unknown > most {
				t.Errorf("got %d of unknown outcome; want at most the %d in flight", unknown, most)
			}
			k := p.counters()
			if k.Held == 0 || k.HeldNow != 0 {
				t.Errorf("got %d held, %d still; want some and none", k.Held, k.HeldNow)
			}
			t.Logf("%d unknown, %d held, %d released", unknown, k.Held, k.Released)
		})
	}
}

// TestWaitersThroughChanges: clients that are blocked in BLPOP, and clients that add to a
// counter with WATCH and EXEC, go through changes of the master without an error; nothing
// that was pushed is popped twice or lost, and no addition is lost or doubled.
func TestWaitersThroughChanges(t *testing.T) {
	p := playCouple(t)
	const poppers, adders, changes = 4, 4, 5
	stop := make(chan struct{})
	var popped sync.Map
	var pushed, added atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- together(poppers+adders+1, func(i int) error {
			switch {
			case i < poppers:
				return p.popAll(stop, &popped)
			case i < poppers+adders:
				return p.addUp(stop, &added)
			}
			return p.pushAll(stop, &pushed)
		})
	}()
	for range changes {
		before := added.Load()
		eventually(t, "additions go on", func() bool { return added.Load() > before+20 })
		p.change(t, false)
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	n := 0
	popped.Range(func(_, times any) bool {
		if n++; *times.(*int) != 1 {
			t.Errorf("a number was popped %d times; want once", *times.(*int))
		}
		return true
	})
	if n != int(pushed.Load()) {
		t.Errorf("got %d numbers popped; want the %d pushed", n, pushed.Load())
	}
	p.dial().want(t, strconv.FormatInt(added.Load(), 10), "GET", "sum")
}

// popAll pops until it is told to stop and finds nothing more.
func (p *couple) popAll(stop chan struct{}, popped *sync.Map) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for {
		got, err := c.do("BLPOP", "queue", "1")
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(got, "*2"):
			times, _ := popped.LoadOrStore(strings.Split(got, "\r\n")[4], new(int))
			*times.(*int)++
		case got != "*-1\r\n":
			return fmt.Errorf("BLPOP = %q", got)
		case stopped(stop):
			return nil
		}
	}
}

// pushAll pushes numbers.
func (p *couple) pushAll(stop chan struct{}, pushed *atomic.Int64) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !stopped(stop) {
		<-tick.C
		if got, err := c.do("RPUSH", "queue", strconv.FormatInt(pushed.Load(), 10)); err != nil || strings.HasPrefix(got, "-") {
			return fmt.Errorf("RPUSH = %q, %w", got, err)
		}
		pushed.Add(1)
	}
	return nil
}

// addUp adds one to a counter, as often as it can, in transactions that watch it.
func (p *couple) addUp(stop chan struct{}, added *atomic.Int64) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for !stopped(stop) {
		var said []string
		sum := ""
		for _, step := range [][]string{{"WATCH", "sum"}, {"GET", "sum"}, {"MULTI"}, {"SET", "sum"}, {"EXEC"}} {
			if step[0] == "SET" {
				n, _ := strconv.Atoi(sum) // "(nil)" is 0
				step = append(step, strconv.Itoa(n+1))
			}
			got, err := c.do(step...)
			if err != nil {
				return err
			}
			if step[0] == "GET" {
				sum = got
			}
			said = append(said, got)
		}
		switch last := said[len(said)-1]; {
		case slices.ContainsFunc(said, func(got string) bool { return strings.HasPrefix(got, "-") }):
			return fmt.Errorf("a transaction got %q", said)
		case strings.HasPrefix(last, "*1"):
			added.Add(1)
		}
	}
	return nil
}

// stopped reports whether a channel is closed.
func stopped(stop chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}
