package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

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
and column, without touching the network. What this host alone lacks, such as a directory,
is a warning, for it may be another one that serves it. The exit status is 0 when it can be served, 3
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
	if err := hostProblems(cfg, file).Write(cmd.ErrOrStderr()); err != nil {
		return err
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
		problems = append(slices.Clone(cfg.Warnings), hostProblems(cfg, file)...)
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

// hostProblems says what this host lacks to serve a configuration. The file may be meant for another one.
func hostProblems(cfg *config.Config, file string) (all config.Problems) {
	lacks := func(key, path string, err error, suggestion string) {
		if err != nil {
			all = append(all, config.Problem{File: file, Severity: config.Warning, Key: key, Text: fmt.Sprintf("%q cannot be used on this host: %s", path, causeOfPath(err)), Suggestion: suggestion})
		}
	}
	if path := cfg.Log.Output; path != "" {
		lacks("log.output", path, isDir(filepath.Dir(path)), "a file in a directory that exists")
	}
	decides := false
	for i := range cfg.Pools {
		p := &cfg.Pools[i]
		decides = decides || p.Failover == "local"
		for _, l := range p.Listen {
			if l.Network == "unix" {
				lacks("pools."+p.Name+".listen", l.Address, isDir(filepath.Dir(l.Address)), "a socket in a directory that exists")
			}
		}
	}
	if dir := stateDir(&cfg.Runtime); decides && dir != "" {
		at := dir // it is made where it is missing
		for err := isDir(at); errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at); err = isDir(at) {
			at = filepath.Dir(at)
		}
		lacks("runtime.state_dir", dir, isDir(at), "a directory, or one that can be made")
	}
	return all
}

// isDir says why a path is no directory; nil when it is one.
func isDir(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "stat", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

// causeOfPath words what is the matter with a path.
func causeOfPath(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
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
