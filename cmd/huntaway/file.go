package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"huntaway/config"
)

// confVariable names the configuration file when no option does.
const confVariable = "HUNTAWAY_CONFIG"

// confFile returns the file that was named by the option -c, by an argument or by the environment.
func confFile(option string, args ...string) (string, error) {
	if option != "" && len(args) > 0 {
		return "", usage(fmt.Errorf("two configurations: -c %s and %s; give one", option, args[0]))
	}
	if option != "" {
		return option, nil
	}
	if len(args) > 0 {
		return args[0], nil
	}
	if file := os.Getenv(confVariable); file != "" {
		return file, nil
	}
	return "", usage(fmt.Errorf("no configuration: give one with -c FILE or in %s; 'huntaway demo' needs none", confVariable))
}

// addConf declares -c and returns where its value will be.
func addConf(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("conf-file", "c", "", "configuration file: huntaway.toml or nutcracker.yml (default: $"+confVariable+")")
}

// oneFile allows an argument, which names the configuration as -c does.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s takes one configuration, and got %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

// theFile demands an argument, which names a configuration.
func theFile(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s takes the configuration to read: %s FILE", cmd.CommandPath(), cmd.CommandPath())
	}
	return oneFile(cmd, args)
}

// noArgs allows no arguments, and says where a configuration belongs.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if cmd.Flags().Lookup("conf-file") != nil {
		hint = "; a configuration is named with -c FILE"
	}
	return fmt.Errorf("%s takes no arguments, and got %q%s", cmd.CommandPath(), args[0], hint)
}

// A loader is config.Load, or config.LoadForOthers for commands that need none of the file's secrets.
type loader func(file string) (*config.Config, error)

// load reads a configuration with what the environment lays over it. Warnings and problems
// are written to standard error as a compiler would.
func load(cmd *cobra.Command, file string, from loader) (*config.Config, error) {
	cfg, err := read(file, from)
	if err != nil {
		return nil, explained(cmd, file, err)
	}
	if err := cfg.Warnings.Write(cmd.ErrOrStderr()); err != nil {
		return nil, err
	}
	return cfg, nil
}

// read reads a configuration and the environment. The error may be a config.Problems.
func read(file string, from loader) (*config.Config, error) {
	cfg, err := from(file)
	if err != nil {
		return nil, err
	}
	if problems := cfg.ApplyEnv(os.Environ()); problems.Fatal() {
		return nil, problems
	}
	return cfg, nil
}

// explained writes the problems of a file, if err is such, and gives them their exit status.
func explained(cmd *cobra.Command, file string, err error) error {
	var problems config.Problems
	if !errors.As(err, &problems) {
		return err
	}
	if err := problems.Write(cmd.ErrOrStderr()); err != nil {
		return err
	}
	n, _ := problems.Count()
	return &failure{exitInvalid, fmt.Errorf("%s: %s", file, plural(n, "error"))}
}

// plural counts things: "1 error", "2 errors".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
