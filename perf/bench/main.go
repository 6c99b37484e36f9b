package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Settings are what the command line says.
type settings struct {
	mode     string         // which measurements; see modes
	rounds   int            // how often each load meets each subject
	loads    *regexp.Regexp // names of the loads of the matrix
	subjects []subject      // in the order of the first round
	requests int            // per measurement; 0: as many as fill length
	length   time.Duration  // of one measurement
	hold     time.Duration  // of the load in mode pauses
	idle     int            // connections in mode idle
	budget   time.Duration  // of the whole run; what is measured by then is reported
	huntaway string         // path of the program
	before   string         // path of an earlier one to compare with, or ""
	out      string         // directory of report.md and raw.json
	report   io.Writer      // takes the report as well
	progress io.Writer      // takes a line for each measurement
}

// A mode is one kind of measurement.
type mode struct {
	name string
	run  func(*bench, context.Context) error
}

// modes in the order in which "all" runs them.
var modes = []mode{
	{"matrix", (*bench).matrix},
	{"syscalls", (*bench).syscalls},
	{"groups", (*bench).groups},
	{"clients", (*bench).clients},
	{"idle", (*bench).idleHeap},
	{"burst", (*bench).burst},
	{"pauses", (*bench).pauses},
}

func main() {
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, and reports what was measured even when it could not finish.
func run(ctx context.Context, s settings) error {
	if err := raiseFiles(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.budget, fmt.Errorf("the budget of %v is spent", s.budget))
	defer cancel()
	b := newBench(s)
	var failed error
	for _, m := range modes {
		if s.runs(m.name) && failed == nil {
			failed = m.run(b, ctx)
		}
	}
	if ctx.Err() != nil {
		failed = fmt.Errorf("ended early: %w", context.Cause(ctx))
	}
	b.ended = failed
	return errors.Join(failed, b.save())
}

// runs tells whether the mode was asked for.
func (s settings) runs(mode string) bool {
	return s.mode == mode || s.mode == "all" || s.mode == "matrix" && mode == "syscalls"
}

func parse(args []string) (settings, error) {
	s := settings{report: os.Stdout, progress: os.Stderr}
	var loads, subjects string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&s.mode, "mode", "all", "all, "+modeNames())
	f.IntVar(&s.rounds, "rounds", 6, "rounds of the matrix; the other modes take at most 3")
	f.StringVar(&loads, "loads", "", "regular expression on the names of the loads of the matrix; empty: every load")
	f.StringVar(&subjects, "subjects", "direct,nutcracker,nutcracker-v5,huntaway1,huntaway2", "what is measured")
	f.IntVar(&s.requests, "requests", 0, "requests per measurement; 0: as many as fill -length")
	f.DurationVar(&s.length, "length", 2*time.Second, "length of one measurement")
	f.DurationVar(&s.hold, "hold", time.Minute, "length of the full load in mode pauses, and longest wait in mode burst")
	f.IntVar(&s.idle, "idle", 10000, "connections in mode idle")
	f.DurationVar(&s.budget, "budget", 25*time.Minute, "longest time for everything; what is measured by then is reported")
	f.StringVar(&s.huntaway, "huntaway", "bin/huntaway", "the program under test")
	f.StringVar(&s.before, "before", "", "an earlier build of it, measured in turn with it as subject before1")
	f.StringVar(&s.out, "out", ".bench", "directory for report.md and raw.json")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	return s, s.complete(loads, subjects)
}

// complete checks what the flag package cannot.
func (s *settings) complete(loads, subjects string) (err error) {
	if s.loads, err = regexp.Compile(loads); err != nil {
		return fmt.Errorf("-loads: %w", err)
	}
	if s.rounds < 1 || s.length <= 0 || s.requests < 0 || s.idle < 1 {
		return errors.New("-rounds, -length and -idle must be positive and -requests not negative")
	}
	if s.mode != "all" && !strings.Contains(" "+modeNames()+",", " "+s.mode+",") {
		return fmt.Errorf("-mode %q is unknown; want all, %s", s.mode, modeNames())
	}
	s.subjects, err = subjectsNamed(subjects, s.huntaway, s.before)
	return err
}

func modeNames() string {
	var names []string
	for _, m := range modes {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}

// raiseFiles lifts the soft limit on open files to the hard one, for this process and
// those it starts: 10 000 connections need as many descriptors, twice in a proxy.
func raiseFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("reading the limit on open files: %w", err)
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("raising the limit on open files to %d: %w", l.Max, err)
	}
	return nil
}
