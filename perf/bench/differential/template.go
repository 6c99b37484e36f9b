package differential

import (
	"math/rand/v2"
	"strings"
)

// A gen makes requests out of templates. One seed makes one sequence.
//
// A template is a line of words:
//
//	SET $k $v [ EX|PX $ttl ] [ NX|XX ]
//	HSET $k ( $field $v )
//
// A word with bars is one of them, a word with a dollar stands for what words says, square
// brackets are for what may be left out, and round ones for what comes one to four times.
type gen struct {
	*rand.Rand
	sharded bool   // keys of a command must be of one group, unless it can be split
	tag     string // what the keys of the command that is being made have between braces
	pinned  bool   // every command has the same tag: the sequence is of transactions
}

// expand makes arguments of the words of a template.
func (g *gen) expand(words []string) (args []string) {
	for i := 0; i < len(words); i++ {
		times := 1
		inner := words[i : i+1]
		switch words[i] {
		case "[", "(":
			end := i + closing(words[i:])
			inner = words[i+1 : end]
			times = g.IntN(2)
			if words[i] == "(" {
				times = 1 + g.IntN(4)
			}
			i = end
		default:
			args = append(args, g.word(inner[0])...)
			continue
		}
		for range times {
			args = append(args, g.expand(inner)...)
		}
	}
	return args
}

// closing returns the index of the bracket that closes the first word.
func closing(words []string) int {
	depth := 0
	for i, w := range words {
		switch w {
		case "[", "(":
			depth++
		case "]", ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	panic("differential: unbalanced template: " + strings.Join(words, " "))
}

// word makes the arguments that one word of a template stands for.
func (g *gen) word(w string) []string {
	w = g.oneOf(strings.Split(w, "|")...)
	if !strings.HasPrefix(w, "$") {
		return []string{w}
	}
	make, ok := words[w]
	if !ok {
		panic("differential: no such word: " + w)
	}
	return make(g)
}

// oneOf chooses.
func (g *gen) oneOf(of ...string) string { return of[g.IntN(len(of))] }

// once reports true one time in n.
func (g *gen) once(n int) bool { return g.IntN(n) == 0 }
