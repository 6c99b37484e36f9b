package main

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"

	"huntaway/config"
	"huntaway/perf"
	"huntaway/shard"
)

// reload reopens the log and reads the configuration again. What can change while serving
// does: the log's level, and which groups and servers a pool has and how keys are placed.
// What cannot is named. A file that is wrong changes nothing.
func (p *proxy) reload() {
	if err := p.log.out.reopen(); err != nil {
		p.log.Error("log not reopened", "err", err)
	}
	if err := p.follow(); err != nil {
		p.inForce.Store(&perf.ConfigSnapshot{LoadedAt: p.inForce.Load().LoadedAt, Refused: true})
		p.log.Error("configuration not reloaded, the old one stays in force", "config", p.cfg.Path, "err", err)
		return
	}
	p.inForce.Store(&perf.ConfigSnapshot{LoadedAt: time.Now()})
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
	if err := p.log.setLevel(next.Log.Level); err != nil {
		return err
	}
	for i, t := range tables {
		p.pools[i].replace(t, p.monitor.Change)
	}
	if frozen := difference(p.cfg, next); len(frozen) > 0 {
		p.log.Warn("some changes need a restart", "keys", strings.Join(frozen, " "))
	}
	p.cfg = adopted(p.cfg, next)
	return nil
}

// nextTables builds the tables of the pools whose placement differs in next, by index.
func (p *proxy) nextTables(next *config.Config) (map[int]*shard.Table, error) {
	tables := map[int]*shard.Table{}
	for i, s := range p.pools {
		c := poolNamed(next, s.name)
		if c == nil || reflect.DeepEqual(placementOnly(c), placementOnly(&p.cfg.Pools[i])) {
			continue
		}
		t, err := tableOf(c, &s.ids)
		if err != nil {
			return nil, err
		}
		tables[i] = t
	}
	return tables, nil
}

// replace puts t in force, with what had become of the table before.
func (s *served) replace(t *shard.Table, change func(string, func(*shard.Table) *shard.Table) bool) {
	follow := func(old *shard.Table) *shard.Table { return t.Inherit(old) }
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
	c.Pools = append([]config.Pool(nil), old.Pools...)
	for i := range c.Pools {
		if p := poolNamed(next, c.Pools[i].Name); p != nil {
			place(&c.Pools[i], p)
		}
	}
	return &c
}

// difference names the keys that differ between old and next and that adopted does not take
// over: sections first, then pools.
func difference(old, next *config.Config) (keys []string) {
	o := adopted(old, next)
	keys = append(keys, fields("log", o.Log, next.Log)...)
	keys = append(keys, fields("admin", o.Admin, next.Admin)...)
	keys = append(keys, fields("runtime", o.Runtime, next.Runtime)...)
	for i := range o.Pools {
		name := "pools." + o.Pools[i].Name
		p := poolNamed(next, o.Pools[i].Name)
		if p == nil {
			keys = append(keys, name+" (removed)")
			continue
		}
		keys = append(keys, fields(name, o.Pools[i], *p)...)
	}
	for i := range next.Pools {
		if poolNamed(o, next.Pools[i].Name) == nil {
			keys = append(keys, "pools."+next.Pools[i].Name+" (new)")
		}
	}
	return keys
}

// fields names the fields in which two structs of one type differ, as a file spells them.
func fields[T any](section string, a, b T) (keys []string) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			keys = append(keys, fmt.Sprintf("%s.%s", section, spelled(x.Type().Field(i).Name)))
		}
	}
	return keys
}

// spelled turns a field's name into a key's: TCPKeepalive into tcp_keepalive.
func spelled(field string) string {
	var b strings.Builder
	letters := []rune(field)
	for i, r := range letters {
		starts := i > 0 && unicode.IsUpper(r) &&
			(unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if starts {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
