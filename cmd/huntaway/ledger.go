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
	ha.Publisher      // the pool of the data path
	opens        bool // every group's first hold is that of a start, see after

	mu        sync.Mutex           // guards the following
	ejects    uint64               // groups that left the ring
	ejectedAt map[string]time.Time // by the group's name, the last time
	tenures   map[string]tenure    // likewise
}

// A tenure is what changes of tables show of a group's masters.
type tenure struct {
	heldAt   time.Time     // when the hold that lasts began; zero: none does
	lastHold time.Duration // how long the one before it lasted
	promoted uint64        // times another server became master
	kept     uint64        // times a hold ended under the same master
	opening  bool          // the hold that lasts is that of a start
	opened   bool          // there was such a hold
}

// newLedger returns the ledger of a pool; mode says who decides in it.
func newLedger(pool ha.Publisher, mode string) *ledger {
	return &ledger{Publisher: pool, opens: mode == "local" || mode == "sentinel",
		ejectedAt: map[string]time.Time{}, tenures: map[string]tenure{}}
}

// Publish puts a table in force. One caller at a time.
func (l *ledger) Publish(t *shard.Table) {
	old := l.Table()
	l.count(old, t)
	l.Publisher.Publish(t)
	l.follow(old, t)
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

// follow notes holds and masters that are not in next what they were in old.
func (l *ledger) follow(old, next *shard.Table) {
	was := map[string]*shard.Group{}
	for i := range old.Groups {
		was[old.Groups[i].Name] = &old.Groups[i]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range next.Groups {
		g := &next.Groups[i]
		before := was[g.Name]
		if before == nil {
			before = &shard.Group{Master: g.Master}
		}
		if before.Held != g.Held || before.Master != g.Master {
			t := l.tenures[g.Name]
			if l.opens && !t.opened && g.Held {
				t.opening, t.opened = true, true
			}
			l.tenures[g.Name] = t.after(before, g)
		}
	}
}

// after returns the tenure once a group has become what it is in g. A start, which holds a
// group until its servers have been looked at, and may find another master than the
// configuration names, counts for nothing.
func (t tenure) after(before, g *shard.Group) tenure {
	if t.opening {
		if t.opening = g.Held; !g.Held {
			t.heldAt = time.Time{}
		} else if t.heldAt.IsZero() {
			t.heldAt = time.Now()
		}
		return t
	}
	another := g.Master >= 0 && before.Master >= 0 && g.Master != before.Master
	if another {
		t.promoted++
	}
	switch {
	case g.Held && !before.Held:
		t.heldAt = time.Now()
	case before.Held && !g.Held:
		if !another {
			t.kept++
		}
		t.lastHold, t.heldAt = time.Since(t.heldAt), time.Time{}
	}
	return t
}

// begin says that who is master is about to be found out as at a start: every group's next hold is that of one.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, t := range l.tenures {
		t.opened = false
		l.tenures[name] = t
	}
}

// ejections returns how often groups left the ring, and when this one last did.
func (l *ledger) ejections(group string) (n uint64, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ejects, l.ejectedAt[group]
}

// tenure returns what is known of the group's masters.
func (l *ledger) tenure(group string) tenure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tenures[group]
}

// opening tells whether a group's masters have yet to be found out since the start.
func (l *ledger) opening() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tenures {
		if t.opening {
			return true
		}
	}
	return false
}
