package config

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// targets pairs each section with its struct.
func targets(c *Config, p *Pool, g *Group) map[*section]any {
	return map[*section]any{&logSection: &c.Log, &adminSection: &c.Admin, &runtimeSection: &c.Runtime,
		&poolSection: p, &limitsSection: &p.Limits, &groupSection: g}
}

// TestRowsAndFields: each field of a section's struct has exactly one row, of a kind that
// fits it, and each row is complete.
func TestRowsAndFields(t *testing.T) {
	built := map[string]bool{"Name": true, "Listen": true, "Limits": true, "Groups": true, "Servers": true}
	for s, target := range targets(&Config{}, &Pool{}, &Group{}) {
		v := reflect.ValueOf(target).Elem()
		fields := map[any]string{}
		for i := range v.NumField() {
			fields[v.Field(i).Addr().Interface()] = v.Type().Field(i).Name
		}
		for i := range s.rows {
			w := &s.rows[i]
			if w.doc == "" || w.when == "" || !strings.HasSuffix(w.doc, ".") {
				t.Errorf("%s.%s: got explanation %q, change %q; want both", s.path, w.name, w.doc, w.when)
			}
			if w.at == nil {
				continue
			}
			field := w.at(target)
			if _, ok := fields[field]; !ok {
				t.Errorf("%s.%s: its field is not the section's, or has two rows", s.path, w.name)
			}
			delete(fields, field)
		}
		for _, name := range fields {
			if !built[name] {
				t.Errorf("%s: field %s has no row", s.path, name)
			}
		}
	}
}

// TestDefaultsAreValid: presets of both formats parse, and spelling them gives them back.
func TestDefaultsAreValid(t *testing.T) {
	for _, f := range []Format{TOML, Nutcracker} {
		for s, target := range targets(&Config{}, &Pool{}, &Group{}) {
			s.preset(target, f)
			for i := range s.rows {
				w := &s.rows[i]
				if w.at == nil {
					continue
				}
				if got := w.text(w.at(target)); got != w.first(f) {
					t.Errorf("%s %s.%s: got %q; want %q", f, s.path, w.name, got, w.first(f))
				}
			}
		}
	}
}

// TestTwemproxyDefaults pins what twemproxy 0.5.0 takes when nothing is said.
func TestTwemproxyDefaults(t *testing.T) {
	c := parse(t, "a.yml", "a:\n  listen: 127.0.0.1:1\n  redis: true\n  servers:\n   - h:1:1\n")
	p := c.Pools[0]
	got := fmt.Sprintln(p.Hash, p.HashTag, p.Distribution, p.Timeout, p.Backlog, p.ClientConnections, p.Password.IsSet(),
		p.DB, p.Preconnect, p.AutoEjectHosts, p.ServerConnections, p.ServerRetryTimeout, p.ServerFailureLimit,
		p.TCPKeepalive, p.ReusePort, p.HoldTimeout, p.ReadPolicy, c.Admin.HTTP, c.Admin.Stats)
	want := fmt.Sprintln("fnv1a_64", "", "ketama", "0s", 512, 0, false, 0, false, false, 1, "30s", 2, false, false, "0s", "master", "127.0.0.1:22224", "0.0.0.0:22222")
	if got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// TestTOMLDefaults pins Huntaway's own.
func TestTOMLDefaults(t *testing.T) {
	c := parse(t, "a.toml", oneTOML+"[pools.b]\nlisten = \"127.0.0.1:2\"\nservers = [\"h:1:1|1:1:m\", \"h:2:1|1:1:s\"]\n")
	p, b := c.Pools[0], c.Pools[1]
	got := fmt.Sprintln(p.Hash, p.HashTag, p.Distribution, p.Timeout, p.HoldTimeout, b.HoldTimeout, p.ProbeInterval, c.Admin.HTTP, p.Limits)
	want := fmt.Sprintln("xxh3", "{}", "rendezvous", "1s", "0s", "2.5s", "500ms", "127.0.0.1:22224",
		"{1073741824 536870912 1048576 65536 1024 1073741824 16777216 10s 8388608 30s 0s 10s 0 10000 0 16777216 536870912 100000}")
	if got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// keyLine matches a key of the example, active or not.
var keyLine = regexp.MustCompile(`(?m)^#?([a-z_]+) = `)

// TestExampleHasEveryKey: the keys of the example are the keys of the table, and it loads,
// as it stands and with every default made active.
func TestExampleHasEveryKey(t *testing.T) {
	example := Defaults()
	var want, got []string
	for _, s := range sections() {
		for i := range s.rows {
			if w := &s.rows[i]; w.kind != kindTable && w.kind != kindTables {
				want = append(want, w.name)
			}
		}
	}
	want = append(want, "name") // the second group's
	for _, m := range keyLine.FindAllSubmatch(example, -1) {
		got = append(got, string(m[1]))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got keys %v; want %v", got, want)
	}
	plain := parse(t, "example.toml", string(example))
	full := parse(t, "full.toml", regexp.MustCompile(`(?m)^#([a-z_]+ = )`).ReplaceAllString(string(example), "$1"))
	if len(plain.Warnings)+len(full.Warnings) > 0 {
		t.Errorf("got warnings\n%v%v", plain.Warnings, full.Warnings)
	}
	full.Path, full.Pools[0].Groups = plain.Path, full.Pools[0].Groups[2:]
	if !reflect.DeepEqual(full, plain) {
		t.Errorf("got %s with all defaults active; want %s", revealed(full), revealed(plain))
	}
	sameAgain(t, plain)
}

// TestExamples: the files we hand out load; what they warn of is twemproxy's own.
func TestExamples(t *testing.T) {
	for _, path := range inputs(t, "examples", 4) {
		c, err := Load(path)
		if err != nil {
			t.Errorf("%s: got\n%v", path, err)
			continue
		}
		if len(c.Warnings) > 0 && filepath.Base(path) != "nutcracker.yml" {
			t.Errorf("%s: got warnings\n%v", path, c.Warnings)
		}
		sameAgain(t, c)
	}
}

// TestManual: every key is explained, and man finds nothing to complain of.
func TestManual(t *testing.T) {
	page := Manual()
	for _, s := range append(sections(), &nutcrackerSection) {
		for i := range s.rows {
			name := s.rows[i].name
			if name == "" {
				name = s.rows[i].yaml
			}
			if !bytes.Contains(page, []byte("\n.B "+name+"\n")) {
				t.Errorf("%s.%s is not in the manual", s.path, name)
			}
		}
	}
	if groff, err := exec.LookPath("groff"); err == nil {
		cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z")
		cmd.Stdin = bytes.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("groff: %v\n%s", err, out)
		}
	} else {
		t.Log("groff is not installed: the page's macros are not checked")
	}
}
