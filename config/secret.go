package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const hidden = "***"

// A Secret prints as *** wherever it is formatted, logged or marshalled; Reveal is the one
// way to its text. The zero value is "no secret" and prints as the empty string, so that
// a page can show whether a password is set.
type Secret struct {
	text   string
	source string // "env:NAME" or "file:PATH"; "" when it stood in the file

	missing string // why there is no text although there is a secret; "": there is
}

// NewSecret returns the secret whose text is given, as a literal in a file would be.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal returns the text. Its callers hand it to a client check or to a server, nothing else.
func (s Secret) Reveal() string { return s.text }

// Source tells where the text came from: "env:NAME", "file:PATH", or "" for a literal.
func (s Secret) Source() string { return s.source }

// Missing says why the secret could not be had, see LoadForOthers; "": it could, or there is none.
func (s Secret) Missing() string { return s.missing }

// IsSet tells whether there is a secret at all.
func (s Secret) IsSet() bool { return s.text != "" || s.missing != "" }

// String returns *** for a secret and "" for none.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return hidden
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// Format writes *** for every verb: without it %d or %x would reach the fields.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	// A formatter has no way to report that its state refused the bytes.
	_, _ = io.WriteString(f, text)
}

// MarshalText is String, for encoding/json and its kin.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// literally marks a secret that is to be taken as it stands.
const literally = "literal:"

// spelled returns what a TOML file says for the secret: its source if it has one.
func (s Secret) spelled() string {
	if s.source != "" {
		return s.source
	}
	for _, prefix := range []string{"env:", "file:", literally} {
		if strings.HasPrefix(s.text, prefix) {
			return literally + s.text
		}
	}
	return s.text
}
