package perf

import (
	"math"
	"time"
)

// Families is the metric table. The order is the order of every listing; within twemproxy's
// statistics the order is its own (stats.go).
var Families = []Family{
	{"huntaway_build_info", Gauge, BuildScope, "Always 1; the labels say which program is running", "",
		[]Figure{{Read: func(Point) float64 { return 1 }}}},
	{"huntaway_config_last_reload_successful", Gauge, ProcessScope, "0 when the last reload of the configuration was refused, otherwise 1", "",
		[]Figure{{Read: func(p Point) float64 { return truth(!p.Config.Refused) }}}},
	{"huntaway_config_last_reload_success_timestamp_seconds", Gauge, ProcessScope, "When the configuration in force was read", "",
		[]Figure{{Read: func(p Point) float64 { return seconds(p.Config.LoadedAt) }}}},

	// Sessions.
	{"huntaway_client_connections", Gauge, PoolScope, "Client connections open now", "",
		[]Figure{{Stats: "client_connections", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClientConnections) })}}},
	{"huntaway_client_held_bytes", Gauge, PoolScope, "Bytes that clients make the process hold, of those that hold more than 256 KiB", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.HeldBytes) })}}},
	{"huntaway_client_connections_blocked", Gauge, PoolScope, "Client connections that wait in a blocking command now", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Blocked) })}}},
	{"huntaway_subscriptions", Gauge, PoolScope, "Channels and patterns that client connections are subscribed to now", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Subscriptions) })}}},
	{"huntaway_server_subscriptions", Gauge, PoolScope, "Subscriptions that servers hold for them now: one per channel, worker and server", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Upstream) })}}},
	{"huntaway_messages_total", Counter, PoolScope, "Published messages given to subscribed client connections", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Messages) })}}},
	{"huntaway_client_connections_total", Counter, PoolScope, "Client connections by what became of them at the door", "result",
		[]Figure{
			{Value: "accepted", Read: pool(func(c *PoolCounters) float64 { return float64(c.Accepted) })},
			{Value: "rejected", Read: pool(func(c *PoolCounters) float64 { return float64(c.RejectedClients) })},
		}},
	{"huntaway_client_disconnects_total", Counter, PoolScope, "Client connections closed, by who or what closed them", "reason",
		[]Figure{
			{Value: "eof", Stats: "client_eof", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClientEOF) })},
			{Value: "error", Stats: "client_err", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClientErr) })},
			{Value: "protocol", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClosedProtocol) })},
			{Value: "idle", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClosedIdle) })},
			{Value: "output_buffer", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClosedOutput) })},
			{Value: "memory", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClosedMemory) })},
			{Value: "auth", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClosedAuth) })},
			{Value: "drain", Read: pool(func(c *PoolCounters) float64 { return float64(c.ClosedDrain) })},
		}},
	{"huntaway_client_pauses_total", Counter, PoolScope, "Times the reading from a client was suspended because its replies, or a server, were slower than it", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Paused) })}}},
	{"huntaway_client_stood_apart_total", Counter, PoolScope, "Times a client got a connection to a server for itself, because it reads large replies slower than they come", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.StoodApart) })}}},
	{"huntaway_client_narrowed_total", Counter, PoolScope, "Times a client was given fewer requests in flight, because they took long", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Narrowed) })}}},
	{"huntaway_client_received_bytes_total", Counter, PoolScope, "Bytes of the requests taken from clients", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.RequestBytes) })}}},
	{"huntaway_client_sent_bytes_total", Counter, PoolScope, "Bytes of the replies given to clients", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.ReplyBytes) })}}},

	// Requests.
	{"huntaway_requests_total", Counter, PoolScope, "Requests taken from clients", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Requests) })}}},
	{"huntaway_requests_recalled_total", Counter, PoolScope, "Of those, reads that were taken back because the client was behind with large replies; they are counted again when they are sent anew", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Recalled) })}}},
	{"huntaway_replies_total", Counter, PoolScope, "Replies given to clients, error replies included", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Replies) })}}},
	{"huntaway_requests_local_total", Counter, PoolScope, "Requests that the proxy answered itself", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Local) })}}},
	{"huntaway_requests_split_total", Counter, PoolScope, "Requests that went to more than one server", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Split) })}}},
	{"huntaway_fragments_total", Counter, PoolScope, "Parts into which requests for several servers were split", "",
		[]Figure{{Stats: "fragments", Read: pool(func(c *PoolCounters) float64 { return float64(c.Fragments) })}}},
	{"huntaway_requests_retried_total", Counter, PoolScope, "Requests sent a second time: to another server, or after a switch of masters", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Retried) })}}},
	{"huntaway_requests_held_total", Counter, PoolScope, "Requests that waited for a group to have a master", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Held) })}}},
	{"huntaway_held_requests", Gauge, PoolScope, "Requests that wait for a group to have a master now", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.HeldNow) })}}},
	{"huntaway_held_requests_ended_total", Counter, PoolScope, "Requests that waited so, by how that ended; one that was sent and refused ends more than once", "how",
		[]Figure{
			{Value: "sent", Read: pool(func(c *PoolCounters) float64 { return float64(c.Released) })},
			{Value: "timeout", Read: pool(func(c *PoolCounters) float64 { return float64(c.HeldTooLong) })},
			{Value: "no_room", Read: pool(func(c *PoolCounters) float64 { return float64(c.HoldFull) })},
		}},
	{"huntaway_requests_refused_total", Counter, PoolScope, "Requests refused for what they ask", "reason",
		[]Figure{
			{Value: "command", Read: pool(func(c *PoolCounters) float64 { return float64(c.Refused) })},
			{Value: "cross_slot", Read: pool(func(c *PoolCounters) float64 { return float64(c.CrossSlot) })},
		}},
	{"huntaway_reads_total", Counter, PoolScope, "Reads by the kind of server that served them", "target",
		[]Figure{
			{Value: "master", Read: pool(func(c *PoolCounters) float64 { return float64(c.ReadsMaster) })},
			{Value: "replica", Read: pool(func(c *PoolCounters) float64 { return float64(c.ReadsReplica) })},
		}},
	{"huntaway_error_replies_total", Counter, PoolScope, "Error replies made by the proxy, by any cause", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.ErrorReplies) })}}},
	{"huntaway_requests_failed_total", Counter, PoolScope, "Requests for which no server's reply could be given, by what the client may conclude", "outcome",
		[]Figure{
			{Value: "not_executed", Stats: "forward_error", Read: pool(func(c *PoolCounters) float64 { return float64(c.NotExecuted) })},
			{Value: "unknown", Read: pool(func(c *PoolCounters) float64 { return float64(c.Unknown) })},
		}},
	{"huntaway_request_timeouts_total", Counter, PoolScope, "Requests whose server did not answer in time", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.TimedOut) })}}},
	{"huntaway_command_duration_seconds", Timing, PoolScope, "Time from a request's arrival to the end of its reply", "",
		[]Figure{{Timing: func(p Point) *Histogram { return &p.Pool.Counters.Latency }}}},
	{"huntaway_proxy_overhead_seconds", Timing, PoolScope, "Of that time, the part spent in this process", "",
		[]Figure{{Timing: func(p Point) *Histogram { return &p.Pool.Counters.Overhead }}}},
	{"huntaway_bugs_total", Counter, PoolScope, "Broken invariants survived; each one is a defect to report", "",
		[]Figure{{Read: pool(func(c *PoolCounters) float64 { return float64(c.Bugs) })}}},
	{"huntaway_topology_epoch", Gauge, PoolScope, "Number of the routing table in force; rises by one with each new master", "",
		[]Figure{{Read: func(p Point) float64 { return float64(p.Pool.Epoch) }}}},
	{"huntaway_sentinels", Gauge, PoolScope, "Sentinels of the pool by whether they answer; where most do not nobody may fail its groups over", "state",
		[]Figure{
			{Value: "answering", Read: func(p Point) float64 { return float64(p.Pool.Sentinels) }},
			{Value: "silent", Read: func(p Point) float64 { return float64(p.Pool.SentinelsLost) }},
		}},
	{"huntaway_server_ejections_total", Counter, PoolScope, "Times auto_eject_hosts took a server off the ring", "",
		[]Figure{{Stats: "server_ejects", Read: func(p Point) float64 { return float64(p.Pool.Ejects) }}}},

	// Commands.
	{"huntaway_commands_total", Counter, CommandScope, "Commands by whether the client got an error reply", "outcome",
		[]Figure{
			{Value: "ok", Read: func(p Point) float64 { return float64(p.Command.Calls) - float64(p.Command.Errors) }},
			{Value: "error", Read: func(p Point) float64 { return float64(p.Command.Errors) }},
		}},

	// Groups.
	{"huntaway_group_state", Gauge, GroupScope, "1 for the state the group is in, 0 for the others; only healthy needs no attention", "state", careStates()},
	{"huntaway_group_held", Gauge, GroupScope, "1 while writes to the group wait for its master, or for another one", "",
		[]Figure{{Read: care(func(c *Care) float64 { return truth(c.Held) })}}},
	{"huntaway_group_forbidden", Gauge, GroupScope, "1 while a failover of the group is due and must not begin, for its status says why", "",
		[]Figure{{Read: care(func(c *Care) float64 { return truth(c.Forbidden) })}}},
	{"huntaway_group_latched", Gauge, GroupScope, "1 while automatic failover of the group is off, until an operator releases it", "",
		[]Figure{{Read: care(func(c *Care) float64 { return truth(c.Latched) })}}},
	{"huntaway_group_alarms", Gauge, GroupScope, "What an operator should look at now, see huntaway status", "",
		[]Figure{{Read: care(func(c *Care) float64 { return float64(c.Alarms) })}}},
	{"huntaway_failovers_total", Counter, GroupScope, "Times the group's writes were held or its master replaced, by a switchover too, by who was master afterwards", "result",
		[]Figure{
			{Value: "new_master", Read: care(func(c *Care) float64 { return float64(c.Promoted) })},
			{Value: "same_master", Read: care(func(c *Care) float64 { return float64(c.Kept) })},
		}},
	{"huntaway_failover_last_hold_seconds", Gauge, GroupScope, "How long the group's writes were held the last time, 0 for never", "",
		[]Figure{{Read: care(func(c *Care) float64 { return c.LastHold.Seconds() })}}},

	// Servers.
	{"huntaway_backend_up", Gauge, ServerScope, "1 when the server answers, 0 when it does not or is not ready", "",
		[]Figure{{Read: func(p Point) float64 { return truth(p.Server.Up) }}}},
	{"huntaway_backend_role", Gauge, ServerScope, "1 for the role that the server has now, 0 for the others", "role",
		[]Figure{
			{Value: "master", Read: func(p Point) float64 { return truth(p.Server.Role == 'm') }},
			{Value: "secondary", Read: func(p Point) float64 { return truth(p.Server.Role == 'n') }},
			{Value: "replica", Read: func(p Point) float64 { return truth(p.Server.Role == 's') }},
		}},
	{"huntaway_backend_state", Gauge, ServerScope, "1 for what is thought of the server now, 0 for the rest", "state", serverStates()},
	{"huntaway_backend_reason", Gauge, ServerScope, "1 for the reason why the server is not in, 0 for the others", "reason", serverReasons()},
	{"huntaway_backend_serves_reads", Gauge, ServerScope, "1 while a replica is well and near enough to its master to serve reads", "",
		[]Figure{{Read: func(p Point) float64 { return truth(p.Server.Reader) }}}},
	{"huntaway_backend_replication_lag_seconds", Gauge, ServerScope, "How far a replica is behind its master, to within one probe interval; NaN while that is not known", "",
		[]Figure{{Read: func(p Point) float64 { return p.Server.behind(p.Server.Lag.Seconds()) }}}},
	{"huntaway_backend_replication_lag_bytes", Gauge, ServerScope, "How far a replica is behind its master; NaN while that is not known", "",
		[]Figure{{Read: func(p Point) float64 { return p.Server.behind(float64(p.Server.LagBytes)) }}}},
	{"huntaway_backend_connections", Gauge, ServerScope, "Links to the server that are up now", "",
		[]Figure{{Stats: "server_connections", Read: server(func(c *ServerCounters) float64 { return float64(c.Links) })}}},
	{"huntaway_backend_connections_total", Counter, ServerScope, "Attempts to open a link to the server", "result",
		[]Figure{
			{Value: "connected", Read: server(func(c *ServerCounters) float64 { return float64(c.Connects) })},
			{Value: "failed", Read: server(func(c *ServerCounters) float64 { return float64(c.ConnectFails) })},
		}},
	{"huntaway_backend_disconnects_total", Counter, ServerScope, "Links to the server closed, by who or what closed them", "reason",
		[]Figure{
			{Value: "eof", Stats: "server_eof", Read: server(func(c *ServerCounters) float64 { return float64(c.EOF) })},
			{Value: "error", Stats: "server_err", Read: server(func(c *ServerCounters) float64 { return float64(c.Errs) })},
			{Value: "protocol", Read: server(func(c *ServerCounters) float64 { return float64(c.Desyncs) })},
			{Value: "silent", Read: server(func(c *ServerCounters) float64 { return float64(c.Stalls) })},
			{Value: "slow_reply", Read: server(func(c *ServerCounters) float64 { return float64(c.Drips) })},
		}},
	{"huntaway_backend_mended_replies_total", Counter, ServerScope, "Replies to scripts and their like that did not end where they should, cut out for the one client concerned", "",
		[]Figure{{Read: server(func(c *ServerCounters) float64 { return float64(c.Mended) })}}},
	{"huntaway_backend_requests_total", Counter, ServerScope, "Requests sent to the server", "",
		[]Figure{{Stats: "requests", Read: server(func(c *ServerCounters) float64 { return float64(c.Requests) })}}},
	{"huntaway_backend_sent_bytes_total", Counter, ServerScope, "Bytes of the requests sent to the server", "",
		[]Figure{{Stats: "request_bytes", Read: server(func(c *ServerCounters) float64 { return float64(c.RequestBytes) })}}},
	{"huntaway_backend_replies_total", Counter, ServerScope, "Replies received from the server, error replies included", "",
		[]Figure{{Stats: "responses", Read: server(func(c *ServerCounters) float64 { return float64(c.Replies) })}}},
	{"huntaway_backend_received_bytes_total", Counter, ServerScope, "Bytes of the replies received from the server", "",
		[]Figure{{Stats: "response_bytes", Read: server(func(c *ServerCounters) float64 { return float64(c.ReplyBytes) })}}},
	{"huntaway_backend_errors_total", Counter, ServerScope, "Requests to the server that went wrong", "code",
		[]Figure{
			{Value: "reply", Read: server(func(c *ServerCounters) float64 { return float64(c.Errors) })},
			{Value: "timeout", Stats: "server_timedout", Read: server(func(c *ServerCounters) float64 { return float64(c.TimedOut) })},
		}},
	{"huntaway_backend_late_replies_total", Counter, ServerScope, "Replies that came after their request had timed out, and were dropped", "",
		[]Figure{{Read: server(func(c *ServerCounters) float64 { return float64(c.Sinks) })}}},
	{"huntaway_backend_queue_requests", Gauge, ServerScope, "Requests waiting to be sent to the server, estimated from their bytes and the average size", "",
		[]Figure{{Stats: "in_queue", Read: server(queued)}}},
	{"huntaway_backend_queue_bytes", Gauge, ServerScope, "Bytes waiting to be sent to the server", "",
		[]Figure{{Stats: "in_queue_bytes", Read: server(func(c *ServerCounters) float64 { return float64(c.QueueBytes) })}}},
	{"huntaway_backend_inflight_requests", Gauge, ServerScope, "Requests sent to the server and not yet answered", "",
		[]Figure{{Stats: "out_queue", Read: server(func(c *ServerCounters) float64 { return float64(c.InFlight) })}}},
	{"huntaway_backend_inflight_bytes", Gauge, ServerScope, "Bytes of the requests not yet answered, estimated from their number and the average size", "",
		[]Figure{{Stats: "out_queue_bytes", Read: server(inFlightBytes)}}},
	{"huntaway_backend_ejected_timestamp_seconds", Gauge, ServerScope, "When auto_eject_hosts last took the server off the ring, 0 for never", "",
		[]Figure{{Stats: "server_ejected_at", PerUnit: 1e6, Read: ejectedAt}}},
	{"huntaway_backend_request_duration_seconds", Timing, ServerScope, "Time from sending a request to the server to its reply", "",
		[]Figure{{Timing: func(p Point) *Histogram { return &p.Server.Counters.Latency }}}},
}

// pool reads a figure from the counters of a point's pool.
func pool(read func(*PoolCounters) float64) func(Point) float64 {
	return func(p Point) float64 { return read(&p.Pool.Counters) }
}

// server reads a figure from the counters of a point's server.
func server(read func(*ServerCounters) float64) func(Point) float64 {
	return func(p Point) float64 { return read(&p.Server.Counters) }
}

// care reads a figure from what is known of a point's group.
func care(read func(*Care) float64) func(Point) float64 {
	return func(p Point) float64 { return read(&p.Group.Care) }
}

// careStates has a figure for each state of a group.
func careStates() (all []Figure) {
	for _, name := range CareStates {
		all = append(all, Figure{Value: name, Read: care(func(c *Care) float64 { return truth(c.State == name) })})
	}
	return all
}

// serverStates has a figure for each state of a server.
func serverStates() (all []Figure) {
	for i, name := range stateNames {
		all = append(all, Figure{Value: name, Read: func(p Point) float64 { return truth(p.Server.State == ServerState(i)) }})
	}
	return all
}

// serverReasons has a figure for each reason why a server is not in.
func serverReasons() (all []Figure) {
	for _, name := range Reasons {
		all = append(all, Figure{Value: name, Read: func(p Point) float64 { return truth(p.Server.Reason == name) }})
	}
	return all
}

// truth is 1 or 0, as Prometheus shows a state.
func truth(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// requestSize is the average size of a request sent to the server, 0 before the first.
func requestSize(c *ServerCounters) float64 {
	return float64(c.RequestBytes) / float64(max(c.Requests, 1))
}

// queued estimates how many requests the queued bytes are; at least one if there are any.
// twemproxy counts them; here the data path counts only bytes, which is what is limited.
func queued(c *ServerCounters) float64 {
	if c.QueueBytes == 0 {
		return 0
	}
	return math.Ceil(float64(c.QueueBytes) / max(requestSize(c), 1))
}

// inFlightBytes estimates the bytes of the requests that the server has not answered.
func inFlightBytes(c *ServerCounters) float64 {
	return math.Round(float64(c.InFlight) * requestSize(c))
}

// behind is a figure of a server's lag, NaN while nobody knows it.
func (s *ServerSnapshot) behind(figure float64) float64 {
	if !s.Measured {
		return math.NaN()
	}
	return figure
}

// ejectedAt reads the time of the last ejection.
func ejectedAt(p Point) float64 { return seconds(p.Server.EjectedAt) }

// seconds is a time in seconds since 1970, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
