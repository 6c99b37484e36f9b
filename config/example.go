package config

import (
	"bytes"
	"fmt"
	"strings"
)

// Defaults returns an example in TOML that holds every key with its meaning and its
// default. A key whose default is shown is commented out without a blank after the #, so
// that removing the # gives a line that loads.
func Defaults() []byte {
	e := &example{}
	e.WriteString(wrap("Huntaway's configuration. This example names every key. A line that starts with # and a key shows that key's default; prose has a blank after the #. Durations and sizes are strings with units (\"400ms\", \"64MiB\"). Check a file with: huntaway check -c FILE", "# ", 90))
	for _, s := range []*section{&logSection, &adminSection, &runtimeSection} {
		e.header(s, "["+s.path+"]")
		e.rows(s.rows, nil)
	}
	e.header(&poolSection, "[pools.alpha]")
	e.rows(poolSection.rows, map[string]bool{"listen": true})
	e.header(&limitsSection, "[pools.alpha.limits]")
	e.rows(limitsSection.rows, nil)
	e.header(&groupSection, "[[pools.alpha.groups]]")
	last := len(groupSection.rows) - 1
	e.rows(groupSection.rows[:last], map[string]bool{
		"name": true, "master": true, "secondary": true, "replicas": true})
	e.WriteString("\n[[pools.alpha.groups]]\nname = \"users-2\"\n")
	e.rows(groupSection.rows[last:], map[string]bool{"servers": true})
	return e.Bytes()
}

// An example is a TOML text that is being written from the rows.
type example struct{ bytes.Buffer }

func (e *example) header(s *section, name string) {
	e.WriteString("\n" + wrap(s.doc, "# ", 90) + name + "\n")
}

// rows writes keys; those in active without a comment sign.
func (e *example) rows(rows []row, active map[string]bool) {
	for i := range rows {
		w := &rows[i]
		if w.kind == kindTable || w.kind == kindTables {
			continue // a header of its own
		}
		sign := "#"
		if active[w.name] {
			sign = ""
		}
		value := w.show
		if value == "" {
			value = w.literal(w.initial)
		}
		fmt.Fprintf(e, "\n%s%s%s = %s\n", wrap(w.doc+w.remarks(), "# ", 90), sign, w.name, value)
	}
}

// remarks says how else a value is set, and when a new one takes effect.
func (w *row) remarks() string {
	var b strings.Builder
	if w.env != "" {
		b.WriteString(" Environment: " + w.env + ".")
	}
	if w.when == onRestart {
		b.WriteString(" A change needs a restart.")
	}
	return b.String()
}
