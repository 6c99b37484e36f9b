package main

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A printable is a writer for a reader's terminal: what servers, Sentinels and other proxies have
// said is in the text, and could move the cursor, rename the window or hide a line. Whatever is not
// to be seen is written as Go would quote it, but for the ends of lines and tabs.
type printable struct{ to io.Writer }

// Write writes text that is all of one piece: a character is never in two of them.
func (p printable) Write(b []byte) (int, error) {
	if _, err := io.WriteString(p.to, shown(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// shown replaces what is not to be seen.
func shown(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		c, size := utf8.DecodeRuneInString(text)
		switch {
		case c == utf8.RuneError && size == 1:
			b.WriteString(strings.Trim(strconv.Quote(text[:1]), `"`))
		case hidden(c):
			b.WriteString(strings.Trim(strconv.QuoteToASCII(string(c)), `"`))
		default:
			b.WriteRune(c)
		}
		text = text[size:]
	}
	return b.String()
}

// hidden tells whether a character is not to be seen: controls, those that turn the direction of
// writing, and the like.
func hidden(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsPrint(c) }
