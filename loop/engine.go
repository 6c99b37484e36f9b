package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"huntaway/loop/memory"
	"huntaway/loop/netio"
	"huntaway/perf"
	"huntaway/perf/repeat"
	"huntaway/shard"
)

// An Engine is the event loops, and the pools that they serve.
//
// Call New, AddPool for each pool, Start, and Pool.Serve for each listener; then Drain and
// Stop. AddPool must not be called after Start.
type Engine struct {
	// Fixed when made.
	opt         Options
	report      Reporter
	limit       int         // of descriptors, of the process
	descriptors int         // of these for clients, and for links that are lent to them; fixed by the last AddPool
	often       *repeat.Log // for lines that clients and servers can cause

	// Fixed by Start.
	reactor *netio.Reactor
	workers []*worker
	pools   []*Pool
	done    chan struct{} // closed by Stop
	stirred chan struct{} // one is that a worker rests no more; room for one

	// How dials end with the engine.
	dialing  context.Context // over when Stop has been called
	stopDial context.CancelFunc
	dials    sync.WaitGroup // those under way; workers add, until they see done

	// Counted.
	clients atomic.Int64  // sessions open or being opened
	private atomic.Int64  // links that are lent or kept for that
	lastID  atomic.Uint64 // of a session

	mu        sync.Mutex // guards the listeners; never taken on an event loop
	listeners map[net.Listener]struct{}
	closed    bool
}

// New makes an engine that serves nothing yet.
func New(opt Options) (*Engine, error) {
	if opt.Workers <= 0 {
		// On two CPUs that servers and clients share, a second loop made each request half
		// as dear again (make bench, GET of 50 clients): batches halve, wake-ups double.
		opt.Workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Reporter == nil {
		opt.Reporter = deaf{}
	}
	if opt.Dial == nil {
		opt.Dial = func(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
			return d.DialContext(ctx, network, addr)
		}
	}
	if opt.mapping.Get == nil {
		opt.mapping = memory.SystemMapping
	}
	e := &Engine{opt: opt, report: opt.Reporter, often: repeat.New(opt.Logger), done: make(chan struct{}), stirred: make(chan struct{}, 1),
		listeners: make(map[net.Listener]struct{})}
	e.limit = limitOfDescriptors()
	e.descriptors = e.forClients()
	e.dialing, e.stopDial = context.WithCancel(context.Background())
	return e, nil
}

// Workers is how many event loops the engine has.
func (e *Engine) Workers() int { return e.opt.Workers }

// deaf is the Reporter of an engine that nobody listens to.
type deaf struct{}

func (deaf) LinkUp(string, int32)            {}
func (deaf) LinkFailed(string, int32, error) {}
func (deaf) Demoted(string, int32)           {}
func (deaf) Stalled(string, int32)           {}
func (deaf) Exchanged(string, int32)         {}
func (deaf) Moved(string)                    {}

// Clients is how many clients are connected, or about to be.
func (e *Engine) Clients() int { return int(e.clients.Load()) }

// OutsideHeap is how many bytes of memory the event loops had outside of Go's heap when that was last
// counted.
func (e *Engine) OutsideHeap() (bytes int64) {
	for _, w := range e.workers {
		bytes += w.arena.OutsideHeap()
	}
	return bytes
}

// AddPool adds a pool. It serves when the engine has started and it has a listener.
func (e *Engine) AddPool(opt PoolOptions) (*Pool, error) {
	switch {
	case e.workers != nil:
		return nil, errors.New("loop: AddPool after Start")
	case opt.Table == nil || opt.Commands == nil:
		return nil, errors.New("loop: a pool needs a table and a command table")
	}
	p := newPool(e, len(e.pools), opt)
	e.pools = append(e.pools, p)
	e.descriptors = e.forClients()
	return p, nil
}

// Start starts the event loops.
func (e *Engine) Start() error {
	r, err := netio.NewReactor(e.opt.Workers, e.opt.Logger)
	if err != nil {
		return err
	}
	e.reactor = r
	if e.opt.blind {
		r.GoBlind()
	}
	if !e.Suspends() {
		e.opt.Logger.Warn("reading from connections cannot be suspended: gnet is another than expected",
			"consequence", "who sends without reading is cut off instead of being made to wait")
	}
	workers := make([]*worker, e.opt.Workers)
	for i := range workers {
		w := newWorker(e, i, func(task func()) { r.Post(i, task) })
		w.flushes.post = r.Poster(i, w.flushes.run)
		w.turns.ask = r.Turns(i, w.takeTurn)
		workers[i] = w
	}
	e.workers = workers
	e.postAll(func(w *worker) {
		for _, p := range e.pools {
			w.pools = append(w.pools, newPoolWorker(w, p))
		}
		for _, pw := range w.pools {
			pw.preconnect()
		}
	})
	go e.tick()
	return nil
}

// Suspends reports whether event loops can stop reading from a connection: otherwise who sends
// without reading is not made to wait, but cut off. It is known once the engine has started.
func (e *Engine) Suspends() bool { return e.reactor == nil || e.reactor.Suspends() }

// postAll runs f on every worker, later, as an event: what f makes ready is written.
func (e *Engine) postAll(f func(*worker)) {
	for _, w := range e.workers {
		w.post(func() {
			w.begin()
			f(w)
			w.end()
		})
	}
}

// tick is the ticker's goroutine. Event loops have no timers of their own.
func (e *Engine) tick() {
	t := time.NewTimer(tickBusy)
	defer t.Stop()
	clocks := make([]clock, len(e.workers))
	for i, w := range e.workers {
		clocks[i] = clock{w: w, post: e.reactor.Poster(i, w.tick)}
	}
	for {
		select {
		case <-e.done:
			return
		case <-e.stirred:
		case <-t.C:
		}
		now, wait := perf.Now(), int64(tickRest)
		for i := range clocks {
			wait = min(wait, clocks[i].strike(now))
		}
		t.Reset(time.Duration(wait))
	}
}

// Alive reports whether every event loop has ticked within the last 5 s.
func (e *Engine) Alive() bool {
	for _, w := range e.workers {
		if !w.alive() {
			return false
		}
	}
	return true
}

// Busy reports whether some event loop has requests in flight or clients that are behind.
func (e *Engine) Busy() bool {
	for _, w := range e.workers {
		if w.gauges.busy.Load() {
			return true
		}
	}
	return false
}

// Drain closes the listeners, lets every session end when nothing is owed to it, and
// returns when all have ended or ctx is over.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	for ln := range e.listeners {
		ln.Close()
	}
	e.mu.Unlock()
	by := drainBy(ctx)
	e.postAll(func(w *worker) { w.drain(by) })
	t := time.NewTicker(tickBusy)
	defer t.Stop()
	for e.clients.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// Stop closes everything at once. The engine cannot be started again.
func (e *Engine) Stop() error {
	e.mu.Lock()
	e.closed = true
	for ln := range e.listeners {
		ln.Close()
	}
	e.mu.Unlock()
	if e.stopping() {
		return nil
	}
	close(e.done)
	e.often.Close()
	e.stopDial()
	if e.reactor == nil {
		return nil
	}
	e.lastDials()
	return e.reactor.Stop()
}

// lastDials returns when no dial is under way and none can begin. A connection that gnet is
// given while it stops would be waited for for ever.
func (e *Engine) lastDials() {
	seen := make(chan struct{}, len(e.workers))
	e.postAll(func(*worker) { seen <- struct{}{} })
	for range e.workers {
		select {
		case <-seen:
		case <-time.After(heartbeatLimit): // it is stuck, and dials nothing
		}
	}
	e.dials.Wait()
}

// stopping reports whether Stop has been called: what breaks then is no news.
func (e *Engine) stopping() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// Snapshot asks every worker for a copy of its counters and adds them up. It fails when an
// event loop does not answer before ctx is over.
func (e *Engine) Snapshot(ctx context.Context) (perf.Snapshot, error) {
	copies := make(chan []tally, len(e.workers))
	e.postAll(func(w *worker) { copies <- w.tallies() })
	sum := make([]tally, len(e.pools))
	for range e.workers {
		select {
		case c := <-copies:
			for i := range c {
				sum[i].add(&c[i])
			}
		case <-ctx.Done():
			return perf.Snapshot{}, fmt.Errorf("an event loop does not answer: %w", ctx.Err())
		case <-e.done:
			return perf.Snapshot{}, net.ErrClosed
		}
	}
	var s perf.Snapshot
	for i, p := range e.pools {
		s.Pools = append(s.Pools, p.snapshot(&sum[i]))
	}
	return s, nil
}

// blankGroup names a group and its servers.
func blankGroup(g *shard.Group) perf.GroupSnapshot {
	out := perf.GroupSnapshot{Name: g.Name}
	for i := range g.Servers {
		s := &g.Servers[i]
		role := byte(s.Role)
		switch {
		case s.ID == g.Master:
			out.Master, role = s.Addr, byte(shard.Master)
		case s.Role == shard.Master:
			role = byte(shard.Replica) // it was configured as master and is not any more
		}
		out.Servers = append(out.Servers, perf.ServerSnapshot{Addr: s.Addr, Name: s.Name, Role: role})
	}
	return out
}
