package loop

import (
	"log/slog"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// Options are what an Engine needs to know. The zero value of a field means its default.
type Options struct {
	Workers    int          // event loops; default GOMAXPROCS
	MaxClients int          // sessions over all pools; default: what the descriptor limit allows
	Logger     *slog.Logger // default: discards
	Version    string       // for INFO and HELLO
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

	HoldTimeout time.Duration // how long a request that was not executed may wait for a server
	HoldBytes   int64         // over one group and worker; default 32 MiB

	Limits Limits
}

// Limits bound what clients can make the proxy hold. 0 means the default in DefaultLimits.
type Limits struct {
	RequestBytes    int64         // a whole request
	BulkBytes       int64         // one argument
	Args            int           // arguments of one request
	InlineBytes     int           // an inline request
	Pipeline        int           // requests in flight per session; at it, reading pauses
	OutputBytes     int64         // unread replies per session: closed at once
	OutputSoftBytes int64         // unread replies per session: closed after OutputSoftTime over it
	OutputSoftTime  time.Duration //
	LinkQueueBytes  int64         // bytes waiting for one server: the sessions that feed it pause
	RequestTime     time.Duration // from a request's first byte to its last; negative: for ever
	IdleTime        time.Duration // 0: for ever
	AuthTime        time.Duration // to authenticate in; negative: for ever
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
}
