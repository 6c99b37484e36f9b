package loop

import (
	"bytes"

	"huntaway/codec"
)

// Redis' words for the same refusal in a cluster (7.0).
const (
	textSortBy  = "ERR BY option of SORT denied in cluster mode."
	textSortGet = "ERR GET option of SORT denied in cluster mode."
)

// strayPattern looks for a BY or GET pattern of SORT whose keys could belong to another
// group than the sorted key: a server would look for them among its own keys, find nothing,
// and sort wrongly without a word. It returns the error for the first one, or "". A pattern
// with the group's hash tag in it is fine.
func (s *session) strayPattern(cmd *codec.Command, r *codec.Request, group int) string {
	if s.pw.table.Alone() || cmd.Name != "sort" && cmd.Name != "sort_ro" {
		return ""
	}
	for i := 2; i+1 < r.Len(); i++ {
		switch word := r.Arg(i); {
		case bytes.EqualFold(word, []byte("by")):
			i++
			if s.strays(r.Arg(i), group) {
				return textSortBy
			}
		case bytes.EqualFold(word, []byte("get")):
			i++
			if s.strays(r.Arg(i), group) {
				return textSortGet
			}
		case bytes.EqualFold(word, []byte("limit")):
			i += 2
		case bytes.EqualFold(word, []byte("store")):
			i++
		}
	}
	return ""
}

// strays reports whether keys made from the pattern may be of another group: it has a star
// that is hashed. What Locate says must not depend on what the star stands for, and with a
// hash tag around something else it does not; two very different fillings tell.
func (s *session) strays(pattern []byte, group int) bool {
	if bytes.IndexByte(pattern, '*') < 0 {
		return false // BY nosort, GET #: no key at all
	}
	for _, filling := range []string{"0", "a", "17", "huntaway", "\x00\xff", "zzzzzzzz", "4711", "{"} {
		key := bytes.Replace(pattern, []byte("*"), []byte(filling), 1)
		if s.pw.table.Locate(key) != group {
			return true
		}
	}
	return false
}
