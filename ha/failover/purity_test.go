package failover

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPurity: the core has no clock, no socket, no file, no lock and no goroutine.
func TestPurity(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	refused := []string{"net", "os", "sync", "context", "log", "math/rand", "syscall"}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range tree.Imports {
			path, _ := strconv.Unquote(imported.Path.Value)
			if root, _, _ := strings.Cut(path, "/"); slices.Contains(refused, root) || slices.Contains(refused, path) {
				t.Errorf("%s: got import of %s; want none of %v", fset.Position(imported.Pos()), path, refused)
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt:
				t.Errorf("%s: got a goroutine's statement; want none", fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, is := n.X.(*ast.Ident); is && x.Name == "time" && slices.Contains([]string{"Now", "Sleep", "After", "Since", "Tick", "NewTimer"}, n.Sel.Name) {
					t.Errorf("%s: got time.%s; want times from events", fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}
