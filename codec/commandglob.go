package codec

import "bytes"

// A Glob is a pattern of *, ?, [set], [^set], [a-z] and \x, as Redis' CONFIG GET and COMMAND
// LIST mean it: in any case. It is read once and matches in one step per byte of a text,
// whoever chose the pattern: the places in the pattern that may come next are bits of a word,
// and each byte moves all of them at once. A pattern of more than mostPlaces fits nothing.
type Glob struct {
	fits  [256]uint64 // by byte: the places that take it, or do not, as flips says
	flips uint64      // the places that take what fits does not say: ? and [^set]
	stays uint64      // the places with a star before them, which any byte leaves where they are
	end   int         // the places of the whole pattern
}

// mostPlaces is how many bytes a pattern may ask for besides its stars: far more than any
// command or setting has.
const mostPlaces = 63

// NewGlob reads a pattern, in one step per byte of it.
func NewGlob(pattern []byte) *Glob {
	g := new(Glob)
	for p := pattern; len(p) > 0 && g.end <= mostPlaces; {
		if p[0] == '*' {
			g.stays |= 1 << g.end
			p = p[1:]
			continue
		}
		p = p[g.place(p):]
		g.end++
	}
	return g
}

// Match tells whether the whole of a text, whose letters are small, fits.
func (g *Glob) Match(text string) bool {
	if g.end > mostPlaces {
		return false
	}
	at := uint64(1)
	for i := 0; i < len(text) && at != 0; i++ {
		at = (at&(g.fits[text[i]]^g.flips))<<1 | at&g.stays
	}
	return at>>g.end&1 == 1
}

// place reads what takes one byte, at the beginning of a pattern that begins with no star,
// and returns how much of the pattern that was.
func (g *Glob) place(pattern []byte) (width int) {
	switch {
	case pattern[0] == '?':
		g.flips |= 1 << g.end
		return 1
	case pattern[0] == '[':
		return g.set(pattern)
	case pattern[0] == '\\' && len(pattern) > 1:
		pattern, width = pattern[1:], 1
	}
	c := lower(pattern[0])
	g.accept(c, c)
	return width + 1
}

// set reads a set, which the end of the pattern closes if nothing else does.
func (g *Glob) set(pattern []byte) (width int) {
	i := 1
	if bytes.HasPrefix(pattern[i:], []byte("^")) {
		g.flips |= 1 << g.end
		i++
	}
	for i < len(pattern) && pattern[i] != ']' {
		from, to, n := setRange(pattern[i:])
		g.accept(min(from, to), max(from, to))
		i += n
	}
	return min(i+1, len(pattern))
}

// accept makes the place that is being read take a range of bytes.
func (g *Glob) accept(from, to byte) {
	for c := int(from); c <= int(to); c++ {
		g.fits[c] |= 1 << g.end
	}
}

// setRange reads x, \x or x-y. Redis takes the x of \x as it is written, the others in any
// case.
func setRange(set []byte) (from, to byte, width int) {
	switch {
	case set[0] == '\\' && len(set) > 1:
		return set[1], set[1], 2
	case len(set) > 2 && set[1] == '-':
		return lower(set[0]), lower(set[2]), 3
	}
	return lower(set[0]), lower(set[0]), 1
}

// lower returns the small letter of an ASCII capital, and everything else as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
