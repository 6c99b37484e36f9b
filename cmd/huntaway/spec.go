package main

import (
	"fmt"

	"huntaway/config"
	"huntaway/ha"
	"huntaway/shard"
)

// specOf translates a pool into what a routing table is built from.
func specOf(p *config.Pool, ids *shard.IDs) shard.Spec {
	if p.Failover == config.FailoverCluster {
		return ha.ClusterSpec(entriesOf(p), ids)
	}
	spec := shard.Spec{Hash: p.Hash, HashTag: p.HashTag, Distribution: p.Distribution, IDs: ids}
	for _, g := range p.Groups {
		group := shard.Group{Name: g.Name, Label: g.Label, Weight: g.Weight}
		for _, s := range g.Servers {
			group.Servers = append(group.Servers, shard.Server{
				Addr: s.Addr, Name: s.Name, Role: shard.Role(s.Role), Weight: s.Weight,
			})
		}
		spec.Groups = append(spec.Groups, group)
	}
	return spec
}

// entriesOf returns the addresses of a pool's servers.
func entriesOf(p *config.Pool) (addrs []string) {
	for _, g := range p.Groups {
		for _, s := range g.Servers {
			addrs = append(addrs, s.Addr)
		}
	}
	return addrs
}

// tableOf builds a pool's routing table.
func tableOf(p *config.Pool, ids *shard.IDs) (*shard.Table, error) {
	table, err := shard.Build(specOf(p, ids))
	if err != nil {
		return nil, fmt.Errorf("pool %s: %w", p.Name, err)
	}
	return table, nil
}

// wireable says whether everything that cfg names can be built, without opening anything.
func wireable(cfg *config.Config) error {
	for i := range cfg.Pools {
		p := &cfg.Pools[i]
		if _, err := tableOf(p, nil); err != nil {
			return err
		}
		if _, err := shard.ParseReadPolicy(p.ReadPolicy); err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
	}
	return nil
}
