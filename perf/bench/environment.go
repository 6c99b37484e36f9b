package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// An environment is what the figures depend on.
type environment struct {
	Date     string   // of the start, UTC
	Command  string   // how to make this report again
	Revision string   // of this repository
	Go       string   // version that built this program
	Kernel   string   // and its release
	CPU      string   // model name
	Cores    int      // that Go may use
	Load     string   // the machine's load average before the first measurement
	Programs []string // what redis-server, nutcracker and huntaway say of their versions
	Missing  []string // subjects that could not be measured, and why
}

func lookAround(s settings) environment {
	e := environment{
		Date:     time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Command:  strings.Join(append([]string{"go run ./perf/bench"}, os.Args[1:]...), " "),
		Revision: firstLine("git", "describe", "--tags", "--always", "--dirty"),
		Go:       runtime.Version(),
		Kernel:   firstLine("uname", "-sr"),
		CPU:      cpuModel(),
		Cores:    runtime.NumCPU(),
		Load:     firstLine("cut", "-d ", "-f1-3", "/proc/loadavg"),
		Programs: []string{firstLine("redis-server", "--version"), firstLine("nutcracker", "--version"),
			firstLine(s.huntaway, "--version")},
	}
	for _, subject := range s.subjects {
		if subject.missing != "" {
			e.Missing = append(e.Missing, subject.missing)
		}
	}
	return e
}

// firstLine runs a program for the first line that it prints on either stream; what cannot
// be run is named with the reason.
func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if line == "" && err != nil {
		return fmt.Sprintf("%s: %v", name, err)
	}
	return line
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// text renders the environment as a Markdown list.
func (e environment) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- %s, revision %s, %s\n", e.Date, e.Revision, e.Go)
	fmt.Fprintf(&b, "- %s, %d x %s, load average before: %s\n", e.Kernel, e.Cores, e.CPU, e.Load)
	for _, p := range e.Programs {
		fmt.Fprintf(&b, "- %s\n", p)
	}
	for _, m := range e.Missing {
		fmt.Fprintf(&b, "- **not measured**: %s\n", m)
	}
	fmt.Fprintf(&b, "- again: `%s`\n", e.Command)
	return b.String()
}
