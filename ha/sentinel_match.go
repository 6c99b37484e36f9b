package ha

import (
	"fmt"
	"slices"
	"strings"
)

// A groupAddresses is a group as Sentinels may know it. Immutable.
type groupAddresses struct {
	name    string
	members []resident
}

// A resident is one member of a group with every address that stands for it.
type resident struct {
	addr  string   // as the table has it
	known []string // canonical: as configured, and with each IP address that the name has
}

// member returns the member that a canonical address stands for, as the table spells it; ""
// for a stranger.
func (h *groupAddresses) member(addr string) string {
	for _, m := range h.members {
		if slices.Contains(m.known, addr) {
			return m.addr
		}
	}
	return ""
}

// A finding is what a Sentinel's list has for a group.
type finding struct {
	lot  *lot   // nil: nothing, or too much
	addr string // of the member that lot names as master; "" with a lot: it names a stranger
	odd  string // what an operator should look at; "": nothing
}

// match finds each group in what a Sentinel watches: by its name, else by the address of a
// master, else by that of a replica. What one of these steps gave to a group the next gives
// to no other.
func match(groups []groupAddresses, lots []lot) []finding {
	found := make([]finding, len(groups))
	taken := map[*lot]bool{}
	for _, fits := range []func(*groupAddresses, *lot) bool{
		func(h *groupAddresses, l *lot) bool { return h.name == l.name },
		func(h *groupAddresses, l *lot) bool { return h.member(l.addr) != "" },
		func(h *groupAddresses, l *lot) bool {
			return slices.ContainsFunc(l.replicas, func(a string) bool { return h.member(a) != "" })
		},
	} {
		for i := range groups {
			if found[i].lot == nil && found[i].odd == "" {
				found[i] = groups[i].seek(lots, func(l *lot) bool { return !taken[l] && fits(&groups[i], l) })
			}
		}
		for _, f := range found {
			taken[f.lot] = true
		}
	}
	for i := range found {
		found[i].judge(&groups[i], lots)
	}
	return found
}

// seek finds the one lot that fits.
func (h *groupAddresses) seek(lots []lot, fits func(*lot) bool) (f finding) {
	var mine []string
	for i := range lots {
		if fits(&lots[i]) {
			mine = append(mine, lots[i].name)
			f.lot = &lots[i]
		}
	}
	if len(mine) > 1 {
		return finding{odd: "several of its masters have members of the group: " + strings.Join(mine, " ")}
	}
	return f
}

// judge names the member that the lot of the group has for a master, or says why there is none.
func (f *finding) judge(h *groupAddresses, lots []lot) {
	switch {
	case f.odd != "":
	case f.lot == nil:
		f.odd = "it watches no master of the group's name or addresses, but " + listed(lots)
	default:
		if f.addr = h.member(f.lot.addr); f.addr == "" {
			f.odd = fmt.Sprintf("its master %q is at %s, which is no member of the group", f.lot.name, f.lot.addr)
		}
	}
}

// listed names the first few masters that a Sentinel watches.
func listed(lots []lot) string {
	var all []string
	for _, l := range lots {
		all = append(all, l.name+" at "+l.addr)
	}
	const most = 4
	switch {
	case len(all) == 0:
		return "none at all"
	case len(all) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}
