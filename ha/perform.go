package ha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/shard"
)

var (
	errReplaced = errors.New("given up: the pool's watch was replaced")
	errGone     = errors.New("the server is in no group any more")
)

// withinLeast is what an action gets that names no time.
const withinLeast = int64(time.Second)

// carryOut does what the group's machine says, in that order. What takes time runs on
// goroutines of its own and comes back as an outcome.
func (w *watch) carryOut(s *groupDriver, acts []failover.Action) {
	lineage, before := s.machine.Data()
	w.own(s.group, lineage, before)
	for _, a := range acts {
		switch a.Kind {
		case failover.Hold:
			w.amend(s, (*shard.Table).WithHold)
		case failover.Release:
			w.amend(s, (*shard.Table).WithoutHold)
			w.perform(w.detector.Adopt(layoutOf(w.seen), perf.Now(), nil)) // nobody is spared any more
		case failover.Publish:
			w.enthrone(s, a.Server)
		case failover.Fence, failover.Drain, failover.Persist, failover.Order:
			if a.Kind == failover.Persist {
				s.spread(&a.Intent)
			}
			s.pending[a.ID] = struct{}{}
			if a.Op == failover.Promote && a.Kind == failover.Order {
				w.detector.Spare(a.Server)
			}
			w.begin(s, a)
		case failover.Ask:
			w.perform(w.detector.Step(Event{Kind: LinkStalled, Server: a.Server, At: perf.Now()}, nil))
		case failover.Report:
			w.report(s, a.Transition)
			s.hasten(perf.Now())
		case failover.Answer:
			w.answer(s, a)
		}
	}
}

// amend publishes what change makes of the adopted table.
func (w *watch) amend(s *groupDriver, change func(*shard.Table, int) *shard.Table) {
	if i := w.index(s.group); i >= 0 {
		w.seen = change(w.seen, i)
		w.o.Publisher.Publish(w.seen)
	}
}

// enthrone publishes a server as its group's master, and tells the detector and the machines
// of the other groups of the new table.
func (w *watch) enthrone(s *groupDriver, id int32) {
	if w.seen.GroupOf(id) != w.index(s.group) {
		return // it has left the group while the machine was at work; Adopt has said so
	}
	w.amend(s, func(t *shard.Table, i int) *shard.Table { return t.WithMaster(i, id) })
	passing(pointPublished)
	w.perform(w.detector.Adopt(layoutOf(w.seen), perf.Now(), nil))
	for _, other := range w.groupDrivers {
		if other != s && other.machine != nil {
			w.carryOut(other, other.machine.Adopt(w.layout(other.group), perf.Now(), nil))
		}
	}
}

// report logs a transition of a machine.
func (w *watch) report(s *groupDriver, t failover.Transition) {
	switch t.To {
	case failover.Healthy, failover.Suspect, failover.Stuck, failover.Ambiguous:
		w.detector.Settle(w.index(s.group))
	}
	w.note(Transition{At: t.At, What: "failover", Pool: w.o.Name, Group: s.group, Failover: &t})
}

// answer tells the operator who waits for it how a wish ended.
func (w *watch) answer(s *groupDriver, a failover.Action) {
	if to := s.waiting[a.ID]; to != nil {
		delete(s.waiting, a.ID)
		to <- answer{a.Plan, a.Err}
	}
}

// order has a group's machine carry out an operator's wish, and returns when it has answered.
func (w *watch) order(ctx context.Context, group string, wish failover.Wish) ([]string, error) {
	wish.ID = wishes.Add(1)
	answers := make(chan answer, 1)
	refused := errors.New("the pool is not being watched")
	w.call(func() {
		s := groupDriverOf(w.groupDrivers, group)
		switch {
		case s == nil:
			refused = w.unattended(group)
		case s.machine == nil:
			refused = fmt.Errorf("group %s is still being looked at for another active monitor; ask again in a second", group)
		default:
			refused = nil
			s.waiting[wish.ID] = answers
			w.consult(s, failover.Event{Kind: failover.Commanded, Wish: wish})
		}
	})
	if refused != nil {
		return nil, refused
	}
	select {
	case a := <-answers:
		return a.plan, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer yet, it goes on without you, see the events: %w", ctx.Err())
	case <-w.ended:
		return nil, errors.New("the watch of the pool ended meanwhile, see the events")
	}
}

// unattended refuses an order about a group that has no machine.
func (w *watch) unattended(group string) error {
	if w.o.Cluster {
		return fmt.Errorf("group %s is part of a Redis Cluster, which decides about its masters: CLUSTER FAILOVER at a replica switches over", group)
	}
	return fmt.Errorf("group %s has one server and so no failover: there is nothing to switch over, resolve, latch or release", group)
}

// begin starts an action that has an ID.
func (w *watch) begin(s *groupDriver, a failover.Action) {
	limit := time.Duration(cmp.Or(a.Within, withinLeast))
	switch {
	case a.Kind == failover.Fence:
		w.apart(s, a, limit, func(ctx context.Context) error { return w.o.Publisher.Fence(ctx, a.Server) })
	case a.Kind == failover.Drain:
		w.apart(s, a, limit, func(ctx context.Context) error { return w.o.Publisher.Drain(ctx, a.Server) })
	case a.Kind == failover.Persist:
		save := w.stateStore.prepare(a.Intent)
		w.apart(s, a, limit, func(context.Context) error { return w.persisted(a.Intent, save()) })
	case a.Op == failover.Delegate:
		c := w.change(s.group, a.Server, a.Target)
		w.apart(s, a, limit, func(ctx context.Context) error { return w.delegate(ctx, c) })
	default:
		w.hand(s, a, limit)
	}
}

// persisted returns what a machine is told of a write to the state file. Whoever decides by
// himself may not go on without one; the others are only slower to find their way after a
// restart, and go on.
func (w *watch) persisted(in failover.Intent, err error) error {
	if in.Begun == "freezing" && err == nil {
		passing(pointFrozen)
	}
	if w.o.Failover.Mode == failover.Local {
		return err
	}
	return nil
}

// change words a switchover for the arbiter.
func (w *watch) change(group string, from, to int32) change {
	c := change{group: group}
	if s := w.seen.Server(from); s != nil {
		c.from = s.Addr
	}
	if s := w.seen.Server(to); s != nil {
		c.to = s.Addr
	}
	return c
}

func (w *watch) delegate(ctx context.Context, c change) error {
	if w.arbiter == nil {
		return errNoArbiter
	}
	return w.arbiter.delegate(ctx, c)
}

// apart runs f on a goroutine of its own, with a time limit, and has its end told to the group's
// machine.
func (w *watch) apart(s *groupDriver, a failover.Action, limit time.Duration, f func(context.Context) error) {
	ctx := w.ctx
	o := outcome{group: s.group, ev: failover.Event{Kind: failover.Done, ID: a.ID, Server: a.Server, Sent: perf.Now()}}
	w.working.Go(func() {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		o.ev.Err = f(limited)
		select {
		case <-ctx.Done():
		case w.outcomes <- o:
		}
	})
}

// hand gives an order to whoever carries out orders at that server.
func (w *watch) hand(s *groupDriver, a failover.Action, limit time.Duration) {
	o := order{Action: a, group: s.group, until: time.Now().Add(limit), keepFile: w.o.NoRewrite}
	if t := w.seen.Server(a.Target); t != nil {
		o.target = t.Addr
	}
	h := w.handAt(a.Server)
	if h == nil {
		w.apart(s, a, limit, func(context.Context) error { return errGone })
		return
	}
	select {
	case h.orders <- o:
	default:
		w.apart(s, a, limit, func(context.Context) error {
			return fmt.Errorf("%d orders wait for %s already", ordersMost, h.addr)
		})
	}
}

// handAt returns the hand at a server, a new one when there is none yet, nil when there is no
// such server.
func (w *watch) handAt(id int32) *hand {
	s := w.seen.Server(id)
	if s == nil {
		return nil
	}
	h := w.hands[id]
	if h == nil {
		h = &hand{addr: s.Addr, network: s.Network, access: w.o.Access,
			orders: make(chan order, ordersMost), outcomes: w.outcomes}
		var ctx context.Context
		ctx, h.cancel = context.WithCancel(w.ctx)
		w.hands[id] = h
		w.working.Go(func() { h.run(ctx) })
	}
	return h
}
