package rig

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Pool is the configuration that both proxies read, as one nutcracker.yml: what is not
// named here is the same for both.
type Pool struct {
	Timeout time.Duration // for a server's reply
	Servers []string      // "host:port:weight" or "host:port:weight|gid:gweight:role"
	Options []string      // more lines, such as "read_policy: nearest"
}

// Loopback returns 127.0.0.host:port.
func Loopback(host, port int) string { return fmt.Sprintf("127.0.0.%d:%d", host, port) }

// Redis starts a redis-server without persistence on a free port of 127.0.0.1, and of
// 127.0.0.2 up to 127.0.0.hosts as well (Redis binds at most 16 addresses). The arguments
// follow, as on its command line.
func (r *Rig) Redis(ctx context.Context, hosts int, args ...string) (*Child, error) {
	return retried(1, func(ports []int) (*Child, error) {
		l := Launch{Path: "redis-server", Addr: Loopback(1, ports[0])}
		l.Args = []string{"--port", strconv.Itoa(ports[0]), "--dir", r.dir, "--save", "",
			"--appendonly", "no", "--daemonize", "no", "--protected-mode", "no",
			"--dbfilename", fmt.Sprintf("dump-%d.rdb", ports[0]), "--loglevel", "warning", "--bind"}
		for h := 1; h <= hosts; h++ {
			l.Args = append(l.Args, fmt.Sprintf("127.0.0.%d", h))
		}
		l.Args = append(l.Args, args...)
		return r.Start(ctx, l)
	})
}

// Nutcracker starts Debian's twemproxy in front of the pool.
func (r *Rig) Nutcracker(ctx context.Context, p Pool, options ...string) (*Child, error) {
	return retried(2, func(ports []int) (*Child, error) {
		l := Launch{Path: "nutcracker", Addr: Loopback(1, ports[0])}
		file, err := r.writePool(l.Addr, p)
		l.Args = append([]string{"-c", file, "-a", "127.0.0.1", "-s", strconv.Itoa(ports[1])}, options...)
		if err != nil {
			return nil, err
		}
		return r.Start(ctx, l)
	})
}

// Huntaway starts the program at path with that many event loops in front of the pool,
// with its admin pages on a port of their own (Child.Admin).
func (r *Rig) Huntaway(ctx context.Context, path string, loops int, p Pool) (*Child, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return retried(2, func(ports []int) (*Child, error) {
		l := Launch{Path: path, Addr: Loopback(1, ports[0]), Admin: Loopback(1, ports[1])}
		file, err := r.writePool(l.Addr, p)
		if err != nil {
			return nil, err
		}
		l.Args = []string{"run", "-c", file}
		l.Env = []string{"HUNTAWAY_EVENT_LOOPS=" + strconv.Itoa(loops),
			"HUNTAWAY_ADMIN_HTTP=" + l.Admin}
		return r.Start(ctx, l)
	})
}

// writePool writes the file that listens on addr.
func (r *Rig) writePool(addr string, p Pool) (string, error) {
	_, port, _ := strings.Cut(addr, ":")
	return r.WriteFile("nutcracker-"+port+".yml", p.yaml(addr))
}

// yaml renders the pool. The backlog is for loads that open thousands of connections in
// one go.
func (p Pool) yaml(listen string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "bench:\n  listen: %s\n  hash: fnv1a_64\n  distribution: ketama\n", listen)
	fmt.Fprintf(&b, "  redis: true\n  backlog: 4096\n  timeout: %d\n", p.Timeout.Milliseconds())
	for _, o := range p.Options {
		fmt.Fprintf(&b, "  %s\n", o)
	}
	b.WriteString("  servers:\n")
	for _, s := range p.Servers {
		fmt.Fprintf(&b, "   - %s\n", s)
	}
	return b.String()
}
