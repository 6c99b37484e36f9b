package loop_test

import (
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// echoes returns how many ECHOs a server has run.
func echoes(t testing.TB, addr string) int {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	found := regexp.MustCompile(`cmdstat_echo:calls=(\d+)`).FindStringSubmatch(c.must(t, "INFO", "commandstats"))
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCanaryRaisesNoFalseAlarm: five seconds of pipelines, large values and, because a
// server falls asleep again and again, late replies.
func TestCanaryRaisesNoFalseAlarm(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOTHING TESTED: takes 5 s")
	}
	t.Parallel()
	servers := startServers(t, 2)
	sc := scene{groups: alone(servers...), engine: loop.Options{Workers: 2}}
	sc.options.Timeout = 100 * time.Millisecond
	st := play(t, sc)
	var over atomic.Bool
	err := together(9, func(i int) error {
		if i == 8 {
			defer over.Store(true)
			return disturb(servers[0].Addr)
		}
		return untilOver(st, &over, i)
	})
	if err != nil {
		t.Error(err)
	}
	for i, server := range servers {
		s := st.server(server.Addr)
		if s.Desyncs+s.Errs+s.EOF != 0 {
			t.Errorf("server %d: got %d desyncs and %d lost links; want none", i, s.Desyncs, s.Errs+s.EOF)
		}
		most := 2*8 + int(s.Requests/4096)
		if n := echoes(t, server.Addr); n < 4 || n > most {
			t.Errorf("server %d: got %d canaries in 5 s from two workers; want about one each per second, at most %d", i, n, most)
		}
	}
	if s := st.server(servers[0].Addr); s.TimedOut == 0 || s.Sinks == 0 {
		t.Errorf("got %d time-outs and %d late replies; want some: the server slept", s.TimedOut, s.Sinks)
	}
}

// disturb lets a server sleep longer than a request may take, a few times in 5 s.
func disturb(addr string) error {
	for range 5 {
		if _, err := rig.Call(addr, patience, "DEBUG", "SLEEP", "0.15"); err != nil {
			return err
		}
		<-time.After(850 * time.Millisecond)
	}
	return nil
}

// untilOver sends pipelines of reads and writes and checks that each gets its own reply,
// or none.
func untilOver(st *stage, over *atomic.Bool, who int) error {
	c, err := st.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for round := 0; !over.Load(); round++ {
		var frames []byte
		var want []string
		for i := range 20 {
			key := fmt.Sprint(who, ".", i)
			want = append(want, "OK", value(key, 1<<(i%14)))
			frames = rig.AppendCommand(frames, "SET", key, want[2*i+1])
			frames = rig.AppendCommand(frames, "GET", key)
		}
		if err := c.send(frames); err != nil {
			return err
		}
		for i := range want {
			got, err := c.text()
			if err != nil {
				return err
			}
			if got != want[i] && got != "(nil)" && !mayHaveRun(got) && !notRun(got) {
				return fmt.Errorf("client %d, round %d: got %.80q; want %.80q", who, round, got, want[i])
			}
		}
	}
	return nil
}
