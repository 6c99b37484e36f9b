package loop

import (
	"fmt"
	"sync"
	"sync/atomic"

	"huntaway/codec"
	"huntaway/loop/scripts"
	"huntaway/perf"
	"huntaway/shard"
)

// A Pool is one key space served by every worker of an engine.
type Pool struct {
	// Fixed when added.
	engine *Engine
	index  int
	opt    PoolOptions // as it was added: the name, and what only a restart changes

	// Published. The table has one writer at a time: the monitor, or a reload.
	table atomic.Pointer[shard.Table]
	now   atomic.Pointer[settings]
	mu    sync.Mutex // held by who writes now; never taken on an event loop

	// Counted. Written by acceptors and workers.
	clients  atomic.Int64 // sessions open or being opened
	accepts  atomic.Uint64
	holdings []holding // by worker
	rejects  atomic.Uint64

	rejected atomic.Int64 // perf.Now of the last of rejects

	// Written by workers, see waitsForFeeds.
	lagging    [causes]atomic.Int64 // feeds that are in their round, by who waits for them
	rounds     atomic.Uint64        // that are over
	strained   atomic.Int64         // perf.Now until when requests are asked whether they may publish
	publishers atomic.Int64         // sessions that wait

	guesses guesses       // has a lock of its own
	crowd   crowd         // has a lock of its own, which only PUBLISH and subscribing take
	scripts scripts.Store // has a lock of its own, which only commands about scripts take

	refusals refusalLog // has a lock of its own, which a link takes once in refusalEvery at most

	// Told from outside, by SetServerVersion.
	serverVersion atomic.Pointer[string]
	events        atomic.Pointer[string] // by SetKeyspaceEvents
}

// newPool fixes what follows from the options.
func newPool(e *Engine, index int, opt PoolOptions) *Pool {
	opt.cluster = opt.Table.Slotted()
	p := &Pool{engine: e, index: index, opt: opt.withDefaults()}
	p.now.Store(newSettings(p.opt))
	p.holdings = make([]holding, e.opt.Workers)
	p.table.Store(opt.Table)
	return p
}

// settings are the options in force and what follows from them. Immutable: Adjust makes
// new ones.
type settings struct {
	PoolOptions
	limits  codec.Limits // of an authenticated client's request
	strange codec.Limits // of a client that has yet to authenticate
	queued  int64        // bytes of a transaction
	queues  string       // what is said to more
}

// newSettings completes options.
func newSettings(opt PoolOptions) *settings {
	s := &settings{PoolOptions: opt}
	l := &s.Limits
	s.limits = codec.Limits{Args: l.Args, Request: int(l.RequestBytes), Inline: l.InlineBytes}
	s.limits.Bulk, s.limits.LongBulk = s.longestBulk()
	key := "limits.transaction_bytes"
	s.queued = l.QueuedBytes
	if q := s.server.QueryBytes; q > 0 && q < s.queued { // since Redis 7.2 what is queued there counts
		s.queued, key = q, "the servers' client-query-buffer-limit"
	}
	s.queues = fmt.Sprintf(textBigQueue, s.queued, key)
	s.strange = codec.Limits{Args: min(10, l.Args), Bulk: min(16<<10, int(l.BulkBytes)),
		Request: 64 << 10, Inline: min(16<<10, l.InlineBytes), Strange: true}
	return s
}

// longestBulk returns how long an argument may be, and what is said to a longer one, see
// codec.Limits. A server answers one with an error that is nobody's reply, or with nothing, and
// closes the connection that all clients share. Of a large argument its query buffer holds what has
// come and the CRLF behind it, and nothing else: those before it have left it, and what is behind is
// not read meanwhile.
func (s *settings) longestBulk() (most int, why *codec.SyntaxError) {
	n := s.Limits.BulkBytes
	if b := s.server.BulkBytes; b > 0 && b < n {
		n, why = b, codec.ErrServersBulk
	}
	if q := s.server.QueryBytes - int64(len(codec.CRLF)); s.server.QueryBytes > 0 && q < n {
		n, why = q, codec.ErrServersQuery
	}
	return int(n), why
}

// options returns the settings in force, for goroutines that are not a worker's.
func (p *Pool) options() *settings { return p.now.Load() }

// Adjust puts other options in force, under traffic. What is fixed for the life of a pool
// stays as it was: its name, its connections per server, and whether it connects before it
// is asked; Table and Commands are not looked at (see Publish and Learn). Links that are up
// keep the credentials and the database they have. May be called from any goroutine.
func (p *Pool) Adjust(opt PoolOptions) {
	opt = opt.withDefaults()
	p.change(func(now *PoolOptions) {
		opt.Name, opt.Commands, opt.Table, opt.cluster, opt.server = now.Name, now.Commands, now.Table, now.cluster, now.server
		opt.ServerConnections, opt.Preconnect = now.ServerConnections, now.Preconnect
		*now = opt
	})
}

// Learn adds what a server knows of its commands to the pool's table of commands, under
// traffic. May be called from any goroutine.
func (p *Pool) Learn(specs []codec.CommandSpec) {
	p.change(func(now *PoolOptions) { now.Commands = now.Commands.Learn(specs) })
}

// Bound has clients refused what the servers would close a connection for, under traffic, and reports
// whether that is something new. May be called from any goroutine.
func (p *Pool) Bound(l ServerLimits) (changed bool) {
	if changed = p.options().server != l; changed {
		p.change(func(now *PoolOptions) { now.server = l })
	}
	return changed
}

// change puts changed options in force.
func (p *Pool) change(edit func(*PoolOptions)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	opt := p.options().PoolOptions
	edit(&opt)
	next := newSettings(opt)
	p.now.Store(next)
	p.engine.postAll(func(w *worker) { w.pools[p.index].follow(next) })
}

// follow takes over changed options.
func (pw *poolWorker) follow(next *settings) {
	pw.opt = next
	pw.w.sessionsOf(pw.pool, func(s *session) { s.pace.allowed = min(s.pace.allowed, next.Limits.Pipeline) })
	for len(pw.commands) < next.Commands.Len() {
		pw.commands = append(pw.commands, perf.CommandCounters{})
	}
}

// Name returns the pool's name.
func (p *Pool) Name() string { return p.opt.Name }

// Table returns the table that is in force.
func (p *Pool) Table() *shard.Table { return p.table.Load() }

// Publish puts a new table in force. Requests in flight are answered by the server they
// were sent to; requests that come later follow the new table. May be called from any
// goroutine, by one at a time.
func (p *Pool) Publish(t *shard.Table) {
	p.table.Store(t)
	p.engine.postAll(func(w *worker) { w.pools[p.index].adopt(t) })
}

// A poolWorker is one worker's share of one pool: its links, what it knows of the cost of
// each server, and its counters. Owner: the worker.
type poolWorker struct {
	// Fixed when made.
	w    *worker
	pool *Pool

	// Owned by the worker.
	opt           *settings // those in force
	table         *shard.Table
	linkSets      []*linkSet // the shared links, by dialect; the first is plain
	plain         *linkSet   // RESP2 in database 0
	private       private
	blocked       map[uint32]*blocked // sessions that wait at a server, by their index
	errands       map[int32]*errand   // by server ID
	polls         map[int32]*poll     // likewise
	backoffs      map[backoffID]*backoff
	hearsay       map[hearsayID]hearsay
	hearsayBytes  int64 // that are kept in it
	pause         pause
	pace          pace
	inquiries     []*inquiry
	board         *topicRegistry            // subscriptions; nil until there was one
	publishers    publishers                // sessions that wait to publish, see waitsForFeeds
	matcher       matcher                   // what is known of who hears of channels
	cost          []uint64                  // by server ID: expected wait in ns × weight of its queue; shard.Group.Reader reads it
	holds         []*hold                   // by group; nil while nothing is held
	redirects     map[uint32]*redirectQueue // sessions of which requests are put off, by their index
	redirectBytes int64                     // of their frames
	laying        uint32                    // of the table's ring: rises by one with each that is another; from 1
	regrouped     uint32                    // the laying that brought other groups
	counters      perf.PoolCounters
	charged       int64                  // bytes that its sessions and links held when that was last counted
	audit         *audit                 // while somebody is chosen to pay
	paid          int64                  // bytes of those that have been chosen
	commands      []perf.CommandCounters // by command ID
	servers       []*perf.ServerCounters // by server ID

	turns  []waiter   // who waits to authenticate, see guesses
	drains []drainage // who waits until a server owes nothing
	easing int64      // until when some server is given fewer reads than its share, see ease
}

// newPoolWorker makes a worker's share of p.
func newPoolWorker(w *worker, p *Pool) *poolWorker {
	pw := &poolWorker{w: w, pool: p, opt: p.options(), commands: make([]perf.CommandCounters, p.options().Commands.Len())}
	pw.plain = pw.linkSetOf(dialect{resp: 2})
	pw.adopt(p.table.Load())
	return pw
}

// adopt makes t the table that requests are routed by from now on.
func (pw *poolWorker) adopt(t *shard.Table) {
	if t == pw.table {
		return
	}
	if newer := pw.pool.table.Load(); newer != t {
		t = newer // a later Publish has overtaken this task
		if t == pw.table {
			return
		}
	}
	was := pw.table
	pw.table = t
	for len(pw.servers) < t.Servers() {
		pw.servers = append(pw.servers, new(perf.ServerCounters))
		pw.cost = append(pw.cost, 0)
	}
	if t.SamePlaces(was) {
		pw.retire()
		pw.mastersMoved(was)
	} else {
		pw.ringMoved(was)
	}
	pw.processesChanged(was)
	pw.resubscribe()
	pw.wakeDisplaced()
	pw.preconnect()
}

// retire lets go of the links to servers that have left the table: they finish what is in
// flight and close. Those to servers that are in it again are taken back.
func (pw *poolWorker) retire() {
	pw.sharedLinks(func(l *link) {
		switch {
		case pw.table.Server(l.server.ID) == nil:
			l.retire()
		case l.state == linkLeaving || l.state == linkClosed:
			l.comeIn()
		}
	})
}

// preconnect dials every server of the table when the pool is configured so.
func (pw *poolWorker) preconnect() {
	if !pw.opt.Preconnect {
		return
	}
	for g := range pw.table.Groups {
		for i := range pw.table.Groups[g].Servers {
			id := pw.table.Groups[g].Servers[i].ID
			for k := range pw.opt.ServerConnections {
				pw.link(id, k).warm()
			}
		}
	}
}

// link returns the k-th plain link to a server of the table, made on first use.
func (pw *poolWorker) link(id int32, k int) *link { return pw.plain.link(id, k) }

// linkOf returns the link that s uses for a server: the same one as long as something of it is
// in flight, so that its requests reach the server in order.
func (pw *poolWorker) linkOf(s *session, id int32) *link {
	if s.mode.has(modePinned) && s.pin != nil && s.pin.server.ID == id {
		return s.pin
	}
	k := int(s.index) % pw.opt.ServerConnections
	l := s.proto.linkSet.link(id, k)
	if (l.congested() || s.proto.linkSet.home != nil) && s.mayStep() {
		return s.sidestep(id, k)
	}
	return l
}

// place names a group, and a server when l is not nil, for error texts.
func (pw *poolWorker) place(group groupRef, l *link) place {
	at, g := place{pool: pw.opt.Name}, pw.indexOf(group)
	if l != nil {
		at.addr = l.server.Addr
		if g < 0 {
			g = pw.table.GroupOf(l.server.ID)
		}
	}
	if g >= 0 {
		at.group = pw.table.Groups[g].Name
	}
	return at
}
