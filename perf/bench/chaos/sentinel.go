package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"huntaway/perf/bench/rig"
)

// A sentinel is one Redis Sentinel that watches every group.
type sentinel struct {
	*rig.Child
	name string
	wire *wire // between it and the second proxy; nil: none
}

// startSentinel starts one; two of three must agree.
func (f *field) startSentinel(ctx context.Context, n int) error {
	at := f.place(1)
	if n <= f.plan.beside {
		at = f.place(0)
	}
	ports, err := at.ports(2)
	if err != nil {
		return err
	}
	s := &sentinel{name: fmt.Sprintf("sentinel-%d", n)}
	dir := filepath.Join(f.dir, s.name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a directory for %s: %w", s.name, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "port %d\nbind %s\ndir %s\nprotected-mode no\n", ports[0], at.host, dir)
	for _, g := range f.groups {
		host, port, _ := strings.Cut(g.servers[0].at, ":")
		fmt.Fprintf(&b, "sentinel monitor %s %s %s 2\n", g.name, host, port)
		fmt.Fprintf(&b, "sentinel down-after-milliseconds %s 1000\nsentinel parallel-syncs %s 2\n", g.name, g.name)
		fmt.Fprintf(&b, "sentinel failover-timeout %s 10000\n", g.name)
	}
	file, err := f.rig.WriteFile(s.name+".conf", b.String())
	if err != nil {
		return err
	}
	l, err := f.clocked(rig.Launch{Path: "redis-server", Args: []string{file, "--sentinel"},
		Addr: at.at(ports[0]), Namespace: at.namespace}, s.name)
	if err != nil {
		return err
	}
	s.Child, err = f.rig.Start(ctx, l)
	f.sentinels = append(f.sentinels, s)
	if err == nil && f.plan.distant {
		s.wire, err = newWire(at.at(ports[1]), s.Addr)
	}
	return err
}

// sentinelsAgree waits until every Sentinel knows the others and all replicas.
func (f *field) sentinelsAgree(ctx context.Context) error {
	return await(ctx, 30*time.Second, func() bool {
		for _, s := range f.sentinels {
			text, err := rig.Call(s.Addr, 2*time.Second, "INFO", "sentinel")
			if err != nil || strings.Count(text, fmt.Sprintf("slaves=%d,sentinels=%d", f.plan.servers-1, f.plan.sentinels)) != len(f.groups) {
				return false
			}
		}
		return true
	})
}
