package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A tree is what the module's texts may name.
type tree struct {
	files   map[string]bool            // by path from the root, and by name alone
	tests   map[string]bool            // functions of tests, benchmarks and fuzz targets
	symbols map[string]map[string]bool // what a package declares, by the package's name
	targets map[string]bool            // of the Makefile
	texts   []text
}

// A text is what somebody reads: a comment, or a document.
type text struct{ where, words string }

var (
	testName   = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w*`)
	fileName   = regexp.MustCompile(`[\w./-]*\w\.go\b`)
	linkTarget = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	makeTarget = regexp.MustCompile("(?:`|^    )make ([a-z][a-z-]*)")
	scriptName = regexp.MustCompile(`\.ci/[a-z]+`)
	symbolName = regexp.MustCompile(`\b(\w+)\.([A-Z]\w*)\b`)
	ruleOfMake = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// plant reads the module, tests and documents included.
func plant(t *testing.T) *tree {
	t.Helper()
	x := &tree{files: map[string]bool{}, tests: map[string]bool{}, symbols: map[string]map[string]bool{}, targets: map[string]bool{}}
	root := os.DirFS(filepath.Join("..", ".."))
	err := fs.WalkDir(root, ".", func(at string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (at == "bin" || at == ".git" || at == ".bench"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		x.files[at], x.files[path.Base(at)] = true, true
		words, err := fs.ReadFile(root, at)
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(at, ".go"):
			return x.source(at, words)
		case strings.HasSuffix(at, ".md") || strings.HasPrefix(at, ".ci/"):
			x.texts = append(x.texts, text{at, string(words)})
		case at == "Makefile":
			x.texts = append(x.texts, text{at, string(words)})
			for _, m := range ruleOfMake.FindAllStringSubmatch(string(words), -1) {
				x.targets[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// source takes a file's comments and what it declares.
func (x *tree) source(at string, words []byte) error {
	if strings.Contains(at, "testdata/") {
		return nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), at, words, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, c := range f.Comments {
		x.texts = append(x.texts, text{at, c.Text()})
	}
	declared := x.symbols[f.Name.Name]
	if declared == nil {
		declared = map[string]bool{}
		x.symbols[f.Name.Name] = declared
	}
	for _, d := range f.Decls {
		for _, name := range declares(d) {
			declared[name] = true
		}
		if fn, is := d.(*ast.FuncDecl); is {
			x.tests[fn.Name.Name] = true
		}
	}
	return nil
}

// declares returns the names that a declaration declares.
func declares(d ast.Decl) (names []string) {
	if fn, is := d.(*ast.FuncDecl); is {
		return []string{fn.Name.Name}
	}
	for _, s := range d.(*ast.GenDecl).Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			names = append(names, s.Name.Name)
		case *ast.ValueSpec:
			for _, name := range s.Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// ours are the packages whose symbols are resolved: their names are nobody else's here.
var ours = map[string]bool{"codec": true, "config": true, "failover": true, "ha": true, "loop": true, "memory": true, "netio": true, "perf": true, "repeat": true, "scripts": true, "shard": true, "vital": true}

// TestDocsNameWhatExists resolves every test, file, script, target of make and exported symbol
// that a comment or a document names.
func TestDocsNameWhatExists(t *testing.T) {
	x := plant(t)
	for _, text := range x.texts {
		for _, name := range testName.FindAllString(text.words, -1) {
			if !x.tests[name] {
				t.Errorf("%s names %s, which does not exist", text.where, name)
			}
		}
		for _, name := range fileName.FindAllString(text.words, -1) {
			if name != "_test.go" && !x.files[name] && !x.files[path.Join(path.Dir(text.where), name)] {
				t.Errorf("%s names the file %s, which does not exist", text.where, name)
			}
		}
		for _, name := range scriptName.FindAllString(text.words, -1) {
			if !x.files[name] {
				t.Errorf("%s names the script %s, which does not exist", text.where, name)
			}
		}
		for _, m := range symbolName.FindAllStringSubmatch(text.words, -1) {
			if ours[m[1]] && !x.symbols[m[1]][m[2]] {
				t.Errorf("%s names %s, which does not exist", text.where, m[0])
			}
		}
		x.document(t, text)
	}
	if len(x.texts) < 1000 || len(x.tests) < 1000 {
		t.Errorf("found %d texts and %d functions; want those of the whole module", len(x.texts), len(x.tests))
	}
}

// document resolves what documents alone name: links and targets of make.
func (x *tree) document(t *testing.T, text text) {
	t.Helper()
	if !strings.HasSuffix(text.where, ".md") {
		return
	}
	for _, m := range linkTarget.FindAllStringSubmatch(text.words, -1) {
		if !x.files[path.Join(path.Dir(text.where), m[1])] {
			t.Errorf("%s links to %s, which does not exist", text.where, m[1])
		}
	}
	for line := range strings.Lines(text.words) {
		for _, m := range makeTarget.FindAllStringSubmatch(line, -1) {
			if !x.targets[m[1]] {
				t.Errorf("%s names make %s, which the Makefile has not", text.where, m[1])
			}
		}
	}
}
