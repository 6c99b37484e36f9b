package config

import (
	"fmt"
	"slices"
	"strings"
)

// notServed are environment variables that operators may expect, and that no part of this
// build reads.
var notServed = map[string]string{
	"HUNTAWAY_ADMIN_RESP": "this build serves no admin port that speaks RESP",
}

// ApplyEnv lets the HUNTAWAY_* variables that stand in the key table go before the file.
// An empty variable changes nothing. It is called once, before anyone else sees c; when
// it returns errors, c is not to be used. Only a few keys have a variable: what differs
// between two machines with the same file.
func (c *Config) ApplyEnv(environ []string) Problems {
	var ps Problems
	getenv := func(name string) string {
		for i := len(environ) - 1; i >= 0; i-- { // of several the last counts
			if value, is := strings.CutPrefix(environ[i], name+"="); is {
				return value
			}
		}
		return ""
	}
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
	misspelt(environ, complain)
	c.collisions(complain)
	return ps
}

// otherVariables are those that others of the program's packages read.
var otherVariables = []string{"HUNTAWAY_CONFIG", "HUNTAWAY_ADMIN_TOKEN", "HUNTAWAY_DAEMON", "HUNTAWAY_FAILPOINT"}

// Variables returns the names of the variables that lay something over a file, and of those that
// are read elsewhere.
func Variables() []string {
	all := slices.Clone(otherVariables)
	for _, s := range sections() {
		for i := range s.rows {
			if name := s.rows[i].env; name != "" {
				all = append(all, name)
			}
		}
	}
	return all
}

// misspelt finds variables that are nearly one of ours. Any other HUNTAWAY_* may be somebody
// else's: Kubernetes makes such for a service of that name.
func misspelt(environ []string, complain func(name, text, hint string)) {
	known := Variables()
	for _, each := range environ {
		name, _, _ := strings.Cut(each, "=")
		if !strings.HasPrefix(strings.ToUpper(name), "HUNTAWAY_") || slices.Contains(known, name) || notServed[name] != "" {
			continue
		}
		for _, right := range known {
			if distance(strings.ToUpper(name), right) <= 2 {
				complain(name, "no such variable, so it would change nothing", fmt.Sprintf("did you mean %s?", right))
				break
			}
		}
	}
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
