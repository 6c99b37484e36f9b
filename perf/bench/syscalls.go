package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A callCount is how often a proxy called the kernel during one run.
type callCount struct {
	Load     string         // its name
	Subject  string         // its name
	Requests int            // sent while strace watched
	Calls    map[string]int // by name of the system call
}

// waiting are calls of the Go runtime's scheduler. strace makes each system call long
// enough for the runtime to take its processor away, which costs more of these than a
// process that is not watched would make; so they are left out of the figure.
var waiting = []string{"futex", "nanosleep", "clock_nanosleep", "sched_yield", "tgkill", "rt_sigreturn", "getpid"}

// perRequest is the number of calls per request without those of the scheduler.
func (c callCount) perRequest() float64 {
	n := 0
	for name, calls := range c.Calls {
		if !slices.Contains(waiting, name) {
			n += calls
		}
	}
	return float64(n) / float64(c.Requests)
}

// syscallRequests is what a pass with strace sends; the figure settles early.
const syscallRequests = 20000

// syscalls counts, under strace, the system calls per request of GET and SET without a
// pipeline. It is a pass of its own because strace slows what it watches.
func (b *bench) syscalls(ctx context.Context) error {
	if _, err := exec.LookPath("strace"); err != nil {
		b.env.Missing = append(b.env.Missing, "system calls: strace is not installed (apt-get install strace)")
		return nil
	}
	for _, name := range []string{"get", "set"} {
		if !b.settings.loads.MatchString(name) {
			continue
		}
		for _, s := range b.proxies() {
			c, err := countCalls(ctx, s, named(name))
			if err != nil {
				return fmt.Errorf("counting system calls, %s, %s: %w", name, s.name, err)
			}
			b.calls = append(b.calls, c)
		}
	}
	if len(b.calls) > 0 {
		b.sections = append(b.sections, callSection(b.calls))
	}
	return nil
}

func countCalls(ctx context.Context, s subject, l load) (c callCount, err error) {
	st, err := newStand(ctx, s, 2)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := st.fill(l); err != nil {
		return c, err
	}
	if _, err := l.run(ctx, st.addr, syscallRequests/10); err != nil {
		return c, err
	}
	text, err := straced(ctx, st.proxy.PID(), func() error {
		_, err := l.run(ctx, st.addr, syscallRequests)
		return err
	})
	if err != nil {
		return c, err
	}
	c = callCount{Load: l.name, Subject: s.name, Requests: syscallRequests}
	c.Calls, err = parseStrace(text)
	return c, err
}

// straced returns strace's table of what the process called while run ran.
func straced(ctx context.Context, pid int, run func() error) (string, error) {
	file, err := os.CreateTemp("", "huntaway-strace-")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	cmd := exec.CommandContext(ctx, "strace", "-f", "-c", "-q", "-o", file.Name(), "-p", strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	failed := waitTraced(ctx, pid)
	if failed == nil {
		failed = run()
	}
	_ = cmd.Process.Signal(os.Interrupt) // makes strace detach and print
	_ = cmd.Wait()                       // ends by that signal, which is no failure
	text, err := os.ReadFile(file.Name())
	return string(text), errors.Join(failed, err)
}

// waitTraced polls until every thread of the process is traced.
func waitTraced(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !allTraced(pid) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("strace did not attach to process %d (is ptrace allowed here?): %w", pid, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func allTraced(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, t := range threads {
		text, _ := os.ReadFile(t)
		if by, err := parseStatus(string(text), "TracerPid"); err != nil || by == 0 {
			return false
		}
	}
	return len(threads) > 0
}

// parseStrace reads the table of strace -c: the calls stand in the fourth column, the name
// in the last, between two rules.
func parseStrace(text string) (map[string]int, error) {
	calls := map[string]int{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[0] == "%" || fields[0][0] == '-' || fields[len(fields)-1] == "total" {
			continue
		}
		n, err := strconv.Atoi(fields[3])
		if err != nil {
			return nil, fmt.Errorf("strace's table: %q: %w", strings.TrimSpace(line), err)
		}
		calls[fields[len(fields)-1]] = n
	}
	if len(calls) == 0 {
		return nil, fmt.Errorf("strace's table is empty:\n%s", text)
	}
	return calls, nil
}

func callSection(counts []callCount) section {
	s := section{
		title: "System calls",
		notes: []string{"By strace -c in a pass of its own. Without the calls of the Go scheduler (" +
			strings.Join(waiting, ", ") + "), which strace itself provokes; the last column has all."},
		head: []string{"load", "subject", "per request", "which, per request"},
	}
	for _, c := range counts {
		s.rows = append(s.rows, []string{named(c.Load).title, c.Subject, fmt.Sprintf("%.2f", c.perRequest()), c.detail()})
	}
	return s
}

// detail lists the calls that come to a hundredth per request or more, the most frequent first.
func (c callCount) detail() string {
	names := make([]string, 0, len(c.Calls))
	for name := range c.Calls {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return c.Calls[b] - c.Calls[a] })
	var parts []string
	for _, name := range names {
		if per := float64(c.Calls[name]) / float64(c.Requests); per >= 0.01 {
			parts = append(parts, fmt.Sprintf("%s %.2f", name, per))
		}
	}
	return strings.Join(parts, ", ")
}
