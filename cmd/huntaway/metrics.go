package main

import (
	"github.com/spf13/cobra"

	"huntaway/perf"
)

func newMetrics() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "List every metric with its labels, its meaning and twemproxy's name for it",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return perf.WriteListing(cmd.OutOrStdout())
		},
	}
}
