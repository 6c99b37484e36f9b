package config

import (
	"bytes"
	"fmt"
	"strings"
)

// Manual returns the page huntaway.toml(5) in man(7) macros, made from the key table.
func Manual() []byte {
	var b bytes.Buffer
	b.WriteString(".TH HUNTAWAY.TOML 5 \"\" Huntaway \"File formats\"\n")
	b.WriteString(".SH NAME\nhuntaway.toml \\- configuration of the Redis proxy Huntaway\n")
	b.WriteString(".SH DESCRIPTION\n" + roff("The file is TOML. Every key but listen and the servers has a default. Durations and sizes are strings with units. An unknown key is an error. A file that ends in .yml is read as twemproxy's nutcracker.yml instead, which may also hold the keys of a pool below. huntaway check -c FILE reports all that is wrong, with lines.") + "\n")
	for _, s := range append(sections(), &nutcrackerSection) {
		fmt.Fprintf(&b, ".SH %s\n%s\n", roff(strings.ToUpper(s.path)), roff(s.doc))
		for i := range s.rows {
			b.WriteString(s.rows[i].paragraph())
		}
	}
	return b.Bytes()
}

// paragraph writes one key of the manual.
func (w *row) paragraph() string {
	name := w.name
	if name == "" {
		name = w.yaml
	}
	var b strings.Builder
	fmt.Fprintf(&b, ".TP\n.B %s\n%s", roff(name), roff(strings.ToUpper(w.kind.String()[:1])+w.kind.String()[1:]+"."))
	if w.at != nil && w.initial != "" {
		fmt.Fprintf(&b, "\n%s", roff("Default: "+w.initial+"."))
	}
	if w.twemproxy != "" && w.twemproxy != "-" {
		fmt.Fprintf(&b, "\n%s", roff("In nutcracker.yml: "+w.twemproxy+"."))
	}
	if w.name != "" && w.yaml != "" && w.yaml != "-" {
		fmt.Fprintf(&b, "\n%s", roff("nutcracker.yml calls it "+w.yaml+"."))
	}
	fmt.Fprintf(&b, "\n%s\n", roff(w.doc+w.remarks()))
	return b.String()
}

// roff escapes what troff would take for its own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
