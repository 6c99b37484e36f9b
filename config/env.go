package config

import "fmt"

// notServed are environment variables that operators may expect, and that no part of this
// build reads.
var notServed = map[string]string{
	"HUNTAWAY_ADMIN_RESP": "this build serves no admin port that speaks RESP",
}

// ApplyEnv lets the HUNTAWAY_* variables that stand in the key table go before the file.
// An empty variable changes nothing. It is called once, before anyone else sees c; when
// it returns errors, c is not to be used. Only a few keys have a variable: what differs
// between two machines with the same file.
func (c *Config) ApplyEnv(getenv func(string) string) Problems {
	var ps Problems
	complain := func(name, text, hint string) {
		ps = append(ps, Problem{File: "environment", Severity: Error, Key: name, Text: text, Suggestion: hint})
	}
	targets := map[*section]any{&logSection: &c.Log, &adminSection: &c.Admin, &runtimeSection: &c.Runtime}
	for _, s := range sections() {
		for i := range s.rows {
			w := &s.rows[i]
			if w.env == "" || getenv(w.env) == "" {
				continue
			}
			if bad := w.set(w.at(targets[s]), getenv(w.env)); bad != nil {
				complain(w.env, bad.text, bad.hint)
			}
		}
	}
	for name, text := range notServed {
		if getenv(name) != "" {
			complain(name, text, "unset it")
		}
	}
	c.collisions(complain)
	return ps
}

// collisions finds admin addresses, as the environment left them, that a pool listens on.
func (c *Config) collisions(complain func(name, text, hint string)) {
	for _, a := range c.adminListeners() {
		for _, p := range c.Pools {
			for _, l := range p.Listen {
				if a.collides(listener{Listen: l}) {
					complain(a.key, fmt.Sprintf("%s is taken by pool %q, %s", a.Address, p.Name, l), "")
				}
			}
		}
	}
}
