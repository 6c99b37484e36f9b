package main

import (
	"bufio"
	"go/ast"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// listedLine matches a row of the table in doc.go: a file and a number.
var listedLine = regexp.MustCompile(`^//\t(\S+\.go)\s+(\d+)\s`)

// listed reads the table of goroutines in doc.go.
func listed(t *testing.T) map[string]int {
	t.Helper()
	f, err := os.Open("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := listedLine.FindStringSubmatch(lines.Text()); m != nil {
			table[m[1]], _ = strconv.Atoi(m[2]) // digits by the pattern
		}
	}
	return table
}

// TestGoroutinesAreListed counts go statements, and calls of a method Go (of a WaitGroup or
// an errgroup), per file and compares with the table in doc.go.
func TestGoroutinesAreListed(t *testing.T) {
	table := listed(t)
	if len(table) == 0 {
		t.Fatal("doc.go has no table of goroutines")
	}
	for _, f := range goFiles(t) {
		n := 0
		ast.Inspect(f.ast, func(node ast.Node) bool {
			if starts(node) {
				n++
			}
			return true
		})
		if n != table[f.path] {
			t.Errorf("%s starts goroutines in %d places; the table in doc.go says %d", f.path, n, table[f.path])
		}
		delete(table, f.path)
	}
	for path := range table {
		t.Errorf("the table in doc.go has %s, which does not exist", path)
	}
}

// starts tells whether a node starts a goroutine.
func starts(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		method, ok := n.Fun.(*ast.SelectorExpr)
		return ok && method.Sel.Name == "Go" && len(n.Args) == 1
	}
	return false
}
