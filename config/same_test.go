package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
)

// sameAgain wants the TOML that is written from c to load to the same Config.
func sameAgain(t *testing.T, c *Config) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTOML(&b, c); err != nil {
		t.Fatal(err)
	}
	again, err := Parse(filepath.Join(filepath.Dir(c.Path), "again.toml"), b.Bytes())
	if err != nil {
		t.Fatalf("got\n%v\nfrom the written\n%s\nwant it to load", err, b.String())
	}
	again.Path, again.Format, again.Warnings = c.Path, c.Format, c.Warnings
	if !reflect.DeepEqual(again, c) {
		t.Errorf("got %s\nwant %s\nfrom the written\n%s", revealed(again), revealed(c), b.String())
	}
}

// revealed prints a Config with its secrets: these are a test's.
func revealed(c *Config) string {
	text := fmt.Sprintf("%+v", *c)
	for _, p := range c.Pools {
		text += fmt.Sprintf(" [%q %q]", p.Password.spelled(), p.ServerPassword.spelled())
	}
	return text
}
