package ha

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"huntaway/perf"
	"huntaway/shard"
)

// How often a Redis Cluster is asked who owns which slot, besides when the data path was sent
// elsewhere by a server.
const (
	surveyPause   = 100 * time.Millisecond // between two surveys at least, whoever asks for one
	surveyAlert   = 250 * time.Millisecond // between two while a master with slots does not answer
	surveyProbes  = 10                     // otherwise: so many probe intervals
	surveyPatient = 50 * time.Millisecond  // how long the first to answer waits for the others
)

// A survey follows a Redis Cluster, which decides by itself who is master: it asks the nodes
// who owns which slot, and publishes a table when that has changed.
//
// Every node that is known is asked each time, and each is believed before all others about
// itself, see topology. A node that does not answer costs nothing but its word: the others have
// surveyPatient from the first answer on.
//
// Owner: its goroutine, which runs run; poke is for everybody.
type survey struct {
	// Fixed when made.
	o     PoolOptions
	note  func(Transition)
	pokes chan struct{} // room for one: that is how requests for a survey run together

	// Fixed when its watch is made: runs its argument on the watch's goroutine, unless ctx ends first.
	call func(ctx context.Context, f func())

	plight atomic.Pointer[ClusterStatus] // of the last survey; nil before the first

	// Owned by the goroutine.
	topology topology
	asked    map[string]*surveyed // by address
	answers  chan view            // from those who ask; each waits until it is taken
	asking   sync.WaitGroup       // their goroutines
	round    int                  // how many surveys there were
	alert    bool                 // some master with slots did not answer, or has slots that may be nobody's
	partAt   int64                // since when some slots are found to be nobody's, 0: none are
	entries  map[string]entrance  // by address, those that have answered or failed to
	failing  bool                 // no table could be made of what was found the last time, and that was told
	told     string               // what was last told of the cluster; used on the watch's goroutine
}

// newSurvey returns the arbiter of a pool whose servers are a Redis Cluster.
func newSurvey(o PoolOptions, note func(Transition)) *survey {
	return &survey{o: o, note: note, pokes: make(chan struct{}, 1), asked: make(map[string]*surveyed), answers: make(chan view), entries: make(map[string]entrance)}
}

// poke asks for a survey soon. It never blocks.
func (s *survey) poke() {
	select {
	case s.pokes <- struct{}{}:
	default:
	}
}

// errCluster answers a Delegate: nobody can be told to fail over a group of a cluster here.
var errCluster = errors.New("a Redis Cluster fails over by itself; CLUSTER FAILOVER on a replica begins it")

func (*survey) delegate(context.Context, change) error { return errCluster }

func (*survey) ready(context.Context, change) error { return errCluster }

// run surveys until ctx ends: soon after the other when somebody asks for it, often while a
// master does not answer, and seldom otherwise.
func (s *survey) run(ctx context.Context, _ chan<- arbiterEvent) {
	defer s.end()
	for {
		s.look(ctx)
		if !s.rest(ctx, surveyPause) {
			return
		}
		wait := surveyProbes * s.o.ProbeInterval
		if s.alert {
			wait = surveyAlert
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.pokes:
		case <-t.C:
		}
		t.Stop()
	}
}

// end waits for those who ask, and closes their connections.
func (s *survey) end() {
	s.asking.Wait()
	for _, at := range s.asked {
		at.hangUp()
	}
}

// rest waits; false when ctx is over.
func (s *survey) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// look asks the cluster once and publishes what has changed.
func (s *survey) look(ctx context.Context) {
	views := s.ask(ctx)
	if ctx.Err() != nil {
		return
	}
	chart, err := s.topology.merge(views)
	if err != nil {
		s.alert = true
		s.partAt = 0
		s.tell(ClusterStatus{Down: "its nodes cannot be asked: " + err.Error(), Advice: "start them, or see why they do not answer this host: the network, server_user and server_password of the pool"})
		return
	}
	s.settle(&chart.plight)
	chart.plight.Alarms = append(chart.plight.Alarms, s.strays(views, &chart)...)
	s.tell(chart.plight)
	s.failing = false
	s.alert = chart.silent || s.partAt != 0
	s.call(ctx, func() { s.publish(chart) })
}

// partSettles is for how long slots have to be nobody's before that is said: while they are moved the nodes are told one after the
// other who has them, and what one says between two of them is no news of a loss.
const partSettles = int64(time.Second)

// settle leaves out slots that may have an owner in a moment.
func (s *survey) settle(p *ClusterStatus) {
	switch now := perf.Now(); {
	case p.Part == "":
		s.partAt = 0
	case s.partAt == 0:
		s.partAt = now
		fallthrough
	case now-s.partAt < partSettles:
		p.Part = ""
	}
}

// complain tells once that no table can be made of what the cluster says.
func (s *survey) complain(err error) {
	if !s.failing {
		s.failing = true
		s.note(Transition{At: perf.Now(), Pool: s.o.Name, What: "cluster not surveyed", Cause: err.Error(), Loud: true})
	}
}

// publish puts a table in force that says what the chart says, if the one in force does not.
// It runs on the watch's goroutine, which owns the pool's IDs.
func (s *survey) publish(c chart) {
	old := s.o.Publisher.Table()
	t, err := shard.Build(c.spec(s.o.IDs))
	if err != nil {
		s.complain(err)
		return
	}
	next := t.Inherit(old)
	if next.SamePlaces(old) && sameMembers(next, old) {
		return
	}
	s.o.Publisher.Publish(next)
	if told := c.String(); told != s.told {
		s.told = told // slots that move are too many to tell
		s.note(Transition{At: perf.Now(), Pool: s.o.Name, What: "cluster surveyed: " + told})
	}
}

// sameMembers tells whether the groups of two tables, which have the same masters, have the
// same servers too, and the same ones lose slots.
func sameMembers(a, b *shard.Table) bool {
	for i := range a.Groups {
		x, y := &a.Groups[i], &b.Groups[i]
		if x.Moving != y.Moving || len(x.Servers) != len(y.Servers) {
			return false
		}
		for _, srv := range x.Servers {
			if !y.Has(srv.ID) {
				return false
			}
		}
	}
	return true
}

// ClusterSpec is what the first table of a pool is built from whose servers are a Redis
// Cluster: the entry points as groups without a master, and nobody owns a slot. Requests wait
// until the cluster has been asked.
func ClusterSpec(entries []string, ids *shard.IDs) shard.Spec {
	spec := shard.Spec{Slots: shard.NoSlots(), IDs: ids}
	for _, addr := range entries {
		spec.Groups = append(spec.Groups, shard.Group{Name: addr, Weight: 1, Servers: []shard.Server{
			{Addr: addr, Role: shard.Replica, Weight: 1}}})
	}
	return spec
}

// Moved hears that a server of a Redis Cluster refused a key that the table says is its own.
// It never blocks.
func (m *Monitor) Moved(pool string) {
	if w := (*m.pools.Load())[pool]; w != nil && w.arbiter != nil {
		w.arbiter.poke()
	}
}

// offer has the watch's goroutine run f, and returns when it has or ctx is over.
func (w *watch) offer(ctx context.Context, f func()) {
	done := make(chan struct{})
	select {
	case w.calls <- func() { defer close(done); f() }:
		<-done
	case <-ctx.Done():
	}
}
