package loop

import (
	"slices"
	"strings"

	"huntaway/codec"
)

// openSettings are the settings of servers that clients may see, by how their names begin:
// what decides how data is kept. Passwords, files, addresses and what is about connections
// between servers are not among them, nor is anything that is not known here.
var openSettings = strings.Fields("active-expire-effort activedefrag activerehashing appendfsync appendonly busy-reply-threshold " +
	"dynamic-hz hash-max- hll-sparse- hz latency-monitor- latency-tracking lazyfree- lfu- list-compress-depth list-max- lua-time-limit " +
	"maxmemory min-replicas- min-slaves- no-appendfsync-on-rewrite rdbcompression replica-ignore-maxmemory replica-read-only " +
	"replica-serve-stale-data save set-max- slave-ignore-maxmemory slave-read-only slave-serve-stale-data slowlog- " +
	"stop-writes-on-bgsave-error stream-node-max- tracking-table-max-keys zset-max-")

// settingsIn reads a reply to CONFIG GET *: those of the settings that are open.
func settingsIn(reply []byte) map[string]string {
	all := map[string]string{}
	for at := codec.ArrayHeader(reply); at < len(reply); {
		name, behind := word(reply, at)
		if behind == 0 || behind >= len(reply) {
			break
		}
		value, next := word(reply, behind)
		if next == 0 {
			break
		}
		if at = next; fieldIn(openSettings, string(name)) {
			all[string(name)] = string(value)
		}
	}
	return all
}

// underOwn adds what the masters say to the proxy's own settings, sorted by name: what all of
// them have, where it differs the sum, the least, or the word mixed.
func underOwn(own []setting, replies [][]byte) []setting {
	values := map[string][]string{}
	for _, reply := range replies {
		for name, value := range settingsIn(reply) {
			values[name] = append(values[name], value)
		}
	}
	all := slices.Clone(own)
	for name, v := range values {
		known := slices.ContainsFunc(own, func(o setting) bool { return o.name == name })
		if !known && len(v) == len(replies) {
			all = append(all, setting{name, oneSetting(name, v)})
		}
	}
	slices.SortFunc(all, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	return all
}

// oneSetting makes one value of several servers'.
func oneSetting(name string, values []string) string {
	if name == "maxmemory" {
		if sum, ok := combine(name, values); ok {
			return sum
		}
	}
	least, ok := pick(values, func(a, b float64) bool { return a < b })
	if !ok {
		return mixed(values)
	}
	return least
}
