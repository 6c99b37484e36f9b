package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestProblemPrints pins the compiler-like form, with tabs, long lines and control characters.
func TestProblemPrints(t *testing.T) {
	p := Problem{File: "a.toml", Line: 14, Column: 17, Width: 10, Severity: Error, Key: "pools.alpha.hash",
		Text: `unknown hash "fnv1a_65"`, Suggestion: `did you mean "fnv1a_64"?`, Source: `hash          = "fnv1a_65"`}
	want := `a.toml:14:17: error: pools.alpha.hash: unknown hash "fnv1a_65" (did you mean "fnv1a_64"?)
   14 | hash          = "fnv1a_65"
      |                 ^^^^^^^^^^
`
	var b bytes.Buffer
	if err := (Problems{p}).Write(&b); err != nil || b.String() != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, b.String(), want)
	}
	for source, want := range map[string]string{
		"\tab\x1b": "    1 | \tab�\n      | \t ^^\n",
		"é本x":      "    1 | é本x\n      |   ^\n",
		"ab":       "    1 | ab\n      |   ^\n",
		"":         "",
	} {
		p := Problem{Line: 1, Column: 3, Width: 2, Source: source}
		if got := p.snippet(); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", source, got, want)
		}
	}
	long := Problem{Line: 1, Column: 301, Width: 3, Source: strings.Repeat("x", 300) + "ABC" + strings.Repeat("y", 300)}
	if got := long.snippet(); !strings.Contains(got, "ABC") || !strings.Contains(got, "\n      | "+strings.Repeat(" ", 59)+"^^^\n") {
		t.Errorf("got\n%s\nwant ABC shown and underlined", got)
	}
}

// TestProblemsAsJSON: the array decodes to the same problems, and is [] for none.
func TestProblemsAsJSON(t *testing.T) {
	_, err := Load("testdata/bad/many_at_once.toml")
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got %T; want Problems", err)
	}
	var b bytes.Buffer
	if err := ps.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var again Problems
	if err := json.Unmarshal(b.Bytes(), &again); err != nil || !reflect.DeepEqual(again, ps) {
		t.Errorf("got %v, %v; want %v", again, err, ps)
	}
	b.Reset()
	if err := Problems(nil).WriteJSON(&b); err != nil || b.String() != "[]\n" {
		t.Errorf("got %q, %v; want an empty array", b.String(), err)
	}
	if e, w := ps.Count(); e != 8 || w != 3 {
		t.Errorf("got %d errors and %d warnings; want 8 and 3", e, w)
	}
}

// TestLoadRefusesWhatCannotBeRead: no file, a folder, a file without end.
func TestLoadRefusesWhatCannotBeRead(t *testing.T) {
	for path, want := range map[string]string{
		"testdata/none.toml": "testdata/none.toml: error: cannot be read: open testdata/none.toml: no such file or directory",
		"testdata":           "testdata: error: cannot be read: read testdata: is a directory",
		"/dev/zero":          "/dev/zero: error: cannot be read: longer than 1 MiB",
	} {
		if _, err := Load(path); err == nil || err.Error() != want {
			t.Errorf("got %v; want %s", err, want)
		}
	}
}

// TestFormatOf: the ending decides, then the first line that says something.
func TestFormatOf(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Format
	}{
		{"a.toml", "alpha:\n", TOML}, {"a.yml", "[pools]\n", Nutcracker}, {"a.YAML", "", Nutcracker},
		{"a", "", TOML}, {"a", "# x\n\n[pools.a]", TOML}, {"a", "pools.a.hash = 3", TOML},
		{"a", `"po ols" = 3`, TOML}, {"a", "alpha:\n  hash: a = b", Nutcracker}, {"a.conf", "# x\nalpha:", Nutcracker},
	} {
		if got := formatOf(c.name, c.text); got != c.want {
			t.Errorf("%s, %q: got %s; want %s", c.name, c.text, got, c.want)
		}
	}
}

// TestSourcePositions: offset and position are each other's inverse on every rune.
func TestSourcePositions(t *testing.T) {
	s := newSource("a", "ab\r\né本\n\nx")
	line, column := 1, 1
	for i, r := range s.text {
		if l, c := s.position(i); l != line || c != column {
			t.Errorf("offset %d: got %d:%d; want %d:%d", i, l, c, line, column)
		}
		if got := s.offset(line, column); got != i && r != '\r' && r != '\n' {
			t.Errorf("%d:%d: got offset %d; want %d", line, column, got, i)
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	if l, c := s.position(1000); l != 4 || c != 2 {
		t.Errorf("behind the end: got %d:%d; want 4:2", l, c)
	}
}
