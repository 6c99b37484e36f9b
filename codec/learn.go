package codec

import (
	"math"
	"slices"
	"strings"
)

// A CommandSpec is what a server's COMMAND says of one command, as ParseCommandReply found
// it: nothing in it is checked.
type CommandSpec struct {
	Name              string   // a sub-command's with its parent's in front
	Arity             int      // as Command.Arity
	Flags             []string // in COMMAND's words
	First, Last, Step int      // as in Command
	Categories        []string // as COMMAND marks them: "@read"
	Tips              []string
	Keyspecs          []KeySpec
	Sub               []CommandSpec
	Parts             int // how many of its elements the server says: 10, and 7 or 6 before Redis 7
}

// A KeySpec is one key specification in COMMAND's terms (Redis 7: command key
// specifications). Fields that do not belong to Begin or Find are 0.
type KeySpec struct {
	Notes string
	Flags []string

	Begin     string // "index", "keyword", or something that cannot be used
	Index     int    // index: where the keys begin
	Keyword   string // keyword: behind which they begin
	StartFrom int    // keyword: where the search begins; negative: from the end, backwards

	Find                string // "range", "keynum", or something that cannot be used
	LastKey, Limit      int    // range
	KeyStep             int    // both
	KeyNumIdx, FirstKey int    // keynum, relative to the beginning
}

// Learn returns these commands as a server has them, with what it knows besides; c stays as it
// is, and known commands keep their IDs. COMMAND is answered with what the server said. What is
// known keeps its policy; a command that is forwarded takes its arity, flags and positions from
// the server, but is a read only where both say so. New sub-commands of containers that are
// forwarded, and new commands, are routed by their key specifications or positions. A new
// command whose keys cannot be found is refused, with the reason, rather than misrouted,
// until a server describes it better. One that is not clearly read-only is a write. A new
// sub-command of a container that the proxy answers itself is refused: what it does to a
// connection that others share nobody knows.
func (c *Commands) Learn(reply []CommandSpec) *Commands {
	l := learning{all: slices.Clone(c.all), at: map[string]int{}}
	for id, cmd := range l.all {
		l.at[cmd.Name] = id
	}
	for i := range reply {
		l.learn(strings.ToLower(reply[i].Name), &reply[i])
	}
	learnt := newCommands(l.all)
	learnt.believe(reply)
	return learnt
}

// A learning is a set of commands while it grows.
type learning struct {
	all []*Command     // by ID; its commands are shared with the set it came from
	at  map[string]int // IDs by name
}

// learn takes in one top-level command.
func (l *learning) learn(name string, spec *CommandSpec) {
	if !validName(name) {
		return
	}
	cmd := l.merge(name, spec)
	if cmd == nil {
		return
	}
	if len(cmd.subs) == 0 && cmd.family != learntFamily {
		return
	}
	for i := range spec.Sub {
		l.learnSub(cmd.ID, &spec.Sub[i])
	}
}

// learnSub takes in a sub-command of the command with that ID, which a copy replaces.
func (l *learning) learnSub(parentID uint16, spec *CommandSpec) {
	full := strings.ToLower(spec.Name)
	name := full[strings.LastIndexByte(full, '|')+1:]
	if !validName(name) {
		return
	}
	parent := l.all[parentID]
	_, known := l.at[parent.Name+"|"+name]
	sub := l.merge(parent.Name+"|"+name, spec)
	if sub != nil && !known && parent.Policy != Forward {
		sub.Policy, sub.Reason = Refused, ""
	}
	if sub == nil || slices.Contains(parent.subs, sub) {
		return
	}
	grown := *parent
	older := func(s *Command) bool { return s.ID == sub.ID }
	grown.subs = slices.DeleteFunc(slices.Clone(parent.subs), older)
	grown.subs = append(grown.subs, sub)
	slices.SortFunc(grown.subs, func(a, b *Command) int { return strings.Compare(a.Name, b.Name) })
	grown.unknown = unknownSub(grown.Name)
	l.all[parentID] = &grown
}

// merge returns the command of that name after the server has been heard, nil when there
// is no room for another.
func (l *learning) merge(name string, spec *CommandSpec) *Command {
	id, known := l.at[name]
	switch {
	case !known && len(l.all) > math.MaxUint16:
		return nil
	case !known:
		id = len(l.all)
		l.at[name] = id
		l.all = append(l.all, learnt(name, spec))
		l.all[id].ID = uint16(id)
	case l.all[id].Reason != "":
		cmd := learnt(name, spec)
		cmd.ID, cmd.subs, cmd.unknown = uint16(id), l.all[id].subs, l.all[id].unknown
		l.all[id] = cmd
	default:
		l.all[id] = l.all[id].taught(spec)
	}
	return l.all[id]
}

// reported are the flags that COMMAND reports.
const reported = FlagMovableKeys<<1 - 1

// own are the reported flags which do not change with what a server says: who may come in, and
// what decides how the proxy itself goes about a command.
const own = FlagNoAuth | FlagAdmin | FlagModule

// asked are sub-commands of COMMAND that a server answers, once it is known to have them.
var asked = []string{"command|docs", "command|getkeys", "command|getkeysandflags"}

// taught returns a known command as a server has it.
func (c *Command) taught(spec *CommandSpec) *Command {
	t := *c
	if slices.Contains(asked, c.Name) {
		t.Policy = Keyless
	}
	if t.Policy != Forward && t.Policy != Keyless || len(t.subs) > 0 || c.family == learntFamily {
		return c
	}
	if validArity(spec.Arity) && spec.Arity != 0 && spec.Arity != -1 {
		t.Arity = int16(spec.Arity)
	}
	if c.Flags&FlagModule != 0 {
		return &t
	}
	said := learntFlags(spec)
	t.Flags = t.Flags&^(reported&^own) | said&(reported&^own|FlagMayReplicate) | c.Flags&FlagMovableKeys
	if c.Flags&FlagReadOnly == 0 {
		t.Flags &^= FlagReadOnly
	}
	grown := int(c.First) == spec.First && (int(c.Last) != spec.Last || int(c.Step) != spec.Step)
	if placed := t; c.finder == fixed && c.First > 0 && grown && placed.placeKeys(spec) {
		t = placed
	}
	return &t
}

// validName keeps out what could not be looked up, or would break a reply or a metric.
func validName(name string) bool {
	if len(name) == 0 || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f || name[i] == '|' {
			return false
		}
	}
	return true
}

func validArity(n int) bool { return n >= math.MinInt16 && n <= math.MaxInt16 }

// learnt makes a command of what a server says.
func learnt(name string, spec *CommandSpec) *Command {
	c := &Command{Name: name, family: learntFamily, lacking: arityError(name)}
	if validArity(spec.Arity) {
		c.Arity = int16(spec.Arity)
	}
	c.Flags = learntFlags(spec)
	usable := c.placeKeys(spec)
	switch {
	case c.Flags&FlagAdmin != 0:
		c.refuse("is for operators and is not passed on")
	case c.Flags&FlagPubSub != 0:
		c.Policy = PubSub
	case !usable:
		c.refuse("is not passed on: no server says where its keys are")
	case c.Flags&FlagBlocking != 0:
		c.Policy = Blocking
	case !c.hasKeys() && (len(spec.Sub) == 0 || c.CheckArity(1)):
		c.Policy = Keyless
	}
	return c
}

func (c *Command) refuse(why string) {
	c.Policy = Refused
	c.Reason = "ERR huntaway: command '" + c.Name + "' " + why
}

// learntFlags translates COMMAND's words. Read-only is believed only of a command all of
// whose words are understood, and never of one whose answer may differ from call to call.
func learntFlags(spec *CommandSpec) (f Flags) {
	understood := true
	for _, word := range spec.Flags {
		word = strings.ToLower(word)
		i := slices.Index(flagNames[:], word)
		switch {
		case i >= 0:
			f |= 1 << i
		case word == "may_replicate":
			f |= FlagMayReplicate
		case word == "internal", word == "only_sentinel":
			f |= FlagAdmin
		default:
			understood = false
		}
	}
	for _, tip := range spec.Tips {
		if strings.EqualFold(tip, "nondeterministic_output") {
			f |= FlagNodeBound
		}
	}
	if !understood {
		f &^= FlagReadOnly
	}
	return f
}

// placeKeys chooses how the command's keys are found, and tells whether they can be.
func (c *Command) placeKeys(spec *CommandSpec) bool {
	specs, complete := usableSpecs(spec.Keyspecs)
	switch {
	case complete && len(specs) > 0:
		c.finder, c.specs = bySpecs, specs
	case len(spec.Keyspecs) > 0 && complete: // channels and the like
		return true
	case c.Flags&FlagMovableKeys != 0:
		return false
	case spec.First == 0:
		return len(spec.Keyspecs) == 0
	case !validPlace(spec):
		return false
	}
	if validPlace(spec) {
		c.First, c.Last, c.Step = int16(spec.First), int16(spec.Last), int16(spec.Step)
	}
	if len(specs) == 1 && specs[0] == c.fixedSpec() {
		c.finder, c.specs = fixed, nil
	}
	return true
}

// validPlace tells whether first, last and step describe at least one key.
func validPlace(s *CommandSpec) bool {
	const most = 1 << 14
	return s.First >= 1 && s.First < most && s.Step >= 1 && s.Step < most &&
		s.Last > -most && s.Last < most && (s.Last < 0 || s.Last >= s.First)
}

// usableSpecs translates those specifications that speak of keys. It is complete when each
// of them can be walked.
func usableSpecs(specs []KeySpec) (usable []keySpec, complete bool) {
	for i := range specs {
		s := &specs[i]
		if s.flagged("not_key") {
			continue
		}
		k, ok := s.usable()
		if !ok {
			return nil, false
		}
		usable = append(usable, k)
	}
	return usable, true
}

func (s *KeySpec) flagged(word string) bool {
	return slices.ContainsFunc(s.Flags, func(f string) bool { return strings.EqualFold(f, word) })
}

// usable translates a specification; false when its keys could not be found by it.
func (s *KeySpec) usable() (k keySpec, ok bool) {
	if s.flagged("incomplete") {
		return k, false
	}
	const most = 1 << 14
	numbers := []int{s.Index, s.StartFrom, s.LastKey, s.KeyStep, s.Limit, s.KeyNumIdx, s.FirstKey}
	for _, n := range numbers {
		if n <= -most || n >= most {
			return k, false
		}
	}
	k.step = s.KeyStep
	return k, s.begins(&k) && s.finds(&k)
}

func (s *KeySpec) begins(k *keySpec) bool {
	switch s.Begin {
	case "index":
		k.index = s.Index
		return s.Index > 0
	case "keyword":
		k.index, k.keyword = s.StartFrom, strings.ToLower(s.Keyword)
		return s.StartFrom != 0 && s.Keyword != ""
	}
	return false
}

func (s *KeySpec) finds(k *keySpec) bool {
	switch s.Find {
	case "range":
		k.last, k.limit = s.LastKey, s.Limit
		return s.KeyStep > 0 && s.Limit >= 0
	case "keynum":
		k.numbered, k.number, k.firstKey = true, s.KeyNumIdx, s.FirstKey
		return s.KeyStep > 0 && s.KeyNumIdx >= 0 && s.FirstKey > s.KeyNumIdx
	}
	return false
}
