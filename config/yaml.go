package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// refusedYAML are the parts of YAML that twemproxy refuses. Huntaway refuses them too: a
// file that loads here and uses twemproxy's keys loads there, should one have to go back.
var refusedYAML = map[token.Type]string{
	token.DirectiveType:      "a directive",
	token.DocumentHeaderType: "a document start",
	token.DocumentEndType:    "a document end",
	token.SequenceStartType:  "a list in brackets",
	token.MappingStartType:   "a map in braces",
	token.AnchorType:         "an anchor",
	token.AliasType:          "an alias",
	token.TagType:            "a tag",
	token.MappingKeyType:     "a key with a question mark",
}

// treeOfYAML parses the reader's source; nil when it is no YAML or not of twemproxy's kind.
func (r *reader) treeOfYAML() (root *node) {
	defer func() {
		// The parser is somebody else's and meets whatever an editor saved.
		if cause := recover(); cause != nil {
			r.illegible(span{}, fmt.Sprintf("not YAML: the parser gave up: %v", cause), "")
			root = nil
		}
	}()
	if !r.plainYAML(lexer.Tokenize(r.src.text)) {
		return nil
	}
	file, err := parser.ParseBytes([]byte(r.src.text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.yamlSyntax(err)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		r.fail(span{}, "", "the file has no pools", `a pool is "name:" with indented keys below it`)
		return nil
	}
	return r.yamlNode(file.Docs[0].Body)
}

// plainYAML reports the tokens that twemproxy refuses.
func (r *reader) plainYAML(tokens token.Tokens) bool {
	good, entryLine := true, 0
	for _, t := range tokens {
		what, refused := refusedYAML[t.Type]
		if t.Type == token.SequenceEntryType {
			// "- - -" nests without end on one line.
			if t.Position.Line == entryLine {
				what, refused = "a list in a list", true
			}
			entryLine = t.Position.Line
		}
		if refused && r.found < mostFindings {
			r.illegible(r.tokenSpan(t), "nutcracker.yml cannot have "+what+" here", instead(t))
		}
		good = good && !refused
	}
	return good
}

// instead says how to do without a refused token.
func instead(t *token.Token) string {
	switch t.Type {
	case token.DocumentHeaderType, token.DocumentEndType, token.DirectiveType:
		return "twemproxy refuses it too; remove the line"
	case token.SequenceStartType, token.SequenceEntryType:
		return `put each element on a line of its own, after "- "`
	case token.AliasType, token.TagType, token.AnchorType, token.MappingStartType:
		return "quote the value if the character is part of it"
	}
	return ""
}

// yamlSyntax reports what the parser refused.
func (r *reader) yamlSyntax(err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		r.illegible(span{}, "not YAML: "+text, "")
		return
	}
	r.illegible(r.tokenSpan(syntax.GetToken()), "not YAML: "+syntax.GetMessage(), "")
}

// tokenSpan returns a token's place, trusting its line and column only as far as the text goes.
func (r *reader) tokenSpan(t *token.Token) span {
	if t == nil || t.Position == nil {
		return span{}
	}
	from := r.src.offset(t.Position.Line, t.Position.Column)
	length := len(strings.TrimSpace(t.Origin))
	return span{from, min(from+max(length, 1), len(r.src.text))}
}

// yamlNode makes the tree of a value. Scalars stay text: twemproxy reads "0400" as the
// number 400 and "yes" as no truth value, whatever YAML thinks of them.
func (r *reader) yamlNode(n ast.Node) *node {
	v := &node{at: r.tokenSpan(n.GetToken())}
	switch n := n.(type) {
	case *ast.MappingNode:
		v.shape = table
		for _, pair := range n.Values {
			r.yamlEntry(v, pair)
		}
	case *ast.MappingValueNode:
		v.shape = table
		r.yamlEntry(v, n)
	case *ast.SequenceNode:
		v.shape = list
		for _, item := range n.Values {
			v.items = append(v.items, r.yamlNode(item))
		}
	case *ast.LiteralNode:
		v.text = n.Value.Value
		v.at.to = min(v.at.from+len(n.Start.Origin)+len(n.Value.GetToken().Origin), len(r.src.text))
	default:
		if t := n.GetToken(); t.Type != token.ImplicitNullType {
			v.text = t.Value
		}
	}
	return v
}

// yamlEntry adds one "key: value" to a table.
func (r *reader) yamlEntry(to *node, pair *ast.MappingValueNode) {
	t := pair.Key.GetToken()
	e := &entry{name: t.Value, at: r.tokenSpan(t), value: r.yamlNode(pair.Value)}
	if pair.Value.GetToken().Type == token.ImplicitNullType || e.value.shape > plain {
		e.value.at = e.at
	}
	if first := to.get(e.name); first != nil {
		line, _ := r.src.position(first.at.from)
		r.fail(e.at, "", fmt.Sprintf("key %q is given twice", e.name), fmt.Sprintf("first on line %d", line))
		return
	}
	to.add(e)
}
