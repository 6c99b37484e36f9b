package codec

import "fmt"

// ParseCommandReply reads the reply to COMMAND from the tree that a client library makes of
// it: []any, string, int64, nil, and, of RESP3, map[any]any. Replies of Redis before 7,
// which end after the positions or the categories, are read as far as they go. Entries that
// are nil (unknown names of COMMAND INFO) are skipped. An error says which entry is wrong,
// what it holds and what it should.
func ParseCommandReply(v any) ([]CommandSpec, error) {
	p := commandParser{}
	specs := p.commands(v, "COMMAND")
	if p.err != nil {
		return nil, p.err
	}
	return specs, nil
}

// deepest bounds the nesting of sub-commands: Redis has one level.
const deepest = 4

// A commandParser keeps the first error; after it, everything it returns is zero.
type commandParser struct {
	err   error // the first one
	depth int   // of nested sub-commands
}

// wrong remembers the first error.
func (p *commandParser) wrong(where string, v any, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("codec: reply to COMMAND: %s: got %T; want %s", where, v, want)
	}
}

func (p *commandParser) list(v any, where string) []any {
	l, ok := v.([]any)
	if !ok {
		p.wrong(where, v, "an array")
	}
	return l
}

func (p *commandParser) text(v any, where string) string {
	s, ok := v.(string)
	if !ok {
		p.wrong(where, v, "a string")
	}
	return s
}

func (p *commandParser) number(v any, where string) int {
	n, ok := v.(int64)
	if !ok {
		p.wrong(where, v, "an integer")
	}
	return int(n)
}

func (p *commandParser) texts(v any, where string) (texts []string) {
	for _, e := range p.list(v, where) {
		texts = append(texts, p.text(e, where))
	}
	return texts
}

// fields reads a map, or the array into which RESP2 flattens it.
func (p *commandParser) fields(v any, where string) map[string]any {
	fields := map[string]any{}
	if m, ok := v.(map[any]any); ok {
		for name, e := range m {
			fields[p.text(name, where)] = e
		}
		return fields
	}
	l := p.list(v, where)
	if len(l)%2 != 0 {
		p.wrong(where, v, "names and values in turn")
		return fields
	}
	for i := 0; i < len(l); i += 2 {
		fields[p.text(l[i], where)] = l[i+1]
	}
	return fields
}

func (p *commandParser) commands(v any, where string) (specs []CommandSpec) {
	if p.depth++; p.depth > deepest {
		p.wrong(where, v, "fewer levels of sub-commands")
	}
	for i, e := range p.list(v, where) {
		if p.err != nil {
			break
		}
		if e != nil {
			specs = append(specs, p.command(e, fmt.Sprintf("%s, entry %d", where, i)))
		}
	}
	p.depth--
	return specs
}

// command reads one entry.
func (p *commandParser) command(v any, where string) (s CommandSpec) {
	e := p.list(v, where)
	if len(e) < 6 {
		p.wrong(where, v, "an array of 6 or more elements")
		return s
	}
	s.Name = p.text(e[0], where+", name")
	where = fmt.Sprintf("%s (%q)", where, s.Name)
	s.Arity = p.number(e[1], where+", arity")
	s.Flags = p.texts(e[2], where+", flags")
	s.First = p.number(e[3], where+", first key")
	s.Last = p.number(e[4], where+", last key")
	s.Step = p.number(e[5], where+", step")
	s.Parts = 6
	if len(e) > 6 {
		s.Parts, s.Categories = 7, p.texts(e[6], where+", categories")
	}
	if len(e) < 10 {
		return s
	}
	s.Parts = 10
	s.Tips = p.texts(e[7], where+", tips")
	for i, k := range p.list(e[8], where+", key specifications") {
		s.Keyspecs = append(s.Keyspecs, p.keySpec(k, fmt.Sprintf("%s, key specification %d", where, i)))
	}
	s.Sub = p.commands(e[9], where)
	return s
}

// keySpec reads one specification. Types it does not know are kept as names.
func (p *commandParser) keySpec(v any, where string) (k KeySpec) {
	fields := p.fields(v, where)
	if notes, ok := fields["notes"]; ok {
		k.Notes = p.text(notes, where+", notes")
	}
	k.Flags = p.texts(fields["flags"], where+", flags")

	kind, spec := p.kind(fields["begin_search"], where+", begin_search")
	k.Begin = kind
	switch kind {
	case "index":
		k.Index = p.number(spec["index"], where+", index")
	case "keyword":
		k.Keyword = p.text(spec["keyword"], where+", keyword")
		k.StartFrom = p.number(spec["startfrom"], where+", startfrom")
	}

	kind, spec = p.kind(fields["find_keys"], where+", find_keys")
	k.Find = kind
	switch kind {
	case "range":
		k.LastKey = p.number(spec["lastkey"], where+", lastkey")
		k.KeyStep = p.number(spec["keystep"], where+", keystep")
		k.Limit = p.number(spec["limit"], where+", limit")
	case "keynum":
		k.KeyNumIdx = p.number(spec["keynumidx"], where+", keynumidx")
		k.FirstKey = p.number(spec["firstkey"], where+", firstkey")
		k.KeyStep = p.number(spec["keystep"], where+", keystep")
	}
	return k
}

// kind reads half a specification: its type, and the numbers of that type.
func (p *commandParser) kind(v any, where string) (kind string, spec map[string]any) {
	fields := p.fields(v, where)
	kind = p.text(fields["type"], where+", type")
	return kind, p.fields(fields["spec"], where+", spec")
}
