package config

import (
	"fmt"
	"strings"
)

// literal writes a value of the row's kind as TOML.
func (w *row) literal(text string) string {
	switch w.kind {
	case kindNumber, kindFlag:
		return text
	case kindAddresses:
		return texts(strings.Fields(text))
	}
	return quote(text)
}

// quote writes a TOML basic string.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r >= 0x7F && r < 0xA0 || r == '\u2028' || r == '\u2029' || r == '\uFEFF':
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// bare writes one part of a TOML key, quoted when it must be.
func bare(name string) string {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}
	if name == "" || strings.ContainsFunc(name, bad) {
		return quote(name)
	}
	return name
}

// texts writes a list of strings, one on a line when they are several.
func texts(items []string) string {
	if len(items) == 1 {
		return "[" + quote(items[0]) + "]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, item := range items {
		b.WriteString("  " + quote(item) + ",\n")
	}
	b.WriteString("]")
	return b.String()
}

// wrap breaks a text into lines of at most width bytes, each after prefix.
func wrap(text, prefix string, width int) string {
	var b strings.Builder
	line := prefix
	for _, word := range strings.Fields(text) {
		if len(line) > len(prefix) && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = prefix
		}
		if len(line) > len(prefix) {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}
