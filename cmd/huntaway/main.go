package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute runs one command line and returns the exit status.
func execute(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	begun := false
	whenRun(root, func() { begun = true })
	err := root.ExecuteContext(context.Background())
	if err != nil && !begun {
		err = usage(err) // cobra refused the line before any command began
	}
	return report(stderr, err)
}

// whenRun has note called when one of the commands begins: cobra has then found nothing to say
// against the line. Its own hooks come before it has looked for required options.
func whenRun(cmd *cobra.Command, note func()) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			note()
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		whenRun(sub, note)
	}
}

// newRoot is the table of contents: every command, in the order of the help text.
func newRoot() *cobra.Command {
	root := newBare()
	root.AddCommand(
		newRun(),
		newDemo(),
		newCheck(),
		newStatus(),
		newEvents(),
		newSwitchover(),
		newResolve(),
		newLatch(),
		newRelease(),
		newImport(),
		newConfig(),
		newRoute(),
		newCommands(),
		newMetrics(),
		newVersion(),
		newMan(),
	)
	root.InitDefaultCompletionCmd()
	return root
}

// The exit statuses.
const (
	exitOK      = 0
	exitFailed  = 1 // something went wrong while running
	exitUsage   = 2 // the command line is wrong
	exitInvalid = 3 // the configuration is wrong
)

// A failure is an error with the exit status it leads to.
type failure struct {
	status int
	err    error // nil when everything has been said already
}

// Error returns the text of the error, if there is one left to say.
func (f *failure) Error() string {
	if f.err == nil {
		return "failed"
	}
	return f.err.Error()
}

// Unwrap returns the error itself.
func (f *failure) Unwrap() error { return f.err }

// A misuse is a failure that the command line is to blame for: help on it follows.
type misuse struct{ failure }

// Unwrap returns the failure.
func (m *misuse) Unwrap() error { return &m.failure }

// usage makes err a fault of the command line.
func usage(err error) error { return &misuse{failure{exitUsage, err}} }

// report says what went wrong, where to read on, and returns the exit status.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	f := &failure{status: exitFailed, err: err}
	errors.As(err, &f)
	if f.err != nil {
		fmt.Fprintf(printable{stderr}, "huntaway: %v\n", f.err)
	}
	if m := (*misuse)(nil); errors.As(err, &m) {
		fmt.Fprintln(stderr, "Run 'huntaway --help' for the commands, 'huntaway COMMAND --help' for one of them.")
	}
	return f.status
}
