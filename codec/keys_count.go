package codec

import "strings"

// A count is where a request says how many keys follow, and what to answer when it lies.
type count struct {
	at    int   // the argument that holds the number; the keys follow it
	step  int   // the keys' distance
	lone  int   // a key in front, 0 for none
	least int64 // the smallest number Redis accepts

	notNumber, tooFew, tooMany *KeyError // nil: keep to the lone key
}

// A counting is a count before it is made one command's: its texts may hold the name as %.
type counting struct {
	at, step, lone int   // as in count
	least          int64 // as in count

	notNumber, tooFew, tooMany string // texts of errors; "" for none
}

// of makes the count of the command called name.
func (t *counting) of(name string) *count {
	made := func(text string) *KeyError {
		if text == "" {
			return nil
		}
		return &KeyError{strings.ReplaceAll(text, "%", name)}
	}
	return &count{
		at: t.at, step: t.step, lone: t.lone, least: t.least,
		notNumber: made(t.notNumber), tooFew: made(t.tooFew), tooMany: made(t.tooMany),
	}
}

var (
	countScript = counting{
		at: 2, step: 1, least: 0,
		notNumber: textNotInteger,
		tooFew:    "ERR Number of keys can't be negative",
		tooMany:   textManyKeys,
	}
	countFunction = counting{
		at: 2, step: 1, least: 0,
		notNumber: "ERR Bad number of keys provided",
		tooFew:    "ERR Number of keys can't be negative",
		tooMany:   textManyKeys,
	}
	countZ = counting{
		at: 1, step: 1, least: 1,
		notNumber: textNotInteger,
		tooFew:    "ERR at least 1 input key is needed for '%' command",
		tooMany:   textSyntax,
	}
	countStore = counting{
		at: 2, step: 1, lone: 1, least: 1,
		notNumber: textNotInteger,
		tooFew:    "ERR at least 1 input key is needed for '%' command",
		tooMany:   textSyntax,
	}
	countS = counting{
		at: 1, step: 1, least: 1,
		notNumber: textNoKeys, tooFew: textNoKeys, tooMany: textManyKeys,
	}
	countPop = counting{
		at: 1, step: 1, least: 1,
		notNumber: textNoKeys, tooFew: textNoKeys, tooMany: textSyntax,
	}
	countBlockingPop = counting{
		at: 2, step: 1, least: 1,
		notNumber: textNoKeys, tooFew: textNoKeys, tooMany: textSyntax,
	}
	countPairs = counting{ // MSETEX; its texts are those of Redis 8.4
		at: 1, step: 2, least: 1,
		notNumber: "ERR invalid numkeys value",
		tooFew:    "ERR invalid numkeys value",
		tooMany:   "ERR wrong number of key-value pairs",
	}
	countMerge = counting{at: 2, step: 1, lone: 1, least: 1}
	// Of these, at is where STREAMS may stand, for COMMAND's sake.
	countStreams      = counting{at: 1, tooFew: textUnbalanced}
	countGroupStreams = counting{at: 4, tooFew: textUnbalanced}
)

const textUnbalanced = "ERR Unbalanced XREAD list of streams: " +
	"for each stream key an ID or '$' must be specified."
