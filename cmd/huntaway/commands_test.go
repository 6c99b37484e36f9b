package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"huntaway/codec"
)

// table is what huntaway commands prints as tabs, by command.
func table(t *testing.T, args ...string) (header []string, lines map[string][]string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := execute(append([]string{"commands", "--format", "tsv"}, args...), &out, &errs); status != exitOK {
		t.Fatalf("got status %d: %s", status, errs.String())
	}
	lines = map[string][]string{}
	for line := range strings.Lines(out.String()) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if header == nil {
			header = columns
			continue
		}
		if len(columns) != len(header) {
			t.Errorf("%q: got %d columns; want %d", line, len(columns), len(header))
		}
		lines[columns[0]] = columns
	}
	return header, lines
}

// TestCommandsListsAll: every command of the table has its line, and every line says how.
func TestCommandsListsAll(t *testing.T) {
	_, lines := table(t)
	n := 0
	for _, cmd := range codec.Default().All() {
		if cmd.IsContainer() {
			continue
		}
		n++
		line := lines[strings.ReplaceAll(cmd.Name, "|", " ")]
		if line == nil || line[2] == "" || line[3] == "" {
			t.Errorf("%s: got %q; want how it is served by either kind of pool", cmd.Name, line)
		}
	}
	if len(lines) != n {
		t.Errorf("got %d lines; want %d", len(lines), n)
	}
}

// TestNotes: every note is about a command that there is, and what the proxy answers itself
// has one.
func TestNotes(t *testing.T) {
	known := map[string]bool{}
	for _, cmd := range codec.Default().All() {
		parent, _, isSub := strings.Cut(cmd.Name, "|")
		known[cmd.Name] = true
		_, own := notes[cmd.Name]
		_, shared := notes[parent+"|*"]
		if isSub {
			known[parent+"|*"] = true
		}
		if cmd.Policy == codec.Local && !cmd.IsContainer() && !own && !(isSub && shared) {
			t.Errorf("%s is answered by the proxy: want a note, empty if the answer is Redis'", cmd.Name)
		}
	}
	for name := range notes {
		if !known[name] {
			t.Errorf("note %q: there is no such command", name)
		}
	}
}

func TestCommandsOfPools(t *testing.T) {
	header, lines := table(t, "-c", "../../config/examples/jobs.toml")
	if want := []string{"command", "since", "pool jobs", "where it differs from Redis"}; !slices.Equal(header, want) {
		t.Errorf("got columns %q; want %q", header, want)
	}
	for command, want := range map[string]string{
		"get": "to the group", "config set": "to the master", "config get": "to the master", "flushall": "to the group",
		"monitor": "refused", "himport set": "refused", "debug": "to the master", "ping": "answered by the proxy", "mget": "to the group",
		"blpop": "to the group of its keys, over a connection of its own",
	} {
		if got := lines[command]; got == nil || got[2] != want {
			t.Errorf("%s: got %q; want %q", command, got, want)
		}
	}
	_, lines = table(t)
	for command, want := range map[string][2]string{
		"mget":          {"to the group", "split by group, the replies joined"},
		"scan":          {"to the group", "walks the groups one after the other"},
		"debug":         {"refused without admin_commands", "refused"},
		"flushall":      {"refused without admin_commands", "refused without admin_commands"},
		"script load":   {"to every server, the replies joined", "to every server, the replies joined"},
		"script debug":  {"refused", "refused"},
		"function list": {"to one server, which stands for all", "to one server, which stands for all"},
		"dbsize":        {"to the group", "to every group, the replies joined"},
	} {
		if got := lines[command]; got == nil || got[2] != want[0] || got[3] != want[1] {
			t.Errorf("%s: got %q; want %q", command, got, want)
		}
	}
}

func TestCommandsFormat(t *testing.T) {
	var out, errs bytes.Buffer
	if status := execute([]string{"commands"}, &out, &errs); status != exitOK {
		t.Fatal(errs.String())
	}
	mentions(t, "markdown", out.String(), "| command | since | one group | several groups | where it differs from Redis |",
		"|---|---|---|---|---|", "| get | 1.0.0 | to the group | to the group of its keys |  |")
	if status := execute([]string{"commands", "--format", "pdf"}, &out, &errs); status != exitUsage {
		t.Errorf("got status %d; want %d", status, exitUsage)
	}
}
