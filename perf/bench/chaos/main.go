package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
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
		good = measure(ctx, set, todo)
	} else {
		good = campaign(ctx, set, todo.jobs)
	}
	if !good {
		os.Exit(1)
	}
}

// A work is what is to be done: measurements, or runs.
type work struct {
	times float64       // measure, with so many times the ordinary counts; 0: make the runs
	rows  []measurement // what to measure
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
	names := f.String("faults", "all", "which cases, such as F1,F32; with -measure which of "+strings.Join(measurementNames(), ", "))
	seeds := f.Int("seeds", 5, "runs of each case")
	measured := f.Bool("measure", false, "measure instead, as make failover does")
	times := f.Float64("times", 1, "with -measure: this many times the ordinary counts")
	first := f.Uint64("seed", 1, "the first seed; the others follow")
	if err := f.Parse(args); err != nil {
		return set, todo, err
	}
	if *measured {
		if *times <= 0 {
			return set, todo, fmt.Errorf("-times: %v is not above 0", *times)
		}
		todo.times = *times
		todo.rows, err = measurementsNamed(*names)
		return set, todo, err
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
func faultsNamed(list string) ([]*fault, error) {
	return named(list, faults, func(f *fault) string { return f.name })
}

// measurementsNamed finds measurements by the names of their cases.
func measurementsNamed(list string) ([]measurement, error) {
	return named(list, measurements, func(m measurement) string { return m.fault.name })
}

// named finds those of a list with commas, in its order; "all" are all.
func named[T any](list string, all []T, nameOf func(T) string) (some []T, err error) {
	if list == "all" {
		return all, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		at := slices.IndexFunc(all, func(each T) bool { return nameOf(each) == name })
		if at < 0 {
			return nil, fmt.Errorf("-faults: %q is unknown; want one of %s", name, strings.Join(namesOf(all, nameOf), ", "))
		}
		some = append(some, all[at])
	}
	return some, nil
}

func namesOf[T any](all []T, nameOf func(T) string) (names []string) {
	for _, each := range all {
		names = append(names, nameOf(each))
	}
	return names
}

func measurementNames() []string {
	return namesOf(measurements, func(m measurement) string { return m.fault.name })
}
