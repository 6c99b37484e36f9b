package main

import (
	"sync"
	"time"

	"huntaway/ha"
	"huntaway/shard"
)

// A ledger stands between the monitor and a pool of the data path: it hands tables on, and
// counts what only a change of tables shows.
type ledger struct {
	ha.Publisher // the pool of the data path

	mu        sync.Mutex           // guards the following
	ejects    uint64               // groups that left the ring
	ejectedAt map[string]time.Time // by the group's name, the last time
}

// Publish puts a table in force. One caller at a time.
func (l *ledger) Publish(t *shard.Table) {
	l.count(l.Table(), t)
	l.Publisher.Publish(t)
}

// count notes the groups that are off the ring in next and were on it in old.
func (l *ledger) count(old, next *shard.Table) {
	out := map[string]bool{}
	for _, i := range old.Ejected() {
		out[old.Groups[i].Name] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range next.Ejected() {
		if name := next.Groups[i].Name; !out[name] {
			l.ejects++
			l.ejectedAt[name] = time.Now()
		}
	}
}

// ejections returns how often groups left the ring, and when this one last did.
func (l *ledger) ejections(group string) (n uint64, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ejects, l.ejectedAt[group]
}
