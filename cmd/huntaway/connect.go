package main

import (
	"context"
	"fmt"
	"io"
	"strings"
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
	cfg, err := load(cmd, file, config.Load)
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

// chosen returns d, 0 when it is what a file has that does not name it.
func chosen(d, initial time.Duration) time.Duration {
	if d == initial {
		return 0
	}
	return d
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
			DownAfter: p.DownAfter, DownMisconf: chosen(p.DownMisconf, 10*time.Second), HoldTimeout: p.HoldTimeout, ConfigRewrite: p.ConfigRewrite,
			Sentinels:      p.Sentinels,
			SentinelAccess: ha.Access{User: p.SentinelUser, Password: p.SentinelPassword.Reveal(), Timeout: connectTime},
		})...)
	}
	return found, nil
}

// writeFindings prints findings for people: the errors first, each with its place on one line;
// then the warnings, those that say the same of several servers together.
func writeFindings(out io.Writer, found []ha.Finding) error {
	out = printable{out}
	for _, weight := range []ha.Weight{ha.Fatal, ha.Doubtful} {
		for _, same := range alike(found, weight) {
			f := same[0]
			fmt.Fprintf(out, "%s: %s%s\n    want: %s\n", f.Weight, placesOf(same), f.Is, f.Should)
			done := map[string]bool{"": true} // a server of two pools needs it once
			for _, each := range same {
				if !done[each.Do] {
					done[each.Do] = true
					fmt.Fprintf(out, "    %s\n", each.Do)
				}
			}
		}
	}
	if len(found) > 0 {
		if _, err := fmt.Fprintln(out, "\nCONFIG SET lasts until a restart; CONFIG REWRITE makes it last."); err != nil {
			return err
		}
	}
	return nil
}

// alike returns the findings of a weight, those that say the same together, in the order in which
// they were found. Errors stand alone.
func alike(found []ha.Finding, weight ha.Weight) (all [][]*ha.Finding) {
	type words struct{ is, should string }
	at := map[words]int{}
	for i := range found {
		f := &found[i]
		if f.Weight != weight {
			continue
		}
		w := words{f.Is, f.Should}
		if n, said := at[w]; said && weight != ha.Fatal {
			all[n] = append(all[n], f)
			continue
		}
		at[w] = len(all)
		all = append(all, []*ha.Finding{f})
	}
	return all
}

// placesOf words where findings that are alike were made: "pool a, group g, server s: ", or
// "3 servers: s1, s2, s3: ".
func placesOf(same []*ha.Finding) string {
	first := same[0]
	if len(same) == 1 {
		at := statusProblem{Pool: first.Pool, Group: first.Group, Server: first.Server}
		return at.where()
	}
	what, names := "group", make([]string, len(same))
	for i, f := range same {
		if names[i] = f.Group; f.Server != "" {
			what, names[i] = "server", f.Server
		}
	}
	return fmt.Sprintf("%s: %s: ", plural(len(same), what), strings.Join(names, ", "))
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
