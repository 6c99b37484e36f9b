package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"huntaway/perf/bench/rig"
)

// A server is one redis-server of a group. Owner: the case, but for what the readers of its
// fields need to know from the start.
type server struct {
	*rig.Child
	name string // such as g1-m
	port string // where it listens, which is also what it calls itself to clients
	at   string // "host:port" by which proxies, Sentinels and replicas know it
	conf string // path of its configuration
	dir  string // where its data are
	born string // that configuration as it was first written
	wire *wire  // in front of it; nil: none
}

// tuned is what the documentation asks of a server whose failover Huntaway sees to.
const tuned = `protected-mode no
save ""
appendonly no
enable-debug-command yes
loglevel notice
min-replicas-to-write 0
min-replicas-max-lag 2
repl-ping-replica-period 1
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-timeout 10
repl-backlog-size 64mb
busy-reply-threshold 3000
shutdown-timeout 0
`

// A site is where a new server stands.
type site struct {
	name   string
	master string   // "host:port" that it follows; "": it is a master
	wired  bool     // behind a wire
	number int      // of all servers, for its source address
	lines  []string // more of its configuration
	place
}

// startServer starts one redis-server.
func (f *field) startServer(ctx context.Context, where site) (*server, error) {
	ports, err := where.ports(2)
	if err != nil {
		return nil, err
	}
	s := &server{name: where.name, port: strconv.Itoa(ports[0])}
	real := where.at(ports[0])
	s.at = real
	if where.wired {
		s.at = where.at(ports[1])
		if s.wire, err = newWire(s.at, real); err != nil {
			return nil, err
		}
	}
	if f.dns != nil {
		host := where.name + ".chaos.test"
		s.at = fmt.Sprintf("%s:%d", host, ports[0])
		if err := f.dns.lead(f.dir, host, 1); err != nil {
			return nil, err
		}
	}
	s.dir = filepath.Join(f.dir, where.name)
	s.born = s.text(where)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for %s: %w", where.name, err)
	}
	if s.conf, err = f.rig.WriteFile(where.name+".conf", s.born); err != nil {
		return nil, fmt.Errorf("writing the configuration of %s: %w", where.name, err)
	}
	l := rig.Launch{Path: "redis-server", Args: []string{s.conf}, Addr: real, Namespace: where.namespace}
	if l, err = f.clocked(l, where.name); err != nil {
		return nil, err
	}
	s.Child, err = f.rig.Start(ctx, f.within(l, "hosts", "/etc/hosts"))
	return s, err
}

// text writes the server's configuration.
func (s *server) text(where site) string {
	var b strings.Builder
	_, announced, _ := strings.Cut(s.at, ":")
	fmt.Fprintf(&b, "%sbind %s\nport %s\ndir %s\n", tuned, where.host, s.port, s.dir)
	fmt.Fprintf(&b, "replica-announce-ip %s\nreplica-announce-port %s\n", where.host, announced)
	if where.wired {
		fmt.Fprintf(&b, "bind-source-addr 127.0.1.%d\n", where.number)
	}
	if host, port, ok := strings.Cut(where.master, ":"); ok {
		fmt.Fprintf(&b, "replicaof %s %s\n", host, port)
	}
	for _, l := range where.lines {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

// call sends a command to the server itself, past its wire.
func (s *server) call(args ...string) (string, error) {
	got, err := rig.Call(s.Addr, 5*time.Second, args...)
	if err != nil {
		err = fmt.Errorf("%s (%s): %s: %w", s.name, s.Addr, strings.Join(args, " "), err)
	}
	return got, err
}

// fields returns INFO of a section as a map.
func (s *server) fields(section string) map[string]string {
	all := map[string]string{}
	text, err := s.call("INFO", section)
	if err != nil {
		return all
	}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			all[key] = value
		}
	}
	return all
}

// follows tells whether the server is a replica of master with its link up.
func (s *server) follows(master *server) bool {
	r := s.fields("replication")
	_, port, _ := strings.Cut(master.at, ":")
	return r["role"] == "slave" && r["master_port"] == port && r["master_link_status"] == "up" &&
		r["master_sync_in_progress"] == "0"
}

// isMaster tells whether the server says that it is one.
func (s *server) isMaster() bool { return s.fields("replication")["role"] == "master" }

// asBorn starts a server that has ended again, without data and with the configuration that it
// had at the beginning, whatever it was told since.
func (s *server) asBorn(ctx context.Context) error {
	if err := os.RemoveAll(filepath.Join(s.dir, "dump.rdb")); err != nil {
		return fmt.Errorf("removing the data of %s: %w", s.name, err)
	}
	if err := os.WriteFile(s.conf, []byte(s.born), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of %s again: %w", s.name, err)
	}
	return s.Restart(ctx)
}
