package main

import (
	"github.com/spf13/cobra"

	"huntaway/config"
)

func newImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Translate a nutcracker.yml into huntaway.toml, on standard output",
		Long: `import reads twemproxy's configuration and writes the same in Huntaway's own format.
Keys stay where they are: hash, distribution, names and weights are carried over, and
twemproxy's statistics stay on their port. Status, metrics and orders come on top (admin.http).`,
		Example: "  huntaway import /etc/nutcracker/nutcracker.yml > huntaway.toml",
		Args:    theFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0]) // without the environment of this machine
			if err != nil {
				return explained(cmd, args[0], err)
			}
			if err := cfg.Warnings.Write(cmd.ErrOrStderr()); err != nil {
				return err
			}
			return config.WriteTOML(cmd.OutOrStdout(), cfg)
		},
	}
}
