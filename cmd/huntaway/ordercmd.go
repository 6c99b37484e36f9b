package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// An orderCommand is a command that gives an order: its page, and the order as the options
// have it.
type orderCommand struct {
	page    string
	order   order
	timeout time.Duration
	at      *adminFlags
	done    func(*order) string // what is said when it was done
}

// declare adds the options that all orders have.
func (c *orderCommand) declare(cmd *cobra.Command) *cobra.Command {
	c.at = addAdmin(cmd)
	f := cmd.Flags()
	f.StringVar(&c.order.Pool, "pool", "", "the pool, when several have a group of that name")
	f.StringVar(&c.order.Group, "group", "", "the group")
	f.DurationVar(&c.timeout, "timeout", orderTime, "how long to wait for the end; the order itself goes on")
	must(cmd.MarkFlagRequired("group"))
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.run(cmd) }
	return cmd
}

// must stops on what only an edit of this program can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run gives the order and says how it ended.
func (c *orderCommand) run(cmd *cobra.Command) error {
	if c.timeout <= 0 || c.timeout > orderTimeMost {
		return usage(fmt.Errorf("--timeout %v: want more than 0 and at most %v", c.timeout, orderTimeMost))
	}
	c.order.Timeout = c.timeout.Seconds()
	port, err := c.at.port(cmd)
	if err != nil {
		return err
	}
	answer, status, err := port.send(cmd.Context(), c.page, c.order)
	if err != nil {
		return err
	}
	for i, step := range answer.Plan {
		fmt.Fprintf(cmd.OutOrStdout(), "%2d. %s\n", i+1, step)
	}
	if answer.OK && status == http.StatusOK {
		fmt.Fprintln(cmd.OutOrStdout(), c.done(&c.order))
		return nil
	}
	return c.refused(status, answer.Error)
}

// refused words why an order was not carried out, and what to do next.
func (c *orderCommand) refused(status int, why string) error {
	if why == "" {
		why = http.StatusText(status)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		why += "; for this command: -c FILE with the file's admin.token, or HUNTAWAY_ADMIN_TOKEN"
	case http.StatusGatewayTimeout:
		why = "not over within the time-out, and it goes on; huntaway status and huntaway events say how it ends"
	case http.StatusConflict:
		why += "; huntaway status says how the group is"
	}
	return errors.New(c.page + ": " + why)
}

func newSwitchover() *cobra.Command {
	c := &orderCommand{page: "switchover", done: func(o *order) string {
		if o.DryRun {
			return "nothing was done; leave out --dry-run to do it"
		}
		return fmt.Sprintf("done: %s is the master of group %s", o.To, o.Group)
	}}
	cmd := &cobra.Command{
		Use:   "switchover --group NAME --to ADDRESS --expect-master ADDRESS",
		Short: "Make another server of a group its master, without a failed request",
		Long: `switchover holds the group's writes for a moment, lets the master hand over to a replica
that is in step, and sends the writes there. No request fails. It is refused when the
group is not well, when somebody else than --expect-master is its master, when the
replica is too far behind, or when a right is missing for it at either of the two. Until the
replica has taken over the old master stays the one that counts: if the handover comes to
nothing in time, the writes that waited go there. Once it has, the replica must take a write;
if it dies or refuses that, a failover follows from what the group then has, as after any
death of a master, and the answer says so. Clients that wait in blocking commands are sent
on to the new master.` + adminHelp,
		Example: `  huntaway switchover --group users-1 --to 10.0.2.71:6379 --expect-master 10.0.2.70:6379 --dry-run
  huntaway switchover --group users-1 --to 10.0.2.71:6379 --expect-master 10.0.2.70:6379`,
	}
	c.declare(cmd)
	f := cmd.Flags()
	f.StringVar(&c.order.To, "to", "", "the server that shall be master: its address, or its name")
	f.StringVar(&c.order.Expect, "expect-master", "", "who is master now; if it is another one nothing is done")
	f.BoolVar(&c.order.DryRun, "dry-run", false, "only check, and print the steps")
	f.BoolVar(&c.order.Fast, "fast", false, "by offsets under CLIENT PAUSE instead of FAILOVER: quicker, and for Redis before 6.2; should this proxy die in the middle there may be two masters until the pause ends")
	must(cmd.MarkFlagRequired("to"))
	must(cmd.MarkFlagRequired("expect-master"))
	return cmd
}

func newResolve() *cobra.Command {
	c := &orderCommand{page: "resolve", done: func(o *order) string {
		return fmt.Sprintf("done: %s is the master of group %s; huntaway status says what the others do", o.Master, o.Group)
	}}
	cmd := &cobra.Command{
		Use:   "resolve --group NAME --master ADDRESS",
		Short: "Say who is master of a group that cannot tell",
		Long: `resolve decides for a group that is ambiguous (several masters, no proof), stuck (no
candidate) or latched. It goes by what you say, not by evidence: what the other servers
hold and this one lacks is lost. Compare them first, with INFO replication and DBSIZE.` + adminHelp,
		Example: "  huntaway resolve --group users-1 --master 10.0.2.71:6379",
	}
	c.declare(cmd)
	cmd.Flags().StringVar(&c.order.Master, "master", "", "the server that is master: its address, or its name")
	must(cmd.MarkFlagRequired("master"))
	return cmd
}

func newLatch() *cobra.Command {
	c := &orderCommand{page: "latch", done: func(o *order) string {
		return fmt.Sprintf("done: group %s is left as it is until huntaway release --group %s", o.Group, o.Group)
	}}
	return c.declare(&cobra.Command{
		Use:   "latch --group NAME",
		Short: "Switch automatic failover of a group off, for maintenance",
		Long: `latch keeps the proxy from promoting anybody in a group until huntaway release. Writes
still wait while the master is away, as long as hold_timeout says.

With failover = "sentinel" or "observe" it is refused, because the proxy promotes nobody there.
Sentinels have no such switch; a long down-after-milliseconds (SENTINEL SET) comes closest.` + adminHelp,
		Example: "  huntaway latch --group users-1",
	})
}

func newRelease() *cobra.Command {
	c := &orderCommand{page: "release", done: func(o *order) string {
		return fmt.Sprintf("done: automatic failover of group %s is on", o.Group)
	}}
	return c.declare(&cobra.Command{
		Use:   "release --group NAME",
		Short: "Switch automatic failover of a group on again",
		Long: `release ends what huntaway latch began, or what the proxy began itself after more
failovers in an hour than failovers_per_hour allows.` + adminHelp,
		Example: "  huntaway release --group users-1",
	})
}
