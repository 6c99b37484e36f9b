package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"huntaway/perf/bench/history"
)

// A fall is how the target of a switchover comes back that was killed when it said that it is master.
type fall struct {
	fast  bool                         // the switchover is made without FAILOVER
	ready func(*attack, *server) error // before it is ordered; nil: nothing
	after func(*server) error          // what becomes of its data while it is down; nil: they are those of its first copy
}

// targetFalls makes a switchover whose target is killed when it says that it is master, and started again
// between 0.3 and 0.9 s later. Not one acknowledged write may be lost, but those that it took itself
// once it was published.
func targetFalls(f fall) func(*attack) error {
	return func(a *attack) error {
		g := a.groups[0]
		old, to := g.servers[0], g.servers[1]
		if f.ready != nil {
			if err := f.ready(a, to); err != nil {
				return err
			}
		}
		killed := make(chan int64, 1)
		go func() { killed <- a.killWhenMaster(to) }()
		at, err := a.switchover(g, to, map[string]any{"fast": f.fast})
		for tries := 0; err != nil && notYet(err) && tries < 5; tries++ {
			a.wait(500 * time.Millisecond)
			at, err = a.switchover(g, to, map[string]any{"fast": f.fast})
		}
		a.say("the switchover ended: %v", err)
		when := <-killed
		if when == 0 {
			return errors.New("the target was never seen as master")
		}
		a.bit("%s was killed as master after %.3f s", to.name, seconds(when-at))
		a.forgiveReign(g, old, at, when)
		if f.after != nil {
			if err := f.after(to); err != nil {
				return err
			}
		}
		a.wait(time.Duration(300+a.random.IntN(600)) * time.Millisecond)
		if err := to.Restart(a.ctx); err != nil {
			return err
		}
		back := a.log.Now()
		a.until("no write after the target is back", 15*time.Second, func() bool { return a.firstWrite(g, back) > 0 })
		return nil
	}
}

// killWhenMaster kills a server as soon as it says that it is master, and returns when; 0: within
// 5 s it did not.
func (a *attack) killWhenMaster(s *server) (at int64) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if s.isMaster() {
			return a.crash(s)
		}
	}
	return 0
}

// forgiveReign declares lost what another server than old acknowledged until it was killed: it was
// published, and what it took alone died with it.
func (a *attack) forgiveReign(g *group, old *server, since, killed int64) {
	first := a.writeByOther(g, old, since)
	if first == 0 || first > killed+50e6 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.windows = append(a.windows, history.Window{Group: g.name, From: first - 50e6, To: killed + 50e6})
}

// noData removes what a server would load.
func noData(s *server) error {
	err := os.Remove(filepath.Join(s.dir, "dump.rdb"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// keepsLog has a server keep an append-only file, also after a restart: it comes back with everything,
// under another replication id.
func keepsLog(a *attack, s *server) error {
	if _, err := s.call("CONFIG", "SET", "appendonly", "yes"); err != nil {
		return err
	}
	a.until("the append-only file of "+s.name+" is not begun", 10*time.Second, func() bool {
		return s.fields("persistence")["aof_rewrite_in_progress"] == "0"
	})
	_, err := s.call("CONFIG", "REWRITE")
	return err
}
