package loop_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// TestStoppedReplicaFailsNoRead: while a replica is stopped every read is answered, none of
// them late; when it goes on it serves again.
func TestStoppedReplicaFailsNoRead(t *testing.T) {
	for _, replicas := range []int{1, 2} {
		t.Run(fmt.Sprint(replicas, " replicas"), func(t *testing.T) {
			master := startServers(t, 1, "--repl-diskless-sync-delay", "0")[0]
			host, port, _ := strings.Cut(master.Addr, ":")
			addrs := []string{master.Addr}
			servers := startServers(t, replicas, "--replicaof", host+" "+port)
			for _, s := range servers {
				addrs = append(addrs, s.Addr)
			}
			sc := scene{groups: one(group("g", addrs...))}
			sc.options = loop.PoolOptions{ReadPolicy: shard.PreferReplica, Timeout: 3 * time.Second}
			st := play(t, sc)
			st.dial().want(t, "OK", "SET", "k", "v")
			for _, s := range servers {
				eventually(t, "the replica has the key", func() bool {
					got, err := rig.Call(s.Addr, patience, "GET", "k")
					return err == nil && got == "v"
				})
			}
			var stop atomic.Bool
			var reads, slowest atomic.Int64
			stopped := make(chan error, 1)
			go func() {
				defer stop.Store(true)
				stopped <- stopWhileRead(st, servers[0], &reads)
			}()
			watch := rig.StartWatch()
			err := together(8, func(int) error { return timedReads(st, &stop, &reads, &slowest) })
			if err = errors.Join(err, <-stopped); err != nil {
				t.Error(err)
			}
			if n := st.counters(); n.Retried == 0 || n.ErrorReplies != 0 {
				t.Errorf("got %d sent again, %d errors; want some and 0", n.Retried, n.ErrorReplies)
			}
			watch.Took()
			if took := time.Duration(slowest.Load()); took > 1500*time.Millisecond+5*watch.Worst() {
				t.Errorf("the slowest read took %v; want about 0.3 s, and half the time-out at most", took)
			} else {
				t.Logf("%d reads, the slowest took %v", reads.Load(), took)
			}
		})
	}
}

// stopWhileRead stops a replica for a while in which it is given up, and waits until it is
// read from again.
func stopWhileRead(st *stage, replica *rig.Child, reads *atomic.Int64) error {
	served := func() int64 { return int64(st.server(replica.Addr).Replies) }
	serves := func() bool {
		before, end := served(), time.Now().Add(patience)
		for served() < before+500 {
			if time.Now().After(end) {
				return false
			}
		}
		return true
	}
	if !serves() {
		return errors.New("the replica does not serve before it is stopped")
	}
	for _, long := range []time.Duration{700 * time.Millisecond, 2500 * time.Millisecond} {
		replica.Pause()
		<-time.After(long)
		before := reads.Load()
		ok := reaches(reads, before+500)
		replica.Resume()
		if !ok {
			return fmt.Errorf("no 500 reads while the replica is stopped for %v", long)
		}
		if !serves() {
			return fmt.Errorf("the replica does not serve again after %v", long)
		}
	}
	return nil
}

// timedReads is readUntil, and keeps how long the slowest pipeline took.
func timedReads(st *stage, stop *atomic.Bool, reads, slowest *atomic.Int64) error {
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
		began := time.Now()
		if err := c.send(frames); err != nil {
			return err
		}
		for range 10 {
			if got, err := c.text(); err != nil || got != "v" {
				return fmt.Errorf("got %q, %v; want the value while a member is well", got, err)
			}
			reads.Add(1)
		}
		took := int64(time.Since(began))
		for most := slowest.Load(); took > most && !slowest.CompareAndSwap(most, took); most = slowest.Load() {
		}
	}
	return nil
}
