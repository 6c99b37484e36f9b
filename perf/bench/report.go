package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A section is one table of the report with what a reader must know to read it.
type section struct {
	title string     //
	notes []string   // paragraphs in front of the table
	head  []string   // of the columns
	rows  [][]string // as many cells as head has
}

// method is what a reader of the figures must know.
const method = `Load generator, servers and proxy share the machine's cores: requests per second say as
much about redis-benchmark as about the proxy. The honest figures are the proxy's CPU time
per request (user and system time of /proc/PID/stat, all threads, before and after) and
the ratios. Ratios are taken within a round, between subjects measured directly after each
other, and are given as median (min-max) over the rounds. Every process is started anew
for every measurement, and the order of the subjects is turned from round to round. Both
proxies read the same nutcracker.yml (ketama over fnv1a_64, two servers). Keys are drawn at
random over all servers, every key exists, and the servers confirm each measurement: no
request was answered with an error or a miss. "direct" is one redis-server without a proxy,
because redis-benchmark does not place keys; so it has one server where the proxies have
two. "nutcracker" is nutcracker at its best, with -v 4 and no statistics asked for, and what
ratios are taken against; "nutcracker-v5" has its default verbosity, at which 0.5.0 calls
getpeername for every request. Huntaway logs at the level that users have, info.
`

// save prints the report and writes report.md and raw.json.
func (b *bench) save() error {
	text := b.markdown()
	fmt.Fprint(b.report, text)
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(map[string]any{
		"environment": b.env, "samples": b.samples, "flat": b.extra, "syscalls": b.calls,
	}, "", " ")
	return errors.Join(err,
		os.WriteFile(filepath.Join(b.out, "raw.json"), raw, 0o644),
		os.WriteFile(filepath.Join(b.out, "report.md"), []byte(text), 0o644))
}

func (b *bench) markdown() string {
	var t strings.Builder
	fmt.Fprintf(&t, "# Huntaway measured\n\n%s\n%s\n", b.env.text(), method)
	if b.ended != nil {
		fmt.Fprintf(&t, "**Incomplete**: %v\n\n", b.ended)
	}
	all := b.sections
	if len(b.samples) > 0 {
		b.judgeMatrix()
		b.judgeBefore()
		all = append([]section{b.matrixSection()}, all...)
		if s, any := b.beforeSection(); any {
			all = append(all, s)
		}
	}
	if len(b.goals) > 0 {
		all = append(all, goalSection(b.goals))
	}
	for _, s := range all {
		t.WriteString(s.markdown())
	}
	return t.String()
}

func (s section) markdown() string {
	var t strings.Builder
	fmt.Fprintf(&t, "## %s\n\n", s.title)
	for _, n := range s.notes {
		fmt.Fprintf(&t, "%s\n\n", n)
	}
	row := func(cells []string) { fmt.Fprintf(&t, "| %s |\n", strings.Join(cells, " | ")) }
	row(s.head)
	rule := make([]string, len(s.head))
	for i := range rule {
		rule[i] = "---"
	}
	row(rule)
	for _, r := range s.rows {
		row(r)
	}
	t.WriteString("\n")
	return t.String()
}

// matrixSection is the one table: a row for each load and subject.
func (b *bench) matrixSection() section {
	s := section{
		title: fmt.Sprintf("Loads, %d rounds", b.rounds),
		head: []string{"load", "subject", "requests/s", "x direct", "x nutcracker", "p50 ms", "p99 ms",
			"CPU us/request", "CPU x nutcracker", "RSS MiB", "system calls/request"},
	}
	for _, l := range loads {
		for _, subject := range b.present() {
			if f := (filter{load: l.name, subject: subject.name}); figures(b.samples, f, rateOf) != (spread{}) {
				s.rows = append(s.rows, b.matrixRow(l, f))
			}
		}
	}
	return s
}

func (b *bench) matrixRow(l load, f filter) []string {
	toDirect, toPeer := f, f
	toDirect.subject, toPeer.subject = "direct", "nutcracker"
	median := func(format string, m measure) string {
		if got := figures(b.samples, f, m).median; got > 0 {
			return fmt.Sprintf(format, got)
		}
		return "-"
	}
	return []string{l.title, f.subject,
		median("%.0f", rateOf),
		ratios(b.samples, f, toDirect, rateOf).ratio(),
		ratios(b.samples, f, toPeer, rateOf).ratio(),
		median("%.3f", p50Of), median("%.3f", p99Of),
		median("%.2f", cpuOf),
		ratios(b.samples, f, toPeer, cpuOf).ratio(),
		median("%.1f", rssOf),
		b.callsPerRequest(f)}
}

// callsPerRequest reads the pass with strace, which covers some of the loads only.
func (b *bench) callsPerRequest(f filter) string {
	for _, c := range b.calls {
		if c.Load == f.load && c.Subject == f.subject {
			return fmt.Sprintf("%.2f", c.perRequest())
		}
	}
	return "-"
}
