package codec

import "strings"

// flagNames are COMMAND's words, by bit.
var flagNames = [...]string{
	"write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript", "blocking",
	"loading", "stale", "skip_monitor", "skip_slowlog", "asking", "fast", "no_auth",
	"no_mandatory_keys", "no_async_loading", "no_multi", "allow_busy", "movablekeys",
}

// words returns the flags as COMMAND says them; those it does not know are left out.
func (f Flags) words() (words []string) {
	for i, w := range flagNames {
		if f&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// categories returns the ACL categories: the family's, which containers do not have, and
// those that follow from the flags.
func (c *Command) categories() (names []string) {
	if !c.IsContainer() {
		names = append(names, c.family.acl...)
	}
	has := func(f Flags, name string) {
		if c.Flags&f != 0 {
			names = append(names, name)
		}
	}
	has(FlagWrite, "write")
	if c.family.group != "scripting" {
		has(FlagReadOnly, "read")
	}
	has(FlagAdmin, "admin")
	has(FlagAdmin|FlagDangerous, "dangerous")
	has(FlagPubSub, "pubsub")
	has(FlagBlocking, "blocking")
	if c.Flags&FlagFast == 0 {
		return append(names, "slow")
	}
	return append(names, "fast")
}

// listed tells whether COMMAND speaks of the command: only of what a client can use here.
func (c *Command) listed() bool { return c.Policy.Served() && c.Flags&FlagHidden == 0 }

// listed returns those that COMMAND speaks of.
func listed(commands []*Command) (some []*Command) {
	for _, c := range commands {
		if c.listed() {
			some = append(some, c)
		}
	}
	return some
}

// AppendReply appends the reply to COMMAND, COMMAND COUNT, LIST, INFO, DOCS, GETKEYS,
// GETKEYSANDFLAGS and HELP in a protocol, 2 or 3, from what this set knows and the proxy
// serves; GETKEYS speaks of every command.
func (c *Commands) AppendReply(dst []byte, r *Request, resp uint8) []byte {
	if r.Len() == 1 {
		return append(dst, c.told(resp).rows...)
	}
	sub := c.Lookup([]byte("command")).Sub(r.Arg(1))
	switch {
	case sub == nil || sub.Policy == Refused:
		return AppendUnknownSub(dst, r)
	case !sub.CheckArity(r.Len()):
		return AppendArity(dst, sub.Name)
	}
	switch sub.Name {
	case "command|count":
		if c.said != nil {
			return AppendInt(dst, int64(len(c.said)))
		}
		return AppendInt(dst, int64(len(c.served)))
	case "command|list":
		return c.appendList(dst, r)
	case "command|info":
		return c.appendRowsOf(dst, r, resp)
	case "command|docs":
		return c.appendDocs(dst, r, resp)
	case "command|getkeys", "command|getkeysandflags":
		return c.appendKeys(dst, r, resp)
	}
	return appendHelp(dst)
}

func appendHelp(dst []byte) []byte {
	lines := []string{
		"COMMAND [<subcommand> [<arg> ...]]. Without one: every command this proxy serves.",
		"COUNT", "    How many commands it serves.",
		"DOCS [<name> ...]", "    Group, version and sub-commands.",
		"GETKEYS <command>", "    The keys of a whole command.",
		"GETKEYSANDFLAGS <command>", "    The same, and whether each is read or written.",
		"INFO [<name> ...]", "    Arity, flags and key positions.",
		"LIST [FILTERBY MODULE <m> | ACLCAT <c> | PATTERN <p>]", "    Names alone.",
		"HELP", "    This text.",
	}
	dst = AppendArray(dst, len(lines))
	for _, l := range lines {
		dst = AppendSimple(dst, l)
	}
	return dst
}

// named returns the command of a name as COMMAND INFO takes it, "get" or "config|get", or
// nil when there is none or it is not served.
func (c *Commands) named(name string) *Command {
	if cmd := c.row(name); cmd != nil && cmd.listed() {
		return cmd
	}
	return nil
}

// appendList answers LIST; names of sub-commands stand in it like any other.
func (c *Commands) appendList(dst []byte, r *Request) []byte {
	keep, keepSaid, ok := c.listFilter(r)
	if !ok {
		return AppendError(dst, textSyntax)
	}
	if c.said != nil {
		return c.appendSaidNames(dst, keepSaid)
	}
	var names []string
	for _, cmd := range c.all {
		if cmd.listed() && keep(cmd) {
			names = append(names, cmd.Name)
		}
	}
	return appendBulks(dst, names)
}

// listFilter reads the arguments behind COMMAND LIST: what to keep of the table, and of what
// servers say, which does not tell from which module a command is.
func (c *Commands) listFilter(r *Request) (keep func(*Command) bool, keepSaid func(*CommandSpec) bool, ok bool) {
	if r.Len() == 2 {
		return func(*Command) bool { return true }, func(*CommandSpec) bool { return true }, true
	}
	if r.Len() != 5 || !equalFold(r.Arg(2), "filterby") {
		return nil, nil, false
	}
	want := string(r.Arg(4))
	switch by := r.Arg(3); {
	case equalFold(by, "module"):
		keep = func(c *Command) bool { return c.family.module == want }
		keepSaid = func(s *CommandSpec) bool {
			cmd := c.Lookup([]byte(s.Name))
			return cmd != nil && keep(cmd)
		}
	case equalFold(by, "aclcat"):
		keep = func(c *Command) bool { return c.inCategory(want) }
		keepSaid = func(s *CommandSpec) bool { return s.in(want) }
	case equalFold(by, "pattern"):
		g := NewGlob(r.Arg(4))
		keep = func(c *Command) bool { return g.Match(c.Name) }
		keepSaid = func(s *CommandSpec) bool { return g.Match(strings.ToLower(s.Name)) }
	default:
		return nil, nil, false
	}
	return keep, keepSaid, true
}

func (c *Command) inCategory(name string) bool {
	for _, category := range c.categories() {
		if strings.EqualFold(category, name) {
			return true
		}
	}
	return false
}

// appendRowsOf answers INFO: a null array for a name that is not served.
func (c *Commands) appendRowsOf(dst []byte, r *Request, resp uint8) []byte {
	if r.Len() == 2 {
		return append(dst, c.told(resp).rows...)
	}
	if c.said != nil {
		return c.appendSaidOf(dst, r, resp)
	}
	dst = AppendArray(dst, r.Len()-2)
	for i := 2; i < r.Len(); i++ {
		if cmd := c.named(string(r.Arg(i))); cmd != nil {
			dst = appendRow(dst, cmd, resp)
			continue
		}
		dst = AppendNil(dst, resp)
	}
	return dst
}

// appendDocs answers DOCS, a map; names that are not served are left out.
func (c *Commands) appendDocs(dst []byte, r *Request, resp uint8) []byte {
	if r.Len() == 2 {
		return append(dst, c.told(resp).docs...)
	}
	var commands []*Command
	for i := 2; i < r.Len(); i++ {
		if cmd := c.named(string(r.Arg(i))); cmd != nil {
			commands = append(commands, cmd)
		}
	}
	return appendDocsOf(dst, commands, resp)
}

func appendDocsOf(dst []byte, commands []*Command, resp uint8) []byte {
	dst = AppendMap(dst, resp, len(commands))
	for _, c := range commands {
		dst = AppendBulk(dst, c.Name)
		dst = appendDoc(dst, c, resp)
	}
	return dst
}

// appendDoc appends what is known of a command. The summary is empty: it would be Redis'
// text, and redis-cli needs no more than that the entry is there.
func appendDoc(dst []byte, c *Command, resp uint8) []byte {
	entries := []string{"summary", "", "since", c.since, "group", c.family.group}
	if c.family.module != "" {
		entries = append(entries, "module", c.family.module)
	}
	subs := listed(c.subs)
	n := len(entries)
	if len(subs) > 0 {
		n += 2
	}
	dst = AppendMap(dst, resp, n/2)
	for _, e := range entries {
		dst = AppendBulk(dst, e)
	}
	if len(subs) == 0 {
		return dst
	}
	dst = AppendBulk(dst, "subcommands")
	return appendDocsOf(dst, subs, resp)
}

// The errors of COMMAND GETKEYS, as Redis words them.
const (
	textNoCommand   = "ERR Invalid command specified"
	textKeyless     = "ERR The command has no key arguments"
	textWrongNumber = "ERR Invalid number of arguments specified for command"
	textNoKeysFound = "ERR Invalid arguments specified for command"
)

// appendKeys answers GETKEYS and GETKEYSANDFLAGS.
func (c *Commands) appendKeys(dst []byte, r *Request, resp uint8) []byte {
	inner := &Request{Frame: r.Frame, spans: r.spans[2:]}
	cmd := c.Find(inner)
	switch {
	case cmd == nil || cmd.subs != nil && inner.Len() > 1:
		return AppendError(dst, textNoCommand)
	case !cmd.hasKeys():
		return AppendError(dst, textKeyless)
	case !cmd.CheckArity(inner.Len()):
		return AppendError(dst, textWrongNumber)
	}
	keys, _ := cmd.Keys(inner, nil)
	if len(keys) == 0 && cmd.Flags&FlagOptionalKeys == 0 {
		return AppendError(dst, textNoKeysFound)
	}
	flagged := equalFold(r.Arg(1), "getkeysandflags")
	dst = AppendArray(dst, len(keys))
	for _, k := range keys {
		if flagged {
			dst = AppendArray(dst, 2)
		}
		dst = AppendBulk(dst, inner.Arg(int(k)))
		if flagged {
			dst = appendSimples(dst, resp, cmd.access())
		}
	}
	return dst
}

// access says what a command does to its keys. The table does not know it of each key, so
// that what a command only reads beside a key it writes is called written too.
func (c *Command) access() []string {
	if c.IsRead() {
		return []string{"RO", "access"}
	}
	return []string{"RW", "access", "update"}
}

// hasKeys tells whether requests of the command can have keys.
func (c *Command) hasKeys() bool {
	if c.finder == fixed {
		return c.First != 0
	}
	return c.finder != channels
}

func appendBulks(dst []byte, texts []string) []byte {
	dst = AppendArray(dst, len(texts))
	for _, t := range texts {
		dst = AppendBulk(dst, t)
	}
	return dst
}
