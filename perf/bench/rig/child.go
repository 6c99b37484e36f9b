package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	upWithin  = 15 * time.Second      // a process must answer PING by then
	upEvery   = 10 * time.Millisecond // how often it is asked
	endWithin = 3 * time.Second       // from SIGTERM to SIGKILL
)

// errEnded: the process ended before it answered.
var errEnded = errors.New("the process ended before it answered PING")

// A Launch says how to start a process and how to know that it is up.
type Launch struct {
	Path  string   // the program, looked up in PATH when it has no slash
	Args  []string // without the program's name
	Env   []string // added to this process's environment
	Addr  string   // "host:port" that answers PING once the process is up
	Admin string   // "host:port" of its admin pages, "" for none

	// Namespace is the network namespace it runs in, by its name in /run/netns; "" for
	// this program's own. Another one takes root.
	Namespace string
}

// command is what to execute: in another namespace the program ip changes into it, and then
// becomes the program itself, under the same process id.
func (l *Launch) command() *exec.Cmd {
	if l.Namespace == "" {
		return exec.Command(l.Path, l.Args...)
	}
	return exec.Command("ip", append([]string{"netns", "exec", l.Namespace, l.Path}, l.Args...)...)
}

// A Child is one process. Owner: whoever started it; one goroutine at a time.
type Child struct {
	Addr  string // where it answers Redis commands
	Admin string // where it answers HTTP, "" for none

	launch Launch
	log    string        // path of the file that takes its output
	cmd    *exec.Cmd     // nil until started
	ended  chan struct{} // closed when the process has ended and was waited for
	last   *os.File      // reads its end when nobody is left who inherited its other side, which is never written to
}

// PID returns the process id of the last start.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Alive tells whether the process runs; one that is stopped by a signal does.
func (c *Child) Alive() bool {
	if c.ended == nil {
		return false
	}
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// Stop asks the process to end, and ends it by force when it takes too long.
func (c *Child) Stop() {
	if !c.Alive() {
		return
	}
	c.signal(syscall.SIGCONT) // a stopped process would not hear SIGTERM
	c.signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(endWithin):
		c.Kill()
	}
}

// Kill ends the process and what it has forked at once, without a last word, and waits until they are gone: a server's
// child would go on saving into a directory that the next start reads.
func (c *Child) Kill() {
	if !c.Alive() {
		return
	}
	_ = syscall.Kill(-c.PID(), syscall.SIGKILL)
	<-c.ended
	_ = c.last.SetReadDeadline(time.Now().Add(endWithin))
	_, _ = c.last.Read(make([]byte, 1))
}

// Pause stops the process where it stands; its sockets stay open and silent.
func (c *Child) Pause() { c.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (c *Child) Resume() { c.signal(syscall.SIGCONT) }

// Restart starts a process that has ended again, on the same address.
func (c *Child) Restart(ctx context.Context) error {
	if c.Alive() {
		return fmt.Errorf("process %d still runs", c.PID())
	}
	return c.start(ctx)
}

// signal ignores errors: a process that is gone needs no signal.
func (c *Child) signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) }

func (c *Child) start(ctx context.Context) error {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening a log: %w", err)
	}
	defer log.Close()
	last, held, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer held.Close()
	if c.last != nil {
		c.last.Close()
	}
	c.last = last
	c.cmd = c.launch.command()
	c.cmd.ExtraFiles = []*os.File{held}
	c.cmd.Dir = filepath.Dir(c.log)
	c.cmd.Env = append(os.Environ(), c.launch.Env...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	// A group of its own: Ctrl-C must reach this program alone, which then ends the
	// others in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", c.launch.Path, err)
	}
	ended := make(chan struct{})
	c.ended = ended
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}(c.cmd)
	return c.waitUp(ctx)
}

// waitUp polls until the process answers PING.
func (c *Child) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	tick := time.NewTicker(upEvery)
	defer tick.Stop()
	for {
		why := Ping(c.Addr)
		if why == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("%s on %s: %w; its log ends with:\n%s", c.launch.Path, c.Addr, errEnded, c.logTail())
		case <-ctx.Done():
			c.Kill()
			return fmt.Errorf("%s on %s does not answer PING: %w (%w); its log ends with:\n%s",
				c.launch.Path, c.Addr, why, ctx.Err(), c.logTail())
		case <-tick.C:
		}
	}
}

// logTail returns the last kilobyte of what the process wrote.
func (c *Child) logTail() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1024):])
}
