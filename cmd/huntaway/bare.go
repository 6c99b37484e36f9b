package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"huntaway/config"
	"huntaway/perf"
)

// bare is what nutcracker's command line says, without a command: huntaway -c FILE -o LOG.
type bare struct {
	conf      string // -c
	output    string // -o
	pid       string // -p
	statsAddr string // -a
	statsPort int    // -s
	verbose   int    // -v, nutcracker's level
	test      bool   // -t
	version   bool   // -V
	describe  bool   // -D
	daemonize bool   // -d
	interval  int    // -i: without effect
	mbuf      int    // -m: without effect
}

// newBare returns the root command. Without a command it understands what nutcracker
// understands, so that an init script needs another program name and nothing else.
func newBare() *cobra.Command {
	b := &bare{}
	cmd := &cobra.Command{
		Use:   "huntaway",
		Short: "A Redis proxy for latency-sensitive front ends",
		Long: `Huntaway stands between clients and groups of Redis servers: it places keys as
twemproxy does, splits reads from writes, and goes on when a server dies.

Called without a command it takes nutcracker's options (-c -o -v -p -s -a -t -d -V).`,
		Example: `  huntaway demo
  huntaway check -c /etc/huntaway/huntaway.toml
  huntaway run -c /etc/huntaway/huntaway.toml
  huntaway -c nutcracker.yml -o /var/log/huntaway.log -p /run/huntaway.pid`,
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,

		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	b.flags(cmd)
	return cmd
}

// noCommand refuses a first word that is no command, with what was probably meant.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if there, err := os.Stat(args[0]); err == nil && !there.IsDir() {
		return fmt.Errorf("%q is no command but a file; to serve it: huntaway run %[1]s, to check it: huntaway check %[1]s", args[0])
	}
	hint := ""
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(like, " or "))
	}
	return fmt.Errorf("unknown command %q%s", args[0], hint)
}

// flags declares nutcracker's options with their letters and long names.
func (b *bare) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&b.conf, "conf-file", "c", "", "configuration file: nutcracker.yml or huntaway.toml")
	f.BoolVarP(&b.test, "test-conf", "t", false, "check the configuration and exit")
	f.StringVarP(&b.output, "output", "o", "", "log file; SIGHUP reopens it (default: standard error)")
	f.IntVarP(&b.verbose, "verbose", "v", 5, "0 to 3: errors; 4: warnings; 5, 6: events; 7 to 11: everything")
	f.StringVarP(&b.pid, "pid-file", "p", "", "file for the process id")
	f.IntVarP(&b.statsPort, "stats-port", "s", 22222, "port of twemproxy's statistics; with a huntaway.toml there is none unless -s or -a is given")
	f.StringVarP(&b.statsAddr, "stats-addr", "a", "0.0.0.0", "address of twemproxy's statistics")
	f.BoolVarP(&b.version, "version", "V", false, "print the version and exit")
	f.BoolVarP(&b.describe, "describe-stats", "D", false, "list the statistics and exit")
	f.BoolVarP(&b.daemonize, "daemonize", "d", false, "serve in the background; it returns when that is ready (give -o, or the log goes nowhere)")
	f.IntVarP(&b.interval, "stats-interval", "i", 30000, "ignored: statistics are always of the moment")
	f.IntVarP(&b.mbuf, "mbuf-size", "m", 16384, "ignored: buffers size themselves")
}

// run does what the options say.
func (b *bare) run(cmd *cobra.Command) error {
	switch {
	case b.version:
		fmt.Fprintln(cmd.OutOrStdout(), versionLine())
		return nil
	case b.describe:
		return perf.WriteListing(cmd.OutOrStdout())
	case cmd.Flags().NFlag() == 0 && os.Getenv(confVariable) == "":
		return cmd.Help()
	}
	file, err := confFile(b.conf)
	if err != nil {
		return err
	}
	if b.test {
		return check(cmd, file, "text")
	}
	if b.daemonize && !detached() {
		return detach(cmd)
	}
	cfg, err := load(cmd, file, config.Load)
	if err != nil {
		return err
	}
	if err := b.overlay(cmd, cfg); err != nil {
		return err
	}
	b.warn(cmd)
	return serve(cmd, cfg, func() (*config.Config, error) {
		cfg, err := read(file, config.Load)
		if err != nil {
			return nil, err
		}
		return cfg, b.overlay(cmd, cfg)
	})
}

// overlay lays the options that were given over a configuration.
func (b *bare) overlay(cmd *cobra.Command, cfg *config.Config) (err error) {
	given := cmd.Flags().Changed
	if given("output") {
		cfg.Log.Output = b.output
	}
	if given("pid-file") {
		cfg.Runtime.PIDFile = b.pid
	}
	if given("stats-port") || given("stats-addr") {
		cfg.Admin.Stats = net.JoinHostPort(b.statsAddr, strconv.Itoa(b.statsPort))
	}
	if given("verbose") {
		cfg.Log.Level, err = levelOf(b.verbose)
	}
	return err
}

// warn says which of the options that were given have no effect.
func (b *bare) warn(cmd *cobra.Command) {
	for _, name := range []string{"stats-interval", "mbuf-size"} {
		if cmd.Flags().Changed(name) {
			f := cmd.Flags().Lookup(name)
			fmt.Fprintf(cmd.ErrOrStderr(), "huntaway: warning: -%s (%s) is %s\n", f.Shorthand, f.Name, f.Usage)
		}
	}
}

// levelOf translates nutcracker's log levels (0 emergency … 5 notice, 6 info, 7 debug … 11).
func levelOf(n int) (string, error) {
	switch {
	case n < 0 || n > 11:
		return "", usage(fmt.Errorf("-v %d: want 0 (only what somebody must act on) to 11 (everything)", n))
	case n <= 3:
		return "error", nil
	case n == 4:
		return "warn", nil
	case n <= 6:
		return "info", nil
	default:
		return "debug", nil
	}
}
