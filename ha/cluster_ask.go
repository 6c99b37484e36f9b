package ha

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A surveyed is one address at which the cluster is asked.
//
// Owner: the survey; client is that of who asks while busy.
type surveyed struct {
	addr   string
	client *redis.Client // nil while there is no connection worth keeping
	busy   bool          // somebody is asking, and has not come back
	round  int           // the survey that he asks for
}

// ask returns what the nodes say that answer, each in its own words. It waits for the first,
// and then for surveyPatient at most.
func (s *survey) ask(ctx context.Context) (views []view) {
	s.round++
	pending, answered := 0, false
	for _, addr := range s.addresses() {
		if s.send(ctx, addr) {
			pending++
		}
	}
	limit := time.NewTimer(s.o.Access.Timeout)
	defer limit.Stop()
	for pending > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-limit.C:
			return views
		case v := <-s.answers:
			at := s.asked[v.from]
			at.busy = false
			if at.round != s.round {
				continue // late: what it says has been asked again or is old
			}
			pending--
			views = append(views, v)
			if v.err == nil && !answered {
				answered = true
				limit.Reset(surveyPatient)
			}
		}
	}
	return views
}

// addresses returns the entry points and all nodes that are known.
func (s *survey) addresses() (addrs []string) {
	seen := map[string]bool{}
	for _, all := range [][]string{s.o.Entries, s.topology.addrs} {
		for _, addr := range all {
			if !seen[addr] {
				seen[addr] = true
				addrs = append(addrs, addr)
			}
		}
	}
	for addr, at := range s.asked {
		if !seen[addr] && !at.busy {
			at.hangUp()
			delete(s.asked, addr)
		}
	}
	return addrs
}

// send has a node asked, unless it is being asked still.
func (s *survey) send(ctx context.Context, addr string) bool {
	at := s.asked[addr]
	if at == nil {
		at = &surveyed{addr: addr}
		s.asked[addr] = at
	}
	if at.busy {
		return false
	}
	at.busy, at.round = true, s.round
	s.asking.Go(func() {
		v := at.view(ctx, s.o.Access)
		select {
		case s.answers <- v:
		case <-ctx.Done():
			at.hangUp()
		}
	})
	return true
}

// view asks one node. A connection that was lost since the last time says nothing about the
// node of today.
func (at *surveyed) view(ctx context.Context, a Access) view {
	fresh := at.client == nil
	v := at.attempt(ctx, a)
	if v.err != nil && !fresh && ctx.Err() == nil {
		v = at.attempt(ctx, a)
	}
	return v
}

// attempt makes one try within the time limit.
func (at *surveyed) attempt(ctx context.Context, a Access) view {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	if at.client == nil {
		at.client = a.open("tcp", at.addr)
	}
	pipe := at.client.Pipeline()
	nodes, info := pipe.ClusterNodes(ctx), pipe.ClusterInfo(ctx) // a refusal of the latter leaves the state unknown
	_, _ = pipe.Exec(ctx)                                        // each has its own error
	text, err := nodes.Result()
	if err != nil {
		at.hangUp()
		return view{from: at.addr, err: fmt.Errorf("asking %s: %w", at.addr, err)}
	}
	v, err := parseView(at.addr, text)
	v.down = fieldsOf(info.Val())["cluster_state"] == "fail"
	if err != nil {
		v.err = fmt.Errorf("asking %s: %w", at.addr, err)
	}
	return v
}

// hangUp gives the client away.
func (at *surveyed) hangUp() {
	if at.client != nil {
		_ = at.client.Close() // nothing is in flight, nothing is left to lose
		at.client = nil
	}
}

// failures joins what kept nodes from answering.
func failures(views []view) error {
	errs := []error{errors.New("no node of the cluster told who owns its slots")}
	for i := range views {
		errs = append(errs, views[i].err)
	}
	return errors.Join(errs...)
}
