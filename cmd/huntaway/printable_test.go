package main

import (
	"bytes"
	"strings"
	"testing"

	"huntaway/ha"
)

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n":          "plain\ttext\n",
		"größer ⏎ 写":             "größer ⏎ 写",
		"\x1b]0;owned\x07":       `\x1b]0;owned\a`,
		"\x1b[2J\rall is well":   `\x1b[2J\rall is well`,
		"\u009b2J":               `\u009b2J`,
		"\u202eevil\u2066":       `\u202eevil\u2066`,
		"\x00\x7f\u2028":         `\x00\x7f\u2028`,
		"cut \xe2\x28 bytes\xff": `cut \xe2( bytes\xff`,
	} {
		if got := shown(text); got != want {
			t.Errorf("%q: got %q; want %q", text, got, want)
		}
	}
}

// TestWhatServersSayIsNotObeyed: terminal escapes in a server's error reach no terminal through
// status, events and check --connect.
func TestWhatServersSayIsNotObeyed(t *testing.T) {
	const evil = "ERR \x1b]0;owned\x07\x1b[2Jall is well\u202e"
	page := &statusPage{Huntaway: "test", Pools: []statusPool{{Name: "a", Mode: "local", Groups: []statusGroup{{
		Name: "g", State: "stuck", Forbidden: evil, Latched: evil, Alarms: []string{evil},
		Servers: []statusServer{{Addr: "h:1", Role: "replica", State: "out", Reason: "down", Error: evil, Unfit: evil}}}}}}}
	page.judge()
	events := &eventPage{Events: []eventLine{{Pool: "a", Group: "g", Server: "h:1", What: evil, Why: evil}}}
	var b bytes.Buffer
	for _, write := range []func() error{
		func() error { return page.write(&b) },
		func() error { return events.write(&b) },
		func() error {
			return writeFindings(&b, []ha.Finding{{Weight: ha.Fatal, Pool: "a", Group: "g", Server: "h:1", Is: evil, Should: evil, Do: evil}})
		},
	} {
		b.Reset()
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); strings.ContainsFunc(got, hidden) || !strings.Contains(got, `\x1b]0;owned`) {
			t.Errorf("got %q; want it escaped", got)
		}
	}
}
