package codec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A shaper makes the arguments behind the name for one command whose keys move.
type shaper func(*rand.Rand) []string

// some returns n words: keys, or whatever an argument may be.
func some(prefix string, n int) (words []string) {
	for i := range n {
		words = append(words, fmt.Sprintf("%s%d", prefix, i))
	}
	return words
}

// numbered makes: before, n, n keys, and some of the tails.
func numbered(before, tails []string, least int) shaper {
	return func(rng *rand.Rand) []string {
		n := least + rng.IntN(5)
		args := append(slices.Clone(before), strconv.Itoa(n))
		args = append(args, some("k", n)...)
		return append(args, tails[:rng.IntN(len(tails)+1)]...)
	}
}

// options makes: before, then options drawn with repetition, then after.
func options(before []string, choices [][]string, after func(*rand.Rand) []string) shaper {
	return func(rng *rand.Rand) []string {
		args := slices.Clone(before)
		for range rng.IntN(4) {
			args = append(args, choices[rng.IntN(len(choices))]...)
		}
		return append(args, after(rng)...)
	}
}

func nothing(*rand.Rand) []string { return nil }

// streamsAfter makes STREAMS, keys, IDs; some keys look like options.
func streamsAfter(rng *rand.Rand) []string {
	n := 1 + rng.IntN(4)
	args := append([]string{"sTreams"}, some("k", n)...)
	args[1+rng.IntN(n)] = []string{"STREAMS", "BLOCK", "k"}[rng.IntN(3)]
	return append(args, some("0-", n)...)
}

var weights = []string{"WEIGHTS", "1"}

var geoTail = [][]string{{"WITHCOORD"}, {"COUNT", "3"}, {"ASC"}}

// geoStores ends with at most one destination: of several, GETKEYS names the first of each
// kind although the server writes to the last.
func geoStores(rng *rand.Rand) []string {
	return [][]string{nil, {"Store", "d1"}, {"STOREDIST", "d2"}}[rng.IntN(3)]
}

var sortTail = [][]string{{"ASC"}, {"ALPHA"}, {"LIMIT", "0", "5"}, {"BY", "store*"}, {"get", "limit*"}, {"GET", "store"}}

var migrateTail = [][]string{{"COPY"}, {"REPLACE"}, {"AUTH", "pw"}, {"AUTH2", "user", "pw"}}

// shapes are the generators of all commands whose finder is not fixed.
var shapes = map[string]shaper{
	"eval":       numbered([]string{"script"}, []string{"a", "b"}, 0),
	"eval_ro":    numbered([]string{"script"}, []string{"a", "b"}, 0),
	"evalsha":    numbered([]string{"sha"}, []string{"a"}, 0),
	"evalsha_ro": numbered([]string{"sha"}, []string{"a"}, 0),
	"fcall":      numbered([]string{"f"}, []string{"a"}, 0),
	"fcall_ro":   numbered([]string{"f"}, []string{"a"}, 0),

	"zunion":      numbered(nil, weights, 1),
	"zinter":      numbered(nil, weights, 1),
	"zdiff":       numbered(nil, []string{"WITHSCORES"}, 1),
	"zintercard":  numbered(nil, []string{"LIMIT", "1"}, 1),
	"sintercard":  numbered(nil, []string{"LIMIT", "1"}, 1),
	"zunionstore": numbered([]string{"dst"}, weights, 1),
	"zinterstore": numbered([]string{"dst"}, weights, 1),
	"zdiffstore":  numbered([]string{"dst"}, nil, 1),

	"xread":      options(nil, [][]string{{"COUNT", "2"}, {"BLOCK", "5"}}, streamsAfter),
	"xreadgroup": options([]string{"GROUP", "streams", "block"}, [][]string{{"COUNT", "2"}, {"Block", "5"}, {"NOACK"}}, streamsAfter),

	"sort":              options([]string{"k"}, append(sortTail, []string{"STORE", "d"}), nothing),
	"georadius":         options([]string{"k", "1", "2", "3", "m"}, geoTail, geoStores),
	"georadiusbymember": options([]string{"k", "m", "3", "km"}, geoTail, geoStores),
	"migrate": func(rng *rand.Rand) []string {
		if rng.IntN(2) == 0 {
			return options([]string{"h", "1", "key", "0", "9"}, migrateTail, nothing)(rng)
		}
		keys := append([]string{"keys"}, some("k", 1+rng.IntN(3))...)
		return options([]string{"h", "1", "", "0", "9"}, migrateTail, func(*rand.Rand) []string { return keys })(rng)
	},
}

func init() {
	pops := func(before ...string) shaper {
		return func(rng *rand.Rand) []string {
			return append(numbered(before, nil, 1)(rng), "MIN", "COUNT", "2")
		}
	}
	shapes["lmpop"], shapes["zmpop"] = pops(), pops()
	shapes["blmpop"], shapes["bzmpop"] = pops("0"), pops("0")
}

// fixedShape makes arguments for a command whose positions are fixed: as few as its arity
// allows, up to twice six more in whole steps.
func fixedShape(c *Command, rng *rand.Rand) []string {
	n := int(max(c.Arity, -c.Arity)) - 1
	if c.Arity < 0 {
		n += rng.IntN(6) * int(max(c.Step, 1))
	}
	words := append(some("k", 3), "STORE", "STREAMS", "1", "", "\r\n")
	args := make([]string, n)
	for i := range args {
		args[i] = words[rng.IntN(len(words))]
	}
	return args
}

// requestFor makes one request of the command.
func requestFor(c *Command, rng *rand.Rand) []string {
	if shape := shapes[c.Name]; shape != nil {
		return append([]string{c.Name}, shape(rng)...)
	}
	args := fixedShape(c, rng)
	if parent, sub, isSub := strings.Cut(c.Name, "|"); isSub {
		return append([]string{parent, sub}, args[1:]...)
	}
	return append([]string{c.Name}, args...)
}

func TestShapesCoverTheFinders(t *testing.T) {
	for _, c := range Default().All() {
		known := c.count == nil || c.count.lone == 0 || strings.HasPrefix(c.Name, "z")
		if c.finder == fixed || c.finder == channels || c.family.module != "" || !known {
			continue
		}
		if shapes[c.Name] == nil && c.Name != "msetex" {
			t.Errorf("%s: its keys move, but no shape makes requests of it", c.Name)
		}
	}
}

// Each command that the server knows, in many shapes, against its COMMAND GETKEYS.
func TestKeysAreTheServers(t *testing.T) {
	server := startRedis(t)
	rows := rowsByName(server.ask("COMMAND"))
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	compared := 0
	for _, c := range Default().All() {
		if rows[c.Name] == nil || c.subs != nil {
			continue
		}
		for range 25 {
			args := requestFor(c, rng)
			if len(args) == 1 || c.Name == "pfmerge" && len(args) == 2 {
				continue // GETKEYS takes an argument, and sources though PFMERGE needs none
			}
			reply := server.ask(append([]string{"COMMAND", "GETKEYS"}, args...)...)
			compareKeys(t, c, args, reply)
			compared++
		}
	}
	t.Logf("%d requests compared, seed %d", compared, seed)
}

func compareKeys(t *testing.T, c *Command, args []string, reply any) {
	t.Helper()
	r := requestOf(args...)
	if found := Default().Find(r); found != c {
		t.Fatalf("%q: got row %v; want %s", args, found, c.Name)
	}
	keys, err := c.Keys(r, nil)
	got := []any{}
	for _, k := range keys {
		got = append(got, string(r.Arg(int(k))))
	}
	if refusal, ok := reply.(errorReply); ok {
		if refusal == textKeyless && len(got) == 0 && err == nil && !c.hasKeys() {
			return
		}
		t.Fatalf("%q: got keys %q, %v; the server says %q", args, got, err, refusal)
	}
	if err != nil || !slices.Equal(got, reply.([]any)) {
		t.Fatalf("%q: got keys %q, %v; want %q", args, got, err, reply)
	}
	if first := c.FirstKey(r); len(keys) > 0 && first != int(keys[0]) || len(keys) == 0 && first != 0 {
		t.Fatalf("%q: got first key %d; want that of %v", args, first, keys)
	}
}

// What cannot be placed is answered as the server answers it.
func TestKeyErrorsAreTheServers(t *testing.T) {
	server := startRedis(t)
	server.ask("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
	sha := strings.Repeat("a", 40)
	lines := []string{
		"EVAL s x", "EVAL s -1", "EVAL s 3 a b", "EVAL s 01 a", "EVAL s +1 a", "EVAL s 1.0 a",
		"EVAL_RO s x", "EVAL_RO s -2 a", "EVAL_RO s 99999999999 a",
		"EVALSHA " + sha + " 2 a", "EVALSHA_RO " + sha + " x",
		"FCALL f x", "FCALL f -1", "FCALL f 2 a", "FCALL_RO f 9 a",
		"ZUNION x a", "ZUNION 0 a", "ZUNION -1 a", "ZUNION 2 a", "ZINTER 3 a b", "ZDIFF 0 a",
		"ZINTERCARD 0 a", "ZINTERCARD y a", "ZINTERCARD 2 a",
		"ZUNIONSTORE d x a", "ZUNIONSTORE d 0 a", "ZUNIONSTORE d 4 a b", "ZINTERSTORE d 0 a",
		"ZDIFFSTORE d -1 a",
		"SINTERCARD x a", "SINTERCARD 0 a", "SINTERCARD -1 a", "SINTERCARD 2 a",
		"LMPOP 0 a LEFT", "LMPOP x a LEFT", "LMPOP 5 a LEFT", "ZMPOP 0 a MIN", "ZMPOP 5 a MIN",
		"BLMPOP 0 0 a LEFT", "BLMPOP 0 9 a LEFT", "BZMPOP 0 x a MIN", "BZMPOP 0 9 a MIN",
		"XREAD STREAMS a b 0", "XREAD COUNT 1 STREAMS a", "XREAD a b c", "XREAD COUNT 1 COUNT",
		"XREADGROUP GROUP g c STREAMS a b >", "XREADGROUP GROUP g c FOO a b >",
		"MSET a", "MSET a b c", "MSETNX a b c",
		"GET", "LCS a", "SMOVE a", "BLPOP a", "RENAME a", "OBJECT ENCODING", "MGET",
	}
	for _, line := range lines {
		args := strings.Fields(line)
		want, ok := server.ask(args...).(errorReply)
		if !ok {
			t.Fatalf("%s: the server has no objection", line)
		}
		r := requestOf(args...)
		c := Default().Find(r)
		keys, err := c.Keys(r, nil)
		if err == nil || err.Error() != string(want) {
			t.Errorf("%s: got keys %v, error %v; want error %s", line, keys, err, want)
		}
		if first := c.FirstKey(r); c.finder != fixed && first != 0 {
			t.Errorf("%s: got first key %d; want none", line, first)
		}
	}
}

// Commands that no server here knows, by their description.
func TestKeysOfLaterCommands(t *testing.T) {
	tests := []struct {
		line string
		want []int32
		err  string
	}{
		{"msetex 2 a 1 b 2 EX 9", []int32{2, 4}, ""},
		{"msetex 2 a 1 b", nil, "ERR wrong number of key-value pairs"},
		{"msetex 0 a 1", nil, "ERR invalid numkeys value"},
		{"msetex x a 1", nil, "ERR invalid numkeys value"},
		{"cms.merge d 2 a b WEIGHTS 1 2", []int32{1, 3, 4}, ""},
		{"cms.merge d x a b", []int32{1}, ""},
		{"tdigest.merge d 9 a b", []int32{1}, ""},
		{"json.mset a $ 1 b $ 2", []int32{1, 4}, ""},
		{"json.mset a $ 1 b $", nil, "ERR wrong number of arguments for 'json.mset' command"},
		{"json.mget a b c $", []int32{1, 2, 3}, ""},
		{"ts.madd a 1 2 b 3 4", []int32{1, 4}, ""},
		{"ts.createrule a b AGGREGATION avg 5", []int32{1, 2}, ""},
		{"vsim k ELE e", []int32{1}, ""},
		{"xreadgroup GROUP g c CLAIM 5 STREAMS a b 0 0", []int32{7, 8}, ""},
		{"georadius k 1 2 3 m STORE a STOREDIST b", []int32{1, 9}, ""},
		{"himport set k f v", []int32{2}, ""},
		{"ft.search idx query", nil, ""},
	}
	for _, tt := range tests {
		r := requestOf(strings.Fields(tt.line)...)
		c := Default().Find(r)
		if c == nil {
			t.Errorf("%s: unknown", tt.line)
			continue
		}
		got, err := c.Keys(r, nil)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !slices.Equal(got, tt.want) || text != tt.err {
			t.Errorf("%s: got %v, %q; want %v, %q", tt.line, got, text, tt.want, tt.err)
		}
	}
}

func TestKeysAppends(t *testing.T) {
	r := requestOf("del", "a", "b")
	c := Default().Find(r)
	if got, err := c.Keys(r, []int32{7}); err != nil || !slices.Equal(got, []int32{7, 1, 2}) {
		t.Errorf("got %v, %v; want [7 1 2]", got, err)
	}
	bad := requestOf("eval", "s", "9")
	if got, _ := Default().Find(bad).Keys(bad, []int32{7}); !slices.Equal(got, []int32{7}) {
		t.Errorf("got %v after an error; want what there was", got)
	}
}

func TestBlocks(t *testing.T) {
	tests := map[string]bool{
		"blpop k 0": true, "bzmpop 0 1 k MIN": true, "get k": false, "lpop k": false,
		"xread STREAMS k 0": false, "xread Block 0 STREAMS k 0": true,
		"xread COUNT block STREAMS k 0": false, "xread STREAMS block 0": false,
		"xreadgroup GROUP block block STREAMS k >":       false,
		"xreadgroup GROUP g c NOACK BLOCK 0 STREAMS k >": true,
		"xread BLOCK": false,
	}
	for line, want := range tests {
		r := requestOf(strings.Fields(line)...)
		if got := Default().Find(r).Blocks(r); got != want {
			t.Errorf("%s: got %t; want %t", line, got, want)
		}
	}
}

func TestParseInteger(t *testing.T) {
	good := map[string]int64{"0": 0, "7": 7, "-7": -7, "10": 10, "922337203685477580": 922337203685477580}
	for text, want := range good {
		if got, ok := parseInteger([]byte(text)); !ok || got != want {
			t.Errorf("%s: got %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "0x1", "99999999999999999999"} {
		if got, ok := parseInteger([]byte(text)); ok {
			t.Errorf("%q: got %d; want none", text, got)
		}
	}
}
