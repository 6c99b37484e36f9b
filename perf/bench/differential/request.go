package differential

import (
	"fmt"
	"slices"
	"strings"

	"huntaway/perf/bench/rig"
)

// A Request is what is sent.
type Request struct {
	Args    []string
	Inline  bool // as a line of quoted words
	Spoiled bool // is likely to be wrong, and its keys need not be of one group
}

// Frame appends the request's bytes.
func (r *Request) Frame(dst []byte) []byte {
	if !r.Inline {
		return rig.AppendCommand(dst, r.Args...)
	}
	for i, a := range r.Args {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, quoted(a)...)
	}
	return append(dst, "\r\n"...)
}

// String is for people: what redis-cli would take.
func (r Request) String() string {
	words := make([]string, len(r.Args))
	for i, a := range r.Args {
		words[i] = quoted(a)
	}
	text := strings.Join(words, " ")
	if r.Inline {
		text += "   (inline)"
	}
	return text
}

// quoted is an argument of an inline request.
func quoted(a string) string {
	plain := a != ""
	for i := range len(a) {
		if c := a[i]; c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\' {
			plain = false
		}
	}
	if plain {
		return a
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(a) {
		switch c := a[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// junk is what spoiled requests have for an argument.
var junk = []string{"", "notanumber", "9223372036854775808", "-1", "1e400", "\x00\r\n", "WITHSCORES", "**", "nan", "1.5"}

// spoil makes a request wrong, in most cases.
func (g *gen) spoil(r *Request) {
	r.Spoiled = true
	at := g.IntN(len(r.Args))
	switch g.IntN(6) {
	case 0: // but not the name: what is left of FLUSHDB SYNC would never end
		r.Args = slices.Delete(r.Args, max(at, 1), max(at+1, min(2, len(r.Args))))
	case 1:
		r.Args = slices.Insert(r.Args, at+1, g.oneOf(junk...))
	case 2:
		r.Args = r.Args[:1]
	case 3:
		r.Args = slices.Insert(r.Args, at, r.Args[at])
	case 4:
		if at > 0 && !waits(r.Args[0]) {
			r.Args[at] = g.oneOf(junk...)
		}
	default:
		if g.once(3) {
			r.Args[0] = g.oneOf("NOSUCH", "GETT", "SE", "\x00", "x"+r.Args[0], strings.Repeat("long", 60))
		}
	}
	if r.Args[0] == "SPOP" && len(r.Args) == 2 {
		r.Args[0] = "SPOPP" // a random member less makes everything behind it differ
	}
}

// waits reports whether a command may wait at the server: its time-out must not become a
// long one.
func waits(name string) bool {
	return name[:min(1, len(name))] == "B" && !strings.HasPrefix(name, "BIT") || strings.HasPrefix(name, "XREAD") || name == "WAIT"
}

// oddCase changes the case of some letters.
func (g *gen) oddCase(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' && g.once(2) {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
