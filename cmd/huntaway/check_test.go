package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckLooksAtTheHost: what this host lacks to serve a file is a warning that names the key and the path.
func TestCheckLooksAtTheHost(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		output, socket, state string
		want                  []string
	}{
		{dir + "/log", dir + "/s.sock", dir + "/made/on/demand", nil},
		{dir + "/no/log", dir + "/no/s.sock", file + "/below", []string{"log.output: ", dir + "/no: no such file or directory", "pools.a.listen: ", "runtime.state_dir: ", ": not a directory"}},
		{"", "/s.sock", file, []string{"runtime.state_dir: ", ": not a directory"}},
	} {
		conf := written(t, "huntaway.toml", fmt.Sprintf("[log]\noutput = %q\n[runtime]\nstate_dir = %q\n[pools.a]\nlisten = \"unix:%s\"\nfailover = \"local\"\nhold_timeout = \"2.5s\"\n"+
			"[[pools.a.groups]]\nname = \"g\"\nmaster = \"127.0.0.1:1\"\nreplicas = [\"127.0.0.1:2\"]\n", c.output, c.state, c.socket))
		got := huntaway(t, "check", conf)
		if got.status != exitOK {
			t.Fatalf("status %d, %s; want 0", got.status, got.stderr)
		}
		if len(c.want) == 0 && strings.Contains(got.stderr, "on this host") {
			t.Errorf("got %s; want no complaint", got.stderr)
		}
		mentions(t, "check", got.stderr, c.want...)
	}
}

// TestWrongArguments: a command that lacks its argument says what it takes.
func TestWrongArguments(t *testing.T) {
	for _, c := range [][]string{{"route", "GET user:42", "-c", "f"}, {"import", "FILE"}} {
		got := huntaway(t, append(c[:1:1], c[2:]...)...)
		if got.status != exitUsage || !strings.Contains(got.stderr, c[1]) || strings.Contains(got.stderr, "arg(s)") {
			t.Errorf("%q: status %d, %s; want 2, and %q", c, got.status, got.stderr, c[1])
		}
	}
}
