package codec

import (
	"bufio"
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// answer is what the set says to a COMMAND request, parsed; it must be one whole reply.
func answer(t *testing.T, set *Commands, args ...string) any {
	t.Helper()
	raw := set.AppendReply([]byte("before"), requestOf(append([]string{"COMMAND"}, args...)...), 2)
	in := bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("before"))))
	v, err := readReply(in)
	if err != nil || in.Buffered() > 0 {
		t.Fatalf("%q: got %v and %d bytes more", args, err, in.Buffered())
	}
	return v
}

// What the server knows and the proxy serves is described as the server describes it.
func TestCommandInfoIsTheServers(t *testing.T) {
	rows := map[string]CommandSpec{}
	for _, s := range specsOf(t, startRedis(t).ask("COMMAND")) {
		rows[s.Name] = s
		for _, sub := range s.Sub {
			rows[sub.Name] = sub
		}
	}
	compared := 0
	for _, got := range specsOf(t, answer(t, Default())) {
		for _, s := range append(got.Sub, got) {
			want, known := rows[s.Name]
			if !known {
				continue
			}
			compared++
			compareSpecs(t, s, want)
		}
	}
	if compared < 200 {
		t.Errorf("compared %d commands; want hundreds", compared)
	}
}

func compareSpecs(t *testing.T, got, want CommandSpec) {
	t.Helper()
	slices.Sort(got.Flags)
	slices.Sort(want.Flags)
	got.Tips, want.Tips = nil, nil
	slices.Sort(got.Categories)
	slices.Sort(want.Categories)
	got.Sub, want.Sub = nil, nil
	if slices.Contains(byRole, got.Name) {
		got.Keyspecs, want.Keyspecs = nil, nil
	}
	for _, s := range []*CommandSpec{&got, &want} {
		for i := range s.Keyspecs {
			s.Keyspecs[i].Flags, s.Keyspecs[i].Notes = nil, ""
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v; want %+v", got.Name, got, want)
	}
}

// byRole are the commands whose key specifications differ though they mean the same keys:
// the server has one for each role of a key, source and destination, or one that says it
// is unknown, or begins its search where GEORADIUS cannot have an option yet.
var byRole = strings.Fields("bitop blmove brpoplpush copy georadius geosearchstore lmove " +
	"pfmerge rename renamenx rpoplpush sdiffstore sinterstore smove sort sort_ro sunionstore " +
	"zrangestore")

// A proxy in front of a proxy learns the same commands.
func TestCommandReplyCanBeLearnt(t *testing.T) {
	specs := specsOf(t, answer(t, Default()))
	rng := requestOf("msetex", "2", "a", "1", "b", "2")
	for _, s := range specs {
		if s.Name != "msetex" {
			continue
		}
		s.Name = "elsewhere"
		learnt := Default().Learn([]CommandSpec{s}).Lookup([]byte("elsewhere"))
		keys, err := learnt.Keys(rng, nil)
		if err != nil || !slices.Equal(keys, []int32{2, 4}) {
			t.Errorf("got %v, %v; want [2 4]", keys, err)
		}
		return
	}
	t.Error("msetex is not in the reply")
}

func TestCommandListsWhatIsServed(t *testing.T) {
	names := answer(t, Default(), "LIST").([]any)
	for _, c := range Default().All() {
		want := c.Policy.Served() && c.Name != "sentinel"
		if got := slices.Contains(names, any(c.Name)); got != want {
			t.Errorf("%s: got listed %t; want %t", c.Name, got, want)
		}
	}
	tops := answer(t, Default()).([]any)
	if n := answer(t, Default(), "COUNT"); n != int64(len(tops)) || len(tops) < 250 {
		t.Errorf("got COUNT %v and %d commands; want the same, hundreds", n, len(tops))
	}
}

// Filters keep what the server's keep, of what both know.
func TestCommandListFilters(t *testing.T) {
	server := startRedis(t)
	known := server.ask("COMMAND", "LIST").([]any)
	served := answer(t, Default(), "LIST").([]any)
	filters := []string{"ACLCAT hash", "aclcat Dangerous", "ACLCAT fast", "ACLCAT nothing", "PATTERN z*",
		"PATTERN *|H*", "pattern [gs]et", "PATTERN [^a-y]*", "PATTERN ?et*", "PATTERN x\\*", "PATTERN get",
		"PATTERN **t", "PATTERN [", "PATTERN [a", "PATTERN [z-a]?t", "MODULE ReJSON"}
	for _, f := range filters {
		args := append([]string{"LIST", "FILTERBY"}, strings.Fields(f)...)
		theirs := server.ask(append([]string{"COMMAND"}, args...)...).([]any)
		ours := answer(t, Default(), args...).([]any)
		for _, name := range known {
			if !slices.Contains(served, name) {
				continue
			}
			got, want := slices.Contains(ours, name), slices.Contains(theirs, name)
			if got != want {
				t.Errorf("%s: %s: got %t; want %t", f, name, got, want)
			}
		}
	}
	json := answer(t, Default(), "LIST", "FILTERBY", "MODULE", "ReJSON").([]any)
	if len(json) < 20 || slices.Contains(json, any("get")) {
		t.Errorf("got %v; want the commands of RedisJSON", json)
	}
}

func TestCommandInfo(t *testing.T) {
	got := answer(t, Default(), "INFO", "GET", "nope", "monitor", "object|encoding").([]any)
	if len(got) != 4 || got[1] != nil || got[2] != nil {
		t.Fatalf("got %v; want two rows and, between them, two nils", got)
	}
	if name := got[3].([]any)[0]; name != "object|encoding" {
		t.Errorf("got %v; want object|encoding", name)
	}
	if all := answer(t, Default(), "INFO").([]any); len(all) != len(answer(t, Default()).([]any)) {
		t.Errorf("got %d rows without a name; want all", len(all))
	}
}

func TestCommandDocs(t *testing.T) {
	docs := pairs(answer(t, Default(), "DOCS", "get", "nope", "OBJECT", "json.get"))
	if len(docs) != 3 {
		t.Fatalf("got %d entries; want 3", len(docs))
	}
	get := pairs(docs["get"])
	if get["group"] != "string" || get["since"] != "1.0.0" {
		t.Errorf("got %v; want group and version of GET", get)
	}
	if _, ok := get["summary"].(string); !ok {
		t.Errorf("got %v; want a summary: redis-cli asserts a string", get["summary"])
	}
	subs := pairs(pairs(docs["object"])["subcommands"])
	if pairs(subs["object|encoding"])["group"] != "generic" {
		t.Errorf("got %v; want the sub-commands of OBJECT", subs)
	}
	if m := pairs(docs["json.get"])["module"]; m != "ReJSON" {
		t.Errorf("got module %v; want ReJSON", m)
	}
	if all := answer(t, Default(), "DOCS").([]any); len(all) < 500 {
		t.Errorf("got %d elements of all; want two for each command", len(all))
	}
}

// Errors and GETKEYS, word for word.
func TestCommandReplyIsTheServers(t *testing.T) {
	server := startRedis(t)
	lines := []string{
		"GETKEYS get k", "GETKEYS MSET a 1 b 2", "GETKEYS eval s 2 a b c", "GETKEYS eval s 0",
		"GETKEYS eval s 9 a", "GETKEYS get a b", "GETKEYS ping x", "GETKEYS nope k", "GETKEYS object nope k",
		"GETKEYS object encoding k", "GETKEYS subscribe c", "GETKEYS xread STREAMS a", "GETKEYS object",
		"GETKEYS", "COUNT x", "LIST x", "LIST FILTERBY x y", "LIST FILTERBY ACLCAT", "NONSENSE", "DOCS nope",
	}
	for _, line := range lines {
		args := strings.Fields(line)
		want := server.ask(append([]string{"COMMAND"}, args...)...)
		if got := answer(t, Default(), args...); !reflect.DeepEqual(got, want) {
			t.Errorf("COMMAND %s: got %v; want %v", line, got, want)
		}
	}
}

func TestCommandHelp(t *testing.T) {
	if lines := answer(t, Default(), "HELP").([]any); len(lines) < 5 {
		t.Errorf("got %v; want a few lines", lines)
	}
}
