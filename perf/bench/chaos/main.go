package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	set, todo, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	good := false
	if todo.times > 0 {
		good = measure(ctx, set, todo.times)
	} else {
		good = campaign(ctx, set, todo.jobs)
	}
	if !good {
		os.Exit(1)
	}
}

// A work is what is to be done: measurements, or runs.
type work struct {
	times float64 // measure, with so many times the ordinary counts; 0: make the runs
	jobs  []job
}

// A job is one run that is to be made.
type job struct {
	fault *fault
	seed  uint64
}

// parse reads the command line.
func parse(args []string) (set settings, todo work, err error) {
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.StringVar(&set.program, "huntaway", "bin/huntaway", "the program under test")
	f.StringVar(&set.failpoints, "failpoints", ".bench/huntaway-failpoints", "the same, built with -tags failpoints")
	f.IntVar(&set.clients, "clients", 12, "connections with pipelines")
	f.IntVar(&set.rate, "rate", 2000, "operations in a second")
	f.StringVar(&set.keep, "keep", ".bench/broken", "folder for logs and histories of what failed")
	f.BoolVar(&set.verbose, "v", false, "print what happens as it does")
	names := f.String("faults", "all", "which cases, such as F1,F32")
	seeds := f.Int("seeds", 5, "runs of each case")
	measured := f.Bool("measure", false, "measure instead, as make failover does")
	times := f.Float64("times", 1, "with -measure: this many times the ordinary counts")
	first := f.Uint64("seed", 1, "the first seed; the others follow")
	if err := f.Parse(args); err != nil {
		return set, todo, err
	}
	if *measured {
		todo.times = *times
		return set, todo, nil
	}
	chosen, err := faultsNamed(*names)
	for _, c := range chosen {
		for n := range *seeds {
			todo.jobs = append(todo.jobs, job{c, *first + uint64(n)})
		}
	}
	return set, todo, err
}

// faultsNamed finds cases by their names.
func faultsNamed(list string) (some []*fault, err error) {
	if list == "all" {
		return faults, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, f := range faults {
			if f.name == name {
				some, found = append(some, f), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-faults: %q is unknown; want one of %s", name, strings.Join(faultNames(), ", "))
		}
	}
	return some, nil
}

func faultNames() (all []string) {
	for _, f := range faults {
		all = append(all, f.name)
	}
	return all
}
