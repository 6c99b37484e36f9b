package ha

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/shard"
)

// A relay is a Publisher through which a test writes as clients would: writes wait while the
// group is held, a fence closes what is open, a drain waits for what is under way.
type relay struct {
	board
	mu      sync.Mutex // guards the following
	open    map[int32]*redis.Client
	flying  map[int32]int
	changed chan struct{} // closed and replaced at each publication and end of a write
	fenced  []int32       // in this order
	masters []int32       // as published, one after the other
}

func newRelay() *relay {
	return &relay{open: map[int32]*redis.Client{}, flying: map[int32]int{}, changed: make(chan struct{})}
}

func (r *relay) stir() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *relay) Publish(t *shard.Table) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := t.Groups[0].Master; len(r.masters) == 0 || r.masters[len(r.masters)-1] != m {
		r.masters = append(r.masters, m)
	}
	r.board.Publish(t)
	r.stir()
}

func (r *relay) Fence(_ context.Context, id int32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fenced = append(r.fenced, id)
	if c := r.open[id]; c != nil {
		c.Close()
		delete(r.open, id)
	}
	return nil
}

func (r *relay) Drain(ctx context.Context, id int32) error {
	for {
		r.mu.Lock()
		n, changed := r.flying[id], r.changed
		r.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// enter waits until the group is not held, and counts a write in at its master.
func (r *relay) enter(ctx context.Context) (int32, *redis.Client) {
	for ctx.Err() == nil {
		r.mu.Lock()
		g, changed := &r.Table().Groups[0], r.changed
		if id := g.Master; !g.Held && id >= 0 {
			if r.open[id] == nil {
				r.open[id] = Access{Timeout: time.Second}.open("tcp", r.Table().Server(id).Addr)
			}
			c := r.open[id]
			r.flying[id]++
			r.mu.Unlock()
			return id, c
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return -1, nil
}

func (r *relay) leave(id int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying[id]--
	r.stir()
}

// A writer counts what became of the writes of a list.
type writer struct {
	acked  []string // in this order
	failed []error
}

// write appends to a list until ctx ends, without a rest.
func (r *relay) write(ctx context.Context) (w writer) {
	for n := 0; ; n++ {
		id, c := r.enter(ctx)
		if c == nil {
			return w
		}
		value := fmt.Sprint(n)
		if err := c.RPush(context.Background(), "list", value).Err(); err != nil {
			w.failed = append(w.failed, fmt.Errorf("%s: %w", value, err))
		} else {
			w.acked = append(w.acked, value)
		}
		r.leave(id)
	}
}

func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		c.Close()
	}
}

// A troupe is a group of real servers in mode local under a monitor.
type troupe struct {
	*trial
	*relay
	o   PoolOptions
	all []*instance
	end context.CancelFunc // of the monitor
	ran sync.WaitGroup
}

// cast starts a master with so many replicas and a monitor that may promote, with short times.
func cast(t *testing.T, replicas int, change func(*PoolOptions)) *troupe {
	t.Helper()
	all := []*instance{launch(t)}
	for range replicas {
		all = append(all, launch(t).follows(all[0]))
	}
	all[0].replicated(replicas) // it takes them for online only when they have acknowledged
	return castOf(t, all, change)
}

// castOf is cast over servers that run.
func castOf(t *testing.T, all []*instance, change func(*PoolOptions)) *troupe {
	t.Helper()
	tr := &troupe{relay: newRelay(), all: all}
	tr.relay.Publish(tableOf(t, nil, groupOf("g", all...)).WithReaders(0, nil))
	tr.o = PoolOptions{Name: "p", Publisher: tr.relay, ProbeInterval: 100 * time.Millisecond,
		Access: Access{Timeout: 250 * time.Millisecond}, StateDir: t.TempDir(),
		Failover: failover.Options{Mode: failover.Local, DownRefused: int64(300 * time.Millisecond),
			DownSilence: int64(time.Second), MinInterval: int64(time.Millisecond), HourlyCap: 100}}
	if change != nil {
		change(&tr.o)
	}
	tr.trial = &trial{t: t, board: &tr.relay.board}
	t.Cleanup(tr.close)
	tr.begin()
	t.Cleanup(tr.stop)
	return tr
}

// begin runs a new monitor, as a new process would.
func (tr *troupe) begin() {
	tr.t.Helper()
	tr.m = NewMonitor(Options{})
	if err := tr.m.Watch(tr.o); err != nil {
		tr.t.Fatal(err)
	}
	var ctx context.Context
	ctx, tr.end = context.WithCancel(context.Background())
	tr.ran.Go(func() { tr.m.Run(ctx) })
}

// stop ends the monitor and waits for its end.
func (tr *troupe) stop() { tr.end(); tr.ran.Wait() }

// Table and Publish are the relay's.
func (tr *troupe) Table() *shard.Table { return tr.relay.Table() }

func (tr *troupe) Publish(t *shard.Table) { tr.relay.Publish(t) }

// state returns what the group's machine thinks.
func (tr *troupe) state() failover.Status {
	all := tr.m.Groups()
	if len(all) == 0 {
		return failover.Status{Master: -1}
	}
	return all[0].Status
}

// settled waits until the machine is healthy with this master, which takes writes, and exactly the
// others named read.
func (tr *troupe) settled(master int32, readers string) {
	tr.t.Helper()
	tr.await(fmt.Sprintf("healthy with master %d and readers %s", master, readers), func() bool {
		s, g := tr.state(), tr.Table().Groups[0]
		return s.State == failover.Healthy && s.Epoch > 0 && s.Master == master && g.Master == master && !g.Held && tr.readers() == readers
	})
}

// await is eventually, with what the monitor says when it does not come about.
func (tr *troupe) await(what string, cond func() bool) {
	tr.t.Helper()
	for end := time.Now().Add(busy * 25 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tr.t.Fatalf("got no: %s; status %+v, table %+v%s", what, tr.state(), tr.Table().Groups[0], tr.describe())
		}
	}
}

// said waits until the monitor has said something of the group.
func (tr *troupe) said(what string) {
	tr.t.Helper()
	tr.await("event "+what, func() bool { return strings.Contains(tr.describe(), what) })
}

// list returns the list that write appends to, as a server has it.
func (i *instance) list() []string {
	i.t.Helper()
	got, err := i.Client.LRange(context.Background(), "list", 0, -1).Result()
	if err != nil {
		i.t.Fatal(err)
	}
	return got
}

// replicated waits until so many replicas have what i has. WAIT speaks of the writes of its own
// connection, so it makes one.
func (i *instance) replicated(n int) {
	i.t.Helper()
	c := i.Client.Conn()
	defer c.Close()
	ctx := context.Background()
	if err := c.Set(ctx, "huntaway:test", 1, 0).Err(); err != nil {
		i.t.Fatal(err)
	}
	if got, err := c.Do(ctx, "WAIT", n, 5000).Int(); got < n || err != nil {
		i.t.Fatalf("WAIT %d: got %d, %v", n, got, err)
	}
}
