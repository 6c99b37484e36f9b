package ha

import (
	"context"
	"errors"

	"huntaway/ha/failover"
)

// An arbiter decides in the place of this process who is master: Redis Sentinel, or the
// servers themselves, where they are a Redis Cluster.
type arbiter interface {
	// run follows the arbiter and tells what it says, until ctx ends. It is called once, on a
	// goroutine of its own. What it sends waits until it is taken, so every send must also
	// wait for the end of ctx. It returns when everything it started has ended.
	run(ctx context.Context, out chan<- arbiterEvent)

	// ready returns nil when the arbiter would carry a switchover out at once, else why not. It
	// changes nothing and blocks, at most until ctx ends; any goroutine may call it while run
	// runs.
	ready(ctx context.Context, c change) error

	// delegate has the arbiter begin a switchover, if it is ready for it. The error says
	// failover.ErrRefused when it certainly has not. It blocks, at most until ctx ends, and
	// may be called from any goroutine while run runs.
	delegate(ctx context.Context, c change) error

	// poke says that the data path met something that the arbiter may know more about: a
	// lost link, a READONLY. It never blocks, and may be called from any goroutine.
	poke()
}

// A change is a switchover that an arbiter is to carry out. Immutable.
type change struct {
	group    string // its name in the table
	from, to string // the master and who shall be it, as the table spells them
}

// An arbiterEvent is what an arbiter says of a group. Immutable.
type arbiterEvent struct {
	group string         // its name in the table
	ev    failover.Event // Announced or Objected; At is filled in by who takes it
}

// errNoArbiter answers a Delegate in a mode that has nobody to delegate to.
var errNoArbiter = errors.New("nobody to delegate a failover to: the mode is not sentinel")

// newArbiter returns who decides for a pool, nil when it is this process or nobody. note logs a
// transition and keeps it among the last events.
func newArbiter(o PoolOptions, note func(Transition)) arbiter {
	if o.Failover.Mode == failover.Sentinel && len(o.Sentinels) > 0 {
		return newSentinels(o, note)
	}
	if o.Cluster {
		return newSurvey(o, note)
	}
	return nil
}
