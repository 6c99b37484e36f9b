package shard

import (
	"cmp"
	"errors"
	"fmt"
)

// The limits of a Spec: a ring stores groups in 16 bits, and the weights of a group's
// servers, added up, stay within 32.
const (
	groupsMax  = 1 << 16
	serversMax = 1 << 10 // of one group
	weightMax  = 1 << 20
)

// checkGroups returns all that is wrong with the groups.
func checkGroups(groups []Group) error {
	if len(groups) == 0 {
		return errors.New("no groups, want one at least")
	}
	if len(groups) > groupsMax {
		return fmt.Errorf("%d groups, want at most %d", len(groups), groupsMax)
	}
	var errs []error
	names, labels, addrs := map[string]bool{}, map[string]string{}, map[string]*Group{}
	for i := range groups {
		g := &groups[i]
		errs = append(errs, checkNames(g, i, names, labels), g.check(), checkAddrs(g, addrs))
	}
	return errors.Join(errs...)
}

// checkNames returns an error when a group's name or label is missing or taken, and takes
// them. i is the group's index, for a group that has no name to be called by.
func checkNames(g *Group, i int, names map[string]bool, labels map[string]string) error {
	if g.Name == "" {
		return fmt.Errorf("group %d has no name", i+1)
	}
	label := cmp.Or(g.Label, g.Name)
	other, taken := labels[label]
	labels[label] = g.Name
	if names[g.Name] {
		return fmt.Errorf("group %q: the name is given twice, want a different one for each group", g.Name)
	}
	names[g.Name] = true
	if taken {
		return fmt.Errorf("group %q: its label %q is also that of group %q, so both would claim the same keys", g.Name, label, other)
	}
	return nil
}

// check returns all that is wrong with the group as such.
func (g *Group) check() error {
	var errs []error
	if g.Weight < 1 || g.Weight > weightMax {
		errs = append(errs, fmt.Errorf("group %q: weight %d, want 1 to %d", g.Name, g.Weight, weightMax))
	}
	if n := len(g.Servers); n < 1 || n > serversMax {
		errs = append(errs, fmt.Errorf("group %q has %d servers, want 1 to %d", g.Name, n, serversMax))
	}
	masters := 0
	for i := range g.Servers {
		errs = append(errs, g.Servers[i].check(g.Name))
		if g.Servers[i].Role == Master {
			masters++
		}
	}
	if masters > 1 {
		errs = append(errs, fmt.Errorf("group %q: %d servers with role m, want one; the others are n or s", g.Name, masters))
	}
	return errors.Join(errs...)
}

func (s *Server) check(group string) error {
	var errs []error
	if s.Addr == "" {
		errs = append(errs, fmt.Errorf("group %q: a server has no address", group))
	}
	if s.Weight < 1 || s.Weight > weightMax {
		errs = append(errs, fmt.Errorf("group %q: server %s: weight %d, want 1 to %d", group, s.Addr, s.Weight, weightMax))
	}
	switch s.Role {
	case Master, Secondary, Replica:
	default:
		errs = append(errs, fmt.Errorf("group %q: server %s: role %q, want m (master), n (secondary) or s (replica)", group, s.Addr, rune(s.Role)))
	}
	return errors.Join(errs...)
}

// checkAddrs returns an error for each server of g that stands in the pool twice. Groups of
// one server may share it under different names, as twemproxy's lines may: then no failover
// can concern the two differently.
func checkAddrs(g *Group, addrs map[string]*Group) error {
	var errs []error
	for _, s := range g.Servers {
		other := addrs[s.Addr]
		addrs[s.Addr] = g
		switch {
		case other == nil, s.Addr == "":
		case other == g:
			errs = append(errs, fmt.Errorf("group %q: server %s is listed twice", g.Name, s.Addr))
		case len(g.Servers) > 1 || len(other.Servers) > 1:
			errs = append(errs, fmt.Errorf("group %q: server %s is also in group %q; only groups of one server may share it", g.Name, s.Addr, other.Name))
		}
	}
	return errors.Join(errs...)
}
