package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"huntaway/config"
	"huntaway/perf"
)

func newRun() *cobra.Command {
	var conf *string
	cmd := &cobra.Command{
		Use:   "run [FILE]",
		Short: "Serve what a configuration describes",
		Long: `run serves until it is told to stop.

Signals:
  TERM, INT    stop accepting, deliver the replies that are owed, exit 0; a second one
               stops at once
  HUP          reopen the log and read the configuration again
  TTIN, TTOU   log more, log less
  USR1         write the state of every server to the log
  QUIT         write all stacks and abort`,
		Example: "  huntaway run -c /etc/huntaway/huntaway.toml\n  HUNTAWAY_LOG_LEVEL=debug huntaway run -c nutcracker.yml",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := confFile(*conf, args...)
			if err != nil {
				return err
			}
			cfg, err := load(cmd, file, config.Load)
			if err != nil {
				return err
			}
			return serve(cmd, cfg, func() (*config.Config, error) { return read(file, config.Load) })
		},
	}
	conf = addConf(cmd)
	return cmd
}

// serve runs a proxy until a signal ends it. again reads the configuration for a reload.
func serve(cmd *cobra.Command, cfg *config.Config, again reader) error {
	signals := catch()
	defer signal.Stop(signals)
	log, err := openLog(cfg.Log, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer tuneGC(cfg.Runtime.MemoryLimit)()
	p, err := startProxy(cfg, log, again)
	if err != nil {
		return err
	}
	removePID, err := writePID(cfg.Runtime.PIDFile)
	if err == nil {
		defer removePID()
		err = letParentGo()
	}
	if err != nil {
		p.abort()
		return err
	}
	tuneThreads(p.engine.Workers())
	return p.attend(signals)
}

// headroom is how far the heap may grow between two collections. What makes garbage under
// load is the posted flush of an event loop, 16 bytes each (BenchmarkPost).
const headroom = 64 << 20

// tuneGC sets what the environment (GOGC, GOMEMLIMIT) does not, and returns what ends it.
func tuneGC(limit int64) (end func()) {
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	return perf.Headroom(headroom)
}

// tuneThreads gives Go no more threads than there are event loops where there are two CPUs or
// fewer, unless GOMAXPROCS says otherwise. Each time an event loop has nothing to do it yields
// (gnet does) before it waits, and Go wakes a thread that might have: a wake-up per turn that
// finds nothing, and takes a CPU from who is to answer (bench -loads '^get-c1$', one client: 0.90
// instead of 1.20 times nutcracker's CPU). What else the process does, probes and metrics, is
// short and runs between the events. With more CPUs it has a thread of its own, so that no
// request waits for it.
func tuneThreads(loops int) {
	if now := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && now <= 2 {
		runtime.GOMAXPROCS(min(now, loops))
	}
}

// catch asks for the signals that run explains.
func catch() chan os.Signal {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP,
		syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1)
	return signals
}

// writePID writes the process id into a file, if one is named, and returns what removes it. It
// comes when the proxy is ready: who waits for the file may send requests then.
func writePID(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	text := strconv.Itoa(os.Getpid()) + "\n"
	if err := overwrite(path, text); err != nil {
		return nil, fmt.Errorf("writing the process id (runtime.pid_file or -p): %w", err)
	}
	return func() {
		if there, err := os.ReadFile(path); err == nil && string(there) == text {
			os.Remove(path) // unless a successor has written its own
		}
	}, nil
}

// overwrite makes a regular file contain text. A link there is not followed, and what is none of
// our files is not touched: in a directory that others write to they would choose what is lost.
func overwrite(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if errors.Is(err, syscall.ELOOP) {
		return fmt.Errorf("%s is a symbolic link, and not followed: name the file itself", path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	there, err := f.Stat()
	if err != nil {
		return err
	}
	if s, ok := there.Sys().(*syscall.Stat_t); !there.Mode().IsRegular() || ok && s.Nlink > 1 {
		return fmt.Errorf("%s is there, and no plain file of one name: it stays as it is", path)
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// attend serves until a signal or a failure ends the proxy, and ends it.
func (p *proxy) attend(signals <-chan os.Signal) error {
	for {
		var tries, places <-chan time.Time
		if p.lookout != nil {
			tries = p.lookout.C
		}
		if p.places != nil {
			places = p.places.C
		}
		select {
		case <-tries:
			p.succeed()
		case <-places:
			p.reclaim()
		case err := <-p.failed:
			p.log.Error("stopping", "err", err)
			p.abort()
			return err
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				p.reload()
			case syscall.SIGTTIN:
				p.log.shift(-4)
			case syscall.SIGTTOU:
				p.log.shift(+4)
			case syscall.SIGUSR1:
				p.writeStatus()
			default:
				return p.stop(s, signals)
			}
		}
	}
}

// errHurried is how a stop ends that was not allowed to finish.
var errHurried = errors.New("stopped at once, before all replies were delivered")

// twice is how close together two signals are taken for one: a terminal and a parent process
// may both pass on the same Ctrl-C.
const twice = 200 * time.Millisecond

// stop drains the proxy; a second signal to stop ends the wait.
func (p *proxy) stop(why os.Signal, signals <-chan os.Signal) error {
	p.log.Info("draining", "signal", why.String(), "at_most", p.cfg.Runtime.DrainTimeout)
	begun := time.Now()
	drained := make(chan error, 1)
	go func() { drained <- p.drain() }()
	for {
		select {
		case err := <-drained:
			if err != nil {
				p.log.Warn("not all replies were delivered in time", "err", err)
			}
			p.log.Info("stopped", "after", time.Since(begun))
			return nil
		case s := <-signals:
			if (s == syscall.SIGTERM || s == syscall.SIGINT) && time.Since(begun) > twice {
				p.abort()
				<-drained
				return errHurried
			}
		}
	}
}
