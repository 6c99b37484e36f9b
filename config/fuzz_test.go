package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoadTOML: see loadAnything.
func FuzzLoadTOML(f *testing.F) {
	seed(f, "*.toml")
	f.Add(string(Defaults()))
	f.Fuzz(func(t *testing.T, text string) { loadAnything(t, "fuzz.toml", text) })
}

// FuzzLoadNutcracker: see loadAnything.
func FuzzLoadNutcracker(f *testing.F) {
	seed(f, "*.yml")
	for _, c := range edgeCases {
		f.Add(file(c.keys, c.servers))
	}
	f.Fuzz(func(t *testing.T, text string) { loadAnything(t, "fuzz.yml", text) })
}

func seed(f *testing.F, pattern string) {
	for _, folder := range []string{"testdata/good", "testdata/bad", "examples"} {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
}

// loadAnything: a text loads twice to the same; its problems lie inside it; and if it is
// right, what WriteTOML makes of it loads to the same Config.
func loadAnything(t *testing.T, name, text string) {
	c, err := Parse(name, []byte(text))
	again, errAgain := Parse(name, []byte(text))
	if !reflect.DeepEqual(c, again) || !reflect.DeepEqual(err, errAgain) {
		t.Fatalf("got %v, %v and then %v, %v", c, err, again, errAgain)
	}
	if err != nil {
		ps := err.(Problems)
		if !ps.Fatal() {
			t.Fatalf("got %v; want at least one error", ps)
		}
		inside(t, text, ps)
		return
	}
	inside(t, text, c.Warnings)
	if c.Warnings.Fatal() {
		t.Fatalf("got a configuration with %v", c.Warnings)
	}
	sameAgain(t, c)
}

// inside wants every problem's place in the text.
func inside(t *testing.T, text string, ps Problems) {
	text = strings.TrimPrefix(text, "\uFEFF")
	lines := strings.Split(text, "\n")
	for _, p := range ps {
		if p.Line == 0 {
			continue
		}
		if p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+1 || p.Width < 1 {
			t.Fatalf("%d:%d+%d is not in\n%q", p.Line, p.Column, p.Width, text)
		}
	}
	var b bytes.Buffer
	if err := ps.Write(&b); err != nil || !utf8.Valid(b.Bytes()) {
		t.Fatalf("got %v, %q; want UTF-8", err, b.Bytes())
	}
}
