package loop

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestStory: every name that the package documentation links to exists, so that the map
// stays true of the territory.
func TestStory(t *testing.T) {
	names := declared(t)
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\[([A-Za-z]+(?:\.[A-Za-z]+)?)\]`).FindAllStringSubmatch(string(text), -1)
	if len(links) < 12 {
		t.Fatalf("got %d links in doc.go; want the stations of a request's life at least", len(links))
	}
	for _, l := range links {
		if !names[l[1]] {
			t.Errorf("doc.go links to %s, which does not exist", l[1])
		}
	}
}

// declared returns the package's functions, types and methods ("type.method").
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	source := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	files := token.NewFileSet()
	packages, err := parser.ParseDir(files, ".", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range packages["loop"].Files {
		for _, d := range file.Decls {
			name(d, names)
		}
	}
	return names
}

// name notes what a declaration declares.
func name(d ast.Decl, names map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[d.Name.Name] = true
			return
		}
		recv := d.Recv.List[0].Type
		if star, ok := recv.(*ast.StarExpr); ok {
			recv = star.X
		}
		if id, ok := recv.(*ast.Ident); ok {
			names[id.Name+"."+d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if ts, ok := s.(*ast.TypeSpec); ok {
				names[ts.Name.Name] = true
			}
		}
	}
}

// TestLinkTable: the table in linkState's comment is the table that the code uses.
func TestLinkTable(t *testing.T) {
	states := []string{"idle", "dialing", "greeting", "ready", "cooling", "leaving", "closed"}
	events := []string{"needed", "dialed", "greeted", "failed", "rested", "retired", "returned"}
	text, err := os.ReadFile("link.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Fields(strings.TrimPrefix(line, "//\t")); strings.HasPrefix(line, "//\t") && len(cells) > 1 {
			rows[cells[0]] = cells
		}
	}
	if got := strings.Join(rows["needed"], " "); got != strings.Join(events, " ") {
		t.Fatalf("got events %q in the comment; want %q", got, events)
	}
	for s, state := range states {
		row := rows[state]
		if len(row) != len(events)+1 {
			t.Fatalf("got %d cells for %s; want %d", len(row)-1, state, len(events))
		}
		for e, event := range events {
			code := "-"
			if next := linkNext[s][e]; next != never {
				code = states[next]
			}
			if row[e+1] != code {
				t.Errorf("%s on event %s: code says %s, comment says %s", state, event, code, row[e+1])
			}
		}
	}
}

// TestFaultTexts pins what clients read when a request fails here. The beginning and the
// end are what their code may match on.
func TestFaultTexts(t *testing.T) {
	at := place{pool: "alpha", group: "g1", addr: "10.0.0.1:6379"}
	for _, tc := range []struct {
		f    *fault
		ms   int64
		want string
	}{
		{faultNoMaster, 0, "-TRYAGAIN huntaway: no master (group g1, pool alpha); not executed"},
		{faultNoReplica, 0, "-TRYAGAIN huntaway: no server can take the read (group g1, pool alpha); not executed"},
		{faultNoGroup, 0, "-TRYAGAIN huntaway: no group is in the ring (group g1, pool alpha); not executed"},
		{faultConnect, 0, "-TRYAGAIN huntaway: cannot connect to 10.0.0.1:6379 (group g1, pool alpha); not executed"},
		{faultHoldFull, 0, "-TRYAGAIN huntaway: too many requests are waiting (group g1, pool alpha); not executed"},
		{faultHoldTime, 0, "-TRYAGAIN huntaway: no server took the request in time (group g1, pool alpha); not executed"},
		{faultMoved, 0, "-TRYAGAIN huntaway: its keys have moved to several groups (group g1, pool alpha); not executed"},
		{faultUnowned, 0, "-TRYAGAIN huntaway: no server of the cluster owns the key's slot (group g1, pool alpha); not executed"},
		{faultRedirect, 0, "-TRYAGAIN huntaway: the cluster keeps naming other servers (group g1, pool alpha); not executed"},
		{faultMoving, 0, "-TRYAGAIN huntaway: its keys are being moved (group g1, pool alpha); not executed"},
		{faultClusterDown, 0, "-TRYAGAIN huntaway: the cluster does not serve the key's slot (group g1, pool alpha); not executed"},
		{faultAuth, 0, "-TRYAGAIN huntaway: the server refused our credentials on 10.0.0.1:6379 (group g1, pool alpha); not executed"},
		{faultFull, 0, "-TRYAGAIN huntaway: the server has too many clients on 10.0.0.1:6379 (group g1, pool alpha); not executed"},
		{faultNoSelect, 0, "-TRYAGAIN huntaway: another database needs SELECT, which is not allowed to us on 10.0.0.1:6379 (group g1, pool alpha); not executed"},
		{faultRefused, 0, "-TRYAGAIN huntaway: the server refused the handshake on 10.0.0.1:6379 (group g1, pool alpha); not executed"},
		{faultLost, 0, "-ERR huntaway: connection lost to 10.0.0.1:6379 (group g1, pool alpha); the command may have been executed"},
		{faultTimeout, 400, "-ERR huntaway: timed out after 400 ms on 10.0.0.1:6379 (group g1, pool alpha); the command may have been executed"},
		{faultSilent, 0, "-ERR huntaway: the server has been silent for too long on 10.0.0.1:6379 (group g1, pool alpha); the command may have been executed"},
		{faultDrips, 0, "-ERR huntaway: a reply before it comes too slowly on 10.0.0.1:6379 (group g1, pool alpha); the command may have been executed"},
		{faultReply, 0, "-ERR huntaway: the server's reply makes no sense on 10.0.0.1:6379 (group g1, pool alpha); the command may have been executed"},
		{faultSplitReply, 0, "-ERR huntaway: the parts of the reply do not fit together (group g1, pool alpha); the command may have been executed"},
		{faultPartly, 0, "-ERR huntaway: parts of the command could not be sent (group g1, pool alpha); the command may have been executed"},
	} {
		at.afterMS = tc.ms
		if got := string(appendFault(nil, tc.f, at)); got != tc.want+"\r\n" {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
}
