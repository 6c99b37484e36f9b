package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"huntaway/codec"
	"huntaway/config"
	"huntaway/shard"
)

func newRoute() *cobra.Command {
	var conf *string
	pool, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "route -c FILE COMMAND [ARG...]",
		Short: "Say where a command would go, and why, without touching the network",
		Long: `route builds the routing table of a configuration and says which group and which
server each key of a command belongs to, the hash and the point on the ring that led
there, and whether the command may be read from a replica.`,
		Example: "  huntaway route -c huntaway.toml GET user:42\n  huntaway route -c nutcracker.yml --pool alpha --json MGET a b c",
		Args:    aCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := confFile(*conf)
			if err != nil {
				return err
			}
			cfg, err := load(cmd, file, config.LoadForOthers)
			if err != nil {
				return err
			}
			routes, err := routesOf(cfg, pool, args)
			if err != nil {
				return err
			}
			return writeRoutes(cmd.OutOrStdout(), routes, asJSON)
		},
	}
	conf = addConf(cmd)
	cmd.Flags().StringVar(&pool, "pool", "", "only this pool (default: all)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	cmd.Flags().SetInterspersed(false) // what follows the command is the command's
	return cmd
}

// aCommand demands a command of Redis.
func aCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s is asked where a command of Redis would go, and got none: %s -c FILE GET user:42", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// A route is where a command goes in one pool.
type route struct {
	Pool    string      `json:"pool"`
	Command string      `json:"command"`
	Class   string      `json:"class"`            // read or write
	Policy  string      `json:"policy"`           // how the command table has it served
	Reason  string      `json:"reason,omitempty"` // why it is not forwarded
	Keys    []placement `json:"keys"`

	online bool // only a Redis Cluster itself knows who owns its slots
}

// A placement is where one key goes.
type placement struct {
	Key          string   `json:"key"`
	HashTag      string   `json:"hash_tag,omitempty"` // the part that was hashed, when not all of it
	Hash         string   `json:"hash"`
	Value        string   `json:"value"` // hexadecimal
	Distribution string   `json:"distribution"`
	Place        string   `json:"place"`
	Why          string   `json:"why"`
	Group        string   `json:"group,omitempty"`   // "" when any group may be drawn
	Servers      []string `json:"servers,omitempty"` // who may serve the command
	Choice       string   `json:"choice,omitempty"`  // how one of them is chosen
}

// routesOf finds the way of a command in each pool, or in the one that is named.
func routesOf(cfg *config.Config, pool string, args []string) ([]route, error) {
	request, err := requestOf(args)
	if err != nil {
		return nil, err
	}
	var routes []route
	for i := range cfg.Pools {
		if p := &cfg.Pools[i]; pool == "" || pool == p.Name {
			r, err := routeOf(p, request)
			if err != nil {
				return nil, err
			}
			routes = append(routes, r)
		}
	}
	if routes == nil {
		return nil, usage(fmt.Errorf("no pool %q; there are: %s", pool, strings.Join(poolNames(cfg), ", ")))
	}
	return routes, nil
}

// poolNames lists the pools of a configuration.
func poolNames(cfg *config.Config) (names []string) {
	for _, p := range cfg.Pools {
		names = append(names, p.Name)
	}
	return names
}

// requestOf frames a command as a client would.
func requestOf(args []string) (*codec.Request, error) {
	var scanner codec.Scanner
	request := &codec.Request{}
	frame := codec.AppendCommand(nil, args...)
	limits := codec.Limits{Args: len(args), Bulk: len(frame), Request: len(frame), Inline: len(frame)}
	if _, err := scanner.Next(frame, request, &limits); err != nil {
		return nil, fmt.Errorf("framing the command: %w", err)
	}
	return request, nil
}

// routeOf finds the way of a request in one pool.
func routeOf(p *config.Pool, request *codec.Request) (route, error) {
	r := route{Pool: p.Name, Command: strings.ToUpper(string(request.Arg(0))), Keys: []placement{}}
	command := codec.Default().Find(request)
	if command == nil {
		return r, fmt.Errorf("unknown command %q", request.Arg(0))
	}
	if !command.CheckArity(request.Len()) {
		return r, fmt.Errorf("wrong number of arguments for %q", command.Name)
	}
	table, err := tableOf(p, nil)
	if err != nil {
		return r, &failure{exitInvalid, err}
	}
	r.online = p.Failover == config.FailoverCluster
	r.Class, r.Policy, r.Reason = classOf(command), command.Policy.String(), reasonOf(command, p)
	keys, err := command.Keys(request, nil)
	if keyErr := (*codec.KeyError)(nil); errors.As(err, &keyErr) {
		return r, errors.New(keyErr.Text)
	}
	for _, k := range keys {
		r.Keys = append(r.Keys, placementOf(p, table, command, request.Arg(int(k))))
	}
	return r, nil
}

// classOf is the half of the read/write split that a command belongs to.
func classOf(c *codec.Command) string {
	if c.IsRead() {
		return "read"
	}
	return "write"
}

// reasonOf says why a command goes to no server by its keys, "" when it does.
func reasonOf(c *codec.Command, p *config.Pool) string {
	switch {
	case c.Reason != "":
		return c.Reason
	case c.Policy == codec.Local:
		return "the proxy answers it"
	case c.Policy == codec.Keyless && len(p.Groups) > 1:
		return "it has no key, and the pool has several groups"
	case !c.Policy.Served():
		return "it is not served by a proxy"
	}
	return ""
}

// placementOf explains where a key goes.
func placementOf(p *config.Pool, table *shard.Table, c *codec.Command, key []byte) placement {
	x := table.Explain(key)
	at := placement{Key: x.Key, Hash: x.Hash, Value: fmt.Sprintf("0x%x", x.Value),
		Distribution: x.Distribution, Place: x.Place, Why: x.Why}
	if x.Tag != x.Key {
		at.HashTag = x.Tag
	}
	if x.Group < 0 {
		return at
	}
	g := &table.Groups[x.Group]
	at.Group = g.Name
	at.Servers, at.Choice = serversOf(p, g, c)
	return at
}

// serversOf names the members of a group that may serve a command, and how one is chosen.
func serversOf(p *config.Pool, g *shard.Group, c *codec.Command) (addrs []string, choice string) {
	policy, _ := shard.ParseReadPolicy(p.ReadPolicy) // checked by wireable
	if !c.IsRead() || policy == shard.ReadMaster || len(g.Servers) == 1 {
		return masterOf(g), "the master"
	}
	for _, s := range g.Servers {
		if policy == shard.Nearest || s.ID != g.Master {
			addrs = append(addrs, s.Addr)
		}
	}
	switch policy {
	case shard.PreferReplica:
		return addrs, "read_policy prefer-replica: the cheaper of two drawn; the master when none of them is fit"
	case shard.ReplicaOnly:
		return addrs, "read_policy replica-only: the cheaper of two drawn"
	default:
		return addrs, "read_policy nearest: the cheaper of two drawn"
	}
}

// masterOf returns the address of the configured master, if there is one.
func masterOf(g *shard.Group) []string {
	for _, s := range g.Servers {
		if s.ID == g.Master {
			return []string{s.Addr}
		}
	}
	return nil
}

// writeRoutes writes routes for a person or a program.
func writeRoutes(w io.Writer, routes []route, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(routes)
	}
	for i, r := range routes {
		if i > 0 {
			fmt.Fprintln(w)
		}
		r.write(w)
	}
	return nil
}

// write writes a route for a person.
func (r *route) write(w io.Writer) {
	fmt.Fprintf(w, "pool %s: %s is a %s (%s)\n", r.Pool, r.Command, r.Class, r.Policy)
	if r.Reason != "" {
		fmt.Fprintf(w, "  not sent by key: %s\n", r.Reason)
	}
	for _, k := range r.Keys {
		fmt.Fprintf(w, "  key     %q\n", k.Key)
		if k.HashTag != "" {
			fmt.Fprintf(w, "  tag     %q\n", k.HashTag)
		}
		fmt.Fprintf(w, "  hash    %s = %s\n", k.Hash, k.Value)
		fmt.Fprintf(w, "  ring    %s: %s (%s)\n", k.Distribution, k.Place, k.Why)
		if k.Group == "" && r.online {
			fmt.Fprint(w, "  group   known online only: the cluster says who owns the slot\n")
			continue
		}
		if k.Group == "" {
			fmt.Fprint(w, "  group   any: each request draws one\n")
			continue
		}
		fmt.Fprintf(w, "  group   %s\n", k.Group)
		fmt.Fprintf(w, "  server  %s (%s)\n", strings.Join(k.Servers, " or "), k.Choice)
	}
}
