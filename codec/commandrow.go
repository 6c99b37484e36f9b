package codec

import (
	"cmp"
	"strings"
)

// appendRows appends COMMAND's array of commands.
func appendRows(dst []byte, commands []*Command) []byte {
	dst = AppendArray(dst, len(commands))
	for _, c := range commands {
		dst = appendRow(dst, c)
	}
	return dst
}

// appendRow appends the ten elements by which COMMAND describes a command: name, arity,
// flags, first, last, step, ACL categories, tips (none), key specifications, sub-commands.
func appendRow(dst []byte, c *Command) []byte {
	dst = AppendArray(dst, 10)
	dst = AppendBulk(dst, c.Name)
	dst = AppendInt(dst, int64(cmp.Or(c.Arity, -1)))
	dst = appendSimples(dst, "", c.Flags.words())
	for _, n := range []int16{c.First, c.Last, c.Step} {
		dst = AppendInt(dst, int64(n))
	}
	dst = appendSimples(dst, "@", c.categories())
	dst = AppendArray(dst, 0)
	specs := c.keySpecs()
	dst = AppendArray(dst, len(specs))
	for i := range specs {
		dst = appendSpec(dst, c, &specs[i])
	}
	return appendRows(dst, listed(c.subs))
}

func appendSimples(dst []byte, prefix string, words []string) []byte {
	dst = AppendArray(dst, len(words))
	for _, w := range words {
		dst = AppendSimple(dst, prefix+w)
	}
	return dst
}

// keySpecs describes the command's finder as key specifications. SORT's STORE cannot be
// described, which its flag movablekeys admits.
func (c *Command) keySpecs() []keySpec {
	one := func(at int) keySpec { return keySpec{index: at, step: 1} }
	switch c.finder {
	case bySpecs:
		return c.specs
	case counted:
		run := keySpec{index: c.count.at, numbered: true, firstKey: 1, step: c.count.step}
		if c.count.lone == 0 {
			return []keySpec{run}
		}
		return []keySpec{one(c.count.lone), run}
	case streams:
		return []keySpec{{index: c.count.at, keyword: "streams", last: -1, step: 1, limit: 2}}
	case located:
		store := keySpec{index: 5, keyword: "store", step: 1}
		distances := keySpec{index: 5, keyword: "storedist", step: 1}
		return []keySpec{one(1), store, distances}
	}
	if c.First == 0 {
		return nil
	}
	return []keySpec{c.fixedSpec()}
}

// fixedSpec is First, Last and Step as a specification.
func (c *Command) fixedSpec() keySpec {
	last := int(c.Last)
	if last >= 0 {
		last -= int(c.First)
	}
	return keySpec{index: int(c.First), last: last, step: int(c.Step)}
}

// appendSpec appends one specification: a map, flattened as RESP2 has it.
func appendSpec(dst []byte, c *Command, k *keySpec) []byte {
	access := "RW"
	switch {
	case c.finder == channels:
		access = "not_key"
	case c.IsRead():
		access = "RO"
	}
	dst = AppendArray(dst, 6)
	dst = AppendBulk(dst, "flags")
	dst = appendSimples(dst, "", []string{access})
	dst = AppendBulk(dst, "begin_search")
	if k.keyword == "" {
		dst = appendPart(dst, "index", part{"index", k.index})
	} else {
		dst = appendKeyword(dst, k)
	}
	dst = AppendBulk(dst, "find_keys")
	if k.numbered {
		return appendPart(dst, "keynum", part{"keynumidx", k.number}, part{"firstkey", k.firstKey},
			part{"keystep", k.step})
	}
	return appendPart(dst, "range", part{"lastkey", k.last}, part{"keystep", k.step},
		part{"limit", k.limit})
}

// A part is one number of a specification.
type part struct {
	name string // as COMMAND calls it
	n    int    // its value
}

func appendPart(dst []byte, kind string, parts ...part) []byte {
	dst = appendKind(dst, kind, len(parts))
	for _, p := range parts {
		dst = AppendBulk(dst, p.name)
		dst = AppendInt(dst, int64(p.n))
	}
	return dst
}

func appendKeyword(dst []byte, k *keySpec) []byte {
	dst = appendKind(dst, "keyword", 2)
	dst = AppendBulk(dst, "keyword")
	dst = AppendBulk(dst, strings.ToUpper(k.keyword))
	dst = AppendBulk(dst, "startfrom")
	return AppendInt(dst, int64(k.index))
}

// appendKind opens a map of a type and a specification with n entries.
func appendKind(dst []byte, kind string, n int) []byte {
	dst = AppendArray(dst, 4)
	dst = AppendBulk(dst, "type")
	dst = AppendBulk(dst, kind)
	dst = AppendBulk(dst, "spec")
	return AppendArray(dst, 2*n)
}
