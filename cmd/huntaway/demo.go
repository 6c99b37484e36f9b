package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"huntaway/config"
)

// A demo is servers, a configuration and a proxy that need no preparation and leave nothing
// behind.
type demo struct {
	listen string    // of the proxy
	dir    string    // of the configuration and the servers' logs
	admin  string    // of the admin pages; "" until one is chosen
	out    io.Writer // where it says what to type
}

func newDemo() *cobra.Command {
	d := &demo{}
	keep := ""
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start a proxy over a few Redis servers of its own, to try things on",
		Long: `demo needs no configuration. With redis-server on PATH it starts two groups, each of
a master, a secondary and a replica that replicate, and stands in for a master that is
killed; without, two small masters in this process. It says what to type next, and ends all
it started on Ctrl-C.`,
		Example: "  huntaway demo\n  huntaway demo --listen 127.0.0.1:7000 --keep-config ./demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd, keep)
		},
	}
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:22121", "where clients connect")
	cmd.Flags().StringVar(&d.admin, "admin", "", "where metrics and orders are served (default: "+adminDefault+", another port while that is taken)")
	cmd.Flags().StringVar(&keep, "keep-config", "", "write the configuration and the servers' logs into this directory and keep them")
	return cmd
}

// run does everything from the first server to the last trace of it.
func (d *demo) run(cmd *cobra.Command, keep string) (err error) {
	// A child asks the kernel to be killed with the thread that started it, so this
	// goroutine keeps its thread until the process ends.
	runtime.LockOSThread()
	signals := catch()
	defer signal.Stop(signals)
	if err := d.probe(); err != nil {
		return err
	}
	remove, err := d.place(keep)
	if err != nil {
		return err
	}
	defer remove()
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	cast, err := d.cast(ctx, signals)
	if cast != nil {
		defer cast.stop()
	}
	if err != nil {
		return err
	}
	cfg, err := d.write(cast)
	if err != nil {
		return err
	}
	log, err := openLog(cfg.Log, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	p, err := startProxy(cfg, log, func() (*config.Config, error) { return config.Load(cfg.Path) })
	if err != nil {
		return err
	}
	d.explain(cast, cfg)
	return p.attend(signals)
}

// probe makes sure that the addresses are free before anything is started, and chooses that of
// the admin pages.
func (d *demo) probe() (err error) {
	if err = tryListening(d.listen); err != nil {
		return fmt.Errorf("%w; choose one with --listen, such as --listen 127.0.0.1:7000", err)
	}
	if d.admin != "" {
		if err = tryListening(d.admin); err != nil {
			return fmt.Errorf("%w; choose another with --admin", err)
		}
		return nil
	}
	if d.admin = adminDefault; tryListening(d.admin) != nil {
		d.admin, err = freeAddress()
	}
	return err
}

// tryListening tells whether an address can be listened on.
func tryListening(addr string) error {
	ln, err := tcpDoor(addr).open()
	if err != nil {
		return err
	}
	return ln.Close()
}

// place makes the directory and returns what removes it, which is nothing for one to keep.
func (d *demo) place(keep string) (remove func(), err error) {
	if keep != "" {
		d.dir, err = filepath.Abs(keep)
		if err == nil {
			err = os.MkdirAll(d.dir, 0o755)
		}
		return func() {}, err
	}
	d.dir, err = os.MkdirTemp("", "huntaway-demo-")
	return func() { os.RemoveAll(d.dir) }, err
}

// A cast is the servers of a demo.
type cast struct {
	kind   string         // what they are, for the reader
	groups [][]string     // addresses: the master, then the secondary and the replica if there are any
	pids   map[string]int // by address; nil when they are no processes of their own
	stop   func()         // ends them all
}

// errInterrupted is how a demo ends that was interrupted while it started.
var errInterrupted = errors.New("interrupted")

// cast starts the servers. A signal meanwhile ends the wait for them.
func (d *demo) cast(ctx context.Context, signals <-chan os.Signal) (*cast, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return castInProcess()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if s == syscall.SIGTERM || s == syscall.SIGINT {
					cancel(errInterrupted)
					return
				}
			}
		}
	}()
	c, err := castProcesses(ctx, program, d.dir)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return c, err
}

// write writes the configuration and loads it, as run would.
func (d *demo) write(c *cast) (*config.Config, error) {
	text := fmt.Sprintf("# Written by huntaway demo.\n[log]\nlevel = \"warn\"\n\n[admin]\nhttp = %q\n\n[runtime]\nstate_dir = %q\n\n"+
		"[pools.demo]\nlisten = [%q]\nread_policy = \"prefer-replica\"\nread_your_writes = true\n", d.admin, filepath.Join(d.dir, "state"), d.listen)
	if c.pids != nil {
		text += "failover = \"local\"\n"
	}
	for i, members := range c.groups {
		text += fmt.Sprintf("\n[[pools.demo.groups]]\nname = \"group%d\"\n", i+1)
		for j, addr := range members {
			text += fmt.Sprintf("%s = %q\n", demoRoles[j].key, addr)
		}
	}
	file := filepath.Join(d.dir, "huntaway.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return config.Load(file)
}

// demoRoles are the roles of a group's members in the order of cast.groups: the key of a
// configuration, and the word for it.
var demoRoles = [...]struct{ key, word string }{
	{"master", "master"}, {"secondary", "secondary"}, {"replicas", "replica"},
}

// freeAddress returns a loopback address that nobody listens on at the moment.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// calledAs is what to type to call this program: its name, where the shell finds it by that, else
// the path by which it was called.
func calledAs() string {
	self, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	name := filepath.Base(os.Args[0])
	if found, err := exec.LookPath(name); err == nil {
		a, errA := os.Stat(found)
		b, errB := os.Stat(self)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return name
		}
	}
	if strings.ContainsRune(os.Args[0], filepath.Separator) {
		return os.Args[0]
	}
	return self
}

// explain says what there is and what to type.
func (d *demo) explain(c *cast, cfg *config.Config) {
	host, port, err := net.SplitHostPort(d.listen)
	if err != nil || host == "" {
		host = "127.0.0.1"
	}
	cli, self := fmt.Sprintf("redis-cli -h %s -p %s", host, port), calledAs()
	fmt.Fprintf(d.out, "Huntaway serves %s, in front of %s:\n\n", d.listen, c.kind)
	for i, members := range c.groups {
		for j, addr := range members {
			fmt.Fprintf(d.out, "  group%d  %-9s  %s\n", i+1, demoRoles[j].word, addr)
		}
	}
	fmt.Fprintf(d.out, `
Try:
  %[1]s set user:42 hello
  %[1]s get user:42
  %[1]s mget user:1 user:2 user:3
  %[4]s route -c %[2]s get user:42
  curl -s http://%[3]s/metrics | grep huntaway_reads_total     # reads by master and replica
  curl -s http://%[3]s/readyz?verbose
`, cli, cfg.Path, d.admin, self)
	if c.pids != nil {
		first := c.groups[0]
		fmt.Fprintf(d.out, `
Kill a master and watch; writes wait for about a second and a half, and go on:
  kill -9 %[1]d                            # the master of group1, %[2]s
  %[6]s status -c %[4]s
  %[6]s events -c %[4]s
Or change masters without a failed request:
  %[6]s switchover -c %[4]s --group group2 --to %[5]s --expect-master %[3]s
`, c.pids[first[0]], first[0], c.groups[1][0], cfg.Path, c.groups[1][1], self)
	}
	fmt.Fprintf(d.out, "\nMetrics: http://%s/metrics   Configuration: %s\nCtrl-C ends all of it.\n", d.admin, cfg.Path)
}
