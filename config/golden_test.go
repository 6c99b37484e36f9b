package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestBadFiles: every file of testdata/bad is refused, and what is said about it is what
// its .golden file says.
func TestBadFiles(t *testing.T) {
	for _, path := range inputs(t, "testdata/bad", 40) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := Load(path)
			if err == nil {
				t.Fatalf("got a configuration of %d pools; want problems", len(c.Pools))
			}
			ps, ok := err.(Problems)
			if !ok || !ps.Fatal() {
				t.Fatalf("got %T without errors; want Problems", err)
			}
			golden(t, path, err.Error()+"\n")
			judgePlaces(t, path, ps)
		})
	}
}

// TestGoodFiles: every file of testdata/good loads, with the warnings and
// the translation to TOML that its .golden file holds.
func TestGoodFiles(t *testing.T) {
	t.Setenv("HUNTAWAY_TEST_PASSWORD", "from the environment")
	for _, path := range inputs(t, "testdata/good", 10) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := Load(path)
			if err != nil {
				t.Fatalf("got\n%v\nwant a configuration", err)
			}
			var b bytes.Buffer
			c.Warnings.Write(&b)
			if err := WriteTOML(&b, c); err != nil {
				t.Fatal(err)
			}
			golden(t, path, b.String())
			sameAgain(t, c)
		})
	}
}

// inputs lists the files of a folder that are no golden files, at least n.
func inputs(t *testing.T, folder string, n int) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.toml", "*.yml", "*.conf"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < n {
		t.Fatalf("got %d files in %s; want at least %d", len(paths), folder, n)
	}
	return paths
}

// golden compares with path's golden file, or writes it under -rewrite.
func golden(t *testing.T, path, got string) {
	t.Helper()
	path += ".golden"
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// judgePlaces wants every problem's line and column inside the file, and no secret shown.
func judgePlaces(t *testing.T, path string, ps Problems) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, p := range ps {
		switch {
		case p.File != path:
			t.Errorf("got file %q; want %q", p.File, path)
		case p.Line < 0 || p.Line > len(lines):
			t.Errorf("got line %d of %d", p.Line, len(lines))
		case p.Line > 0 && (p.Column < 1 || p.Column > len(lines[p.Line-1])+1):
			t.Errorf("got column %d in a line of %d bytes", p.Column, len(lines[p.Line-1]))
		}
	}
	if strings.Contains(ps.Error(), "marker-of-a-secret") || strings.Contains(ps.Error(), "3141592653") {
		t.Errorf("the problems show a secret:\n%v", ps)
	}
}
