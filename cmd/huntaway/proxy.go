package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"huntaway/config"
	"huntaway/ha"
	"huntaway/loop"
	"huntaway/perf"
	"huntaway/perf/export"
	"huntaway/perf/repeat"
	"huntaway/shard"
)

// A proxy is everything that serves one configuration.
type proxy struct {
	// Fixed by startProxy.

	again   reader       // reads the next one
	log     *logbook     // of everything below
	often   *repeat.Log  // of log, for what strangers can cause at the admin ports
	engine  *loop.Engine // the data path
	monitor *ha.Monitor  // keeps the pools' tables right
	names   *directory   // where servers are that are given by name
	pools   []*served    // in the order of the configuration
	doors   []entrance   // of all pools
	pages   net.Listener // of admin; nil when there is none
	stats   net.Listener // nil when there is none
	admin   *http.Server // nil until it serves
	systemd notifier

	// Owner: the goroutine that starts, reloads and drains. What it spawns is handed values.

	cfg *config.Config // in force; reload replaces it

	// Published. By the goroutine that reloads.

	inForce atomic.Pointer[perf.ConfigSnapshot] // for the metrics
	diary   diary                               // for status and events

	failed   chan error     // what ends the proxy although nobody asked; holds one
	running  sync.WaitGroup // everything that spawn started
	draining atomic.Bool    // clients should not be sent here any more
	lookout  *time.Ticker   // when to try to take a predecessor's place; nil: there is none
	places   *time.Ticker   // when to look for the places of unix sockets; nil: no successor can have them
	closing  sync.Once      // see close

	ctx    context.Context    // ends when the proxy closes
	cancel context.CancelFunc // ends ctx
	hurry  context.CancelFunc // ends a drain that is under way
	grace  context.Context    // what hurry ends
}

// A reader reads the configuration, as it is now in the file, the environment and the
// options that were given at start.
type reader func() (*config.Config, error)

// A served pool is one that is being served.
type served struct {
	name     string     // as configured
	mode     string     // of its failover, as configured
	stateDir string     // where the state of its failovers is kept
	dial     dialFunc   // how the monitor connects to servers
	pool     *loop.Pool // what serves it
	ledger   *ledger    // between it and the monitor
	ids      shard.IDs  // owner: the goroutine that reloads
	follows  bool       // another process decides about its masters; owner likewise, then the drain
}

// An entrance is an open listener and the pool behind it.
type entrance struct {
	net.Listener
	pool *loop.Pool
}

// startProxy opens everything and serves. What it had opened is closed again if it fails.
func startProxy(cfg *config.Config, log *logbook, again reader) (*proxy, error) {
	p := &proxy{cfg: cfg, again: again, log: log, often: repeat.New(log.Logger), systemd: notifier{log.Logger}, failed: make(chan error, 1)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.grace, p.hurry = context.WithCancel(context.Background())
	p.inForce.Store(&perf.ConfigSnapshot{LoadedAt: time.Now()})
	for _, step := range []func() error{p.build, p.listen, p.open, p.watch, p.serve} {
		if err := step(); err != nil {
			p.close()
			return nil, err
		}
	}
	p.announce()
	return p, nil
}

// spawn runs f on a goroutine of its own. An error of f ends the proxy.
func (p *proxy) spawn(what string, f func() error) {
	p.running.Go(func() {
		err := f()
		if err == nil || p.ctx.Err() != nil || p.draining.Load() {
			return
		}
		select {
		case p.failed <- fmt.Errorf("%s: %w", what, err):
		default: // one reason is enough
		}
	})
}

// build makes the engine and its pools.
func (p *proxy) build() (err error) {
	if err := errors.Join(enoughFiles(), enoughMemory(mappable())); err != nil {
		return err
	}
	p.monitor = ha.NewMonitor(ha.Options{Logger: p.log.Logger})
	p.names = newDirectory(p.log.Logger, func(addr string) { p.engine.Redial(addr) })
	p.engine, err = loop.New(loop.Options{
		Workers: p.cfg.Runtime.EventLoops, MaxClients: p.cfg.Runtime.MaxClients,
		MaxMemory: memoryForClients(p.cfg.Runtime.MaxMemory),
		Logger:    p.log.Logger, Version: version, Reporter: p.monitor, Dial: p.names.dial,
	})
	if err != nil {
		return err
	}
	for i := range p.cfg.Pools {
		if err := p.addPool(&p.cfg.Pools[i]); err != nil {
			return fmt.Errorf("pool %s: %w", p.cfg.Pools[i].Name, err)
		}
	}
	return nil
}

// addPool makes one pool and puts it under the monitor's eyes.
func (p *proxy) addPool(c *config.Pool) error {
	s := &served{name: c.Name, mode: c.Failover, dial: p.names.dialTracked, stateDir: stateDir(&p.cfg.Runtime)}
	table, err := tableOf(c, &s.ids)
	if err != nil {
		return err
	}
	options, err := poolOptions(c, table)
	if err != nil {
		return err
	}
	if s.pool, err = p.engine.AddPool(options); err != nil {
		return err
	}
	s.ledger = newLedger(s.pool, s.mode)
	p.pools = append(p.pools, s)
	return p.appoint(s, c)
}

// listen opens every listener before anything is served, so that a port which is taken
// stops the start and not a pool in the middle of it.
func (p *proxy) listen() error {
	for i := range p.cfg.Pools {
		c := &p.cfg.Pools[i]
		for _, l := range c.Listen {
			ln, err := door{Listen: l, Backlog: c.Backlog, ReusePort: c.ReusePort}.open()
			if err != nil {
				return fmt.Errorf("pool %s: %w", c.Name, err)
			}
			p.doors = append(p.doors, entrance{ln, p.pools[i].pool})
			if l.Network == "unix" && c.ReusePort && p.places == nil {
				p.places = time.NewTicker(reclaimEvery)
			}
		}
	}
	return p.openAdmin()
}

// openAdmin opens the listeners of the admin pages and of twemproxy's statistics.
func (p *proxy) openAdmin() (err error) {
	if at := p.cfg.Admin.HTTP; at != "" {
		if p.pages, err = p.adminDoor(at).open(); p.unasked(err) {
			p.log.Warn("no admin pages: their address is taken", "address", at, "err", err)
		} else if err != nil {
			return fmt.Errorf("admin pages: %w, in admin.http or HUNTAWAY_ADMIN_HTTP (\"off\" for none)", err)
		}
	}
	if at := p.cfg.Admin.Stats; at != "" {
		if p.stats, err = p.adminDoor(at).open(); p.unasked(err) {
			p.log.Warn("no statistics: their address is taken", "address", at, "err", err)
		} else if err != nil {
			return fmt.Errorf("statistics: %w, in admin.stats or with -s", err)
		}
	}
	return nil
}

// unasked tells whether an admin listener lacks its address, and nobody has asked for it there: a
// nutcracker.yml names none, and several of them on one machine are served all the same.
func (p *proxy) unasked(err error) bool {
	return p.cfg.Format == config.Nutcracker && errors.Is(err, syscall.EADDRINUSE)
}

// adminDoor is the door of an address in the section admin. Where a pool's address may be
// a successor's as well, so may this one.
func (p *proxy) adminDoor(address string) door {
	d := tcpDoor(address)
	d.ReusePort = shared(p.cfg)
	return d
}

// tcpDoor is the door of an address.
func tcpDoor(address string) door {
	return door{Listen: config.Listen{Network: "tcp", Address: address}}
}

// open starts the event loops.
func (p *proxy) open() error { return p.engine.Start() }

// watch starts what looks after the servers, the memory and the process itself.
func (p *proxy) watch() error {
	p.spawn("looking up names", func() error { return p.names.run(p.ctx) })
	p.spawn("watching servers", func() error { p.monitor.Run(p.ctx); return nil })
	forClients := memoryForClients(p.cfg.Runtime.MaxMemory)
	p.spawn("limiting the heap", func() error {
		limitHeap(p.ctx, forClients, p.engine.Clients, p.engine.OutsideHeap)
		return nil
	})
	p.spawn("giving memory back", func() error { perf.GiveBack(p.ctx, p.engine.Busy); return nil })
	for i, s := range p.pools {
		access := s.watchOptions(&p.cfg.Pools[i]).Access
		p.spawn("learning commands", func() error { p.learn(p.ctx, s, access); return nil })
	}
	p.spawn("serving the watchdog", func() error { p.systemd.watchdog(p.ctx, p.engine.Alive); return nil })
	return nil
}

// serve answers on every listener. It comes last: what is asked for needs the event loops.
func (p *proxy) serve() error {
	if p.pages != nil {
		p.admin = newAdminServer(&admin{
			source: p.snapshot, alive: p.engine.Alive, ready: p.verdicts, status: p.status, events: p.events,
			orders: p.monitor, guard: newGuard(p.cfg.Admin.Token.Reveal()), log: p.log.Logger, often: p.often,
		})
		p.spawn("serving admin pages", func() error { return serveHTTP(p.admin, p.pages) })
	}
	if p.stats != nil {
		server := export.NewStatsServer(p.snapshot, version)
		p.spawn("serving statistics", func() error { return server.Serve(p.stats) })
	}
	for _, e := range p.doors {
		p.spawn("accepting on "+e.Addr().String(), func() error { return e.pool.Serve(e.Listener) })
	}
	return nil
}

// leastFiles is how many open files a proxy needs for itself and a handful of clients.
const leastFiles = 24

// enoughFiles refuses to serve with fewer: it would accept nobody, or find no server.
func enoughFiles() error {
	most := limitOf(syscall.RLIMIT_NOFILE)
	if most >= leastFiles {
		return nil // announce says when it is not known
	}
	return fmt.Errorf("the limit of open files is %d, and a proxy needs %d at the very least and one more for each client: raise it (ulimit -n, LimitNOFILE)", most, leastFiles)
}

// fewClients is a number of clients below which the limit of open files is probably not meant.
const fewClients = 512

// announce says what is being served.
func (p *proxy) announce() {
	for i, e := range p.doors {
		p.log.Info("listening", "pool", e.pool.Name(), "address", p.doors[i].Addr().String(), "clients_at_most", e.pool.Room())
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		p.log.Warn("limit of open files unknown", "err", err)
	}
	if most, want := p.engine.MaxClients(), cmp.Or(p.cfg.Runtime.MaxClients, fewClients); most < want {
		p.log.Warn("the limit of open files leaves room for few clients: raise it (ulimit -n, LimitNOFILE)",
			"clients_at_most", most, "max_clients", p.cfg.Runtime.MaxClients, "open_files_limit", files.Cur)
	}
	if most := memoryForClients(p.cfg.Runtime.MaxMemory); most < p.cfg.Runtime.MaxMemory {
		p.log.Warn("the limit of address space or data leaves less for clients than max_memory: raise it (ulimit -v and -d, LimitAS, LimitDATA)",
			"for_clients", most, "max_memory", p.cfg.Runtime.MaxMemory)
	}
	b := build()
	p.log.Info("ready", "version", b.Version, "go", b.Go, "config", p.cfg.Path,
		"serving", summary(p.cfg), "admin", p.cfg.Admin.HTTP, "clients_at_most", p.engine.MaxClients(), "open_files_limit", files.Cur)
	p.systemd.tell(daemon.SdNotifyReady + "\nSTATUS=" + summary(p.cfg))
}

// drain stops accepting, waits until the replies that are owed have been delivered, but not
// longer than configured, and closes everything.
func (p *proxy) drain() error {
	p.draining.Store(true)
	p.systemd.tell(daemon.SdNotifyStopping + "\nSTATUS=draining")
	p.makeRoom()
	ctx, cancel := context.WithTimeout(p.grace, p.cfg.Runtime.DrainTimeout)
	defer cancel()
	return errors.Join(p.engine.Drain(ctx), p.close())
}

// makeRoom leaves to a successor, where there may be one, what two processes cannot both do:
// decide about masters, and answer on the admin ports.
func (p *proxy) makeRoom() {
	if !shared(p.cfg) {
		return
	}
	p.spawn("standing back", p.standBack)
	if p.admin != nil {
		p.admin.SetKeepAlivesEnabled(false)
	}
	for _, ln := range []net.Listener{p.pages, p.stats} {
		if ln != nil {
			ln.Close()
		}
	}
}

// abort closes everything at once.
func (p *proxy) abort() {
	p.draining.Store(true)
	p.hurry()
	if err := p.close(); err != nil {
		p.log.Warn("closing", "err", err)
	}
}

// close ends everything that the proxy started and waits for its end. Of several calls one
// does it, and the others wait for that.
func (p *proxy) close() (err error) {
	p.closing.Do(func() {
		p.cancel()
		p.often.Close()
		for _, e := range p.doors {
			e.Close() // most often closed already, by the engine's Drain
		}
		if p.engine != nil {
			err = p.engine.Stop()
		}
		if p.admin != nil {
			err = errors.Join(err, p.admin.Close())
		}
		for _, ln := range []net.Listener{p.pages, p.stats} {
			if ln != nil {
				ln.Close() // that of the pages most often by its server
			}
		}
		p.running.Wait()
	})
	return err
}
