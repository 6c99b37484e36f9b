package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A reader is the work on one file: its text and what was found wrong with it so far.
type reader struct {
	src      *source
	format   Format
	findings []finding
	found    int             // findings, those that were not kept included
	refused  map[string]bool // keys whose value is none, so that a default stands for it
	getenv   func(string) string
	readFile func(string) ([]byte, error) // of a secret; relative paths are the file's
	lenient  bool                         // a secret may be missing
}

// A finding is a Problem whose place is still an offset.
type finding struct {
	Problem
	at span
}

// mostFindings are kept of one file; what comes on top is counted. A file with more is not
// a configuration, and each costs a walk along its line.
const mostFindings = 200

// fail reports an error.
func (r *reader) fail(at span, key, text, hint string) {
	if r.refused[key] {
		return // what stands for it is a default that nobody wrote
	}
	r.report(finding{Problem{Severity: Error, Key: key, Text: text, Suggestion: hint}, at})
}

// warn reports a warning.
func (r *reader) warn(at span, key, text, hint string) {
	if r.refused[key] {
		return
	}
	r.report(finding{Problem{Severity: Warning, Key: key, Text: text, Suggestion: hint}, at})
}

func (r *reader) report(f finding) {
	r.found++
	if len(r.findings) < mostFindings {
		r.findings = append(r.findings, f)
	}
}

// illegible reports that the text is not of its format.
func (r *reader) illegible(at span, text, hint string) {
	r.src.torn = true
	r.fail(at, "", text, hint)
}

// reject reports a wrong value.
func (r *reader) reject(at span, key string, w *wrong) { r.fail(at, key, w.text, w.hint) }

// problems places the findings and puts them into the order of the file.
func (r *reader) problems(root *node) Problems {
	if root != nil {
		r.hide(root)
	}
	var ps Problems
	for _, f := range r.findings {
		p := f.Problem
		if f.at == (span{}) {
			p.File = r.src.name
		} else {
			r.src.place(&p, f.at)
		}
		ps = append(ps, p)
	}
	ps.sortByPlace()
	if more := r.found - len(r.findings); more > 0 {
		ps = append(ps, Problem{File: r.src.name, Severity: Error, Text: fmt.Sprintf("%d more problems are not shown", more)})
	}
	return ps
}

// hide marks the values of all secrets' keys, wherever they stand.
func (r *reader) hide(n *node) {
	for _, e := range n.entries {
		if secretName(e.name) && e.value.at != e.at {
			r.src.secrets = append(r.src.secrets, wholeOf(e.value))
		}
		r.hide(e.value)
	}
	for _, item := range n.items {
		r.hide(item)
	}
}

// secretName tells whether a key is, or is probably meant to be, a secret's.
func secretName(name string) bool {
	for _, s := range []*section{&poolSection, &nutcrackerSection} {
		for i := range s.rows {
			w := &s.rows[i]
			if w.kind == kindSecret && (nearest(name, []string{w.name, w.yaml}) != "") {
				return true
			}
		}
	}
	return false
}

// wholeOf returns the span of a value with everything in it.
func wholeOf(n *node) span {
	at := n.at
	for _, e := range n.entries {
		at.to = max(at.to, wholeOf(e.value).to)
	}
	for _, item := range n.items {
		at.to = max(at.to, wholeOf(item).to)
	}
	return at
}

// fields reads the entries of n into target, a pointer to the section's struct, and
// returns the known ones by name. Rows without a field are left to the caller.
func (r *reader) fields(n *node, s *section, target any, path string) map[string]*entry {
	known := map[string]*entry{}
	for _, e := range n.entries {
		w := s.find(e.name, r.format)
		if w == nil {
			r.unknown(e, s, path)
			continue
		}
		known[e.name] = e
		if w.at != nil {
			r.field(w, e, w.at(target), join(path, e.name))
		}
	}
	return known
}

// join writes a dotted path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// field reads one value.
func (r *reader) field(w *row, e *entry, field any, key string) {
	v := e.value
	if w.kind == kindAddresses {
		r.addresses(field.(*[]string), e, key)
		return
	}
	bad := r.misshapen(w, v)
	switch {
	case bad != nil:
	case w.kind == kindSecret:
		bad = r.secret(field.(*Secret), v.text)
	case w.millis && r.format == Nutcracker:
		bad = w.setMillis(field, v.text)
	default:
		bad = w.set(field, v.text)
	}
	if bad != nil {
		r.reject(v.at, key, bad)
		r.refused[key] = true
	}
}

// setMillis reads twemproxy's bare milliseconds.
func (w *row) setMillis(field any, text string) *wrong {
	n, bad := parseNumber(text)
	if bad != nil || n < 0 {
		return &wrong{fmt.Sprintf("%q is not a number of milliseconds", text), "digits only, as in twemproxy: 400"}
	}
	return w.set(field, fmt.Sprintf("%dms", n))
}

// misshapen tells when the file gives, say, a list where a number belongs.
func (r *reader) misshapen(w *row, v *node) *wrong {
	want := quoted
	switch {
	case r.format == Nutcracker:
		want = plain
	case w.kind == kindNumber:
		want = whole
	case w.kind == kindFlag:
		want = truth
	}
	switch {
	case v.shape == want && want == plain && v.text == "":
		return &wrong{"the value is missing", ""}
	case v.shape == want:
		return nil
	case w.kind == kindSecret:
		return &wrong{fmt.Sprintf("%s where %s belongs", v.shape, want), "quote it"}
	}
	if v.shape == whole && (w.kind == kindDuration || w.kind == kindSize) {
		return &wrong{v.text + " has no unit", v.respell(w)}
	}
	return &wrong{fmt.Sprintf("%s where %s belongs", v.shape, want.of(w)), v.respell(w)}
}

// of names what belongs somewhere: the kind says more than the shape.
func (s shape) of(w *row) string {
	switch w.kind {
	case kindDuration, kindSize, kindWord, kindAddress:
		return "a string (" + w.kind.String() + ")"
	}
	return s.String()
}

// respell proposes the right spelling of a value in the wrong shape.
func (n *node) respell(w *row) string {
	switch {
	case n.shape == list || n.shape == table || n.shape == moment:
		return ""
	case n.shape == quoted && w.kind == kindNumber:
		if _, bad := parseNumber(n.text); bad == nil {
			return fmt.Sprintf("write %s without quotes", n.text)
		}
	case n.shape == quoted && w.kind == kindFlag:
		return "write true or false without quotes"
	case n.shape == whole && w.kind == kindDuration:
		return noUnit(strings.TrimPrefix(n.text, "-")).hint
	case n.shape == whole && w.kind == kindSize:
		if bytes, bad := parseSize(n.text + "B"); bad == nil {
			return fmt.Sprintf("write %q", sizeText(bytes))
		}
	case w.kind == kindText || w.kind == kindWord || w.kind == kindTag:
		return fmt.Sprintf("write %q", n.text)
	}
	return ""
}

// unknown reports a key that the section does not have, and where it would belong.
func (r *reader) unknown(e *entry, s *section, path string) {
	hint := didYouMean(e.name, s.names(r.format))
	if r.format == Nutcracker && s == &poolSection {
		hint = didYouMean(e.name, append(s.names(r.format), nutcrackerSection.names(r.format)...))
	}
	if w := s.find(e.name, r.otherFormat()); w != nil && w.in(r.format) != "" {
		hint = fmt.Sprintf("here it is spelled %q", w.in(r.format))
	} else if home := homeOf(e.name, r.format); home != "" && home != path && nearest(e.name, s.names(r.format)) == "" {
		hint = fmt.Sprintf("it belongs to [%s]", home)
	}
	if text, ok := elsewhere[e.name]; ok {
		hint = text
	}
	r.fail(e.at, path, fmt.Sprintf("unknown key %q", e.name), hint)
}

func (r *reader) otherFormat() Format {
	if r.format == TOML {
		return Nutcracker
	}
	return TOML
}

// homeOf returns the path of the one section that has the key, in TOML.
func homeOf(name string, f Format) string {
	if f != TOML {
		return ""
	}
	home := ""
	for _, s := range sections() {
		if s.find(name, TOML) == nil {
			continue
		}
		if home != "" {
			return ""
		}
		home = s.path
	}
	return home
}

// elsewhere are keys that people bring along from other files.
var elsewhere = map[string]string{
	"redis":      "TOML has no such key: every pool speaks Redis",
	"redis_auth": "in TOML: password for what clients send, server_password for what servers are sent",
	"write":      `roles stand in the server lines now: ` + roledLine,
}

// secret takes the value of a secret.
func (r *reader) secret(field *Secret, text string) *wrong {
	bad := r.resolve(field, text)
	if bad != nil && r.lenient {
		*field = Secret{source: text, missing: bad.text}
		return nil
	}
	return bad
}

// resolve resolves env:NAME and file:PATH.
func (r *reader) resolve(field *Secret, text string) *wrong {
	how, rest, found := strings.Cut(text, ":")
	switch {
	case found && how == "env":
		value := r.getenv(rest)
		if value == "" {
			return &wrong{fmt.Sprintf("the environment variable %q is empty or not set", rest), ""}
		}
		*field = Secret{text: value, source: text}
	case found && how == "file":
		content, err := r.readFile(rest)
		if err != nil {
			return &wrong{"the secret cannot be read: " + err.Error(), ""}
		}
		value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		if value == "" {
			return &wrong{fmt.Sprintf("the file %q is empty", rest), ""}
		}
		*field = Secret{text: value, source: text}
	default:
		*field = Secret{text: strings.TrimPrefix(text, literally)}
	}
	return nil
}

// Longest secret in a file.
const longestSecret = 64 * kib

// secretFile returns the function that reads secrets for a configuration at path. Only
// regular files: a device or a pipe might never end.
func secretFile(path string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		st, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, err
		case !st.Mode().IsRegular():
			return nil, fmt.Errorf("%s is no regular file", name)
		case st.Size() > longestSecret:
			return nil, fmt.Errorf("%s has %d bytes, more than 64 KiB", name, st.Size())
		}
		return os.ReadFile(name)
	}
}
