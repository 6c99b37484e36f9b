package config

import (
	"strings"
	"testing"
)

const oneTOML = "[pools.alpha]\nlisten = \"127.0.0.1:22121\"\nservers = [\"10.0.0.1:6379:1\"]\n"

// parse loads a text that must be right.
func parse(t *testing.T, name, text string) *Config {
	t.Helper()
	c, err := Parse(name, []byte(text))
	if err != nil {
		t.Fatalf("got\n%v\nfrom\n%s", err, text)
	}
	return c
}

// TestApplyEnv: each variable sets its key, and only that.
func TestApplyEnv(t *testing.T) {
	c := parse(t, "a.toml", oneTOML)
	env := map[string]string{
		"HUNTAWAY_LOG_LEVEL": "debug", "HUNTAWAY_LOG_FORMAT": "json",
		"HUNTAWAY_ADMIN_HTTP": "0.0.0.0:9000", "HUNTAWAY_EVENT_LOOPS": "3",
	}
	if ps := c.ApplyEnv(func(name string) string { return env[name] }); len(ps) > 0 {
		t.Fatalf("got\n%v\nwant no problem", ps)
	}
	want := parse(t, "a.toml", oneTOML)
	want.Log.Level, want.Log.Format = "debug", "json"
	want.Admin.HTTP, want.Runtime.EventLoops = "0.0.0.0:9000", 3
	if got := revealed(c); got != revealed(want) {
		t.Errorf("got %s; want %s", got, revealed(want))
	}
	env["HUNTAWAY_ADMIN_HTTP"] = "off"
	if c.ApplyEnv(func(name string) string { return env[name] }); c.Admin.HTTP != "" {
		t.Errorf("off: got %q; want no address", c.Admin.HTTP)
	}
}

// TestApplyEnvRefuses: wrong values are refused by the variable's name.
func TestApplyEnvRefuses(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"HUNTAWAY_LOG_LEVEL", "infp", `environment: error: HUNTAWAY_LOG_LEVEL: unknown level "infp" (did you mean "info"?)`},
		{"HUNTAWAY_LOG_FORMAT", "xml", `environment: error: HUNTAWAY_LOG_FORMAT: unknown format "xml" (one of auto, text, json)`},
		{"HUNTAWAY_EVENT_LOOPS", "two", `environment: error: HUNTAWAY_EVENT_LOOPS: "two" is not a whole number (digits only)`},
		{"HUNTAWAY_EVENT_LOOPS", "2000", `environment: error: HUNTAWAY_EVENT_LOOPS: 2000 is too much (at most 1024)`},
		{"HUNTAWAY_ADMIN_HTTP", "9000", `environment: error: HUNTAWAY_ADMIN_HTTP: "9000" has no port ("host:port", or "off")`},
		{"HUNTAWAY_ADMIN_HTTP", ":22121", `environment: error: admin.http: :22121 is taken by pool "alpha", 127.0.0.1:22121`},
		{"HUNTAWAY_ADMIN_RESP", "127.0.0.1:1", `environment: error: HUNTAWAY_ADMIN_RESP: this build serves no admin port that speaks RESP (unset it)`},
	} {
		cfg := parse(t, "a.toml", oneTOML)
		ps := cfg.ApplyEnv(func(name string) string {
			if name == c.name {
				return c.value
			}
			return ""
		})
		if got := strings.TrimSpace(ps.Error()); got != c.want {
			t.Errorf("%s=%s: got %s; want %s", c.name, c.value, got, c.want)
		}
	}
}
