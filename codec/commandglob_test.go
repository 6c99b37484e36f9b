package codec

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// slowGlob is Redis' own algorithm (stringmatchlen of util.c, without case), which goes back
// at every star.
func slowGlob(p, s string) bool {
	for p != "" {
		switch {
		case p[0] == '*':
			for i := range len(s) + 1 {
				if slowGlob(p[1:], s[i:]) {
					return true
				}
			}
			return false
		case s == "":
			return false
		case p[0] == '[':
			i, hit := 1, false
			not := i < len(p) && p[i] == '^'
			if not {
				i++
			}
			for ; i < len(p) && p[i] != ']'; i++ {
				switch {
				case p[i] == '\\' && i+1 < len(p):
					i++
					hit = hit || p[i] == s[0]
				case i+2 < len(p) && p[i+1] == '-':
					a, b := lower(p[i]), lower(p[i+2])
					hit = hit || min(a, b) <= s[0] && s[0] <= max(a, b)
					i += 2
				default:
					hit = hit || lower(p[i]) == s[0]
				}
			}
			if hit == not {
				return false
			}
			p, s = p[min(i+1, len(p)):], s[1:]
			continue
		case p[0] == '\\' && len(p) > 1:
			p = p[1:]
		}
		if p[0] != '?' && lower(p[0]) != s[0] {
			return false
		}
		p, s = p[1:], s[1:]
	}
	return s == ""
}

// A Glob matches what Redis' own algorithm matches, of any pattern.
func TestGlobIsRedis(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	of := func(letters string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	fit := 0
	for range 50_000 {
		p, s := of(`aAbc-|***??[[]]^\`, rng.IntN(9)), of(`abc-|^]`, rng.IntN(6))
		if strings.Contains(p, `\?`) {
			continue // slowGlob takes a quoted ? for any byte, as the oracle does not
		}
		got, want := NewGlob([]byte(p)).Match(s), slowGlob(p, s)
		if got != want {
			t.Fatalf("pattern %q, text %q: got %t; want %t", p, s, got, want)
		}
		if got {
			fit++
		}
	}
	if fit < 1000 {
		t.Errorf("got %d matches; want many: the patterns are too odd to prove anything", fit)
	}
}

// Long texts and patterns are refused alike, at the edge and beyond.
func TestGlobAtItsEdge(t *testing.T) {
	for _, row := range []struct {
		pattern, text string
		want          bool
	}{
		{strings.Repeat("?", 63), strings.Repeat("a", 63), true},
		{strings.Repeat("*", 1000), strings.Repeat("a", 63), true},
		{strings.Repeat("?*", 63), strings.Repeat("a", 63), true},
		{strings.Repeat("?", 64), strings.Repeat("a", 63), false},
		{strings.Repeat("?", 65), "a", false},
		{"*", strings.Repeat("a", 1000), true},
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"?", "", false},
	} {
		if got := NewGlob([]byte(row.pattern)).Match(row.text); got != row.want {
			t.Errorf("%.10s… (%d), text of %d: got %t; want %t", row.pattern, len(row.pattern), len(row.text), got, row.want)
		}
	}
}

// The worst patterns take no longer than harmless ones of the same length, give or take:
// what was quadratic took thousands of times as long.
func TestGlobIsLinear(t *testing.T) {
	const size = 256 << 10
	least := func(pattern string) time.Duration {
		best := time.Hour
		for range 5 {
			start := time.Now()
			g := NewGlob([]byte(pattern))
			for range 400 {
				g.Match("zunionstore-of-a-rather-long-name")
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	harmless := least("*[" + strings.Repeat("b", size) + "]")
	for name, pattern := range map[string]string{
		"an open set": "*[" + strings.Repeat("b", size),
		"ranges":      "*[" + strings.Repeat("a-b", size/3),
		"sets":        strings.Repeat("*[ab", size/4),
		"stars":       strings.Repeat("*a", size/2) + "b",
	} {
		if got := least(pattern); got > 50*harmless {
			t.Errorf("%s: got %v; want about %v", name, got, harmless)
		}
	}
}
