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
	env := []string{
		"HUNTAWAY_LOG_LEVEL=debug", "HUNTAWAY_LOG_FORMAT=json", "HOME=/", "HUNTAWAY_EVENT_LOOPS=7",
		"HUNTAWAY_ADMIN_HTTP=0.0.0.0:9000", "HUNTAWAY_EVENT_LOOPS=3", "HUNTAWAY_PORT=tcp://10.0.0.1:22121", "HUNTAWAY_SERVICE_HOST=10.0.0.1",
	}
	if ps := c.ApplyEnv(env); len(ps) > 0 {
		t.Fatalf("got\n%v\nwant no problem", ps)
	}
	want := parse(t, "a.toml", oneTOML)
	want.Log.Level, want.Log.Format = "debug", "json"
	want.Admin.HTTP, want.Runtime.EventLoops = "0.0.0.0:9000", 3
	if got := revealed(c); got != revealed(want) {
		t.Errorf("got %s; want %s", got, revealed(want))
	}
	if c.ApplyEnv(append(env, "HUNTAWAY_ADMIN_HTTP=off")); c.Admin.HTTP != "" {
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
		{"HUNTAWAY_LOG_LEVL", "debug", `environment: error: HUNTAWAY_LOG_LEVL: no such variable, so it would change nothing (did you mean HUNTAWAY_LOG_LEVEL?)`},
		{"HUNTAWAY_EVENT_LOOP", "2", `environment: error: HUNTAWAY_EVENT_LOOP: no such variable, so it would change nothing (did you mean HUNTAWAY_EVENT_LOOPS?)`},
		{"huntaway_config", "x", `environment: error: huntaway_config: no such variable, so it would change nothing (did you mean HUNTAWAY_CONFIG?)`},
		{"HUNTAWAY_ADMIN_TOCKEN", "x", `environment: error: HUNTAWAY_ADMIN_TOCKEN: no such variable, so it would change nothing (did you mean HUNTAWAY_ADMIN_TOKEN?)`},
		{"HUNTAWAY_ADMIN_RESP", "127.0.0.1:1", `environment: error: HUNTAWAY_ADMIN_RESP: this build serves no admin port that speaks RESP (unset it)`},
	} {
		cfg := parse(t, "a.toml", oneTOML)
		ps := cfg.ApplyEnv([]string{"PATH=/bin", c.name + "=" + c.value})
		if got := strings.TrimSpace(ps.Error()); got != c.want {
			t.Errorf("%s=%s: got %s; want %s", c.name, c.value, got, c.want)
		}
	}
}
