package ha

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/vital"
	"huntaway/shard"
)

// A testimony is what one server said of itself.
type testimony struct {
	server *shard.Server
	group  string // its name

	err   error             // why it could not be asked; what follows is empty then
	fault vital.Fault       // the kind of err
	repl  vital.Replication // who it follows, and who follows it
	told  map[string]string // INFO, all sections

	conf    map[string]string // CONFIG GET *; nil when it was refused
	confErr error             // why

	user      string   // who the monitor is there: ACL WHOAMI
	lacks     []lack   // what that user may not do
	unknown   []*right // what the server does not know, one for each command
	rightsErr error    // why that could not be found out; nil where there are no ACLs to ask

	losses string // what the list of losses says, asked of masters only; clients can write it

	cluster  string // cluster_state of CLUSTER INFO, asked in mode cluster only
	served   string // cluster_slots_ok, likewise
	assigned string // cluster_slots_assigned, likewise
}

// look asks the server everything, over one connection.
func (s *testimony) look(ctx context.Context, p *ProfilePool) {
	ctx, cancel := context.WithTimeout(ctx, p.Access.Timeout)
	defer cancel()
	c := p.Access.open(s.server.Network, s.server.Addr)
	defer c.Close()
	text, err := c.Info(ctx).Result()
	if err != nil && classify(err) == faultLost {
		err = cmp.Or(p.Access.turnedAway(ctx, s.server.Network, s.server.Addr), err)
	}
	if err != nil {
		s.err, s.fault = err, classify(err)
		return
	}
	s.told = fieldsOf(text)
	if repl, ok := vital.ParseReplication(text); ok {
		s.repl = repl
	}
	if s.conf, err = c.ConfigGet(ctx, "*").Result(); err != nil {
		s.conf, s.confErr = nil, err
	}
	s.rights(ctx, c, p)
	if p.Mode != "cluster" && s.master() {
		s.losses, _ = fetchList(ctx, c, s.group) // who may not read it knows of none
	}
	if p.Mode == "cluster" {
		state, _ := c.ClusterInfo(ctx).Result() // a refusal leaves the state unknown
		told := fieldsOf(state)
		s.cluster, s.served, s.assigned = told["cluster_state"], told["cluster_slots_ok"], told["cluster_slots_assigned"]
	}
}

// listed looks whether the master can be told to hand over to the replica. Only in mode local it is; and where the
// master lists nobody but whom it knows by the addresses of the file, the replica is about to be listed.
func (p *ProfilePool) listed(ctx context.Context, master, replica *testimony) error {
	if p.Mode != "local" || older(master.version(), "6.2") || !slices.ContainsFunc(master.repl.Followers, func(f vital.Follower) bool {
		return !p.names(ctx, f.Addr)
	}) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.Access.Timeout)
	defer cancel()
	c := p.Access.open(master.server.Network, master.server.Addr)
	defer c.Close()
	l := listing{master: c, repl: &master.repl, addr: master.server.Addr, target: replica.server.Addr, access: p.Access}
	_, err := l.proven(ctx)
	return err
}

// names tells whether an address is that of a server of the file.
func (p *ProfilePool) names(ctx context.Context, addr string) bool {
	return slices.ContainsFunc(p.Groups, func(g shard.Group) bool {
		return slices.ContainsFunc(g.Servers, func(s shard.Server) bool { return sameServer(ctx, s.Addr, addr) })
	})
}

// fieldsOf reads lines of "key:value".
func fieldsOf(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[key] = value
		}
	}
	return fields
}

// version is the redis_version, of forks the one they are compatible with.
func (s *testimony) version() string { return s.told["redis_version"] }

// master tells whether the server says that it is one.
func (s *testimony) master() bool { return s.err == nil && s.told["role"] == "master" }

// command words a redis-cli line that talks to the server.
func (s *testimony) command(words ...string) string {
	return commandLine(s.server.Addr, words...)
}

// commandLine words a redis-cli line for a shell, which leaves what is quoted alone.
func commandLine(addr string, words ...string) string {
	line := []string{"redis-cli", "-s", addr}
	if host, port, err := net.SplitHostPort(addr); err == nil {
		line = []string{"redis-cli", "-h", host, "-p", port}
	}
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, " |&;<>()$`\\\"'*?[]#~") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		line = append(line, w)
	}
	return strings.Join(line, " ")
}

// rights finds out what the server does not know, and what the monitor's user may not do there.
// Servers before Redis 7 cannot tell the latter, and before Redis 6 everybody may do everything.
func (s *testimony) rights(ctx context.Context, c *redis.Client, p *ProfilePool) {
	s.renamed(ctx, c, p)
	if older(s.version(), "7") {
		return
	}
	s.user, s.lacks, s.rightsErr = lacksOf(ctx, c, s.group, func(r *right) bool { return r.asked(p.Mode, p.ConfigRewrite) && !s.misses(r) })
}

// renamed finds out which commands the server does not have, mostly because its redis.conf has
// renamed them away. Who may not ask that, or gets no answer, learns nothing by it.
func (s *testimony) renamed(ctx context.Context, c *redis.Client, p *ProfilePool) {
	args, of := []any{"COMMAND", "INFO"}, []*right(nil)
	for i := range rights {
		r := &rights[i]
		first := !slices.ContainsFunc(of, func(o *right) bool { return o.args[0] == r.args[0] })
		if first && r.asked(p.Mode, p.ConfigRewrite) {
			args, of = append(args, r.args[0]), append(of, r)
		}
	}
	known, err := c.Do(ctx, args...).Slice()
	for i, r := range of {
		switch {
		case err == nil && len(known) == len(of) && known[i] == nil,
			r.args[0] == "command" && beginsWith(err, "ERR unknown command"):
			s.unknown = append(s.unknown, r)
		}
	}
}

// misses tells whether the server does not have the command.
func (s *testimony) misses(r *right) bool {
	return slices.ContainsFunc(s.unknown, func(u *right) bool { return u.args[0] == r.args[0] })
}
