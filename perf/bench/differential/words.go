package differential

import (
	"fmt"
	"strconv"
	"strings"
)

// words are what the words with a dollar stand for.
var words map[string]func(*gen) []string

func init() {
	words = map[string]func(*gen) []string{
		"$keys":    (*gen).counted,
		"$weights": (*gen).weighted,
		"$script":  (*gen).script,
		"$shas":    (*gen).shas,
		"$library": func(g *gen) []string { return []string{g.oneOf(libraries...)} },
		"$body":    func(g *gen) []string { return []string{g.oneOf(bodies...)} },
		"$sha":     func(g *gen) []string { return []string{sha(g.oneOf(bodies...))} },
	}
	for w, one := range map[string]func(*gen) string{
		"$k": (*gen).key, "$K": (*gen).anyKey, "$v": (*gen).value, "$n": (*gen).small, "$count": (*gen).count,
		"$f": (*gen).float, "$m": (*gen).member, "$field": (*gen).field, "$ttl": (*gen).ttl, "$at": (*gen).moment, "$future": (*gen).future,
		"$bit": (*gen).bit, "$pattern": (*gen).pattern, "$lex": (*gen).lex, "$score": (*gen).score, "$id": (*gen).streamID,
		"$lon": (*gen).degrees, "$db": (*gen).database, "$by": (*gen).sortPattern,
	} {
		words[w] = func(g *gen) []string { return []string{one(g)} }
	}
}

// tags put keys into different groups of a sharded pool.
var tags = []string{"a", "b", "c", "d", "e"}

// key is one of few, so that commands meet. Keys of one command have one tag in a sharded
// pool.
func (g *gen) key() string {
	tag := g.tag
	if !g.sharded {
		tag = g.oneOf(tags[:2]...)
	}
	return fmt.Sprintf("{%s}k%d", tag, g.IntN(5))
}

// anyKey is a key of a command that can be split.
func (g *gen) anyKey() string {
	if g.pinned {
		return g.key()
	}
	return fmt.Sprintf("{%s}k%d", g.oneOf(tags...), g.IntN(5))
}

// counted is a few keys behind their number.
func (g *gen) counted() []string {
	n := 1 + g.IntN(3)
	args := []string{strconv.Itoa(n)}
	for range n {
		args = append(args, g.key())
	}
	return args
}

// weighted is a few keys with a weight for each.
func (g *gen) weighted() []string {
	args := g.counted()
	n := len(args) - 1
	if g.once(2) {
		args = append(args, "WEIGHTS")
		for range n {
			args = append(args, g.float())
		}
	}
	return args
}

// value is a number, a text or bytes, most of them short.
func (g *gen) value() string {
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return strconv.Itoa(g.IntN(200) - 100)
	case 4:
		return g.oneOf("0", "-1", "9223372036854775807", "-9223372036854775808", "3.5", "1e3", "007", " 1", "")
	case 5:
		return "\x00\r\n$3\xff\"'\\ "
	case 6:
		return strings.Repeat("long/", 1+g.IntN(40))
	case 7:
		return strings.Repeat("x", 1<<g.IntN(15))
	}
	return "v" + strconv.Itoa(g.IntN(20))
}

func (g *gen) small() string { return strconv.Itoa(g.IntN(16) - 6) }
func (g *gen) count() string { return strconv.Itoa(1 + g.IntN(9)) }
func (g *gen) field() string { return "f" + strconv.Itoa(g.IntN(8)) }
func (g *gen) bit() string   { return strconv.Itoa(g.IntN(100)) }

func (g *gen) float() string {
	if g.once(8) {
		return g.oneOf("inf", "-inf", "+inf", "1e5", "0x10", "-0", "1e-7", "3.141592653589793")
	}
	return strconv.FormatFloat(float64(g.IntN(80)-40)/4, 'g', -1, 64)
}

func (g *gen) member() string {
	if g.once(10) {
		return g.value()
	}
	return g.oneOf("m0", "m1", "m2", "m3", "m4", "m5", "1", "2", "3", "-7")
}

// ttl is too long to run out, or has run out already.
func (g *gen) ttl() string {
	if g.once(8) {
		return g.oneOf("0", "-1", "-100")
	}
	return strconv.Itoa(100_000_000 + g.IntN(1000))
}

// moment is one in the far future, or the past, in seconds and in milliseconds alike.
func (g *gen) moment() string {
	if g.once(8) {
		return g.oneOf("1", "-5", "0")
	}
	return g.future()
}

// future is for SET, which leaves a key that has expired to DBSIZE for a while.
func (g *gen) future() string {
	return strconv.Itoa(4_000_000_000_000 + g.IntN(1000))
}

func (g *gen) pattern() string {
	return g.oneOf("*", "k*", "m*", "f[1-4]", "?1", "{a}*", "[^{]*", "v\\*", "none", "")
}

func (g *gen) lex() string {
	if g.once(3) {
		return g.oneOf("-", "+", "m", "")
	}
	return g.oneOf("[", "(") + g.member()
}

func (g *gen) score() string {
	if g.once(3) {
		return g.oneOf("-inf", "+inf", "(inf")
	}
	return g.oneOf("", "(") + g.float()
}

func (g *gen) streamID() string {
	if g.once(4) {
		return g.oneOf("0", "0-0", "-", "+", "$", ">", "5-*", "18446744073709551615-18446744073709551615")
	}
	return fmt.Sprintf("%d-%d", g.IntN(12), g.IntN(4))
}

func (g *gen) degrees() string {
	return strconv.FormatFloat(float64(g.IntN(18000)-9000)/100, 'f', 2, 64)
}

func (g *gen) database() string { return g.oneOf("0", "1", "2", "15", "16", "-1", "x") }

// sortPattern is of the group of the command's keys.
func (g *gen) sortPattern() string { return g.oneOf("{"+g.tag+"}k*", "{"+g.tag+"}k*->f1") }
