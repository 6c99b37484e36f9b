package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"huntaway/perf/bench/rig"
)

// A nemesis hurts one server at a time. Owner: its goroutine, which also owns the servers.
type nemesis struct {
	servers []*rig.Child         // any of them may be hurt
	random  *rand.Rand           //
	tally   *tally               // shows whether clients feel it
	say     func(string, ...any) // prints a line
	done    int                  // faults injected
	bit     int                  // of those: a client got an error while it lasted
	failed  error                // why it gave up
}

// A fault hurts a server for about as long as told and heals it again.
type fault struct {
	name   string
	inject func(ctx context.Context, s *rig.Child, d time.Duration) error
}

// faults in the order in which they first come; later ones are drawn.
var faults = []fault{
	{"freeze", freeze},
	{"kill", kill},
	{"stall", stall},
	{"cut off", cutOff},
}

// aftermath is how long after healing an error is still the fault's.
const aftermath = 300 * time.Millisecond

// run injects faults until the context ends, and leaves every server well.
func (n *nemesis) run(ctx context.Context) {
	for n.failed == nil && pause(ctx, n.between(500*time.Millisecond, 2*time.Second)) {
		f := faults[n.done%len(faults)]
		if n.done >= len(faults) {
			f = faults[n.random.IntN(len(faults))]
		}
		n.strike(ctx, f)
	}
}

// strike injects one fault into one server and looks whether anybody felt it.
func (n *nemesis) strike(ctx context.Context, f fault) {
	i, d := n.random.IntN(len(n.servers)), n.between(300*time.Millisecond, 1500*time.Millisecond)
	before := n.tally.errors.Load()
	if err := f.inject(ctx, n.servers[i], d); err != nil {
		n.failed = fmt.Errorf("%s of server %d: %w", f.name, i, err)
		return
	}
	pause(ctx, aftermath)
	n.done++
	felt := n.tally.errors.Load() - before
	if felt > 0 {
		n.bit++
	}
	n.say("fault %d: %s, server %d (%s) for %v: %d errors", n.done, f.name, i, n.servers[i].Addr, d.Round(time.Millisecond), felt)
}

func (n *nemesis) between(low, high time.Duration) time.Duration {
	return low + time.Duration(n.random.Int64N(int64(high-low)))
}

// freeze stops the process: its sockets take bytes and give none.
func freeze(ctx context.Context, s *rig.Child, d time.Duration) error {
	s.Pause()
	defer s.Resume()
	pause(ctx, d)
	return nil
}

// kill ends the process and starts an empty one in its place.
func kill(ctx context.Context, s *rig.Child, d time.Duration) error {
	s.Kill()
	pause(ctx, d)
	return s.Restart(context.WithoutCancel(ctx))
}

// stall makes every reply late, by a command that occupies the server.
func stall(_ context.Context, s *rig.Child, d time.Duration) error {
	_, err := rig.Call(s.Addr, d+10*time.Second, "DEBUG", "SLEEP", fmt.Sprintf("%.3f", d.Seconds()))
	return err
}

// cutOff closes every connection to the server, three times.
func cutOff(ctx context.Context, s *rig.Child, d time.Duration) error {
	for range 3 {
		if _, err := rig.Call(s.Addr, 5*time.Second, "CLIENT", "KILL", "TYPE", "normal"); err != nil {
			return err
		}
		pause(ctx, d/3)
	}
	return nil
}

// pause waits; false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
