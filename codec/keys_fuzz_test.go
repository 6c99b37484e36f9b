package codec

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The slow and obvious key finder: it goes by the command's name and the reference's
// syntax, over strings. ok is false where the fast one must return an error.
func slowKeys(c *Command, args []string) (keys []int, ok bool) {
	switch c.Name {
	case "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro":
		return slowNumbered(args, 2, 1, 0)
	case "zunion", "zinter", "zdiff", "zintercard", "sintercard", "lmpop", "zmpop":
		return slowNumbered(args, 1, 1, 1)
	case "blmpop", "bzmpop":
		return slowNumbered(args, 2, 1, 1)
	case "msetex":
		return slowNumbered(args, 1, 2, 1)
	case "zunionstore", "zinterstore", "zdiffstore":
		keys, ok = slowNumbered(args, 2, 1, 1)
		return append([]int{1}, keys...), ok
	case "cms.merge", "tdigest.merge":
		keys, ok = slowNumbered(args, 2, 1, 1)
		if !ok {
			return []int{1}, len(args) > 2
		}
		return append([]int{1}, keys...), true
	case "xread", "xreadgroup":
		return slowStreams(args)
	case "sort":
		return slowStore(args, 2, map[string]int{"by": 1, "get": 1, "limit": 2}, "store"), true
	case "georadius", "georadiusbymember":
		return slowStore(args, 5, nil, "store", "storedist"), true
	case "migrate":
		return slowMigrate(args)
	case "learnt.counted": // index 2, keynum
		return slowNumbered(args, 2, 1, 0)
	case "learnt.behind": // keyword KEYS from the end
		return slowBehind(args)
	}
	return slowFixed(c, args)
}

func slowNumbered(args []string, at, step, least int) (keys []int, ok bool) {
	if len(args) <= at {
		return nil, false
	}
	n, err := strconv.ParseInt(args[at], 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != args[at] || n < int64(least) {
		return nil, false
	}
	for k := at + 1; int64(len(keys)) < n; k += step {
		if k+step-1 >= len(args) {
			return nil, false
		}
		keys = append(keys, k)
	}
	return keys, true
}

func slowStreams(args []string) (keys []int, ok bool) {
	widths := map[string]int{"block": 1, "count": 1, "claim": 1, "group": 2, "noack": 0}
	for i := 1; i < len(args); i++ {
		word := strings.ToLower(args[i])
		if word == "streams" {
			rest := len(args) - i - 1
			for k := range rest / 2 {
				keys = append(keys, i+1+k)
			}
			return keys, rest > 0 && rest%2 == 0
		}
		width, known := widths[word]
		if !known {
			return nil, false
		}
		i += width
	}
	return nil, false
}

func slowStore(args []string, from int, widths map[string]int, words ...string) (keys []int) {
	if len(args) < 2 {
		return nil
	}
	store := 0
	for i := from; i+1 < len(args); i++ {
		word := strings.ToLower(args[i])
		if slices.Contains(words, word) {
			i++
			store = i
			continue
		}
		i += widths[word]
	}
	if store == 0 {
		return []int{1}
	}
	return []int{1, store}
}

func slowMigrate(args []string) (keys []int, ok bool) {
	if len(args) < 4 {
		return nil, false
	}
	if args[3] != "" {
		return []int{3}, true
	}
	widths := map[string]int{"auth": 1, "auth2": 2}
	for i := 6; i < len(args); i++ {
		if strings.EqualFold(args[i], "keys") {
			for k := i + 1; k < len(args); k++ {
				keys = append(keys, k)
			}
			return keys, len(keys) > 0
		}
		i += widths[strings.ToLower(args[i])]
	}
	return nil, false
}

func slowBehind(args []string) (keys []int, ok bool) {
	for i := len(args) - 1; i > 0; i-- {
		if !strings.EqualFold(args[i], "keys") {
			continue
		}
		for k := i + 1; k < len(args); k++ {
			keys = append(keys, k)
		}
		return keys, len(keys) > 0
	}
	return nil, true
}

func slowFixed(c *Command, args []string) (keys []int, ok bool) {
	if len(c.Subs()) > 0 && c.Name != "command" {
		return nil, false
	}
	first, last, step := int(c.First), int(c.Last), int(c.Step)
	if first == 0 || slices.Contains([]string{"ssubscribe", "sunsubscribe", "spublish"}, c.Name) {
		return nil, true
	}
	if last < 0 {
		last = len(args) + last
		if last < first || (last-first+1)%step != 0 {
			return nil, false
		}
	}
	for k := first; k <= last; k += step {
		if k >= len(args) {
			return nil, false
		}
		keys = append(keys, k)
	}
	return keys, true
}

// fuzzed is the compiled table and commands with learnt specifications.
func fuzzed() *Commands {
	return Default().Learn([]CommandSpec{
		{Name: "learnt.counted", Flags: []string{"movablekeys"}, Keyspecs: []KeySpec{
			{Begin: "index", Index: 2, Find: "keynum", FirstKey: 1, KeyStep: 1}}},
		{Name: "learnt.behind", Flags: []string{"movablekeys"}, Keyspecs: []KeySpec{
			{Begin: "keyword", Keyword: "KEYS", StartFrom: -1, Find: "range", LastKey: -1, KeyStep: 1}}},
	})
}

// FuzzKeys gives any arguments, separated by newlines, to any command.
func FuzzKeys(f *testing.F) {
	set := fuzzed()
	for _, line := range []string{
		"mset\na\n1\nb", "eval\ns\n2\na\nb", "eval\ns\n-1", "eval\ns\n9223372036854775807\na",
		"zunionstore\nd\n2\na\nb\nWEIGHTS", "lmpop\n1\na\nLEFT", "msetex\n2\na\n1\nb\n2",
		"xread\nBLOCK\n0\nSTREAMS\na\nb\n0\n0", "xreadgroup\nGROUP\ng\nc\nSTREAMS\na\n>",
		"sort\nk\nBY\nstore\nGET\nx\nSTORE\nd", "georadius\nk\n1\n2\n3\nm\nSTORE\na\nSTOREDIST\nb",
		"migrate\nh\n1\n\n0\n9\nAUTH\nkeys\nKEYS\na\nb", "object\nencoding\nk", "object\nnope\nk",
		"learnt.counted\nx\n2\na\nb", "learnt.behind\nx\nKEYS\na\nKEYS\nb\nc", "ssubscribe\na", "blpop\na",
		"cms.merge\nd\nx", "tdigest.merge\nd\n1\na", "json.mget\na\n$", "command\ngetkeys\nget\nk",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\n")
		r := requestOf(args...)
		c := set.Find(r)
		if c == nil {
			return
		}
		keys, err := c.Keys(r, nil)
		var got []int
		for _, k := range keys {
			if k < 1 || int(k) >= len(args) {
				t.Fatalf("%q: got key %d of %d arguments", args, k, len(args))
			}
			got = append(got, int(k))
		}
		want, ok := slowKeys(c, args)
		if ok != (err == nil) || ok && !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, %v; want %v, %t", args, got, err, want, ok)
		}
		if first := c.FirstKey(r); c.CheckArity(len(args)) && err == nil && (len(got) == 0 && first != 0 || len(got) > 0 && first != got[0]) {
			t.Fatalf("%q: got first key %d; want that of %v", args, first, got)
		}
		c.Blocks(r)
		set.AppendReply(nil, requestOf(append([]string{"command", "getkeys"}, args...)...), 2)
		set.AppendReply(nil, r, 2)
	})
}

// FuzzLearn teaches any description of a command: whatever it says, nothing panics and
// the keys that it leads to stay inside the request.
func FuzzLearn(f *testing.F) {
	f.Add("new", "movablekeys", "index", "range", 1, -1, 1, 2)
	f.Add("new", "readonly", "keyword", "keynum", -1, 0, 1, 1)
	f.Fuzz(func(t *testing.T, name, flag, begin, find string, a, b, step, d int) {
		spec := CommandSpec{Name: name, Arity: a, Flags: []string{flag}, First: a, Last: b, Step: step,
			Keyspecs: []KeySpec{{Begin: begin, Index: a, Keyword: "K", StartFrom: a, Find: find,
				LastKey: b, Limit: d, KeyStep: step, KeyNumIdx: b, FirstKey: d}}}
		set := Default().Learn([]CommandSpec{spec})
		c := set.Lookup([]byte(name))
		if c == nil {
			return
		}
		for n := 1; n < 8; n++ {
			args := append([]string{name}, slices.Repeat([]string{"k", "3"}, 4)[:n]...)
			r := requestOf(args...)
			keys, err := c.Keys(r, nil)
			for _, k := range keys {
				if k < 1 || int(k) >= r.Len() {
					t.Fatalf("%+v: got key %d of %d arguments", spec, k, r.Len())
				}
			}
			if first := c.FirstKey(r); first < 0 || first >= r.Len() {
				t.Fatalf("%+v: got first key %d of %d, %v", spec, first, r.Len(), err)
			}
		}
		set.AppendReply(nil, requestOf("command"), 2)
	})
}

// TestKeysOfAnything draws arguments from the words that the finders look for, in any order,
// for every command.
func TestKeysOfAnything(t *testing.T) {
	words := strings.Fields("a b 0 1 2 3 -1 01 streams STREAMS block count group noack claim store STOREDIST " +
		"by get limit keys KEYS auth auth2 weights")
	words = append(words, "")
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range fuzzed().All() {
		for range 100 {
			args := strings.Split(c.Name, "|")
			for range rng.IntN(10) {
				args = append(args, words[rng.IntN(len(words))])
			}
			keys, err := c.Keys(requestOf(args...), nil)
			var got []int
			for _, k := range keys {
				got = append(got, int(k))
			}
			want, ok := slowKeys(c, args)
			if ok != (err == nil) || ok && !slices.Equal(got, want) {
				t.Fatalf("seed %d: %q: got %v, %v; want %v, %t", seed, args, got, err, want, ok)
			}
		}
	}
}
