package codec

import (
	"slices"
	"strings"
)

// believe has COMMAND answered with what the servers said.
func (c *Commands) believe(reply []CommandSpec) {
	c.said, c.saidOf = reply, map[string]*CommandSpec{}
	for i := range reply {
		s := &reply[i]
		c.saidOf[strings.ToLower(s.Name)] = s
		for j := range s.Sub {
			c.saidOf[strings.ToLower(s.Sub[j].Name)] = &s.Sub[j]
		}
	}
	c.resp2.rows, c.resp3.rows = appendSaid(nil, reply, 2), appendSaid(nil, reply, 3)
}

// appendSaid appends COMMAND's array of what servers said.
func appendSaid(dst []byte, said []CommandSpec, resp uint8) []byte {
	dst = AppendArray(dst, len(said))
	for i := range said {
		dst = said[i].append(dst, resp)
	}
	return dst
}

// append appends a row as the server says it.
func (s *CommandSpec) append(dst []byte, resp uint8) []byte {
	dst = AppendArray(dst, s.Parts)
	dst = AppendBulk(dst, s.Name)
	dst = AppendInt(dst, int64(s.Arity))
	dst = appendSimples(dst, resp, s.Flags)
	for _, n := range []int{s.First, s.Last, s.Step} {
		dst = AppendInt(dst, int64(n))
	}
	if s.Parts > 6 {
		dst = appendSimples(dst, resp, s.Categories)
	}
	if s.Parts < 10 {
		return dst
	}
	dst = AppendSet(dst, resp, len(s.Tips))
	for _, t := range s.Tips {
		dst = AppendBulk(dst, t)
	}
	dst = AppendSet(dst, resp, len(s.Keyspecs))
	for i := range s.Keyspecs {
		dst = s.Keyspecs[i].append(dst, resp)
	}
	if len(s.Sub) == 0 {
		return AppendSet(dst, resp, 0)
	}
	return appendSaid(dst, s.Sub, resp)
}

// append appends a key specification as the server says it.
func (k *KeySpec) append(dst []byte, resp uint8) []byte {
	n := 3
	if k.Notes != "" {
		n++
	}
	dst = AppendMap(dst, resp, n)
	if k.Notes != "" {
		dst = AppendBulk(AppendBulk(dst, "notes"), k.Notes)
	}
	dst = AppendBulk(dst, "flags")
	dst = appendSimples(dst, resp, k.Flags)
	dst = AppendBulk(dst, "begin_search")
	switch k.Begin {
	case "index":
		dst = appendPart(dst, resp, k.Begin, part{"index", k.Index})
	case "keyword":
		dst = appendKind(dst, resp, k.Begin, 2)
		dst = AppendBulk(AppendBulk(dst, "keyword"), k.Keyword)
		dst = AppendInt(AppendBulk(dst, "startfrom"), int64(k.StartFrom))
	default:
		dst = appendKind(dst, resp, k.Begin, 0)
	}
	dst = AppendBulk(dst, "find_keys")
	switch k.Find {
	case "range":
		return appendPart(dst, resp, k.Find, part{"lastkey", k.LastKey}, part{"keystep", k.KeyStep}, part{"limit", k.Limit})
	case "keynum":
		return appendPart(dst, resp, k.Find, part{"keynumidx", k.KeyNumIdx}, part{"firstkey", k.FirstKey}, part{"keystep", k.KeyStep})
	}
	return appendKind(dst, resp, k.Find, 0)
}

// appendSaidOf answers INFO: a null for a name that no server has.
func (c *Commands) appendSaidOf(dst []byte, r *Request, resp uint8) []byte {
	dst = AppendArray(dst, r.Len()-2)
	for i := 2; i < r.Len(); i++ {
		if s := c.saidOf[strings.ToLower(string(r.Arg(i)))]; s != nil {
			dst = s.append(dst, resp)
			continue
		}
		dst = AppendNil(dst, resp)
	}
	return dst
}

// appendSaidNames answers LIST.
func (c *Commands) appendSaidNames(dst []byte, keep func(*CommandSpec) bool) []byte {
	var names []string
	var walk func(said []CommandSpec)
	walk = func(said []CommandSpec) {
		for i := range said {
			if keep(&said[i]) {
				names = append(names, said[i].Name)
			}
			walk(said[i].Sub)
		}
	}
	walk(c.said)
	return appendBulks(dst, names)
}

// in tells whether the server has the command in an ACL category.
func (s *CommandSpec) in(category string) bool {
	return slices.ContainsFunc(s.Categories, func(c string) bool {
		return strings.EqualFold(strings.TrimPrefix(c, "@"), category)
	})
}
