package main

import (
	"errors"

	"github.com/spf13/cobra"

	"huntaway/config"
)

func newConfig() *cobra.Command {
	defaults, manual := false, false
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Print every key with its default, or what a file comes to",
		Example: "  huntaway config --defaults > huntaway.toml\n  huntaway config --man | man -l -\n  huntaway config show -c huntaway.toml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := config.Defaults
			switch {
			case manual:
				text = config.Manual
			case !defaults:
				return usage(errors.New("want --defaults, --man or the command show"))
			}
			_, err := cmd.OutOrStdout().Write(text())
			return err
		},
	}
	cmd.Flags().BoolVar(&defaults, "defaults", false, "print a file with every key, its meaning and its default")
	cmd.Flags().BoolVar(&manual, "man", false, "print the manual page huntaway.toml(5)")
	cmd.MarkFlagsMutuallyExclusive("defaults", "man")
	cmd.AddCommand(newConfigShow())
	return cmd
}

func newConfigShow() *cobra.Command {
	var conf *string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print what a file and the environment come to, passwords hidden",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := confFile(*conf)
			if err != nil {
				return err
			}
			cfg, err := load(cmd, file, config.Load)
			if err != nil {
				return err
			}
			return config.WriteTOML(cmd.OutOrStdout(), redacted(cfg))
		},
	}
	conf = addConf(cmd)
	return cmd
}

// redacted returns a copy of cfg in which each password that stands in the file is hidden.
// Those that come from the environment or from a file of their own show only from where.
func redacted(cfg *config.Config) *config.Config {
	shown := *cfg
	shown.Pools = nil
	redact(&shown.Admin.Token)
	for _, p := range cfg.Pools {
		for _, s := range []*config.Secret{&p.Password, &p.ServerPassword, &p.SentinelPassword} {
			redact(s)
		}
		shown.Pools = append(shown.Pools, p)
	}
	return &shown
}

// redact hides a secret that stands in the file itself.
func redact(s *config.Secret) {
	if s.IsSet() && s.Source() == "" {
		*s = config.NewSecret(s.String())
	}
}
