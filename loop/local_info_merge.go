package loop

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"huntaway/codec"
)

// A chapter is a section of INFO as it is read from a text.
type chapter struct {
	title  string
	fields []field
}

// A field is one line of INFO.
type field struct{ name, value string }

// chaptersOf reads a text of INFO, or the bulk string that it came in.
func chaptersOf(text []byte) (all []chapter) {
	for line := range bytes.Lines(text) {
		line := string(bytes.TrimRight(line, codec.CRLF))
		if title, ok := strings.CutPrefix(line, "# "); ok {
			all = append(all, chapter{title: title})
		} else if at := strings.IndexByte(line, ':'); at > 0 && len(all) > 0 {
			last := &all[len(all)-1]
			last.fields = append(last.fields, field{line[:at], line[at+1:]})
		}
	}
	return all
}

// mergeInfo makes one INFO of what the masters say: what all of them say alike, and of what
// differs what combine can make one of. The order is the first one's.
func mergeInfo(texts [][]byte) (all []chapter) {
	if len(texts) == 0 {
		return nil
	}
	all = chaptersOf(texts[0])
	others := make([]map[string]string, len(texts)-1)
	for i := range others {
		others[i] = map[string]string{}
		for _, c := range chaptersOf(texts[i+1]) {
			for _, f := range c.fields {
				others[i][c.title+":"+f.name] = f.value
			}
		}
	}
	for c := range all {
		all[c].merge(others)
	}
	return all
}

// merge puts what the others say into a chapter.
func (c *chapter) merge(others []map[string]string) {
	if len(others) == 0 {
		return
	}
	kept := c.fields[:0]
	summed := int64(-1) // the number in the line before, where it is of several
	for _, f := range c.fields {
		values := []string{f.value}
		for _, o := range others {
			if v, ok := o[c.title+":"+f.name]; ok {
				values = append(values, v)
			}
		}
		if len(values) <= len(others) {
			continue // not all of them know it
		}
		value, ok := combine(f.name, values)
		if strings.HasSuffix(f.name, "_human") && summed >= 0 {
			value, ok = humanBytes(summed), true
		}
		if summed = -1; ok {
			kept = append(kept, field{f.name, value})
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				summed = n
			}
		}
	}
	c.fields = kept
}

// How figures of several servers become one. What is in none of these lists and differs is
// left out: a sum of times or of ratios would be no answer.
var (
	summedFields = strings.Fields("total_ instantaneous_ keyspace_ expired_ evicted_ sync_ used_memory used_cpu_ mem_ allocator_ " +
		"number_of_ lazyfree active_defrag_ pubsub tracking_ dump_payload_ acl_access_ slave_expires_ migrate_ rdb_changes_ " +
		"rdb_saves rdb_last_load_ rdb_last_cow_ aof_rewrites aof_last_cow_ aof_current_size aof_base_size aof_buffer_ " +
		"current_cow_size current_save_keys_ io_threaded_ reply_buffer_ rss_overhead_bytes clients_in_ unexpected_error_ " +
		"master_repl_offset repl_backlog_size repl_backlog_histlen expire_cycle_ connected_clients blocked_clients maxmemory")
	leastFields = strings.Fields("uptime_ rdb_last_save_time maxclients total_system_memory hz configured_hz")
	mostFields  = strings.Fields("loading async_loading rdb_bgsave_in_progress rdb_last_bgsave_time_sec aof_enabled aof_rewrite_ " +
		"aof_last_rewrite_time_sec repl_backlog_active latest_fork_usec client_recent_max_ module_fork_in_progress active_defrag_running io_threads_active")
	neverFields = strings.Fields("_ratio _perc _human _id _sha1 total_system_memory_human")
)

// fieldIn reports whether a name begins with one of a list.
func fieldIn(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(name, s) })
}

// combine makes one value of several; false when nothing true can be said.
func combine(name string, values []string) (value string, ok bool) {
	if !slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) && !fieldIn(summedFields, name) {
		return values[0], true
	}
	ends := func(s string) bool { return strings.HasSuffix(name, s) }
	switch {
	case name == "maxmemory_policy":
		return mixed(values), true
	case ends("_status"):
		return "err", true // one of them is not ok
	case slices.ContainsFunc(neverFields, ends):
		return "", false
	case fieldIn(leastFields, name):
		return pick(values, func(a, b float64) bool { return a < b })
	case fieldIn(mostFields, name):
		return pick(values, func(a, b float64) bool { return a > b })
	case name == "maxmemory" && slices.Contains(values, "0"):
		return "0", true // without a limit, one of them
	case fieldIn(summedFields, name):
		return sumOf(values)
	}
	return "", false
}

// mixed is a word for all values: the one that they have in common, or that there is none.
func mixed(values []string) string {
	if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
		return "mixed"
	}
	return values[0]
}

// pick returns the number that is before all others.
func pick(values []string, before func(a, b float64) bool) (value string, ok bool) {
	var best float64
	for i, v := range values {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return "", false
		}
		if i == 0 || before(n, best) {
			best, value = n, v
		}
	}
	return value, true
}

// sumOf adds numbers up, with as many digits behind the point as the first has.
func sumOf(values []string) (value string, ok bool) {
	whole, sum, digits := int64(0), 0.0, 0
	if _, behind, is := strings.Cut(values[0], "."); is {
		digits = len(behind)
	}
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		f, wrong := strconv.ParseFloat(v, 64)
		if wrong != nil || err != nil && digits == 0 {
			return "", false
		}
		whole, sum = whole+n, sum+f
	}
	if digits == 0 {
		return strconv.FormatInt(whole, 10), true
	}
	return strconv.FormatFloat(sum, 'f', digits, 64), true
}

// humanBytes is a number of bytes as Redis prints it for people.
func humanBytes(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	f, at := float64(n)/1024, 0
	for ; f >= 1024 && at < 3; at++ {
		f /= 1024
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + "KMGT"[at:at+1]
}

// A rank says over what the proxy's own line of INFO is said.
type rank uint8

const (
	lastResort rank = iota // over nothing: only while the masters cannot be asked
	ofSeveral              // over what is made of several masters
	ofAll                  // over a single master's too: it is about the clients, or about us
)

// ownRanks are the ranks of the proxy's own lines, by name; those that are not here are a last
// resort. cmdstat_ and errorstat_ are what clients asked for and were told here.
var ownRanks = map[string]rank{
	"redis_version": ofAll, "redis_mode": ofAll, "tcp_port": ofAll, "cluster_enabled": ofAll,
	"huntaway_version": ofAll, "huntaway_pool": ofAll, "huntaway_groups": ofAll, "huntaway_workers": ofAll,
	"connected_clients": ofAll, "cluster_connections": ofAll, "maxclients": ofAll, "pubsub_clients": ofAll,
	"blocked_clients": ofAll, "tracking_clients": ofAll,
	"total_connections_received": ofAll, "rejected_connections": ofAll, "total_error_replies": ofAll,
	"role": ofAll, "connected_slaves": ofAll,
	"run_id": ofSeveral, "process_id": ofSeveral, "os": ofSeveral, "arch_bits": ofSeveral, "server_time_usec": ofSeveral,
	"uptime_in_seconds": ofSeveral, "uptime_in_days": ofSeveral, "executable": ofSeveral, "config_file": ofSeveral,
	"total_commands_processed": ofSeveral, "instantaneous_ops_per_sec": ofSeveral, "total_net_input_bytes": ofSeveral,
	"total_net_output_bytes": ofSeveral, "instantaneous_input_kbps": ofSeveral, "instantaneous_output_kbps": ofSeveral,
	"pubsub_channels": ofSeveral, "pubsub_patterns": ofSeveral, "pubsubshard_channels": ofSeveral,
}

// ownChapters are those of which every line is the proxy's own: a server counts what reaches
// it, and a database has another number there.
var ownChapters = []string{"Commandstats", "Errorstats", "Keyspace"}

// hides reports whether a line of a master is not for clients: who follows it, which is the
// pool's business, how many of them are well, beside a connected_slaves of none, and times of commands, where they are of several.
func hides(name string, alone bool) bool {
	return strings.HasPrefix(name, "slave") && strings.Trim(name[len("slave"):], "0123456789") == "" || name == "min_slaves_good_slaves" ||
		!alone && strings.HasPrefix(name, "latency_percentiles_usec_")
}

// overlay puts the proxy's own lines over a chapter that the masters have told.
func (c *chapter) overlay(own []field, alone bool) {
	if slices.Contains(ownChapters, c.title) {
		c.fields = own
		return
	}
	from := ofAll
	if !alone {
		from = ofSeveral
	}
	c.fields = slices.DeleteFunc(c.fields, func(f field) bool { return hides(f.name, alone) })
	for _, f := range own {
		if ownRanks[f.name] < from {
			continue
		}
		at := slices.IndexFunc(c.fields, func(o field) bool { return o.name == f.name })
		if at >= 0 {
			c.fields[at] = f
		} else {
			c.fields = append(c.fields, f)
		}
	}
}
