package ha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"huntaway/ha/failover"
	"huntaway/shard"
)

// A Publisher is the data path of a pool: loop.Pool, seen from here. Table returns what Publish
// was given last, to any goroutine. Fence and Drain block, and come after the Publish before
// them on every event loop.
type Publisher interface {
	Publish(*shard.Table)
	Table() *shard.Table

	// Fence closes every connection of the data path to a server.
	Fence(ctx context.Context, server int32) error
	// Drain returns when a server owes the data path nothing. Clients that wait there in
	// blocking commands, or watch keys, are not waited for.
	Drain(ctx context.Context, server int32) error
}

// Options are what a Monitor needs to know.
type Options struct {
	Logger   *slog.Logger // default: discards
	StateDir string       // for pools that name none
}

// Access is how servers are talked to. The zero value is no password, and its default
// timeout.
type Access struct {
	User     string        // with Password: AUTH user password
	Password string        // "" sends no AUTH
	Timeout  time.Duration // of dialing, handshake and answer together; default 500 ms

	// Dial opens a connection to a server; nil: as package net does. It may know where a name
	// led that does not resolve at the moment.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// PoolOptions are what the monitor needs to know of one pool. The zero value of a field
// means its default.
type PoolOptions struct {
	Name      string    // as the data path reports it
	Publisher Publisher // whose table is kept right
	Access    Access    // Timeout is the probes'

	ProbeInterval time.Duration // default 500 ms
	Rejoin        int           // good probes before a server that was out serves again; default 2

	// MaxLag is how far a reader may be behind; 0: no limit. It is measured to within one
	// probe interval, so less than two of them is raised to two.
	MaxLag      time.Duration
	MaxLagBytes int64 // likewise in bytes; 0: no limit

	AutoEject    bool          // auto_eject_hosts
	FailureLimit int           // server_failure_limit; default 2
	RetryTimeout time.Duration // server_retry_timeout; default 30 s

	// Failover says who decides which member of a group is its master, and when. A group of
	// one server has nobody to fail over to and is only watched.
	Failover failover.Options

	// StateDir is where intents are kept, a file for each group; it is made on demand, 0700.
	// Default: Options.StateDir; without that they are forgotten with the process, which is
	// refused with failover.Local.
	StateDir  string
	StateFrom string // without a StateDir: where another process keeps them that decides at present; read at the start, never written to
	NoRewrite bool   // leave a promoted server's redis.conf alone: no CONFIG REWRITE

	Sentinels      []string // with failover.Sentinel: "host:port" of every one
	SentinelAccess Access   // how they are talked to

	Cluster bool       // the servers are a Redis Cluster, which decides by itself
	Entries []string   // with Cluster: "host:port" of nodes to ask who owns which slot
	IDs     *shard.IDs // with Cluster: of the pool's servers; the watch's own while it runs
}

// Bounds of the history of a master: it has to reach back over MaxLag, and twice that is kept.
const (
	historyLeast = 64
	historyMost  = 8192
)

// complete returns o with its defaults filled in, or what is wrong with it.
func (o PoolOptions) complete() (PoolOptions, error) {
	if o.Publisher == nil {
		return o, errors.New("no Publisher")
	}
	for name, d := range map[string]time.Duration{
		"ProbeInterval": o.ProbeInterval, "Access.Timeout": o.Access.Timeout, "MaxLag": o.MaxLag,
		"MaxLagBytes": time.Duration(o.MaxLagBytes), "RetryTimeout": o.RetryTimeout,
		"Rejoin": time.Duration(o.Rejoin), "FailureLimit": time.Duration(o.FailureLimit),
	} {
		if d < 0 {
			return o, fmt.Errorf("%s is %d, want 0 or more", name, d)
		}
	}
	o.ProbeInterval = cmp.Or(o.ProbeInterval, 500*time.Millisecond)
	o.Access = o.Access.complete()
	o.SentinelAccess = o.SentinelAccess.complete()
	o.Failover = o.Failover.Defaults()
	o.Rejoin = cmp.Or(o.Rejoin, 2)
	o.FailureLimit = cmp.Or(o.FailureLimit, 2)
	o.RetryTimeout = cmp.Or(o.RetryTimeout, 30*time.Second)
	if o.MaxLag > 0 {
		o.MaxLag = max(o.MaxLag, 2*o.ProbeInterval)
	}
	return o, o.followable()
}

// followable returns an error when this process may have to point a server at one that has no
// host and port.
func (o PoolOptions) followable() error {
	if o.Failover.Mode != failover.Local {
		return nil
	}
	t := o.Publisher.Table()
	for i := range t.Groups {
		for _, s := range t.Groups[i].Servers {
			if len(t.Groups[i].Servers) > 1 && s.Network == "unix" {
				return fmt.Errorf("group %s has %s, a unix socket, which no replica can be told to follow: "+
					"failover local wants host:port for every server", t.Groups[i].Name, s.Addr)
			}
		}
	}
	return nil
}

func (a Access) complete() Access {
	a.Timeout = cmp.Or(a.Timeout, 500*time.Millisecond)
	return a
}

// limits translates complete options for the core.
func (o PoolOptions) limits() Limits {
	return Limits{
		ProbeInterval: int64(o.ProbeInterval),
		ProbeTimeout:  int64(o.Access.Timeout),
		FastInterval:  int64(o.ProbeInterval / 5),
		Rejoin:        o.Rejoin,
		MaxLag:        int64(o.MaxLag),
		MaxLagBytes:   o.MaxLagBytes,
		History:       min(max(historyLeast, int(2*o.MaxLag/o.ProbeInterval)), historyMost),
		AutoEject:     o.AutoEject,
		FailureLimit:  o.FailureLimit,
		RetryTimeout:  int64(o.RetryTimeout),
	}
}

// layoutOf is what the core needs to know of a table.
func layoutOf(t *shard.Table) Layout {
	l := Layout{Ejected: t.Ejected()}
	for i := range t.Groups {
		g := &t.Groups[i]
		m := Members{Name: g.Name, Master: g.Master, Held: g.Held, Readers: g.Readers}
		for j := range g.Servers {
			m.Servers = append(m.Servers, Member{ID: g.Servers[j].ID, Addr: g.Servers[j].Addr})
		}
		l.Groups = append(l.Groups, m)
	}
	return l
}
