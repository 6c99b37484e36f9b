package ha

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
)

// What a Sentinel promotes (sentinel.c, sentinelSelectSlave): a replica that it has heard within
// five of its PINGs and asked within three of its INFOs, and whose link has not been down for
// longer than ten down-after-milliseconds. In milliseconds.
const (
	sentinelHears = 5 * 1000
	sentinelKnows = 3 * 10000
	sentinelLinks = 10
)

const (
	readyEvery = 100 * time.Millisecond // between two looks whether a Sentinel is ready
	readyMost  = 30 * time.Second       // for so long, where the order has no time limit
	readyLeast = 3 * time.Second        // of the order's time that the switchover itself is left
)

// ready tells whether a Sentinel would carry a switchover out at once. After a failover it would
// not for a second or more: the one that made it is at the siblings yet, and all of them have
// to ask the replicas what they are.
func (s *sentinels) ready(ctx context.Context, c change) error {
	_, err := s.first(ctx, func(a *asker) (bool, error) { return false, a.ready(ctx, c) })
	return err
}

// delegate has the first Sentinel that is ready begin a failover. One that is under way already
// is another one, and says nothing of ours.
func (s *sentinels) delegate(ctx context.Context, c change) error {
	sent, err := s.first(ctx, func(a *asker) (bool, error) {
		if err := a.ready(ctx, c); err != nil {
			return false, err
		}
		return a.begin(ctx, c.group)
	})
	if err == nil {
		s.poke()
		return nil
	}
	if sent {
		return fmt.Errorf("it is not known whether a failover of group %s was begun: %w", c.group, err)
	}
	return fmt.Errorf("%w of group %s: %w", failover.ErrRefused, c.group, err)
}

// first asks one Sentinel after the other until one does what is wanted, beginning with the one
// that was ready last. It stops where something was sent that may have been carried out.
func (s *sentinels) first(ctx context.Context, f func(*asker) (sent bool, err error)) (sent bool, err error) {
	var all []string
	from := int(s.lead.Load())
	for i := range s.askers {
		a := s.askers[(from+i)%len(s.askers)]
		sent, err := f(a)
		if err == nil {
			s.lead.Store(int32(a.index))
			return sent, nil
		}
		all = append(all, fmt.Sprintf("Sentinel %s: %v", a.addr, err))
		if sent || ctx.Err() != nil {
			return sent, errors.New(strings.Join(all, "; "))
		}
	}
	return false, errors.New(strings.Join(all, "; "))
}

// called returns what the Sentinel calls a group.
func (a *asker) called(group string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if name := a.names[group]; name != "" {
		return name, nil
	}
	return "", errors.New("it has not answered, or does not know the group")
}

// ready looks what the Sentinel thinks of a group's servers, on a connection of its own. Any
// goroutine may call it.
func (a *asker) ready(ctx context.Context, c change) error {
	name, err := a.called(c.group)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.access.Timeout)
	defer cancel()
	client := a.access.open("tcp", a.addr)
	defer client.Close()
	pipe := client.Pipeline()
	master := pipe.Do(ctx, "SENTINEL", "MASTER", name)
	replicas := pipe.Do(ctx, "SENTINEL", "REPLICAS", name)
	quorum := pipe.Do(ctx, "SENTINEL", "CKQUORUM", name)
	_, _ = pipe.Exec(ctx) // each has its own error
	if err := cmpErr(master.Err(), replicas.Err()); err != nil {
		return err
	}
	if err := quorum.Err(); err != nil && !beginsWith(err, "NOPERM ") {
		return err
	}
	v := readiness{c: c}
	for _, h := range a.of.groupsAddresses(ctx) {
		if h.name == c.group {
			v.of = h
		}
	}
	return v.judge(master.Val(), replicas.Val())
}

// begin has the Sentinel begin a failover of the group, on a connection of its own. It tells
// whether that may have been done although there is an error. Any goroutine may call it.
func (a *asker) begin(ctx context.Context, group string) (sent bool, err error) {
	name, err := a.called(group)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.access.Timeout)
	defer cancel()
	client := a.access.open("tcp", a.addr)
	defer client.Close()
	err = client.Do(ctx, "SENTINEL", "FAILOVER", name).Err()
	return err == nil || !answeredBy(err) && classify(err) != vital.FaultRefused, err
}

// A readiness is what a Sentinel thinks of a group that is to get another master.
type readiness struct {
	c  change
	of groupAddresses
}

// judge returns why a SENTINEL FAILOVER would not make c.to, or somebody like it, master at
// once; nil when it would, for all that can be seen.
func (v *readiness) judge(master, replicas any) error {
	m, err := parseFields(master)
	if err != nil {
		return err
	}
	flags := strings.Split(m["flags"], ",")
	switch {
	case v.at(m["ip"], m["port"]) != v.c.from:
		return fmt.Errorf("it holds %s:%s for the master, not %s", m["ip"], m["port"], v.c.from)
	case slices.Contains(flags, "failover_in_progress"):
		return fmt.Errorf("it has not ended its last failover (%s)", m["failover-state"])
	case len(flags) != 1 || flags[0] != "master":
		return fmt.Errorf("it calls the master %s", m["flags"])
	}
	rows, _ := replicas.([]any)
	return v.candidates(rows, number(m["down-after-milliseconds"]))
}

// candidates looks at the replicas: the target must be one that it would promote, and no other
// one preferred to it. Among equals it chooses by what it last knew of their offsets.
func (v *readiness) candidates(rows []any, downAfter int64) error {
	why, mine := fmt.Errorf("it does not know the replica %s", v.c.to), int64(-1)
	best, bestAt := int64(-1), ""
	for _, row := range rows {
		r, err := parseFields(row)
		if err != nil {
			return err
		}
		at, fault, priority := v.at(r["ip"], r["port"]), unpromotable(r, downAfter), number(r["slave-priority"])
		if at == v.c.to {
			if why = nil; fault != "" {
				why = fmt.Errorf("it would not promote %s: %s", v.c.to, fault)
			}
			mine = priority
		}
		if fault == "" && (best < 0 || priority < best) {
			best, bestAt = priority, r["ip"]+":"+r["port"]
		}
	}
	if why == nil && best < mine {
		why = fmt.Errorf("it would promote %s: replica-priority is %d there, and %d at %s", bestAt, best, mine, v.c.to)
	}
	return why
}

// at returns the member at an address of Sentinel's, as the table spells it; "" for a stranger.
func (v *readiness) at(host, port string) string {
	addr, err := canonical(host, port)
	if err != nil {
		return ""
	}
	return v.of.member(addr)
}

// unpromotable returns why a Sentinel would pass a replica over, "" when it would not.
func unpromotable(r map[string]string, downAfter int64) string {
	for _, flag := range []string{"s_down", "o_down", "disconnected"} {
		if slices.Contains(strings.Split(r["flags"], ","), flag) {
			return "it is " + flag
		}
	}
	switch {
	case number(r["last-ok-ping-reply"]) > sentinelHears:
		return "it has not answered for " + r["last-ok-ping-reply"] + " ms"
	case number(r["info-refresh"]) > sentinelKnows:
		return "it has not been asked for INFO yet"
	case r["role-reported"] != "slave":
		return "it says that it is a " + r["role-reported"]
	case number(r["master-link-down-time"]) > sentinelLinks*downAfter:
		return "its link to the master is down"
	case number(r["slave-priority"]) == 0:
		return "its replica-priority is 0"
	}
	return ""
}

// number reads a number, 0 when it is none.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// An unready is why an arbiter would not carry a switchover out at once.
type unready struct{ error }

// askArbiter asks once whether the arbiter would carry a switchover out at once.
func (p *place) askArbiter(ctx context.Context, wish failover.Wish) error {
	if p.watch.arbiter == nil {
		return errNoArbiter
	}
	c := change{group: p.group.Name}
	if s := p.server(wish.Expect); s != nil {
		c.from = s.Addr
	}
	if s := p.server(wish.To); s != nil {
		c.to = s.Addr
	}
	if err := p.watch.arbiter.ready(ctx, c); err != nil {
		return unready{err}
	}
	return nil
}

// switchByArbiter orders a switchover as soon as nothing is in its way that passes by itself, and
// the arbiter is ready. Nothing is held until then, and nothing was done when the order's time
// is over.
func (p *place) switchByArbiter(ctx context.Context, wish failover.Wish) (plan []string, err error) {
	till := time.Now().Add(readyMost)
	if end, ok := ctx.Deadline(); ok {
		till = end.Add(-readyLeast)
	}
	limited, cancel := context.WithDeadline(ctx, till)
	defer cancel()
	why := errors.New("there was no time to look")
	for {
		if _, err = p.plan(limited, wish); err == nil {
			if plan, err = p.watch.order(ctx, p.group.Name, wish); !failover.Passes(err) {
				return plan, err
			}
		}
		switch {
		case limited.Err() != nil:
			return nil, fmt.Errorf("nothing was done, in the time there was: %v", why)
		case !failover.Passes(err) && !errors.As(err, new(unready)):
			return nil, err
		}
		why = err
		rest(limited, readyEvery, nil)
	}
}
