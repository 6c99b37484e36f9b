package ha

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/shard"
)

const (
	reportsMost = 256 // reports of the data path that may wait, per pool
	journalMost = 100 // transitions that are remembered
)

// A Monitor watches the servers of all pools and keeps their tables right. It is a
// loop.Reporter. Its methods may be called from any goroutine; none blocks for longer than
// one event takes, and those of the Reporter never do.
type Monitor struct {
	// Fixed when made.
	log      *slog.Logger
	stateDir string // for pools that name none

	// Published. By name; the one writer holds mu.
	pools atomic.Pointer[map[string]*watch]

	mu      sync.Mutex      // guards the following, and is held across a change of pools
	ctx     context.Context // of Run; nil before it
	running sync.WaitGroup  // the watch goroutines; none is added once ctx has ended

	servers   journal       // what detectors report
	noted     atomic.Uint64 // how many of both there were
	decisions journal       // what failover machines report, which come seldom and must not be swept away
}

// A journal is the newest transitions.
type journal struct {
	mu   sync.Mutex   // guards kept; held for no longer than a copy takes
	kept []Transition // newest last, at most journalMost
}

// NewMonitor returns a monitor that watches nothing yet. It silences the log of the go-redis
// library for the whole process: what its connections suffer is reported here.
func NewMonitor(o Options) *Monitor {
	silenceLibrary()
	m := &Monitor{log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), stateDir: o.StateDir}
	m.pools.Store(&map[string]*watch{})
	return m
}

// Run watches until ctx ends, and returns when everything it started has ended. It is
// called once.
func (m *Monitor) Run(ctx context.Context) {
	m.mu.Lock()
	m.ctx = ctx
	for _, w := range *m.pools.Load() {
		m.start(w)
	}
	m.mu.Unlock()
	<-ctx.Done()
	m.mu.Lock() // no Watch is between its look at ctx and running.Add
	m.mu.Unlock()
	m.running.Wait()
	for _, w := range *m.pools.Load() {
		w.stateStore.close()
	}
}

// start sets w going. The caller holds mu.
func (m *Monitor) start(w *watch) {
	if m.ctx == nil || m.ctx.Err() != nil {
		return
	}
	w.start(m.ctx, &m.running)
}

// Watch adds a pool, before Run or while it runs. A pool of the same name is replaced: its
// watch has ended before the new one begins. Where failover is not merely observed, groups
// that have somebody to fail over to are held until it is known who their master is: the
// configured one may have been replaced in an earlier life. Afterwards nobody but the monitor may publish a
// table to o.Publisher, except through Change.
func (m *Monitor) Watch(o PoolOptions) error {
	complete, err := o.complete()
	if err != nil {
		return fmt.Errorf("watching pool %q: %w", o.Name, err)
	}
	if complete.MaxLag != o.MaxLag {
		m.log.Warn("max_lag raised", "pool", o.Name, "max_lag", o.MaxLag,
			"to", complete.MaxLag, "probe_interval", complete.ProbeInterval)
	}
	complete.StateDir = cmp.Or(complete.StateDir, m.stateDir)
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.stateStoreOf(complete)
	if err != nil {
		return fmt.Errorf("watching pool %q: %w", o.Name, err)
	}
	w := newWatch(complete, v, m.note)
	if (*m.pools.Load())[o.Name] == nil {
		w.reserve()
	}
	m.exchange(o.Name, w)
	m.start(w)
	return nil
}

// stateStoreOf returns where a pool's intents are kept: where they are kept already, or a new
// place. The caller holds mu.
func (m *Monitor) stateStoreOf(o PoolOptions) (*stateStore, error) {
	if old := (*m.pools.Load())[o.Name]; old != nil && old.stateStore.dir == o.StateDir && old.stateStore.from == o.StateFrom {
		return old.stateStore, nil
	}
	v := &stateStore{dir: o.StateDir, from: o.StateFrom, pool: o.Name}
	if o.Failover.Mode == failover.Local {
		return v, v.open()
	}
	return v, nil
}

// Forget ends the watch of a pool. Its table stays as it is.
func (m *Monitor) Forget(pool string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exchange(pool, nil)
}

// exchange puts w, if any, in the place of the named pool's watch and ends that one. The caller
// holds mu.
func (m *Monitor) exchange(name string, w *watch) {
	pools := maps.Clone(*m.pools.Load())
	old := pools[name]
	delete(pools, name)
	if w != nil {
		pools[name] = w
	}
	m.pools.Store(&pools)
	if old == nil {
		return
	}
	old.stop()
	if w != nil {
		w.inherit(old)
	}
	if w == nil || w.stateStore != old.stateStore {
		old.stateStore.close()
	}
}

// LinkUp hears that the data path opened a link. It never blocks.
func (m *Monitor) LinkUp(pool string, server int32) { m.report(pool, server, LinkOpened) }

// Exchanged hears that another process answered the data path than the one that was last looked at. It
// never blocks.
func (m *Monitor) Exchanged(pool string, server int32) { m.report(pool, server, LinkExchanged) }

// LinkFailed hears that the data path lost a link or could not open one; the cause is for
// the data path's own log. It never blocks.
func (m *Monitor) LinkFailed(pool string, server int32, _ error) { m.report(pool, server, LinkLost) }

// Demoted hears that a server refused a write with READONLY. It never blocks.
func (m *Monitor) Demoted(pool string, server int32) { m.report(pool, server, ReadOnly) }

// Stalled hears that a server owes replies and has been silent. It never blocks.
func (m *Monitor) Stalled(pool string, server int32) { m.report(pool, server, LinkStalled) }

// report queues an event for the pool's watch, or drops and counts it.
func (m *Monitor) report(pool string, server int32, kind EventKind) {
	w := (*m.pools.Load())[pool]
	if w == nil {
		return
	}
	select {
	case w.reports <- Event{Kind: kind, Server: server}:
	default:
		w.dropped.Add(1)
	}
}

// Dropped returns how many reports of the data path were dropped because a queue was full.
func (m *Monitor) Dropped() (n uint64) {
	for _, w := range *m.pools.Load() {
		n += w.dropped.Load()
	}
	return n
}

// Status returns what is thought of every server of every running pool, the pools in the
// order of their names.
func (m *Monitor) Status() []ServerStatus {
	var all []ServerStatus
	pools := *m.pools.Load()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		all = append(all, pools[name].status()...)
	}
	return all
}

// Change replaces the pool's table by what change makes of it, with no chance that the
// monitor overwrites the new table or the change overwrites the monitor's. A reload goes
// through here: build the new table, Inherit from the one given, return it. nil changes nothing.
// change runs on the pool's watch goroutine. Change reports false when no such pool is being
// watched; then change did not run and the caller may publish itself.
func (m *Monitor) Change(pool string, change func(*shard.Table) *shard.Table) bool {
	w := (*m.pools.Load())[pool]
	return w != nil && w.call(func() {
		if t := change(w.o.Publisher.Table()); t != nil {
			w.o.Publisher.Publish(t)
		}
	})
}

// note logs a transition and keeps it for Events.
func (m *Monitor) note(t Transition) {
	t.Time, t.noted = time.Now().Add(time.Duration(t.At-perf.Now())).Round(0), m.noted.Add(1) // of the calendar alone
	if t.Failover != nil {
		m.log.Log(context.Background(), t.level(), t.What, t.decisionKeys()...)
		m.decisions.add(t)
		return
	}
	m.log.Log(context.Background(), t.level(), t.What, t.keys()...)
	m.servers.add(t)
}

// level returns how loud a transition is.
func (t *Transition) level() slog.Level {
	switch {
	case t.Loud:
		return slog.LevelWarn
	case t.Failover != nil:
		return weigh(t.Failover)
	case t.Addr != "" && (t.To == Out || t.To == Suspect), t.What == ejectedText:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// keys returns what the log says of a change of a server or a ring.
func (t *Transition) keys() []any {
	keys := []any{"pool", t.Pool, "group", t.Group}
	if t.Addr != "" {
		keys = append(keys, "server", t.Addr, "from", t.From, "to", t.To, "reason", t.Reason)
	}
	switch {
	case t.Cause == "":
	case t.Addr == "" && !t.Loud:
		keys = append(keys, "why", t.Cause)
	default:
		keys = append(keys, "err", t.Cause)
	}
	return keys
}

// decisionKeys returns what the log says of what a failover machine reports.
func (t *Transition) decisionKeys() []any {
	f := t.Failover
	keys := []any{"pool", t.Pool, "group", t.Group, "from", f.From, "to", f.To, "what", f.What}
	if f.Why != "" {
		keys = append(keys, "why", f.Why)
	}
	if f.Costs() {
		keys = append(keys, "lost_bytes", f.Loss)
	}
	if f.Least > 0 {
		keys = append(keys, "least_lost_bytes", f.Least)
	}
	return keys
}

// weigh returns how loud a decision is: what leads to service is information, what leads away
// from it, or costs data, is a warning. The steps of a switchover are information, down to its
// end. Where no state changes the state says nothing of what happened in it.
func weigh(f *failover.Transition) slog.Level {
	switch {
	case f.Loss > 0 || f.Lossy:
		return slog.LevelWarn
	case f.From == f.To && f.Alarm:
		return slog.LevelWarn
	case f.From == f.To, f.From == failover.Handing && f.To == failover.Verifying:
		return slog.LevelInfo
	}
	switch f.To {
	case failover.Init, failover.Healthy, failover.Settling, failover.Following, failover.Draining, failover.Handing:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (j *journal) add(t Transition) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.kept) == journalMost {
		j.kept = slices.Delete(j.kept, 0, 1)
	}
	j.kept = append(j.kept, t)
}

// all returns what is kept, oldest first. A copy.
func (j *journal) all() []Transition {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.kept)
}
