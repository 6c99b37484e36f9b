package config

import (
	"slices"
	"time"
)

// Hashes returns the names of the hash functions, twemproxy's twelve first.
func Hashes() []string { return slices.Clone(hashes) }

// Distributions returns the names of the ways to place hashed keys, twemproxy's three first.
func Distributions() []string { return slices.Clone(distributions) }

// ReadPolicies returns the names of the ways to choose a server for a read.
func ReadPolicies() []string { return slices.Clone(readPolicies) }

var (
	hashes = []string{"one_at_a_time", "md5", "crc16", "crc32", "crc32a", "fnv1_64", "fnv1a_64",
		"fnv1_32", "fnv1a_32", "hsieh", "murmur", "jenkins", "xxh3"}
	distributions = []string{"ketama", "modula", "random", "rendezvous"}
	failovers     = []string{"observe", "local", failoverSentinel, FailoverCluster}
	readPolicies  = []string{"master", "prefer-replica", "replica-only", "nearest"}
)

// failoverSentinel is the failover that sentinels imply.
const failoverSentinel = "sentinel"

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

var logSection = section{
	path: "log",
	doc:  "What is written. SIGHUP reopens the file.",
	rows: []row{
		{name: "level", kind: kindWord, at: ofLog(func(l *Log) any { return &l.Level }),
			words: []string{"debug", "info", "warn", "error"}, initial: "info",
			when: onReload, env: "HUNTAWAY_LOG_LEVEL",
			doc: "The least serious events that are written: debug, info, warn or error."},
		{name: "format", kind: kindWord, at: ofLog(func(l *Log) any { return &l.Format }),
			words: []string{"auto", "text", "json"}, initial: "auto",
			when: onRestart, env: "HUNTAWAY_LOG_FORMAT",
			doc: "text, json, or auto: text on a terminal and json elsewhere."},
		{name: "output", kind: kindText, at: ofLog(func(l *Log) any { return &l.Output }),
			when: onRestart,
			doc:  "A file to append to. Empty: standard error."},
	},
}

var adminSection = section{
	path: "admin",
	doc:  "Where the process can be watched. An empty address or \"off\" switches a listener off.",
	rows: []row{
		{name: "http", kind: kindAddress, at: ofAdmin(func(a *Admin) any { return &a.HTTP }),
			initial: "127.0.0.1:22224", when: onRestart, env: "HUNTAWAY_ADMIN_HTTP",
			doc: "host:port of /status, /events, /metrics, /livez, /readyz and /debug/pprof, which ask nobody for a password: keep it on loopback or a private network. The commands status, switchover and their like talk to it; see token for who may change something."},
		{name: "stats", kind: kindAddress, at: ofAdmin(func(a *Admin) any { return &a.Stats }),
			twemproxy: "0.0.0.0:22222", when: onRestart,
			doc: "host:port of twemproxy's statistics as JSON, for monitors that already read them. Empty: none. For a nutcracker.yml 0.0.0.0:22222, where nutcracker serves them."},
		{name: "token", kind: kindSecret, at: ofAdmin(func(a *Admin) any { return &a.Token }),
			when: onRestart,
			doc:  "What is asked of whoever wants to change something through http (switchover, resolve), as \"Authorization: Bearer TOKEN\"; spelled as password is. Empty: only programs on this machine may."},
	},
}

var runtimeSection = section{
	path: "runtime",
	doc:  "What the process as a whole uses.",
	rows: []row{
		{name: "event_loops", kind: kindNumber, at: ofRuntime(func(r *Runtime) any { return &r.EventLoops }),
			most: 1024, initial: "0", when: onRestart, env: "HUNTAWAY_EVENT_LOOPS",
			doc: "Event loops, each a thread with its own clients and server connections. 0: one fewer than the CPUs that Go may use (GOMAXPROCS), and at least one: the kernel needs the rest for the network. With two CPUs or fewer Go uses no more of them than there are loops, unless GOMAXPROCS is set."},
		{name: "max_clients", kind: kindNumber, at: ofRuntime(func(r *Runtime) any { return &r.MaxClients }),
			initial: "0", when: onRestart,
			doc: "Clients over all pools; one more is told so and closed. 0: as many as the limit on open files allows."},
		{name: "max_memory", kind: kindSize, at: ofRuntime(func(r *Runtime) any { return &r.MaxMemory }),
			initial: "0B", when: onRestart,
			doc: "Bytes that all clients together may make the process hold: unfinished requests, transactions, subscriptions (half a kilobyte each, and its name), replies that are collected or wait to be read. At more somebody is closed, until it is less: of the pool whose clients hold most, of the address whose clients hold most together in it, the client that holds most. So no pool pays that holds less than an equal share of this, and in a pool no address that holds less than an equal share of what the pool may; clients of a unix socket or behind one NAT or balancer are one address, of which the largest is closed. What a server says for nobody counts as that server's, and closes the connection to it. The process needs about 256MiB more, and 64KiB for each client. Go needs about 1.3GiB of address space of its own, so ulimit -v (LimitAS) is better not set; where it is, or ulimit -d, this is at most half of what it leaves at the start. 0B: half of the least of the machine's memory, the cgroup's limit, memory_limit and what ulimit -v and -d leave."},
		{name: "memory_limit", kind: kindSize, at: ofRuntime(func(r *Runtime) any { return &r.MemoryLimit }),
			initial: "0B", when: onRestart,
			doc: "Soft limit of the heap, as GOMEMLIMIT. 0B: what the environment says, or else what max_memory, 256MiB and 64KiB for each client come to."},
		{name: "drain_timeout", kind: kindDuration, at: ofRuntime(func(r *Runtime) any { return &r.DrainTimeout }),
			initial: "30s", when: onReload,
			doc: "How long a stop waits for replies that clients are still owed."},
		{name: "state_dir", kind: kindText, at: ofRuntime(func(r *Runtime) any { return &r.StateDir }),
			when: onRestart,
			doc:  "A directory for what must survive this process: which server is master, and a failover that is under way. Empty: $STATE_DIRECTORY, else ~/.local/state/huntaway."},
		{name: "pid_file", kind: kindText, at: ofRuntime(func(r *Runtime) any { return &r.PIDFile }),
			when: onRestart,
			doc:  "A file for the process id. Empty: none."},
	},
}

var poolSection = section{
	path: "pools.NAME",
	doc:  "A pool is one key space behind one or more listening addresses. There can be several.",
	rows: slices.Concat(listenRows, placementRows, serverRows, readRows, faultRows, failoverRows, memberRows),
}

var listenRows = []row{
	{name: "listen", kind: kindListen, when: onRestart, show: `["127.0.0.1:22121"]`,
		doc: "Where clients connect: \"host:port\" (\":port\" for all addresses), or \"unix:/path?mode=0660\"; twemproxy's \"/path 0660\" is understood too. One address or a list. Required."},
	{name: "backlog", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.Backlog }),
		initial: "4096", twemproxy: "512", when: onRestart,
		doc: "Connections that may wait to be accepted. The kernel's net.core.somaxconn bounds it."},
	{name: "reuse_port", yaml: "reuseport", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.ReusePort }),
		initial: "false", when: onRestart,
		doc: "SO_REUSEPORT: another process may listen on the same address, for a change of binaries without a gap: start the successor, then stop its predecessor. The admin ports, unix sockets and the state directory may be shared then, too."},
	{name: "client_connections", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.ClientConnections }),
		initial: "0", when: onReload,
		doc: "Clients of this pool. 0: runtime.max_clients alone decides."},
	{name: "password", kind: kindSecret, at: ofPool(func(p *Pool) any { return &p.Password }),
		when: onReload,
		doc:  "What clients must AUTH with: the text itself, \"env:NAME\" or \"file:PATH\" (\"literal:TEXT\" for a text that starts so). Empty: nothing is asked."},
}

var placementRows = []row{
	{name: "hash", kind: kindWord, at: ofPool(func(p *Pool) any { return &p.Hash }),
		words: hashes, initial: "xxh3", twemproxy: "fnv1a_64", when: onReload,
		doc: "The hash function over a key: one_at_a_time, md5, crc16, crc32, crc32a, fnv1_64, fnv1a_64, fnv1_32, fnv1a_32, hsieh, murmur, jenkins (all as twemproxy computes them) or xxh3. Another one moves nearly all keys."},
	{name: "hash_tag", kind: kindTag, at: ofPool(func(p *Pool) any { return &p.HashTag }),
		initial: "{}", twemproxy: "-", when: onReload,
		doc: "Two characters. What stands between them in a key is hashed instead of the whole key, so that keys can be kept together. Empty: always the whole key."},
	{name: "distribution", kind: kindWord, at: ofPool(func(p *Pool) any { return &p.Distribution }),
		words: distributions, initial: "rendezvous", twemproxy: "ketama", when: onReload,
		doc: "How hashes become groups: ketama, modula and random are twemproxy's, key by key; rendezvous balances better and moves the fewest keys when groups come and go."},
	{name: "ring_labels", kind: kindWord, at: ofPool(func(p *Pool) any { return &p.RingLabels }),
		words: []string{"group", "seed"}, initial: "group", when: onReload,
		doc: "What stands for a group on the ring. group: its name or gid, whoever its members are. seed: the name of the last line of the group, as the first Huntaway (2013) had it; for moving from that one only."},
	{name: "auto_eject_hosts", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.AutoEjectHosts }),
		initial: "false", when: onReload,
		doc: "twemproxy's answer to a dead server: take it off the ring for a while. Its keys move to other servers and back; right for caches only."},
	{name: "server_failure_limit", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.ServerFailureLimit }),
		initial: "2", when: onReload,
		doc: "With auto_eject_hosts: failures in a row until a server is taken off."},
	{name: "server_retry_timeout", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.ServerRetryTimeout }),
		millis: true, initial: "30s", when: onReload,
		doc: "With auto_eject_hosts: how long it stays off before it is tried again."},
}

var serverRows = []row{
	{name: "timeout", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.Timeout }),
		millis: true, initial: "1s", twemproxy: "0s", when: onReload,
		doc: "How long a server may be silent before it accepts a connection or answers a request; blocking commands have their own time. A reply that is arriving, and a request that the server is taking, have a second more for each MiB. 0s: for ever, and then a dead server hangs its clients."},
	{name: "server_connections", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.ServerConnections }),
		least: 1, most: 1024, initial: "1", when: onRestart,
		doc: "Connections to each server, for each event loop. Clients share them; one is nearly always enough."},
	{name: "preconnect", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.Preconnect }),
		initial: "true", twemproxy: "false", when: onRestart,
		doc: "Connect to every server at start instead of at the first request for it."},
	{name: "tcp_keepalive", yaml: "tcpkeepalive", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.TCPKeepalive }),
		initial: "true", twemproxy: "false", when: onRestart,
		doc: "TCP keepalive on connections to servers."},
	{name: "server_password", kind: kindSecret, at: ofPool(func(p *Pool) any { return &p.ServerPassword }),
		when: onRestart,
		doc:  "What servers are sent with AUTH; spelled as password is. Clients never see it."},
	{name: "server_user", kind: kindText, at: ofPool(func(p *Pool) any { return &p.ServerUser }),
		when: onRestart,
		doc:  "The ACL user that server_password belongs to. Empty: the default user. Without the right to ECHO, scripts, functions and modules' commands are refused: their replies could not be told from those of others. Failover needs more, the keys huntaway:* included (~huntaway:*): huntaway check --connect says what is missing, and what gives it."},
	{name: "db", yaml: "redis_db", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.DB }),
		initial: "0", when: onRestart,
		doc: "The database that is SELECTed on the servers. Clients see it as 0, and the next one as 1; only MOVE and COPY ... DB, whose numbers servers read, have the servers' count."},
	{name: "databases", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.Databases }),
		most: 1 << 16, initial: "0", when: onReload,
		doc: "How many databases clients may SELECT. Each that is used has connections of its own to the servers, which must have that many. 0: 16 in a pool with one group, as Redis has; 1 in a pool with more."},
	{name: "admin_commands", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.AdminCommands }),
		initial: "false", when: onReload,
		doc: "true: commands for operators are passed on. In a pool with one group all of them go to its master, CONFIG, DEBUG and SHUTDOWN included, so that programs written for Redis alone find nothing missing; MONITOR and what belongs to replication streams stay refused. In a pool with more groups these are FLUSHDB, FLUSHALL and SWAPDB alone, which then concern every master. false: they are refused with NOPERM."},
}

var readRows = []row{
	{name: "read_policy", kind: kindWord, at: ofPool(func(p *Pool) any { return &p.ReadPolicy }),
		words: readPolicies, initial: "master", when: onReload,
		doc: "Who serves reads. master: the master alone. prefer-replica: a secondary or replica, the master when there is none. replica-only: a secondary or replica, or an error. nearest: any member, the quickest of two drawn. Except with master, a read may see a write that the same client pipelined behind it. In nutcracker.yml the default of a pool with lines of role n or s is prefer-replica, with read_your_writes."},
	{name: "read_your_writes", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.ReadYourWrites }),
		initial: "false", when: onReload,
		doc: "A client connection that has written reads from the master until a replica has caught up with that write. A client library with a pool of connections may read on another one."},
	{name: "max_lag", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.MaxLag }),
		initial: "3s", when: onReload,
		doc: "A replica that is further behind its master serves no reads. 0s: no bound."},
	{name: "max_lag_bytes", kind: kindSize, at: ofPool(func(p *Pool) any { return &p.MaxLagBytes }),
		initial: "64MiB", when: onReload,
		doc: "The same in bytes of the replication stream. 0B: no bound."},
}

var faultRows = []row{
	{name: "hold_timeout", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.HoldTimeout }),
		initial: "2.5s", when: onReload,
		doc: "How long after a group has lost its master, or it is in doubt, requests that were not executed wait for one. When that is over all of them get TRYAGAIN, and so does at once what comes later, so that waiting times never add up. Keep it under the clients' own time-out; more than a minute is warned of. 0s: it does not wait; that is also the default of a pool in which every group has one server, unless they are a Redis Cluster."},
	{name: "hold_bytes", kind: kindSize, at: ofPool(func(p *Pool) any { return &p.HoldBytes }),
		initial: "32MiB", when: onReload,
		doc: "Most that may wait so, for each group and event loop; what comes on top gets TRYAGAIN at once."},
	{name: "hold_requests", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.HoldRequests }),
		least: 1, initial: "50000", when: onReload,
		doc: "Likewise, counted in requests."},
	{name: "probe_interval", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.ProbeInterval }),
		least: int64(10 * time.Millisecond), initial: "500ms", when: onReload,
		doc: "Time between two health probes of a server."},
	{name: "limits", kind: kindTable, when: onReload,
		doc: "Bounds on what a client can make the proxy hold; see the next table."},
}

var failoverRows = []row{
	{name: "failover", kind: kindWord, at: ofPool(func(p *Pool) any { return &p.Failover }),
		words: failovers, initial: "observe", when: onRestart,
		doc: "Who decides which server of a group is its master. observe: somebody else, and Huntaway follows. local: this process, which must be the only one; it promotes a replica when the master is dead. sentinel: Redis Sentinel, the choice for two proxies and more. cluster: the servers are a Redis Cluster, which decides itself and says where keys are."},
	{name: "failover_dry_run", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.FailoverDryRun }),
		initial: "false", when: onReload,
		doc: "With local: write to the log what would be done, and do nothing."},
	{name: "down_after", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.DownAfter }),
		least: int64(time.Second), initial: "5s", when: onReload,
		doc: "With local: a master that has been silent for so long is dead, if its replicas hear nothing of it either. Keep it over the servers' min-replicas-max-lag by 2s, and over their busy-reply-threshold."},
	{name: "down_refused", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.DownRefused }),
		least: int64(100 * time.Millisecond), initial: "1s", when: onReload,
		doc: "With local: likewise one whose port refuses connections."},
	{name: "down_misconf", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.DownMisconf }),
		least: int64(time.Second), initial: "10s", when: onReload,
		doc: "With local: a master that answers MISCONF (it cannot save its data and takes no writes) for so long is given up, if a replica is better off. It becomes a replica then, and Redis ends a replica that cannot save, at the next write that it is sent, unless replica-ignore-disk-write-errors is yes."},
	{name: "down_busy", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.DownBusy }),
		initial: "0s", when: onReload,
		doc: "With local: likewise one that answers BUSY (it runs a script). 0s: never."},
	{name: "failover_interval", kind: kindDuration, at: ofPool(func(p *Pool) any { return &p.FailoverInterval }),
		least: int64(time.Second), initial: "1m", when: onReload,
		doc: "With local: no second failover of a group sooner than so long after the last."},
	{name: "failovers_per_hour", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.FailoversPerHour }),
		least: 1, initial: "3", when: onReload,
		doc: "With local: after so many in an hour a group is left to the operator, until huntaway release."},
	{name: "candidate_gap", kind: kindSize, at: ofPool(func(p *Pool) any { return &p.CandidateGap }),
		initial: "0B", when: onReload,
		doc: "With local: how much of the data that another replica has may be given up to promote the secondary (role n)."},
	{name: "wait_replicas", kind: kindNumber, at: ofPool(func(p *Pool) any { return &p.WaitReplicas }),
		most: 64, initial: "0", when: onReload,
		doc: "With local: clients wait with WAIT until so many replicas have a write. A promotion then needs so many replicas to agree that no such write can be lost. 0: no such promise."},
	{name: "config_rewrite", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.ConfigRewrite }),
		initial: "true", when: onReload,
		doc: "With local: a server that is promoted or demoted is told to write its new role into its redis.conf."},
	{name: "self_fence", kind: kindFlag, at: ofPool(func(p *Pool) any { return &p.SelfFence }),
		initial: "false", when: onReload,
		doc: "A master that has fewer than half of the group's other servers as replicas in step gets no writes. It bounds what a partition can lose, and gives up service when so many servers are down."},
	{name: "sentinels", kind: kindAddresses, at: ofPool(func(p *Pool) any { return &p.Sentinels }),
		when: onRestart, show: "[]",
		doc: "The Redis Sentinels that watch this pool's servers: [\"10.0.2.90:26379\", ...]; without a port 26379. Name all there are, three or more: what a majority says at the highest epoch is believed. Given alone it means failover = \"sentinel\". A group is found at the Sentinels by its name, or else by its servers' addresses. twemproxy's notes spell one \"host:port:weight\", which nutcracker.yml may."},
	{name: "sentinel_password", kind: kindSecret, at: ofPool(func(p *Pool) any { return &p.SentinelPassword }),
		when: onRestart,
		doc:  "What Sentinels are sent with AUTH; spelled as password is."},
	{name: "sentinel_user", kind: kindText, at: ofPool(func(p *Pool) any { return &p.SentinelUser }),
		when: onRestart,
		doc:  "The ACL user that sentinel_password belongs to. Empty: the default user."},
}

var memberRows = []row{
	{name: "servers", kind: kindLines, when: onReload,
		show: `["10.0.2.80:6379:1 cache-a", "10.0.2.81:6379:1|7:1:m", "10.0.2.82:6379:1|7:1:s"]`,
		doc:  "Servers as lines. twemproxy's \"host:port:weight [name]\" is a group of its own. The first Huntaway's \"host:port:weight|gid:group-weight:role [name]\" makes groups: lines of equal gid hold the same data, gid 0 stands alone, roles are m (master), n (secondary, first in line) and s (replica)."},
	{name: "groups", yaml: "-", kind: kindTables, when: onReload,
		doc: "Groups of servers that hold the same data, a table each; see the next table but one. A pool has servers, groups or both."},
}

// nutcrackerSection holds the keys that only nutcracker.yml has.
var nutcrackerSection = section{
	path: "nutcracker",
	doc:  "Keys of nutcracker.yml that TOML spells otherwise or has no need of.",
	rows: []row{
		{yaml: "redis", kind: kindFlag, when: onRestart,
			doc: "Must be true: memcached pools are not served."},
		{yaml: "redis_auth", kind: kindSecret, when: onRestart,
			doc: "Both password and server_password, taken as it stands."},
	},
}

var limitsSection = section{
	path: "pools.NAME.limits",
	doc:  "Bounds on what one client, and all of them, can make the proxy hold.",
	rows: []row{
		{name: "request_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.RequestBytes }),
			least: kib, most: 2 * gib, initial: "1GiB", when: onReload,
			doc: "A whole request. A larger one is an error and closes the client."},
		{name: "bulk_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.BulkBytes }),
			least: kib, most: 512 * mib, initial: "512MiB", when: onReload,
			doc: "One argument of a request, such as a value."},
		{name: "args", kind: kindNumber, at: ofLimits(func(l *Limits) any { return &l.Args }),
			least: 16, most: 1 << 20, initial: "1048576", when: onReload,
			doc: "Arguments of one request."},
		{name: "inline_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.InlineBytes }),
			least: 64, most: mib, initial: "64KiB", when: onReload,
			doc: "A request that is typed as a line."},
		{name: "pipeline", kind: kindNumber, at: ofLimits(func(l *Limits) any { return &l.Pipeline }),
			least: 1, most: 1 << 20, initial: "1024", when: onReload,
			doc: "Requests of one client that may be under way while their replies are small; what it sends on top waits in its socket. A new client begins with 128; where replies are larger than 1 KiB there are as many as come to 1 MiB, down to one at a time. Requests that are larger than 128 bytes come to 128 KiB at most, or are one; and while they take the server long (over 50 ms, besides what the network takes) there are fewer and fewer, down to one at a time, so that others need not wait behind very many."},
		{name: "output_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.OutputBytes }),
			least: 64 * kib, initial: "1GiB", when: onReload,
			doc: "Replies to a client that wait here to be read; at more it is closed at once. What is asked of servers follows what a client reads, so that little waits however slowly it does: about 2 MiB, and one reply of any size. (A new client's first 128 requests are asked before anything is known of their replies, which then wait at the servers.) Only that one reply, or messages to a subscriber, can be more; subscribers are closed at 32MiB, or at this if it is less."},
		{name: "output_soft_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.OutputSoftBytes }),
			least: 16 * kib, initial: "16MiB", when: onReload,
			doc: "The same; at more it is closed when it reads nothing at all for output_soft_time. A client that reads slowly is not closed."},
		{name: "output_soft_time", kind: kindDuration, at: ofLimits(func(l *Limits) any { return &l.OutputSoftTime }),
			initial: "10s", when: onReload,
			doc: "See output_soft_bytes."},
		{name: "link_queue_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.LinkQueueBytes }),
			least: 64 * kib, initial: "8MiB", when: onReload,
			doc: "Requests that wait to be sent over one connection to a server; at more the clients that feed it wait."},
		{name: "request_time", kind: kindDuration, at: ofLimits(func(l *Limits) any { return &l.RequestTime }),
			initial: "30s", when: onReload,
			doc: "From a request's first byte to its last. 0s: for ever."},
		{name: "idle_time", kind: kindDuration, at: ofLimits(func(l *Limits) any { return &l.IdleTime }),
			initial: "0s", when: onReload,
			doc: "A client that sends nothing and is told nothing for so long is closed, unless it is owed a reply. 0s: never."},
		{name: "auth_time", kind: kindDuration, at: ofLimits(func(l *Limits) any { return &l.AuthTime }),
			initial: "10s", when: onReload,
			doc: "A client of a pool with a password must have authenticated by then. 0s: for ever."},
		{name: "max_memory", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.MaxMemory }),
			initial: "0B", when: onReload,
			doc: "Bytes that the clients of this pool together may make the process hold, as runtime.max_memory is for all pools, and with the same rule of who is closed. 0B: that alone decides."},
		{name: "private_links", kind: kindNumber, at: ofLimits(func(l *Limits) any { return &l.PrivateLinks }),
			least: 1, most: 1 << 20, initial: "10000", when: onReload,
			doc: "Connections to servers, for each event loop, that are lent to one client at a time: for blocking commands, while keys are WATCHed, and for large replies to slow readers. No use takes more than three quarters of them, and all together no more than two fifths of the open files that are left for clients, so that there is always room for a client that needs none. A client that would need one more gets an error, or in the last case a shared connection."},
		{name: "links_per_address", kind: kindNumber, at: ofLimits(func(l *Limits) any { return &l.LinksPerAddress }),
			most: 1 << 20, initial: "0", when: onReload,
			doc: "Of private_links, what the clients of one address may have lent together. 0: half. Lower it where clients that do not trust each other come from different addresses."},
		{name: "script_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.ScriptBytes }),
			least: 64 * kib, initial: "16MiB", when: onReload,
			doc: "Scripts that are remembered, to load them on a server that lacks them. One of more than 1 MiB is not. What was not used for longest is forgotten."},
		{name: "transaction_bytes", kind: kindSize, at: ofLimits(func(l *Limits) any { return &l.QueuedBytes }),
			least: kib, most: 2 * gib, initial: "512MiB", when: onReload,
			doc: "The requests of one client between MULTI and EXEC; at more the transaction is aborted."},
		{name: "subscriptions", kind: kindNumber, at: ofLimits(func(l *Limits) any { return &l.Subscriptions }),
			least: 1, initial: "100000", when: onReload,
			doc: "Channels and patterns that one client may be subscribed to."},
	},
}

var groupSection = section{
	path: "pools.NAME.groups",
	doc:  "A group of servers that hold the same data. It needs a name or a gid, and either master (with secondary and replicas as there are) or server lines.",
	rows: []row{
		{name: "name", kind: kindText, at: ofGroup(func(g *Group) any { return &g.Name }),
			when: onReload, show: `"users-1"`,
			doc: "What logs and metrics call it, and its place on the ring unless label says otherwise. Without a name the gid is the name."},
		{name: "gid", kind: kindNumber, at: ofGroup(func(g *Group) any { return &g.GID }),
			initial: "0", when: onReload,
			doc: "The number of the group in server lines. 0: none."},
		{name: "label", kind: kindText, at: ofGroup(func(g *Group) any { return &g.Label }),
			when: onReload, show: `"users-1"`,
			doc: "Its place on the ring, if that is not to be its name: another label moves the group's keys."},
		{name: "weight", kind: kindNumber, at: ofGroup(func(g *Group) any { return &g.Weight }),
			least: 1, most: heaviest, initial: "1", when: onReload,
			doc: "Its share of the keys, relative to the other groups."},
		{name: "master", kind: kindMember, when: onReload, show: `"10.0.2.70:6379"`,
			doc: "\"host:port\", or \"/path\" of a unix socket; a name may follow after a space. It takes the writes."},
		{name: "secondary", kind: kindMembers, when: onReload, show: `"10.0.2.71:6379"`,
			doc: "First in line to become the master; serves reads. One or a list."},
		{name: "replicas", kind: kindMembers, when: onReload, show: `["10.0.2.72:6379", "10.0.2.73:6379"]`,
			doc: "Serve reads. One or a list."},
		{name: "servers", kind: kindLines, when: onReload,
			show: `["10.0.2.74:6379:1|2:1:m", "10.0.2.75:6379:2|2:1:s"]`,
			doc:  "Instead of the three above: server lines with roles."},
	},
}
