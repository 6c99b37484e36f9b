package loop

import (
	"strconv"
	"strings"
)

// is reports whether an argument is a word, in any case. word is lower case.
func is(arg []byte, word string) bool {
	return len(arg) == len(word) && strings.EqualFold(string(arg), word)
}

// decimalOf reads an integer as strictly as Redis does: no sign '+', no leading zero, no
// space, 64 bits.
func decimalOf(arg []byte) (n int64, ok bool) {
	var canonical [20]byte // as many as there can be
	if len(arg) > len(canonical) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, string(strconv.AppendInt(canonical[:0], n, 10)) == string(arg)
}

// longestName bounds what a client can make a session remember with SETNAME and SETINFO.
const longestName = 1024

// isName reports whether a name can stand in a line of CLIENT LIST: printable ASCII
// without spaces.
func isName(arg []byte) bool {
	for _, c := range arg {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// quotedArg bounds how much of an argument an error text repeats.
const quotedArg = 128

// quoted is an argument as an error text repeats it.
func quoted(arg []byte) string { return string(arg[:min(len(arg), quotedArg)]) }
