package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed is the map of the house: which of our packages each one may import. An edge that
// is not here is a decision, not a line of code.
var allowed = map[string][]string{
	"perf/invariant": {},
	"codec":          {"perf/invariant"},
	"shard":          {"perf/invariant"},
	"perf":           {"perf/invariant"},
	"perf/export":    {"perf"},
	"perf/repeat":    {},
	"config":         {},
	"loop":           {"codec", "shard", "perf", "perf/invariant", "perf/repeat", "loop/memory", "loop/netio", "loop/scripts"},
	"loop/memory":    {},
	"loop/scripts":   {},
	"loop/netio":     {"loop/memory", "perf"},
	"ha/vital":       {},
	"ha/failover":    {"ha/vital", "perf/invariant"},
	"ha":             {"codec", "shard", "perf", "perf/invariant", "ha/vital", "ha/failover"},
	"cmd/huntaway":   {"codec", "shard", "perf", "perf/export", "perf/repeat", "config", "loop", "ha", "ha/failover"},
}

// pure packages know no network, clock, lock or file, so that they are functions of their
// arguments.
var pure = []string{"codec", "shard"}

// impure are the packages that pure ones do not import.
var impure = []string{"net", "time", "sync", "sync/atomic", "os"}

// atomics is the one exception: shard's vitals are counted, see its comment.
var atomics = map[string]bool{"shard/vitals.go": true}

const module = "huntaway"

// A goFile is one file of the module that is no test.
type goFile struct {
	path string // relative to the module's root, with slashes
	dir  string
	ast  *ast.File
}

// goFiles parses the module, without tests, test data and what perf/bench needs.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	root := os.DirFS(filepath.Join("..", ".."))
	var files []goFile
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == "perf/bench" || path != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
		files = append(files, goFile{path, filepath.ToSlash(filepath.Dir(path)), parsed})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// imports returns the paths that a file imports.
func (f *goFile) imports() (paths []string) {
	for _, i := range f.ast.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// TestLayering fails on every edge between packages that the map does not have.
func TestLayering(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		may, known := allowed[f.dir]
		if !known && !strings.HasSuffix(f.dir, "test") { // looptest and its like serve tests
			t.Errorf("%s: package %s is not on the map of layering_test.go", f.path, f.dir)
			continue
		}
		seen[f.dir] = true
		for _, path := range f.imports() {
			ours, is := strings.CutPrefix(path, module+"/")
			if is && known && !slices.Contains(may, ours) {
				t.Errorf("%s: %s may not import %s", f.path, f.dir, ours)
			}
		}
	}
	for dir := range allowed {
		if !seen[dir] {
			t.Errorf("the map has %s, which does not exist", dir)
		}
	}
}

// TestGnetIsNamedOnce keeps the event library behind one file.
func TestGnetIsNamedOnce(t *testing.T) {
	where := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, path := range f.imports() {
			if strings.HasPrefix(path, "github.com/panjf2000/gnet") {
				where[f.path] = true
			}
		}
	}
	if files := slices.Sorted(maps.Keys(where)); len(files) != 1 || !strings.HasPrefix(files[0], "loop/netio/") {
		t.Errorf("gnet is imported in %v; want one file of loop/netio", files)
	}
}

// TestPurePackages checks what codec and shard import from the standard library.
func TestPurePackages(t *testing.T) {
	for _, f := range goFiles(t) {
		if !slices.Contains(pure, f.dir) {
			continue
		}
		for _, path := range f.imports() {
			if slices.Contains(impure, path) && !(path == "sync/atomic" && atomics[f.path]) {
				t.Errorf("%s imports %s; %s is pure", f.path, path, f.dir)
			}
		}
	}
}
