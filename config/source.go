package config

import (
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// A span is a half-open range of byte offsets in a source.
type span struct{ from, to int }

// A source is the text of one file, and the map from offsets to lines.
type source struct {
	name    string
	text    string
	starts  []int  // offset of each line's first byte
	secrets []span // never shown
	torn    bool   // no parser understood all of it: secrets may be missing
}

func newSource(name, text string) *source {
	s := &source{name: name, text: text, starts: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// position returns the line and the column (in characters) of an offset, both from 1.
// Offsets outside the text are moved to its nearest end.
func (s *source) position(offset int) (line, column int) {
	offset = s.aligned(offset)
	line = sort.SearchInts(s.starts, offset+1)
	return line, utf8.RuneCountInString(s.text[s.starts[line-1]:offset]) + 1
}

// aligned moves an offset to the start of its character, and into the text.
func (s *source) aligned(offset int) int {
	offset = min(max(offset, 0), len(s.text))
	for offset > 0 && offset < len(s.text) && !utf8.RuneStart(s.text[offset]) {
		offset--
	}
	return offset
}

// offset is the inverse of position; what lies outside the text is moved inside.
func (s *source) offset(line, column int) int {
	line = min(max(line, 1), len(s.starts))
	at, rest := s.starts[line-1], s.line(line)
	for range column - 1 {
		_, n := utf8.DecodeRuneInString(rest)
		if n == 0 {
			break
		}
		at, rest = at+n, rest[n:]
	}
	return at
}

// line returns line n, counted from 1, without its line break.
func (s *source) line(n int) string {
	text := s.text[s.starts[n-1]:]
	if n < len(s.starts) {
		text = s.text[s.starts[n-1] : s.starts[n]-1]
	}
	return strings.TrimSuffix(text, "\r")
}

// secretKey finds keys that look like a secret's; secretWord also where the text is so
// broken that the sign after the key is not there.
var (
	secretKey  = regexp.MustCompile(`(?i)(pass\w*|auth|secrets?|tokens?|pwd)["']?\s*[=:]\s*`)
	secretWord = regexp.MustCompile(`(?i)(pass|auth|secret|token|pwd)\w*["']?\s*[=:]?\s*`)
)

// shown returns line n with everything from a secret's first byte on replaced by ***, and
// the number of characters that are still the file's.
func (s *source) shown(n int) (text string, honest int) {
	line, start := s.line(n), s.starts[n-1]
	cut := len(line)
	for _, x := range s.secrets {
		if x.from < start+len(line) && x.to > start {
			cut = min(cut, max(x.from-start, 0))
		}
	}
	pattern := secretKey
	if s.torn {
		pattern = secretWord
	}
	if m := pattern.FindStringIndex(line); m != nil {
		cut = min(cut, m[1])
	}
	if n > 1 && pattern.MatchString(s.line(n-1)) && !strings.ContainsAny(line, "=:") {
		cut = 0
	}
	if cut == len(line) {
		return line, utf8.RuneCountInString(line)
	}
	return line[:cut] + hidden, utf8.RuneCountInString(line[:cut])
}

// place fills in the position, the width and the source line of a problem.
func (s *source) place(p *Problem, at span) {
	p.File = s.name
	at = span{s.aligned(at.from), s.aligned(at.to)}
	p.Line, p.Column = s.position(at.from)
	line := s.line(p.Line)
	end := min(max(at.to, at.from), s.starts[p.Line-1]+len(line))
	p.Width = max(1, utf8.RuneCountInString(s.text[min(at.from, end):end]))
	text, honest := s.shown(p.Line)
	p.Source = text
	if p.Column+p.Width-1 > honest {
		p.Width = min(p.Width, len(hidden))
	}
}
