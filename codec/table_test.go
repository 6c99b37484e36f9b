package codec

import (
	"slices"
	"strings"
	"testing"
)

// ownFlags are those COMMAND does not know.
const ownFlags = ^(FlagMovableKeys<<1 - 1)

// rowsByName flattens COMMAND: every command and sub-command by its full name.
func rowsByName(reply any) map[string][]any {
	rows := map[string][]any{}
	for _, e := range reply.([]any) {
		row := e.([]any)
		rows[row[0].(string)] = row
		for name, sub := range rowsByName(row[9]) {
			rows[name] = sub
		}
	}
	return rows
}

// flagsOf turns COMMAND's words into flags.
func flagsOf(t *testing.T, words any) (f Flags) {
	for _, w := range words.([]any) {
		i := slices.Index(flagNames[:], w.(string))
		if i < 0 {
			t.Fatalf("flag %q is not known", w)
		}
		f |= 1 << i
	}
	return f
}

func TestTableIsTheServers(t *testing.T) {
	rows := rowsByName(startRedis(t).ask("COMMAND"))
	if len(rows) < 300 {
		t.Fatalf("got %d rows from the server; want hundreds", len(rows))
	}
	ours := map[string]*Command{}
	for _, c := range Default().All() {
		ours[c.Name] = c
	}
	for name, row := range rows {
		c := ours[name]
		if c == nil {
			t.Errorf("%s: no row; want one", name)
			continue
		}
		if got, want := int64(c.Arity), row[1].(int64); got != want {
			t.Errorf("%s: got arity %d; want %d", name, got, want)
		}
		if got, want := c.Flags&^ownFlags, flagsOf(t, row[2]); got != want {
			t.Errorf("%s: got flags %v; want %v", name, got.words(), want.words())
		}
		got := []any{int64(c.First), int64(c.Last), int64(c.Step)}
		if !slices.Equal(got, row[3:6]) {
			t.Errorf("%s: got positions %v; want %v", name, got, row[3:6])
		}
		if got := c.categories(); !sameWords(got, row[6].([]any)) {
			t.Errorf("%s: got categories %v; want %v", name, got, row[6])
		}
	}
}

func sameWords(got []string, want []any) bool {
	if len(got) != len(want) {
		return false
	}
	for _, w := range want {
		if !slices.Contains(got, strings.TrimPrefix(w.(string), "@")) {
			return false
		}
	}
	return true
}

func TestTableDocs(t *testing.T) {
	docs := startRedis(t).ask("COMMAND", "DOCS").([]any)
	for i := 0; i < len(docs); i += 2 {
		name := docs[i].(string)
		c := Default().Lookup([]byte(name))
		doc := pairs(docs[i+1])
		if c.family.group != doc["group"] || c.since != doc["since"] {
			t.Errorf("%s: got group %s since %s; want %s since %s", name, c.family.group, c.since,
				doc["group"], doc["since"])
		}
	}
}

// pairs makes a map of a flattened one.
func pairs(flat any) map[string]any {
	m := map[string]any{}
	list := flat.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i].(string)] = list[i+1]
	}
	return m
}

func TestTableIsSound(t *testing.T) {
	all := Default().All()
	for id, c := range all {
		if int(c.ID) != id {
			t.Errorf("%s: got ID %d; want its index %d", c.Name, c.ID, id)
		}
		if c.Name != strings.ToLower(c.Name) {
			t.Errorf("%s: want lower case", c.Name)
		}
		if id > 0 && all[id-1].Name >= c.Name {
			t.Errorf("%s stands after %s; want sorted, no duplicates", c.Name, all[id-1].Name)
		}
		joins := c.Policy == FanOut || c.Policy == ScriptAdmin || c.Policy == Scan
		if (c.Policy == Split) != (c.Join != NoJoin) && !joins {
			t.Errorf("%s: got policy %s with join %d", c.Name, c.Policy, c.Join)
		}
		if c.Flags&FlagWrite != 0 && c.IsRead() {
			t.Errorf("%s: a write is read", c.Name)
		}
		hasKeys := c.First != 0 || c.finder != fixed || c.IsContainer()
		if c.Policy == Forward && !hasKeys {
			t.Errorf("%s: forwarded without a key", c.Name)
		}
		if c.Policy == Split && (c.finder != fixed || c.Last != -1) {
			t.Errorf("%s: split, but its keys do not reach to the end", c.Name)
		}
	}
}

func TestTableFamiliesAreSorted(t *testing.T) {
	for _, f := range families {
		sorted := slices.IsSortedFunc(f.rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
		if !sorted {
			t.Errorf("family %s with %s: rows are not sorted by name", f.group, f.rows[0].name)
		}
	}
}

func TestReads(t *testing.T) {
	yes := "get mget exists ttl hgetall zrange xrange xread eval_ro json.get vsim object|encoding geosearch"
	no := "set getex getdel pfcount eval fcall sort georadius touch hscan object|freq publish spop " +
		"xreadgroup bitfield incr hotkeys sentinel json.set ping"
	ours := map[string]*Command{}
	for _, c := range Default().All() {
		ours[c.Name] = c
	}
	for _, name := range strings.Fields(yes) {
		if !ours[name].IsRead() {
			t.Errorf("%s: got a write; want a read", name)
		}
	}
	for _, name := range strings.Fields(no) {
		if ours[name].IsRead() {
			t.Errorf("%s: got a read; want a write", name)
		}
	}
}
