package ha

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A right is a command that the proxy sends of its own accord, and what fails without it.
type right struct {
	args   []string // as ACL DRYRUN takes them
	name   string   // as ACL SETUSER spells it
	modes  string   // in which it is sent
	weight Weight   // of its absence
	why    string
}

var rights = []right{
	{[]string{"info"}, "info", "observe local sentinel cluster", Fatal, "probes ask INFO replication; a replica that refuses it is not kept from copying a master that comes back empty"},
	{[]string{"ping"}, "ping", "observe local sentinel", Doubtful, "probes see by it that a server loads, is stale or cannot save"},
	{[]string{"echo", ownKey}, "echo", "observe local sentinel cluster", Doubtful, "scripts, functions and modules are refused without: it delimits their replies"},
	{[]string{"command"}, "command", "observe local sentinel cluster", Doubtful, "commands that Huntaway's own table lacks are learnt so"},
	{[]string{"replicaof", "no", "one"}, "replicaof", "local", Fatal, "nobody can be promoted without"},
	{[]string{"multi"}, "multi", "local", Fatal, "a promotion is one transaction"},
	{[]string{"exec"}, "exec", "local", Fatal, "a promotion is one transaction"},
	{[]string{"set", ownKey, "1"}, "set", "local sentinel", Fatal, "a new master is tried with one write to a key huntaway:..."},
	{[]string{"getrange", ownKey, "0", "20"}, "getrange", "local sentinel", Fatal, "the same key tells kin from strangers"},
	{[]string{"pttl", ownKey}, "pttl", "local", Doubtful, "a heartbeat that never expires is told from a monitor's so"},
	{[]string{"unlink", ownKey}, "unlink", "local", Doubtful, "what a client has made of the keys huntaway:... is removed so, though it is large"},
	{[]string{"dbsize"}, "dbsize", "local sentinel", Doubtful, "whether a server is empty tells whether it may be made to follow"},
	{[]string{"client", "kill", "type", "normal"}, "client|kill", "local", Fatal, "an old master is rid of its clients so"},
	{[]string{"client", "pause", "1", "write"}, "client|pause", "local sentinel", Doubtful, "no switchover with --fast, and none through Sentinel, without"},
	{[]string{"client", "unpause"}, "client|unpause", "local sentinel", Doubtful, "the same"},
	{[]string{"client", "setname", ownKey}, "client|setname", "local", Doubtful, "without this and CLIENT LIST any client can write what looks like another monitor's heartbeat, and nobody is promoted while it does"},
	{[]string{"client", "list"}, "client|list", "local", Doubtful, "the same"},
	{[]string{"client", "id"}, "client|id", "local", Doubtful, "the one connection that matters is found so among many"},
	{[]string{"failover"}, "failover", "local", Doubtful, "no switchover without, but with --fast"},
	{[]string{"config", "rewrite"}, "config|rewrite", "rewrite", Doubtful, "a restart would bring the old roles back; or set config_rewrite = false"},
	{[]string{"cluster", "slots"}, "cluster|slots", "cluster", Fatal, "the places of keys are asked so"},
	{[]string{"select", "1"}, "select", "observe local sentinel", Doubtful, "clients that SELECT another database are refused"},
}

// ownKey stands for a key of the monitor's in the arguments of a right.
const ownKey = "huntaway:"

// asked tells whether the monitor of a pool in that mode sends the command.
func (r *right) asked(mode string, rewrite bool) bool {
	if r.modes == "rewrite" {
		return mode == "local" && rewrite
	}
	return strings.Contains(r.modes, mode)
}

// A lack is something that the monitor's user may not do at a server.
type lack struct {
	*right
	keys bool // it may run the command, but not on the monitor's keys
}

// is says what the user may not.
func (l *lack) is(user string) string {
	if l.keys {
		return fmt.Sprintf("the user %s may not %s the keys huntaway:*", user, strings.ToUpper(l.args[0]))
	}
	return fmt.Sprintf("the user %s may not %s", user, strings.ToUpper(strings.Join(l.args, " ")))
}

// rule is what ACL SETUSER gives it by.
func (l *lack) rule() string {
	if l.keys {
		return "~huntaway:*"
	}
	return "+" + l.name
}

// lacksOf asks a server who the monitor's user is there, and which rights of those that are wanted it lacks in a group.
// Servers before Redis 7 do not tell, nor does one to a user that may not ask; what it does not know as a command is left
// out. Of those that lack the keys the first stands for all.
func lacksOf(ctx context.Context, c *redis.Client, group string, wanted func(*right) bool) (user string, lacking []lack, err error) {
	if user, err = c.Do(ctx, "ACL", "WHOAMI").Text(); err != nil {
		return "", nil, err
	}
	pipe := c.Pipeline()
	var asked []*right
	var told []*redis.Cmd
	for i := range rights {
		r := &rights[i]
		if !wanted(r) {
			continue
		}
		args := []any{"ACL", "DRYRUN", user}
		for _, a := range r.args {
			if a == ownKey {
				a = markerKey(group)
			}
			args = append(args, a)
		}
		asked, told = append(asked, r), append(told, pipe.Do(ctx, args...))
	}
	_, _ = pipe.Exec(ctx) // each has its own error
	for i, r := range asked {
		answer, err := told[i].Text()
		l := lack{r, strings.HasSuffix(answer, "' key")}
		switch {
		case beginsWith(err, "ERR Command '"), err == nil && answer == "OK":
		case err != nil:
			return user, lacking, err
		case !l.keys || !slices.ContainsFunc(lacking, func(o lack) bool { return o.keys }):
			lacking = append(lacking, l)
		}
	}
	return user, lacking, nil
}
