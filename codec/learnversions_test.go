package codec

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorded returns what a server of some version answered to COMMAND: testdata/command has
// whole replies of Redis 7.0.15, a state of 8.0 and a state of Valkey 8.1.
func recorded(t testing.TB, version string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "command", version+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// specsIn parses a recorded reply.
func specsIn(t testing.TB, reply []byte) []CommandSpec {
	t.Helper()
	v, err := readReply(bufio.NewReader(bytes.NewReader(reply)))
	if err != nil {
		t.Fatal(err)
	}
	specs, err := ParseCommandReply(v)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

var versions = []string{"redis-7.0.15", "redis-8.0-dev", "valkey-8.1-dev"}

// TestCommandIsTheServers: what a server said of its commands is said again, byte for byte.
func TestCommandIsTheServers(t *testing.T) {
	for _, v := range versions {
		for resp, name := range map[uint8]string{2: ".resp2", 3: ".resp3"} {
			want := recorded(t, v+name)
			specs := specsIn(t, want)
			if err := CheckCommands(specs); err != nil {
				t.Errorf("%s%s: %v", v, name, err)
			}
			if got := Default().Learn(specs).AppendReply(nil, requestOf("COMMAND"), resp); !bytes.Equal(got, want) {
				t.Errorf("%s%s: got %d bytes, %.300q; want %d, %.300q", v, name, len(got), got, len(want), want)
			}
		}
	}
}

// TestCommandFormsAreTheServers: COUNT, LIST and INFO speak of the server's commands, those
// included that the proxy refuses, and of no others.
func TestCommandFormsAreTheServers(t *testing.T) {
	specs := specsIn(t, recorded(t, "redis-7.0.15.resp2"))
	set := Default().Learn(specs)
	if n := answer(t, set, "COUNT"); n != int64(len(specs)) {
		t.Errorf("got COUNT %v; want %d", n, len(specs))
	}
	names := func(args ...string) (all []string) {
		for _, n := range answer(t, set, args...).([]any) {
			all = append(all, n.(string))
		}
		slices.Sort(all)
		return all
	}
	got := names("LIST", "FILTERBY", "PATTERN", "Config*")
	if want := strings.Fields("config config|get config|help config|resetstat config|rewrite config|set"); !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
	if got := names("LIST", "FILTERBY", "ACLCAT", "transaction"); !slices.Equal(got, strings.Fields("discard exec multi unwatch watch")) {
		t.Errorf("got %v; want the transaction's", got)
	}
	if all := names("LIST"); len(all) != countSpecs(specs) || slices.Contains(all, "json.get") || !slices.Contains(all, "shutdown") {
		t.Errorf("got %d names; want the server's %d", len(all), countSpecs(specs))
	}
	rows := answer(t, set, "INFO", "MIGRATE", "json.get", "config|RESETSTAT").([]any)
	if migrate := specsOf(t, rows[:1])[0]; !slices.Contains(migrate.Flags, "movablekeys") || rows[1] != nil || rows[2].([]any)[0] != "config|resetstat" {
		t.Errorf("got %v; want MIGRATE as the server has it, nothing of JSON.GET, CONFIG RESETSTAT", rows)
	}
}

// TestSyntaxThatGrew: the arity of every command and sub-command that is forwarded is the
// server's, and so are its flags.
func TestSyntaxThatGrew(t *testing.T) {
	for _, v := range versions {
		specs := specsIn(t, recorded(t, v+".resp2"))
		set := Default().Learn(specs)
		compared := 0
		var walk func([]CommandSpec)
		walk = func(all []CommandSpec) {
			for i := range all {
				s := &all[i]
				walk(s.Sub)
				c := set.row(s.Name)
				if c == nil {
					t.Errorf("%s: %s is not known", v, s.Name)
					continue
				}
				if c.Policy != Forward || len(s.Sub) > 0 {
					continue
				}
				compared++
				if int(c.Arity) != s.Arity || c.IsRead() && !slices.Contains(s.Flags, "readonly") {
					t.Errorf("%s: %s: got arity %d, read %t; want %d, %v", v, s.Name, c.Arity, c.IsRead(), s.Arity, s.Flags)
				}
			}
		}
		walk(specs)
		if compared < 150 {
			t.Errorf("%s: compared %d commands; want most", v, compared)
		}
		rank := set.Lookup([]byte("zrank"))
		if got, want := rank.CheckArity(4), v != "redis-7.0.15"; got != want {
			t.Errorf("%s: ZRANK k m WITHSCORE: got %t; want %t", v, got, want)
		}
	}
	valkey := Default().Learn(specsIn(t, recorded(t, "valkey-8.1-dev.resp2")))
	for _, name := range []string{"client|capa", "script|show", "cluster|slot-stats"} {
		if c := valkey.row(name); c == nil {
			t.Errorf("%s is not known", name)
		}
	}
}

// TestCommonCommands: of several versions what all have, with the arity that allows more.
func TestCommonCommands(t *testing.T) {
	old, redis, valkey := specsIn(t, recorded(t, "redis-7.0.15.resp2")), specsIn(t, recorded(t, "redis-8.0-dev.resp2")), specsIn(t, recorded(t, "valkey-8.1-dev.resp2"))
	for _, order := range [][][]CommandSpec{{old, redis, valkey}, {valkey, redis, old}, {redis, valkey, old}} {
		set := Default().Learn(CommonCommands(order))
		if n := answer(t, set, "COUNT"); n != int64(len(old)) {
			t.Errorf("got COUNT %v; want the %d of 7.0", n, len(old))
		}
		list := answer(t, set, "LIST").([]any)
		for name, want := range map[string]bool{"hexpire": false, "client|no-touch": false, "script|show": false, "get": true, "config|get": true} {
			if got := slices.Contains(list, any(name)); got != want {
				t.Errorf("%s: got listed %t; want %t", name, got, want)
			}
		}
		if c := set.Lookup([]byte("zrank")); !c.CheckArity(3) || !c.CheckArity(4) || c.CheckArity(2) {
			t.Errorf("got arity %d; want 3 and more", c.Arity)
		}
	}
	if two := CommonCommands([][]CommandSpec{redis, redis}); !slices.EqualFunc(two, redis, func(a, b CommandSpec) bool { return a.Name == b.Name && a.Arity == b.Arity }) {
		t.Error("two servers of one version have something else in common than all")
	}
	if CommonCommands(nil) != nil {
		t.Error("no server has commands")
	}
}

// TestNonsenseIsRefused: a reply of which a part cannot be true is refused as a whole.
func TestNonsenseIsRefused(t *testing.T) {
	good := specsIn(t, recorded(t, "redis-8.0-dev.resp2"))
	at := func(name string) int {
		return slices.IndexFunc(good, func(s CommandSpec) bool { return s.Name == name })
	}
	for what, spoil := range map[string]func([]CommandSpec) []CommandSpec{
		"nothing":                 func([]CommandSpec) []CommandSpec { return nil },
		"a name twice":            func(s []CommandSpec) []CommandSpec { return append(s, s[0]) },
		"no name":                 func(s []CommandSpec) []CommandSpec { s[3].Name = "a b"; return s },
		"no arity":                func(s []CommandSpec) []CommandSpec { s[3].Arity = 0; return s },
		"much arity":              func(s []CommandSpec) []CommandSpec { s[3].Arity = 1 << 40; return s },
		"SET only reads":          func(s []CommandSpec) []CommandSpec { s[at("set")].Flags = []string{"readonly"}; return s },
		"reads only and writes":   func(s []CommandSpec) []CommandSpec { s[at("get")].Flags = []string{"readonly", "write"}; return s },
		"GET's key elsewhere":     func(s []CommandSpec) []CommandSpec { s[at("get")].First = 2; s[at("get")].Last = 2; return s },
		"keys backwards":          func(s []CommandSpec) []CommandSpec { s[at("mset")].Step = -1; return s },
		"a strange sub-command":   func(s []CommandSpec) []CommandSpec { s[at("object")].Sub[0].Name = "get|x"; return s },
		"a line end in a flag":    func(s []CommandSpec) []CommandSpec { s[3].Flags = []string{"a\r\n+OK"}; return s },
		"a line end in a tip":     func(s []CommandSpec) []CommandSpec { s[3].Tips = []string{"a\nb"}; return s },
		"a key before the first":  func(s []CommandSpec) []CommandSpec { s[3].First = -1; return s },
		"DEL's sub-command wrong": func(s []CommandSpec) []CommandSpec { s[at("del")].Sub = []CommandSpec{{Name: "del|x"}}; return s },
	} {
		bad := slices.Clone(good)
		for i := range bad {
			bad[i].Sub = slices.Clone(bad[i].Sub)
		}
		if err := CheckCommands(spoil(bad)); err == nil {
			t.Errorf("%s: got no error", what)
		}
	}
	if err := CheckCommands(good); err != nil {
		t.Errorf("got %v for what a server said", err)
	}
}
