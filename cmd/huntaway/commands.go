package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"huntaway/codec"
	"huntaway/config"
)

func newCommands() *cobra.Command {
	var conf *string
	format := ""
	cmd := &cobra.Command{
		Use:   "commands",
		Short: "List every command of Redis, how it is served, and where it differs",
		Long: `commands prints the table by which requests are served: for each command since which
version there is one, how a pool with one group and a pool with several serve it, and
where that differs from a single Redis. With -c FILE it speaks of the pools of that file.
Servers may know more commands; those are learnt while serving.`,
		Example: "  huntaway commands\n  huntaway commands -c huntaway.toml --format tsv | grep ^scan",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "md" && format != "tsv" {
				return usage(fmt.Errorf("--format %q: want md or tsv", format))
			}
			if !cmd.Flags().Changed("conf-file") {
				return writeCommands(cmd.OutOrStdout(), format, anyPool)
			}
			file, err := confFile(*conf)
			if err != nil {
				return err
			}
			cfg, err := load(cmd, file, config.LoadForOthers)
			if err != nil {
				return err
			}
			return writeCommands(cmd.OutOrStdout(), format, columnsOf(cfg))
		},
	}
	conf = addConf(cmd)
	cmd.Flags().StringVar(&format, "format", "md", "md (a table in Markdown) or tsv (columns between tabs)")
	return cmd
}

// A poolColumn is one column of the table: how a pool of a kind serves commands.
type poolColumn struct {
	title string
	alone bool // one group
	admin bool // admin_commands
}

// anyPool is what can be said without a configuration.
var anyPool = []poolColumn{{title: "one group", alone: true}, {title: "several groups"}}

// columnsOf are the pools of a configuration.
func columnsOf(cfg *config.Config) (columns []poolColumn) {
	for _, p := range cfg.Pools {
		columns = append(columns, poolColumn{"pool " + p.Name, len(p.Groups) == 1, p.AdminCommands})
	}
	return columns
}

// writeCommands writes the table.
func writeCommands(w io.Writer, format string, columns []poolColumn) error {
	header := []string{"command", "since"}
	for _, c := range columns {
		header = append(header, c.title)
	}
	lines := [][]string{append(header, "where it differs from Redis")}
	for _, cmd := range codec.Default().All() {
		if cmd.IsContainer() {
			continue // its sub-commands are listed
		}
		line := []string{strings.ReplaceAll(cmd.Name, "|", " "), cmd.Since()}
		for _, c := range columns {
			line = append(line, c.way(cmd))
		}
		lines = append(lines, append(line, noteOf(cmd)))
	}
	return writeTable(w, format, lines)
}

// writeTable writes lines, of which the first is the header.
func writeTable(w io.Writer, format string, lines [][]string) error {
	var b strings.Builder
	for i, line := range lines {
		if format == "tsv" {
			b.WriteString(strings.Join(line, "\t") + "\n")
			continue
		}
		b.WriteString("| " + strings.Join(line, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(line)) + "|\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// way says how a pool serves a command.
func (c *poolColumn) way(cmd *codec.Command) string {
	if cmd.Policy == codec.ScriptAdmin {
		return scriptWay(cmd)
	}
	if c.alone {
		return c.wayAlone(cmd)
	}
	switch cmd.Policy {
	case codec.Forward:
		return "to the group of its keys"
	case codec.Split:
		return "split by group, the replies joined"
	case codec.Keyless:
		return "refused: it has no key"
	case codec.FanOut:
		if refusedWhole(cmd, c.admin) {
			return "refused without admin_commands"
		}
		return "to every group, the replies joined"
	case codec.Scan:
		return "walks the groups one after the other"
	}
	return ways[cmd.Policy]
}

// scriptWay says how SCRIPT and FUNCTION are served.
func scriptWay(cmd *codec.Command) string {
	switch cmd.Join {
	case codec.NoJoin:
		return ways[codec.Refused]
	case codec.One:
		return "to one server, which stands for all"
	}
	return "to every server, the replies joined"
}

// wayAlone says how a pool with one group serves a command.
func (c *poolColumn) wayAlone(cmd *codec.Command) string {
	switch cmd.Policy {
	case codec.Forward, codec.Split, codec.Keyless, codec.Scan:
		return "to the group"
	case codec.FanOut:
		if refusedWhole(cmd, c.admin) {
			return "refused without admin_commands"
		}
		return "to the group"
	case codec.Refused:
		switch {
		case strings.HasPrefix(noteOf(cmd), never):
			return ways[codec.Refused]
		case !c.admin:
			return "refused without admin_commands"
		}
		return "to the master"
	case codec.Local:
		if parent, _, _ := strings.Cut(cmd.Name, "|"); c.admin && passedOn[parent] {
			return "to the master"
		}
	}
	return ways[cmd.Policy]
}

// never begins the note of a command that no pool passes on.
const never = "refused: "

// refusedWhole tells whether a command that empties or exchanges databases is refused.
func refusedWhole(cmd *codec.Command, admin bool) bool {
	return cmd.Flags&codec.FlagWrite != 0 && !admin
}

// ways are the policies that serve alike whatever the number of groups.
var ways = map[codec.Policy]string{
	codec.Local:       "answered by the proxy",
	codec.Transaction: "queued by the proxy, then to one group in one piece",
	codec.Blocking:    "to the group of its keys, over a connection of its own",
	codec.PubSub:      "by the proxy's subscriptions",
	codec.Refused:     "refused",
}

// passedOn are the containers that a pool with one group and admin_commands leaves to its
// master.
var passedOn = map[string]bool{"acl": true, "config": true, "module": true}
