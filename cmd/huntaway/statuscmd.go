package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newStatus() *cobra.Command {
	var at *adminFlags
	asJSON, quiet := false, false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what is wrong with a running proxy, its groups and servers",
		Long: `status prints what is wrong first, with what to do about it, and then a line for every
group and server. What waits for an operator, or for Sentinels, comes before all else. The exit status is 0 when all is well, 1 when something is wrong, 2
when nobody could be asked.` + adminHelp,
		Example: "  huntaway status -c /etc/huntaway/huntaway.toml\n  huntaway status --quiet || page-somebody\n  huntaway status --json | jq '.problems'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			port, err := at.port(cmd)
			if err == nil {
				err = port.showStatus(cmd.Context(), cmd.OutOrStdout(), shape{asJSON, quiet})
			}
			if failed := new(failure); quiet && errors.As(err, &failed) {
				return &failure{status: failed.status}
			}
			return err
		},
	}
	at = addAdmin(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the page as the proxy has it")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "print nothing; the exit status says it")
	cmd.MarkFlagsMutuallyExclusive("json", "quiet")
	return cmd
}

// A shape is how an answer is printed.
type shape struct{ json, quiet bool }

// showStatus asks and prints.
func (p *adminPort) showStatus(ctx context.Context, out io.Writer, as shape) error {
	var page statusPage
	if err := p.get(ctx, "status", &page); err != nil {
		return err
	}
	switch {
	case as.quiet:
	case as.json:
		if err := writeJSON(out, page); err != nil {
			return err
		}
	default:
		if err := page.write(out); err != nil {
			return err
		}
	}
	if !page.OK {
		return &failure{status: exitFailed}
	}
	return nil
}

// writeJSON prints an answer for programs.
func writeJSON(out io.Writer, answer any) error {
	to := json.NewEncoder(out)
	to.SetIndent("", "  ")
	return to.Encode(answer)
}

// write prints the page for people.
func (page *statusPage) write(out io.Writer) error {
	out = printable{out}
	for _, p := range page.Problems {
		fmt.Fprintf(out, "%s: %s%s\n", p.Severity, p.where(), p.What)
		if p.Advice != "" {
			fmt.Fprintf(out, "    %s\n", p.Advice)
		}
	}
	if page.OK {
		fmt.Fprintln(out, "all is well")
	}
	for i := range page.Pools {
		fmt.Fprintln(out)
		if err := page.Pools[i].write(out); err != nil {
			return err
		}
	}
	return nil
}

// where words what a problem concerns: "pool a, group b, server c: ".
func (p *statusProblem) where() string {
	var words []string
	for _, w := range [...]struct{ kind, name string }{{"pool", p.Pool}, {"group", p.Group}, {"server", p.Server}} {
		if w.name != "" {
			words = append(words, w.kind+" "+w.name)
		}
	}
	if words == nil {
		return ""
	}
	return strings.Join(words, ", ") + ": "
}

// write prints a pool: a line for it, and one for each group and each server.
func (p *statusPool) write(out io.Writer) error {
	fmt.Fprintf(out, "pool %s   failover %s%s\n", p.Name, p.Mode, p.crowd())
	var rows strings.Builder
	t := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  GROUP\tSERVER\tROLE\tSTATE\tFOR\tREADS\tLAG\tREMARKS")
	for i := range p.Groups {
		g := &p.Groups[i]
		fmt.Fprintf(t, "  %s\t\t\t%s\t%s\t\t\t%s\n", g.Name, orDash(g.State), briefly(g.Since), g.remarks())
		for j := range g.Servers {
			s := &g.Servers[j]
			fmt.Fprintf(t, "  \t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Addr, s.Role, s.State, briefly(s.Since), s.reads(), s.lag(), s.remarks())
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for row := range strings.Lines(rows.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(row, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// crowd words how many clients found no room, if any did not.
func (p *statusPool) crowd() string {
	if p.TurnedAway == 0 {
		return ""
	}
	return fmt.Sprintf("   clients turned away %d", p.TurnedAway)
}

func orDash(word string) string {
	if word == "" {
		return "-"
	}
	return word
}

// remarks is what else there is to say of a group.
func (g *statusGroup) remarks() string {
	var words []string
	if g.Epoch > 0 {
		words = append(words, fmt.Sprintf("epoch %d", g.Epoch))
	}
	if g.Held {
		words = append(words, "writes wait")
	}
	if g.Forbidden != "" {
		words = append(words, "failover forbidden")
	}
	if g.Latched != "" {
		words = append(words, "latched")
	}
	if g.Failovers > 0 {
		words = append(words, plural(g.Failovers, "failover")+" this hour")
	}
	return strings.Join(words, ", ")
}

// reads says whether a server serves reads besides the master.
func (s *statusServer) reads() string {
	if s.Reads {
		return "yes"
	}
	return "-"
}

// lag words how far a replica is behind.
func (s *statusServer) lag() string {
	switch {
	case s.Role == "master" || s.Lag == nil || s.LagBytes == nil:
		return "-"
	case *s.Lag == 0 && *s.LagBytes <= 0:
		return "0"
	}
	return fmt.Sprintf("%s, %d B", briefly(*s.Lag), *s.LagBytes)
}

// remarks is what is wrong with a server.
func (s *statusServer) remarks() string {
	var words []string
	if s.Ejected {
		words = append(words, "off the ring")
	}
	if s.Reason != "" {
		words = append(words, s.Reason)
	}
	if s.Unfit != "" {
		words = append(words, "cannot be promoted: "+s.Unfit)
	}
	return strings.Join(words, ", ")
}

func newEvents() *cobra.Command {
	var at *adminFlags
	asJSON := false
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Print what happened lately to a running proxy's groups and servers",
		Long:    "events prints the last hundred transitions of groups and of servers, the oldest first." + adminHelp,
		Example: "  huntaway events -c /etc/huntaway/huntaway.toml\n  huntaway events --json | jq '.events[-1]'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			port, err := at.port(cmd)
			if err != nil {
				return err
			}
			var page eventPage
			if err := port.get(cmd.Context(), "events", &page); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), page)
			}
			return page.write(cmd.OutOrStdout())
		},
	}
	at = addAdmin(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the page as the proxy has it")
	return cmd
}

// write prints the events for people, in local time.
func (page *eventPage) write(out io.Writer) error {
	out = printable{out}
	for i := range page.Events {
		if _, err := fmt.Fprintln(out, page.Events[i].text()); err != nil {
			return err
		}
	}
	if len(page.Events) == 0 {
		_, err := fmt.Fprintln(out, "nothing has happened yet")
		return err
	}
	return nil
}

// text words one event.
func (e *eventLine) text() string {
	line := e.Time.Local().Format(time.DateOnly + " 15:04:05.000")
	switch {
	case e.Group != "":
		line += fmt.Sprintf("  %s/%s", e.Pool, e.Group)
	case e.Pool != "":
		line += "  " + e.Pool
	}
	if e.Server != "" {
		line += "  " + e.Server
	}
	if e.From != "" {
		line += fmt.Sprintf("  %s -> %s", e.From, e.To)
	}
	line += "  " + e.What
	if e.Why != "" {
		line += " (" + e.Why + ")"
	}
	switch {
	case e.Lost > 0:
		line += fmt.Sprintf("; %d bytes of the old master's stream are lost", e.Lost)
	case e.Least > 0:
		line += fmt.Sprintf("; at least %d bytes of the old master's stream are lost, how many more is not known", e.Least)
	case e.Lost < 0:
		line += "; how many bytes of the old master's stream are lost is not known"
	}
	return line
}
