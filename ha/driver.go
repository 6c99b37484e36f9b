package ha

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"huntaway/ha/vital"
	"huntaway/perf"
	"huntaway/shard"
)

// A watch keeps one pool's table right: it feeds the pool's Detector, and the failover machine
// of each group, and carries out what they say.
//
// Owner: its goroutine, which runs run; the channels are for everybody.
type watch struct {
	// Fixed when made.
	o       PoolOptions
	note    func(Transition)
	reports chan Event    // from the data path; bounded
	results chan Event    // from the probers; each waits until it is taken
	calls   chan func()   // to be run on the goroutine
	ended   chan struct{} // closed when the goroutine is gone

	outcomes   chan outcome      // of what was begun for the machines; each waits until it is taken
	verdicts   chan arbiterEvent // from the arbiter, likewise
	arbiter    arbiter           // nil when nobody else decides
	stateStore *stateStore       // where intents are kept

	// Fixed when started.
	started atomic.Bool
	cancel  context.CancelFunc

	// Counted.
	dropped atomic.Uint64 // reports that found the queue full

	// Owned by the goroutine.
	detector *Detector
	seen     *shard.Table      // the table that the detector has adopted
	probers  map[int32]*prober // by server ID
	working  sync.WaitGroup    // every goroutine that it started
	ctx      context.Context   // of run

	groupDrivers []*groupDriver    // of the groups of seen that have more than one server, in their order
	hands        map[int32]*hand   // by server ID; hired when first needed
	contacts     map[int32]contact // by server ID

	newcomers map[int32]string // by server ID: the run_id, see admit
}

func newWatch(o PoolOptions, v *stateStore, note func(Transition)) *watch {
	w := &watch{
		o:          o,
		note:       note,
		reports:    make(chan Event, reportsMost),
		results:    make(chan Event),
		calls:      make(chan func()),
		ended:      make(chan struct{}),
		detector:   NewDetector(o.limits()),
		probers:    make(map[int32]*prober),
		outcomes:   make(chan outcome),
		verdicts:   make(chan arbiterEvent),
		arbiter:    newArbiter(o, note),
		stateStore: v,
		hands:      make(map[int32]*hand),
		contacts:   make(map[int32]contact),

		newcomers: make(map[int32]string),
	}
	if s, surveys := w.arbiter.(*survey); surveys {
		s.call = w.offer
	}
	return w
}

// start sets the goroutine going, counted in running, until ctx ends or stop.
func (w *watch) start(ctx context.Context, running *sync.WaitGroup) {
	ctx, w.cancel = context.WithCancel(ctx)
	w.started.Store(true)
	running.Go(func() {
		defer close(w.ended)
		defer w.cancel()
		w.run(ctx)
	})
}

// stop ends the goroutine, if there is one, and returns when it is gone.
func (w *watch) stop() {
	if w.started.Load() {
		w.cancel()
		<-w.ended
	}
}

// call runs f on the watch's goroutine and returns when it has. It reports false, without
// having run f, when there is no such goroutine.
func (w *watch) call(f func()) bool {
	if !w.started.Load() {
		return false
	}
	done := make(chan struct{})
	select {
	case w.calls <- func() { defer close(done); f() }:
		<-done
		return true
	case <-w.ended:
		return false
	}
}

// status returns the status of the pool's servers, nothing when it is not running.
func (w *watch) status() (all []ServerStatus) {
	w.call(func() {
		all = w.detector.Status(perf.Now())
		for i := range all {
			all[i].Pool = w.o.Name
		}
	})
	return all
}

// run is the watch's goroutine: one event at a time, until ctx ends and all that it started
// with it.
func (w *watch) run(ctx context.Context) {
	defer w.disrobe()
	defer w.working.Wait()
	w.ctx = ctx
	if w.arbiter != nil {
		w.working.Go(func() { w.arbiter.run(ctx, w.verdicts) })
	}
	w.follow(ctx)
	w.settle()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case f := <-w.calls:
			f()
			w.follow(ctx)
		case ev := <-w.reports:
			w.step(ctx, ev)
		case ev := <-w.results:
			w.step(ctx, ev)
		case o := <-w.outcomes:
			w.conclude(o)
		case v := <-w.verdicts:
			w.consultNamed(v.group, v.ev)
		case <-timer.C:
			w.step(ctx, Event{Kind: Tick})
		}
		w.admit()
		timer.Reset(time.Duration(w.next() - perf.Now()))
	}
}

// disrobe gives all badges back.
func (w *watch) disrobe() {
	ctx, cancel := context.WithTimeout(context.Background(), withdrawTime)
	defer cancel()
	for _, s := range w.groupDrivers {
		s.heart.withdraw(ctx, s.group)
	}
}

// next returns when the next Tick is wanted by anybody.
func (w *watch) next() int64 {
	next := w.detector.Next()
	for _, s := range w.groupDrivers {
		next = min(next, s.next())
	}
	return next
}

// step feeds one event, which is known from this moment on, to a detector that is up to date
// with the table, and then to the machine of the group that it is about.
func (w *watch) step(ctx context.Context, ev Event) {
	w.follow(ctx)
	ev.At = perf.Now()
	switch ev.Kind {
	case Probed:
		w.meet(ev)
		w.introduce(ev)
	case LinkExchanged:
		w.callAnew(ev.Server)
	}
	w.perform(w.detector.Step(ev.asRead(), nil))
	w.follow(ctx) // somebody else may have published while perform did
	w.tell(ev)
}

// asRead returns ev as it bears on reads: a server that takes no writes because it cannot save
// its data is judged by what it says of itself.
func (ev Event) asRead() Event {
	if ev.Fault == vital.FaultMisconf {
		ev.Fault, ev.Cause = vital.FaultNone, ""
	}
	return ev
}

// follow adopts the pool's table, if it is not the one adopted already, and has a prober for
// every server of it. What the detector wants changed in it is performed at once.
func (w *watch) follow(ctx context.Context) {
	for {
		t := w.o.Publisher.Table()
		if t == w.seen {
			return
		}
		w.seen = t
		acts := w.detector.Adopt(layoutOf(t), perf.Now(), nil)
		w.recruit(ctx, t)
		w.perform(acts)
		w.muster()
	}
}

// recruit starts a prober for every new server and ends those of servers that are gone, and
// whoever carried out orders there.
func (w *watch) recruit(ctx context.Context, t *shard.Table) {
	for id, h := range w.hands {
		if s := t.Server(id); s == nil || s.Addr != h.addr {
			h.cancel()
			delete(w.hands, id)
		}
	}
	for id, p := range w.probers {
		if s := t.Server(id); s == nil || s.Addr != p.addr {
			p.cancel()
			delete(w.probers, id)
			delete(w.contacts, id)
		}
	}
	for id := range int32(t.Servers()) {
		if s := t.Server(id); s != nil && w.probers[id] == nil {
			w.probers[id] = w.hire(ctx, s)
		}
	}
}

// hire starts the prober of one server.
func (w *watch) hire(ctx context.Context, s *shard.Server) *prober {
	p := &prober{
		id: s.ID, network: s.Network, addr: s.Addr, access: w.o.Access,
		orders: make(chan struct{}, 1), results: w.results,
	}
	ctx, p.cancel = context.WithCancel(ctx)
	w.working.Go(func() { p.run(ctx) })
	return p
}

// perform carries out actions. Those that name groups by index are meant for the adopted
// table; if that has been replaced they are left out, and follow has the detector say anew
// what is to be changed in the new one.
func (w *watch) perform(acts []Action) {
	for _, a := range acts {
		switch a.Kind {
		case SendProbe:
			w.probers[a.Server].orders <- struct{}{} // has room: at most one probe is out
		case SetReaders:
			w.publish(func(t *shard.Table) *shard.Table { return t.WithReaders(a.Group, a.IDs) })
		case SetEjected:
			w.publish(func(t *shard.Table) *shard.Table { return t.WithEjected(a.Groups) })
		case SetCovered:
			w.seen.Vitals(a.Server).CoveredAt.Store(a.At)
		case Report:
			w.marked(a)
		}
	}
}

// marked reports a change, and marks in the server's vitals when it came back into service.
func (w *watch) marked(a Action) {
	t := a.Transition
	if t.To == In && (t.From == Out || t.From == Warming) {
		w.seen.Vitals(a.Server).ReturnedAt.Store(t.At)
	}
	if w.o.Cluster && t.Reason == ReasonRole {
		w.arbiter.poke() // somebody has been promoted or demoted
	}
	t.Pool = w.o.Name
	w.note(t)
}

// publish replaces the adopted table by a changed one, unless it has been replaced already.
func (w *watch) publish(change func(*shard.Table) *shard.Table) {
	if t := w.o.Publisher.Table(); t == w.seen {
		w.seen = change(t)
		w.o.Publisher.Publish(w.seen)
	}
}

// A prober asks one server how it is, whenever it is ordered to.
//
// Owner: its goroutine, which runs run.
type prober struct {
	// Fixed when made.
	id            int32
	network, addr string
	access        Access
	orders        chan struct{} // one is one probe; room for one
	results       chan<- Event  // the watch's
	cancel        context.CancelFunc

	anew atomic.Bool // who answers a new connection is to be asked: another process than who answers ours

	// Owned by the goroutine.
	client *redis.Client // nil while there is no connection worth keeping
}

// run answers each order with one result, until ctx ends.
func (p *prober) run(ctx context.Context) {
	defer p.hangUp()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.orders:
		}
		ev := p.probe(ctx)
		select {
		case <-ctx.Done():
			return
		case p.results <- ev:
		}
	}
}

// probe asks once. A connection that was lost since the last time says nothing about the
// server of today, so it is asked again on a new one.
func (p *prober) probe(ctx context.Context) Event {
	if p.anew.Swap(false) {
		p.hangUp()
	}
	fresh := p.client == nil
	ev := p.attempt(ctx)
	if ev.Fault == faultLost && !fresh {
		ev = p.attempt(ctx)
	}
	if ev.Fault == faultLost {
		ev.Fault = vital.FaultTimeout // it accepts and hangs up: no answer is no answer
		if why := p.access.turnedAway(ctx, p.network, p.addr); why != nil {
			ev.Fault, ev.Cause = classify(why), why.Error()
		}
	}
	return ev
}

// faultLost is a connection that was closed; it does not leave this file.
const faultLost = vital.Fault(vital.Faults)

// attempt makes one try within the time limit.
func (p *prober) attempt(ctx context.Context) Event {
	ctx, cancel := context.WithTimeout(ctx, p.access.Timeout)
	defer cancel()
	if p.client == nil {
		p.client = p.access.open(p.network, p.addr)
	}
	ev := Event{Kind: Probed, Server: p.id, Sent: perf.Now()}
	var err error
	ev.Repl, err = inquire(ctx, p.client)
	if err != nil {
		ev.Fault, ev.Cause = classify(err), err.Error()
	}
	if ev.Fault == faultLost || ev.Fault == vital.FaultRefused || ev.Fault.Silent() {
		p.hangUp()
	}
	return ev
}

// hangUp gives the client away, since after a failed dial its pool pauses for a second.
func (p *prober) hangUp() {
	if p.client != nil {
		_ = p.client.Close() // nothing is in flight, nothing is left to lose
		p.client = nil
	}
}

// inquire sends the probe: PING, which a server that loads, is busy or stale, or cannot save
// its data refuses, and INFO, which it mostly answers. With MISCONF both the answer and the
// error are there.
func inquire(ctx context.Context, c redis.Cmdable) (vital.Replication, error) {
	pipe := c.Pipeline()
	ping := pipe.Ping(ctx)
	text := pipe.Info(ctx, "replication")
	about := pipe.Info(ctx, "server") // of old servers INFO takes one section only
	_, err := pipe.Exec(ctx)          // a failed handshake is in no command's own error
	switch {
	case text.Err() != nil && answeredBy(ping.Err()) && classify(text.Err()) == faultLost: // it has said why, and hung up
		return vital.Replication{}, ping.Err()
	case text.Err() != nil:
		return vital.Replication{}, text.Err()
	case text.Val() == "" && err != nil:
		return vital.Replication{}, err
	case redis.IsLoadingError(ping.Err()):
		return vital.Replication{}, ping.Err()
	}
	r, ok := vital.ParseReplication(text.Val() + "\r\n" + about.Val())
	if !ok {
		return r, replyError("INFO replication names no role")
	}
	r.Stale = redis.IsMasterDownError(ping.Err())
	if beginsWith(ping.Err(), "MISCONF ") {
		return r, ping.Err()
	}
	return r, nil
}

// beginsWith tells whether err is a server's own answer, and what it begins with.
func beginsWith(err error, prefix string) bool {
	var answered redis.Error
	return errors.As(err, &answered) && strings.HasPrefix(answered.Error(), prefix)
}

// A replyError is an answer that is no use.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError makes it one of the errors a server answered with.
func (replyError) RedisError() {}

// classify sorts the error of a probe. What is not a server's own answer is silence, unless it
// is a refusal: a name that does not resolve, say, proves nothing about the server.
func classify(err error) vital.Fault {
	var answered redis.Error
	switch {
	case errors.As(err, new(*net.DNSError)):
		return vital.FaultName
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return vital.FaultRefused
	case redis.IsLoadingError(err):
		return vital.FaultLoading
	case redis.IsAuthError(err), redis.IsPermissionError(err):
		return vital.FaultAuth
	case beginsWith(err, "BUSY "):
		return vital.FaultBusy
	case beginsWith(err, "MISCONF "):
		return vital.FaultMisconf
	case errors.As(err, &answered):
		return vital.FaultOther
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return vital.FaultTimeout
	}
	return faultLost
}

// open returns a client that dials at its first command. It speaks RESP2, introduces itself to
// nobody and tries nothing twice; SELECT is left out, for a probe touches no key. Commands come one at
// a time, so it has one connection; room for a second keeps the first failed dial from
// starting the library's own retries, which outlive Close by a second.
func (a Access) open(network, addr string) *redis.Client {
	return redis.NewClient(a.options(network, addr))
}

func (a Access) options(network, addr string) *redis.Options {
	return &redis.Options{
		Network:                  network,
		Addr:                     addr,
		Username:                 a.User,
		Password:                 a.Password,
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 2,
		PipelinePoolSize:         -1,
		MaxRetries:               -1,
		DialerRetries:            1,
		Dialer:                   a.dial,
		DialTimeout:              a.Timeout,
		ReadTimeout:              a.Timeout,
		WriteTimeout:             a.Timeout,
		ContextTimeoutEnabled:    true,
		ConnMaxIdleTime:          -1,
		ReadBufferSize:           8 << 10,
		WriteBufferSize:          1 << 10,
	}
}

// silenceLibrary keeps go-redis from printing what the probers report.
func silenceLibrary() { logging.Disable() }
