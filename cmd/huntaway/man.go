package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:     "man",
		Short:   "Write the manual pages, to a directory or the first one to standard output",
		Example: "  huntaway man | man -l -\n  huntaway man --dir /usr/share/man/man8",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root := cmd.Root()
			root.DisableAutoGenTag = true // SOURCE_DATE_EPOCH fixes what else depends on the day
			header := &doc.GenManHeader{Title: "HUNTAWAY", Section: "8", Source: "huntaway " + version}
			if dir == "" {
				return doc.GenMan(root, header, cmd.OutOrStdout())
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("making the directory for manual pages: %w", err)
			}
			return doc.GenManTree(root, header, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write one page per command into this directory")
	return cmd
}
