package main

import (
	"errors"
	"reflect"
	"strings"
	"time"

	"huntaway/config"
	"huntaway/ha"
	"huntaway/loop"
	"huntaway/perf"
	"huntaway/shard"
)

// reload reopens the log and reads the configuration again. What can change while serving
// does: the log's level, which groups and servers a pool has and how keys are placed, and
// what config calls changeable of its options. What cannot is named. A file that is wrong
// changes nothing.
func (p *proxy) reload() {
	if err := p.log.out.reopen(); err != nil {
		p.log.Error("log not reopened", "err", err)
	}
	if err := p.follow(); err != nil {
		p.inForce.Store(&perf.ConfigSnapshot{LoadedAt: p.inForce.Load().LoadedAt, Refused: true})
		p.diary.refuse(err)
		p.log.Error("configuration not reloaded, the old one stays in force", "config", p.cfg.Path, "err", err)
		return
	}
	p.inForce.Store(&perf.ConfigSnapshot{LoadedAt: time.Now()})
	p.diary.accept()
	p.log.Info("configuration reloaded", "config", p.cfg.Path, "serving", summary(p.cfg))
}

// follow reads the configuration and puts in force what can change. An error means that
// nothing has changed.
func (p *proxy) follow() error {
	next, err := p.again()
	if err != nil {
		return err
	}
	tables, err := p.nextTables(next)
	if err != nil {
		return err
	}
	renames, err := p.keepMasters(tables)
	if err != nil {
		return err
	}
	options, err := p.nextOptions(next)
	if err != nil {
		return err
	}
	if err := p.rewatch(next, options); err != nil {
		return err
	}
	if err := p.log.setLevel(next.Log.Level); err != nil {
		return err // config knows no other words, so this is not reached with some of it changed
	}
	for i, t := range tables {
		p.pools[i].replace(t, renames[i], p.monitor.Change)
	}
	for i, o := range options {
		p.pools[i].pool.Adjust(o)
	}
	keys := frozen(p.cfg, next)
	if len(keys) > 0 {
		p.log.Warn("some changes need a restart", "keys", strings.Join(keys, " "))
	}
	p.diary.await(keys)
	p.cfg = adopted(p.cfg, next)
	return nil
}

// nextWatch returns by what the monitor watches a pool that is in next: what only a restart changes, as
// the password of the servers, is as the data path has it.
func (p *proxy) nextWatch(next *config.Config, i int) ha.PoolOptions {
	s := p.pools[i]
	return s.watchOptions(liveOnly(*poolNamed(next, s.name), &p.cfg.Pools[i]))
}

// rewatch has the monitor watch the pools whose options change by the new ones. When that fails
// for one, those before it are watched by the old ones again.
func (p *proxy) rewatch(next *config.Config, options map[int]loop.PoolOptions) error {
	var done []int
	for i := range options {
		err := p.monitor.Watch(p.nextWatch(next, i))
		if err == nil {
			done = append(done, i)
			continue
		}
		for _, j := range done {
			back := p.pools[j]
			err = errors.Join(err, p.monitor.Watch(back.watchOptions(&p.cfg.Pools[j])))
		}
		return err
	}
	return nil
}

// nextTables builds the tables of the pools whose placement differs in next, by index.
func (p *proxy) nextTables(next *config.Config) (map[int]*shard.Table, error) {
	tables := map[int]*shard.Table{}
	for i, s := range p.pools {
		c := poolNamed(next, s.name)
		if c == nil || p.cfg.Pools[i].Failover == config.FailoverCluster ||
			reflect.DeepEqual(placementOnly(c), placementOnly(&p.cfg.Pools[i])) {
			continue // a cluster's table is its watch's, which other entry points are an option of
		}
		t, err := tableOf(c, &s.ids)
		if err != nil {
			return nil, err
		}
		tables[i] = t
	}
	return tables, nil
}

// nextOptions translates the pools whose other options differ in next, by index.
func (p *proxy) nextOptions(next *config.Config) (map[int]loop.PoolOptions, error) {
	options := map[int]loop.PoolOptions{}
	for i, s := range p.pools {
		c := poolNamed(next, s.name)
		if c == nil || reflect.DeepEqual(*liveOnly(*c, &p.cfg.Pools[i]), p.cfg.Pools[i]) {
			continue
		}
		o, err := poolOptions(liveOnly(*c, &p.cfg.Pools[i]), s.pool.Table())
		if err != nil {
			return nil, err
		}
		options[i] = o
	}
	return options, nil
}

// liveOnly returns c with what only a restart changes, and what is changed by another
// table, as it is in force.
func liveOnly(c config.Pool, now *config.Pool) *config.Pool {
	if now.Failover != config.FailoverCluster {
		place(&c, now)
	}
	c.KeepFrozen(now)
	return &c
}

// replace puts t in force, with what had become of the table before, and its masters under their new names.
func (s *served) replace(t *shard.Table, all []rename, change func(string, func(*shard.Table) *shard.Table) bool) {
	follow := func(old *shard.Table) *shard.Table { return renamed(t.Inherit(old), old, all) }
	if !change(s.name, follow) {
		s.ledger.Publish(follow(s.ledger.Table()))
	}
}

// poolNamed returns the pool of that name, nil if there is none.
func poolNamed(c *config.Config, name string) *config.Pool {
	for i := range c.Pools {
		if c.Pools[i].Name == name {
			return &c.Pools[i]
		}
	}
	return nil
}

// placementOnly returns a pool that has nothing but what a table is built from.
func placementOnly(c *config.Pool) config.Pool {
	return config.Pool{Hash: c.Hash, HashTag: c.HashTag, Distribution: c.Distribution,
		RingLabels: c.RingLabels, Groups: c.Groups}
}

// place gives c the placement of another pool.
func place(c, from *config.Pool) {
	c.Hash, c.HashTag, c.Distribution = from.Hash, from.HashTag, from.Distribution
	c.RingLabels, c.Groups = from.RingLabels, from.Groups
}

// adopted returns old with what a reload takes over from next.
func adopted(old, next *config.Config) *config.Config {
	c := *old
	c.Log.Level = next.Log.Level
	c.Runtime.DrainTimeout = next.Runtime.DrainTimeout
	c.Pools = append([]config.Pool(nil), old.Pools...)
	for i := range c.Pools {
		if p := poolNamed(next, c.Pools[i].Name); p != nil {
			c.Pools[i] = *p
			c.Pools[i].KeepFrozen(&old.Pools[i])
		}
	}
	return &c
}

// frozen names the keys that next has otherwise and that adopted does not take over.
func frozen(old, next *config.Config) (keys []string) {
	for _, c := range config.Changes(adopted(old, next), next) {
		keys = append(keys, c.Key)
	}
	return keys
}
