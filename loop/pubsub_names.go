package loop

import (
	"bytes"
	"strconv"

	"huntaway/codec"
)

// Where PoolOptions.DB is added to the databases of clients, the numbers in the names of
// channels on which servers tell what happens to keys are the servers' upstream and the
// clients' downstream: __keyevent@0__:expired is __keyevent@3__:expired to a server when DB is
// 3. So are those in patterns that begin with __keyspace@N__, __keyevent@N__ or the like of
// __key*@N__. A pattern that leaves the number to a wildcard hears of all databases from DB
// on; one that has part of the number, or that begins otherwise and has a number, cannot be
// translated: what does not fit it by its own numbers is not given to it.
//
// Only what servers say is translated: a PUBLISH on such a name goes out as it is.

// inward returns the name by which servers know what a client names.
func (pw *poolWorker) inward(kind topicKind, name []byte) []byte {
	if pw.opt.DB == 0 || kind == shardTopic {
		return name
	}
	renamed, _ := shiftName(name, pw.opt.DB)
	return renamed
}

// outwardName returns the name by which clients know what servers name. False: it is about a
// database that clients of the pool do not see.
func (pw *poolWorker) outwardName(kind topicKind, name []byte) (shown []byte, visible bool) {
	if pw.opt.DB == 0 || kind == shardTopic {
		return name, true
	}
	return shiftName(name, -pw.opt.DB)
}

// inwardQuery returns a question of PUBSUB with the names by which servers know what it is
// about.
func (pw *poolWorker) inwardQuery(kind topicKind, r *codec.Request) []byte {
	words := make([]string, r.Len())
	for i := range words {
		words[i] = string(r.Arg(i))
		if i >= 2 {
			words[i] = string(pw.inward(kind, r.Arg(i)))
		}
	}
	return codec.AppendCommand(nil, words...)
}

// outward returns how a message begins as clients are to get it, and how much of it that stands
// for: nothing where it is as the server has said it. False: it is none of theirs. The beginning
// lies in scratch memory.
func (x *topicRegistry) outward(t *topic, b []byte) (head []byte, from int, visible bool) {
	switch {
	case x.pw.opt.DB == 0 || t.kind == shardTopic:
		return nil, 0, true
	case t.kind == patternTopic:
		return x.outwardMatch(t, b)
	case t.shown == t.name:
		return nil, 0, true
	}
	what, at := word(b, codec.ArrayHeader(b))
	_, at = word(b, at)
	return codec.AppendBulk(codec.AppendBulk(codec.AppendArray(x.pw.w.pad.scratch[:0], 3), what), t.shown), at, true
}

// outwardMatch is outward for what fits a pattern: by the numbers of clients it may not.
func (x *topicRegistry) outwardMatch(t *topic, b []byte) (head []byte, from int, visible bool) {
	what, at := word(b, codec.ArrayHeader(b))
	_, at = word(b, at)
	channel, at := word(b, at)
	shown, visible := x.pw.outwardName(channelTopic, channel)
	switch {
	case !visible:
		return nil, 0, false
	case string(shown) == string(channel) && t.shown == t.name:
		return nil, 0, true
	case !globs(t.shown, shown):
		return nil, 0, false
	}
	head = codec.AppendBulk(codec.AppendBulk(codec.AppendArray(x.pw.w.pad.scratch[:0], 4), what), t.shown)
	return codec.AppendBulk(head, shown), at, true
}

// shiftName adds to the number of the database in a name or a pattern about events of keys;
// any other name is returned as it is. False: the number would be none.
func shiftName(name []byte, by int) (renamed []byte, ok bool) {
	from, to := databaseIn(name)
	if from == to {
		return name, true
	}
	n, err := strconv.Atoi(string(name[from:to]))
	if err != nil || n+by < 0 {
		return name, false
	}
	renamed = append(renamed, name[:from]...)
	renamed = strconv.AppendInt(renamed, int64(n+by), 10)
	return append(renamed, name[to:]...), true
}

// mostDigits is how many digits a number of a database may have.
const mostDigits = 9

// databaseIn returns where the number of the database stands in a name or a pattern about
// events of keys: nowhere (from == to) in others, and where it is not written as servers do.
func databaseIn(name []byte) (from, to int) {
	if !bytes.HasPrefix(name, []byte("__key")) {
		return 0, 0
	}
	from = bytes.IndexByte(name, '@') + 1
	if from == 0 || !globs(string(name[:from-1]), []byte("__keyspace")) && !globs(string(name[:from-1]), []byte("__keyevent")) {
		return 0, 0
	}
	to = from
	for to < len(name) && name[to] >= '0' && name[to] <= '9' {
		to++
	}
	if to-from > mostDigits || to-from > 1 && name[from] == '0' || !bytes.HasPrefix(name[to:], []byte("__")) {
		return 0, 0
	}
	return from, to
}
