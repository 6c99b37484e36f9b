package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// TestSecretIsNeverPrinted: no way of formatting a Config shows its secrets.
func TestSecretIsNeverPrinted(t *testing.T) {
	const marker = "marker-of-a-secret"
	c := &Config{Pools: []Pool{{Password: NewSecret(marker), ServerPassword: NewSecret(marker)}}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%o"} {
		fmt.Fprintf(&out, verb+"\n", *c)
		fmt.Fprintf(&out, verb+"\n", c.Pools[0].Password)
		fmt.Fprintf(&out, verb+"\n", &c.Pools[0].Password)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).Info("config", "config", c, "password", c.Pools[0].Password)
	}
	for _, leak := range []string{marker, fmt.Sprintf("%x", marker), fmt.Sprintf("%X", marker), "[109 97 114"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("got %q in\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), hidden) {
		t.Errorf("got no %s in\n%s", hidden, out.String())
	}
	if got := c.Pools[0].Password.Reveal(); got != marker {
		t.Errorf("Reveal: got %q; want %q", got, marker)
	}
}

// TestSecretSources: literal, literal:, env: and file: give text, source and spelling.
func TestSecretSources(t *testing.T) {
	r := &reader{
		getenv: func(name string) string { return map[string]string{"A": "from-env"}[name] },
		readFile: func(name string) ([]byte, error) {
			text, ok := map[string]string{"p": "from-file\r\n", "two": "a\n\n", "empty": "\n"}[name]
			if !ok {
				return nil, os.ErrNotExist
			}
			return []byte(text), nil
		},
	}
	for _, c := range []struct{ in, text, source, spelled, wrong string }{
		{"abc", "abc", "", "abc", ""},
		{"a:b", "a:b", "", "a:b", ""},
		{"literal:env:A", "env:A", "", "literal:env:A", ""},
		{"literal:x", "x", "", "x", ""},
		{"env:A", "from-env", "env:A", "env:A", ""},
		{"env:B", "", "", "", `the environment variable "B" is empty or not set`},
		{"file:p", "from-file", "file:p", "file:p", ""},
		{"file:two", "a\n", "file:two", "file:two", ""},
		{"file:empty", "", "", "", `the file "empty" is empty`},
		{"file:q", "", "", "", "the secret cannot be read: file does not exist"},
	} {
		var s Secret
		bad := r.secret(&s, c.in)
		if bad != nil && bad.text != c.wrong || bad == nil && c.wrong != "" {
			t.Errorf("%s: got %v; want %q", c.in, bad, c.wrong)
		}
		if s.Reveal() != c.text || s.Source() != c.source || s.spelled() != c.spelled {
			t.Errorf("%s: got %q from %q, spelled %q; want %q from %q, spelled %q", c.in,
				s.Reveal(), s.Source(), s.spelled(), c.text, c.source, c.spelled)
		}
	}
}

// TestBrokenFilesShowNoSecret breaks files with passwords at every byte, in several ways,
// and looks for the password in what is said about them.
func TestBrokenFilesShowNoSecret(t *testing.T) {
	const marker = "s3cr3tmarker"
	toml := "[pools.alpha]\nlisten = \"127.0.0.1:1\"\npassword = \"" + marker + "\"\nserver_password = '''" + marker + "'''\n" +
		"servers = [\"10.0.0.1:6379:1\"]\n[pools.beta]\nlimits = { args = 3, password = \"" + marker + "\" }\n"
	yaml := "alpha:\n  listen: 127.0.0.1:1\n  redis: true\n  redis_auth: " + marker + "\n  servers:\n   - 10.0.0.1:6379:1\n" +
		"beta:\n  redis_auth: \"" + marker + "\"\n  password: '" + marker + "'\n"
	// Whoever breaks the key itself beyond recognition shows the line: keep those bytes.
	for name, text := range map[string]string{"a.toml": toml, "a.yml": yaml} {
		for i := range len(text) {
			if strings.ContainsAny(text[i:i+1], "abcdefghijklmnopqrstuvwxyz_") {
				continue
			}
			for _, with := range []string{"", "\"", "'", "[", "{", "\n", ":", "=", "x", "\t", "\x00", "\xff", "&", "#"} {
				broken := text[:i] + with + text[i+1:]
				if strings.Contains(broken, "#"+marker) {
					continue // became a comment: no key, no secret
				}
				_, err := Parse(name, []byte(broken))
				if err != nil && strings.Contains(err.Error(), marker) {
					t.Fatalf("%s with %q at %d: got\n%v\nfrom\n%s", name, with, i, err, broken)
				}
			}
		}
	}
}
