package ha

import (
	"strconv"
	"strings"
)

// Replication is what INFO replication says of a server. Immutable.
type Replication struct {
	Replica  bool   // role:slave
	ID       string // master_replid: the lineage of the data
	Offset   int64  // master_repl_offset of a master, slave_repl_offset (applied) of a replica
	LinkUp   bool   // of a replica: master_link_status:up
	Syncing  bool   // of a replica: a full resynchronisation is under way
	Writable bool   // of a replica: slave_read_only:0
	Stale    bool   // refuses reads with MASTERDOWN, because its link is down
}

// ParseReplication reads the text of INFO replication (redis.io/docs/latest/commands/info).
// It reports false when there is no role in it, which makes the rest worthless.
func ParseReplication(text string) (Replication, bool) {
	var r Replication
	var masterOffset, replicaOffset int64
	seen := false
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch key {
		case "role":
			seen, r.Replica = true, value == "slave"
		case "master_replid":
			r.ID = value
		case "master_repl_offset":
			masterOffset, _ = strconv.ParseInt(value, 10, 64)
		case "slave_repl_offset":
			replicaOffset, _ = strconv.ParseInt(value, 10, 64)
		case "master_link_status":
			r.LinkUp = value == "up"
		case "master_sync_in_progress":
			r.Syncing = value == "1"
		case "slave_read_only":
			r.Writable = value == "0"
		}
	}
	r.Offset = masterOffset
	if r.Replica {
		r.Offset = replicaOffset
	}
	return r, seen
}
