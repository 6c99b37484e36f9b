package config

// A kind is what a key's value means and how it is spelled.
type kind uint8

const (
	kindText      kind = iota // any text
	kindWord                  // one of the row's words
	kindTag                   // a hash tag: "" or two bytes
	kindNumber                // whole, between least and most
	kindSize                  // "64MiB"
	kindDuration              // "400ms"
	kindFlag                  // true or false
	kindSecret                // text, env:NAME or file:PATH
	kindAddress               // "host:port", "" or "off" for none
	kindAddresses             // one "host:port" of a server or a list of them; the port may be left out
	kindListen                // one listening address or a list of them
	kindLines                 // a list of server lines
	kindMember                // one server address
	kindMembers               // one server address or a list of them
	kindTable                 // keys of another section
	kindTables                // several such tables, in order
)

// String names the kind in the documentation and in error texts.
func (k kind) String() string {
	return [...]string{"text", "word", "text of two characters", "number", "size", "duration",
		"true or false", "secret", "address", "list of addresses", "address or list of addresses",
		"list of server lines", "server", "server or list of servers", "table",
		"list of tables"}[k]
}

// A change says when a new value takes effect.
type change string

const (
	onReload  change = "reload"
	onRestart change = "restart"
)

// A row is one key: the decoder, the defaults, the example, the suggestions, the writer and
// the manual are all made from the rows in keys.go.
type row struct {
	name string // as TOML spells it; "" when TOML has no such key
	yaml string // as nutcracker.yml spells it; "" when the same, "-" when it has no such key
	kind kind
	at   func(any) any // the field in the section's struct; nil when the value is built otherwise

	words       []string // of kindWord
	least, most int64    // of numbers, sizes (bytes) and durations (ns); most 0: no bound
	millis      bool     // nutcracker.yml gives the duration in bare milliseconds
	initial     string   // the default in TOML, as text without quotes
	twemproxy   string   // the default in nutcracker.yml when it is another one; "-" for ""

	when change
	env  string // the environment variable that goes before the file
	doc  string // for operators: what it does, units, what the extremes mean
	show string // a value for the example when the default would not do, as TOML
}

// A section is the keys of one table.
type section struct {
	path string // NAME stands for a pool's name
	doc  string
	rows []row
}

// in returns the row's name in a format, "" when the format lacks it.
func (w *row) in(f Format) string {
	switch {
	case f == TOML:
		return w.name
	case w.yaml == "-":
		return ""
	case w.yaml != "":
		return w.yaml
	}
	return w.name
}

// first returns the row's default in a format, as text.
func (w *row) first(f Format) string {
	switch {
	case f == TOML || w.twemproxy == "":
		return w.initial
	case w.twemproxy == "-":
		return ""
	}
	return w.twemproxy
}

// find returns the row of that name in a format, or nil.
func (s *section) find(name string, f Format) *row {
	for i := range s.rows {
		if s.rows[i].in(f) == name && name != "" {
			return &s.rows[i]
		}
	}
	return nil
}

// names returns what the section's keys are called in a format.
func (s *section) names(f Format) []string {
	var names []string
	for i := range s.rows {
		if name := s.rows[i].in(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// preset gives target, a pointer to the section's struct, the defaults of a format.
func (s *section) preset(target any, f Format) {
	for i := range s.rows {
		w := &s.rows[i]
		if w.at == nil || w.first(f) == "" {
			continue
		}
		if wrong := w.set(w.at(target), w.first(f)); wrong != nil {
			// Only an edit of keys.go can do this; TestDefaultsAreValid finds it first.
			panic("config: default of " + s.path + "." + w.name + ": " + wrong.text)
		}
	}
}

// The functions below give a row's field its place without a type assertion in each row.

func ofLog(f func(*Log) any) func(any) any         { return func(t any) any { return f(t.(*Log)) } }
func ofAdmin(f func(*Admin) any) func(any) any     { return func(t any) any { return f(t.(*Admin)) } }
func ofRuntime(f func(*Runtime) any) func(any) any { return func(t any) any { return f(t.(*Runtime)) } }
func ofPool(f func(*Pool) any) func(any) any       { return func(t any) any { return f(t.(*Pool)) } }
func ofLimits(f func(*Limits) any) func(any) any   { return func(t any) any { return f(t.(*Limits)) } }
func ofGroup(f func(*Group) any) func(any) any     { return func(t any) any { return f(t.(*Group)) } }
