package perf

// Counters are plain integers with one owner, the worker; nothing on the data path is
// atomic. A reader asks the worker for a copy (loop.Engine.Snapshot posts the request to
// each loop) and adds the copies up with Add.

// PoolCounters are what one worker counted for one pool. Owner: the worker.
type PoolCounters struct {
	// Sessions.

	ClientConnections int64  // gauge: sessions open now
	Blocked           int64  // gauge: sessions that wait in a blocking command now
	Subscriptions     int64  // gauge: channels and patterns that sessions are subscribed to
	Upstream          int64  // gauge: those of them that servers know of: one per worker and server
	HeldBytes         int64  // gauge: bytes that clients make the process hold, of those who hold much
	HeldNow           int64  // gauge: requests that wait for a master now
	Accepted          uint64 // sessions opened
	RejectedClients   uint64 // told "max number of clients reached" and closed
	ClientEOF         uint64 // closed by the client
	ClientErr         uint64 // closed on a socket error
	ClosedProtocol    uint64 // closed by us: broken framing
	ClosedIdle        uint64 // closed by us: idle or too slow with a request
	ClosedOutput      uint64 // closed by us: did not read its replies
	ClosedMemory      uint64 // closed by us: held most when clients held too much
	ClosedAuth        uint64 // closed by us: not authenticated in time, or too many attempts
	ClosedDrain       uint64 // closed by us: shutting down
	StoodApart        uint64 // times a session got a link of its own for large replies it was slow to read
	Narrowed          uint64 // times a session was given fewer requests in flight, because they took long
	Paused            uint64 // times a session's reading was suspended (back-pressure)

	// Requests and what became of them.

	Requests     uint64 // requests taken from clients
	RequestBytes uint64 // of those, as framed by the clients
	Recalled     uint64 // of those, taken back to be asked for later, and counted again then
	Messages     uint64 // messages given to subscribers
	Replies      uint64 // replies given to clients, errors included
	ReplyBytes   uint64 // of those, as framed for the clients
	Local        uint64 // answered here
	Split        uint64 // requests that went to more than one server
	Fragments    uint64 // the parts of those
	ErrorReplies uint64 // error replies made here, by any cause
	NotExecuted  uint64 // of those: certainly not executed
	Unknown      uint64 // of those: outcome unknown
	TimedOut     uint64 // of those: the server did not answer in time
	Refused      uint64 // unsupported, disabled or malformed commands
	CrossSlot    uint64 // keys of one command in several groups
	Retried      uint64 // requests sent a second time, to another server or after a switch
	Held         uint64 // requests that waited for a master
	Released     uint64 // times a request that had waited was sent; once more for each refusal
	HeldTooLong  uint64 // requests that waited until their time was over
	HoldFull     uint64 // requests that found no room to wait
	ReadsMaster  uint64 // reads served by masters
	ReadsReplica uint64 // reads served by secondaries and replicas
	Bugs         uint64 // broken invariants survived

	Latency  Histogram // request in to reply out, all commands
	Overhead Histogram // of that, the part spent in this process
}

// CommandCounters are what one worker counted for one command of one pool. Owner: the
// worker, which keeps them by command ID.
type CommandCounters struct {
	Calls    uint64 // requests settled, those with error replies included
	Errors   uint64 // of those, error replies from the server or made here
	Rejected uint64 // requests refused here before anything was done
	Nanos    uint64 // from admission to reply, over all calls that went to a server
}

// ServerCounters are what one worker counted for one server. Owner: the worker.
type ServerCounters struct {
	Links      int64 // gauge: links up now
	InFlight   int64 // gauge: requests sent and not answered
	QueueBytes int64 // gauge: bytes waiting to be sent

	Connects     uint64 // links opened
	ConnectFails uint64 // links that could not be opened
	EOF          uint64 // links closed by the server
	Errs         uint64 // links closed on a socket error
	Desyncs      uint64 // closed by us: bytes that no request asked for, or no valid reply
	Mended       uint64 // replies that did not end where they should, cut out for the one client concerned
	Stalls       uint64 // closed by us: silent for too long
	Drips        uint64 // closed by us: a reply came too slowly

	Requests     uint64 // requests sent
	RequestBytes uint64 // of those
	Replies      uint64 // replies received, error replies included
	ReplyBytes   uint64 // of those
	Errors       uint64 // error replies from the server
	TimedOut     uint64 // requests that were not answered in time
	Sinks        uint64 // late replies swallowed

	Latency Histogram // sent to answered
}
