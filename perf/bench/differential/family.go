package differential

import (
	"math/rand/v2"
	"strings"
)

// A Family is the commands of one kind.
type Family struct {
	Name      string
	templates string            // one a line; see gen
	wrap      func(*gen) *block // makes several requests in a row, such as a transaction; nil: none
	first     func() []Request  // what every sequence begins with; nil: nothing
	Alone     bool              // pools with one group only
}

// A block is requests that must follow each other.
type block struct{ requests []Request }

// Families are all there are.
func Families() []*Family { return families }

// lines returns the templates.
func (f *Family) lines() []string { return strings.Split(strings.TrimSpace(f.templates), "\n") }

// Sequence makes a sequence of n requests, or a few more. Three of four are of the family,
// the others are of those that any family may meet.
func (f *Family) Sequence(seed uint64, n int, sharded bool) []Request {
	g := &gen{Rand: rand.New(rand.NewPCG(seed, 0)), sharded: sharded}
	g.choose()
	g.pinned = sharded && f.wrap != nil
	var all []Request
	if f.first != nil {
		all, n = f.first(), n+len(f.first())
	}
	for len(all) < n {
		switch {
		case f.wrap != nil && g.once(3):
			all = append(all, f.wrap(g).requests...)
		case g.once(4):
			of := common[g.IntN(len(common))]
			all = append(all, g.request(g.oneOf(of.lines()...)))
		default:
			all = append(all, g.request(g.oneOf(f.lines()...)))
		}
	}
	return all
}

// request makes one request of a template.
func (g *gen) request(template string) Request {
	g.choose()
	return g.requestOf(template)
}

// choose chooses the tag of the next command's keys.
func (g *gen) choose() {
	if !g.pinned {
		g.tag = g.oneOf(tags...)
	}
}

// requestOf makes a request of keys with the tag that is set.
func (g *gen) requestOf(template string) Request {
	r := Request{Args: g.expand(strings.Fields(template))}
	if g.once(10) {
		g.spoil(&r)
	}
	if g.once(8) {
		r.Args[0] = g.oddCase(r.Args[0])
	}
	r.Inline = g.once(12)
	return r
}

// transaction is MULTI, a few commands, and usually EXEC. What of a reply may differ is not
// looked for inside of EXEC's, so such commands are left out.
func (g *gen) transaction() *block {
	g.choose()
	b := &block{}
	add := func(args ...string) { b.requests = append(b.requests, Request{Args: args}) }
	if g.once(3) {
		b.requests = append(b.requests, g.requestOf("WATCH ( $k )"))
	}
	add("MULTI")
	for range g.IntN(6) {
		of := common[g.IntN(len(common))]
		if g.once(4) {
			of = answered
		}
		if r := g.requestOf(g.oneOf(of.lines()...)); r.loose() == exact {
			b.requests = append(b.requests, r)
		}
	}
	switch g.IntN(10) {
	case 0:
		add("DISCARD")
	case 1: // left open: the next transaction meets a nested MULTI
	case 2:
		add("EXEC", "too", "many")
		add("EXEC")
	default:
		add("EXEC")
	}
	return b
}
