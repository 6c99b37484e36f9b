package failover

import (
	"fmt"
	"slices"
	"strings"
)

// A claim is what speaks for one of several servers that say they are master.
type claim struct {
	b         *member
	followers int  // servers of the group that say they are its replicas
	seen      bool // it was looked into, so that what follows is known
	mark      Mark // what it holds
}

// bare tells whether nothing is lost with this claimant: it holds no key and no mark, and nobody
// follows it.
func (c *claim) bare() bool { return c.seen && c.mark == Mark{} && c.followers == 0 }

// lookedInto has all claimants asked what they hold; true when each has answered or failed.
func (m *Machine) lookedInto(all []*member) bool {
	over := true
	for _, b := range all {
		if _, is := m.outcome(Identify, b.ID); is {
			continue
		}
		over = false
		if !slices.ContainsFunc(m.pending.awaits, func(a await) bool { return a.job == ofState && a.op == Identify && a.server == b.ID }) {
			m.order(Identify, b.ID, lookTime)
		}
	}
	return over
}

// rightful returns the one claimant that is the group's master for all that the servers show, and
// by what; nobody, and what stands against whom, when that proves nothing. All of whose data another
// one carries on is no master any more, and who holds nothing was started empty. Of others the
// one is master that replicas follow, or that was made it last by the mark, unless these two
// point at different ones.
func (m *Machine) rightful(all []*member) (*member, string) {
	var claims []claim
	for _, b := range all {
		if slices.ContainsFunc(all, b.isCarriedOn) {
			continue
		}
		ev, _ := m.outcome(Identify, b.ID)
		claims = append(claims, claim{b, m.followers(b), ev.Err == nil, ev.Mark})
	}
	if len(claims) == 1 {
		return claims[0].b, "it carries on the data of the others that say they are master"
	}
	if held := slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.bare() }); len(held) == 1 {
		return held[0].b, "the others that say they are master hold nothing; " + spellClaims(claims)
	} else if len(held) > 1 {
		claims = held
	}
	followed := single(claims, func(c claim) uint64 { return uint64(min(c.followers, 1)) })
	marked := single(claims, func(c claim) uint64 { return c.mark.Epoch })
	switch {
	case followed != nil && (marked == nil || marked == followed):
		return followed, spellClaims(claims)
	case marked != nil && followed == nil && !slices.ContainsFunc(claims, func(c claim) bool { return c.followers > 0 }):
		return marked, spellClaims(claims)
	}
	return nil, spellClaims(claims)
}

// isCarriedOn tells whether r has gone on from all that b has under its replication id. With less of that r may as well
// have been started from an old dump, which names the id likewise.
func (b *member) isCarriedOn(r *member) bool {
	return r != b && r.repl.SecondID != "" && r.repl.SecondID == b.repl.ID && b.repl.SecondID != r.repl.ID && r.repl.SecondOffset > b.repl.Offset
}

// single returns the one claimant of whom what is highest; nil when two share that.
func single(claims []claim, what func(claim) uint64) (best *member) {
	most := uint64(0)
	for _, c := range claims {
		switch n := what(c); {
		case n > most:
			best, most = c.b, n
		case n == most:
			best = nil
		}
	}
	return best
}

// spellClaims says what speaks for whom.
func spellClaims(claims []claim) string {
	words := make([]string, len(claims))
	for i, c := range claims {
		words[i] = fmt.Sprintf("%s has %d replicas, ", c.b.Addr, c.followers)
		switch {
		case !c.seen:
			words[i] += "and could not be looked into"
		case c.mark.Epoch > 0:
			words[i] += fmt.Sprintf("%d keys and the mark of epoch %d", c.mark.Keys, c.mark.Epoch)
		default:
			words[i] += fmt.Sprintf("%d keys and no mark", c.mark.Keys)
		}
	}
	return strings.Join(words, "; ")
}
