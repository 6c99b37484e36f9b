package codec

import (
	"fmt"
	"slices"
	"strings"
)

// CheckCommands looks whether a reply to COMMAND makes sense: nothing of one that does not
// should be believed. The error says what is wrong with it.
func CheckCommands(reply []CommandSpec) error {
	if len(reply) == 0 {
		return fmt.Errorf("codec: reply to COMMAND: no command")
	}
	seen := map[string]bool{}
	for i := range reply {
		if err := reply[i].check("", seen); err != nil {
			return fmt.Errorf("codec: reply to COMMAND: %w", err)
		}
	}
	return nil
}

// check looks at one command and its sub-commands, whose names begin with prefix.
func (s *CommandSpec) check(prefix string, seen map[string]bool) error {
	name := strings.ToLower(s.Name)
	if !strings.HasPrefix(name, prefix) || !validName(name[len(prefix):]) {
		return fmt.Errorf("%.64q is no name", s.Name)
	}
	if seen[name] {
		return fmt.Errorf("%q comes twice", name)
	}
	seen[name] = true
	if text := s.contradiction(name); text != "" {
		return fmt.Errorf("%q %s", name, text)
	}
	for i := range s.Sub {
		if err := s.Sub[i].check(name+"|", seen); err != nil {
			return err
		}
	}
	return nil
}

// contradiction says what cannot be true of a command; "" for nothing.
func (s *CommandSpec) contradiction(name string) string {
	words := append(slices.Clone(s.Flags), append(slices.Clone(s.Categories), s.Tips...)...)
	for i := range s.Keyspecs {
		words = append(words, s.Keyspecs[i].Flags...)
	}
	has := func(word string) bool {
		return slices.ContainsFunc(s.Flags, func(f string) bool { return strings.EqualFold(f, word) })
	}
	known := compiled.row(name)
	switch {
	case s.Arity == 0 || !validArity(s.Arity):
		return fmt.Sprintf("has the arity %d", s.Arity)
	case s.First < 0 || s.First > 0 && !validPlace(s):
		return fmt.Sprintf("has keys from %d to %d in steps of %d", s.First, s.Last, s.Step)
	case has("write") && has("readonly"):
		return "reads only and writes"
	case known != nil && known.Flags&(FlagWrite|FlagModule) == FlagWrite && has("readonly"):
		return "is said to read only"
	case known != nil && known.finder == fixed && known.Flags&FlagModule == 0 && known.First > 0 && int(known.First) != s.First:
		return fmt.Sprintf("has its first key at %d; %d is known", s.First, known.First)
	case slices.ContainsFunc(words, func(w string) bool { return strings.ContainsAny(w, "\r\n") || len(w) > 256 }):
		return "has words that are none"
	}
	return ""
}

// row returns the command of a full name, or nil.
func (c *Commands) row(name string) *Command {
	parent, sub, isSub := strings.Cut(name, "|")
	cmd := c.Lookup([]byte(parent))
	if cmd == nil || !isSub {
		return cmd
	}
	return cmd.Sub([]byte(sub))
}

// CommonCommands returns what all of several servers have, as the one with the fewest commands
// describes it; of an arity that differs the one that allows more, because whoever gets the
// request judges it, and of flags those that say the least.
func CommonCommands(replies [][]CommandSpec) []CommandSpec {
	if len(replies) == 0 {
		return nil
	}
	least := slices.MinFunc(replies, func(a, b []CommandSpec) int { return countSpecs(a) - countSpecs(b) })
	common := slices.Clone(least)
	for _, reply := range replies {
		common = meet(common, reply)
	}
	return common
}

func countSpecs(specs []CommandSpec) (n int) {
	for i := range specs {
		n += 1 + countSpecs(specs[i].Sub)
	}
	return n
}

// meet returns those of a that b has too.
func meet(a, b []CommandSpec) (both []CommandSpec) {
	at := map[string]*CommandSpec{}
	for i := range b {
		at[b[i].Name] = &b[i]
	}
	for _, s := range a {
		o := at[s.Name]
		if o == nil {
			continue
		}
		s.Arity = laxer(s.Arity, o.Arity)
		s.Flags = meetFlags(s.Flags, o.Flags)
		s.Sub = meet(s.Sub, o.Sub)
		both = append(both, s)
	}
	return both
}

// laxer returns the arity that allows what either does.
func laxer(a, b int) int {
	if a == b {
		return a
	}
	return -min(max(a, -a), max(b, -b))
}

// permissive are the flags that allow something: a command has them only where all have.
var permissive = []string{"readonly", "fast", "loading", "stale", "asking", "no_auth", "no_mandatory_keys", "allow_busy",
	"skip_monitor", "skip_slowlog"}

// meetFlags returns the flags of both that forbid, and those that both allow.
func meetFlags(a, b []string) (words []string) {
	for _, w := range a {
		if slices.Contains(b, w) || !slices.Contains(permissive, w) {
			words = append(words, w)
		}
	}
	for _, w := range b {
		if !slices.Contains(words, w) && !slices.Contains(permissive, w) {
			words = append(words, w)
		}
	}
	return words
}
