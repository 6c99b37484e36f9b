package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"huntaway/config"
	"huntaway/ha"
)

// connectTime is how long check --connect lets a server take to answer. It asks for much, and
// nobody waits for a reply meanwhile.
const connectTime = 3 * time.Second

// checkServers checks a file as check does, and then the servers that it names.
func checkServers(cmd *cobra.Command, file, format string) error {
	cfg, err := load(cmd, file)
	if err != nil {
		return err
	}
	if err := wireable(cfg); err != nil {
		return &failure{status: exitInvalid, err: fmt.Errorf("%s: %w", file, err)}
	}
	found, err := profileOf(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	write := writeFindings
	if format == "json" {
		write = writeFindingsJSON
	}
	if err := write(cmd.OutOrStdout(), found); err != nil {
		return err
	}
	wrong, doubts := 0, 0
	for _, f := range found {
		if f.Weight == ha.Fatal {
			wrong++
		} else {
			doubts++
		}
	}
	if wrong > 0 {
		return &failure{status: exitInvalid, err: fmt.Errorf("%s: its servers: %s, %s", file, plural(wrong, "error"), plural(doubts, "warning"))}
	}
	if format == "text" {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: ok (%s; %s)\n", file, summary(cfg), plural(doubts, "warning"))
	}
	return nil
}

// profileOf asks the servers of all pools.
func profileOf(ctx context.Context, cfg *config.Config) (found []ha.Finding, err error) {
	for i := range cfg.Pools {
		p := &cfg.Pools[i]
		table, err := tableOf(p, nil)
		if err != nil {
			return nil, err
		}
		found = append(found, ha.Profile(ctx, ha.ProfilePool{
			Name: p.Name, Mode: p.Failover, Groups: table.Groups,
			Access:    ha.Access{User: p.ServerUser, Password: p.ServerPassword.Reveal(), Timeout: connectTime},
			DownAfter: p.DownAfter, HoldTimeout: p.HoldTimeout, ConfigRewrite: p.ConfigRewrite,
			Sentinels:      p.Sentinels,
			SentinelAccess: ha.Access{User: p.SentinelUser, Password: p.SentinelPassword.Reveal(), Timeout: connectTime},
		})...)
	}
	return found, nil
}

// writeFindings prints findings for people, those of one group or server together.
func writeFindings(out io.Writer, found []ha.Finding) error {
	before := statusProblem{}
	for i := range found {
		f := &found[i]
		at := statusProblem{Pool: f.Pool, Group: f.Group, Server: f.Server}
		if at != before {
			fmt.Fprintf(out, "%s\n", at.where())
			before = at
		}
		fmt.Fprintf(out, "  %s: %s\n      want: %s\n", f.Weight, f.Is, f.Should)
		if f.Do != "" {
			fmt.Fprintf(out, "      %s\n", f.Do)
		}
	}
	if len(found) > 0 {
		if _, err := fmt.Fprintln(out, "\nCONFIG SET lasts until a restart; CONFIG REWRITE makes it last."); err != nil {
			return err
		}
	}
	return nil
}

// A findingLine is a finding for programs.
type findingLine struct {
	Severity string `json:"severity"` // error or warning
	Pool     string `json:"pool"`
	Group    string `json:"group,omitempty"`
	Server   string `json:"server,omitempty"`
	Is       string `json:"is"`
	Want     string `json:"want"`
	Do       string `json:"do,omitempty"` // a shell command
}

// writeFindingsJSON prints findings for programs.
func writeFindingsJSON(out io.Writer, found []ha.Finding) error {
	lines := []findingLine{}
	for _, f := range found {
		lines = append(lines, findingLine{f.Weight.String(), f.Pool, f.Group, f.Server, f.Is, f.Should, f.Do})
	}
	return writeJSON(out, lines)
}
