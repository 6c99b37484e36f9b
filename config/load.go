package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Longest configuration that is read, in bytes.
const longestFile = mib

// Load reads and validates a file. The error is a Problems with everything that is wrong,
// warnings included; without errors the warnings are in the Config. It reads secrets that
// the file names (env:, file:) and touches nothing else, no network in particular.
func Load(path string) (*Config, error) { return load(path, false) }

// LoadForOthers is Load for who does not serve by the file, and needs few of its secrets or
// none: of one that cannot be had Secret.Missing says why, and that is no problem of the file.
func LoadForOthers(path string) (*Config, error) { return load(path, true) }

func load(path string, lenient bool) (*Config, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, Problems{{File: path, Severity: Error, Text: "cannot be read: " + err.Error()}}
	}
	r := newReader(path, text)
	r.lenient = lenient
	return r.read()
}

// AdminOf reads where a running proxy of a file is asked that is wrong now, as far as the file can be read. It
// reports false when that does not go as far as its section admin.
func AdminOf(path string) (Admin, bool) {
	text, err := readBounded(path)
	if err != nil {
		return Admin{}, false
	}
	r := newReader(path, text)
	r.lenient = true
	c := &Config{Path: path, Format: r.format}
	if !r.legible() {
		return Admin{}, false
	}
	if r.format != TOML {
		c.preset()
		return c.Admin, true
	}
	root := r.treeOfTOML()
	e, whole := root.get("admin"), r.found == 0
	c.preset()
	if e != nil && e.value.shape == table {
		r.readAdmin(e.value, c, map[string]span{})
	}
	return c.Admin, e != nil || whole
}

// readBounded reads a file that may not be longer than a configuration is.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	if err == nil && len(text) > longestFile {
		err = fmt.Errorf("longer than 1 MiB")
	}
	return text, err
}

// Parse is Load for a text that is in memory. The name stands in problems, its ending
// decides the format (.toml; .yml and .yaml; else what the text looks like), and relative
// file: secrets are looked for beside it.
func Parse(name string, text []byte) (*Config, error) { return newReader(name, text).read() }

func newReader(name string, text []byte) *reader {
	r := &reader{
		src:      newSource(name, strings.TrimPrefix(string(text), "\uFEFF")),
		getenv:   os.Getenv,
		readFile: secretFile(name),
		refused:  map[string]bool{},
	}
	r.format = formatOf(name, r.src.text)
	return r
}

// read makes the Config.
func (r *reader) read() (*Config, error) {
	c := &Config{Path: r.src.name, Format: r.format}
	var root *node
	if r.legible() {
		if r.format == TOML {
			root = r.readTOML(c)
		} else {
			root = r.readYAML(c)
		}
	}
	ps := r.problems(root)
	if ps.Fatal() {
		return nil, ps
	}
	c.Warnings = ps
	return c, nil
}

// tomlLine matches what starts a TOML file and no nutcracker.yml: a header or key = value.
var tomlLine = regexp.MustCompile(`^\s*(\[|[\w."'-][\w."' -]*=)`)

// formatOf decides by the name's ending, and by the first line that says something when
// the ending is another one.
func formatOf(name, text string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".toml":
		return TOML
	case ".yml", ".yaml":
		return Nutcracker
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if tomlLine.MatchString(line) {
			return TOML
		}
		return Nutcracker
	}
	return TOML
}

// legible refuses what is no text: bad UTF-8 and control characters.
func (r *reader) legible() bool {
	text := r.src.text
	if len(text) > longestFile {
		r.fail(span{}, "", "longer than 1 MiB", "")
		return false
	}
	for i, c := range text {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			r.illegible(span{i, i + 1}, "not UTF-8", "")
			return false
		case c == '\r' && !strings.HasPrefix(text[i:], "\r\n"),
			c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7F,
			c >= 0x80 && c < 0xA0, c == '\u2028', c == '\u2029', c == '\uFEFF':
			r.illegible(span{i, i + utf8.RuneLen(c)}, fmt.Sprintf("control character %U", c), "remove it")
			return false
		}
	}
	return true
}

// readTOML reads Huntaway's own format.
func (r *reader) readTOML(c *Config) *node {
	root := r.treeOfTOML()
	if r.found > 0 {
		return root
	}
	places := map[string]span{}
	plainSections := map[string]func(*node){
		"log":   func(n *node) { r.fields(n, &logSection, &c.Log, "log") },
		"admin": func(n *node) { r.readAdmin(n, c, places) },
		"runtime": func(n *node) {
			known := r.fields(n, &runtimeSection, &c.Runtime, "runtime")
			for _, name := range []string{"state_dir", "max_memory"} {
				if e := known[name]; e != nil {
					places["runtime."+name] = e.value.at
				}
			}
		},
	}
	c.preset()
	var drafts []*poolDraft
	for _, e := range root.entries {
		read := plainSections[e.name]
		switch {
		case read == nil && e.name != "pools":
			r.unknown(e, &rootSection, "")
		case e.value.shape != table:
			r.fail(e.at, e.name, fmt.Sprintf("%s where a table belongs", e.value.shape), "write ["+e.name+"]")
		case read != nil:
			read(e.value)
		default:
			drafts = r.readPools(e.value, "pools")
		}
	}
	if root.get("pools") == nil || len(root.get("pools").value.entries) == 0 && r.found == 0 {
		r.fail(span{}, "", "the file has no pools", "[pools.NAME] with listen and servers")
	}
	r.judge(c, drafts, places)
	return root
}

// preset gives what lies outside the pools its defaults.
func (c *Config) preset() {
	logSection.preset(&c.Log, c.Format)
	adminSection.preset(&c.Admin, c.Format)
	runtimeSection.preset(&c.Runtime, c.Format)
}

// readAdmin reads [admin] and remembers where its listeners stand.
func (r *reader) readAdmin(n *node, c *Config, places map[string]span) {
	for name, e := range r.fields(n, &adminSection, &c.Admin, "admin") {
		places["admin."+name] = e.value.at
	}
}

// readYAML reads twemproxy's format: a map of pools.
func (r *reader) readYAML(c *Config) *node {
	root := r.treeOfYAML()
	if root == nil || r.found > 0 {
		return root
	}
	c.preset()
	if root.shape != table {
		r.fail(root.at, "", root.shape.String()+` where "name:" of a pool belongs`, "")
		return root
	}
	r.judge(c, r.readPools(root, ""), nil)
	return root
}

func (r *reader) readPools(n *node, path string) []*poolDraft {
	var drafts []*poolDraft
	for _, e := range n.entries {
		if d := r.readPool(e, join(path, e.name)); d != nil {
			drafts = append(drafts, d)
		}
	}
	return drafts
}

// judge checks what only the whole file can tell and puts the pools into the Config.
func (r *reader) judge(c *Config, drafts []*poolDraft, places map[string]span) {
	for _, d := range drafts {
		r.judgePool(d)
		r.judgeFailover(d)
		c.Pools = append(c.Pools, d.pool)
	}
	if at, dir := places["runtime.state_dir"], c.Runtime.StateDir; dir != "" && !filepath.IsAbs(dir) {
		r.warn(at, "runtime.state_dir", fmt.Sprintf("%q is a path from wherever the process is started: from elsewhere it finds no state", dir), "a path that begins with /")
	}
	r.judgeMemory(places["runtime.max_memory"], "runtime.max_memory", c.Runtime.MaxMemory)
	r.judgeListeners(c, drafts, places)
	r.judgeOwn(c, drafts)
	r.judgeShared(drafts)
}

// rootSection names the tables at the top of a TOML file, for suggestions.
var rootSection = section{rows: []row{
	{name: "log", kind: kindTable}, {name: "admin", kind: kindTable},
	{name: "runtime", kind: kindTable}, {name: "pools", kind: kindTable},
}}

// sections returns all tables of TOML in the order of the example.
func sections() []*section {
	return []*section{&logSection, &adminSection, &runtimeSection, &poolSection,
		&limitsSection, &groupSection}
}
