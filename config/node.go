package config

// A shape is what a node looks like in the file.
type shape uint8

const (
	plain  shape = iota // a YAML scalar: its text; what it means is for its key to say
	quoted              // a TOML string
	whole               // a TOML integer, its text in decimal
	float               // a TOML float
	truth               // a TOML boolean
	moment              // a TOML date or time
	list
	table
)

// String names the shape in error texts.
func (s shape) String() string {
	return [...]string{"a value", "a string", "a whole number", "a fraction", "true or false",
		"a date", "a list", "a table"}[s]
}

// A node is one value of a file with its place. Both parsers make the same tree, so that
// everything behind them is written once.
type node struct {
	shape   shape
	text    string // of a scalar, decoded
	at      span
	entries []*entry // of a table, in the order of the file
	byName  map[string]*entry
	items   []*node // of a list
	header  bool    // a TOML table that a [header] or dots opened: more may be added
}

// An entry is one key of a table.
type entry struct {
	name  string
	at    span // the key
	value *node
}

// get returns the entry of that name, or nil.
func (n *node) get(name string) *entry { return n.byName[name] }

// add appends an entry whose name the table does not have.
func (n *node) add(e *entry) {
	if n.byName == nil {
		n.byName = map[string]*entry{}
	}
	n.byName[e.name] = e
	n.entries = append(n.entries, e)
}
