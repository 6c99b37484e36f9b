package ha

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/shard"
)

// How often Sentinels are asked. They are asked at once when one of them publishes something, and when
// the data path was refused or lost something.
const (
	sentinelPeriod = time.Second            // in quiet times
	sentinelHaste  = 200 * time.Millisecond // while a Sentinel has its doubts about a master
	sentinelLeast  = 20 * time.Millisecond  // between two questions to one Sentinel, whoever wants them
)

// sentinels is the arbiter of a pool whose groups Redis Sentinel watches. Every Sentinel of the
// configuration is asked, and subscribed to, on connections of its own; what they publish is only
// a reason to ask, so that a forged message leads nowhere. Addresses are compared with those
// of the table, and nobody else is ever named.
//
// Owner: the goroutine that runs run, but for what is said to be shared.
type sentinels struct {
	// Fixed when made.
	o        PoolOptions
	note     func(Transition)
	askers   []*asker // one per Sentinel, in the order of the configuration
	reports  chan report
	resolver resolver

	// Shared: any goroutine.
	hasty atomic.Bool  // some Sentinel has doubts
	lead  atomic.Int32 // the Sentinel that was ready last, by index; it is asked first
	roll  roll         // which of them answer

	// Owned by run.
	sentinelTallies map[string]*sentinelTally // by group
	repeated        map[string]int64          // when what stands was last told again, by group
	odd             map[string]string         // what was last complained of, by group
	doubts          []bool                    // whether each Sentinel has doubts
}

// A report is what came of asking one Sentinel. Immutable.
type report struct {
	index   int
	err     error              // it did not answer, or not what can be read
	found   map[string]finding // by group
	tilt    bool               // it distrusts its own clock, and so what it holds for dead
	doubted bool               // it has doubts about a master of ours
}

// newSentinels returns the arbiter of a pool with Sentinels.
func newSentinels(o PoolOptions, note func(Transition)) *sentinels {
	s := &sentinels{
		o: o, note: note, reports: make(chan report), resolver: resolver{timeout: o.SentinelAccess.Timeout},
		sentinelTallies: map[string]*sentinelTally{}, repeated: map[string]int64{}, odd: map[string]string{},
		roll: roll{calls: make([]call, len(o.Sentinels))}, doubts: make([]bool, len(o.Sentinels)),
	}
	for i, addr := range o.Sentinels {
		s.askers = append(s.askers, &asker{
			index: i, addr: addr, access: o.SentinelAccess, of: s, wake: make(chan struct{}, 1), replicas: map[string][]string{},
		})
	}
	return s
}

// run asks all Sentinels, counts and tells, until ctx ends.
func (s *sentinels) run(ctx context.Context, out chan<- arbiterEvent) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, a := range s.askers {
		asking.Go(func() { a.ask(ctx) })
		asking.Go(func() { a.listen(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-s.reports:
			for _, ev := range s.count(r) {
				select {
				case <-ctx.Done():
					return
				case out <- ev:
				}
			}
		}
	}
}

// poke has every Sentinel asked soon.
func (s *sentinels) poke() {
	for _, a := range s.askers {
		a.poke()
	}
}

// count takes a report into the tallies of all groups and returns what is to be told.
func (s *sentinels) count(r report) (told []arbiterEvent) {
	s.attend(r)
	s.doubts[r.index] = r.doubted
	hasty := false
	for _, d := range s.doubts {
		hasty = hasty || d
	}
	s.hasty.Store(hasty)
	t := s.o.Publisher.Table()
	for i := range t.Groups {
		g := &t.Groups[i]
		e := s.sentinelTallies[g.Name]
		if e == nil {
			e = newSentinelTally(len(s.askers))
			s.sentinelTallies[g.Name] = e
		}
		f := r.found[g.Name]
		if f.addr == "" {
			e.hush(r.index)
		} else {
			e.hear(r.index, sentinelReport{f.addr, f.lot.epoch, f.lot.down && !r.tilt})
		}
		evs := e.decide(nil)
		if len(evs) == 0 && e.announced {
			evs = s.again(t, g, e)
		}
		for _, ev := range evs {
			told = append(told, arbiterEvent{g.Name, ev})
		}
		s.complain(g.Name, r, f, e)
	}
	return told
}

// again repeats now and then what is still to be acted upon: an objection that stands, and
// an announcement that the table is behind, for whoever got it may have had reasons to doubt
// it that are gone.
func (s *sentinels) again(t *shard.Table, g *shard.Group, e *sentinelTally) (evs []failover.Event) {
	master, now := t.Server(g.Master), perf.Now()
	behind := master == nil || master.Addr != e.addr
	if !behind && e.objectors == 0 || now-s.repeated[g.Name] < int64(sentinelHaste) {
		return nil
	}
	s.repeated[g.Name] = now
	if behind {
		evs = append(evs, e.announcement())
	}
	if e.objectors > 0 {
		evs = append(evs, e.objection())
	}
	return evs
}

// attend notes when a Sentinel ceases to answer, and when it does again.
func (s *sentinels) attend(r report) {
	now, what, cause := spoke, "sentinel answers", ""
	if r.err != nil {
		now, what, cause = mute, "sentinel lost", r.err.Error()
	}
	was, n := s.roll.note(r.index, now, cause)
	if was == now || was == unasked && now == spoke {
		return
	}
	if n == 0 {
		what = "no sentinel answers: the masters stay who they are"
	}
	addr := s.askers[r.index].addr
	s.tell(what, "", strings.TrimSuffix(fmt.Sprintf("%s: %d of %d answer: %s", addr, n, len(s.askers), cause), ": "))
}

// complain notes what is strange about a group, once for each change.
func (s *sentinels) complain(group string, r report, f finding, e *sentinelTally) {
	if r.err != nil {
		return
	}
	s.complainOnce(group+"\x00"+s.askers[r.index].addr, group, f.odd, "sentinel "+s.askers[r.index].addr+": ")
	s.complainOnce(group, group, e.odd, "the sentinels: ")
}

func (s *sentinels) complainOnce(key, group, odd, who string) {
	if s.odd[key] == odd {
		return
	}
	s.odd[key] = odd
	if odd == "" {
		s.tell("sentinels are in order again", group, who+"nothing is strange any more")
		return
	}
	s.tell("sentinels are not in order", group, who+odd)
}

// tell notes a change.
func (s *sentinels) tell(what, group, cause string) {
	well := strings.HasSuffix(what, "again") || strings.HasSuffix(what, "answers")
	s.note(Transition{At: perf.Now(), What: what, Pool: s.o.Name, Group: group, Cause: cause, Loud: !well})
}
