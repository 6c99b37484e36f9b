package codec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func specsOf(t *testing.T, reply any) []CommandSpec {
	t.Helper()
	specs, err := ParseCommandReply(reply)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

func TestParseCommandReplyOfServer(t *testing.T) {
	server := startRedis(t)
	two := specsOf(t, server.ask("COMMAND"))
	if hello, ok := server.ask("HELLO", "3").(map[any]any); !ok {
		t.Fatalf("got %v to HELLO 3; want a map", hello)
	}
	three := specsOf(t, server.ask("COMMAND"))
	if len(two) != 240 || len(three) != len(two) {
		t.Fatalf("got %d commands in RESP2 and %d in RESP3; want 240", len(two), len(three))
	}
	byName := func(a, b CommandSpec) int { return strings.Compare(a.Name, b.Name) }
	for _, specs := range [][]CommandSpec{two, three} {
		slices.SortFunc(specs, byName)
		for i := range specs {
			slices.SortFunc(specs[i].Sub, byName)
		}
	}
	for i := range two {
		if !reflect.DeepEqual(two[i], three[i]) {
			t.Errorf("got %+v in RESP3; want %+v", three[i], two[i])
		}
	}
}

func TestParseCommandReplyRefuses(t *testing.T) {
	entry := func(change func(e []any)) any {
		e := []any{"foo", int64(2), []any{}, int64(1), int64(1), int64(1), []any{}, []any{}, []any{}, []any{}}
		change(e)
		return []any{e}
	}
	deep := any([]any{})
	for range 10 {
		inner := deep
		deep = entry(func(e []any) { e[9] = inner })
	}
	tests := []struct {
		reply any
		want  string
	}{
		{"OK", "COMMAND: got string; want an array"},
		{nil, "got <nil>; want an array"},
		{[]any{"get"}, "entry 0: got string; want an array"},
		{[]any{nil, []any{"get", int64(2)}}, "entry 1: got []interface {}; want an array of 6"},
		{entry(func(e []any) { e[0] = int64(1) }), "name: got int64; want a string"},
		{entry(func(e []any) { e[1] = "two" }), `("foo"), arity: got string; want an integer`},
		{entry(func(e []any) { e[2] = []any{nil} }), "flags: got <nil>; want a string"},
		{entry(func(e []any) { e[8] = []any{"x"} }), "key specification 0: got string"},
		{entry(func(e []any) { e[8] = []any{[]any{"flags"}} }), "names and values in turn"},
		{deep, "fewer levels of sub-commands"},
	}
	for _, tt := range tests {
		_, err := ParseCommandReply(tt.reply)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v; want an error with %q", err, tt.want)
		}
	}
}

func TestParseOldCommandReply(t *testing.T) {
	old := []any{nil, []any{"get", int64(2), []any{"readonly", "fast"}, int64(1), int64(1), int64(1)}}
	want := []CommandSpec{{Name: "get", Arity: 2, Flags: []string{"readonly", "fast"}, First: 1, Last: 1, Step: 1, Parts: 6}}
	if got := specsOf(t, old); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func indexSpec(index, last, step int) KeySpec {
	return KeySpec{Begin: "index", Index: index, Find: "range", LastKey: last, KeyStep: step}
}

func TestLearnNewCommand(t *testing.T) {
	tests := []struct {
		spec   CommandSpec
		policy Policy
		read   bool
		finder finder
	}{
		{CommandSpec{Name: "NEW", Flags: []string{"readonly", "fast"}, First: 1, Last: 1, Step: 1}, Forward, true, fixed},
		{CommandSpec{Name: "new", Flags: []string{"write"}, First: 1, Last: -1, Step: 2}, Forward, false, fixed},
		{CommandSpec{Name: "new", First: 1, Last: 1, Step: 1}, Forward, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"readonly", "surprise"}, First: 1, Last: 1, Step: 1}, Forward, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"readonly"}, First: 1, Last: 1, Step: 1, Tips: []string{"nondeterministic_output"}}, Forward, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"readonly"}, First: 1, Last: 2, Step: 1, Keyspecs: []KeySpec{indexSpec(1, 1, 1)}}, Forward, true, fixed},
		{CommandSpec{Name: "new", Flags: []string{"movablekeys"}, Keyspecs: []KeySpec{{Begin: "index", Index: 2, Find: "keynum", KeyStep: 1, FirstKey: 1}}}, Forward, false, bySpecs},
		{CommandSpec{Name: "new", Flags: []string{"movablekeys"}, Keyspecs: []KeySpec{{Begin: "keyword", Keyword: "KEYS", StartFrom: 1, Find: "range", LastKey: -1, KeyStep: 1}}}, Forward, false, bySpecs},
		{CommandSpec{Name: "new", Flags: []string{"movablekeys"}, First: 1, Last: 1, Step: 1}, Refused, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"movablekeys"}, First: 1, Last: 1, Step: 1, Keyspecs: []KeySpec{indexSpec(1, 0, 1), {Begin: "unknown", Find: "unknown"}}}, Refused, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"movablekeys"}, Keyspecs: []KeySpec{{Flags: []string{"incomplete"}, Begin: "index", Index: 1, Find: "range", KeyStep: 1}}}, Refused, false, fixed},
		{CommandSpec{Name: "new", First: 1, Last: 1, Step: 0}, Refused, false, fixed},
		{CommandSpec{Name: "new", First: -3, Last: 1, Step: 1}, Refused, false, fixed},
		{CommandSpec{Name: "new", Keyspecs: []KeySpec{indexSpec(0, 0, 1)}}, Refused, false, fixed},
		{CommandSpec{Name: "new", Keyspecs: []KeySpec{{Begin: "index", Index: 1, Find: "range", KeyStep: 1 << 40}}}, Refused, false, fixed},
		{CommandSpec{Name: "new", Keyspecs: []KeySpec{{Flags: []string{"not_key"}, Begin: "index", Index: 1, Find: "range", KeyStep: 1}}}, Keyless, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"readonly"}}, Keyless, true, fixed},
		{CommandSpec{Name: "new", Flags: []string{"admin"}, First: 1, Last: 1, Step: 1}, Refused, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"internal"}, First: 1, Last: 1, Step: 1}, Refused, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"pubsub"}}, PubSub, false, fixed},
		{CommandSpec{Name: "new", Flags: []string{"write", "blocking"}, First: 1, Last: 1, Step: 1}, Blocking, false, fixed},
	}
	for _, tt := range tests {
		learnt := Default().Learn([]CommandSpec{tt.spec})
		c := learnt.Lookup([]byte("New"))
		if c == nil {
			t.Errorf("%+v: not found", tt.spec)
			continue
		}
		if c.Policy != tt.policy || c.IsRead() != tt.read || c.finder != tt.finder {
			t.Errorf("%+v: got policy %s, read %t, finder %d; want %s, %t, %d", tt.spec, c.Policy,
				c.IsRead(), c.finder, tt.policy, tt.read, tt.finder)
		}
		if (c.Reason != "") != (c.Policy == Refused) {
			t.Errorf("%+v: got reason %q with policy %s", tt.spec, c.Reason, c.Policy)
		}
		if int(c.ID) != Default().Len() || learnt.Len() != Default().Len()+1 {
			t.Errorf("%+v: got ID %d of %d; want the next", tt.spec, c.ID, learnt.Len())
		}
	}
	if Default().Lookup([]byte("new")) != nil {
		t.Error("Default knows what was learnt elsewhere")
	}
}

func TestLearnKeepsWhatItKnows(t *testing.T) {
	forged := []CommandSpec{
		{Name: "get", Arity: 9, Flags: []string{"write"}, First: 2, Last: 2, Step: 1,
			Sub: []CommandSpec{{Name: "get|evil", First: 1, Last: 1, Step: 1}}},
		{Name: "shutdown", First: 1, Last: 1, Step: 1},
		{Name: "config", Sub: []CommandSpec{{Name: "config|leak", First: 2, Last: 2, Step: 1}}},
		{Name: ""}, {Name: "a b"}, {Name: "x|y"}, {Name: "cr\r\n"}, {Name: strings.Repeat("n", 65)},
	}
	got := Default().Learn(forged)
	if got.Len() != Default().Len()+1 {
		t.Fatalf("got %d commands; want %d and one more", got.Len(), Default().Len())
	}
	for id, was := range Default().All() {
		c := got.All()[id]
		if c.Name != was.Name || c.Policy != was.Policy || c.First != was.First || c.IsRead() && !was.IsRead() {
			t.Errorf("%s: got %+v; want %+v", c.Name, c, was)
		}
	}
	if leak := got.Find(requestOf("config", "leak", "x")); leak.Name != "config|leak" || leak.Policy != Refused || leak.Reason != "" {
		t.Errorf("got %+v; want config|leak to be refused", leak)
	}
	if c := got.Lookup([]byte("get")); c.IsRead() || c.Arity != 9 {
		t.Errorf("got %+v; want a write with the server's arity", c)
	}
	if err := CheckCommands(forged); err == nil {
		t.Error("got no error for a forged reply")
	}
}

func TestLearnFillsGaps(t *testing.T) {
	got := Default().Learn([]CommandSpec{
		{Name: "json.get", Arity: -2, Flags: []string{"write"}},
		{Name: "object", Arity: -2, Sub: []CommandSpec{
			{Name: "object|encoding", Arity: 3},
			{Name: "OBJECT|AGE", Arity: 3, Flags: []string{"readonly"}, First: 2, Last: 2, Step: 1},
		}},
	})
	c, known := got.Lookup([]byte("json.get")), Default().Lookup([]byte("json.get"))
	if c.Arity != -2 || !c.IsRead() || c.ID != known.ID || known.Arity != 0 {
		t.Errorf("json.get: got arity %d, read %t, ID %d; want -2, true, %d", c.Arity, c.IsRead(), c.ID, known.ID)
	}
	age := got.Find(requestOf("object", "age", "k"))
	if age.Name != "object|age" || age.FirstKey(requestOf("object", "age", "k")) != 2 {
		t.Errorf("got %q; want object|age with its key at 2", age.Name)
	}
	if n := len(got.Lookup([]byte("object")).Subs()); n != 6 {
		t.Errorf("got %d sub-commands of OBJECT; want 6", n)
	}
	if Default().Lookup([]byte("object")).Sub([]byte("age")) != nil {
		t.Error("Default's OBJECT was changed")
	}
	if again := got.Learn([]CommandSpec{{Name: "object", Sub: []CommandSpec{{Name: "object|age"}}}}); again.Len() != got.Len() {
		t.Errorf("got %d commands after the same again; want %d", again.Len(), got.Len())
	}
}

// A command that one server cannot describe is served once another one can.
func TestLearnBetter(t *testing.T) {
	vague := CommandSpec{Name: "m.pop", Flags: []string{"write", "movablekeys"}}
	one := Default().Learn([]CommandSpec{vague})
	if c := one.Lookup([]byte("m.pop")); c.Reason != "ERR huntaway: command 'm.pop' is not passed on: no server says where its keys are" {
		t.Errorf("got reason %q", c.Reason)
	}
	clear := vague
	clear.Keyspecs = []KeySpec{indexSpec(1, 0, 1)}
	two := one.Learn([]CommandSpec{clear})
	c := two.Lookup([]byte("M.POP"))
	if c.Policy != Forward || c.Reason != "" || c.ID != one.Lookup([]byte("m.pop")).ID {
		t.Errorf("got policy %s, reason %q, ID %d; want it forwarded under its ID", c.Policy, c.Reason, c.ID)
	}
	if three := two.Learn([]CommandSpec{vague}); three.Lookup([]byte("m.pop")) != c {
		t.Error("a vaguer server took back what a better one said")
	}
}

func TestLearnContainer(t *testing.T) {
	got := Default().Learn([]CommandSpec{{Name: "box", Arity: -2, Sub: []CommandSpec{
		{Name: "box|open", Arity: 3, Flags: []string{"write"}, Keyspecs: []KeySpec{indexSpec(2, 0, 1)}, First: 2, Last: 2, Step: 1},
		{Name: "close", Arity: 3, Flags: []string{"write"}, First: 2, Last: 2, Step: 1},
	}}})
	for _, sub := range []string{"open", "CLOSE"} {
		r := requestOf("Box", sub, "k")
		c := got.Find(r)
		if c == nil || c.Name != "box|"+strings.ToLower(sub) || c.FirstKey(r) != 2 {
			t.Errorf("%s: got %+v; want its key at 2", sub, c)
		}
	}
	c := got.Find(requestOf("box", "burn", "k"))
	if !c.IsContainer() {
		t.Errorf("got %q; want the container", c.Name)
	}
	if _, err := c.Keys(requestOf("box", "burn", "k"), nil); err == nil {
		t.Error("got keys of an unknown sub-command; want an error")
	}
}

// Learning from a server that knows less changes nothing but who answers some questions.
func TestLearnFromServer(t *testing.T) {
	got := Default().Learn(specsOf(t, startRedis(t).ask("COMMAND")))
	if got.Len() != Default().Len() {
		t.Fatalf("got %d commands; want the same %d", got.Len(), Default().Len())
	}
	for id, was := range Default().All() {
		c := got.All()[id]
		if slices.Contains(asked, c.Name) && c.Policy == Keyless {
			continue
		}
		if c.Name != was.Name || c.Policy != was.Policy || c.Arity != was.Arity || c.Flags != was.Flags ||
			c.First != was.First || c.Last != was.Last || c.Step != was.Step || c.finder != was.finder {
			t.Errorf("%s: got %+v; want %+v", c.Name, c, was)
		}
	}
}

func TestLearnHasRoom(t *testing.T) {
	var many []CommandSpec
	for i := range 70000 {
		many = append(many, CommandSpec{Name: "c" + string(rune('a'+i%26)) + strings.Repeat("x", i%7) + strconv.Itoa(i)})
	}
	if got := Default().Learn(many).Len(); got != 1<<16 {
		t.Errorf("got %d commands; want as many as IDs", got)
	}
}
