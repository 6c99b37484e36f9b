package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"huntaway/perf"
)

// version is set by the linker (-ldflags "-X main.version=1.2.3") in a release.
var version = "devel"

// build says which program this is.
func build() perf.Build {
	b := perf.Build{Version: version, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

// versionLine is what --version prints.
func versionLine() string {
	b := build()
	if b.Revision == "" {
		return fmt.Sprintf("huntaway %s (%s)", b.Version, b.Go)
	}
	return fmt.Sprintf("huntaway %s (%s, %s)", b.Version, b.Revision, b.Go)
}

func newVersion() *cobra.Command {
	deps := false
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version and, with --deps, what it is built from",
		Example: "  huntaway version --deps",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			if !deps {
				return nil
			}
			return writeDeps(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&deps, "deps", false, "list the modules in this program with their checksums")
	return cmd
}

// writeDeps lists the modules that the linker put into this program.
func writeDeps(w io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this program was built without module information")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", m.Path, m.Version, m.Sum)
	}
	return t.Flush()
}
