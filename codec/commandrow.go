package codec

import (
	"cmp"
	"strings"
)

// A telling is what COMMAND and COMMAND DOCS are answered in one protocol, made once
// because it takes half a millisecond (BenchmarkCompile), for which no session should wait.
type telling struct{ rows, docs []byte }

// tell makes the telling of what is served.
func tell(served []*Command, resp uint8) telling {
	return telling{appendRows(nil, served, resp), appendDocsOf(nil, served, resp)}
}

// told returns the telling for a protocol.
func (c *Commands) told(resp uint8) *telling {
	if resp == 3 {
		return &c.resp3
	}
	return &c.resp2
}

// appendRows appends COMMAND's array of commands.
func appendRows(dst []byte, commands []*Command, resp uint8) []byte {
	dst = AppendArray(dst, len(commands))
	for _, c := range commands {
		dst = appendRow(dst, c, resp)
	}
	return dst
}

// appendSubs appends the rows of sub-commands: where there are none Redis says a set.
func appendSubs(dst []byte, commands []*Command, resp uint8) []byte {
	if len(commands) == 0 {
		return AppendSet(dst, resp, 0)
	}
	return appendRows(dst, commands, resp)
}

// appendRow appends the ten elements by which COMMAND describes a command: name, arity,
// flags, first, last, step, ACL categories, tips (none), key specifications, sub-commands.
func appendRow(dst []byte, c *Command, resp uint8) []byte {
	dst = AppendArray(dst, 10)
	dst = AppendBulk(dst, c.Name)
	dst = AppendInt(dst, int64(cmp.Or(c.Arity, -1)))
	dst = appendSimples(dst, resp, c.Flags.words())
	for _, n := range []int16{c.First, c.Last, c.Step} {
		dst = AppendInt(dst, int64(n))
	}
	dst = appendSimples(dst, resp, c.marked())
	dst = AppendSet(dst, resp, 0)
	specs := c.keySpecs()
	dst = AppendSet(dst, resp, len(specs))
	for i := range specs {
		dst = appendSpec(dst, c, &specs[i], resp)
	}
	return appendSubs(dst, listed(c.subs), resp)
}

// marked returns the ACL categories as COMMAND marks them.
func (c *Command) marked() []string {
	names := c.categories()
	for i := range names {
		names[i] = "@" + names[i]
	}
	return names
}

// appendSimples appends a set of simple strings.
func appendSimples(dst []byte, resp uint8, words []string) []byte {
	dst = AppendSet(dst, resp, len(words))
	for _, w := range words {
		dst = AppendSimple(dst, w)
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

// appendSpec appends one specification: a map.
func appendSpec(dst []byte, c *Command, k *keySpec, resp uint8) []byte {
	access := "RW"
	switch {
	case c.finder == channels:
		access = "not_key"
	case c.IsRead():
		access = "RO"
	}
	dst = AppendMap(dst, resp, 3)
	dst = AppendBulk(dst, "flags")
	dst = appendSimples(dst, resp, []string{access})
	dst = AppendBulk(dst, "begin_search")
	if k.keyword == "" {
		dst = appendPart(dst, resp, "index", part{"index", k.index})
	} else {
		dst = appendKeyword(dst, resp, k)
	}
	dst = AppendBulk(dst, "find_keys")
	if k.numbered {
		return appendPart(dst, resp, "keynum", part{"keynumidx", k.number}, part{"firstkey", k.firstKey},
			part{"keystep", k.step})
	}
	return appendPart(dst, resp, "range", part{"lastkey", k.last}, part{"keystep", k.step},
		part{"limit", k.limit})
}

// A part is one number of a specification.
type part struct {
	name string // as COMMAND calls it
	n    int    // its value
}

func appendPart(dst []byte, resp uint8, kind string, parts ...part) []byte {
	dst = appendKind(dst, resp, kind, len(parts))
	for _, p := range parts {
		dst = AppendBulk(dst, p.name)
		dst = AppendInt(dst, int64(p.n))
	}
	return dst
}

func appendKeyword(dst []byte, resp uint8, k *keySpec) []byte {
	dst = appendKind(dst, resp, "keyword", 2)
	dst = AppendBulk(dst, "keyword")
	dst = AppendBulk(dst, strings.ToUpper(k.keyword))
	dst = AppendBulk(dst, "startfrom")
	return AppendInt(dst, int64(k.index))
}

// appendKind opens a map of a type and a specification with n entries.
func appendKind(dst []byte, resp uint8, kind string, n int) []byte {
	dst = AppendMap(dst, resp, 2)
	dst = AppendBulk(dst, "type")
	dst = AppendBulk(dst, kind)
	dst = AppendBulk(dst, "spec")
	return AppendMap(dst, resp, n)
}
