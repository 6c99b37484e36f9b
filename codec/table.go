package codec

import (
	"cmp"
	"slices"
	"strings"
)

// The table is one row per command, in files per family. Arity, flags and positions are
// facts of the command reference: a test compares every row that a Redis 7.0 server knows
// with its COMMAND, and the key finders with its COMMAND GETKEYS. Rows of later versions
// follow the command descriptions of Redis 8 and Valkey 9. Arity 0 means "as the module
// says"; an empty version, not known.

// A row is one line of the table.
type row struct {
	name  string // Command.Name
	arity int16  // Command.Arity
	flags Flags  // without FlagModule, which the family knows
	keys  place
	plan  plan
	since string // the version of Redis or Valkey that brought it, "" when not known
}

// A place says where a command's keys stand: what COMMAND reports of it, and, when that is
// not the whole truth, how to find them.
type place struct {
	first, last, step int16     // as COMMAND reports them
	finder            finder    // how the keys are found
	count             *counting // for the finders counted and streams
}

// A plan is a policy and its join.
type plan struct {
	policy Policy // Command.Policy
	join   Join   // Command.Join
}

// A family is rows that COMMAND DOCS and ACL categories treat alike.
type family struct {
	group  string   // COMMAND DOCS' word
	acl    []string // categories, without what follows from the flags
	module string   // "" for the server's own
	rows   []row    // sorted by name
}

// Places without a finder of their own.
var (
	nokey       = place{}
	key1        = place{first: 1, last: 1, step: 1}
	key2        = place{first: 2, last: 2, step: 1}
	keys12      = place{first: 1, last: 2, step: 1}
	keysAll     = place{first: 1, last: -1, step: 1}
	keysFrom2   = place{first: 2, last: -1, step: 1}
	keysButLast = place{first: 1, last: -2, step: 1}
	keyPairs    = place{first: 1, last: -1, step: 2}
	keyTriples  = place{first: 1, last: -1, step: 3}
	channel1    = place{first: 1, last: 1, step: 1, finder: channels}
	channelsAll = place{first: 1, last: -1, step: 1, finder: channels}
)

// Places that depend on the request.
var (
	streamsPlace   = place{finder: streams, count: &countStreams}
	groupStreams   = place{finder: streams, count: &countGroupStreams}
	sortStore      = place{first: 1, last: 1, step: 1, finder: sorted}
	geoStore       = place{first: 1, last: 1, step: 1, finder: located}
	migrated       = place{first: 3, last: 3, step: 1, finder: migrates}
	keysAt3        = place{finder: counted, count: &countScript}
	keysAt3F       = place{finder: counted, count: &countFunction}
	counted1Z      = place{finder: counted, count: &countZ}
	counted1S      = place{finder: counted, count: &countS}
	counted1P      = place{finder: counted, count: &countPop}
	counted2P      = place{finder: counted, count: &countBlockingPop}
	countedPairs   = place{finder: counted, count: &countPairs}
	destCounted    = place{first: 1, last: 1, step: 1, finder: counted, count: &countStore}
	destCountedAny = place{first: 1, last: 1, step: 1, finder: counted, count: &countMerge}
)

// Plans.
var (
	forward      = plan{policy: Forward}
	splitArray   = plan{Split, ArrayByKey}
	splitOK      = plan{Split, AllOK}
	splitSum     = plan{Split, Sum}
	local        = plan{policy: Local}
	keyless      = plan{policy: Keyless}
	transaction  = plan{policy: Transaction}
	blocking     = plan{policy: Blocking}
	pubsub       = plan{policy: PubSub}
	scriptAdmin  = plan{ScriptAdmin, One}
	scriptBarred = plan{ScriptAdmin, NoJoin}
	scriptAgree  = plan{ScriptAdmin, Agree}
	scriptOK     = plan{ScriptAdmin, AllOK}
	scriptAnd    = plan{ScriptAdmin, And}
	scriptAny    = plan{ScriptAdmin, AnyOK}
	scan         = plan{Scan, Walk}
	fanSum       = plan{FanOut, Sum}
	fanOK        = plan{FanOut, AllOK}
	fanConcat    = plan{FanOut, Concat}
	fanDraw      = plan{FanOut, Draw}
	refused      = plan{policy: Refused}
)

// The flags, short enough for a row.
const (
	wr      = FlagWrite
	rd      = FlagReadOnly
	oom     = FlagDenyOOM
	adm     = FlagAdmin
	pub     = FlagPubSub
	nosc    = FlagNoScript
	blk     = FlagBlocking
	load    = FlagLoading
	stale   = FlagStale
	nomon   = FlagSkipMonitor
	noslow  = FlagSkipSlowlog
	ask     = FlagAsking
	fast    = FlagFast
	noauth  = FlagNoAuth
	optkeys = FlagOptionalKeys
	noasync = FlagNoAsyncLoading
	nomulti = FlagNoMulti
	busy    = FlagAllowBusy
	mov     = FlagMovableKeys
	mayrep  = FlagMayReplicate
	cursor  = FlagCursor
	bound   = FlagNodeBound
	dang    = FlagDangerous
	hidden  = FlagHidden
)

var families = []family{
	{"generic", []string{"keyspace"}, "", keyspaceRows},
	{"generic", []string{"list", "set", "sortedset"}, "", sortRows},
	{"generic", []string{"connection"}, "", waitRows},
	{"string", []string{"string"}, "", stringRows},
	{"bitmap", []string{"bitmap"}, "", bitmapRows},
	{"hyperloglog", []string{"hyperloglog"}, "", hyperloglogRows},
	{"hash", []string{"hash"}, "", hashRows},
	{"list", []string{"list"}, "", listRows},
	{"set", []string{"set"}, "", setRows},
	{"sorted-set", []string{"sortedset"}, "", sortedSetRows},
	{"geo", []string{"geo"}, "", geoRows},
	{"stream", []string{"stream"}, "", streamRows},
	{"array", []string{"array"}, "", arrayRows},
	{"transactions", []string{"transaction"}, "", transactionRows},
	{"scripting", []string{"scripting"}, "", scriptingRows},
	{"pubsub", nil, "", pubsubRows},
	{"connection", []string{"connection"}, "", connectionRows},
	{"server", []string{"connection"}, "", commandRows},
	{"server", nil, "", serverRows},
	{"server", []string{"keyspace"}, "", wholeRows},
	{"server", []string{"admin"}, "", operatorRows},
	{"cluster", nil, "", clusterRows},
	{"cluster", []string{"connection"}, "", clusterClientRows},
	{"module", []string{"vectorset"}, "vectorset", vectorRows},
	{"module", []string{"json"}, "ReJSON", jsonRows},
	{"module", []string{"bloom"}, "bf", bloomRows},
	{"module", []string{"timeseries"}, "timeseries", seriesRows},
	{"module", []string{"search"}, "search", searchRows},
}

// learntFamily is where commands go that only a server told us of.
var learntFamily = &family{group: "module"}

var compiled = compile(families)

// compile makes commands of rows. IDs follow the names.
func compile(families []family) *Commands {
	var all []*Command
	for i := range families {
		f := &families[i]
		for j := range f.rows {
			all = append(all, f.rows[j].command(f))
		}
	}
	slices.SortFunc(all, func(a, b *Command) int { return cmp.Compare(a.Name, b.Name) })
	for id, c := range all {
		c.ID = uint16(id)
	}
	adopt(all)
	return newCommands(all)
}

// command makes the command of a row.
func (w *row) command(f *family) *Command {
	c := &Command{
		Name: w.name, Arity: w.arity, Flags: w.flags, Policy: w.plan.policy, Join: w.plan.join,
		First: w.keys.first, Last: w.keys.last, Step: w.keys.step,
		finder: w.keys.finder, family: f, since: w.since,
	}
	if f.module != "" {
		c.Flags |= FlagModule
	}
	if w.keys.count != nil {
		c.count = w.keys.count.of(c.Name)
	}
	c.lacking = arityError(c.Name)
	return c
}

// adopt hangs sub-commands under their parents, which stand in the same list.
func adopt(all []*Command) {
	parents := map[string]*Command{}
	for _, c := range all {
		parents[c.Name] = c
	}
	for _, c := range all {
		parent, _, isSub := strings.Cut(c.Name, "|")
		if !isSub {
			continue
		}
		p := parents[parent]
		p.subs = append(p.subs, c)
		p.unknown = unknownSub(p.Name)
	}
}
