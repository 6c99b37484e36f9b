package loop

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"huntaway/codec"
)

// answerOwnLine is the session's own line of CLIENT LIST.
func answerOwnLine(s *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendText(dst, s.proto.resp, s.appendLine(nil, s.pw.opt.Commands.All()))
}

// answerClientList answers CLIENT LIST [TYPE type | ID id ...] with the sessions of the
// pool on every worker. Sessions of other pools are other clients' business.
func answerClientList(s *session, dst []byte, r *codec.Request) []byte {
	want, text := listFilter(r)
	if text != "" {
		return codec.AppendError(dst, text)
	}
	all := s.pw.opt.Commands.All()
	gatherSessions(s, func(one *session, lines *[]byte) {
		if want.has(one) {
			*lines = one.appendLine(*lines, all)
		}
	}, appendList)
	return nil
}

// A wanted says which sessions to list.
type wanted struct {
	kind clientKind
	ids  []uint64 // ascending; nil: all
}

// has reports whether a session is wanted.
func (x *wanted) has(s *session) bool {
	if x.ids == nil {
		return s.isOf(x.kind)
	}
	_, found := slices.BinarySearch(x.ids, s.client.id)
	return found && s.isOf(x.kind)
}

// listFilter reads the arguments behind CLIENT LIST. text is the error, "" when there is
// none.
func listFilter(r *codec.Request) (want wanted, text string) {
	switch {
	case r.Len() == 2:
		return want, ""
	case is(r.Arg(2), "type") && r.Len() == 4:
		want.kind, text = kindNamed(r.Arg(3))
		return want, text
	case is(r.Arg(2), "id") && r.Len() > 3:
		for i := 3; i < r.Len(); i++ {
			id, ok := decimalOf(r.Arg(i))
			if !ok {
				return want, textClientID
			}
			want.ids = append(want.ids, uint64(id))
		}
		slices.Sort(want.ids)
		return want, ""
	}
	return want, textSyntax
}

// A clientKind is a type of client as CLIENT LIST and CLIENT KILL tell them apart.
type clientKind uint8

const (
	anyKind    clientKind = iota
	normalKind            // neither of the others
	pubsubKind            // subscribed to something
	noKind                // a server that replicates: none comes to the proxy
)

// kindNamed reads a type of client. text is the error, "" when there is none.
func kindNamed(arg []byte) (kind clientKind, text string) {
	switch {
	case is(arg, "normal"):
		return normalKind, ""
	case is(arg, "pubsub"):
		return pubsubKind, ""
	case is(arg, "master"), is(arg, "replica"), is(arg, "slave"):
		return noKind, ""
	}
	return anyKind, "ERR Unknown client type '" + quoted(arg) + "'"
}

// isOf reports whether the session is of a kind.
func (s *session) isOf(kind clientKind) bool {
	switch kind {
	case normalKind:
		return !s.mode.has(modeSubscribed)
	case pubsubKind:
		return s.mode.has(modeSubscribed)
	}
	return kind == anyKind
}

// appendList joins what the workers have said.
func appendList(s *session, dst []byte, parts [][]byte) []byte {
	return codec.AppendText(dst, s.proto.resp, bytes.Join(parts, nil))
}

// appendLine appends the session's line in the fields of Redis 7.0, and the two of 7.2
// that say what the library is. What a proxy has none of (a redirection) is what it is for a
// client that uses none of it. all is the command table by ID.
func (s *session) appendLine(dst []byte, all []*codec.Command) []byte {
	number := func(name string, n int64) {
		dst = append(dst, name...)
		dst = strconv.AppendInt(dst, n, 10)
	}
	text := func(name, value string) {
		dst = append(dst, name...)
		dst = append(dst, value...)
	}
	kept := 0
	if s.input.tail != nil {
		kept = s.input.tail.buf.Len() - s.input.tail.used
	}
	number("id=", int64(s.client.id))
	text(" addr=", addressOf(s.client.peer, s.client.here))
	text(" laddr=", addressOf(s.client.here, s.client.here))
	text(" fd=-1 name=", s.client.name)
	number(" age=", (s.w.now-s.client.since)/int64(time.Second))
	number(" idle=", (s.w.now-s.account.active)/int64(time.Second))
	text(" flags=", s.flags())
	number(" db=", int64(s.proto.linkSet.db))
	channels, patterns, shards := s.subscriptions()
	number(" sub=", int64(channels))
	number(" psub=", int64(patterns))
	number(" ssub=", int64(shards))
	number(" multi=", int64(s.inTransaction()))
	number(" qbuf=", int64(kept))
	number(" qbuf-free=0 argv-mem=0 multi-mem=0 obl=0 oll=", int64(s.window.Len()))
	number(" omem=", s.unread())
	number(" tot-mem=", int64(kept)+s.unread())
	text(" events=r cmd=", s.lastName(all))
	number(" user=default redir=-1 resp=", int64(s.proto.resp))
	text(" lib-name=", s.client.lib[0])
	text(" lib-ver=", s.client.lib[1])
	return append(dst, '\n')
}

// flags are N for an ordinary client, and otherwise P for one that is subscribed, x for one
// in a transaction, b for one that waits alone or for the end of a pause, and c for one that
// is being closed.
func (s *session) flags() string {
	var flags []byte
	for _, f := range []struct {
		on     bool
		letter byte
	}{
		{s.mode.has(modeSubscribed), 'P'},
		{s.mode.has(modeMulti), 'x'},
		{s.stops&(stopAlone|stopPause) != 0, 'b'},
		{s.state == sessionClosing, 'c'},
	} {
		if f.on {
			flags = append(flags, f.letter)
		}
	}
	if len(flags) == 0 {
		return "N"
	}
	return string(flags)
}

// lastName names the last command the session gave; NULL before the first.
func (s *session) lastName(all []*codec.Command) string {
	if s.account.requests == 0 || int(s.account.lastCmd) >= len(all) {
		return "NULL"
	}
	return all[s.account.lastCmd].Name
}

// addressOf is an address as CLIENT LIST shows it: Redis names the clients of a unix
// socket by the socket's path and port 0.
func addressOf(addr, here string) string {
	switch {
	case addr == "":
		return here + ":0"
	case addr[0] == '/' || addr[0] == '@':
		return addr + ":0"
	}
	return addr
}
