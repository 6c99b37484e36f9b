package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"huntaway/perf/bench/rig"
)

// The goals for memory.
const (
	idleBytes  = 1 << 10                // of heap per idle connection
	burstBytes = 20 << 20               // of RSS more than before a burst
	pauseMost  = 200 * time.Microsecond // of one collection's pauses
)

// ours returns the subjects that are Huntaway.
func (b *bench) ours() []subject {
	return slices.DeleteFunc(b.present(), func(s subject) bool { return s.kind != huntaway })
}

// each runs a measurement on a fresh stand of every Huntaway, warmed up with the load.
func (b *bench) each(ctx context.Context, l load, run func(*stand) error) error {
	for _, s := range b.ours() {
		if err := onWarmStand(ctx, s, l, run); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func onWarmStand(ctx context.Context, s subject, l load, run func(*stand) error) (err error) {
	st, err := newStand(ctx, s, 2)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := st.fill(l); err != nil {
		return err
	}
	if _, err := l.run(ctx, st.addr, l.warm); err != nil {
		return err
	}
	return run(st)
}

// idleHeap measures what connections cost that have asked once and then wait.
func (b *bench) idleHeap(ctx context.Context) error {
	s := section{
		title: fmt.Sprintf("Heap of %d idle connections", b.idle),
		notes: []string{"Each connection sent one GET and read its reply before it fell idle. Live heap after a " +
			"collection, before and after."},
		head: []string{"subject", "heap before MiB", "heap after MiB", "bytes per connection", "RSS bytes per connection"},
	}
	err := b.each(ctx, named("get"), func(st *stand) error {
		row, per, err := b.idleRow(st)
		if err == nil {
			s.rows = append(s.rows, row)
			b.goals = append(b.goals, atMost(st.subject.name+": heap bytes per idle connection", "%.0f", per, idleBytes))
		}
		return err
	})
	b.sections = append(b.sections, s)
	return err
}

// idleRow returns the row and the heap bytes per connection.
func (b *bench) idleRow(st *stand) ([]string, float64, error) {
	before, rssBefore, err := st.heapAndRSS()
	if err != nil {
		return nil, 0, err
	}
	conns, err := openIdle(st.addr, b.idle)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return nil, 0, err
	}
	after, rssAfter, err := st.heapAndRSS()
	if err != nil {
		return nil, 0, err
	}
	per := float64(after.alloc-before.alloc) / float64(b.idle)
	return []string{st.subject.name, mebibytes(before.alloc), mebibytes(after.alloc), fmt.Sprintf("%.0f", per),
		fmt.Sprintf("%.0f", float64(rssAfter-rssBefore)/float64(b.idle))}, per, nil
}

func (st *stand) heapAndRSS() (heap, int64, error) {
	h, err := heapOf(st.proxy.Admin, "1")
	if err != nil {
		return h, 0, err
	}
	rss, err := status(st.proxy.PID(), "VmRSS")
	return h, rss, err
}

// openIdle opens n connections, each of which has asked for a key and has its value. The
// connections opened so far are returned with an error.
func openIdle(addr string, n int) ([]net.Conn, error) {
	ask := rig.AppendCommand(nil, "GET", "key:000000000000")
	reply := make([]byte, len("$3\r\nxxx\r\n"))
	var conns []net.Conn
	for range n {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			return conns, fmt.Errorf("after %d connections: %w", len(conns), err)
		}
		conns = append(conns, c)
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return conns, err
		}
		if _, err := c.Write(ask); err != nil {
			return conns, err
		}
		if got, err := c.Read(reply); err != nil || string(reply[:got]) != "$3\r\nxxx\r\n" {
			return conns, fmt.Errorf("connection %d got %q, %v to GET; want a value", len(conns), reply[:got], err)
		}
	}
	return conns, nil
}

// burst measures how soon memory is given back after many clients with long pipelines.
func (b *bench) burst(ctx context.Context) error {
	s := section{
		title: "Memory after a burst of 1000 clients with pipeline 100",
		head:  []string{"subject", "RSS before MiB", "highest MiB", "lowest after MiB", "within 20 MiB after"},
	}
	err := b.each(ctx, named("get"), func(st *stand) error {
		row, over, err := b.burstRow(ctx, st)
		if err == nil {
			s.rows = append(s.rows, row)
			b.goals = append(b.goals, atMost(
				fmt.Sprintf("%s: MiB of RSS over that before a burst, within %v", st.subject.name, b.hold),
				"%.1f", float64(over)/(1<<20), burstBytes>>20))
		}
		return err
	})
	b.sections = append(b.sections, s)
	return err
}

// burstRow returns the row and the bytes that were not given back.
func (b *bench) burstRow(ctx context.Context, st *stand) ([]string, int64, error) {
	before, err := status(st.proxy.PID(), "VmRSS")
	if err != nil {
		return nil, 0, err
	}
	l := named("get-p100")
	l.clients = 1000
	n := 20 * l.clients * l.pipeline
	if b.requests > 0 {
		n = b.requests
	}
	if _, err := l.run(ctx, st.addr, n); err != nil {
		return nil, 0, err
	}
	lowest, took, err := b.settle(ctx, st, before)
	if err != nil {
		return nil, 0, err
	}
	peak, err := status(st.proxy.PID(), "VmHWM")
	within := "never"
	if lowest-before <= burstBytes {
		within = took.Round(time.Second / 10).String()
	}
	return []string{st.subject.name, mebibytes(before), mebibytes(peak), mebibytes(lowest), within}, lowest - before, err
}

// settle watches RSS until it is near what it was, for as long as b.hold.
func (b *bench) settle(ctx context.Context, st *stand, before int64) (lowest int64, took time.Duration, err error) {
	start := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		rss, err := status(st.proxy.PID(), "VmRSS")
		if err != nil {
			return 0, 0, err
		}
		if lowest == 0 || rss < lowest {
			lowest = rss
		}
		if took = time.Since(start); lowest-before <= burstBytes || took > b.hold {
			return lowest, took, nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-tick.C:
		}
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }
