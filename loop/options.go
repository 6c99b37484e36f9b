package loop

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/shard"
)

// Options are what an Engine needs to know. The zero value of a field means its default.
type Options struct {
	Workers    int          // event loops; default one fewer than GOMAXPROCS, at least one
	MaxClients int          // sessions over all pools; default, and at most: what the descriptor limit allows
	MaxMemory  int64        // bytes that all sessions together may hold, see budget; 0: any
	Logger     *slog.Logger // default: discards
	Version    string       // for INFO and HELLO
	Reporter   Reporter     // hears of links; default: nobody

	blind   bool           // tests: act as if reading could not be suspended
	mapping memory.Mapping // default: systemMapping; tests refuse it

	// Dial opens the connection of a link with what d says; default: d.DialContext.
	Dial func(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error)
}

// withDefaults fills in what was left out.
func (o PoolOptions) withDefaults() PoolOptions {
	o.ServerConnections = max(o.ServerConnections, 1)
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = time.Second
		if o.Timeout > 0 {
			o.ConnectTimeout = o.Timeout
		}
	}
	if o.HoldBytes == 0 {
		o.HoldBytes = 32 << 20
	}
	if o.HoldRequests == 0 {
		o.HoldRequests = 50_000
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

// DefaultLimits are what a limit of 0 means.
var DefaultLimits = Limits{
	RequestBytes:    1 << 30,
	BulkBytes:       512 << 20,
	Args:            1 << 20,
	InlineBytes:     64 << 10,
	Pipeline:        1024,
	OutputBytes:     1 << 30,
	OutputSoftBytes: 16 << 20,
	OutputSoftTime:  10 * time.Second,
	LinkQueueBytes:  4 << 20,
	RequestTime:     30 * time.Second,
	AuthTime:        10 * time.Second,
	PrivateLinks:    10000,
	ScriptBytes:     16 << 20,
	QueuedBytes:     512 << 20,
	Subscriptions:   100000,
}

// withDefaults replaces every 0.
func (l Limits) withDefaults() Limits {
	d := &DefaultLimits
	l.RequestBytes = cmp.Or(l.RequestBytes, d.RequestBytes)
	l.BulkBytes = cmp.Or(l.BulkBytes, d.BulkBytes)
	l.Args = cmp.Or(l.Args, d.Args)
	l.InlineBytes = cmp.Or(l.InlineBytes, d.InlineBytes)
	l.Pipeline = cmp.Or(l.Pipeline, d.Pipeline)
	l.OutputBytes = cmp.Or(l.OutputBytes, d.OutputBytes)
	l.OutputSoftBytes = cmp.Or(l.OutputSoftBytes, d.OutputSoftBytes)
	l.OutputSoftTime = cmp.Or(l.OutputSoftTime, d.OutputSoftTime)
	l.LinkQueueBytes = cmp.Or(l.LinkQueueBytes, d.LinkQueueBytes)
	l.RequestTime = cmp.Or(l.RequestTime, d.RequestTime)
	l.AuthTime = cmp.Or(l.AuthTime, d.AuthTime)
	l.PrivateLinks = cmp.Or(l.PrivateLinks, d.PrivateLinks)
	l.ScriptBytes = cmp.Or(l.ScriptBytes, d.ScriptBytes)
	l.QueuedBytes = cmp.Or(l.QueuedBytes, d.QueuedBytes)
	l.Subscriptions = cmp.Or(l.Subscriptions, d.Subscriptions)
	return l
}

// PoolOptions are what one pool needs to know. Durations of 0 mean "for ever" and limits
// of 0 mean "none" unless said otherwise.
type PoolOptions struct {
	Name     string
	Commands *codec.Commands // the merged command table
	Table    *shard.Table    // the first one; Pool.Publish replaces it

	Timeout           time.Duration // for a server's reply
	ConnectTimeout    time.Duration // default: Timeout, or 1 s
	ServerConnections int           // links per server and worker; default 1
	Preconnect        bool          // dial every server at start
	TCPKeepalive      bool
	ClientConnections int    // sessions of this pool
	Password          string // asked of clients
	ServerUser        string // sent to servers
	ServerPassword    string
	DB                int // SELECTed on every link

	ReadPolicy     shard.ReadPolicy
	ReadYourWrites bool

	Databases     int  // that clients may SELECT, counted from DB; default: 16 with one group, else 1
	AdminCommands bool // operators' commands go to the master of a pool with one group

	HoldTimeout  time.Duration // how long a request that was not executed may wait for a server
	HoldBytes    int64         // over one group and worker; default 32 MiB
	HoldRequests int           // likewise; default 50 000

	Limits Limits

	server  ServerLimits // as learnt, see Pool.Bound
	cluster bool         // the table is that of a Redis Cluster; fixed when the pool is added
}

// ServerLimits are how much of one request the servers of a pool take, each the least of any; 0 means
// that it is not known.
type ServerLimits struct {
	BulkBytes  int64 // one argument: proto-max-bulk-len
	QueryBytes int64 // what is read and not executed: client-query-buffer-limit
}

// Limits bound what clients can make the proxy hold. 0 means the default in DefaultLimits.
type Limits struct {
	RequestBytes    int64         // a whole request
	BulkBytes       int64         // one argument
	Args            int           // arguments of one request
	InlineBytes     int           // an inline request
	Pipeline        int           // requests in flight per session, while replies are small; at it, reading pauses
	OutputBytes     int64         // unread replies per session: closed at once
	OutputSoftBytes int64         // unread replies per session: closed when over it, and none is read for OutputSoftTime
	OutputSoftTime  time.Duration // see OutputSoftBytes
	LinkQueueBytes  int64         // bytes waiting for one server: the sessions that feed it pause
	RequestTime     time.Duration // from a request's first byte to its last; negative: for ever
	IdleTime        time.Duration // 0: for ever
	AuthTime        time.Duration // to authenticate in; negative: for ever
	MaxMemory       int64         // what the pool's sessions may hold together, see budget; 0: Options.MaxMemory alone
	PrivateLinks    int           // links per worker that are lent to one session each, see loan
	LinksPerAddress int           // of those, to sessions of one address; 0: half
	ScriptBytes     int64         // bodies of scripts that are remembered, over the pool
	QueuedBytes     int64         // the requests of one transaction
	Subscriptions   int           // channels and patterns of one session
}

// A Reporter hears what the data path notices about servers. Its methods are called on a
// worker's goroutine and must not block. cmd joins it to the monitor.
type Reporter interface {
	// LinkUp: a link to the server finished its handshake.
	LinkUp(pool string, server int32)
	// LinkFailed: dialing failed, or an open link was lost or timed out.
	LinkFailed(pool string, server int32, cause error)
	// Demoted: the server answered a write with READONLY.
	Demoted(pool string, server int32)
	// Stalled: the server owes replies and no byte of it has come for stallTime.
	Stalled(pool string, server int32)
	// Exchanged: another process answered a new link than the one that the table names, and got nothing. It
	// gets no request before a table names it.
	Exchanged(pool string, server int32)
	// Moved: a server of a Redis Cluster refused a key that the table says is its own.
	Moved(pool string)
}
