package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Severity tells whether a Problem stops a start.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the file is refused
	Warning Severity = "warning" // the file is served; somebody should look
)

// A Problem is one thing that is wrong with a configuration, with its place. It never
// holds the text of a secret.
type Problem struct {
	File       string   `json:"file"`
	Line       int      `json:"line,omitempty"`   // from 1; 0 when the file as a whole is meant
	Column     int      `json:"column,omitempty"` // in characters, from 1
	Width      int      `json:"width,omitempty"`  // characters to underline, on this line
	Severity   Severity `json:"severity"`
	Key        string   `json:"key,omitempty"` // dotted path, "pools.alpha.hash"
	Text       string   `json:"text"`
	Suggestion string   `json:"suggestion,omitempty"` // what would be right
	Source     string   `json:"source,omitempty"`     // the line, secrets cut off
}

// String returns the problem as one line: file:line:col: severity: key: text (suggestion).
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	fmt.Fprintf(&b, ": %s: ", p.Severity)
	if p.Key != "" {
		fmt.Fprintf(&b, "%s: ", p.Key)
	}
	b.WriteString(p.Text)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, " (%s)", p.Suggestion)
	}
	return b.String()
}

// Problems is everything that is wrong with one configuration, in the order of the file.
// As an error it prints like a compiler's output.
type Problems []Problem

// Error returns what Write writes, without the last line break.
func (ps Problems) Error() string {
	var b strings.Builder
	ps.Write(&b)
	return strings.TrimSuffix(b.String(), "\n")
}

// Fatal tells whether one of them is an Error.
func (ps Problems) Fatal() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == Error })
}

// Count returns how many errors and how many warnings there are.
func (ps Problems) Count() (errors, warnings int) {
	for _, p := range ps {
		if p.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Write prints each problem as a compiler does: its line, the offending source line and a
// caret under the place. The error is w's.
func (ps Problems) Write(w io.Writer) error {
	for _, p := range ps {
		if _, err := fmt.Fprintf(w, "%s\n%s", p, p.snippet()); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON prints the problems as one JSON array, [] when there are none.
func (ps Problems) WriteJSON(w io.Writer) error {
	if ps == nil {
		ps = Problems{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(ps)
}

// Longest part of a source line that is shown, in characters.
const snippetColumns = 120

// snippet returns the source line and the caret line, or "" when there is no line to show.
func (p Problem) snippet() string {
	if p.Line == 0 || strings.TrimSpace(p.Source) == "" {
		return ""
	}
	line := []rune(p.Source)
	from := 0
	if p.Column > snippetColumns {
		from = min(p.Column-snippetColumns/2, len(line))
	}
	line = line[from:min(len(line), from+snippetColumns)]
	at := min(max(p.Column-1-from, 0), len(line))
	carets := min(max(p.Width, 1), max(len(line)-at, 1))
	return fmt.Sprintf("%5d | %s\n      | %s%s\n", p.Line, printable(line),
		indent(line[:at]), strings.Repeat("^", carets))
}

// printable replaces what could drive a terminal.
func printable(line []rune) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r == 0x7F || (r >= 0x80 && r < 0xA0)) {
			return '�'
		}
		return r
	}, string(line))
}

// indent returns blanks as wide as the text, tabs kept as tabs.
func indent(text []rune) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(text))
}

// sortByPlace orders by line, then column; equal places keep their order.
func (ps Problems) sortByPlace() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
