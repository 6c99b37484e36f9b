package codec

// matchGlob tells whether text matches a pattern of *, ?, [set], [^set], [a-z] and \x, as
// COMMAND LIST FILTERBY PATTERN means it. A star is retried from the place behind the last
// one only, so the time is bounded by the product of the lengths.
func matchGlob(pattern, text string) bool {
	star, resume := -1, 0 // the last * and the text it must swallow up to
	p, t := 0, 0
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			star, resume = p, t
			p++
			continue
		}
		if width, ok := matchOne(pattern[p:], text[t]); ok {
			p += width
			t++
			continue
		}
		if star < 0 {
			return false
		}
		resume++
		p, t = star+1, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one character with the beginning of a pattern, which does not begin
// with a star, and returns how much of the pattern that took.
func matchOne(pattern string, c byte) (width int, ok bool) {
	switch {
	case pattern == "":
		return 0, false
	case pattern[0] == '?':
		return 1, true
	case pattern[0] == '[':
		return matchSet(pattern, c)
	case pattern[0] == '\\' && len(pattern) > 1:
		return 2, pattern[1] == c
	}
	return 1, pattern[0] == c
}

// matchSet matches a set, which the end of the pattern closes if nothing else does.
func matchSet(pattern string, c byte) (width int, ok bool) {
	i := 1
	inverted := i < len(pattern) && pattern[i] == '^'
	if inverted {
		i++
	}
	for i < len(pattern) && pattern[i] != ']' {
		from, to, n := setRange(pattern[i:])
		ok = ok || min(from, to) <= c && c <= max(from, to)
		i += n
	}
	return min(i+1, len(pattern)), ok != inverted
}

// setRange reads x, \x or x-y.
func setRange(set string) (from, to byte, width int) {
	switch {
	case set[0] == '\\' && len(set) > 1:
		return set[1], set[1], 2
	case len(set) > 2 && set[1] == '-':
		return set[0], set[2], 3
	}
	return set[0], set[0], 1
}
