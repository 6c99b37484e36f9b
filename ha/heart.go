package ha

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// The heartbeat by which monitors of mode local find out about each other: a key on the
// master, which its replicas have as well.
const (
	beatEvery = int64(3 * time.Second)
	beatLasts = 10 * time.Second
)

func beatKey(group string) string { return "huntaway:monitor:" + group }

// beatDue returns when to look for other monitors next.
func (s *steward) beatDue() int64 {
	if s.beating || s.beatAt == 0 {
		return math.MaxInt64
	}
	return s.beatAt
}

// beat looks for other monitors on a goroutine of its own and, while the group is well and
// nobody else is heard, says that this one is active.
func (w *watch) beat(s *steward) {
	s.beating = true
	l := look{group: s.group, id: w.vault.name(), access: w.o.Access}
	g := &w.seen.Groups[w.index(s.group)]
	for i := range g.Servers {
		if each := &g.Servers[i]; each.ID == g.Master {
			l.master = each.Addr
		} else {
			l.others = append(l.others, each.Addr)
		}
	}
	if s.machine != nil && !w.o.Failover.DryRun {
		state := s.machine.Status().State
		l.claim = state == failover.Healthy || state == failover.Settling
	}
	ctx := w.ctx
	w.working.Go(func() {
		o := outcome{group: s.group, beat: true, ev: failover.Event{Kind: failover.Tick}}
		if rival := l.take(ctx); rival != "" {
			o.ev = failover.Event{Kind: failover.Rival, Text: rival}
		}
		select {
		case <-ctx.Done():
		case w.outcomes <- o:
		}
	})
}

// beaten takes the end of a look. After the first one the group gets its machine.
func (w *watch) beaten(s *steward, o outcome) {
	s.beating, s.beatAt = false, perf.Now()+beatEvery
	if s.machine == nil {
		w.install(s)
	}
	w.consult(s, o.ev)
}

// A look is one search for other monitors.
type look struct {
	group, id string
	access    Access
	master    string   // its address; "" when there is none
	others    []string // those of the other members
	claim     bool     // say that this monitor is active, if no other is
}

// take returns the name of another monitor that is active, "" when none was heard. When the
// master does not answer the other members may still have what it had.
func (l *look) take(ctx context.Context) (rival string) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.access.Timeout)
	defer cancel()
	if l.master != "" {
		if rival, err := l.ask(ctx, l.master); err == nil {
			return rival
		}
	}
	l.claim = false
	var mu sync.Mutex // guards rival
	var asked sync.WaitGroup
	for _, addr := range l.others {
		asked.Go(func() {
			if heard, err := l.ask(ctx, addr); err == nil && heard != "" {
				mu.Lock()
				rival = heard
				mu.Unlock()
			}
		})
	}
	asked.Wait()
	return rival
}

// ask looks at one server, and leaves our own name there when it may.
func (l *look) ask(ctx context.Context, addr string) (rival string, err error) {
	c := l.access.open("tcp", addr)
	defer c.Close()
	holder, err := c.Get(ctx, beatKey(l.group)).Result()
	switch {
	case errors.Is(err, redis.Nil) && l.claim:
		return l.seize(ctx, c, addr)
	case errors.Is(err, redis.Nil):
		return "", nil
	case err != nil:
		return "", err
	case holder != l.id:
		return fmt.Sprintf("%s, by its heartbeat on %s", holder, addr), nil
	case l.claim:
		return "", c.Set(ctx, beatKey(l.group), l.id, beatLasts).Err()
	}
	return "", nil
}

// seize leaves our name where there is none, unless somebody is quicker.
func (l *look) seize(ctx context.Context, c *redis.Client, addr string) (rival string, err error) {
	won, err := c.SetNX(ctx, beatKey(l.group), l.id, beatLasts).Result()
	if err != nil || won {
		return "", err
	}
	return fmt.Sprintf("another monitor, which was quicker to say so on %s", addr), nil
}
