package codec

import (
	"math"
	"strings"
)

// A KeyError says why the keys of a request cannot be found. Its text is the whole error
// reply without the leading '-', in Redis' words where Redis has some. Values are made
// once, with the table.
type KeyError struct{ Text string }

// Error returns the text.
func (e *KeyError) Error() string { return e.Text }

// A finder is a way of finding keys.
type finder uint8

const (
	fixed    finder = iota // First, Last, Step
	channels               // as fixed, but what stands there are channels: no keys
	counted                // a number tells how many follow
	streams                // XREAD: the first half of what follows STREAMS
	sorted                 // SORT: the key, and what STORE names
	located                // GEORADIUS: likewise, STORE or STOREDIST
	migrates               // MIGRATE: the key, or all that follows KEYS when it is empty
	bySpecs                // learnt key specifications
)

// found is the keys of one request, as argument indexes: at most one that stands alone,
// before a run at equal distances.
type found struct {
	lone              int // 0: none
	first, last, step int // first is 0: no run
}

// Keys appends the argument indexes of all keys to dst, in the order in which they stand in
// the request (a destination first). The error is a *KeyError; the keys of a request that
// fails CheckArity may be an error or incomplete, never out of range.
func (c *Command) Keys(r *Request, dst []int32) ([]int32, error) {
	if c.finder == bySpecs {
		return c.keysBySpecs(r, dst)
	}
	f, err := c.find(r)
	if err != nil {
		return dst, err
	}
	return f.appendTo(dst), nil
}

// FirstKey returns the argument index of the first key, 0 when there is none or when Keys
// would return an error.
func (c *Command) FirstKey(r *Request) int {
	if c.finder == fixed {
		if int(c.First) < r.Len() {
			return int(c.First)
		}
		return 0
	}
	if c.finder == bySpecs {
		return c.firstBySpecs(r)
	}
	f, err := c.find(r)
	switch {
	case err != nil:
		return 0
	case f.lone != 0:
		return f.lone
	default:
		return f.first
	}
}

func (f found) appendTo(dst []int32) []int32 {
	if f.lone != 0 {
		dst = append(dst, int32(f.lone))
	}
	if f.first == 0 {
		return dst
	}
	for i := f.first; i <= f.last; i += f.step {
		dst = append(dst, int32(i))
	}
	return dst
}

// find looks with the command's finder, which is not bySpecs.
func (c *Command) find(r *Request) (found, error) {
	switch c.finder {
	case fixed:
		return c.findFixed(r)
	case counted:
		return c.findCounted(r)
	case streams:
		return c.findStreams(r)
	case sorted:
		return c.findStored(r, sortOption), nil
	case located:
		return c.findStored(r, geoOption), nil
	case migrates:
		return c.findMigrated(r)
	}
	return found{}, nil
}

// findFixed also checks that repeated groups (key value, key path value) are complete: a
// split would cut an incomplete one at the wrong place.
func (c *Command) findFixed(r *Request) (found, error) {
	if c.First == 0 {
		if c.IsContainer() {
			return found{}, c.unknown
		}
		return found{}, nil
	}
	n, first, last, step := r.Len(), int(c.First), int(c.Last), int(c.Step)
	if last < 0 {
		last += n
	}
	complete := c.Last >= 0 || (last-first+1)%step == 0
	if last < first || last >= n || !complete {
		return found{}, c.lacking
	}
	return found{first: first, last: last, step: step}, nil
}

// findCounted trusts the number of keys only as far as there are arguments.
func (c *Command) findCounted(r *Request) (found, error) {
	rule := c.count
	f := found{lone: rule.lone, first: rule.at + 1, step: rule.step}
	if r.Len() <= rule.at {
		return found{}, c.lacking
	}
	keys, ok := parseInteger(r.Arg(rule.at))
	room := int64(r.Len()-f.first) / int64(rule.step)
	var err *KeyError
	switch {
	case !ok:
		err = rule.notNumber
	case keys < rule.least:
		err = rule.tooFew
	case keys > room:
		err = rule.tooMany
	case keys == 0:
		return found{lone: rule.lone}, nil
	default:
		f.last = f.first + int(keys-1)*rule.step
		return f, nil
	}
	if err == nil { // its server knows better words, and the destination leads to it
		return found{lone: rule.lone}, nil
	}
	return found{}, err
}

// Texts that several finders share.
const (
	textSyntax     = "ERR syntax error"
	textNotInteger = "ERR value is not an integer or out of range"
	textNoKeys     = "ERR numkeys should be greater than 0"
	textManyKeys   = "ERR Number of keys can't be greater than number of args"
)

var (
	errSyntax     = &KeyError{textSyntax}
	errNotInteger = &KeyError{textNotInteger}
	errManyKeys   = &KeyError{textManyKeys}
)

// findStreams takes the first half of what follows STREAMS; the other half is IDs.
func (c *Command) findStreams(r *Request) (found, error) {
	at, _ := streamOptions(r)
	if at == 0 {
		return found{}, errSyntax
	}
	rest := r.Len() - at - 1
	if rest == 0 || rest%2 != 0 {
		return found{}, c.count.tooFew
	}
	return found{first: at + 1, last: at + rest/2, step: 1}, nil
}

// streamOptions walks the options of XREAD and XREADGROUP. It returns where STREAMS stands,
// 0 when something else stands in its place, and whether BLOCK came before it.
func streamOptions(r *Request) (at int, block bool) {
	for i := 1; i < r.Len()-1; i++ {
		switch arg := r.Arg(i); {
		case equalFold(arg, "streams"):
			return i, block
		case equalFold(arg, "block"):
			block = true
			i++
		case equalFold(arg, "count"), equalFold(arg, "claim"):
			i++
		case equalFold(arg, "group"):
			i += 2
		case !equalFold(arg, "noack"):
			return 0, block
		}
	}
	return 0, block
}

// An option reads the option at argument i of SORT or GEORADIUS: whether a key to store
// into follows, and how many arguments belong to it otherwise.
type option func(r *Request, i int) (store bool, width int)

func sortOption(r *Request, i int) (store bool, width int) {
	switch arg := r.Arg(i); {
	case equalFold(arg, "store"):
		return true, 1
	case equalFold(arg, "by"), equalFold(arg, "get"):
		return false, 1
	case equalFold(arg, "limit"):
		return false, 2
	}
	return false, 0
}

func geoOption(r *Request, i int) (store bool, width int) {
	if i < 5 { // coordinates or a member
		return false, 0
	}
	return equalFold(r.Arg(i), "store") || equalFold(r.Arg(i), "storedist"), 0
}

// findStored finds the key and, among the options, where to store. The last one counts.
func (c *Command) findStored(r *Request, read option) found {
	f := found{}
	if r.Len() > 1 {
		f.lone = 1
	}
	for i := 2; i < r.Len()-1; i++ {
		store, width := read(r, i)
		if store {
			f.first, f.last, f.step = i+1, i+1, 1
			i++
			continue
		}
		i += width
	}
	return f
}

// findMigrated: AUTH's password may read KEYS.
func (c *Command) findMigrated(r *Request) (found, error) {
	if r.Len() < 4 {
		return found{}, c.lacking
	}
	if len(r.Arg(3)) > 0 {
		return found{lone: 3}, nil
	}
	for i := 6; i < r.Len()-1; i++ {
		switch arg := r.Arg(i); {
		case equalFold(arg, "auth"):
			i++
		case equalFold(arg, "auth2"):
			i += 2
		case equalFold(arg, "keys"):
			return found{first: i + 1, last: r.Len() - 1, step: 1}, nil
		}
	}
	return found{}, errSyntax
}

func arityError(name string) *KeyError {
	return &KeyError{"ERR wrong number of arguments for '" + name + "' command"}
}

func unknownSub(name string) *KeyError {
	return &KeyError{"ERR unknown subcommand. Try " + strings.ToUpper(name) + " HELP."}
}

// parseInteger reads an integer as Redis does: no plus sign, no leading zero, no space.
func parseInteger(b []byte) (n int64, ok bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var u uint64
	for _, d := range digits {
		if d < '0' || d > '9' || u > (math.MaxInt64-9)/10 {
			return 0, false
		}
		u = u*10 + uint64(d-'0')
	}
	if negative {
		return -int64(u), true
	}
	return int64(u), true
}
