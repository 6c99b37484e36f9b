package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"huntaway/perf/bench/history"
)

// splitBound is how long both halves of a group may take writes: min-replicas-max-lag and 2 s.
const splitBound = 4 * time.Second

// inHalves has a group of n servers of which two, the first proxy and so many Sentinels can be
// cut off from the others, the second proxy and the other Sentinels. Of no split do two halves
// have a master with n/2 replicas, so at most one of them can take writes.
func inHalves(n, sentinels int) func(*plan) {
	return func(p *plan) {
		guarded(p)
		p.split, p.servers, p.beside = true, n, sentinels
		p.redis = []string{fmt.Sprintf("min-replicas-to-write %d", n/2), "min-replicas-max-lag 2"}
	}
}

// cutInHalves is F9 with five servers: master and secondary are the smaller half. They stop
// taking writes, and Sentinels have the others go on.
func cutInHalves(a *attack) error {
	s, err := a.cutNetwork()
	if err != nil {
		return err
	}
	s.givesWay()
	a.wantFailover(s.group, s.old, s.at, 15*time.Second)
	a.wait(time.Duration(s.bound-a.log.Now()) + time.Second)
	s.wantWriters(6*time.Second, 1)
	s.wantRefusals(0)
	s.wantService(1, max(s.bound, a.writeByOther(s.group, s.old, s.at)))
	return s.heal(nil)
}

// cutEvenly is F9 with four servers, two in each half: neither has a majority, and nobody takes
// writes until the network is whole again.
func cutEvenly(a *attack) error {
	s, err := a.cutNetwork()
	if err != nil {
		return err
	}
	s.givesWay()
	a.wait(splitBound + time.Second)
	s.wantWriters(6*time.Second, 0)
	s.wantRefusals(0)
	s.wantRefusals(1)
	return s.heal(nil)
}

// cutTheFew is F9 with three servers and a Sentinel beside each: master, secondary and two
// Sentinels are the larger half, and go on as if nothing had happened.
func cutTheFew(a *attack) error {
	s, err := a.cutNetwork()
	if err != nil {
		return err
	}
	a.wait(splitBound + time.Second)
	s.wantWriters(6*time.Second, 1)
	s.wantRefusals(1)
	s.wantService(0, s.at)
	a.wantNoFailover(s.group, s.old)
	return s.heal(s.old)
}

// A schism is a group while its network is cut.
type schism struct {
	*attack
	group *group
	old   *server // the master when it was cut
	at    int64   // when it was
	bound int64   // from then on one half at most takes writes
}

// cutNetwork cuts the halves apart.
func (a *attack) cutNetwork() (*schism, error) {
	a.wait(time.Duration(a.random.IntN(500)) * time.Millisecond)
	s := &schism{attack: a, group: a.groups[0], old: a.groups[0].servers[0], at: a.log.Now()}
	if err := a.halves.cut(); err != nil {
		return nil, err
	}
	s.bound = s.at + int64(splitBound)
	return s, nil
}

// givesWay declares what clients of the first half may lose: what its master took until it saw
// that it had too few replicas.
func (s *schism) givesWay() {
	s.forgive(s.group, s.at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.splits = append(s.splits, history.Split{Group: s.group.name, From: s.at - 100e6, To: s.bound + 50e6, Clients: s.clientsOf(0)})
}

// clientsOf are the numbers of those that talk to one of the proxies.
func (a *attack) clientsOf(proxy int) (numbers []int) {
	for _, c := range a.clients {
		if c.addr == a.proxies[proxy].Addr {
			numbers = append(numbers, c.number)
		}
	}
	return numbers
}

// wantWriters writes to every server itself for a while. Exactly so many of them must take it,
// each time.
func (s *schism) wantWriters(d time.Duration, want int) {
	rounds := 0
	for until := time.Now().Add(d); time.Now().Before(until) && s.ctx.Err() == nil; rounds++ {
		var took []string
		for _, each := range s.group.servers {
			if _, err := each.call("SET", "who takes writes", "1"); err == nil {
				took = append(took, each.name)
			}
		}
		if len(took) != want {
			s.fail("%.3f s after the cut %d servers take writes (%s); want %d", seconds(s.log.Now()-s.at), len(took), strings.Join(took, ", "), want)
			return
		}
		s.wait(200 * time.Millisecond)
	}
	s.bit("%d times every server was asked to write, and %d did", rounds, want)
}

// wantRefusals looks at what clients of one proxy were told from the bound on: none of their
// writes was executed, and every one of them knows it.
func (s *schism) wantRefusals(proxy int) {
	mine := s.clientsOf(proxy)
	name := s.proxies[proxy].name
	verbatim, held := 0, 0
	for _, op := range s.ops(s.group, 0) {
		switch {
		case !slices.Contains(mine, op.Client) || op.Invoked < s.bound || !op.Kind.Writes():
		case op.Kind == history.Pop && op.Class == history.OK && op.Got == "": // it found nothing
		case op.Class != history.Fail:
			s.fail("clients of %s: %s %q %.3f s after the cut ended %v %s; want a definite refusal",
				name, op.Kind, op.Key, seconds(op.Completed-s.at), op.Class, op.Error)
			return
		case strings.HasPrefix(op.Error, "NOREPLICAS"), strings.HasPrefix(op.Error, "EXECABORT"):
			verbatim++
		default:
			held++
		}
	}
	s.figure("refused by the master, "+name, float64(verbatim))
	s.figure("refused by the proxy, "+name, float64(held))
	if verbatim+held == 0 {
		s.fail("no client of %s wrote anything behind the bound: nothing is shown", name)
		return
	}
	s.bit("writes through %s: %d refused by the master, %d by the proxy", name, verbatim, held)
}

// wantService looks at writes of one proxy's clients from a second behind the given moment on:
// its half has the majority of servers, and they are served. One in a hundred may not be: all
// servers and the load share the cores of one machine, which may stall by itself.
func (s *schism) wantService(proxy int, since int64) {
	mine, served, not, last := s.clientsOf(proxy), 0, 0, history.Op{}
	since += int64(time.Second)
	for _, op := range s.ops(s.group, since) {
		switch {
		case !slices.Contains(mine, op.Client) || op.Invoked < since || !op.Kind.Writes():
		case op.Class == history.OK:
			served++
		default:
			not, last = not+1, op
		}
	}
	if not > served/100 {
		s.fail("%d writes through %s were served and %d were not, such as %s %q %.3f s after the cut: %v %s; want all",
			served, s.proxies[proxy].name, not, last.Kind, last.Key, seconds(last.Completed-s.at), last.Class, last.Error)
	}
	if served == 0 {
		s.fail("no write through %s was served", s.proxies[proxy].name)
	}
	s.figure("served in the larger half, "+s.proxies[proxy].name, float64(served))
}

// heal joins the halves again, and waits until everybody is of one mind: the master is then the
// given one, or with nil another one than it was. Sentinels wait some seconds before they order
// servers about that they have not seen for a while.
func (s *schism) heal(master *server) error {
	// What was on its way at the cut may have met two servers of the other half, one after the other.
	s.wantLookups(s.group, s.bound)
	if err := s.halves.heal(); err != nil {
		return err
	}
	healed := s.log.Now()
	if s.until("not of one mind", time.Minute, func() bool { return s.apart() == "" }) {
		s.figure("healed to one mind, s", seconds(s.log.Now()-healed))
	} else {
		s.fail("not of one mind: %s", s.apart())
	}
	switch now := s.group.master(); {
	case master == nil && now == s.old:
		s.fail("%s is master again; want one of the other half", s.old.name)
	case master != nil && now != master:
		s.fail("the master is %s; want %s", nameOf(now), master.name)
	}
	return nil
}
