package loop

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"huntaway/shard"
)

// A keyspace is what the masters said of their databases when INFO was last asked. Owner:
// the worker.
type keyspace struct {
	at      int64           // perf.Now; 0: never
	dbs     map[int]dbCount // by the clients' number
	sums    []int64         // by summedNames
	asking  bool
	waiting []keyWaiter // oldest first
}

// A dbCount is one database over all groups.
type dbCount struct{ keys, expires, ttl int64 }

// A keyWaiter goes on when the masters have answered, or when they take too long.
type keyWaiter struct {
	until int64
	goOn  func()
}

const (
	keysFresh = time.Second            // how long an answer counts
	keysWait  = 100 * time.Millisecond // how long INFO waits for one: a server that hangs must not hold it up
)

// knowKeys calls goOn when it is known what databases there are, at once when there is
// nothing to wait for. Masters are asked only when each has a link that is ready.
func (pw *poolWorker) knowKeys(goOn func()) {
	k := &pw.keys
	masters := pw.readyMasters()
	if k.at > 0 && pw.w.now-k.at < int64(keysFresh) || masters == nil {
		goOn()
		return
	}
	k.waiting = append(k.waiting, keyWaiter{pw.w.now + int64(keysWait), goOn})
	if k.asking {
		return
	}
	k.asking = true
	dbs, sums, left, failed := map[int]dbCount{}, make([]int64, len(summedNames)), 2*len(masters), false
	heard := func(reply []byte) {
		failed = failed || len(reply) == 0 || reply[0] != '$'
		addKeys(dbs, reply, pw.opt.DB)
		addSums(sums, reply)
		if left--; left > 0 {
			return
		}
		k.asking = false
		if !failed {
			k.at, k.dbs, k.sums = pw.w.now, dbs, sums
		}
		pw.releaseKeys(len(k.waiting))
	}
	for _, m := range masters { // one section each: older servers take no more
		pw.ask(m, heard, "INFO", "stats")
		pw.ask(m, heard, "INFO", "keyspace")
	}
}

// summedNames are figures of INFO stats that only servers know, and that dashboards show.
// They are summed over the masters, whoever asked those: hits of replicas are not in it.
var summedNames = []string{"expired_keys:", "evicted_keys:", "keyspace_hits:", "keyspace_misses:"}

// addSums adds a master's INFO stats.
func addSums(sums []int64, reply []byte) {
	for i, name := range summedNames {
		if n, ok := numberBehind(reply, "\n"+name); ok {
			sums[i] += n
		}
	}
}

// lines are the sums, once they are known.
func (k *keyspace) lines(i *lines) {
	for at, n := range k.sums {
		i.number(summedNames[at], n)
	}
}

// readyMasters returns every group's master, nil when one of them has no link that is ready.
func (pw *poolWorker) readyMasters() (masters []*shard.Server) {
	ready := map[int32]bool{}
	pw.sharedLinks(func(l *link) { ready[l.server.ID] = ready[l.server.ID] || l.state == linkReady })
	for g := range pw.table.Groups {
		id := pw.table.Groups[g].Master
		if !ready[id] {
			return nil
		}
		masters = append(masters, pw.table.Server(id))
	}
	return masters
}

// releaseKeys lets the n oldest go on.
func (pw *poolWorker) releaseKeys(n int) {
	gone := slices.Clone(pw.keys.waiting[:n])
	pw.keys.waiting = slices.Delete(pw.keys.waiting, 0, n)
	for _, one := range gone {
		one.goOn()
	}
}

// tickKeys lets those go on that have waited long enough.
func (pw *poolWorker) tickKeys() {
	n := 0
	for n < len(pw.keys.waiting) && pw.w.now >= pw.keys.waiting[n].until {
		n++
	}
	if n > 0 {
		pw.releaseKeys(n)
	}
}

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

// keyspaceLines are what this worker knows: all that is known of one database is summed.
func keyspaceLines(i *lines, s *session, _ *report) {
	dbs := s.pw.keys.dbs
	for n := range s.pw.opt.databases(len(s.pw.table.Groups)) {
		if c := dbs[n]; c.keys > 0 {
			i.text(fmt.Sprintf("db%d:", n), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", c.keys, c.expires, c.ttl))
		}
	}
}

// asksServers reports whether what only servers know is among the sections chosen.
func asksServers(sections []int) bool {
	return slices.ContainsFunc(sections, func(at int) bool {
		return sectionTable[at].name == "keyspace" || sectionTable[at].name == "stats"
	})
}
