package vital

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// Replication is what INFO replication and INFO server say of a server. Immutable.
type Replication struct {
	Replica  bool   // role:slave
	ID       string // master_replid: the lineage of the data
	Offset   int64  // master_repl_offset of a master, slave_repl_offset (applied) of a replica
	LinkUp   bool   // of a replica: master_link_status:up
	Syncing  bool   // of a replica: a full resynchronisation is under way
	Writable bool   // of a replica: slave_read_only:0
	Stale    bool   // refuses reads with MASTERDOWN, because its link is down; set by the prober

	RunID        string        // run_id: this process; "" when INFO server was not asked or not answered
	SecondID     string        // master_replid2: the lineage before a promotion or a restart; "" for none
	SecondOffset int64         // second_repl_offset: up to where SecondID's stream is in the data; -1 for none
	Master       string        // of a replica: host:port of whom it follows
	LinkDown     time.Duration // of a replica: how long its link has been down; 0 while it is up; see Unsynced
	Silence      time.Duration // of a replica: master_last_io_seconds_ago; -1s while the link is down
	Priority     int           // of a replica: slave_priority; 0 never becomes master
	Followers    []Follower    // of a master: its replicas that are online
	Failover     string        // master_failover_state: no-failover, waiting-for-sync, failover-in-progress
}

// A Follower is a replica as its master lists it.
type Follower struct {
	Addr   string // host:port
	Offset int64  // acknowledged
	Lag    time.Duration
}

// Kin tells whether the data descend from lineage: it is theirs, or was before a promotion or
// restart. Everything is kin to a lineage that is not known.
func (r *Replication) Kin(lineage string) bool {
	return lineage == "" || r.ID == lineage || r.SecondID == lineage
}

// ages is longer than any link has been down: what servers before 6.2 say of one that was never up.
const ages = 20 * 365 * 24 * time.Hour

// Unsynced tells whether a replica has had no link to its master since it was started, or since it was a master itself:
// what it holds is what it was started with, if it holds anything.
func (r *Replication) Unsynced() bool {
	return r.Replica && !r.LinkUp && (r.LinkDown < 0 || r.LinkDown > ages)
}

// ParseReplication reads the text of INFO replication, with or without that of INFO server
// (redis.io/docs/latest/commands/info). It reports false when there is no role in it, which
// makes the rest worthless.
func ParseReplication(text string) (Replication, bool) {
	r := Replication{SecondOffset: -1}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		fields[key] = value
		if n, ok := strings.CutPrefix(key, "slave"); ok && n != "" && n[0] >= '0' && n[0] <= '9' {
			r.follower(value)
		}
	}
	role, seen := fields["role"]
	r.Replica = role == "slave"
	r.ID, r.RunID, r.Failover = fields["master_replid"], fields["run_id"], fields["master_failover_state"]
	r.Offset = whole(fields["master_repl_offset"])
	if second := fields["master_replid2"]; strings.Trim(second, "0") != "" {
		r.SecondID, r.SecondOffset = second, whole(fields["second_repl_offset"])
	}
	if r.Replica {
		r.asReplica(fields)
	}
	return r, seen
}

// asReplica takes what only a replica says.
func (r *Replication) asReplica(fields map[string]string) {
	if r.Offset > 0 { // else it has no stream, and says 1 below all the same as long as it has had no master
		r.Offset = whole(fields["slave_repl_offset"])
	}
	r.LinkUp = fields["master_link_status"] == "up"
	r.Syncing = fields["master_sync_in_progress"] == "1"
	r.Writable = fields["slave_read_only"] == "0"
	r.LinkDown = time.Duration(whole(fields["master_link_down_since_seconds"])) * time.Second
	r.Silence = time.Duration(whole(fields["master_last_io_seconds_ago"])) * time.Second
	r.Priority = int(whole(fields["slave_priority"]))
	r.Master = net.JoinHostPort(fields["master_host"], fields["master_port"])
}

// follower adds a replica that is online: "ip=127.0.0.1,port=7002,state=online,offset=14,lag=1".
func (r *Replication) follower(value string) {
	part := map[string]string{}
	for pair := range strings.SplitSeq(value, ",") {
		k, v, _ := strings.Cut(pair, "=")
		part[k] = v
	}
	if part["state"] == "online" {
		r.Followers = append(r.Followers, Follower{
			Addr:   net.JoinHostPort(part["ip"], part["port"]),
			Offset: whole(part["offset"]), Lag: time.Duration(whole(part["lag"])) * time.Second,
		})
	}
}

// whole reads a number, 0 where there is none.
func whole(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
