package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"huntaway/config"
)

func newCheck() *cobra.Command {
	var conf *string
	format, connect := "text", false
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration, and with --connect the servers it names",
		Long: `check reads a configuration and says everything that is wrong with it, with line
and column, without touching the network. The exit status is 0 when it can be served, 3
when it cannot.

With --connect it also asks every server, and every Sentinel, what it is and how it is set
up, and prints what is not as the file says or as failover needs it: what is, what should be
and why, and the command that does it. It changes nothing. What makes the service not work
is an error (exit status 3); what makes it worse than it could be is a warning (0).`,
		Example: "  huntaway check -c huntaway.toml\n  huntaway check --connect -c huntaway.toml\n  huntaway check -c nutcracker.yml --format json",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("--format %s: want text or json", format))
			}
			file, err := confFile(*conf, args...)
			if err != nil {
				return err
			}
			if connect {
				return checkServers(cmd, file, format)
			}
			return check(cmd, file, format)
		},
	}
	conf = addConf(cmd)
	cmd.Flags().BoolVar(&connect, "connect", false, "ask the servers too")
	cmd.Flags().StringVar(&format, "format", format, "text or json")
	return cmd
}

// check says what is wrong with a file, and that nothing is.
func check(cmd *cobra.Command, file, format string) error {
	if format == "json" {
		return checkJSON(cmd, file)
	}
	cfg, err := load(cmd, file, config.Load)
	if err != nil {
		return err
	}
	if err := wireable(cfg); err != nil {
		return &failure{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: ok (%s)\n", file, summary(cfg))
	return nil
}

// checkJSON writes all problems, warnings included, as one JSON array.
func checkJSON(cmd *cobra.Command, file string) error {
	var problems config.Problems
	cfg, err := read(file, config.Load)
	switch {
	case err == nil:
		problems = cfg.Warnings
		if err := wireable(cfg); err != nil {
			problems = append(problems, config.Problem{File: file, Severity: config.Error, Text: err.Error()})
		}
	case !errors.As(err, &problems):
		return err
	}
	if err := problems.WriteJSON(cmd.OutOrStdout()); err != nil {
		return err
	}
	if problems.Fatal() {
		return &failure{status: exitInvalid}
	}
	return nil
}

// summary counts what a configuration has.
func summary(cfg *config.Config) string {
	groups, servers := 0, 0
	for _, p := range cfg.Pools {
		groups += len(p.Groups)
		for _, g := range p.Groups {
			servers += len(g.Servers)
		}
	}
	return fmt.Sprintf("%s, %s, %s", plural(len(cfg.Pools), "pool"), plural(groups, "group"), plural(servers, "server"))
}
