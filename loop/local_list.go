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
	return codec.AppendBulk(dst, s.appendLine(nil, s.pw.opt.Commands.All()))
}

// answerClientList answers CLIENT LIST [TYPE type | ID id ...] with the sessions of the
// pool on every worker. Sessions of other pools are other clients' business.
func answerClientList(s *session, dst []byte, r *codec.Request) []byte {
	want, text := listFilter(r)
	if text != "" {
		return codec.AppendError(dst, text)
	}
	p := s.pw.pool
	gather(s, func(w *worker) []byte { return w.listSessions(p, want) }, appendList)
	return nil
}

// A wanted says which sessions to list.
type wanted struct {
	nobody bool     // a type that no client of the proxy has
	ids    []uint64 // nil: all
}

// listFilter reads the arguments behind CLIENT LIST. text is the error, "" when there is
// none.
func listFilter(r *codec.Request) (want wanted, text string) {
	switch {
	case r.Len() == 2:
		return want, ""
	case is(r.Arg(2), "type") && r.Len() == 4:
		known, normal := clientType(r.Arg(3))
		if !known {
			return want, "ERR Unknown client type '" + quoted(r.Arg(3)) + "'"
		}
		want.nobody = !normal
		return want, ""
	case is(r.Arg(2), "id") && r.Len() > 3:
		for i := 3; i < r.Len(); i++ {
			id, ok := decimalOf(r.Arg(i))
			if !ok {
				return want, textClientID
			}
			want.ids = append(want.ids, uint64(id))
		}
		return want, ""
	}
	return want, textSyntax
}

// clientType reads a type of client; only normal ones come to the proxy.
func clientType(arg []byte) (known, normal bool) {
	for _, other := range []string{"master", "replica", "slave", "pubsub"} {
		if is(arg, other) {
			return true, false
		}
	}
	normal = is(arg, "normal")
	return normal, normal
}

// listSessions returns the lines of those of the worker's sessions that are wanted.
func (w *worker) listSessions(p *Pool, want wanted) (lines []byte) {
	if want.nobody {
		return nil
	}
	all := p.options().Commands.All()
	w.sessionsOf(p, func(s *session) {
		if want.ids == nil || slices.Contains(want.ids, s.id) {
			lines = s.appendLine(lines, all)
		}
	})
	return lines
}

// appendList joins what the workers have said.
func appendList(_ *session, dst []byte, parts [][]byte) []byte {
	return codec.AppendBulk(dst, bytes.Join(parts, nil))
}

// appendLine appends the session's line in the fields of Redis 7.0, and the two of 7.2
// that say what the library is. What a proxy has none of (databases, subscriptions,
// transactions, redirection) is what it is for a client that uses none of it. all is the
// command table by ID.
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
	if s.tail != nil {
		kept = s.tail.buf.len() - s.tail.used
	}
	number("id=", int64(s.id))
	text(" addr=", addressOf(s.peer, s.here))
	text(" laddr=", addressOf(s.here, s.here))
	text(" fd=-1 name=", s.name)
	number(" age=", (s.w.now-s.since)/int64(time.Second))
	number(" idle=", (s.w.now-s.active)/int64(time.Second))
	text(" flags=", s.flags())
	number(" db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=", int64(kept))
	number(" qbuf-free=0 argv-mem=0 multi-mem=0 obl=0 oll=", int64(s.window.len()))
	number(" omem=", s.unread())
	number(" tot-mem=", int64(kept)+s.unread())
	text(" events=r cmd=", s.lastName(all))
	text(" user=default redir=-1 resp=2 lib-name=", s.lib[0])
	text(" lib-ver=", s.lib[1])
	return append(dst, '\n')
}

// flags are N for an ordinary client and c for one that is being closed.
func (s *session) flags() string {
	if s.state == sessionClosing {
		return "c"
	}
	return "N"
}

// lastName names the last command the session gave; NULL before the first.
func (s *session) lastName(all []*codec.Command) string {
	if s.requests == 0 || int(s.lastCmd) >= len(all) {
		return "NULL"
	}
	return all[s.lastCmd].Name
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
