package ha

import (
	"fmt"

	"huntaway/ha/failover"
)

// A sentinelReport is what one Sentinel says of one group. Immutable.
type sentinelReport struct {
	addr  string // of the member that it names as master, as the table spells it
	epoch uint64 // the config-epoch under which it does
	down  bool   // a quorum of Sentinels cannot reach that one, and this one is not in TILT
}

// hearing is whether a Sentinel has been heard on a group.
type hearing uint8

const (
	unasked hearing = iota // has not been asked yet
	spoke                  // its report counts
	mute                   // does not answer, or has nothing to say of the group
)

// A sentinelTally is what all Sentinels say of one group, and what was made known of it. It is
// a pure core: reports in, events out.
//
// Invariants: the epochs of its Announced events never fall, and one epoch names one address.
type sentinelTally struct {
	sentinelReports []sentinelReport // by Sentinel
	heard           []hearing        // likewise; a report counts while it is spoke

	announced bool   // something was made known
	addr      string // what was: the master,
	epoch     uint64 // its epoch,
	source    int    // how many said so,
	objectors int    // and how many hold it for dead
	odd       string // what is strange about the reports; "": nothing
}

// newSentinelTally returns the tally of n Sentinels.
func newSentinelTally(n int) *sentinelTally {
	return &sentinelTally{sentinelReports: make([]sentinelReport, n), heard: make([]hearing, n)}
}

// hear takes what Sentinel i says now.
func (e *sentinelTally) hear(i int, v sentinelReport) { e.sentinelReports[i], e.heard[i] = v, spoke }

// hush takes that Sentinel i says nothing.
func (e *sentinelTally) hush(i int) { e.heard[i] = mute }

// decide appends what there is to make known since the last time: a master under a higher
// epoch, more reports for the one that was named, and how many hold it for dead.
//
// The highest epoch wins however few speak of it, for an epoch is given to one Sentinel by
// a majority of them (sentinel.c, sentinelGetLeader); who follows looks at the server and at
// the number of reports before believing it. A Sentinel that was asleep, or that makes up an
// old epoch, is outvoted by any that is up to date, and by what was made known before.
func (e *sentinelTally) decide(evs []failover.Event) []failover.Event {
	best, source, clear := e.poll()
	e.odd = e.strange(best, source, clear)
	if source == 0 || !clear || !e.announced && e.early() {
		return e.object(evs)
	}
	newer := !e.announced || best.epoch > e.epoch
	if newer || best.epoch == e.epoch && best.addr == e.addr && source > e.source {
		e.announced, e.addr, e.epoch, e.source = true, best.addr, best.epoch, source
		evs = append(evs, e.announcement())
	}
	return e.object(evs)
}

// announcement is what was made known last.
func (e *sentinelTally) announcement() failover.Event {
	return failover.Event{Kind: failover.Announced, Addr: e.addr, Epoch: e.epoch, Source: e.source, Of: len(e.sentinelReports)}
}

// object appends a change in how many hold the announced master for dead. A Sentinel that
// speaks of another one, or of another epoch, is not heard on it. That nobody does any more is
// told only when somebody says so: when those who did fall silent, or speak of another master,
// the objection stands for as long as who heard of it believes it.
func (e *sentinelTally) object(evs []failover.Event) []failover.Event {
	n, well := 0, 0
	for i, v := range e.sentinelReports {
		switch {
		case e.heard[i] != spoke || !e.announced || v.addr != e.addr || v.epoch != e.epoch:
		case v.down:
			n++
		default:
			well++
		}
	}
	news := n != e.objectors && (n > 0 || well*2 > len(e.sentinelReports))
	if e.objectors = n; news {
		evs = append(evs, e.objection())
	}
	return evs
}

// objection says how many hold the master for dead that was made known last; 0 clears it.
func (e *sentinelTally) objection() failover.Event {
	return failover.Event{Kind: failover.Objected, Addr: e.addr, Epoch: e.epoch, Source: e.objectors, Of: len(e.sentinelReports)}
}

// poll returns the report of the highest epoch, of how many it is, and whether no other
// address has as many under that epoch.
func (e *sentinelTally) poll() (best sentinelReport, source int, clear bool) {
	votes := map[string]int{}
	for i, v := range e.sentinelReports {
		if e.heard[i] == spoke && v.epoch > best.epoch {
			best.epoch = v.epoch
		}
	}
	for i, v := range e.sentinelReports {
		if e.heard[i] == spoke && v.epoch == best.epoch {
			votes[v.addr]++
		}
	}
	for addr, n := range votes {
		switch {
		case n > source:
			best.addr, source, clear = addr, n, true
		case n == source:
			clear = false
		}
	}
	return best, source, clear
}

// early tells whether too few were heard for a first announcement, and more may come.
func (e *sentinelTally) early() bool {
	waiting, said := 0, 0
	for _, h := range e.heard {
		switch h {
		case unasked:
			waiting++
		case spoke:
			said++
		}
	}
	return waiting > 0 && said <= len(e.sentinelReports)/2
}

// strange words what an operator should know of the sentinelReports.
func (e *sentinelTally) strange(best sentinelReport, source int, clear bool) string {
	switch {
	case source == 0:
		return ""
	case !clear:
		return fmt.Sprintf("they name different masters under epoch %d", best.epoch)
	case e.announced && best.epoch < e.epoch:
		return fmt.Sprintf("all that answer are at epoch %d, behind %d: their word does not count until they have caught up", best.epoch, e.epoch)
	case e.announced && best.epoch == e.epoch && best.addr != e.addr:
		return fmt.Sprintf("they name %s under epoch %d, which stood for %s", best.addr, best.epoch, e.addr)
	}
	return ""
}
