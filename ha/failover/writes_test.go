package failover

import "slices"

// Writes are a set of acknowledged writes, by their numbers: stretches in ascending order that do
// not touch. Immutable.
type writes []stretch

// A stretch is the writes from one number to another, both among them.
type stretch struct{ from, to int }

// with returns s and n, which is above all of s.
func (s writes) with(n int) writes {
	s = slices.Clone(s)
	if last := len(s) - 1; last >= 0 && s[last].to == n-1 {
		s[last].to = n
		return s
	}
	return append(s, stretch{n, n})
}

// without returns what of s is not in o.
func (s writes) without(o writes) (rest writes) {
	for _, each := range s {
		for _, gone := range o {
			if gone.to < each.from || gone.from > each.to {
				continue
			}
			if gone.from > each.from {
				rest = append(rest, stretch{each.from, gone.from - 1})
			}
			each.from = gone.to + 1
		}
		if each.from <= each.to {
			rest = append(rest, each)
		}
	}
	return rest
}

// both returns what is in s and in o.
func (s writes) both(o writes) writes { return s.without(s.without(o)) }

// and returns what is in s or in o.
func (s writes) and(o writes) (all writes) {
	all = append(slices.Clone(s), o.without(s)...)
	slices.SortFunc(all, func(a, b stretch) int { return a.from - b.from })
	joined := all[:0]
	for _, each := range all {
		if last := len(joined) - 1; last >= 0 && joined[last].to == each.from-1 {
			joined[last].to = each.to
			continue
		}
		joined = append(joined, each)
	}
	return joined
}
