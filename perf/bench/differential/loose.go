package differential

import (
	"bytes"
	"slices"
	"strings"
)

// looseness is what of a reply may differ between two servers of one version.
type looseness uint8

const (
	exact    looseness = iota // nothing
	ordered                   // the order of elements: Redis seeds its hash tables at random
	timed                     // integers over 1000, which are times that are left
	aged                      // every integer, some of which are milliseconds since something
	shaped                    // everything but its type, its length and whether it is null
	anything                  // everything but its type
)

// loosenesses says which commands do not have to answer exactly the same; those of XINFO
// and OBJECT by sub-command.
var loosenesses = map[string]looseness{
	"SMEMBERS": ordered, "SINTER": ordered, "SUNION": ordered, "SDIFF": ordered, "SPOP": ordered, "SSCAN": ordered,
	"HGETALL": ordered, "HKEYS": ordered, "HVALS": ordered, "HSCAN": ordered, "ZSCAN": ordered,
	"KEYS": ordered, "SCAN": ordered, "SORT": ordered, "SORT_RO": ordered,
	"EVAL": ordered, "EVAL_RO": ordered, "EVALSHA": ordered, "EVALSHA_RO": ordered,
	"TTL": timed, "PTTL": timed, "EXPIRETIME": timed, "PEXPIRETIME": timed, "HELLO": aged,
	"XPENDING": aged, "XINFO STREAM": aged, "XINFO CONSUMERS": aged, "OBJECT IDLETIME": aged,
	"COMMAND": ordered, "CONFIG GET": ordered, "INFO": anything,
	"SRANDMEMBER": shaped, "HRANDFIELD": shaped, "ZRANDMEMBER": shaped, "RANDOMKEY": shaped, "DUMP": shaped,
}

// loose says what of the reply may differ.
func (r *Request) loose() looseness {
	name := strings.ToUpper(r.Args[0])
	if l, ok := loosenesses[name]; ok || len(r.Args) == 1 {
		return l
	}
	return loosenesses[name+" "+strings.ToUpper(r.Args[1])]
}

// loosenessesOf says it for every request of a sequence. What was queued since MULTI is
// answered by EXEC.
func loosenessesOf(sequence []Request) []looseness {
	all := make([]looseness, len(sequence))
	queued := exact
	for i := range sequence {
		all[i] = sequence[i].loose()
		switch strings.ToUpper(sequence[i].Args[0]) {
		case "MULTI":
			queued = exact
		case "EXEC":
			all[i] = queued
		default:
			if all[i] != exact {
				queued = shaped
			}
		}
	}
	return all
}

// same compares two replies.
func same(a, b []byte, l looseness) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 || a[0] == '-' || b[0] == '-' || l == exact {
		return false
	}
	return bytes.Equal(canonical(a, l), canonical(b, l))
}

// canonical is what must be the same of a reply.
func canonical(reply []byte, l looseness) []byte {
	if l == anything {
		return reply[:1]
	}
	line := reply[:bytes.IndexByte(reply, '\n')+1]
	switch {
	case l == shaped && reply[0] == '$' && line[1] != '-':
		return []byte("$some")
	case l == shaped:
		return line
	}
	v, _ := parse(reply)
	return v.canonical(l)
}

// A value is a parsed reply.
type value struct {
	head     []byte // its line, and a bulk's payload
	elements []value
}

// parse splits a complete reply and returns what is behind it.
func parse(b []byte) (v value, rest []byte) {
	end := bytes.IndexByte(b, '\n') + 1
	kind, n := b[0], number(b[1:end-2])
	switch kind {
	case '$', '=', '!':
		if n >= 0 {
			end += n + 2
		}
	case '%', '|':
		n *= 2
	}
	v.head, rest = b[:end], b[end:]
	if bytes.IndexByte([]byte("*%~>|"), kind) < 0 {
		return v, rest
	}
	for range n {
		var e value
		e, rest = parse(rest)
		v.elements = append(v.elements, e)
	}
	return v, rest
}

// canonical flattens a value again, without what may differ.
func (v value) canonical(l looseness) []byte {
	out := bytes.Clone(v.head)
	if v.head[0] == ':' && (l == aged || l == timed && number(v.head[1:len(v.head)-2]) > 1000) {
		out = []byte(":time\r\n")
	}
	parts := make([][]byte, len(v.elements))
	for i, e := range v.elements {
		parts[i] = e.canonical(l)
	}
	if l == ordered {
		slices.SortFunc(parts, bytes.Compare)
	}
	return append(out, bytes.Join(parts, nil)...)
}

// number returns the decimal number in b, or -1.
func number(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}
