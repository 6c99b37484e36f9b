package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"huntaway/config"
)

// TestLogLevelSetIsNoError: that the level was changed is said at every level, and is no error.
func TestLogLevelSetIsNoError(t *testing.T) {
	for _, level := range []string{"debug", "info", "warn", "error"} {
		var b bytes.Buffer
		log, err := openLog(config.Log{Level: level, Format: "json"}, &b)
		if err != nil {
			t.Fatal(err)
		}
		log.shift(4)
		log.shift(-4)
		lines := strings.SplitAfter(b.String(), "\n")
		if len(lines) != 3 { // the last one is empty
			t.Fatalf("from %s: got %q; want two lines", level, lines)
		}
		for _, line := range lines[:2] {
			mentions(t, "from "+level, line, `"level":"INFO"`, `"msg":"log level set"`)
		}
	}
}

// TestLogSaysUnits: a duration is shown with its unit, in JSON as in text, also one of a group.
func TestLogSaysUnits(t *testing.T) {
	for format, want := range map[string][]string{
		"json": {`"at_most":"30s"`, `"server":{"retry":"49ms"}`},
		"text": {`at_most=30s`, `server.retry=49ms`},
	} {
		var b bytes.Buffer
		log, err := openLog(config.Log{Format: format}, &b)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("draining", "at_most", 30*time.Second)
		log.WithGroup("server").Info("link down", "retry", 49*time.Millisecond)
		mentions(t, format, b.String(), want...)
	}
}
