package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// treeOfTOML parses the reader's source. What was understood before a syntax error is
// still returned, so that secrets in it are known.
//
// The tree comes from go-toml's AST, because its decoder forgets where a value stood. The
// decoder is asked as well: it knows the rules that span expressions, such as a table
// that is defined twice.
func (r *reader) treeOfTOML() *node {
	t := &tomlTree{reader: r, root: &node{shape: table, header: true}}
	document := []byte(r.src.text)
	t.parser.Reset(document)
	t.here = t.root
	for t.parser.NextExpression() {
		t.expression(t.parser.Expression())
	}
	before := r.found
	r.tomlSyntax(document, t.parser.Error())
	if r.found == before && !t.doubled {
		var rules map[string]any
		r.tomlSyntax(document, toml.Unmarshal(document, &rules))
	}
	return t.root
}

// tomlSyntax reports what go-toml refused in the document, of which its highlights are slices.
func (r *reader) tomlSyntax(document []byte, err error) {
	var raw *unstable.ParserError
	var decoded *toml.DecodeError
	switch {
	case err == nil:
	case errors.As(err, &raw):
		at := min(max(cap(document)-cap(raw.Highlight), 0), len(document))
		r.illegible(span{at, at + len(raw.Highlight)}, "not TOML: "+raw.Message, r.tomlHint(at))
	case errors.As(err, &decoded):
		at := 0
		if line, column := decoded.Position(); line >= 1 && line <= len(r.src.starts) {
			at = r.src.starts[line-1] + max(column-1, 0)
		}
		r.illegible(span{at, at + 1}, "not TOML: "+trimTOML(decoded.Error()), "")
	default:
		r.illegible(span{}, "not TOML: "+trimTOML(err.Error()), "")
	}
}

// tomlHint guesses what a syntax error at an offset comes from.
func (r *reader) tomlHint(at int) string {
	if formatOf("", r.src.text) == Nutcracker {
		return "it looks like YAML: nutcracker's files end in .yml"
	}
	line, _ := r.src.position(at)
	before := strings.TrimRight(r.src.text[r.src.starts[line-1]:at], " \t")
	if strings.HasSuffix(before, "=") || strings.HasSuffix(before, "[") && strings.Contains(before, "=") {
		return "strings stand in quotes"
	}
	return ""
}

// trimTOML cuts the prefix that go-toml gives its texts.
func trimTOML(text string) string {
	const prefix = "toml: "
	if len(text) > len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):]
	}
	return text
}

// A tomlTree is the state of a walk over TOML's expressions.
type tomlTree struct {
	*reader
	parser  unstable.Parser
	root    *node
	here    *node // the table that the last [header] opened; nil when that one was refused
	doubled bool  // something was defined twice, and is reported
}

// expression adds one top-level expression to the tree.
func (t *tomlTree) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table:
		t.here = t.open(n, 0)
	case unstable.ArrayTable:
		t.here = t.append(n)
	case unstable.KeyValue:
		if t.here != nil {
			t.keyValue(t.here, n)
		}
	}
}

// open walks the dotted name of a header, all but the last short parts, and returns the
// table it comes to; nil when a part of the name is something else already.
func (t *tomlTree) open(n *unstable.Node, short int) *node {
	var parts []*unstable.Node
	for it := n.Key(); it.Next(); {
		parts = append(parts, it.Node())
	}
	at := t.root
	for _, part := range parts[:len(parts)-short] {
		if at = t.enter(at, part); at == nil {
			return nil
		}
	}
	return at
}

// enter returns the table of that name in at, made when there is none. The last table of
// a list of tables stands for the list.
func (t *tomlTree) enter(at *node, key *unstable.Node) *node {
	name, place := string(key.Data), t.placeOf(key)
	e := at.get(name)
	if e == nil {
		e = &entry{name: name, at: place, value: &node{shape: table, at: place, header: true}}
		at.add(e)
		return e.value
	}
	v := e.value
	if v.shape == list && v.header && len(v.items) > 0 {
		v = v.items[len(v.items)-1]
	}
	if v.shape != table || !v.header {
		t.twice(name, place, e.at)
		return nil
	}
	return v
}

// append adds a table for a [[header]] and returns it.
func (t *tomlTree) append(n *unstable.Node) *node {
	at := t.open(n, 1)
	if at == nil {
		return nil
	}
	var last *unstable.Node
	for it := n.Key(); it.Next(); {
		last = it.Node()
	}
	name, place := string(last.Data), t.placeOf(last)
	e := at.get(name)
	if e == nil {
		e = &entry{name: name, at: place, value: &node{shape: list, at: place, header: true}}
		at.add(e)
	}
	if e.value.shape != list || !e.value.header {
		t.twice(name, place, e.at)
		return nil
	}
	item := &node{shape: table, at: place, header: true}
	e.value.items = append(e.value.items, item)
	return item
}

// keyValue adds "a.b = value" to a table.
func (t *tomlTree) keyValue(at *node, n *unstable.Node) {
	var last *unstable.Node
	for it := n.Key(); it.Next(); {
		if last != nil {
			if at = t.enter(at, last); at == nil {
				return
			}
		}
		last = it.Node()
	}
	name, place := string(last.Data), t.placeOf(last)
	if e := at.get(name); e != nil {
		t.twice(name, place, e.at)
		return
	}
	at.add(&entry{name, place, t.value(n.Value(), place)})
}

// twice reports a second definition.
func (t *tomlTree) twice(name string, at, first span) {
	t.doubled = true
	line, _ := t.src.position(first.from)
	t.fail(at, "", fmt.Sprintf("key %q is given twice", name), fmt.Sprintf("first on line %d", line))
}

var tomlShapes = map[unstable.Kind]shape{
	unstable.String: quoted, unstable.Integer: whole, unstable.Float: float,
	unstable.Bool: truth, unstable.LocalDate: moment, unstable.LocalTime: moment,
	unstable.LocalDateTime: moment, unstable.DateTime: moment,
	unstable.Array: list, unstable.InlineTable: table,
}

// value makes the node of a value. Lists have no place of their own in go-toml's AST;
// they get their key's.
func (t *tomlTree) value(n *unstable.Node, key span) *node {
	v := &node{shape: tomlShapes[n.Kind], at: key}
	if n.Raw.Length > 0 {
		v.at = span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)}
	}
	switch v.shape {
	case list:
		for it := n.Children(); it.Next(); {
			v.items = append(v.items, t.value(it.Node(), key))
		}
	case table:
		for it := n.Children(); it.Next(); {
			t.keyValue(v, it.Node())
		}
	case whole:
		v.text = decimal(string(n.Data))
	default:
		v.text = string(n.Data)
	}
	return v
}

// decimal rewrites TOML's 0x, 0o, 0b and 1_000; what does not fit 64 bits stays as it is
// and fails where it is used.
func decimal(text string) string {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return text
}

func (t *tomlTree) placeOf(n *unstable.Node) span {
	return span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)}
}
