// Command huntaway is a Redis proxy. This package is its command line and its wiring: it
// reads the configuration, builds what serves it, joins the parts, and ends them.
//
// # Who is joined to whom
//
//	config.Config ──specOf──▶ shard.Spec ──▶ shard.Table ──▶ loop.Pool ◀── listeners (door)
//	     │                                                     ▲   │
//	     ├──poolOptions──▶ loop.PoolOptions                    │   │ reports
//	     └──watchOptions─▶ ha.PoolOptions                 ledger   ▼
//	                                                           └─ ha.Monitor
//
// loop and ha do not know each other: the monitor is the engine's loop.Reporter, and a pool,
// behind a ledger that counts ejections, is the monitor's ha.Publisher. Only this package
// reads config. layering_test.go holds the whole map of imports.
//
// # The life of the process
//
//	load ─▶ listeners open ─▶ loops start ─▶ READY ─▶ signal ─▶ drain ─▶ exit 0
//	  │            │                            │                 │ second signal
//	  └ exit 3     └ exit 1                     └ failure: 1      └ exit 1
//
// Exit statuses: 0 done, 1 failed while running, 2 the command line is wrong, 3 the
// configuration, or with check --connect a server, is wrong. Commands that ask a running proxy
// end with 2, too, when nobody can be asked; status ends with 1 when something is wrong. Errors
// are on standard error, answers on standard output.
//
// # The admin port
//
// Its pages are read by whoever reaches it. Orders (POST) go past the guard: with admin.token
// whoever sends that, without it programs on this machine, and never a web page. Each order
// is in the log with who gave it and how it ended.
//
// # Goroutines
//
// All goroutines of the process, by the file that starts them, with the number of places
// there. TestGoroutinesAreListed counts them. Those of the libraries (gnet's event loops,
// one per worker; net/http's, one per admin connection; go-redis' per probing client) come
// on top.
//
//	started in                 n  what runs                        ends
//	cmd/huntaway/proxy.go      1  acceptors, admin pages, stats    with their listener
//	                              port, monitor, watchdog          with the proxy's context
//	cmd/huntaway/names.go      1  one look at a name in DNS        after four seconds at most
//	cmd/huntaway/run.go        1  the drain                        when drained, or aborted
//	cmd/huntaway/demo.go       1  waits for Ctrl-C during start    when the servers are there
//	cmd/huntaway/cast.go       1  waits for a demo's server        with that server
//	ha/driver.go               3  one watch per pool, what runs    with Monitor.Run, or when
//	                              its arbiter, one prober per      the pool is forgotten
//	                              server
//	ha/badges.go               1  asks one other server of a look  with that look
//	ha/heart.go                1  a look for other monitors        after two probe timeouts
//	ha/perform.go              2  a fence, a drain, a write of     at its deadline
//	                              the state file; who carries out  with Monitor.Run, or when
//	                              the orders to a server           the server has gone
//	ha/cluster_ask.go          1  asks one node of a cluster       when it has answered, or its
//	                              for its slots                    time is over
//	ha/lacking.go              1  asks the servers of a group for  when they have answered, or
//	                              the monitor's rights             their time is over
//	ha/askeach.go              1  asks one server who it is, or    when it has answered, or its
//	                              how it bounds a connection       time is over
//	ha/profile.go              1  asks one server for check        when it has answered, or its
//	                              --connect                        time is over
//	ha/sentinel.go             2  for each Sentinel of a pool:     with its pool's watch
//	                              one asks it, one listens to it
//	ha/statestore.go           1  gives the state lock back        when nothing is being written
//	ha/statefile.go            2  a write or a read of a state     when the disk has answered
//	                              file
//	loop/accept.go             1  dials one link                   after its connect timeout
//	loop/engine.go             1  the ticker                       with Engine.Stop
//	loop/memory/region.go      1  gives memory back                at once
//	perf/export/statsserver.go 1  answers one stats connection     after six seconds at most
//
// Who may touch what is said at each type. The proxy itself belongs to the goroutine that
// called startProxy: signals are handled there, one at a time, so a reload cannot meet a
// drain.
//
// # What it refuses
//
// It does not change its user or write its own log rotation: systemd, a container and logrotate
// do that. It opens no port that its configuration does not name.
// It never serves a configuration that has an error in it.
package main
