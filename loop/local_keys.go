package loop

import (
	"bytes"
	"fmt"
)

// A dbCount is one database over all groups.
type dbCount struct{ keys, expires, ttl int64 }

// addKeys adds a master's INFO keyspace. base is the pool's first database.
func addKeys(dbs map[int]dbCount, reply []byte, base int) {
	for line := range bytes.Lines(reply) {
		var n int
		var c dbCount
		if _, err := fmt.Sscanf(string(line), "db%d:keys=%d,expires=%d,avg_ttl=%d", &n, &c.keys, &c.expires, &c.ttl); err != nil || n < base {
			continue
		}
		sum := dbs[n-base]
		if expires := sum.expires + c.expires; expires > 0 {
			sum.ttl = (sum.ttl*sum.expires + c.ttl*c.expires) / expires
		}
		sum.keys += c.keys
		sum.expires += c.expires
		dbs[n-base] = sum
	}
}

// keyspaceLines are the clients' databases, under the clients' numbers; nothing while the
// masters cannot be asked.
func keyspaceLines(i *lines, s *session, sum *report) {
	dbs := map[int]dbCount{}
	for _, text := range sum.told {
		at := max(0, bytes.Index(text, []byte("# Keyspace")))
		addKeys(dbs, text[at:], s.pw.opt.DB)
	}
	for n := range s.pw.opt.databases(len(s.pw.table.Groups)) {
		if c := dbs[n]; c.keys > 0 {
			i.text(fmt.Sprintf("db%d:", n), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", c.keys, c.expires, c.ttl))
		}
	}
}
