package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"huntaway/config"
	"huntaway/ha/failover"
)

// A change of binaries (reuse_port): the successor starts while its predecessor serves, and
// then that one is told to stop. Both serve for a while, but only one may promote: the one
// that has the lock of the state directory.
//
//	successor    starts, finds the lock taken, serves and follows what the servers say
//	predecessor  SIGTERM: ends what it decides at the moment, gives the lock back, follows
//	             what the servers say until it has drained
//	successor    gets the lock, reads what is kept there, and decides from now on

// lockEvery is how often a successor tries to get the lock.
const lockEvery = 50 * time.Millisecond

// shared reports whether another process may have the address of one of the pools.
func shared(c *config.Config) bool {
	for i := range c.Pools {
		if c.Pools[i].ReusePort {
			return true
		}
	}
	return false
}

// appoint puts a pool under the monitor's eyes. When a predecessor decides about its masters
// it is only watched for the time being.
func (p *proxy) appoint(s *served, c *config.Pool) error {
	err := p.monitor.Watch(s.watchOptions(c))
	if !c.ReusePort || !errors.Is(err, syscall.EWOULDBLOCK) {
		if err != nil && errors.As(err, new(*fs.PathError)) {
			return fmt.Errorf("runtime.state_dir %q (or STATE_DIRECTORY): %w; failover = \"local\" needs a directory that it can write to", s.stateDir, err)
		}
		return err
	}
	p.log.Info("another process decides about masters until it is told to stop", "pool", s.name, "state_dir", s.stateDir)
	s.follows = true
	if p.lookout == nil {
		p.lookout = time.NewTicker(lockEvery)
	}
	return p.monitor.Watch(s.watchOptions(c))
}

// succeed takes the place of a predecessor that has given back the lock. Called by attend.
func (p *proxy) succeed() {
	waits := false
	for i, s := range p.pools {
		if s.follows && !p.takeOver(s, &p.cfg.Pools[i]) {
			waits = true
		}
	}
	if !waits {
		p.lookout.Stop()
		p.lookout = nil
	}
}

// takeOver has the monitor decide about a pool's masters, if the lock is to be had. What is
// kept in the state directory is read as after a restart, hence the Forget.
func (p *proxy) takeOver(s *served, c *config.Pool) bool {
	s.follows = false
	err := p.monitor.Watch(s.watchOptions(c))
	if err == nil {
		s.ledger.begin()
		p.monitor.Forget(s.name)
		err = p.monitor.Watch(s.watchOptions(c))
	}
	if err == nil {
		p.log.Info("deciding about masters from now on", "pool", s.name)
		return true
	}
	s.follows = true
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		p.log.Warn("cannot decide about masters yet", "pool", s.name, "err", err)
		_ = p.monitor.Watch(s.watchOptions(c)) // it needs nothing that could be lacking
	}
	return false
}

// reclaim takes the places of unix sockets back whose successor has died. Called by attend.
func (p *proxy) reclaim() {
	for _, d := range p.doors {
		if l, shared := d.Listener.(*leaver); shared && l.reclaim() {
			p.log.Warn("the successor has died, its socket is served here again", "listen", l.Addr())
		}
	}
}

// standBack lets a successor decide, as soon as nothing is being decided here. It returns when
// that is so, or the proxy closes.
func (p *proxy) standBack() error {
	for p.deciding() {
		select {
		case <-p.ctx.Done():
			return nil
		case <-time.After(lockEvery / 2):
		}
	}
	var all error
	for i, s := range p.pools {
		s.follows = true
		all = errors.Join(all, p.monitor.Watch(s.watchOptions(&p.cfg.Pools[i])))
	}
	p.log.Info("a successor may decide about masters")
	return all
}

// deciding reports whether some group's master is in doubt or about to change.
func (p *proxy) deciding() bool {
	for _, g := range p.monitor.Groups() {
		settled := g.State == failover.Healthy || g.State == failover.Settling || g.State == failover.Following
		if g.Mode == failover.Local && (!settled || g.Held) {
			return true
		}
	}
	return false
}
